"""Selections, groups and views of the forecast page: the URL says them, and sums are sums."""

import itertools
import json
from typing import Any

import numpy as np
import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient

from demand_assets.forecasting.model.serving.own_model import ForecastModel
from tests.webapp.conftest import KETTLE, ODD, REGION_ITEMS, Background, demand_of, page, post, text_of
from tests.webapp.fakes import FakeRegistry
from tests.webapp.forecasts.builders import ask, change, chart_on
from webapp import create_app
from webapp.db.database import db, now, writing
from webapp.forecasts import page as forecast_page
from webapp.forecasts import query
from webapp.region_items import selection
from webapp.region_items.rows import rows_of
from webapp.services import Services
from webapp.serving.forecast_of_selection import plan_of
from webapp.stored_forecasts.groups import refresh_due
from webapp.tables import ArchivedForecast, RegionItemRow, Selection

NORTH = [one for one in REGION_ITEMS if one.region == "north"]


def show(client: FlaskClient, **args: Any) -> BeautifulSoup:
    response = client.get("/forecasts", query_string=args)
    assert response.status_code == 200, text_of(page(response))
    return page(response)


def total(soup: BeautifulSoup) -> float:
    return float(text_of(soup.select_one("#totals h2")).split(" ")[0].replace(",", ""))


@pytest.mark.parametrize(("args", "title", "size"), [
    ({"region": "north"}, "north · all items", 29),
    ({"item": "kettle"}, "kettle · all regions", 2),
    ({"all": "1"}, "All region-items", 31),
    ({"region": ["north", "south"]}, "north, south · all items", 30),
    ({"region": "north", "item": "kettle"}, "north · all items and kettle · all regions", 30),
    ({"region": "north", "ri": [KETTLE.key, ODD.key]}, "north · all items and 1 more", 30),
    ({"ri": [KETTLE.key, ODD.key]}, "2 region-items, summed", 2),
    ({"ri": KETTLE.key}, "north · kettle", 1),
])
def test_a_url_names_region_items_one_by_one_or_as_groups(client: FlaskClient, args: dict[str, Any], title: str,
                                                          size: int) -> None:
    soup = show(client, horizon="2", **args)

    assert text_of(soup.h1) == title
    assert len(soup.select("#by-region-item tbody tr")) == (size if size > 1 else 0)


@pytest.mark.parametrize(("query", "status", "message"), [
    ("region=nowhere", 404, "There is no region 'nowhere'"),
    ("item=spoon", 404, "There is no item 'spoon'"),
    ("selection=abc", 404, "There is no such selection"),
    ("ri=north|kettle&coverage=81", 422, "coverage '81' is not known here; allowed are 50, 80, 95"),
    ("ri=north|kettle&layout=round", 422, "allowed are periods, measures"),
    ("all=1&page=0", 422, "There is no page '0'"),
])
def test_what_is_not_there_is_told(client: FlaskClient, query: str, status: int, message: str) -> None:
    response = client.get(f"/forecasts?{query}")

    assert response.status_code == status
    assert message in text_of(page(response).main)


def test_many_picked_region_items_get_a_short_link_that_means_the_same(client: FlaskClient, app: Flask,
                                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "MOST_LISTED", 3)
    picked = [one.key for one in REGION_ITEMS[:5]]

    links = [post(client, "/forecasts/selection", {"ri": keys}).headers["Location"]
             for keys in (picked, picked[::-1])]

    assert links[0] == links[1]
    assert links[0].startswith("/forecasts?selection=")
    assert len(page(client.get(links[0])).select("#by-region-item tbody tr")) == 5
    with app.app_context():
        assert db.session.query(Selection).count() == 1


def test_all_of_the_overview_is_one_link(client: FlaskClient) -> None:
    assert post(client, "/forecasts/selection", {"everything": "1"}).headers["Location"] == "/forecasts?all=1"
    assert "all=1" not in post(client, "/forecasts/selection", {"everything": "1", "q": "kettle"}).headers["Location"]


