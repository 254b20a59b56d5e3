"""What is typed into the grid, as it is sent and answered."""

import json
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.webapp.conftest import EMAIL, KETTLE, LAST_DAY, REGION_ITEMS, demand_of, page, post, text_of, with_session
from tests.webapp.forecasts.builders import chart_on
from tests.webapp.published_plans.builders import lock, published_row
from webapp.db.database import db
from webapp.overrides.applied import parts_ahead
from webapp.overrides.overrides import place
from webapp.overrides.wanted_override import WantedOverride
from webapp.region_items.open_overrides import open_overrides
from webapp.services import Services

PAGE = f"/forecasts?ri={KETTLE.key}"
CELL = {"date": "2026-07-01", "way": "value", "amount": 20.5, "comment": "", "seen": ""}


def send(client: FlaskClient, cells: Any, comment: str = "a fair", form_on: str = PAGE, **fields: Any) -> TestResponse:
    text = cells if isinstance(cells, str) else json.dumps(cells)
    return post(client, "/overrides/cells", {"ri": KETTLE.key, "token": uuid4().hex, "comment": comment, "cells": text,
                                             **fields}, form_on=form_on)


def marks(client: FlaskClient) -> list[str]:
    grid = json.loads(text_of(page(client.get(PAGE)).select_one("#grid-data")))
    return [each["seen"] for each in grid["overrides"]]


def test_cells_are_saved_and_the_page_has_them(client: FlaskClient) -> None:
    response = send(client, [CELL, {**CELL, "date": "2026-07-02", "way": "percent", "amount": -10, "comment": "rain"}])

    assert response.json == {"overridden": 2, "removed": 0, "is_new": True}
    soup = page(client.get(PAGE))
    chart = chart_on(soup)
    at = chart["dates"].index("2026-07-01")
    assert chart["plan"][at] == 20.5
    assert chart["plan"][at + 1] == pytest.approx(0.9 * chart["model"][at + 1], abs=0.006)
    listed = soup.select("#overridden tbody tr:has(> th)")
    assert [[text_of(cell) for cell in row.find_all(["th", "td"])[:3]] for row in listed] == [
        ["Wed, Jul 1, 2026", "20.5 units", "a fair"], ["Thu, Jul 2, 2026", "10 % less", "rain"]]


def test_overrides_with_a_day_between_them_are_not_told_as_one_span(client: FlaskClient) -> None:
    send(client, [{**CELL, "date": f"2026-07-0{day}"} for day in (1, 2, 5)])

    heads = [text_of(row.th) for row in page(client.get(PAGE)).select("#overridden tbody tr") if row.th]
    assert heads == ["Wed, Jul 1, 2026 – Thu, Jul 2, 2026", "Sun, Jul 5, 2026"]


def test_a_planner_who_saves_second_is_told_what_the_first_said(client: FlaskClient, admin: FlaskClient) -> None:
    before = marks(client)
    assert send(admin, [{**CELL, "comment": "a truck", "seen": before[0]}]).status_code == 200

    response = send(client, [{**CELL, "amount": 30, "seen": before[0]}, {**CELL, "date": "2026-07-02"}])

    assert response.status_code == 409
    assert response.json == {"changed": [{"date": "2026-07-01", "seen": marks(client)[0], "words": "20.5 units",
                                          "comment": "a truck", "by": "admin@example.com"}]}
    assert marks(client)[1] == ""  # nothing of it was saved
    assert send(client, [{**CELL, "way": None, "amount": None, "seen": marks(client)[0]}]).json == {
        "overridden": 0, "removed": 1, "is_new": True}


def test_each_wrong_cell_is_named(client: FlaskClient) -> None:
    response = send(client, [CELL, {**CELL, "date": "2026-06-30"}, {**CELL, "date": "2026-07-03", "amount": -1}])

    assert response.status_code == 422
    assert [one["date"] for one in response.json["errors"]] == ["2026-06-30", "2026-07-03"]  # type: ignore[index]
    assert marks(client)[0] == ""
    assert "comment" in send(client, [CELL], comment=" ").json["errors"][0]["message"]  # type: ignore[index]


