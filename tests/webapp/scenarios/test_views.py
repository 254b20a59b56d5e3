"""The scenarios' screen: made, computed, shown, compared, taken along."""

import csv
import io
import re
from copy import deepcopy
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook

from tests.webapp.conftest import (
    KETTLE,
    ODD,
    PASSWORD,
    REGION_ITEMS,
    Background,
    hidden,
    page,
    post,
    text_of,
)
from tests.webapp.fakes import FakeRegistry
from tests.webapp.scenario_forms import CUT, saved, scenario_of, send, shown
from webapp.accounts.views import create_user
from webapp.db.database import db, writing
from webapp.tables import SavedScenario


def test_without_any_the_list_says_how_to_make_one(client: FlaskClient) -> None:
    words = text_of(shown(client, "/scenarios").main)

    assert "No scenario yet" in words
    assert "Create the first one" in words


def test_a_scenario_is_saved_computed_and_shown_beside_the_plan(client: FlaskClient, promoted: FakeRegistry) -> None:
    soup = shown(client, saved(client, name="Summer sale", description="Ask Ann"))
    words = text_of(soup.main)

    assert text_of(soup.h1) == "Summer sale"
    assert "Ask Ann" in words
    assert "up to date" in words
    assert "price −20 % from Jul 1, 2026 to Jul 14, 2026" in text_of(soup.select_one("#asked"))
    assert re.search(r"Difference \+[\d.,]+ units \(\+[\d.]+ %\)", text_of(soup.select_one("#units")))
    assert "€" in text_of(soup.select_one("#revenue"))
    assert "Price" in text_of(soup.select_one("#why"))
    assert len(soup.select("#by-region-item tbody tr")) == 2
    assert len(soup.select("#by-period tbody tr")) == 14


def test_a_scenario_left_without_a_name_is_called_what_it_does(client: FlaskClient, promoted: FakeRegistry) -> None:
    soup = shown(client, saved(client, ri=[KETTLE.key]))

    assert text_of(soup.h1) == "price −20 %: north · kettle"


def test_the_same_form_sent_twice_makes_one(client: FlaskClient, app: Flask) -> None:
    soup = page(client.get("/scenarios/new"))
    data = {"csrf_token": hidden(soup, "csrf_token"), "token": hidden(soup, "token"), "ri": KETTLE.key, **CUT}

    first, second = (client.post("/scenarios/new", data=data) for _ in range(2))

    assert first.headers["Location"] == second.headers["Location"]
    with app.app_context():
        assert db.session.query(SavedScenario).count() == 1


def test_ticked_items_in_ticked_regions_are_selected(client: FlaskClient, app: Flask) -> None:
    path = saved(client, ri=[], region=["north", "south"], item=["kettle", "item 03"])

    assert scenario_of(app, path).asked["keys"] == ["north|item 03", "north|kettle", "south|kettle"]


def test_all_can_be_selected_at_once(client: FlaskClient, app: Flask) -> None:
    assert len(scenario_of(app, saved(client, ri=[], everything="1")).asked["keys"]) == len(REGION_ITEMS)


def test_too_many_are_refused_with_the_number_allowed(client: FlaskClient) -> None:
    response = send(client, ri=[f"north|{number}" for number in range(501)])

    assert response.status_code == 422
    assert "These are 501 region-items; a scenario holds at most 500." in text_of(page(response))


@pytest.mark.parametrize(("fields", "words"), [
    ({"ri": []}, "Nothing is selected."),
    ({"ri": ["north|nothing", KETTLE.key]}, "1 region-item asked for is not in the dataset and left out of the "
                                            "selection: north|nothing."),
    ({"ri": ["no key", "x|"]}, "2 region-items asked for are not in the dataset"),
    ({"horizon": "15"}, "The horizon must be a whole number from 1 to 14, not '15'."),
    ({"change-0-driver": "weather"}, "'weather' is not a driver of Test shop"),
    ({"change-0-value": "many"}, "Give a number, not 'many'."),
    ({"change-0-driver": ""}, "is not a driver"),
    ({"change-0-item": ["item 03"]}, "The change of price affects nothing selected"),
    ({"name": "x" * 121}, "A name has at most 120 characters"),
    ({"plan": "nonsense\n1\n"}, "The first line must name the columns"),
    ({"plan": "region,item,date,price\nnorth,kettle,2026-07-02,\n"},
     "The plan holds no row with a value. Fill in a cell under price or promo or shelf"),
    ({"ri": [], "plan": "region,item,date,price\nnorth,toaster,2026-07-02,9\n"},
     "Nothing is selected, and the plan names no region-item of the dataset."),
    ({"ri": [], "plan": "date,price\n2026-07-02,9\n"},
     "or name them in columns region and item, as in north and item 00."),
    ({"horizon": "15", "plan": "nonsense"}, "The horizon must be a whole number from 1 to 14, not '15'"),
])
def test_wrong_input_is_told_and_nothing_is_saved(client: FlaskClient, app: Flask, fields: dict[str, Any],
                                                  words: str) -> None:
    response = send(client, **fields)

    assert response.status_code == 422
    assert words in text_of(page(response).main)
    with app.app_context():
        assert db.session.query(SavedScenario).count() == 0


