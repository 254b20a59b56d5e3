"""The scenarios' screen: made, computed, changed, shared, compared, found again."""

import csv
import io
import re
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from werkzeug.test import TestResponse

from demand_assets.forecasting.journal import Entry
from demand_assets.forecasting.model import ForecastModel
from tests.webapp.conftest import (
    EMAIL,
    KETTLE,
    LAST_DAY,
    ODD,
    PASSWORD,
    REGION_ITEMS,
    Background,
    demand_of,
    hidden,
    page,
    post,
    text_of,
)
from tests.webapp.fakes import FakeRegistry
from webapp import scenario_queue
from webapp.accounts import create_user
from webapp.database import db, writing
from webapp.saved_scenarios import by_token, want
from webapp.scenario_queue import compute_wanted
from webapp.sync import ScenarioLoop
from webapp.tables import SavedScenario, SystemState

CUT = {"change-0-driver": "price", "change-0-action": "percent", "change-0-value": "-20",
       "change-0-first": "2026-07-01", "change-0-last": "2026-07-14"}


@pytest.fixture
def promoted(background: Background, registry: FakeRegistry, model: ForecastModel) -> FakeRegistry:
    registry.promote(KETTLE, model, {})
    registry.promote(ODD, model, {})
    background.watch()
    background.outlooks()
    return registry


def send(client: FlaskClient, form_on: str = "/scenarios/new", **fields: Any) -> TestResponse:
    """Fill in the editor and press its button."""
    soup = page(client.get(form_on))
    more = {"seen": hidden(soup, "seen")} if soup.select_one("[name=seen]") else {}
    url = form_on.split("?")[0]
    return client.post(url, data={"csrf_token": hidden(soup, "csrf_token"), "token": hidden(soup, "token"), **more,
                                  "ri": [KETTLE.key, ODD.key], "horizon": "14", **CUT, **fields})


def saved(client: FlaskClient, **fields: Any) -> str:
    """Save a scenario; the path of its page."""
    response = send(client, **fields)
    assert response.status_code == 303, text_of(page(response))
    return response.headers["Location"]


def shown(client: FlaskClient, path: str) -> BeautifulSoup:
    response = client.get(path)
    assert response.status_code == 200
    return page(response)


def press(client: FlaskClient, path: str, act: str, **fields: str) -> TestResponse:
    return post(client, f"{path}/{act}", {"token": "a" * 32, **fields}, form_on=path)


def scenario_of(app: Flask, path: str) -> SavedScenario:
    with app.app_context():
        found = by_token(path.rsplit("/", 1)[1])
        assert found is not None
        db.session.refresh(found, ["asked", "computed"])
        db.session.expunge(found)
        return found


def new_demand(background: Background, days: int) -> None:
    """So many days more become known of the kettle."""
    table = demand_of(12.0, 220)
    more = demand_of(12.0, days).assign(date=pd.date_range(LAST_DAY + timedelta(1), periods=days), demand=5.0)
    background.services.store.write("demand", KETTLE, pd.concat([table, more], ignore_index=True))
    background.journal(Entry(KETTLE, "validated", numbers={"last_date": str(more["date"].iloc[-1].date())}))
    background.outlooks()


def test_without_any_the_list_says_how_to_make_one(client: FlaskClient) -> None:
    words = text_of(shown(client, "/scenarios").main)

    assert "No scenario yet" in words
    assert "Make the first one" in words


