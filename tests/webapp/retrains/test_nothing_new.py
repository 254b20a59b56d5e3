"""Nothing new to learn is told before a retrain is stored, by the rule of the gate."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from typing import Any

import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient

from demand_assets.forecasting.contract.code_version import CODE_VERSION
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.store.journal import Entry
from tests.webapp.api.conftest import Program, problem_of, token_for
from tests.webapp.conftest import (
    KETTLE,
    ODD,
    REGION_ITEMS,
    Background,
    ask_for_retrain,
    demand_of,
    hidden,
    page,
    post,
    text_of,
)
from tests.webapp.fakes import FakeRegistry
from webapp.db.database import db, now, writing
from webapp.retrains import nothing_new as module
from webapp.retrains.nothing_new import nothing_new
from webapp.tables import Adjustment, RegionItemRow, Retrain


@pytest.fixture
def trained(background: Background, registry: FakeRegistry, model: ForecastModel) -> Callable[..., None]:
    """Lets a version of the kettle be trained and decided on, with these changes of its card."""
    registry.promote_pooled(model.pooled)
    registry.promote(KETTLE, model)

    def train(version: int = 1, step: str = "promoted", **card: Any) -> None:
        numbers = {"version": version, **asdict(model.card), **card}
        background.journal(Entry(KETTLE, "trained", numbers=numbers))
        if step:
            background.journal(Entry(KETTLE, step, reason="better", numbers={"version": version}))  # type: ignore[arg-type]
        background.watch(sweep=True)

    return train


def told(background: Background) -> dict[str, int]:
    with background.app.app_context():
        return nothing_new(background.services, [KETTLE.key, ODD.key]).versions


def test_the_same_of_everything_is_nothing_new(background: Background, trained: Callable[..., None]) -> None:
    assert told(background) == {}
    trained()
    assert told(background) == {KETTLE.key: 1}
    trained(2, "kept")
    assert told(background) == {KETTLE.key: 2}


@pytest.mark.parametrize("card", [{"data_hash": "another"}, {"data_hash": ""}, {"pooled_version": 7},
                                  {"code_version": "1"}])
def test_anything_else_in_the_newest_version_is_new(background: Background, trained: Callable[..., None],
                                                    card: dict[str, Any]) -> None:
    trained()
    trained(2, "kept", **card)

    assert told(background) == {}


def test_what_an_older_app_noted_of_a_version_is_understood(background: Background,
                                                            trained: Callable[..., None]) -> None:
    """It took every text that looks like a number for one."""
    trained(code_version=float(CODE_VERSION), pooled_version=1.0)

    assert told(background) == {KETTLE.key: 1}


def test_a_version_that_is_not_judged_yet_is_new(background: Background, trained: Callable[..., None]) -> None:
    trained(step="")

    assert told(background) == {}


def test_demand_and_adjustments_since_are_new(background: Background, trained: Callable[..., None]) -> None:
    trained()
    store = background.services.store
    before = store.read("demand", KETTLE)
    assert told(background) == {KETTLE.key: 1}

    store.write("demand", KETTLE, before.assign(price=before["price"] + 1))
    assert told(background) == {}
    store.write("demand", KETTLE, before)
    store.write_adjustments(KETTLE, {date(2026, 6, 1): 99.0})
    assert told(background) == {}
    store.write_adjustments(KETTLE, {})
    assert told(background) == {KETTLE.key: 1}
    with background.app.app_context(), writing():  # which the store does not know yet
        db.session.add(Adjustment(key=KETTLE.key, date="2026-06-01", sold=1.0, adjusted=2.0, reason="a fair",
                                  made_by="ada@example.com", made_at=now()))
    assert told(background) == {}


def test_a_later_period_is_new(background: Background, trained: Callable[..., None]) -> None:
    trained()
    later = demand_of(12.0).assign(date=lambda known: known["date"] + pd.Timedelta(days=1))
    background.services.store.write("demand", KETTLE, later)

    assert told(background) == {}


def sizes(app: Flask) -> list[int]:
    with app.app_context():
        return [one.size for one in db.session.query(Retrain).filter_by(source="planner").order_by(Retrain.id)]


def test_the_form_says_so_first_and_offers_to_leave_them_out(app: Flask, client: FlaskClient,
                                                             trained: Callable[..., None]) -> None:
    trained()

    asked = page(ask_for_retrain(client, [KETTLE.key, ODD.key], reason="why not"))
    assert text_of(asked.h1) == "Nothing new to learn for 1 of the 2 region-items"
    assert "same demand as v1" in text_of(asked.main)
    assert sizes(app) == []
    first, *_ = asked.select("main form button")
    assert (text_of(first), first["value"]) == ("Retrain the other 1", "leave")

    fields = {str(field["name"]): str(field["value"]) for field in asked.select("main form input[name]")
              if field["name"] != "ri"} | {"ri": [KETTLE.key, ODD.key]}
    assert post(client, "/retrains", {**fields, "unchanged": "leave"}).status_code == 303
    assert ask_for_retrain(client, [KETTLE.key], unchanged="leave").status_code == 422
    assert ask_for_retrain(client, [KETTLE.key], unchanged="include").status_code == 303
    assert sizes(app) == [1, 1]


def test_all_that_match_and_all_of_nothing_new(app: Flask, client: FlaskClient, background: Background,
                                               trained: Callable[..., None]) -> None:
    trained()
    token = hidden(page(client.get("/")), "token")
    everything = {"token": token, "everything": "1", "q": "kettle", "reason": "spring"}

    asked = page(post(client, "/retrains", everything))
    assert text_of(asked.h1) == "Nothing new to learn for 1 of the 2 region-items"
    fields = {str(field["name"]): str(field["value"]) for field in asked.select("main form input[name]")}
    assert post(client, "/retrains", {**fields, "unchanged": "leave"}).status_code == 303
    with app.app_context():
        told_of = db.session.query(Retrain).order_by(Retrain.id.desc()).first()
        assert told_of is not None
        assert (told_of.size, told_of.reason) == (1, "spring")

    only = page(ask_for_retrain(client, [KETTLE.key]))
    assert text_of(only.h1) == "Nothing new to learn for this region-item"
    assert [text_of(button) for button in only.select("main form button")] == ["Retrain it anyway"]


def test_a_retry_says_so_too(app: Flask, client: FlaskClient, background: Background,
                             trained: Callable[..., None]) -> None:
    trained()
    assert ask_for_retrain(client, [KETTLE.key, ODD.key], unchanged="include", reason="spring").status_code == 303
    with app.app_context():
        number = db.session.query(Retrain.id).order_by(Retrain.id.desc()).limit(1).scalar()
    assert post(client, f"/retrains/{number}/cancel", {}).status_code == 303
    retried = f"/retrains/{number}/retry"

    asked = page(post(client, retried, {"token": "a" * 32}))
    assert text_of(asked.h1) == "Nothing new to learn for 1 of the 2 region-items"
    assert asked.select_one(f"main a[href='/retrains/{number}']") is not None
    form = asked.select_one("main form")
    assert form is not None
    assert form.get("action", retried) == retried
    fields = {str(field["name"]): str(field["value"]) for field in form.select("input[name]")}
    before = sizes(app)
    assert post(client, retried, {**fields, "unchanged": "leave"}).status_code == 303
    assert sizes(app) == [*before, 1]
    with app.app_context():
        reason = db.session.query(Retrain.reason).order_by(Retrain.id.desc()).limit(1).scalar()
    assert reason == f"retry of 1 region-item of #{number}: spring"


@pytest.mark.parametrize("limit", ["MOST_READ", "MOST_LOOKED_AT"])
def test_what_was_not_compared_is_said_and_not_claimed(background: Background, client: FlaskClient,
                                                       trained: Callable[..., None], limit: str,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    trained()
    card = {**asdict(background.services.models.serving(row_of(background), None).model.card)}  # type: ignore[union-attr]
    for one in (ODD, REGION_ITEMS[1]):
        background.journal(Entry(one, "trained", numbers={"version": 1, **card}),
                           Entry(one, "kept", reason="worse", numbers={"version": 1}))
    monkeypatch.setattr(module, limit, 1)

    with background.app.app_context():
        found = nothing_new(background.services, [KETTLE.key, ODD.key, REGION_ITEMS[1].key])
        assert (found.versions, found.not_compared) == ({KETTLE.key: 1}, 2)
    asked = page(ask_for_retrain(client, [KETTLE.key, ODD.key, REGION_ITEMS[1].key]))
    assert "2 more region-items may have nothing new to learn either; their demand was not compared" in text_of(asked)


def row_of(background: Background) -> RegionItemRow:
    with background.app.app_context():
        return db.session.get_one(RegionItemRow, KETTLE.key)


def test_where_it_cannot_be_known_a_retrain_is_stored_as_ever(app: Flask, client: FlaskClient, background: Background,
                                                              trained: Callable[..., None]) -> None:
    """Demand that is damaged or gone, or a demand store that cannot be read, keeps nobody from asking."""
    trained()
    folder = app.extensions["services"].settings.demand_state / "shop" / "demand"
    file = folder / "demand" / "north" / "kettle.parquet"
    file.write_bytes(b"damaged")
    assert told(background) == {}
    file.unlink()
    assert told(background) == {}
    folder.rename(folder.with_name("away"))
    folder.write_text("a file in its place")
    assert told(background) == {}
    assert ask_for_retrain(client, [KETTLE.key]).status_code == 303
    assert sizes(app) == [1]


def test_a_version_that_cannot_be_used_is_made_anew(background: Background, trained: Callable[..., None]) -> None:
    trained()
    with background.app.app_context(), writing():
        db.session.get_one(RegionItemRow, KETTLE.key).model_problem = "its files are damaged"

    assert told(background) == {}


def test_the_api_refuses_before_it_stores_where_that_is_asked_for(app: Flask, trained: Callable[..., None]) -> None:
    trained()
    program = Program(app, token_for(app, "planner"))

    refused = problem_of(program.post("/retrains", {"keys": [KETTLE.key, ODD.key], "unchanged": "refuse"}), 409)
    assert "nothing new to learn for 1 of them, as for north|kettle" in refused["detail"]
    assert sizes(app) == []
    assert program.post("/retrains", {"keys": [ODD.key], "unchanged": "refuse"}).status_code == 202


def test_the_api_names_them_and_leaves_them_out_on_request(app: Flask, trained: Callable[..., None]) -> None:
    trained()
    program = Program(app, token_for(app, "planner"))

    assert "nothing new" in problem_of(
        program.post("/retrains", {"keys": [KETTLE.key], "unchanged": "leave"}), 409)["detail"]
    left = program.post("/retrains", {"keys": [KETTLE.key, ODD.key], "unchanged": "leave"}).json
    assert (left["size"], left["nothing_new"]) == (1, [KETTLE.key])
    usual = program.post("/retrains", {"keys": [KETTLE.key]}).json
    assert (usual["size"], usual["nothing_new"]) == (1, [KETTLE.key])