@pytest.mark.parametrize("by_file", [False, True])
def test_a_plan_that_names_its_region_items_needs_no_selection(client: FlaskClient, app: Flask, by_file: bool) -> None:
    text = f"region,item,date,price\nNORTH,kettle,2026-07-02,9\n{ODD.region},{ODD.item},2026-07-03,8\n"
    plan: dict[str, Any] = {"file": (io.BytesIO(text.encode()), "plan.csv")} if by_file else {"plan": text}

    response = send(client, ri=[], **{"change-0-driver": []}, **plan)

    assert response.status_code == 303, text_of(page(response).main)
    asked = scenario_of(app, response.headers["Location"]).asked
    assert sorted(asked["keys"]) == sorted([KETTLE.key, ODD.key])
    assert len(asked["plan"]) == 2


def test_a_form_that_is_sent_again_after_a_change_is_another_scenario(client: FlaskClient, app: Flask) -> None:
    soup = page(client.get("/scenarios/new"))
    again = {"token": hidden(soup, "token")}
    first, same, changed = (send(client, **again, name=name).headers["Location"] for name in ("One", "One", "Two"))

    assert first == same != changed
    assert (scenario_of(app, first).name, scenario_of(app, changed).name) == ("One", "Two")


def test_a_link_fills_the_editor_in(client: FlaskClient) -> None:
    soup = page(client.get("/scenarios/new", query_string={"ri": KETTLE.key, "horizon": "7", **CUT}))

    assert soup.select_one("[name=change-0-value]")["value"] == "-20"  # type: ignore[index]
    assert "north · kettle; Jul 1, 2026 to Jul 7, 2026" in text_of(soup.select_one("#selected"))


def test_a_link_need_not_say_all_of_a_change(client: FlaskClient) -> None:
    soup = page(client.get("/scenarios/new", query_string={
        "ri": KETTLE.key, "change-0-driver": "price", "change-0-value": "-10", "change-1-driver": "promo",
        "change-x-driver": "price", "change-2-driver": "weather"}))
    fields = {name: soup.select_one(f"[name={name}]")["value"]  # type: ignore[index]
              for name in ("change-0-first", "change-0-last", "change-1-action")}

    assert fields == {"change-0-first": "2026-07-01", "change-0-last": "2026-07-14", "change-1-action": "set"}
    assert not soup.select(".invalid-feedback")
    assert "'weather' is not a driver of Test shop" in text_of(soup.select_one("#messages"))


def test_changes_are_added_and_removed_without_saving(client: FlaskClient, app: Flask) -> None:
    added = page(send(client, add="promo"))
    removed = page(send(client, drop="0"))

    assert [text_of(legend).strip() for legend in added.select("#changes legend")] == ["price", "promo"]
    assert removed.select("#changes legend") == []
    assert hidden(added, "token")
    with app.app_context():
        assert db.session.query(SavedScenario).count() == 0


def test_a_change_counts_only_where_it_should(client: FlaskClient, promoted: FakeRegistry) -> None:
    soup = shown(client, saved(client, **{"change-0-item": ["kettle"]}) + "?sort=region_item")

    assert "only of kettle" in text_of(soup.select_one("#asked"))
    assert ["not changed" in text_of(row) for row in soup.select("#by-region-item tbody tr")] == [False, True]