def test_a_scenario_is_saved_computed_and_shown_beside_the_plan(client: FlaskClient, promoted: FakeRegistry) -> None:
    soup = shown(client, saved(client, name="Summer sale", description="Ask Ann"))
    words = text_of(soup.main)

    assert text_of(soup.h1) == "Summer sale"
    assert "Ask Ann" in words
    assert "up to date" in words
    assert "price −20 % from 2026-07-01 to 2026-07-14" in text_of(soup.select_one("#asked"))
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
    ({"horizon": "15"}, "A horizon of '15' is not possible; it is a whole number from 1 to 14."),
    ({"change-0-driver": "weather"}, "'weather' is no driver of Test shop"),
    ({"change-0-value": "many"}, "Give a number, not 'many'."),
    ({"change-0-driver": ""}, "is no driver"),
    ({"change-0-item": ["item 03"]}, "The change of price counts for none of the selection"),
    ({"name": "x" * 121}, "A name has at most 120 characters"),
    ({"plan": "nonsense\n1\n"}, "The first line must name the columns"),
    ({"plan": "region,item,date,price\nnorth,kettle,2026-07-02,\n"}, "The plan holds no row with a value."),
])
def test_wrong_input_is_told_and_nothing_is_saved(client: FlaskClient, app: Flask, fields: dict[str, Any],
                                                  words: str) -> None:
    response = send(client, **fields)

    assert response.status_code == 422
    assert words in text_of(page(response).main)
    with app.app_context():
        assert db.session.query(SavedScenario).count() == 0


def test_a_link_fills_the_editor_in(client: FlaskClient) -> None:
    soup = page(client.get("/scenarios/new", query_string={"ri": KETTLE.key, "horizon": "7", **CUT}))

    assert soup.select_one("[name=change-0-value]")["value"] == "-20"  # type: ignore[index]
    assert "north · kettle; 2026-07-01 to 2026-07-07" in text_of(soup.select_one("#selected"))


def test_changes_are_added_and_removed_without_saving(client: FlaskClient, app: Flask) -> None:
    added = page(send(client, add="promo"))
    removed = page(send(client, remove="0"))

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
    assert cells == ["3", "price", "cheap", "Write a number such as 9.90 or 9,90."]
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
    assert "north;kettle;2026-07-02;9,9" in page(response).select_one("#plan").text  # type: ignore[union-attr]


@pytest.mark.parametrize("content", [b"", b"\x00\xff" * 50, b"PK\x03\x04", b"\xff\xfe\x00", b"%PDF-1.4", b'"' * 99])
def test_no_bytes_break_the_page(client: FlaskClient, content: bytes) -> None:
    assert send(client, file=(io.BytesIO(content), "plan.xlsx")).status_code in (303, 422)


def test_an_edited_scenario_shows_what_it_asks_and_is_computed_again(client: FlaskClient, app: Flask,
                                                                    promoted: FakeRegistry) -> None:
    path = saved(client, plan="region,item,date,price\nnorth,kettle,2026-07-02,9\n")
    before = scenario_of(app, path)
    soup = shown(client, f"{path}/edit")

    assert soup.select_one("#plan").text.split("\n")[1] == "north\tkettle\t2026-07-02\t9"  # type: ignore[union-attr]
    assert [box["value"] for box in soup.select("[name=ri]")] == [KETTLE.key, ODD.key]
    response = send(client, f"{path}/edit", name="Bigger", **{"change-0-value": "-40"})
    after = scenario_of(app, path)
    assert response.status_code == 303
    assert (after.name, after.changed_by) == ("Bigger", EMAIL)
    assert after.asked["changes"][0]["value"] == -40
    assert after.asked["plan"] == []  # the text was emptied
    assert after.computed_at > before.computed_at  # type: ignore[operator]


def test_what_left_the_dataset_is_told_before_an_edited_scenario_goes_without_it(
        client: FlaskClient, app: Flask, promoted: FakeRegistry, background: Background) -> None:
    path = saved(client)
    background.catalogue(KETTLE)
    soup = shown(client, f"{path}/edit")

    assert f"left out of the selection: {ODD.key}." in text_of(soup.select_one("#messages"))
    assert [box["value"] for box in soup.select("[name=ri]")] == [KETTLE.key]


def test_a_new_name_alone_keeps_the_result(client: FlaskClient, app: Flask, promoted: FakeRegistry) -> None:
    path = saved(client)
    before = scenario_of(app, path)
    send(client, f"{path}/edit", name="Other")

    assert (scenario_of(app, path).name, scenario_of(app, path).computed_at) == ("Other", before.computed_at)


