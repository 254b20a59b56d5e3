"""One selection, one number: in chart, grid, files and the API, forecast as asked or read from stored forecasts."""

import csv
import io
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.store.journal import Entry
from tests.webapp.api.conftest import Program, token_for
from tests.webapp.attribute_builders import take_in
from tests.webapp.conftest import EMAIL, KETTLE, ODD, REGION_ITEMS, Background, demand_of, page, text_of, with_session
from tests.webapp.fakes import FakeDagster, FakeRegistry, keys_of
from tests.webapp.forecasts.builders import chart_on
from tests.webapp.money_builders import declare_money
from tests.webapp.overview.builders import judge_all
from webapp import create_app
from webapp.db.database import db, writing
from webapp.forecasts import query
from webapp.stored_forecasts.computing import tell_totals
from webapp.stored_forecasts.groups import refresh_due
from webapp.tables import Override, RegionItemRow

EARLY, LATE, NOWHERE, YOUNG = (RegionItem("north", f"item {n:02}") for n in range(4))
"""Of another end of demand each; the price of the third is never known; the last one has five days of demand."""
SELECTIONS = {
    "one": [KETTLE], "two ends": [KETTLE, EARLY], "three ends": [EARLY, LATE, KETTLE], "no price": [KETTLE, NOWHERE],
    "none with a price": [NOWHERE], "young": [YOUNG, KETTLE],
    "all of these": [KETTLE, EARLY, LATE, NOWHERE, YOUNG, ODD]}
CLOSE = 6e-6
"""Files have six digits."""