def test_a_wrong_plan_is_told_row_by_row_and_nothing_is_applied(client: FlaskClient, app: Flask) -> None:
    plan = "region,item,date,price\nnorth,kettle,2026-07-02,9\nnorth,kettle,2026-07-03,cheap\n"
    response = send(client, plan=plan)
    cells = [text_of(cell) for cell in page(response).select("#plan-errors tbody tr > *")]

    assert response.status_code == 422
    assert cells == ["Line 3", "price", "cheap", "Write a number such as 9.90 or 9,90."]
    assert page(response).select_one("#plan").text == plan  # type: ignore[union-attr]
    with app.app_context():
        assert db.session.query(SavedScenario).count() == 0


def test_the_good_rows_are_used_when_the_planner_says_so(client: FlaskClient, app: Flask) -> None:
    path = saved(client, use="good", plan="region,item,date,price\nnorth,kettle,2026-07-02,9\nnorth,kettle,3,cheap\n")

    assert [row["values"] for row in scenario_of(app, path).asked["plan"]] == [{"price": 9.0}]
    assert "1 row for price; 1 wrong row left out" in text_of(shown(client, path).select_one("#asked"))


def test_an_uploaded_file_is_kept_as_text_where_it_is_wrong(client: FlaskClient) -> None:
    response = send(client, file=(io.BytesIO(b"region;item;date;price\nnorth;kettle;2026-07-02;9,9\nx;;;\n"), "a.csv"))

    assert response.status_code == 422
    assert text_of(page(response).select_one("#messages")).startswith("Not saved: ")
    assert "north;kettle;2026-07-02;9,9" in page(response).select_one("#plan").text  # type: ignore[union-attr]


@pytest.mark.parametrize("content", [b"", b"\x00\xff" * 50, b"PK\x03\x04", b"\xff\xfe\x00", b"%PDF-1.4", b'"' * 99])
def test_no_bytes_break_the_page(client: FlaskClient, content: bytes) -> None:
    assert send(client, file=(io.BytesIO(content), "plan.xlsx")).status_code in (303, 422)


def test_scenarios_stand_side_by_side(client: FlaskClient, promoted: FakeRegistry) -> None:
    small = saved(client, name="Small")
    large = saved(client, name="Large", ri=[KETTLE.key], horizon="7", **{"change-0-value": "-40"})
    tokens = [path.rsplit("/", 1)[1] for path in (small, large)]
    soup = page(client.get("/scenarios/compare", query_string={"s": tokens}))

    assert [text_of(row.a) for row in soup.select("#compared tbody tr")] == ["Small", "Large"]
    assert ["never seen" in text_of(told) for told in soup.select("dd")] == [False, True]  # the price was 8 to 10
    words = text_of(soup.main)
    assert "Their selections differ: “Small” has 2 region-items of" in words
    assert "Their periods differ: “Small” has 2026-07-01 to 2026-07-14; “Large” has 2026-07-01 to 2026-07-07." in words
    assert [text_of(cell) for cell in soup.select("#by-region-item tbody tr")[1].select("td")][1] == "–"


@pytest.mark.parametrize(("count", "status"), [(1, 422), (6, 422), (2, 404)])
def test_two_to_five_known_scenarios_are_compared(client: FlaskClient, count: int, status: int) -> None:
    assert client.get("/scenarios/compare", query_string={"s": [f"t{n}" for n in range(count)]}).status_code == status


def test_the_result_is_downloaded_and_holds_no_formulas(client: FlaskClient, promoted: FakeRegistry,
                                                       background: Background) -> None:
    path = saved(client, name="=HYPERLINK(1)", description="+1")
    lines = list(csv.reader(io.StringIO(client.get(f"{path}/result.csv").data.decode("utf-8-sig"))))
    book = load_workbook(io.BytesIO(client.get(f"{path}/result.xlsx").data))

    assert lines[0][:5] == ["region", "item", "date", "plan units", "scenario units"]
    assert len(lines) == 1 + 2 * 14
    assert book.sheetnames == ["Scenario", "By period", "By region-item", "By both"]
    assert (book["Scenario"]["B1"].value, book["Scenario"]["B1"].data_type) == ("=HYPERLINK(1)", "s")
    assert book["By region-item"].max_row == 3
    assert sum(row[4] for row in book["By both"].iter_rows(min_row=2, values_only=True)) == pytest.approx(
        sum(float(line[4]) for line in lines[1:]))