def test_the_forecast_of_a_group_is_the_sum_of_its_members_for_any_split(app: Flask, services: Services,
                                                                         background: Background, registry: FakeRegistry,
                                                                         model: ForecastModel) -> None:
    """By period and in total, whatever the parts; the interval is narrower than the parts' bounds added up."""
    registry.promote(KETTLE, model)
    background.watch()
    with app.test_request_context():
        rows = rows_of([KETTLE.key, ODD.key, NORTH[1].key, NORTH[2].key])
        whole = plan_of(services, rows, 7)
        for size in (1, 2, 3):
            for some in itertools.combinations(rows, size):
                rest = [row for row in rows if row not in some]
                parts = [plan_of(services, part, 7) for part in (list(some), rest)]
                by_date = np.sum([[period.plan for period in part.periods] for part in parts], axis=0)
                assert [period.plan for period in whole.periods] == pytest.approx(by_date.tolist())
                assert sum(part.plan_total.forecast for part in parts) == pytest.approx(whole.plan_total.forecast)
                assert whole.plan_total.upper < sum(part.plan_total.upper for part in parts)


def test_the_band_is_as_wide_as_is_chosen(client: FlaskClient) -> None:
    widths = []
    for coverage in ("50", "80", "95"):
        soup = show(client, ri=KETTLE.key, coverage=coverage)
        assert text_of(soup.select_one("#plan-interval")).startswith(f"{coverage} % range: ")
        chart = chart_on(soup)
        widths.append(chart["upper"][-1] - chart["lower"][-1])

    assert widths == sorted(widths)
    assert widths[0] < widths[2]


def test_a_scenario_keeps_the_view(client: FlaskClient) -> None:
    soup = ask(client, coverage="95", layout="measures", region="north", ri=[one.key for one in NORTH], **change())

    assert text_of(soup.h1) == "north · all items"
    assert text_of(soup.select_one("#scenario-interval")).startswith("95 % range: ")
    assert "region=north" in str(soup.select_one("[data-copy-link]")["data-copy-link"])  # type: ignore[index]
    assert soup.select_one("#by-measure")


def test_the_wide_table_has_the_same_numbers_the_other_way_round(client: FlaskClient) -> None:
    tall = [[text_of(cell) for cell in row.find_all(["th", "td"])]
            for row in show(client, ri=KETTLE.key, horizon="5").select("#by-period tr")]
    wide = [[text_of(cell) for cell in row.find_all(["th", "td"])]
            for row in show(client, ri=KETTLE.key, horizon="5", layout="measures").select("#by-measure tr")]

    turned = [list(column) for column in zip(*tall, strict=True)]
    assert [row[1:] for row in wide] == [row[1:] for row in turned]
    assert [row[0] for row in wide[1:]] == [row[0] for row in turned[1:]]


def test_the_table_can_begin_with_the_past(client: FlaskClient) -> None:
    rows = show(client, ri=KETTLE.key, horizon="5", past="1").select("#by-period tbody.past tr")
    prices = [f"{price:g}" for price in demand_of(12.0)["price"].tail(5)]

    assert [text_of(row.th) for row in rows] == [
        f"{name}, Jun {26 + place}, 2026" for place, name in enumerate(("Fri", "Sat", "Sun", "Mon", "Tue"))]
    assert [text_of(row.td) for row in rows] == [f"{units:.1f}" for units in demand_of(12.0)["demand"].tail(5)]
    assert [text_of(row.find_all("td")[-3]) for row in rows] == prices


def test_what_is_planned_by_rule_is_said_under_the_table(client: FlaskClient) -> None:
    assert text_of(show(client, ri=KETTLE.key).select_one("#planned-drivers")) == "Drivers ahead: shelf as last known."


