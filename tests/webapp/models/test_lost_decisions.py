"""Decisions that the journal lost, which the registry's entry does not tell of any more."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.registry.registered_models import RegisteredVersion
from demand_assets.forecasting.registry.session import RegistryDownError
from demand_assets.forecasting.store.journal import Entry
from tests.webapp.conftest import KETTLE, ODD, REGION_ITEMS, Background, ask_for_retrain, page, post, text_of
from tests.webapp.fakes import FakeDagster, FakeRegistry, keys_of
from webapp.db.database import db, now
from webapp.models.lost_decisions import LostDecisions
from webapp.tables import Retrain, RetrainItem


def decided(region_item: RegionItem, version: int, decision: str = "keep", request_id: str = "") -> RegisteredVersion:
    return RegisteredVersion(region_item, version, now(), now(), decision, "no better", request_id, "run1", {})


def killed(app: Flask, client: FlaskClient, background: Background, dagster: FakeDagster,
           region_items: list[RegionItem], is_cancelled: bool = False) -> str:
    """A retrain whose run ended without a word, some time ago; its request."""
    ask_for_retrain(client, keys_of(region_items))
    background.send()
    if is_cancelled:
        post(client, "/retrains/1/cancel", {})
    dagster.carried[0].state = "failed"
    background.follow()
    some_time_passes(app)
    background.follow()
    some_time_passes(app)
    with app.app_context():
        return db.session.scalars(select(Retrain.request_id)).one()


def some_time_passes(app: Flask, seconds: int = 30) -> None:
    with app.app_context():
        for retrain in db.session.scalars(select(Retrain)):
            for name in ("ended_at", "finished_at"):
                if at := getattr(retrain, name):
                    setattr(retrain, name, at - timedelta(seconds=seconds))
        db.session.commit()


def asked(app: Flask, lost: LostDecisions, most: int = 10) -> int:
    """How many times the registry is asked until there is nothing to ask."""
    with app.app_context():
        times = 0
        while times < most and lost.is_due():
            lost.read_some()
            times += 1
    return times


def states(app: Flask) -> dict[str, tuple[str, int | None]]:
    with app.app_context():
        return {item.key: (item.state, item.version) for item in db.session.scalars(select(RetrainItem))}


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_decision_that_a_later_retrain_hides_is_taken_up(
        app: Flask, client: FlaskClient, background: Background, dagster: FakeDagster, registry: FakeRegistry,
        is_cancelled: bool) -> None:
    request_id = killed(app, client, background, dagster, [KETTLE, ODD], is_cancelled)
    given_up = "cancelled" if is_cancelled else "failed"
    assert states(app) == {KETTLE.key: (given_up, None), ODD.key: (given_up, None)}
    registry.made["request_id", request_id] = [decided(KETTLE, 2, "keep", request_id),
                                               decided(ODD, 3, "", request_id)]

    lost = LostDecisions(registry)
    assert asked(app, lost) == 1

    assert states(app) == {KETTLE.key: ("kept", 2), ODD.key: (given_up, None)}
    assert "no better" in text_of(page(client.get("/retrains/1")))
    assert asked(app, lost) == 0
    some_time_passes(app)
    assert asked(app, LostDecisions(registry)) == 1  # an app that begins anew


def test_of_many_each_page_is_asked_for_once_and_an_outage_loses_none(
        app: Flask, client: FlaskClient, background: Background, dagster: FakeDagster, registry: FakeRegistry,
        monkeypatch: pytest.MonkeyPatch) -> None:
    ones = REGION_ITEMS[:5]
    request_id = killed(app, client, background, dagster, ones)
    registry.made["request_id", request_id] = [decided(one, 2, "promote", request_id) for one in ones]
    lost = LostDecisions(registry)
    monkeypatch.setattr("webapp.models.lost_decisions.ASKED_AT_ONCE", 1)
    with app.app_context():
        lost.read_some()
    registry.is_down = True
    with app.app_context(), pytest.raises(RegistryDownError):
        lost.read_some()
    registry.is_down = False

    assert asked(app, lost) == 2
    assert set(states(app).values()) == {("promoted", 2)}
    assert [token for _, _, token in registry.requests_asked] == ["", "2", "4"]


def test_what_the_pipeline_said_itself_stays_and_costs_no_question(
        app: Flask, client: FlaskClient, background: Background, dagster: FakeDagster, registry: FakeRegistry,
        model: ForecastModel) -> None:
    ask_for_retrain(client, [KETTLE.key])
    background.send()
    with app.app_context():
        request_id = db.session.scalars(select(Retrain.request_id)).one()
    background.journal(Entry(KETTLE, "failed", request_id, "run1", "no room"))
    some_time_passes(app)
    registry.made["request_id", request_id] = [decided(KETTLE, 2, "keep", request_id)]

    assert asked(app, LostDecisions(registry)) == 0
    assert states(app) == {KETTLE.key: ("failed", None)}


def test_another_version_than_the_one_that_was_trained_says_nothing(
        app: Flask, client: FlaskClient, background: Background, dagster: FakeDagster, registry: FakeRegistry) -> None:
    request_id = killed(app, client, background, dagster, [KETTLE])
    with app.app_context():
        db.session.scalars(select(RetrainItem)).one().version = 4
        db.session.commit()
    registry.made["request_id", request_id] = [decided(KETTLE, 3, "keep", request_id)]

    assert asked(app, LostDecisions(registry)) == 1
    assert states(app) == {KETTLE.key: ("failed", 4)}


def test_a_run_that_nobody_named_is_asked_for_by_its_id(app: Flask, background: Background, dagster: FakeDagster,
                                                        registry: FakeRegistry) -> None:
    background.journal(Entry(KETTLE, "trained", "", "run1"))
    with app.app_context():
        (retrain,) = db.session.scalars(select(Retrain))
        assert retrain.request_id == "run:run1"
    background.follow()  # Dagster does not have the run any more
    some_time_passes(app, 16 * 60)
    background.follow()
    some_time_passes(app)
    registry.made["dagster_run_id", "run1"] = [decided(KETTLE, 2)]

    assert asked(app, LostDecisions(registry)) == 1
    assert states(app) == {KETTLE.key: ("kept", 2)}


def test_the_retrain_that_ended_last_is_asked_for_first(
        app: Flask, client: FlaskClient, background: Background, dagster: FakeDagster, registry: FakeRegistry) -> None:
    for key in (KETTLE.key, ODD.key):
        ask_for_retrain(client, [key])
        background.send()
    with app.app_context():
        requests = db.session.scalars(select(Retrain.request_id).order_by(Retrain.id)).all()
    for carried in dagster.carried:
        carried.state = "failed"
    background.follow()
    with app.app_context():
        for retrain, minutes in zip(db.session.scalars(select(Retrain).order_by(Retrain.id)), (5, 60), strict=True):
            retrain.ended_at = now() - timedelta(minutes=minutes)
        db.session.commit()
    background.follow()
    with app.app_context():
        for retrain in db.session.scalars(select(Retrain)):
            retrain.finished_at = retrain.ended_at
        db.session.commit()

    assert asked(app, LostDecisions(registry)) == 1
    assert [value for _, value, _ in registry.requests_asked] == list(requests)