def test_a_file_says_whose_it_is_and_in_what_and_has_no_more_digits_than_mean_something(
        client: FlaskClient, promoted: FakeRegistry, app: Flask) -> None:
    path = saved(client, name="Summer sale 20 %")
    response = client.get(f"{path}/result.csv")
    heading, *lines = list(csv.reader(io.StringIO(response.data.decode("utf-8-sig"))))
    book = load_workbook(io.BytesIO(client.get(f"{path}/result.xlsx").data))

    assert "scenario-Summer-sale-20-" in response.headers["Content-Disposition"]
    assert heading[3:] == ["plan units", "scenario units", "plan price €", "scenario price €", "plan units 80% from",
                           "plan units 80% to", "scenario units 80% from", "scenario units 80% to", "scenario"]
    for line in lines:
        plan, scenario, plan_low, plan_high, low, high = (float(line[place]) for place in (3, 4, 7, 8, 9, 10))
        assert plan_low <= plan <= plan_high
        assert low <= scenario <= high
        assert line[11] == "Summer sale 20 %"
    assert [cell.value for cell in book["By period"][1]][1:5] == [
        "plan units", "plan units 80% from", "plan units to", "scenario units"]
    assert "plan revenue €" in [cell.value for cell in book["By region-item"][1]]
    numbers = [cell for line in lines for cell in line] + [
        repr(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row
        if isinstance(cell.value, float)]
    assert [each for each in numbers if re.fullmatch(r"-?\d+\.\d{7,}", each) and abs(float(each)) > 0.1] == []


def test_names_that_look_like_formulas_are_text_in_csv(client: FlaskClient, promoted: FakeRegistry, app: Flask) -> None:
    path = saved(client)
    with app.app_context(), writing():
        scenario = db.session.query(SavedScenario).one()
        computed = deepcopy(scenario.computed)
        computed["lines"][0]["key"] = "~3Dcmd|@item"
        scenario.computed = computed

    first = list(csv.reader(io.StringIO(client.get(f"{path}/result.csv").data.decode("utf-8-sig"))))[1]
    assert first[:2] == ["'=cmd", "'@item"]


def test_a_form_of_the_forecast_page_is_sent_on_without_its_token(client: FlaskClient) -> None:
    query = {"csrf_token": "secret", "ri": [KETTLE.key, ODD.key], **CUT}
    plain = client.get("/scenarios/new", query_string=query)
    by_htmx = client.get("/scenarios/new", query_string=query, headers={"HX-Request": "true"})

    assert plain.headers["Location"] == by_htmx.headers["HX-Redirect"]
    assert "secret" not in plain.headers["Location"]
    assert plain.headers["Location"].count("ri=") == 2


def test_a_selection_of_the_overview_comes_to_the_editor(client: FlaskClient) -> None:
    soup = page(post(client, "/scenarios/select", {"ri": [KETTLE.key]}))

    assert [box["value"] for box in soup.select("[name=ri]")] == [KETTLE.key]


def test_a_link_to_nothing_says_so(client: FlaskClient) -> None:
    response = client.get("/scenarios/0123456789abcdef")

    assert response.status_code == 404
    assert "There is no scenario at this link." in text_of(page(response))


def test_only_those_who_signed_in_see_scenarios(anonymous: FlaskClient) -> None:
    assert anonymous.get("/scenarios").status_code == 302


def test_everyone_sees_a_shared_link(client: FlaskClient, app: Flask) -> None:
    path = saved(client, name="For all")
    with app.app_context():
        create_user("second@example.com", PASSWORD, "planner")
    other = app.test_client()
    post(other, "/sign-in", {"email": "second@example.com", "password": PASSWORD}, form_on="/sign-in")

    assert text_of(shown(other, path).h1) == "For all"


def test_a_what_if_on_many_becomes_a_scenario_of_the_same_selection(client: FlaskClient) -> None:
    many = post(client, "/forecasts/selection", {"everything": "1"})
    what_if = {"change-0-driver": "price", "change-0-action": "percent", "change-0-value": "-5"}
    token = re.search(r"selection=\w+|all=1", many.headers["Location"])
    fields = {"ri": [one.key for one in REGION_ITEMS]} if token is None else dict([token.group().split("=")])

    answer = post(client, "/forecasts/scenario", {**fields, **what_if}, follow_redirects=True)

    soup = page(answer)
    assert f"{len(REGION_ITEMS)} region-items" in text_of(soup.select_one("#selected"))
    assert soup.select_one("[name='change-0-value']")["value"] == "-5"