def test_locked_periods_are_neither_overridden_nor_freed_in_the_grid(
        app: Flask, client: FlaskClient, admin: FlaskClient) -> None:
    send(client, [CELL])
    published_row(app, LAST_DAY)
    lock(app, 3)
    seen = marks(client)[0]

    told = text_of(page(client.get(PAGE)).select_one("#grid .locked"))
    changed = send(client, [{**CELL, "seen": seen}, {**CELL, "date": "2026-07-03"}, {**CELL, "date": "2026-07-04"}])
    removed = send(client, [{**CELL, "way": None, "amount": None, "seen": seen}])

    assert "Periods until 2026-07-03 are locked, since “Week 27” was published by boss@example.com." in told
    assert [[one["date"] for one in response.json["errors"]] for response in (changed, removed)] == [  # type: ignore[index]
        ["2026-07-01", "2026-07-03"], ["2026-07-01"]]
    assert marks(client)[:4] == [seen, "", "", ""]
    assert send(client, [{**CELL, "date": "2026-07-04"}]).status_code == 200
    assert send(admin, [{**CELL, "date": "2026-07-03"}]).status_code == 200


@pytest.mark.parametrize("cells", [
    "", "[]", "{", "null", "7", '"x"', "[" * 5000, "[7]", "[{}]", [{**CELL, "more": 1}], [{**CELL, "date": 7}],
    [{**CELL, "date": "July"}], [{**CELL, "way": "square"}], [{**CELL, "amount": "20"}], [{**CELL, "amount": True}],
    [{**CELL, "amount": None}], [{**CELL, "amount": 10**400}], '[{"date": "2026-07-01", "way": "value", "amount": NaN, '
    '"comment": "", "seen": ""}]', [{**CELL, "amount": 1e13}], [{**CELL, "seen": "x" * 1000}], [{**CELL, "seen": None}],
    [{**CELL, "comment": "a\x07b"}], [{**CELL, "comment": "x" * 501}], [CELL, CELL], [CELL] * 20_001,
    f'[{{"date": "2026-07-01", "way": "value", "amount": {"9" * 5000}, "comment": "", "seen": ""}}]'],
    ids=lambda cells: f"{str(cells)[:40]}-{len(str(cells))}")
def test_what_no_grid_sends_is_refused_in_words(template_app: Flask, planner_of_all: FlaskClient, cells: Any) -> None:
    response = send(planner_of_all, cells)

    assert response.status_code == 422
    assert response.json["errors"][0]["message"]  # type: ignore[index]
    with template_app.app_context():
        assert open_overrides([KETTLE.key]) == {}
        db.session.rollback()


@pytest.fixture(scope="module")
def planner_of_all(template_app: Flask, session_cookies: dict[str, str]) -> FlaskClient:
    """The planner, for all tests that change nothing."""
    return with_session(template_app.test_client(), session_cookies[EMAIL])


def test_it_is_for_planners_with_the_token_of_a_form(client: FlaskClient, viewer: FlaskClient) -> None:
    assert send(viewer, [CELL], form_on="/").status_code == 403
    assert client.post("/overrides/cells", data={"ri": KETTLE.key, "cells": json.dumps([CELL])}).status_code == 400
    assert send(client, [CELL], ri="").status_code == 422
    assert marks(client)[0] == ""


def test_what_is_typed_is_of_those_region_items_that_the_page_sums_up(client: FlaskClient, services: Services,
                                                                      app: Flask) -> None:
    """With a short horizon a region-item whose demand ends early is not in the later sums, so nothing is its."""
    services.store.write("demand", KETTLE, demand_of(12.0))
    services.store.write("demand", REGION_ITEMS[1], demand_of(12.0).iloc[:-10])
    other, both = REGION_ITEMS[1].key, [KETTLE.key, REGION_ITEMS[1].key]
    with app.app_context():
        place(WantedOverride(date(2026, 7, 1), date(2026, 7, 1), "value", 5.0, "early", "a"), parts_ahead([other]))

    response = send(client, [CELL], ri=both, horizon="7")

    assert response.json == {"overridden": 1, "removed": 0, "is_new": True}
    chart = chart_on(page(client.get("/forecasts", query_string={"ri": both, "horizon": 7})))
    assert chart["plan"][chart["dates"].index("2026-07-01")] == 20.5
