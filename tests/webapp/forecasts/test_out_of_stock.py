"""Periods out of stock on the pages and in the API: what was sold is shown, and demand is said to be at least that."""

import re
import zlib
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient

from demand_assets.forecasting.dataset.demand.stock_entries import AT_LEAST
from tests.webapp.api.conftest import KETTLES, Program, token_for
from tests.webapp.conftest import KETTLE, LAST_DAY, REGION_ITEMS, Background, demand_of, page, text_of
from tests.webapp.forecasts.builders import chart_on
from webapp import create_app
from webapp.accuracy.judged_forecasts import pooled_accuracy
from webapp.accuracy.past_forecasts import PastForecast
from webapp.db.database import db
from webapp.forecasts import query
from webapp.services import Services
from webapp.serving.history import YEARS
from webapp.stored_forecasts.groups import refresh_due
from webapp.stored_forecasts.histories import pack
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


def test_a_sum_is_at_least_what_was_sold_where_a_part_was_out(client: FlaskClient, of_kettle: None,
                                                              services: Services) -> None:
    services.store.write("demand", REGION_ITEMS[1], demand_of(12.0))
    soup = page(client.get("/forecasts?ri=north%7Ckettle&ri=north%7Citem+00&past=1&horizon=14"))
    chart = chart_on(soup)

    whole = demand_of(12.0)["demand"].iloc[-1]
    assert chart["demand"][chart["dates"].index("2026-06-30")] == whole + 2.0
    days, sold = [0, *OUT], demand_of(12.0)["demand"]
    assert [(chart["dates"][place], units) for place, units in chart["out_of_stock"]] == [
        (str((pd.Timestamp(LAST_DAY) + pd.Timedelta(days=day + 1)).date()), sold.iloc[day] + 2.0) for day in days[1:]]
    assert chart["is_sum"]
    assert "Some were out of stock in 3 days" in text_of(soup.select_one("#out-of-stock"))
    rows = [text_of(row) for row in soup.select("#by-period tbody.past tr")]
    assert ["at least" in row for row in rows] == [False] * 12 + [True] * 2
    assert f"at least {sold.iloc[-1] + 2.0:g}" in rows[-1]
    file = client.get("/forecasts/download?ri=north%7Ckettle&ri=north%7Citem+00&past=1&horizon=14&format=csv")
    assert file.data.decode("utf-8-sig").count("at least") == 2


def test_a_large_group_says_of_its_sums_what_a_small_one_says(client: FlaskClient, of_kettle: None, services: Services,
                                                              background: Background,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    """The past of one stored before there was any word of stock is read as it was."""
    background.have_stored_forecasts()
    small = page(client.get("/forecasts?region=north&past=1"))
    monkeypatch.setattr(query, "MOST_REGION_ITEMS", 5)
    large = page(client.get("/forecasts?region=north&past=1"))

    assert chart_on(large)["out_of_stock"] == chart_on(small)["out_of_stock"] != []
    assert text_of(large.select_one("#out-of-stock")) == text_of(small.select_one("#out-of-stock"))
    before = pack(demand_of(12.0), None, pd.Timestamp(LAST_DAY), services.dataset)
    assert pack(gone(), None, pd.Timestamp(LAST_DAY), services.dataset) != before
    assert len(zlib.decompress(before)) == 2 * 4 * YEARS * services.dataset.year_length


def test_what_was_sold_a_year_before_is_at_least_what_was_wanted(app: Flask, client: FlaskClient,
                                                                 background: Background) -> None:
    """On the page and in the file of one and of a sum, in the totals, on the overview and in the API."""
    demand = demand_of(12.0, days=400)
    is_out = np.isin(np.arange(400), (400 - 364, 400 - 360))
    background.services.store.write("demand", KETTLE, demand.assign(**{
        "demand": demand["demand"].mask(is_out), AT_LEAST: np.where(is_out, 2.0, np.nan)}))
    background.make_stored_forecasts()
    with app.app_context():
        refresh_due(background.services, create_app)

    for chosen in ("ri=north%7Ckettle", "ri=north%7Ckettle&ri=north%7Citem+00"):
        soup = page(client.get(f"/forecasts?{chosen}&horizon=14"))
        heads = [text_of(one) for one in soup.select("#by-period thead th")]
        column = [text_of(row.find_all(["th", "td"])[heads.index("Last year out of stock")])
                  for row in soup.select("#by-period tbody.ahead tr")]
        assert [place for place, words in enumerate(column) if words] == [0, 4]
        assert column[0] == "at least 2"
        file = client.get(f"/forecasts/download?{chosen}&horizon=14&format=csv").data.decode("utf-8-sig")
        assert file.count("at least 2") == 2
    assert "at least: out of stock in 2 days" in text_of(page(client.get("/?columns=last_year&q=kettle")))
    rows = {text_of(row.th): text_of(row) for row in page(client.get("/totals?by=item")).select("tbody tr")}
    assert "at least" in rows["All"]
    assert "at least" in rows["kettle"]
    assert not any("at least" in words for name, words in rows.items() if name not in ("All", "kettle"))
    told = Program(app, token_for(app, "viewer")).told("/totals/groups?by=item")["totals"]
    assert {one["name"]: one["last_year_out_of_stock"] for one in told if one["last_year_out_of_stock"]} == {
        "kettle": 1}


def test_each_period_stands_once_and_in_order_where_demand_ends_on_different_days(client: FlaskClient,
                                                                                   services: Services) -> None:
    services.store.write("demand", KETTLE, demand_of(12.0))
    services.store.write("demand", REGION_ITEMS[1], demand_of(12.0).iloc[:-20])
    soup = page(client.get("/forecasts?ri=north%7Ckettle&ri=north%7Citem+00&past=1&horizon=14"))

    heads = [text_of(one) for one in soup.select("#by-period thead th")]
    assert "Past forecast" not in heads  # nothing is known of it in any period
    assert "Last year" not in heads
    rows = [[text_of(one) for one in row.find_all(["th", "td"])] for row in soup.select("#by-period tbody tr")]
    assert len({row[0] for row in rows}) == len(rows) == 20 + 14
    sold, forecast = ([bool(row[heads.index(name)]) for row in rows] for name in ("Sold", "Forecast"))
    assert sold == [True] * 20 + [False] * 14
    assert forecast == [True] * 14 + [False] * 6 + [True] * 14
    assert len(soup.select("#by-period tbody.past tr")) == 20
    assert "in 14 days" in text_of(soup.select_one("#totals h2"))
    file = client.get("/forecasts/download?ri=north%7Ckettle&ri=north%7Citem+00&past=1&horizon=14&format=csv")
    lines = file.data.decode("utf-8-sig").splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == sorted(line.split(",")[0] for line in lines[1:])
    assert len(lines) == 1 + 20 + 14


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
    background.have_stored_forecasts()

    with app.app_context():
        row = db.session.get_one(RegionItemRow, KETTLE.key)
        assert (row.last_demand, row.forecast_total is None) == (2.0, False)


def test_published_forecasts_are_not_judged_by_it() -> None:
    dates = np.arange(np.datetime64("2026-06-24"), np.datetime64("2026-07-01"))
    units = demand_of(12.0)["demand"].to_numpy()[-7:]
    past = PastForecast(date(2026, 6, 23), datetime(2026, 6, 24, tzinfo=UTC), "baseline", dates, units, units, units,
                        np.full(7, np.nan), datetime(2026, 6, 24, tzinfo=UTC))

    measured = pooled_accuracy([past], gone())

    assert (measured.periods, measured.wape) == (5, 0.0)
