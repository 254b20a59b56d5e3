"""Which item another replaces: said by a planner, told to the demand store, shown, and taken back without a trace."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.predecessors import Link, Predecessors
from tests.webapp.adjustments.builders import find_store_down
from tests.webapp.api.conftest import Program, token_for
from tests.webapp.conftest import DAYS, EMAIL, KETTLE, LAST_DAY, VIEWER, Background, demand_of, page, post, text_of
from tests.webapp.forecasts.builders import chart_on
from webapp.adjustments.predecessors import follow_file
from webapp.db.database import db
from webapp.groups.changes import add_group, change_group
from webapp.stored_forecasts.computing import due_keys
from webapp.tables import AuditEntry, CarriedLink, User

NEW = RegionItem("north", "item 01")
PAGE = f"/forecasts?ri={NEW.key}"
OWN_DAYS = 20


@pytest.fixture(autouse=True)
def new_item(background: Background) -> None:
    """An item that was first sold 20 days ago."""
    background.services.store.write("demand", NEW, demand_of(6.0, OWN_DAYS))


def say(client: FlaskClient, **fields: object) -> TestResponse:
    return post(client, "/predecessors", {"ri": NEW.key, "other": "kettle", "scale": "0.5", "reason": "new packaging",
                                          **fields}, form_on=PAGE)


def links(app: Flask) -> list[CarriedLink]:
    with app.app_context():
        return list(db.session.query(CarriedLink).order_by(CarriedLink.id))


def test_it_is_recorded_told_shown_and_forecast_from(client: FlaskClient, app: Flask, background: Background) -> None:
    before = page(client.get(PAGE))
    assert say(client).status_code == 303
    (row,) = links(app)
    assert (row.key, row.other, row.scale, row.reason, row.made_by) == (NEW.key, "kettle", 0.5, "new packaging", EMAIL)
    background.make_stored_forecasts()
    background.tell_store()

    soup = page(client.get(f"{PAGE}&past=1"))

    carried = chart_on(soup)["carried"]
    sold = background.services.store.read("demand", KETTLE)["demand"].to_numpy()
    assert carried[:DAYS - OWN_DAYS] == pytest.approx((0.5 * sold[:DAYS - OWN_DAYS]).tolist(), rel=1e-3)
    assert not any(value is not None for value in carried[DAYS - OWN_DAYS:])
    assert chart_on(soup)["demand"][:DAYS - OWN_DAYS] == [None] * (DAYS - OWN_DAYS)
    assert "200 days before its first sale are carried over" in text_of(soup.select_one("#predecessors"))
    assert text_of(soup.select_one("#carried tbody tr")).startswith(f"kettle 0.5 new packaging {EMAIL}")
    assert "carried" not in chart_on(before)
    with app.app_context():
        assert due_keys(10) == sorted([KETTLE.key, NEW.key])
    assert "Replaced by item 01" in text_of(page(client.get(f"/forecasts?ri={KETTLE.key}")).select_one("#predecessors"))


def test_the_table_and_the_api_name_what_is_carried_over(client: FlaskClient, background: Background) -> None:
    background.services.store.write("demand", NEW, demand_of(6.0, 3))
    say(client)
    background.tell_store()

    soup = page(client.get(f"{PAGE}&past=1&horizon=7"))
    periods = Program(background.app, token_for(background.app, "viewer")).told(
        f"/region-items/{NEW.key}/demand?first=2026-06-27")["periods"]

    rows = [text_of(row) for row in soup.select("table tr")]
    assert any(row.startswith("Carried over") for row in rows) or any("Carried over" in row for row in rows)
    assert [(one["date"], one["carried_over"], one["demand"] is None) for one in periods] == [
        ("2026-06-27", True, True), ("2026-06-28", False, False), ("2026-06-29", False, False),
        ("2026-06-30", False, False)]
    assert periods[0]["carried"] == pytest.approx(0.5 * demand_of(12.0)["demand"].iloc[-4])
    assert "Carried over" in client.get(f"/forecasts/download?ri={NEW.key}&past=1&horizon=7&format=csv").text


def test_totals_count_no_demand_twice(client: FlaskClient, background: Background) -> None:
    both = f"/forecasts?ri={NEW.key}&ri={KETTLE.key}"
    before = chart_on(page(client.get(both)))["demand"]
    say(client)
    background.tell_store()

    after = chart_on(page(client.get(both)))

    assert after["demand"] == before
    assert "carried" not in after


def test_taken_back_it_leaves_nothing_behind(client: FlaskClient, app: Flask, background: Background) -> None:
    store = background.services.store
    stored, before = store.read("demand", NEW), chart_on(page(client.get(PAGE)))
    say(client, date="2026-07-04")
    background.tell_store()
    assert store.links_of(NEW)
    ended = chart_on(page(client.get(f"/forecasts?ri={KETTLE.key}")))
    assert [value for value in ended["plan"] if value is not None][3:] == [0.0] * 11

    remove = post(client, "/predecessors/1/remove", {}, form_on=PAGE)
    again = post(client, "/predecessors/1/remove", {}, form_on=PAGE)  # a second click
    background.tell_store()

    assert (remove.status_code, again.status_code) == (303, 303)
    assert store.read("demand", NEW).equals(stored)
    assert not store.read("demand", KETTLE).attrs
    assert chart_on(page(client.get(PAGE))) == before
    assert f"removed by {EMAIL}" in text_of(page(client.get(PAGE)).select_one("#removed-predecessors"))
    with app.app_context():
        acts = [(one.act, one.subject, one.reason) for one in db.session.query(AuditEntry).filter_by(
            kind="predecessor").order_by(AuditEntry.id)]
    assert acts == [("linked", "north · item 01 replaces kettle", "new packaging"),
                    ("removed", "north · item 01 replaces kettle", "")]
    assert post(client, "/predecessors/99/remove", {}, form_on=PAGE).status_code == 404


def test_the_same_form_twice_is_one_link_and_another_scale_replaces_it(client: FlaskClient, app: Flask) -> None:
    say(client)
    say(client)
    assert len(links(app)) == 1

    say(client, scale="0,8")

    old, new = links(app)
    assert (old.removed_by, new.removed_at, new.scale) == (EMAIL, None, 0.8)


@pytest.mark.parametrize(("fields", "words"), [
    ({"other": "item 01"}, "cannot replace itself"), ({"other": " item\u00a001 "}, "cannot replace itself"),
    ({"other": "kettel"}, "There is no item 'kettel' in north"), ({"other": ""}, "Write the item"),
    ({"other": "x" * 1001}, "is too long"), ({"other": "a\x81b"}, "control characters"),
    ({"scale": "0"}, "The scale 0 is not possible"), ({"scale": "-1"}, "The scale -1 is not possible"),
    ({"scale": "1e9"}, "The scale 1e+09 is not possible"), ({"scale": "nan"}, "Write a number"),
    ({"scale": "many"}, "You wrote 'many' as scale"), ({"date": "soon"}, "Give a date like 2026-01-31"),
    ({"reason": " "}, "Give a reason"), ({"reason": "x" * 501}, "at most 500 characters"),
    ({"region": ["north", "south"]}, "There is no region-item south · item 01")])
def test_what_cannot_be_is_refused_in_words(client: FlaskClient, app: Flask, fields: dict[str, object],
                                            words: str) -> None:
    answer = say(client, **fields)

    assert answer.status_code in (404, 422)
    assert words in text_of(page(answer).select_one("main"))
    assert links(app) == []


def test_a_circle_is_refused_also_through_the_dataset_file(client: FlaskClient, app: Flask,
                                                           background: Background) -> None:
    with app.app_context():
        follow_file(Predecessors((Link("kettle", "item 02"),)))
    other = RegionItem("north", "item 02")
    say(client, ri=other.key, other="item 01")

    answer = say(client)

    assert answer.status_code == 422
    assert "closes a circle: item 01 → kettle → item 02 → item 01" in text_of(page(answer).select_one("main"))


def test_it_is_said_of_several_regions_at_once(client: FlaskClient, app: Flask) -> None:
    kettles = [KETTLE, RegionItem("south", "kettle")]

    answer = say(client, ri=KETTLE.key, other="item 03", region=["north", "south"])
    assert answer.status_code == 422  # in the south there is no such item: nothing is said in the north either
    assert links(app) == []

    say(client, ri=KETTLE.key, other="item 03", region=["north"])
    assert [row.key for row in links(app)] == [kettles[0].key]


def test_nobody_but_planners_is_offered_or_allowed_it(app: Flask, client: FlaskClient, background: Background,
                                                     viewer: FlaskClient) -> None:
    say(client)
    background.tell_store()

    soup = page(viewer.get(PAGE))

    assert "kettle" in text_of(soup.select_one("#carried"))
    assert not soup.select("#predecessors form")
    assert viewer.post("/predecessors", data={"ri": NEW.key}).status_code in (400, 403)


def test_the_dataset_files_links_are_shown_cannot_be_removed_here_and_are_overruled(
        client: FlaskClient, app: Flask, background: Background) -> None:
    background.have_stored_forecasts()
    stored = Predecessors((Link("item 01", "kettle", scale=0.9, since=date(2026, 6, 1)), Link("item 01", "nowhere")))
    background.services.store.write_predecessors(stored)
    with app.app_context():
        assert follow_file(stored)
        assert not follow_file(stored)
        assert due_keys(10) == sorted([KETTLE.key, NEW.key])

    row = text_of(page(client.get(PAGE)).select_one("#carried tbody tr"))
    assert row.startswith("kettle 0.9")
    assert row.endswith("dataset file")
    assert post(client, "/predecessors/1/remove", {}, form_on=PAGE).status_code == 404

    say(client, other="item 02")
    background.tell_store()
    rows = [text_of(row) for row in page(client.get(PAGE)).select("#carried tbody tr")]
    assert rows[0].startswith("item 02 0.5")
    assert "overruled" in rows[1]

    told = text_of(page(client.get("/data")).select_one("#carried-over"))
    assert told == "north · item 01 replaces item 02 × 0.5"

    with app.app_context():
        assert follow_file(Predecessors())
        assert [one.other for one in db.session.query(CarriedLink)] == ["item 02"]


def test_what_the_store_could_not_be_told_is_told_later(client: FlaskClient, app: Flask, background: Background,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    say(client)

    find_store_down(app, background, monkeypatch)
    assert links(app)[0].is_due
    background.tell_store()

    assert [link.of for link in background.services.store.links_of(NEW)] == ["kettle"]
    assert not links(app)[0].is_due


def test_an_item_that_was_never_sold_is_forecast_and_shown(client: FlaskClient, background: Background) -> None:
    last = demand_of(6.0, 1).assign(demand=np.nan)
    background.services.store.write("demand", NEW, last)
    say(client)
    background.tell_store()
    background.make_stored_forecasts()

    soup = page(client.get(PAGE))

    chart = chart_on(soup)
    assert chart["dates"][DAYS - 1] == str(LAST_DAY)
    assert chart["plan"][DAYS] > 0
    assert "no sales known yet" in text_of(soup.select_one("#result"))
    assert pd.isna(background.services.store.read("demand", NEW)["demand"]).all()


def test_who_does_not_see_the_other_is_told_none_of_its_demand(
        app: Flask, client: FlaskClient, viewer: FlaskClient, background: Background) -> None:
    say(client)
    background.tell_store()
    program = Program(app, token_for(app, "viewer"))
    with app.app_context():
        group = add_group("new ones", rules=[("item", NEW.item)], members=list(db.session.scalars(select(User.id).where(
            User.email == VIEWER)))).id

    def told() -> tuple[bool, str, int]:
        chart = chart_on(page(viewer.get(f"{PAGE}&past=1")))
        return ("carried" in chart, chart["dates"][0],
                len(program.told(f"/region-items/{NEW.key}/demand?limit=200")["periods"]))

    first = str(LAST_DAY - timedelta(days=OWN_DAYS - 1))
    has_carried, begins, periods = told()
    assert (has_carried, periods) == (False, OWN_DAYS)
    assert begins >= first
    assert "Carried over" not in viewer.get(f"/forecasts/download?ri={NEW.key}&past=1&horizon=7&format=csv").text
    with app.app_context():
        change_group(group, {"rules": [("item", NEW.item), ("item", "kettle")]})
    has_carried, begins, periods = told()
    assert (has_carried, periods) == (True, 200)
    assert begins < first
