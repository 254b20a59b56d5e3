"""Attributes on the pages and in the API: filtered by, shown, in files; whatever they are called."""

from datetime import date
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict

from demand_assets.forecasting.dataset.attributes import Attribute, Attributes
from tests.webapp.attribute_builders import CATEGORY, declare, take_in
from tests.webapp.conftest import KETTLE, ODD, Background, page, post, text_of
from tests.webapp.overview.builders import judge_all, rows
from webapp.db.database import db
from webapp.region_items.attributes import attributes_of, follow
from webapp.tables import AttributeValue

ITEMS = {"kettle": {"department": "Kitchen", "category": "Kettles, hot", "fresh": False},
         "item 01": {"department": "Kitchen", "category": "Pans"},
         "item 02": {"department": "Garden", "category": "Rakes", "fresh": True}}
REGIONS = {"north": {"size": 1250.5, "opened": date(2020, 2, 29)}, "south": {"size": 80.0}}
EVIL = "<script>alert(1)</script>\"'&:,"


@pytest.fixture
def attributes(app: Flask) -> None:
    judge_all(app)
    declare(app)
    take_in(app, ITEMS, REGIONS)


def told(app: Flask) -> dict[str, str]:
    with app.app_context():
        return attributes_of([KETTLE])[KETTLE]


@pytest.mark.usefixtures("attributes")
def test_what_is_taken_in_again_changes_only_once_and_keeps_what_is_the_same(app: Flask) -> None:
    assert not take_in(app, ITEMS, REGIONS, state="2")
    assert told(app) == {"department": "Kitchen", "category": "Kettles, hot", "size": "1250.5", "opened": "2020-02-29",
                         "fresh": "no"}

    assert take_in(app, ITEMS | {"kettle": {"category": "Pots"}}, {})
    assert told(app) == {"category": "Pots"}


@pytest.mark.usefixtures("attributes")
def test_attributes_that_are_damaged_or_gone_from_the_store_stay_and_those_not_declared_go(app: Flask) -> None:
    with app.app_context():
        for lost in (Attributes(), Attributes(problem="no file matches items.csv")):
            assert not follow(lost, app.extensions["services"].dataset)
    assert told(app)["category"] == "Kettles, hot"

    declare(app, (CATEGORY,), ())
    take_in(app, ITEMS, REGIONS)
    assert told(app) == {"category": "Kettles, hot"}
    declare(app, (), ())
    take_in(app, ITEMS, REGIONS)
    with app.app_context():
        assert db.session.scalar(db.select(db.func.count()).select_from(AttributeValue)) == 0


@pytest.mark.usefixtures("attributes")
@pytest.mark.parametrize(("asked", "found"), [
    ("attribute=category:Pans", ["north · item 01"]),
    ("attribute=department:Kitchen", ["north · item 01", "north · kettle", "south · kettle"]),
    ("attribute=department:Kitchen&attribute=size:80", ["south · kettle"]),
    ("attribute=category:Pans&attribute=category:Rakes", ["north · item 01", "north · item 02"]),
    ("attribute=category:Kettles, hot&q=south", ["south · kettle"]),
    ("attribute.category=Pans&attribute.department=", ["north · item 01"]),
    ("attribute=opened:2020-02-29&attribute=fresh:yes", ["north · item 02"]),
    ("attribute=category:pans", []), ("attribute=category:Pans&attribute=department:Garden", [])])
def test_the_overview_shows_those_with_the_attributes_asked_for(client: FlaskClient, asked: str,
                                                                 found: list[str]) -> None:
    assert sorted(rows(client, f"/?{asked}")) == found


@pytest.mark.usefixtures("attributes")
@pytest.mark.parametrize("asked", ["attribute=colour:red", "attribute=category", "attribute.colour=red",
                                   "attribute=:x", f"attribute={quote(EVIL)}"])
@pytest.mark.parametrize("path", ["/", "/heat-map", "/forecasts"])
def test_an_attribute_that_is_not_declared_is_refused_in_words(client: FlaskClient, path: str, asked: str) -> None:
    response = client.get(f"{path}?{asked}")

    assert response.status_code == 422
    assert "category" in response.text
    assert EVIL not in response.text


@pytest.mark.usefixtures("attributes")
def test_filters_have_controls_are_named_and_can_be_left_out(client: FlaskClient) -> None:
    asked = "attribute=category:Kettles, hot&status=baseline&attribute=department:Kitchen"
    heat = page(client.get(f"/heat-map?{asked}"))

    assert [text_of(one.select_one(".form-check-label")) for one in heat.select(
        "#panel-item .panel-value:has([checked])")] == ["Kitchen"]
    assert heat.select_one("#status option[selected]")["value"] == "baseline"
    assert [text_of(chip) for chip in heat.select("#table .chip")] == [
        "product group Kettles, hot × , leave out", "department Kitchen × , leave out"]
    found = page(client.get(f"/?{asked}"))
    chips = {text_of(chip): chip["href"] for chip in found.select("#table .chip")}
    assert list(chips) == ["product group Kettles, hot × , leave out", "department Kitchen × , leave out"]
    assert rows(client, str(chips["product group Kettles, hot × , leave out"])) == [
        "north · item 01", "north · kettle", "south · kettle"]
    hidden = [field["value"] for field in found.select("#selection input[name=attribute]")]
    assert hidden == ["category:Kettles, hot", "department:Kitchen"]
    assert "attribute=department" in str(found.select_one("#tabs a[href*='heat-map']")["href"])
    assert len(page(client.get("/heat-map?attribute=category:Pans")).select("td.heat")) == 1