def test_last_year_is_what_was_sold_on_the_same_weekday(client: FlaskClient, background: Background) -> None:
    background.services.store.write("demand", KETTLE, demand_of(12.0, days=400))
    demand = demand_of(12.0, days=400).set_index("date")["demand"]

    chart = chart_on(show(client, ri=KETTLE.key, horizon="3"))

    assert chart["last_year"][-3:] == demand.loc["2025-07-02":"2025-07-04"].tolist()  # type: ignore[misc]
    assert set(chart["last_year"][:-3]) == {None}


def test_promos_and_the_backtest_are_on_the_chart(client: FlaskClient, background: Background, registry: FakeRegistry,
                                                  model: ForecastModel) -> None:
    assert "backtest" not in chart_on(show(client, ri=KETTLE.key))
    registry.promote(KETTLE, model)
    background.watch()

    chart = chart_on(show(client, ri=KETTLE.key))
    promos = demand_of(12.0).query("promo == 1")["date"].dt.strftime("%Y-%m-%d").tolist()
    shown = [units for units in chart["backtest"] if units is not None]

    assert [mark["name"] for mark in chart["marks"]] == ["promo"]
    assert [chart["dates"][place] for place in chart["marks"][0]["at"]] == promos
    assert shown == pytest.approx(np.array(model.backtest["forecast"]).ravel().tolist(), abs=0.01)
    assert not {"backtested", "as_sold"} & set(chart)


def test_the_backtest_of_several_counts_those_without_one_as_sold(client: FlaskClient, background: Background,
                                                                  registry: FakeRegistry, model: ForecastModel) -> None:
    for one in NORTH[1:3]:
        registry.promote(one, model)
    background.watch(sweep=True)
    background.services.store.write("demand", NORTH[3], demand_of(50.0))
    forecast = np.array(model.backtest["forecast"]).ravel()

    soup = show(client, ri=[one.key for one in NORTH[1:4]])

    shown = [units for units in chart_on(soup)["backtest"] if units is not None]
    dates = [at for at, units in zip(chart_on(soup)["dates"], chart_on(soup)["backtest"], strict=True)
             if units is not None]
    sold = demand_of(50.0).assign(date=lambda table: table["date"].astype(str)).set_index("date")["demand"]
    assert shown == pytest.approx((2 * forecast + sold[dates].to_numpy()).tolist(), abs=0.01)
    assert "of 2 region-items; the other 1 has none and counts as sold" in text_of(soup.select_one("#read-chart"))
    assert chart_on(soup)["backtested"] == [2, 3]  # which the name of the line says
    assert [units for units in chart_on(soup)["as_sold"] if units is not None] == sold[dates].tolist()


def test_promos_are_marked_where_half_of_a_selection_has_them(client: FlaskClient, background: Background) -> None:
    promos = demand_of(12.0).query("promo == 1")["date"].dt.strftime("%Y-%m-%d").tolist()
    background.services.store.write("demand", NORTH[1], demand_of(12.0).assign(promo=0.0))
    background.services.store.write("demand", NORTH[2], demand_of(12.0).assign(promo=0.0))
    half, third = (chart_on(show(client, ri=[one.key for one in NORTH[:count]])) for count in (2, 3))

    assert [half["dates"][place] for place in half["marks"][0]["at"]] == promos
    assert third["marks"] == []


def test_a_large_group_is_summed_from_the_stored_forecasts_and_says_what_is_missing(
        client: FlaskClient, background: Background, monkeypatch: pytest.MonkeyPatch) -> None:
    small = show(client, region="north", horizon="5")
    background.services.store.remove("demand", NORTH[3])
    background.make_stored_forecasts()
    monkeypatch.setattr(query, "MOST_REGION_ITEMS", 5)

    soup = show(client, region="north", horizon="5")

    assert "1 region-item of 29 has no forecast here yet" in text_of(soup.select_one("#missing"))
    assert total(soup) == pytest.approx(total(small) * 28 / 29, rel=0.01)  # all sell the same
    assert len(soup.select("#by-period tbody tr")) == 5
    assert not soup.select("#scenario, #seen, #why")
    assert "What-if and reasons are shown for up to" in text_of(soup.select_one("#result"))


