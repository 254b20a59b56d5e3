"""The grid under the chart: the numbers of all other places, to the digit, and who may edit them."""

import json
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient

from demand_assets.forecasting.dataset.demand.stock_entries import AT_LEAST
from demand_assets.forecasting.forecast.totals import Part
from tests.webapp.api.conftest import Program, token_for
from tests.webapp.conftest import KETTLE, LAST_DAY, ODD, Background, demand_of, page, text_of
from tests.webapp.forecasts.builders import change, chart_on
from tests.webapp.money_builders import declare_money
from tests.webapp.overrides.builders import rows_of
from webapp.accuracy.past_forecasts import Standing, keep_forecasts
from webapp.db.database import writing
from webapp.forecasts import query
from webapp.forecasts.grid import BACK
from webapp.overrides.applied import parts_ahead
from webapp.overrides.overrides import place, place_cells
from webapp.overrides.wanted_override import Cell, WantedOverride
from webapp.pages.download_files import rounded
from webapp.services import Services

OTHER = "north|item 00"
BOTH = {"ri": [KETTLE.key, OTHER]}


def grid_on(client: FlaskClient, **args: Any) -> dict[str, Any]:
    """What the grid of a page has."""
    soup = page(client.get("/forecasts", query_string={"ri": KETTLE.key, **args}))
    [script] = soup.select("#grid-data")
    grid: dict[str, Any] = json.loads(text_of(script))
    return grid


def rows(grid: dict[str, Any]) -> dict[str, list[Any]]:
    """Name of a row -> its values in the periods ahead."""
    return {row["name"]: [row["values"][at] for at in grid["ahead"]] for row in grid["rows"] if row["values"]}


@pytest.fixture
def overridden(app: Flask, background: Background) -> None:
    """Values and percents, some of them of two region-items."""
    background.have_stored_forecasts()
    with app.app_context():
        place(WantedOverride(date(2026, 7, 2), date(2026, 7, 3), "percent", 100 / 3, "a fair", "a"),
              parts_ahead([KETTLE.key, OTHER]))
        place_cells([Cell(date(2026, 7, 1), "value", 1234.56789, "a truck", "")], "b", parts_ahead([KETTLE.key]))


@pytest.mark.parametrize("selection", [{"ri": KETTLE.key}, BOTH, {"region": "north"}], ids=["one", "two", "group"])
def test_grid_chart_table_file_and_api_tell_the_same_numbers(
        app: Flask, client: FlaskClient, overridden: None, selection: dict[str, Any],
        monkeypatch: pytest.MonkeyPatch) -> None:
    declare_money(app, {"price": {"driver": "price"}})
    if "region" in selection:
        monkeypatch.setattr(query, "MOST_REGION_ITEMS", 5)
        selection = {"ri": [], **selection}
    shown = page(client.get("/forecasts", query_string=selection))
    grid, chart = json.loads(text_of(shown.select_one("#grid-data"))), chart_on(shown)
    found = rows(grid)
    asked = "&".join(f"key={key}" for key in np.atleast_1d(selection.get("ri", []))) or "region=north"
    told = Program(app, token_for(app, "viewer")).told(f"/totals?{asked}")
    file = rows_of(client.get("/forecasts/download", query_string={**selection, "format": "csv"}))

    dates = [grid["dates"][at] for at in grid["ahead"]]
    assert dates == [each["date"] for each in told["periods"]] == [row["Date"] for row in file]
    places = [chart["dates"].index(at) for at in dates]
    for name, drawn, in_file in (("forecast", "plan", "Forecast, units"), ("lower", "lower", "80 % from, units"),
                                 ("upper", "upper", "80 % to, units"), ("model", "model", "Model, units")):
        assert found[name] == [chart[drawn][at] for at in places], name
        assert [rounded(units) for units in found[name]] == [float(row[in_file]) for row in file], name
    for name in ("forecast", "lower", "upper"):
        assert found[name] == [pytest.approx(each[name], rel=1e-11) for each in told["periods"]], name
    money = next(name for name in found if name.startswith("money-Revenue"))
    assert found[money] == [float(row["Revenue, €"]) for row in file]
    heads = [text_of(cell) for cell in shown.select("#by-period thead th")]
    cells = [[text_of(cell) for cell in row.find_all(["th", "td"])] for row in shown.select("#by-period tbody tr")]
    assert [row[heads.index("Forecast")] for row in cells] == [
        f"{units:,.{grid['decimals']}f}" for units in found["forecast"]]
    sold = next(row for row in grid["rows"] if row["name"] == "sold")["values"]
    known = [at for at in range(len(grid["dates"])) if at not in grid["ahead"]]
    assert len(known) == BACK["D"]
    assert [sold[at] for at in known] == [chart["demand"][chart["dates"].index(grid["dates"][at])] for at in known]