def test_the_second_of_two_people_is_told_and_can_keep_theirs(client: FlaskClient, app: Flask) -> None:
    path = saved(client, name="Mine")
    stale = hidden(shown(client, f"{path}/edit"), "seen")
    send(client, f"{path}/edit", name="Theirs")

    refused = send(client, f"{path}/edit", name="Again mine", seen=stale)
    again = send(client, f"{path}/edit", name="Again mine", seen=hidden(page(refused), "seen"))
    kept = send(client, f"{path}/edit", name="Again mine", seen=stale, as_new="1")

    assert (refused.status_code, again.status_code, kept.status_code) == (409, 409, 303)
    assert f"{EMAIL} changed this scenario on" in text_of(page(refused).main)
    assert page(refused).select_one("#name")["value"] == "Again mine"  # type: ignore[index]
    assert scenario_of(app, path).name == "Theirs"
    assert kept.headers["Location"] != path


def test_a_copy_is_opened_in_the_editor_and_the_first_stays(client: FlaskClient, app: Flask) -> None:
    path = saved(client, name="First")
    response = press(client, path, "duplicate")

    assert shown(client, response.headers["Location"]).select_one("#name")["value"] == "First (copy)"  # type: ignore[index]
    assert scenario_of(app, path).name == "First"


def test_an_archived_scenario_leaves_the_list_and_comes_back(client: FlaskClient) -> None:
    path = saved(client, name="Old idea")

    press(client, path, "archive")
    assert shown(client, "/scenarios").select(".scenario-name") == []
    assert "Old idea" in text_of(shown(client, "/scenarios?show=archived").main)
    assert "archived" in text_of(shown(client, path).main)
    press(client, path, "archive", back="1")
    assert [text_of(link) for link in shown(client, "/scenarios").select(".scenario-name")] == ["Old idea"]


def test_the_list_is_searched_and_filtered(client: FlaskClient, app: Flask) -> None:
    saved(client, name="Summer sale", description="for Ann")
    saved(client, name="Winter")
    with app.app_context(), writing():
        by = db.session.query(SavedScenario).filter_by(name="Winter").one()
        by.created_by = "other@example.com"

    names = {query: [text_of(link) for link in shown(client, f"/scenarios?{query}").select(".scenario-name")]
             for query in ("q=SALE", "q=ann+summer", "q=other%40", "show=mine", "show=all", "q=nothing")}
    assert names == {"q=SALE": ["Summer sale"], "q=ann+summer": ["Summer sale"], "q=other%40": ["Winter"],
                     "show=mine": ["Summer sale"], "show=all": ["Winter", "Summer sale"], "q=nothing": []}
    assert client.get("/scenarios?show=none").status_code == 422
    assert client.get("/scenarios?page=0").status_code == 422


def test_a_new_model_makes_it_stale_and_a_click_computes_it_again(client: FlaskClient, app: Flask,
                                                                 promoted: FakeRegistry, background: Background,
                                                                 model: ForecastModel) -> None:
    path = saved(client)
    promoted.promote(KETTLE, model, {})
    background.watch()
    assert "up to date" in text_of(shown(client, path).main)  # until its outlook is made: nothing is known yet
    background.outlooks()

    assert "1 region-item of 2 is forecast by another model now: north · kettle v1 → v2" in text_of(
        shown(client, path).select_one("#stale"))
    assert "stale" in text_of(shown(client, "/scenarios").table)
    press(client, path, "compute")
    assert shown(client, path).select_one("#stale") is None
    assert scenario_of(app, path).made_with[KETTLE.key] == ["2", "2026-06-30"]


def test_later_what_happened_stands_beside_it(client: FlaskClient, promoted: FakeRegistry,
                                              background: Background) -> None:
    path = saved(client, ri=[KETTLE.key])
    assert shown(client, path).select_one("#happened") is None
    new_demand(background, 3)
    soup = shown(client, path)

    assert "Newer demand is known of 1 region-item: until 2026-07-03 (was 2026-06-30)" in text_of(
        soup.select_one("#stale"))
    assert [text_of(row.td) for row in soup.select("#happened tbody tr")] == ["5", "5", "5"]
    assert text_of(soup.select("#by-region-item tbody td")[-1]) == "15"