@pytest.mark.usefixtures("attributes")
@pytest.mark.parametrize("path", ["/", "/heat-map"])
@pytest.mark.parametrize("asked", [["category:Pans", "category:Rakes"], ["size:80"], ["fresh:yes"],
                                   ["category:Kettles, hot", "size:80", "fresh:no"], ["category:x&y=z:ü"]])
def test_the_form_that_is_sent_again_keeps_what_was_asked_for(client: FlaskClient, path: str, asked: list[str]) -> None:
    shown = page(client.get(path, query_string={"attribute": asked}))
    form = shown.select_one("form[role=search]:has([name^=attribute])")

    assert form is not None
    sent = [(str(field["name"]), str(field.get("value", ""))) for field in form.select("input[type=hidden]")]
    sent += [(str(field["name"]), str(field["value"])) for field in form.select("input[type=checkbox][checked]")]
    sent += [(str(field["name"]), str(option["value"])) for field in form.select("select")
             for option in field.select("option[selected]")]
    again = page(client.get(path, query_string=MultiDict(sent)))
    assert sorted(text_of(chip) for chip in again.select(".chip")) == sorted(
        text_of(chip) for chip in shown.select(".chip"))
    assert len(again.select(".chip")) == len(asked)


@pytest.mark.usefixtures("attributes")
def test_all_that_match_can_be_selected(client: FlaskClient) -> None:
    response = post(client, "/forecasts/selection", {"everything": "1", "attribute": ["department:Kitchen", "size:80"]})

    assert response.headers["Location"].endswith("/forecasts?ri=south%7Ckettle")


def test_where_none_is_declared_nothing_is_shown(app: Flask, client: FlaskClient, background: Background) -> None:
    judge_all(app)
    background.make_stored_forecasts()
    take_in(app, ITEMS, REGIONS)

    for url in ("/", "/totals", "/heat-map", f"/forecasts?ri={KETTLE.key}"):
        found = page(client.get(url))
        assert not found.select("[name^='attribute.'], [id*=attribute], [href*=attribute]"), url
        assert {str(one["value"]).partition(":")[0] for one in found.select("[name=attribute]")} <= {"item", "region"}
    assert "Region,Item,Date" in client.get(
        f"/forecasts/download?format=csv&of=region-items&ri={KETTLE.key}").text.splitlines()[0]
    assert client.get("/?attribute=category:Pans").status_code == 422


def test_values_are_text_wherever_they_stand(app: Flask, client: FlaskClient) -> None:
    judge_all(app)
    declare(app, (Attribute(name="category", of="item", label=EVIL),), ("category",))
    take_in(app, {"kettle": {"category": EVIL}})

    for url in ("/", f"/?attribute=category:{quote(EVIL)}", f"/forecasts?ri={KETTLE.key}",
                f"/forecasts?attribute=category:{quote(EVIL)}", f"/totals?by=category&within=category:{quote(EVIL)}",
                "/totals?by=category"):
        response = client.get(url)
        assert "<script>alert" not in response.text, url
    assert sorted(rows(client, f"/?attribute=category:{quote(EVIL)}")) == ["north · kettle", "south · kettle"]
    link = page(client.get(f"/forecasts?ri={KETTLE.key}")).select_one("#attributes a")
    assert link is not None
    assert text_of(link) == EVIL
    assert sorted(rows(client, str(link["href"]))) == ["north · kettle", "south · kettle"]


def test_of_many_values_the_most_frequent_are_listed_and_any_can_be_asked_for(app: Flask, client: FlaskClient) -> None:
    judge_all(app)
    declare(app, (CATEGORY,), ())
    take_in(app, {f"item {number:04}": {"category": f"c{number:04}"} for number in range(1000)} | {
        "item 01": {"category": "z"}, "kettle": {"category": "z"}})

    found = page(client.get("/heat-map?attribute.category=z"))

    assert text_of(found.select_one("#panel-item [checked] + .form-check-label")) == "z"
    assert rows(client, "/?attribute.category=z") == ["north · item 01", "north · kettle", "south · kettle"]


@pytest.mark.usefixtures("attributes")
def test_a_region_item_shows_its_attributes(client: FlaskClient) -> None:
    shown = page(client.get(f"/forecasts?ri={KETTLE.key}")).select_one("#attributes p")

    assert text_of(shown).startswith("Department Kitchen · Product group Kettles, hot · Size 1250.5 m² · Opened ")
    assert "2020" in text_of(shown)
    assert page(client.get(f"/forecasts?ri={ODD.key}")).select_one("#attributes") is None


@pytest.mark.usefixtures("attributes")
def test_files_have_a_column_for_each_attribute(client: FlaskClient) -> None:
    lines = client.get("/forecasts/download?format=csv&of=region-items&attribute=category:Kettles, hot"
                       ).text.splitlines()

    assert lines[0].endswith("to, units\",Department,Product group,Size,Opened,Fresh,\"Price, €\",\"Revenue, €\"")
    assert ',Kitchen,"Kettles, hot",1250.5,2020-02-29,no,10.0,' in lines[1]
    assert ',Kitchen,"Kettles, hot",80.0,,no,10.0,' in lines[-1]


@pytest.mark.usefixtures("attributes")
def test_a_selection_by_attribute_is_forecast_as_one(client: FlaskClient) -> None:
    found = page(client.get("/forecasts?attribute=department:Kitchen"))

    assert text_of(found.h1) == "department Kitchen"
    assert len(found.select("#by-region-item tbody tr")) == 3
    assert client.get("/forecasts?attribute=department:Nowhere").status_code == 404