def test_the_interval_that_is_shown_before_saving_is_the_one_afterwards(client: FlaskClient, app: Flask) -> None:
    """By the half-widths that the page has: a value moves the interval, a percent scales it, 0 cuts it off."""
    before = grid_on(client)
    model = rows(before)["model"]
    wanted = [("value", 1.0), ("value", 500.0), ("percent", -90.0), ("percent", 300.0)]

    with app.app_context():
        place_cells([Cell(date(2026, 7, day), way, amount, "a fair", "")  # type: ignore[arg-type]  # they are ways
                     for day, (way, amount) in enumerate(wanted, 1)], "a", parts_ahead([KETTLE.key]))

    after = rows(grid_on(client))
    for lead, (way, amount) in enumerate(wanted):
        size = 1.0 if way == "value" else 1 + amount / 100
        final = amount if way == "value" else model[lead] * size
        assert after["forecast"][lead] == pytest.approx(final, abs=0.006)
        assert after["lower"][lead] == pytest.approx(max(0, final - size * before["below"][lead]), abs=0.006)
        assert after["upper"][lead] == pytest.approx(final + size * before["above"][lead], abs=0.006)


def test_an_override_stands_in_the_grid_with_who_made_it_and_why(client: FlaskClient, overridden: None) -> None:
    one, two = grid_on(client)["overrides"], grid_on(client, **BOTH)["overrides"]

    assert one[0] == {"seen": one[0]["seen"], "count": 1, "way": "value", "amount": 1234.56789, "comment": "a truck",
                      "by": "a command"}
    assert [each["count"] for each in two[:4]] == [1, 2, 2, 0]
    assert "way" not in two[0]  # of a sum an override says nothing as a whole
    assert len({each["seen"] for each in one[:3]}) == 3
    assert one[3] == {"seen": "", "count": 0}


def test_only_those_who_may_override_edit_and_only_the_forecast_itself(client: FlaskClient, viewer: FlaskClient,
                                                                       overridden: None) -> None:
    plain, seen = grid_on(client), grid_on(viewer)

    assert plain["is_editable"]
    assert not seen["is_editable"]
    assert [row["name"] for row in seen["rows"]] == [row["name"] for row in plain["rows"]]
    assert page(client.get(f"/forecasts?ri={KETTLE.key}")).select("#grid-form")
    assert not page(viewer.get(f"/forecasts?ri={KETTLE.key}")).select("#grid-form")
    scenario, without = grid_on(client, **change()), grid_on(client, overrides=0)
    assert not scenario["is_editable"]
    assert {"plan", "scenario", "difference"} <= rows(scenario).keys()
    assert next(row for row in scenario["rows"] if row["name"] == "driver-price")["changed"] == scenario["ahead"]
    assert not without["is_editable"]
    assert "forecast" not in rows(without)


