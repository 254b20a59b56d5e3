"""Periods out of stock on the pages and in the API: what was sold is shown, and demand is said to be at least that."""

import re
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient

from demand_assets.forecasting.dataset.stock_entries import AT_LEAST
from tests.webapp.api.conftest import KETTLES, Program, token_for
from tests.webapp.conftest import KETTLE, REGION_ITEMS, Background, demand_of, page, text_of
from tests.webapp.forecasts.builders import chart_on
from webapp.accuracy.accuracy import pooled_accuracy
from webapp.accuracy.past_forecasts import PastForecast
from webapp.db.database import db
from webapp.services import Services
from webapp.tables import RegionItemRow

OUT = (-40, -2, -1)
"""Periods from the end, out of stock."""


def gone(units: float = 12.0) -> pd.DataFrame:
    """The tests' demand, of which two units were sold in each period of ``OUT``."""
    demand = demand_of(units)
    is_out = np.isin(np.arange(len(demand)) - len(demand), OUT)
    return demand.assign(**{"demand": demand["demand"].mask(is_out), AT_LEAST: np.where(is_out, 2.0, np.nan)})


@pytest.fixture
def of_kettle(services: Services) -> None:
    """The kettle was out of stock."""
    services.store.write("demand", KETTLE, gone())


def test_the_page_shows_what_was_sold_and_marks_it(client: FlaskClient, of_kettle: None) -> None:
    soup = page(client.get("/forecasts?ri=north%7Ckettle&past=1&horizon=14"))
    chart = chart_on(soup)

    assert [(chart["dates"][place], units) for place, units in chart["out_of_stock"]] == [
        ("2026-05-22", 2.0), ("2026-06-29", 2.0), ("2026-06-30", 2.0)]
    assert chart["demand"][chart["dates"].index("2026-06-30")] == 2.0
    assert chart["dates"][next(place for place, units in enumerate(chart["plan"]) if units is not None)] == "2026-07-01"
    assert "Out of stock in 3 days" in text_of(soup.select_one("#out-of-stock"))
    rows = [text_of(row) for row in soup.select("#by-period tbody.past tr")]
    assert [bool(re.search("at least 2", row)) for row in rows] == [False] * 12 + [True] * 2
    file = client.get("/forecasts/download?ri=north%7Ckettle&past=1&horizon=14&format=csv").data.decode("utf-8-sig")
    assert file.splitlines()[0].startswith("Date,\"Sold, ")
    assert file.count("at least 2") == 2


def test_without_any_the_page_says_nothing_of_it(client: FlaskClient) -> None:
    soup = page(client.get("/forecasts?ri=north%7Ckettle&past=1"))

    assert chart_on(soup)["out_of_stock"] == []
    assert soup.select_one("#out-of-stock") is None
    assert "Out of stock" not in text_of(soup)


def test_a_sum_shows_what_was_sold(client: FlaskClient, of_kettle: None, services: Services) -> None:
    services.store.write("demand", REGION_ITEMS[1], demand_of(12.0))
    soup = page(client.get("/forecasts?ri=north%7Ckettle&ri=north%7Citem+00"))
    chart = chart_on(soup)

    whole = demand_of(12.0)["demand"].iloc[-1]
    assert chart["demand"][chart["dates"].index("2026-06-30")] == whole + 2.0
    assert chart["out_of_stock"] == []


def test_the_api_tells_each_period(app: Flask, of_kettle: None) -> None:
    told = Program(app, token_for(app, "viewer")).told(f"{KETTLES}/demand?first=2026-06-28")

    assert [(one["date"], one["demand"], one["censored"]) for one in told["periods"]] == [
        ("2026-06-28", 18.0, False), ("2026-06-29", 2.0, True), ("2026-06-30", 2.0, True)]


def test_a_planner_may_say_what_would_have_been_sold(app: Flask, of_kettle: None, background: Background) -> None:
    planning = Program(app, token_for(app, "planner"))
    made = planning.post(f"{KETTLES}/adjustments", {"date": "2026-06-30", "units": 12.0, "reason": "out of stock"})
    background.tell_store()

    assert (made.status_code, made.json["sold"]) == (201, 2.0)
    told = planning.told(f"{KETTLES}/demand?first=2026-06-30")["periods"]
    assert [(one["demand"], one["adjusted"], one["censored"]) for one in told] == [(2.0, 12.0, True)]


def test_stored_forecasts_know_what_was_sold_last(app: Flask, of_kettle: None, background: Background) -> None:
    background.make_stored_forecasts()

    with app.app_context():
        row = db.session.get_one(RegionItemRow, KETTLE.key)
        assert (row.last_demand, row.forecast_total is None) == (2.0, False)


def test_published_forecasts_are_not_judged_by_it() -> None:
    dates = np.arange(np.datetime64("2026-06-24"), np.datetime64("2026-07-01"))
    units = demand_of(12.0)["demand"].to_numpy()[-7:]
    past = PastForecast(date(2026, 6, 23), datetime(2026, 6, 24, tzinfo=UTC), "baseline", dates, units, units, units,
                        np.full(7, np.nan))

    measured = pooled_accuracy([past], gone())

    assert (measured.periods, measured.wape) == (5, 0.0)