def test_a_large_group_lists_its_members_in_pages_the_largest_first(client: FlaskClient, background: Background,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    background.services.store.write("demand", ODD, demand_of(90.0))
    background.make_stored_forecasts()
    monkeypatch.setattr(query, "MOST_REGION_ITEMS", 5)
    monkeypatch.setattr(forecast_page, "PAGE_SIZE", 20)

    first, second = (show(client, all="1", page=number).select("#by-region-item tbody tr") for number in "12")

    assert text_of(first[0].th) == str(ODD)
    assert (len(first), len(second)) == (20, len(REGION_ITEMS) - 20)
    assert "That page does not exist" in text_of(show(client, all="1", page="9"))
    assert client.get("/forecasts/why?all=1").status_code == 422
    assert post(client, "/forecasts", {"all": "1"}).status_code == 422


def test_a_large_group_has_the_past_that_a_small_one_has(client: FlaskClient, background: Background,
                                                         registry: FakeRegistry, model: ForecastModel,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    """History, last year and the backtest, which some do not have; one of them is shorter."""
    for one in NORTH[:20]:
        registry.promote(one, model)
    background.watch(sweep=True)
    background.services.store.write("demand", NORTH[2], demand_of(40.0).iloc[150:])
    background.make_stored_forecasts()
    small = chart_on(show(client, region="north"))
    monkeypatch.setattr(query, "MOST_REGION_ITEMS", 5)

    soup = show(client, region="north")
    large = chart_on(soup)

    for name in ("dates", "demand", "last_year", "outliers", "adjusted"):
        assert large[name] == small[name], name
    assert [units and round(units, 3) for units in large["backtest"]] == [
        units and round(units, 3) for units in small["backtest"]]  # stored in half the digits
    assert large["backtested"] == small["backtested"] == [20, 29]
    assert large["as_sold"] == pytest.approx(small["as_sold"])
    assert "of 20 region-items; the other 9 have none and count as sold" in text_of(soup.select_one("#result"))
    assert len(show(client, region="north", past="1").select("#by-period tbody.past tr")) > 1


def test_a_large_group_of_which_some_end_sooner_and_most_have_no_backtest(
        client: FlaskClient, background: Background, registry: FakeRegistry, model: ForecastModel,
        monkeypatch: pytest.MonkeyPatch) -> None:
    registry.promote(KETTLE, model)
    background.watch()
    background.services.store.write("demand", NORTH[2], demand_of(40.0).iloc[:-9])
    background.make_stored_forecasts()
    small = chart_on(show(client, all="1"))
    monkeypatch.setattr(query, "MOST_REGION_ITEMS", 5)

    some_without = show(client, all="1")

    assert chart_on(some_without)["demand"] == small["demand"]
    assert chart_on(some_without)["last_year"] == small["last_year"]
    assert "backtest" not in chart_on(some_without)
    assert "backtest" not in small


def test_a_large_group_tells_last_year_where_it_is_kept(app: Flask, client: FlaskClient, background: Background,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    background.have_stored_forecasts()
    with app.app_context(), writing():
        kettle = db.session.get_one(RegionItemRow, KETTLE.key)
        kettle.last_year, kettle.forecast_total, kettle.change_on_last_year = 100.0, 120.0, 0.2
    with app.app_context():
        refresh_due(background.services, create_app)
    monkeypatch.setattr(query, "MOST_REGION_ITEMS", 5)

    north = show(client, region="north")

    assert text_of(north.select_one("#last-year")) == "Last year 100 units +20.0 % since then (of 1 region-item)"
    rows = {text_of(row.th): text_of(row.find_all("td")[-1]) for row in north.select("#by-region-item tbody tr")}
    assert (rows[str(KETTLE)], rows["north · item 04"]) == ("+20.0 %", "–")
    assert not show(client, region="north", horizon="5").select("#last-year")  # kept of the whole horizon only


def test_a_group_without_any_stored_forecast_says_that_they_come(client: FlaskClient,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "MOST_REGION_ITEMS", 5)

    assert "31 region-items of 31 have no forecast here yet" in text_of(show(client, all="1"))


def archive(app: Flask, origin: str, units: float, key: str = KETTLE.key) -> None:
    """A forecast of so many units each day, as it stood."""
    rows = np.array([[units] * 3, [units - 2] * 3, [units + 2] * 3, [0.0] * 3], dtype="<f4")
    with app.app_context(), writing():
        db.session.add(ArchivedForecast(key=key, origin=origin, made_at=now(), served_by="1", content=rows.tobytes()))


def test_accuracy_is_that_of_what_people_saw_by_lead(client: FlaskClient, app: Flask) -> None:
    archive(app, "2026-06-28", 12.0)  # 29 June: 6 sold, 30 June: 9 sold; 1 July is not known yet
    archive(app, "2026-06-29", 10.0)  # 30 June: 9 sold

    soup = show(client, ri=KETTLE.key, horizon="3", past="1")
    rows = [[text_of(cell) for cell in row.find_all("td")] for row in soup.select("#by-lead tbody tr")]

    assert [row[0] for row in rows] == ["2", "1", "0"]
    assert rows[0][1:5] == ["46.7 %", "100.0 %", "+46.7 %", "50 %"]  # errors 6 and 1 of 15 sold; one in its interval
    assert rows[1][1] == "33.3 %"
    assert rows[2][1] == "–"
    before = [text_of(row.find_all("td")[1]) for row in soup.select("#by-period tbody.past tr")]
    assert before == ["", "12.0", "10.0"]


def test_accuracy_of_a_selection_pools_errors_of_each(client: FlaskClient, app: Flask) -> None:
    archive(app, "2026-06-29", 10.0)
    archive(app, "2026-06-29", 6.0, ODD.key)

    soup = show(client, ri=[KETTLE.key, ODD.key], horizon="3", past="1")

    assert [text_of(cell) for cell in soup.select("#by-lead tbody tr")[0].find_all("td")][:2] == ["2", "22.2 %"]
    assert text_of(soup.select("#by-period tbody.past tr")[-1].find_all("td")[1]) == "16.0"


def test_without_past_forecasts_the_page_says_that_they_are_kept(client: FlaskClient) -> None:
    words = text_of(show(client, ri=KETTLE.key).select_one("#seen"))

    assert "no actuals yet for past forecasts" in words


def test_regions_and_items_can_be_chosen_without_scripts(client: FlaskClient) -> None:
    soup = page(client.get("/forecasts?find=kettle"))

    assert [(box["name"], box["value"]) for box in soup.select("#choices input")] == [
        ("item", "kettle"), ("ri", "north|kettle"), ("ri", "south|kettle")]
    assert [box["name"] for box in page(client.get("/forecasts")).select("#choices input")][:2] == ["all", "region"]


def test_the_chart_of_three_years_is_columns_of_one_length(client: FlaskClient, background: Background) -> None:
    background.services.store.write("demand", KETTLE, demand_of(12.0, days=1500))

    soup = show(client, ri=KETTLE.key)
    chart = chart_on(soup)

    assert len(chart["dates"]) == 3 * 364 + 14
    assert {len(chart[name]) for name in ("demand", "plan", "lower", "upper", "last_year")} == {len(chart["dates"])}
    assert len(json.dumps(chart)) < 120_000


def test_a_large_selection_costs_no_question_for_each_region_item(client: FlaskClient, app: Flask,
                                                                  background: Background,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy import event

    background.make_stored_forecasts()
    monkeypatch.setattr(query, "MOST_REGION_ITEMS", 5)
    asked: list[str] = []
    with app.app_context():
        engine = db.engine
        assert db.session.query(RegionItemRow).count() == len(REGION_ITEMS)
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    show(client, all="1")

    assert len(asked) < 32  # the panels ask for what each of them offers