def test_one_that_left_the_dataset_is_told(client: FlaskClient, promoted: FakeRegistry, background: Background) -> None:
    path = saved(client)
    background.catalogue(KETTLE)

    assert f"1 region-item left the dataset: {ODD}" in text_of(shown(client, path).select_one("#stale"))
    press(client, path, "compute")
    assert "It is no longer in the dataset." in text_of(shown(client, path).main)


def test_what_cannot_be_computed_says_why_and_an_older_result_stays(client: FlaskClient, promoted: FakeRegistry,
                                                                   background: Background) -> None:
    path = saved(client, ri=[KETTLE.key])
    new_demand(background, 14)
    press(client, path, "compute")

    words = text_of(shown(client, path).main)
    assert "It could not be computed. Nothing that it asks touches a period of the forecasts" in words
    assert "What was computed before is shown." in words
    assert shown(client, path).select_one("#units") is not None


def test_a_large_one_is_computed_by_the_background_process(client: FlaskClient, app: Flask, background: Background,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenario_queue, "MOST_AT_ONCE", 5)
    path = saved(client, ri=[], everything="1")

    assert "0 of 31 region-items" in text_of(shown(client, path).select_one("#progress"))
    assert "being computed" in text_of(shown(client, "/scenarios").table)
    with app.app_context():
        assert compute_wanted(background.services)
        assert not compute_wanted(background.services)
    assert client.get(f"{path}/progress").headers["HX-Redirect"] == path
    assert scenario_of(app, path).done == 31
    assert len(shown(client, path).select("#by-region-item tbody tr")) == 31


def test_one_that_breaks_the_process_is_given_up_after_some_times(client: FlaskClient, app: Flask,
                                                                 background: Background) -> None:
    path = saved(client)
    with app.app_context():
        token = path.rsplit("/", 1)[1]
        want(token)
        with writing():
            db.session.query(SavedScenario).one().attempts = scenario_queue.MOST_ATTEMPTS
        assert compute_wanted(background.services)
        assert not compute_wanted(background.services)

    assert "Computing it broke off 3 times." in text_of(shown(client, path).select_one("#failed"))


def test_while_the_store_cannot_be_read_it_waits(client: FlaskClient, app: Flask, background: Background) -> None:
    path = saved(client)
    folder = background.services.settings.folder.parent / "demand"
    with app.app_context():
        want(path.rsplit("/", 1)[1])
        folder.rename(folder.with_name("away"))
        folder.write_text("no folder")
        for _ in range(scenario_queue.MOST_ATTEMPTS + 1):
            ScenarioLoop(background.services).step()
        assert not db.session.get_one(SystemState, "store").is_up
        folder.unlink()
        folder.with_name("away").rename(folder)
        ScenarioLoop(background.services).step()

    assert "up to date" in text_of(shown(client, path).main)


def test_one_changed_while_it_is_computed_keeps_no_old_result(client: FlaskClient, app: Flask, background: Background,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(client)
    before = scenario_of(app, path)
    with app.app_context():
        with writing():
            db.session.query(SavedScenario).one().changed_at += timedelta(seconds=1)
        from webapp.saved_scenarios import keep_result, stamp

        assert not keep_result(before.token, stamp(before), None, "too late")
    assert scenario_of(app, path).problem == ""


def test_scenarios_stand_side_by_side(client: FlaskClient, promoted: FakeRegistry) -> None:
    small = saved(client, name="Small")
    large = saved(client, name="Large", ri=[KETTLE.key], horizon="7", **{"change-0-value": "-40"})
    tokens = [path.rsplit("/", 1)[1] for path in (small, large)]
    soup = page(client.get("/scenarios/compare", query_string={"s": tokens}))

    assert [text_of(row.a) for row in soup.select("#compared tbody tr")] == ["Small", "Large"]
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
