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
    assert "27 more: type part of the name." in text_of(found.select_one("#panel-item"))
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


def test_beside_what_was_picked_one_by_one_they_are_counted_when_they_are_opened(client: FlaskClient) -> None:
    soup = page(client.get("/forecasts", query_string={"ri": KETTLE.key, "horizon": "7"}))
    waiting = soup.select_one("#panel-item")
    assert soup.select(".panel-value [name=attribute]") == []
    assert (waiting["hx-get"], waiting["hx-trigger"], waiting["hx-include"]) == (
        "/panels", "toggle from:#panels", "#choose-by-panels")
    assert {str(link["href"]) for link in soup.select("#choose-by-panels .no-script-only a")} == {"/forecasts#panels"}
    fields = [(str(one["name"]), str(one.get("value", ""))) for one in soup.select("#choose-by-panels [name]")
              if one.get("type") not in ("radio", "checkbox") or one.has_attr("checked")]

    answer = page(client.get("/panels", query_string=MultiDict(fields)))

    everywhere = page(client.get("/forecasts"))
    for axis in ("item", "region"):
        assert counted(answer, axis) == counted(everywhere, axis)
    assert text_of(answer).startswith("Nothing is ticked.")
    found = page(client.get("/forecasts", query_string={"ri": KETTLE.key, "find-item": "kitch"}))
    assert set(counted(found, "item")) == {"Kitchen"}


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


@pytest.mark.parametrize(("asked", "by"), [
    ("attribute=department:Kitchen", "by=item"), ("attribute=chain:city", ""), ("attribute=region:north", ""),
    ("attribute=chain:city&attribute=department:Kitchen", ""), ("flag=new_demand&since=7&status=baseline", ""),
    ("", "")])
def test_what_the_panels_chose_goes_along_to_totals_and_the_heat_map_and_back(client: FlaskClient, asked: str,
                                                                              by: str) -> None:
    chosen = {part for part in asked.split("&") if part}
    for path in ("/", "/totals", "/heat-map"):
        links = {text_of(link): str(link["href"]) for link in page(client.get(f"{path}?{asked}")).select("#tabs a")}
        for name, more in (("Region-items", ""), ("Totals", by), ("Heat map", "")):
            sent = set(links[name].partition("?")[2].split("&")) - {""}
            assert sent == chosen | ({more} - {""}), (path, name)
            assert client.get(links[name]).status_code == 200


@pytest.mark.parametrize("path", ["/totals", "/totals?by=item&sort=-total", "/heat-map", "/heat-map?skill=backtest"])
def test_totals_and_the_heat_map_have_the_same_panels(client: FlaskClient, path: str) -> None:
    def counts_of(soup: BeautifulSoup) -> list[dict[str, int]]:
        return [counted(soup, axis) for axis in ("item", "region", "time")]

    for asked in ("", "attribute=department:Kitchen", "attribute=chain:mall&items=category", "find-item=en"):
        beside = f"{path}{'&' if '?' in path else '?'}{asked}"
        found = page(client.get(beside))
        assert counts_of(found) == counts_of(page(client.get(f"/?{asked}"))), asked
        answer = page(client.get(beside, headers={"HX-Request": "true", "HX-Target": "table", "HX-Trigger": "filters"}))
        assert counts_of(answer) == counts_of(found)
        assert {str(one["id"]) for one in answer.select("[hx-swap-oob]")} == {
            "panel-item", "panel-region", "panel-time", "tabs"}
        assert text_of(answer.select_one("#table")) == text_of(found.select_one("#table"))
        sent = [(str(one["name"]), str(one.get("value", "on"))) for one in found.select("#filters [name]")
                if one.name == "input" and (one.get("type") not in ("checkbox", "radio") or one.has_attr("checked"))]
        again = page(client.get(path.partition("?")[0], query_string=MultiDict(
            [*sent, *(("skill", str(one["value"])) for one in found.select("#skill [selected]"))])))
        assert text_of(again.select_one("#table")) == text_of(found.select_one("#table")), "sent without scripts"


@pytest.mark.parametrize("path", ["/totals", "/heat-map"])
def test_an_answer_to_a_tick_tells_the_browser_its_address(client: FlaskClient, path: str) -> None:
    answer = client.get(f"{path}?attribute=department:Kitchen&q=&find-item=x&since=1", headers={
        "HX-Request": "true", "HX-Target": "table", "HX-Trigger": "filters"})

    address = answer.headers["HX-Push-Url"]
    assert "attribute=department:Kitchen" in address
    assert "find-item" not in address
    assert "since" not in address
    drill = page(client.get(address)).select_one("#panel-item .panel-drill")
    assert str(drill["href"]).startswith(path)
    assert counted(page(client.get(str(drill["href"]))), "item") == {"Kettles": 2, "Pans": 1}


def test_the_heat_map_and_totals_show_what_is_chosen_and_lead_to_it_as_a_list(client: FlaskClient) -> None:
    asked = "attribute=department:Kitchen&attribute=chain:city"

    for path in ("/totals", "/heat-map"):
        soup = page(client.get(f"{path}?{asked}"))
        assert [text_of(chip) for chip in soup.select("#table .chip")] == [
            "chain city × , leave out", "department Kitchen × , leave out"]
        which = soup.select_one("#matching")
        assert text_of(which) == "2 region-items of 31"
        assert shown(page(client.get(str(which["href"])))) == ["north · item 00", "north · kettle"]
        left_out = page(client.get(str(soup.select("#table .chip")[0]["href"])))
        assert text_of(left_out.select_one("#matching")) == "3 region-items of 31"
    heat = page(client.get(f"/heat-map?{asked}"))
    assert [text_of(one) for one in heat.select(".heat-map tbody th")] == ["item 00", "kettle"]
    assert [text_of(one) for one in heat.select(".heat-map thead th")] == ["Item", "north"]


@pytest.mark.parametrize("path", ["/", "/totals", "/heat-map"])
def test_administrators_whose_menu_is_longer_have_them_too(admin: FlaskClient, path: str) -> None:
    soup = page(admin.get(f"{path}?attribute=department:Kitchen"))

    assert counted(soup, "item") == {"Kitchen*": 3, "Garden": 1}
    assert len(soup.select("#table .chip")) == 1
