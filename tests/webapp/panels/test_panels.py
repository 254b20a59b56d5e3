"""The panels of items, regions and time: what each counts beside the others' choices."""

from collections.abc import Iterator

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.datastructures import MultiDict

from demand_assets.forecasting.dataset.attributes import Attribute
from tests.webapp.attribute_builders import CATEGORY, DEPARTMENT, SIZE, declare, take_in
from tests.webapp.conftest import KETTLE, page, text_of
from webapp.db.database import db, now, writing
from webapp.panels import panels
from webapp.tables import Catalogue, Production

CHAIN = Attribute(name="chain", of="region")
ITEMS = {"kettle": {"department": "Kitchen", "category": "Kettles"},
         "item 00": {"department": "Kitchen", "category": "Pans"},
         "item 01": {"department": "Garden", "category": "Rakes"}}
REGIONS = {"north": {"chain": "city", "size": 80.0}, "south": {"chain": "mall", "size": 80.0}}
EVIL = "\"'><script>alert(1)</script>"


@pytest.fixture
def app(shared_app: Flask) -> Iterator[Flask]:
    before = shared_app.extensions["services"]
    declare(shared_app, (CATEGORY, DEPARTMENT, SIZE, CHAIN))
    take_in(shared_app, ITEMS, REGIONS)
    with shared_app.app_context(), writing():
        db.session.execute(update(Production).values(status="baseline"))
    yield shared_app
    shared_app.extensions["services"] = before


def counted(soup: BeautifulSoup, axis: str) -> dict[str, int]:
    """Value -> its count; those that are ticked with a star."""
    return {text_of(one.select_one(".form-check-label")) + ("*" if one.select_one("[checked]") else ""):
            int(text_of(one.select_one(".number"))) for one in soup.select(f"#panel-{axis} .panel-value")}


def shown(soup: BeautifulSoup) -> list[str]:
    return [text_of(row) for row in soup.select("#selection tbody th")]


def test_each_panel_counts_what_the_other_choices_leave(client: FlaskClient) -> None:
    plain = page(client.get("/"))
    assert counted(plain, "item") == {"Kitchen": 3, "Garden": 1}
    assert counted(plain, "region") == {"city": 29, "mall": 1}

    found = page(client.get("/?attribute=department:Kitchen"))
    assert counted(found, "item") == {"Kitchen*": 3, "Garden": 1}, "its own choice leaves the others to be ticked too"
    assert counted(found, "region") == {"city": 2, "mall": 1}

    both = page(client.get("/?attribute=department:Kitchen&attribute=chain:mall"))
    assert counted(both, "item") == {"Kitchen*": 1}
    assert counted(both, "region") == {"city": 2, "mall*": 1}
    assert shown(both) == ["south · kettle"]


def test_several_values_are_ticked_and_levels_are_drilled_down(client: FlaskClient) -> None:
    two = page(client.get("/?attribute=department:Kitchen&attribute=department:Garden&attribute=chain:city"))
    assert shown(two) == ["north · item 00", "north · item 01", "north · kettle"]

    drill = page(client.get("/?attribute=chain:city")).select_one("#panel-item .panel-drill")
    below = page(client.get(str(drill["href"])))
    assert counted(below, "item") == {"Kettles": 1, "Pans": 1}
    assert below.select_one("#level-category[checked]") is not None
    lowest = page(client.get(str(below.select_one("#panel-item .panel-drill")["href"])))
    assert counted(lowest, "item") == {"kettle": 1}
    assert lowest.select_one("#panel-item .panel-drill") is None


@pytest.mark.parametrize("asked", [
    ["department:Kitchen", "category:Pans", "chain:city"], ["item:kettle", "region:north"], ["size:80", "chain:mall"]])
def test_the_form_sent_without_scripts_keeps_every_choice(client: FlaskClient, asked: list[str]) -> None:
    soup = page(client.get("/", query_string={"attribute": asked, "items": "category"}))

    sent = [(str(one["name"]), str(one.get("value", "on"))) for one in soup.select("#filters input[name]")
            if one.get("type") not in ("checkbox", "radio") or one.has_attr("checked")]
    again = page(client.get("/", query_string=MultiDict(sent)))
    chips = [text_of(chip) for chip in soup.select("#table .chip")]
    assert len(chips) == len(asked)
    assert [text_of(chip) for chip in again.select("#table .chip")] == chips
    assert shown(again) == shown(soup)


def test_the_answer_to_a_tick_counts_every_panel_again(client: FlaskClient) -> None:
    answer = page(client.get("/?attribute=department:Kitchen", headers={
        "HX-Request": "true", "HX-Target": "table", "HX-Trigger": "filters"}))

    assert {str(one["id"]) for one in answer.select("[hx-swap-oob]")} >= {
        "panel-item", "panel-region", "panel-time", "saved-views"}
    assert counted(answer, "region") == {"city": 2, "mall": 1}
    looks_by_itself = page(client.get("/", headers={
        "HX-Request": "true", "HX-Target": "table", "HX-Trigger": "table"}))
    assert not looks_by_itself.select("#panel-item")


