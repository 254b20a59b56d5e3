"""The page of forecast value added: numbers to check by hand, and what is not known said so."""

from datetime import date

import pytest
from flask import Flask
from flask.testing import FlaskClient

from demand_assets.forecasting.contract.region_item import RegionItem
from tests.webapp.conftest import EMAIL, page, text_of
from tests.webapp.money_builders import declare_money
from tests.webapp.overrides.builders import rows_of
from tests.webapp.value_added.builders import ANNA, BEN, WEEK_BEFORE, Judged, sum_up, tell
from webapp.db.database import db, writing
from webapp.tables import User

SOUTH = RegionItem("south", "kettle")


@pytest.fixture
def judged(app: Flask) -> None:
    """North: of 100 sold the model was 30 off, the plan 20; Anna saved 10. South: nothing was sold, Ben did harm."""
    tell(app, Judged(40, 60, 60, override=50, by=ANNA, price=2.0), Judged(60, 60, 50, price=2.0))
    tell(app, Judged(0, 5, 1, override=4, by=BEN, price=10.0), Judged(0, 5, 1, lead=4, price=10.0), region_item=SOUTH)
    sum_up(app)


@pytest.mark.usefixtures("judged")
def test_segments_stand_beside_each_other_on_the_same_rows(client: FlaskClient) -> None:
    found = page(client.get("/value-added"))
    north, south = (text_of(row) for row in found.select("#compared tbody tr")[::-1])

    assert "2 of 2" in north
    assert "20.0 % 20.0 % too high" in north  # naive: 20 off, 20 too much
    assert "30.0 % 10.0 % too high" in north  # model: 20 + 10 off, 10 too much
    assert "20.0 % no bias" in north          # plan: 10 + 10 off, one too much and one too little
    assert "10 gained 20.00 gained" in north
    assert south.count("unknown") == 3        # nothing was sold
    assert "3 lost 30.00 lost" in south
    steps = text_of(found.select_one("#steps"))
    assert "31.0 % WAPE 11.0 % too high; 31 units, 70.00 € of error 6 units worse than seasonal naive" in steps
    assert ("24.0 % WAPE 4.0 % too high; 24 units, 80.00 € of error "
            "7 units better; 10.00 € worse than the model") in steps  # dear ones were lost
    assert "Compared on the same 3 rows of 3" in text_of(found.select_one("#counted"))


@pytest.mark.usefixtures("judged")
def test_who_gained_and_lost_is_said_by_money_and_units(client: FlaskClient) -> None:
    found = page(client.get("/value-added"))

    assert "north : 20.00 € gained (10 units gained) over 1 overridden row" in text_of(found.select_one("#gained"))
    assert "south : 30.00 € lost (3 units lost) over 1 overridden row" in text_of(found.select_one("#lost"))


@pytest.mark.usefixtures("judged")
def test_planners_are_told_also_when_their_account_is_gone(app: Flask, client: FlaskClient) -> None:
    tell(app, Judged(40, 60, 60, override=50, by=EMAIL, price=2.0))
    sum_up(app)
    with app.app_context(), writing():
        db.session.add(User(email=BEN, password="", active=False, fs_uniquifier="u"))

    rows = {row.th.a.string: text_of(row.th) for row in page(  # type: ignore[union-attr]
        client.get("/value-added?by=planner")).select("#compared tbody tr")}

    assert rows == {EMAIL: EMAIL, BEN: f"{BEN} no account"}


@pytest.mark.usefixtures("judged")
def test_one_segment_is_followed_by_planner_period_and_lead(client: FlaskClient) -> None:
    south = page(client.get("/value-added?by=planner&segment=region:south"))
    leads = page(client.get("/value-added?by=lead&segment=region:south"))
    ahead = page(client.get("/value-added?by=period&lead=4"))

    assert [text_of(one) for one in south.select("#compared tbody th a")] == [BEN]
    assert [text_of(one.th) for one in leads.select("#compared tbody tr")] == ["1 day ahead", "4 days ahead"]
    assert next(text_of(one.th) for one in ahead.select("#compared tbody tr")).startswith("Week of ")
    assert "1 row of 1" in text_of(ahead.select_one("#counted"))


def test_the_trend_has_a_point_for_each_week_and_none_where_nothing_was_sold(app: Flask, client: FlaskClient) -> None:
    tell(app, Judged(10, 13, 12), Judged(0, 13, 12, bucket=WEEK_BEFORE))
    sum_up(app)

    script = page(client.get("/value-added")).select_one(".trend-chart + script")

    assert script is not None
    assert '"values": [null, 20.0]' in str(script.string).replace("[null,20.0]", "[null, 20.0]")


def test_before_any_demand_came_nothing_is_claimed(client: FlaskClient) -> None:
    found = page(client.get("/value-added"))

    assert "No actuals yet" in text_of(found)
    assert found.select_one("#steps, #compared") is None
    assert "No override was judged" in text_of(page(client.get("/value-added?by=planner")))


def test_without_a_price_no_money_is_told(app: Flask, client: FlaskClient) -> None:
    tell(app, Judged(40, 60, 60, override=50, by=ANNA))
    sum_up(app)
    assert "no price known" in text_of(page(client.get("/value-added")).select_one("#compared tbody tr"))

    services = app.extensions["services"]
    declare_money(app, {}, currency="", drivers=False)
    try:
        found = page(client.get("/value-added"))
        assert "€" not in text_of(found.select_one("#content"))
        assert "Money" not in text_of(found.select_one("#counted"))
        assert "north : 10 units gained over" in text_of(found.select_one("#gained"))
    finally:
        app.extensions["services"] = services


@pytest.mark.usefixtures("judged")
def test_the_file_has_every_number_of_the_page(client: FlaskClient) -> None:
    rows = {one["Region"]: one for one in rows_of(client.get("/value-added?format=csv"))}

    assert {name: rows["north"][name] for name in (
        "Rows compared", "Rows in all", "Sold, units", "WAPE, Model", "Bias, Model", "Error in units, With overrides",
        "Error saved by overrides, units", "Error saved by overrides, €")} == {
            "Rows compared": "2", "Rows in all": "2", "Sold, units": "100.0", "WAPE, Model": "0.3",
            "Bias, Model": "0.1", "Error in units, With overrides": "20.0", "Error saved by overrides, units": "10.0",
            "Error saved by overrides, €": "20.0"}
    assert (rows["south"]["WAPE, Model"], rows["south"]["Error in units, Model"]) == ("", "1.0")
    period, = rows_of(client.get("/value-added?format=csv&by=period"))
    assert date.fromisoformat(period["Period"]).weekday() == 0
    assert client.get("/value-added?format=xlsx").status_code == 200


@pytest.mark.usefixtures("judged")
@pytest.mark.parametrize("query", [
    "by=colour", "lead=2", "lead=x", "back=5", "by=period&segment=region:east", "by=period&segment=x",
    "by=item&segment=region:north", "planner=nobody", "sort=x", "format=pdf"])
def test_what_cannot_be_asked_is_refused_in_words(client: FlaskClient, query: str) -> None:
    assert client.get(f"/value-added?{query}").status_code == 422
