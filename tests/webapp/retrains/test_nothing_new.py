"""Nothing new to learn is told before a retrain is stored, by the rule of the gate."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from typing import Any

import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient

from demand_assets.forecasting.model.own import ForecastModel
from demand_assets.forecasting.store.journal import Entry
from tests.webapp.api.conftest import Program, problem_of, token_for
from tests.webapp.conftest import KETTLE, ODD, Background, ask_for_retrain, demand_of, page, post, text_of
from tests.webapp.fakes import FakeRegistry
from webapp.db.database import db, now, writing
from webapp.retrains.nothing_new import nothing_new
from webapp.tables import Adjustment, Retrain


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


def test_the_api_names_them_and_leaves_them_out_on_request(app: Flask, trained: Callable[..., None]) -> None:
    trained()
    program = Program(app, token_for(app, "planner"))

    assert "nothing new" in problem_of(
        program.post("/retrains", {"keys": [KETTLE.key], "unchanged": "leave"}), 409)["detail"]
    left = program.post("/retrains", {"keys": [KETTLE.key, ODD.key], "unchanged": "leave"}).json
    assert (left["size"], left["nothing_new"]) == (1, [KETTLE.key])
    usual = program.post("/retrains", {"keys": [KETTLE.key]}).json
    assert (usual["size"], usual["nothing_new"]) == (1, [KETTLE.key])
