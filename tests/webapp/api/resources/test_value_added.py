"""Forecast value added, for programs: the numbers of the page, in pages that stay in place."""

from typing import Any

import pytest
from flask import Flask

from demand_assets.forecasting.contract.region_item import RegionItem
from tests.webapp.api.conftest import Program, problem_of
from tests.webapp.conftest import KETTLE, ODD
from tests.webapp.value_added.builders import ANNA, Judged, sum_up, tell
from webapp.db.database import db, now, writing
from webapp.tables import SavedScenario, ScenarioVerdict
from webapp.value_added.targets import set_target

TOKEN = "a" * 32


@pytest.fixture
def judged(app: Flask) -> None:
    tell(app, Judged(40, 60, 60, override=50, by=ANNA, price=2.0), Judged(60, 60, 50, price=2.0))
    tell(app, Judged(0, 5, 1), Judged(0, 5, 1, lead=4), region_item=RegionItem("south", "kettle"))
    sum_up(app)


@pytest.mark.usefixtures("judged")
def test_it_is_told_by_segment_with_what_is_not_known(app: Flask, viewing: Program) -> None:
    with app.app_context():
        set_target("region:north", 0.15, 0.05, 0.1)

    told = viewing.told("/value-added")
    north, south = told["rows"]

    assert (told["by"], told["lead"], told["until"], told["next"]) == ("region", 1, "2026-06-22", None)
    assert (north["rows"], north["periods"], north["overridden"], north["sold"]) == (2, 2, 1, 100)
    assert north["model"] == {"wape": 0.3, "bias": 0.1, "error": 30, "error_money": 60}
    assert (north["plan"]["wape"], north["gained"], north["gained_money"]) == (0.2, 10, 20)
    assert north["target"] == {"segment": "region:north", "wape": 0.15, "tolerance": 0.05, "bias": 0.1,
                               "accuracy": "tolerated", "bias_is": "within"}
    assert south["model"] == {"wape": None, "bias": None, "error": 1, "error_money": None}
    assert (south["gained"], south["gained_money"], south["target"]) == (None, None, None)
    assert (told["total"]["rows"], told["total"]["model"]["error"]) == (3, 31)


@pytest.mark.usefixtures("judged")
@pytest.mark.parametrize(("by", "names"), [
    ("region", ["north", "south"]), ("lead", ["1", "4"]), ("planner", [ANNA]), ("period", ["2026-06-22"])])
def test_rows_come_in_pages(viewing: Program, by: str, names: list[str]) -> None:
    found: list[str] = []
    cursor = ""
    while cursor is not None:
        told: Any = viewing.told(f"/value-added?by={by}&limit=1{f'&cursor={cursor}' if cursor else ''}")
        found += [one["name"] for one in told["rows"]]
        cursor = told["next"]

    assert found == names


@pytest.mark.usefixtures("judged")
@pytest.mark.parametrize("query", [
    "by=colour", "lead=3", "lead=401", "back=5", "segment=region:north", "planner=x", "order=up",
    "by=planner&segment=region:nowhere"])
def test_what_cannot_be_asked_is_a_problem(viewing: Program, query: str) -> None:
    problem_of(viewing.get(f"/value-added?{query}"), 422)


def test_nothing_is_claimed_before_anything_is_judged(viewing: Program) -> None:
    told = viewing.told("/value-added")

    assert (told["rows"], told["total"], told["since"], told["until"]) == ([], None, None, None)


def test_a_verdict_is_told_once_there_is_one(app: Flask, viewing: Program, planning: Program) -> None:
    made = planning.post("/scenarios", {"name": "Sale", "keys": [KETTLE.key, ODD.key], "horizon": 7, "changes": [
        {"driver": "price", "action": "percent", "value": -20, "first": "2026-07-01", "last": "2026-07-07"}]}).json
    problem_of(viewing.get(f"/scenarios/{made['token']}/verdict"), 404)
    problem_of(viewing.get(f"/scenarios/{TOKEN}/verdict"), 404)
    bounds = {"forecast": 35.0, "lower": 30.0, "upper": 40.0}
    with app.app_context(), writing():
        scenario = db.session.scalars(db.select(SavedScenario)).one()
        scenario.computed_at = now()
        db.session.flush()
        mark = f"{scenario.computed_at.isoformat()} 2026-07-07"
        db.session.add(ScenarioVerdict(token=scenario.token, mark=mark, told={
            "first": "2026-07-01", "last": "2026-07-07", "plan": bounds, "scenario": bounds, "rows": 14, "known": 14,
            "plan_of_known": 35.0, "scenario_of_known": 35.0, "sold": 41.0, "changed": 14, "stood": 7,
            "drivers": [{"driver": "price", "asked": 14, "came": 14, "unknown": 0}], "periods": [], "revenue": None,
            "revenue_came": None}))

    told = viewing.told(f"/scenarios/{made['token']}/verdict")

    assert (told["sold_is"], told["applied"], told["drivers_came"]) == ("above", "some", "all")
    assert told["scenario"] == bounds
