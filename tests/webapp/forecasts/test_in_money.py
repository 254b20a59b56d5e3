"""A forecast in money: the same to the digit in lists, in files and in the API, its sum at the top of a page without
parts of the unit; what is not known is not 0."""

import csv
import io
from typing import Any
from urllib.parse import quote

import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient

from demand_assets.forecasting.contract.region_item import RegionItem
from tests.webapp.api.conftest import Program, token_for
from tests.webapp.attribute_builders import take_in
from tests.webapp.conftest import (
    EMAIL,
    KETTLE,
    LAST_DAY,
    ODD,
    REGION_ITEMS,
    Background,
    demand_of,
    page,
    text_of,
    with_session,
)
from tests.webapp.fakes import FakeDagster, FakeRegistry, keys_of
from tests.webapp.forecasts.builders import ask, change
from tests.webapp.money_builders import declare_money
from tests.webapp.overview.builders import cells, judge_all
from webapp import create_app
from webapp.db.database import db, writing
from webapp.forecasts import query
from webapp.region_items.prices_and_costs import follow_entries
from webapp.stored_forecasts.computing import due_keys, make, tell_totals
from webapp.stored_forecasts.groups import refresh_due
from webapp.tables import GroupForecast, Override, RegionItemRow

NOWHERE = RegionItem("north", "item 02")
"""Its price is never known."""


