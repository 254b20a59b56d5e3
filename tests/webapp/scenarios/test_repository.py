"""Saved scenarios: changed, copied, archived, stale, computed again, found beside what happened."""

from datetime import timedelta

import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.store.journal import Entry
from tests.webapp.conftest import EMAIL, KETTLE, LAST_DAY, ODD, Background, demand_of, hidden, page, text_of
from tests.webapp.fakes import FakeRegistry
from tests.webapp.scenario_forms import press, saved, scenario_of, send, shown
from webapp.background.loops.scenario import ScenarioLoop
from webapp.db.database import db, writing
from webapp.scenarios import queue
from webapp.scenarios.queue import compute_wanted, want
from webapp.scenarios.states import MOST_ATTEMPTS, end, hold, stamp
from webapp.tables import SavedScenario, SystemState


def new_demand(background: Background, days: int) -> None:
    """So many days more become known of the kettle."""
    table = demand_of(12.0, 220)
    more = demand_of(12.0, days).assign(date=pd.date_range(LAST_DAY + timedelta(1), periods=days), demand=5.0)
    background.services.store.write("demand", KETTLE, pd.concat([table, more], ignore_index=True))
    background.journal(Entry(KETTLE, "validated", numbers={"last_date": str(more["date"].iloc[-1].date())}))
    background.make_stored_forecasts()


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


def test_a_whole_region_stays_ticked_when_it_is_edited(client: FlaskClient, app: Flask) -> None:
    path = saved(client, ri=[], region="north")
    soup = shown(client, f"{path}/edit")

    assert [box["value"] for box in soup.select("[name=region][checked]")] == ["north"]
    assert not soup.select("[name=ri]")
    ticks = {name: [box["value"] for box in soup.select(f"[name={name}][checked]")] for name in ("region", "item")}
    before = scenario_of(app, path).asked["keys"]
    send(client, f"{path}/edit", name="Same", ri=[], **ticks)
    assert (scenario_of(app, path).name, scenario_of(app, path).asked["keys"]) == ("Same", before)


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


def test_copies_of_a_scenario_and_of_its_copies_are_numbered(client: FlaskClient, app: Flask) -> None:
    path = saved(client, name="First")
    for number in range(3):
        path = press(client, path, "duplicate", token=f"{number:032x}").headers["Location"].removesuffix("/edit")
    with app.app_context():
        names = list(db.session.scalars(select(SavedScenario.name).order_by(SavedScenario.id)))

    assert names == ["First", "First (copy)", "First (copy 2)", "First (copy 3)"]


def test_a_copy_of_the_longest_name_is_no_longer_and_another(client: FlaskClient, app: Flask) -> None:
    path = saved(client, name="x" * 120)
    for number in range(2):
        press(client, path, "duplicate", token=f"{number:032x}")
    with app.app_context():
        names = list(db.session.scalars(select(SavedScenario.name).order_by(SavedScenario.id)))

    assert names == ["x" * 120, f"{'x' * 113} (copy)", f"{'x' * 111} (copy 2)"]


def test_a_copy_is_one_click_from_its_original(client: FlaskClient, promoted: FakeRegistry) -> None:
    path = saved(client, name="First")
    copy = press(client, path, "duplicate").headers["Location"].removesuffix("/edit")
    send(client, f"{copy}/edit", name="Second", **{"change-0-value": "-35"})

    link = shown(client, copy).select_one("#beside-original")
    assert link is not None
    assert shown(client, path).select_one("#beside-original") is None
    assert {"First", "Second"} <= {text_of(each) for each in shown(client, str(link["href"])).select("th a")}


def test_a_copy_that_was_named_by_itself_is_named_after_what_it_changes(client: FlaskClient, app: Flask) -> None:
    path = saved(client, name="")
    first = scenario_of(app, path).name
    copy = press(client, path, "duplicate").headers["Location"].removesuffix("/edit")

    send(client, f"{copy}/edit", name=f"{first} (copy)")
    unchanged = scenario_of(app, copy).name
    send(client, f"{copy}/edit", name=unchanged, **{"change-0-value": "-35"})
    renamed = scenario_of(app, copy).name
    send(client, f"{copy}/edit", name="Mine", **{"change-0-value": "-36"})
    send(client, f"{copy}/edit", name="Mine", **{"change-0-value": "-37"})

    assert unchanged == f"{first} (copy)"
    assert renamed == first.replace("20", "35")
    assert (scenario_of(app, copy).name, scenario_of(app, path).name) == ("Mine", first)


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
    assert "up to date" in text_of(shown(client, path).main)  # until its stored forecast is made: nothing is known yet
    background.make_stored_forecasts()

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

    assert "Newer demand is known of 1 region-item: until Jul 3, 2026 (was Jun 30, 2026)" in text_of(
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
    monkeypatch.setattr(queue, "MOST_AT_ONCE", 5)
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
            db.session.query(SavedScenario).one().attempts = MOST_ATTEMPTS
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
        for _ in range(MOST_ATTEMPTS + 1):
            ScenarioLoop(background.services).step()
        assert not db.session.get_one(SystemState, "store").is_up
        folder.unlink()
        folder.with_name("away").rename(folder)
        ScenarioLoop(background.services).step()

    assert "up to date" in text_of(shown(client, path).main)


def test_one_changed_while_it_is_computed_keeps_no_old_result(client: FlaskClient, app: Flask) -> None:
    path = saved(client)
    before = scenario_of(app, path)
    with app.app_context():
        with writing():
            db.session.query(SavedScenario).one().changed_at += timedelta(seconds=1)
        with writing():
            assert not end(hold(before.token), stamp(before), "too late")
    assert scenario_of(app, path).problem == ""