def test_a_sum_with_periods_out_of_stock_is_told_as_at_least(client: FlaskClient, background: Background) -> None:
    demand = demand_of(12.0, days=400)
    is_out = np.isin(np.arange(400), (397, 399, 400 - 364))
    background.services.store.write("demand", KETTLE, demand.assign(**{
        "demand": demand["demand"].mask(is_out), AT_LEAST: np.where(is_out, 2.0, np.nan)}))

    for args in ({}, BOTH):
        grid = grid_on(client, **args)
        by_name = {row["name"]: row for row in grid["rows"]}
        out = [grid["dates"][at] for at in by_name["sold"]["at_least"]]
        assert out == [str(LAST_DAY - timedelta(days=2)), str(LAST_DAY)]
        assert grid["ahead"][0] in by_name["last_year"]["at_least"]
        assert by_name["sold"]["values"][grid["ahead"][0] - 1] is not None


def test_past_forecasts_are_those_of_the_lead_that_is_chosen(client: FlaskClient, app: Flask) -> None:
    with app.app_context(), writing():
        for back in range(1, 15):
            part = Part(np.datetime64(LAST_DAY) - back + np.arange(1, 15), np.arange(1.0, 15.0) + 100 * back,
                        np.ones(14), (-1.0,) * 3, (1.0,) * 3)
            keep_forecasts([Standing(KETTLE.key, LAST_DAY - timedelta(days=back), "1", part, np.ones(14))])

    grid = grid_on(client)

    row = next(row for row in grid["rows"] if row["name"] == "past_forecast")
    at = grid["dates"].index(str(LAST_DAY))
    assert list(row["leads"]) == ["1", "7", "14"]
    assert [row["leads"][lead][at] for lead in row["leads"]] == [101.0, 707.0, 1414.0]
    assert row["values"] == row["leads"]["1"]


def test_the_grid_begins_with_as_much_of_the_past_as_is_known(client: FlaskClient, services: Services) -> None:
    services.store.write("demand", KETTLE, demand_of(12.0, days=40))

    grid = grid_on(client)

    assert len(grid["dates"]) == 40 + 14
    assert pd.DatetimeIndex(grid["dates"]).is_monotonic_increasing
    assert grid["dates"][grid["ahead"][0]] == "2026-07-01"
    assert ODD.key not in json.dumps(grid)


def test_rows_have_the_same_names_for_scripts_in_every_language(app: Flask, client: FlaskClient,
                                                                overridden: None) -> None:
    declare_money(app, {"price": {"driver": "price"}})

    def grid(language: str) -> list[dict[str, Any]]:
        shown = page(client.get("/forecasts", query_string={"ri": KETTLE.key}, headers={"Accept-Language": language}))
        found: list[dict[str, Any]] = json.loads(text_of(shown.select_one("#grid-data")))["rows"]
        return found

    english, german = grid("en"), grid("de")
    assert [row["name"] for row in german] == [row["name"] for row in english]
    assert {"sold", "override", "forecast", "model", "lower", "upper", "money-Revenue"} <= {
        row["name"] for row in german}
    assert next(row["title"] for row in german if row["name"] == "override") == "Übersteuerung"


def test_unusual_sales_are_marked_with_what_would_be_usual(background: Background, client: FlaskClient) -> None:
    history = demand_of(12.0)
    history.loc[history.index[-10], "demand"] = 400.0
    background.services.store.write("demand", KETTLE, history)

    grid = grid_on(client)
    sold = next(row for row in grid["rows"] if row["name"] == "sold")

    usual = {grid["dates"][place]: units for place, units in sold["unusual"]}
    assert str(LAST_DAY - timedelta(days=9)) in usual
    listed = page(client.get("/forecasts", query_string={"ri": KETTLE.key})).select("#unusual tbody tr")
    shown = {str(row.a["href"]).split("adjust=")[1][:10]: text_of(row.select("td")[1]) for row in listed}  # type: ignore[index]
    assert shown
    assert {day: float(units) for day, units in shown.items() if day in usual} == pytest.approx(
        {day: usual[day] for day in shown if day in usual}, abs=0.06)
    assert {day for day in shown if day >= grid["dates"][0]} <= {*usual}