@pytest.fixture(scope="module")
def shop(template_app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """Dinars of three decimals; two costs, one of them above its price; overrides that are no round numbers."""
    declare_money(template_app, {"cost": {"attribute": "landed"}}, "KWD")
    background = Background(template_app, FakeDagster(keys=keys_of(sorted(REGION_ITEMS))),
                            FakeRegistry(tmp_path_factory.mktemp("registry"), "shop"))
    background.services.store.write("demand", NOWHERE, demand_of(12.0).assign(price=float("nan")))
    background.services.store.write("demand", KETTLE, demand_of(12.3457).assign(price=9.8765))
    judge_all(template_app)
    take_in(template_app, {"kettle": {"landed": 6.1234}, "item 01": {"landed": 12.5}})
    background.make_stored_forecasts()
    with template_app.app_context():
        with writing():
            for number, (way, amount) in enumerate((("percent", 7.3), ("value", 41.23456789)), 1):
                db.session.add(Override(batch="b", key=KETTLE.key, date=f"2026-07-0{number}", way=way, amount=amount,
                                        comment="", made_by=EMAIL))
            db.session.flush()
            tell_totals([db.session.get_one(RegionItemRow, KETTLE.key)])
        refresh_due(template_app.extensions["services"], create_app)
    return template_app


@pytest.fixture
def planner(shop: Flask, session_cookies: dict[str, str]) -> FlaskClient:
    return with_session(shop.test_client(), session_cookies[EMAIL])


@pytest.fixture(scope="module")
def api(shop: Flask) -> Program:
    return Program(shop, token_for(shop, "planner"))


def made(app: Flask, *region_items: RegionItem) -> None:
    """Their stored forecasts are made."""
    with app.app_context():
        make(app.extensions["services"], [one.key for one in region_items])


def files(client: FlaskClient, of: str, **args: Any) -> list[dict[str, str]]:
    response = client.get("/forecasts/download", query_string={"ri": KETTLE.key, "format": "csv", "of": of, **args})
    assert response.status_code == 200
    return list(csv.DictReader(io.StringIO(response.data.decode("utf-8-sig"))))


def summed(rows: list[dict[str, str]], title: str) -> float:
    return sum(float(row[title]) for row in rows if row[title])


def test_pages_files_and_the_api_say_the_same_to_the_digit(planner: FlaskClient, api: Program) -> None:
    listed = api.told("/region-items/north%7Ckettle")
    [now] = api.told("/forecasts?key=north%7Ckettle")["forecasts"]
    total = api.told("/totals?key=north%7Ckettle")
    url = "/?q=north+kettle&columns=price,cost,revenue,margin"
    shown = cells(page(planner.get(url)))
    soup = page(planner.get("/forecasts", query_string={"ri": KETTLE.key}))
    rows = files(planner, "region-items")

    assert listed["revenue"] == now["revenue"] == total["money"]["revenue"] == round(listed["revenue"], 3)
    assert listed["margin"] == now["margin"] == total["money"]["margin"]
    assert shown["Revenue, KWD"] == f"{listed['revenue']:,.3f}"
    assert shown["Margin, KWD"].startswith(f"{listed['margin']:,.3f} ")
    assert shown["Price, KWD"].startswith("9.8765 ")
    assert shown["Cost, KWD"] == "6.1234"
    assert f"Revenue {listed['revenue']:,.0f} KWD" in text_of(soup.select_one("#in-money"))  # an estimate
    assert f"margin {listed['margin']:,.0f} KWD" in text_of(soup.select_one("#in-money"))
    assert [float(row["Revenue, KWD"]) for row in rows] == [one["revenue"] for one in now["periods"]]
    assert [float(row["Price, KWD"]) for row in rows] == [one["price"] for one in now["periods"]] == [9.8765] * 14
    assert [one["revenue"] for one in total["periods"]] == [one["revenue"] for one in now["periods"]]
    assert listed["revenue"] == pytest.approx(9.8765 * now["total"], rel=1e-6)
    assert now["periods"][1]["revenue"] == round(41.23456789 * 9.8765, 3)
    assert listed["margin"] == pytest.approx((9.8765 - 6.1234) * now["total"], rel=1e-6)


def test_the_numbers_of_the_table_are_those_of_the_file(planner: FlaskClient) -> None:
    soup = page(planner.get("/forecasts", query_string={"ri": KETTLE.key}))
    titles = [text_of(one) for one in soup.select("#by-period thead th")]
    place = titles.index("Revenue, KWD")
    shown = [text_of(row.select("th, td")[place]) for row in soup.select("#by-period tbody.ahead tr")]

    assert shown == [f"{float(row['Revenue, KWD']):,.3f}" for row in files(planner, "periods")]


def test_a_sum_tells_how_many_have_no_price_and_leaves_them_out(planner: FlaskClient, api: Program) -> None:
    both = [KETTLE.key, NOWHERE.key]
    alone = api.told("/region-items/north%7Citem%2002")
    total = api.told("/totals?" + "&".join(f"key={key.replace('|', '%7C').replace(' ', '%20')}" for key in both))
    soup = page(planner.get("/forecasts", query_string={"ri": both}))
    rows = files(planner, "region-items", ri=both)

    assert (alone["price"], alone["revenue"], alone["margin"], alone["live_error_money"]) == (None,) * 4
    assert alone["forecast"] > 0
    assert (total["region_items"], total["money"]["priced"], total["money"]["costed"]) == (2, 1, 1)
    assert total["money"]["revenue"] == api.told("/region-items/north%7Ckettle")["revenue"]
    assert "price unknown for 1 of 2 region-items" in text_of(soup.select_one("#in-money"))
    assert {row["Revenue, KWD"] for row in rows if row["Item"] == NOWHERE.item} == {""}
    only = page(planner.get("/forecasts", query_string={"ri": NOWHERE.key})).select_one("#in-money")
    assert text_of(only) == "Revenue – price unknown"
    table = page(planner.get("/forecasts", query_string={"ri": NOWHERE.key})).select_one("#by-period")
    assert "Revenue" not in text_of(table.thead)  # no column that is empty in every row; files have it all the same
    assert "Revenue, KWD" in rows[0]


def test_a_cost_above_the_price_is_a_loss(planner: FlaskClient, api: Program) -> None:
    told = api.told("/region-items/north%7Citem%2001")

    assert told["margin"] < 0 < told["revenue"]
    assert told["margin"] == pytest.approx(told["revenue"] - 12.5 * told["forecast"], abs=0.01)
    assert cells(page(planner.get("/?q=item+01&columns=margin")))["Margin, KWD"].startswith("-")


def test_the_overview_is_sorted_by_money_and_what_is_not_known_comes_last(planner: FlaskClient) -> None:
    soup = page(planner.get("/?sort=-revenue&columns=revenue,backtest_error_money,error_money&size=50"))
    money = [text_of(one) for one in soup.select("td[data-label='Revenue, KWD']")]

    assert money[-1] == "–"
    known = [float(one.replace(",", "")) for one in money[:-1]]
    assert known == sorted(known, reverse=True)
    assert "The price of 1 region-item is unknown" in text_of(soup.select_one("#in-money"))


def test_totals_have_money_of_those_whose_price_is_known(shop: Flask, planner: FlaskClient, api: Program) -> None:
    with shop.app_context():
        everything = db.session.get_one(GroupForecast, ("all", ""))
        each = [row.revenue for row in db.session.scalars(db.select(RegionItemRow)) if row.revenue is not None]
        assert (everything.size, everything.priced, everything.costed) == (
            len(REGION_ITEMS), len(REGION_ITEMS) - 1, 3)  # the kettle is sold in two regions
        assert everything.revenue == pytest.approx(sum(each), rel=1e-12)
        db.session.rollback()
    north = next(one for one in api.told("/totals/groups?by=region")["totals"] if one["name"] == "north")
    soup = page(planner.get("/totals?sort=-revenue"))
    lines = {text_of(row.th): [text_of(cell) for cell in row.select("td[data-label='Revenue, KWD']")]
             for row in soup.select("tbody tr")}

    assert lines["north"] == [f"{north['money']['revenue']:,.3f} of {north['money']['priced']} of "
                              f"{north['region_items']}"]
    assert list(lines)[1] == "north"


def test_a_large_group_says_what_its_region_items_say(planner: FlaskClient, api: Program,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    live = api.told("/totals?all=true")["money"]
    monkeypatch.setattr(query, "MOST_REGION_ITEMS", 5)
    group = api.told("/totals?all=true")["money"]

    assert group == live
    soup = page(planner.get("/forecasts?all=1"))
    assert f"Revenue {live['revenue']:,.0f} KWD" in text_of(soup.select_one("#in-money"))
    assert summed(files(planner, "periods", ri=[], all="1"), "Revenue, KWD") == pytest.approx(live["revenue"], abs=0.02)


def test_a_scenario_is_told_at_its_own_price(planner: FlaskClient, api: Program) -> None:
    body = {"keys": [KETTLE.key], "changes": [
        {"driver": "price", "action": "set", "value": 5.0, "first": "2026-07-01", "last": "2026-07-14"}]}
    told = api.post("/forecasts", body).json
    assert told is not None
    plan, scenario = told["region_items"][0]["plan"], told["region_items"][0]["scenario"]
    soup = ask(planner, **change(action="set", value="5"))
    [row, *_] = files(planner, "region-items", **change(action="set", value="5"))

    assert {one["price"] for one in scenario["periods"]} == {5.0}
    assert {one["price"] for one in plan["periods"]} == {9.8765}
    assert scenario["revenue"] == pytest.approx(5.0 * scenario["total"], rel=1e-6)
    assert scenario["margin"] == pytest.approx((5.0 - 6.1234) * scenario["total"], abs=0.001)
    assert scenario["margin"] < 0 < plan["margin"]
    assert told["scenario_money"]["revenue"] == scenario["revenue"]
    assert f"Scenario revenue {scenario['revenue']:,.0f} KWD" in text_of(soup.select_one("#in-money"))
    assert (float(row["Scenario price, KWD"]), float(row["Plan price, KWD"])) == (5.0, 9.8765)
    assert float(row["Scenario revenue, KWD"]) == scenario["periods"][0]["revenue"]


def test_a_dataset_without_a_price_says_nothing_of_money(
        client: FlaskClient, app: Flask) -> None:
    declare_money(app, {}, drivers=False, attributes=())
    judge_all(app)
    made(app, KETTLE)
    with app.app_context():
        assert not follow_entries(app.extensions["services"].dataset)

    assert client.get("/?columns=revenue").status_code == 422
    assert client.get("/?sort=-margin").status_code == 422
    assert page(client.get("/")).select("[id=column-revenue], #in-money") == []
    assert page(client.get("/forecasts", query_string={"ri": KETTLE.key})).select("#in-money") == []
    assert not [title for title in files(client, "region-items")[0] if "evenue" in title or "rice" in title]
    told = Program(app, token_for(app, "viewer")).told("/totals?key=north%7Ckettle")
    assert told["money"] == {"revenue": None, "priced": 0, "margin": None, "costed": 0}
    assert told["periods"][0]["revenue"] is None


def test_a_price_that_is_no_driver_follows_the_price_driver_of_a_scenario(
        app: Flask) -> None:
    """Net of tax, say: its change is that of the price on the shelf; and an item without one has no revenue."""
    declare_money(app, {"price": {"attribute": "list_price"}})
    take_in(app, {"kettle": {"list_price": 8.0}})
    made(app, KETTLE, ODD)
    api = Program(app, token_for(app, "planner"))
    told = api.post("/forecasts", {"keys": [KETTLE.key, ODD.key], "changes": [
        {"driver": "price", "action": "percent", "value": -50, "first": "2026-07-01", "last": "2026-07-14"}]}).json
    assert told is not None
    kettle, odd = told["region_items"]

    assert {one["price"] for one in kettle["scenario"]["periods"]} == {4.0}
    assert kettle["scenario"]["revenue"] == pytest.approx(4.0 * kettle["scenario"]["total"], rel=1e-6)
    assert odd["plan"]["revenue"] is odd["scenario"]["revenue"] is None
    assert (told["scenario_money"]["priced"], told["scenario_money"]["revenue"]) == (1, kettle["scenario"]["revenue"])

    with app.app_context(), writing():
        for row in db.session.scalars(db.select(RegionItemRow)):
            row.forecast_due = False
    take_in(app, {"kettle": {"list_price": 7.0}}, state="2")
    with app.app_context():
        assert due_keys(100) == [KETTLE.key, "south|kettle"]
    made(app, KETTLE)
    listed = api.told("/region-items/north%7Ckettle")
    assert (listed["price"], listed["price_date"]) == (7.0, None)
    assert listed["revenue"] == pytest.approx(7.0 * listed["forecast"], rel=1e-6)


def test_prices_in_the_rows_are_told_with_their_date_and_only_where_they_are(app: Flask) -> None:
    """One table is of before the dataset file said where prices stand; one region has none; errors weigh by them."""
    declare_money(app, {"price": {"column": "VK"}, "cost": {"column": "EK"}}, attributes=())
    store = app.extensions["services"].store
    rows = demand_of(12.0)
    dearer = rows.assign(unit_price=[*[4.0] * (len(rows) - 5), *[5.0] * 2, *[float("nan")] * 3], unit_cost=float("nan"))
    ahead = dearer.tail(1).assign(date=pd.Timestamp(LAST_DAY) + pd.Timedelta(days=8), demand=float("nan"),
                                  unit_price=6.0)
    gap = pd.DataFrame({"date": pd.date_range(LAST_DAY, periods=8)[1:]})
    store.write("demand", KETTLE, pd.concat([dearer, gap, ahead], ignore_index=True))
    made(app, KETTLE, ODD)
    api = Program(app, token_for(app, "viewer"))
    kettle, [now] = api.told("/region-items/north%7Ckettle"), api.told("/forecasts?key=north%7Ckettle")["forecasts"]
    odd = api.told(f"/region-items/{quote(ODD.key, safe='')}")

    assert (kettle["price"], kettle["price_date"], kettle["cost"]) == (5.0, "2026-06-27", None)
    assert [one["price"] for one in now["periods"]] == [5.0] * 7 + [6.0] * 7
    assert kettle["revenue"] == now["revenue"] > 0
    assert (kettle["margin"], now["margin"]) == (None, None)
    assert (odd["price"], odd["price_date"], odd["revenue"]) == (None, None, None)
    assert odd["forecast"] > 0