@pytest.fixture(scope="module")
def shop(template_app: Flask, model: ForecastModel, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """Region-items whose demand ends on different days, with a model or none, a price or none, overridden or not."""
    declare_money(template_app, {"cost": {"attribute": "landed"}}, "KWD")
    registry = FakeRegistry(tmp_path_factory.mktemp("registry"), "shop")
    background = Background(template_app, FakeDagster(keys=keys_of(sorted(REGION_ITEMS))), registry)
    demand = {NOWHERE: demand_of(12.0).assign(price=float("nan")), KETTLE: demand_of(12.3457).assign(price=9.8765),
              EARLY: demand_of(7.7).iloc[:-5], LATE: demand_of(3.3).iloc[:-2], YOUNG: demand_of(5.1).iloc[-5:]}
    for one, table in demand.items():
        background.services.store.write("demand", one, table)
        background.journal(Entry(one, "validated", numbers={"last_date": str(table["date"].iloc[-1].date())}))
    registry.promote(KETTLE, model)
    background.watch(sweep=True)
    judge_all(template_app)
    take_in(template_app, {"kettle": {"landed": 6.1234}, "item 01": {"landed": 12.5}})
    background.make_stored_forecasts()
    with template_app.app_context():
        with writing():
            for one, at, way, amount in (
                    (KETTLE, "2026-07-01", "percent", 7.3), (KETTLE, "2026-07-02", "value", 41.234),
                    (EARLY, "2026-06-27", "value", 99.9), (EARLY, "2026-07-09", "percent", -50.0),
                    (YOUNG, "2026-07-03", "value", 0.0)):
                db.session.add(Override(batch="b", key=one.key, date=at, way=way, amount=amount, comment="",
                                        made_by=EMAIL))
            db.session.flush()
            tell_totals([db.session.get_one(RegionItemRow, one.key) for one in (KETTLE, EARLY, YOUNG)])
        refresh_due(template_app.extensions["services"], create_app)
    return template_app


@pytest.fixture
def planner(shop: Flask, session_cookies: dict[str, str]) -> FlaskClient:
    return with_session(shop.test_client(), session_cookies[EMAIL])


@pytest.fixture(scope="module")
def api(shop: Flask) -> Program:
    return Program(shop, token_for(shop, "planner"))


def csv_of(client: FlaskClient, of: str, asked: dict[str, Any]) -> list[dict[str, str]]:
    response = client.get("/forecasts/download", query_string={**asked, "format": "csv", "of": of})
    assert response.status_code == 200, response.text[:300]
    return list(csv.DictReader(io.StringIO(response.data.decode("utf-8-sig"))))


def by_date(rows: list[dict[str, str]], name: str) -> dict[str, float]:
    """The column of a file by region-item, summed by date; nothing of dates where it is empty."""
    found: dict[str, float] = {}
    for row in rows:
        if row[name]:
            found[row["Date"]] = found.get(row["Date"], 0.0) + float(row[name])
    return dict(sorted(found.items()))


def told_apart(told: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The numbers that are told, by name, and whatever else is: what is not known, and texts."""
    named = told if isinstance(told, dict) else {"": told}
    numbers = {name: value for name, value in named.items() if isinstance(value, int | float)}
    return numbers, {name: value for name, value in named.items() if name not in numbers}


@pytest.mark.parametrize("name", SELECTIONS)
@pytest.mark.parametrize("horizon", [14, 3])
@pytest.mark.parametrize("overrides", [1, 0])
def test_every_place_says_the_same(planner: FlaskClient, api: Program, monkeypatch: pytest.MonkeyPatch, name: str,
                                   horizon: int, overrides: int) -> None:
    keys = [one.key for one in SELECTIONS[name]]
    asked = {"ri": keys, "horizon": horizon, "overrides": overrides}
    told = []
    for most in (500, 0):  # forecast as asked; read from the stored forecasts
        monkeypatch.setattr(query, "MOST_REGION_ITEMS", most)
        soup = page(planner.get("/forecasts", query_string=asked))
        chart, periods = chart_on(soup), csv_of(planner, "periods", asked)
        each = csv_of(planner, "region-items", asked)
        total = api.told("/totals?" + urlencode([("horizon", horizon), ("overrides", "true" if overrides else "false"),
                                                 *(("key", key) for key in keys)]))
        units = next(title for title in periods[0] if title in ("Forecast, units", "Model, units"))
        own = next(title for title in each[0] if title in ("Forecast, units", "Model, units"))

        of_file = {row["Date"]: float(row[units]) for row in periods if row[units]}
        of_chart = dict(zip(chart["dates"], chart["plan"], strict=True))
        assert {at: value for at, value in of_chart.items() if value is not None} == pytest.approx(of_file, rel=CLOSE)
        assert by_date(each, own) == pytest.approx(of_file, rel=CLOSE)
        assert {one["date"]: one["forecast"] for one in total["periods"]} == pytest.approx(of_file, rel=CLOSE)
        assert total["total"]["forecast"] == pytest.approx(sum(of_file.values()), rel=CLOSE)
        revenue = by_date(each, "Revenue, KWD")
        by_period = {row["Date"]: float(row["Revenue, KWD"]) for row in periods if row.get("Revenue, KWD")}
        assert by_period == pytest.approx(revenue, abs=0.004 * len(keys))
        assert {one["date"]: one["revenue"] for one in total["periods"] if one["revenue"] is not None} == pytest.approx(
            revenue, abs=0.004 * len(keys))
        if revenue:
            assert total["money"]["revenue"] == pytest.approx(sum(revenue.values()), abs=0.004 * len(keys) * 20)
        else:
            assert total["money"]["revenue"] is None
        if grid := soup.select_one("#grid-data"):
            data = json.loads(text_of(grid))
            rows = {row["name"]: row["values"] for row in data["rows"]}
            of_grid = rows.get("forecast", rows.get("model"))
            ahead = {data["dates"][at]: of_grid[at] for at in data["ahead"]}
            assert ahead == pytest.approx(of_file, rel=CLOSE)
        told.append((of_file, revenue, total["total"], total["model"], total["overrides"], total["missing"],
                     {at: value for at, value in zip(chart["dates"], chart["demand"], strict=True) if value is not None
                      and at >= "2026-06-01"},
                     {at: value for at, value in zip(chart["dates"], chart["last_year"], strict=True) if value}))
    now, stored = told
    for one, other in zip(now, stored, strict=True):
        (numbers, rest), (other_numbers, other_rest) = told_apart(one), told_apart(other)
        assert numbers == pytest.approx(other_numbers, rel=1e-5)
        assert rest == other_rest