def test_time_counts_what_is_new_among_what_is_chosen(app: Flask, client: FlaskClient) -> None:
    with app.app_context(), writing():
        db.session.execute(update(Catalogue).where(Catalogue.item.in_(["kettle", "item 01"])).values(demand_at=now()))

    assert counted(page(client.get("/")), "time")["new demand"] == 3
    assert counted(page(client.get("/?attribute=department:Kitchen")), "time")["new demand"] == 2
    found = page(client.get("/?flag=new_demand&since=7"))
    assert counted(found, "item") == {"Kitchen": 2, "Garden": 1}
    assert counted(found, "time")["new demand*"] == 3
    assert found.select_one("#since-7[checked]") is not None


def test_of_many_values_the_most_frequent_are_listed_and_any_is_found(
        client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panels, "LISTED", 2)

    found = page(client.get("/?items=item&attribute=item:item 20"))
    assert counted(found, "item") == {"item 20*": 1, "kettle": 2, "a|b: 3.5 % <b>": 1}
    assert "27 more: type a part of the name." in text_of(found.select_one("#panel-item"))
    assert counted(page(client.get("/?items=item&find-item=TEM 07")), "item") == {"item 07": 1}
    assert "Nothing matches." in text_of(page(client.get("/?items=item&find-item=zzz")).select_one("#panel-item"))


def test_the_forecast_page_has_them_and_says_how_many_are_chosen(client: FlaskClient) -> None:
    soup = page(client.get("/forecasts?region=north&horizon=7"))
    assert counted(soup, "region")["north*"] == 29
    assert soup.select_one("#horizon-7[checked]") is not None
    assert [int(one["value"]) for one in soup.select("#choose-by-panels [name=horizon]")] == [7, 14]

    answer = page(client.get("/panels?attribute=region:north&attribute=department:Kitchen&regions=region"))
    assert text_of(answer).startswith("2 region-items")
    assert counted(answer, "region") == {"north*": 2, "south": 1}
    assert client.get("/panels?attribute=region:nowhere").status_code == 200
    assert client.get("/panels?items=chain").status_code == 422


def test_choices_of_both_axes_are_one_selection_everywhere(client: FlaskClient) -> None:
    both = {"attribute": ["region:north", "category:Kettles"]}

    assert text_of(page(client.get("/forecasts", query_string=both)).h1) == "product group Kettles, region north"
    assert [text_of(one) for one in page(client.get("/heat-map", query_string=both)).select("tbody th")] == ["kettle"]
    several = page(client.get("/forecasts?attribute=region:north&attribute=department:Kitchen"))
    bar = several.select_one("#selection-bar")
    assert text_of(bar.summary) == "2 region-items selected"
    assert [text_of(one) for one in bar.select("a")] == ["north · item 00", "north · kettle"]


def test_names_are_text_in_panels(app: Flask, client: FlaskClient) -> None:
    take_in(app, {"kettle": {"department": EVIL}}, state="2")

    soup = page(client.get("/", query_string={"attribute": f"department:{EVIL}"}))
    assert counted(soup, "item") == {f"{EVIL}*": 2}
    assert not [one for one in soup.select("script") if "alert(1)" in one.text]
    assert shown(page(client.get(str(soup.select_one("#panel-item .panel-drill")["href"])))) == [
        "north · kettle", "south · kettle"]


def test_counts_agree_with_what_is_shown(app: Flask, client: FlaskClient) -> None:
    with app.app_context(), writing():
        db.session.execute(update(Catalogue).where(Catalogue.key == KETTLE.key).values(in_catalogue=False))

    for asked in ({}, {"status": "baseline"}, {"q": "south"}):
        soup = page(client.get("/", query_string=asked))
        for axis, level in (("item", "department"), ("region", "chain")):
            for value, count in counted(soup, axis).items():
                narrowed = {**asked, "attribute": f"{level}:{value}", "size": "250"}
                assert len(shown(page(client.get("/", query_string=narrowed)))) == count, (asked, value)


@pytest.mark.parametrize(("asked", "totals"), [
    ("?attribute=department:Kitchen", "by=item&within=department:Kitchen"),
    ("?attribute=chain:city", "by=region&within=chain:city"),
    ("?attribute=region:north", "by=region&q=north"),
    ("?attribute=department:Kitchen&attribute=chain:city", ""), ("", "")])
def test_totals_and_the_heat_map_are_of_what_the_panels_chose(client: FlaskClient, asked: str, totals: str) -> None:
    links = {text_of(link): str(link["href"]) for link in page(client.get(f"/{asked}")).select("#tabs a")}

    assert links["Totals"].partition("?")[2] == totals
    assert all(chosen in links["Heat map"] for chosen in asked.removeprefix("?").split("&"))
    assert client.get(links["Totals"]).status_code == client.get(links["Heat map"]).status_code == 200
