"""The plan is published as a version that stays as it is, is compared, and is taken along."""

import csv
import io
from datetime import date, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import func, select, update

from demand_assets.forecasting.store.journal import Entry
from tests.webapp.audit.builders import entries_of_act
from tests.webapp.conftest import EMAIL, KETTLE, LAST_DAY, ODD, REGION_ITEMS, Background, hidden, page, post, text_of
from tests.webapp.published_plans.builders import lock, published, published_row
from webapp.access import Actor
from webapp.db.database import db, writing
from webapp.overrides.applied import parts_ahead
from webapp.overrides.overrides import place
from webapp.overrides.wanted_override import WantedOverride
from webapp.tables import ForecastFigures, Override, PublishedPart, PublishedPlan, StoredForecast

BEN = Actor("ben@example.com", "planner", "browser")
ACCEPTED = {"accept": "yes"}
"""The tests' demand ends in June 2026, which is long ago."""


def overridden(app: Flask, amount: float = 50.0, at: date = date(2026, 7, 2)) -> None:
    with app.app_context():
        place(WantedOverride(at, at, "percent", amount, "a fair", f"{at} {amount}"), parts_ahead([KETTLE.key]), BEN)


def csv_of(client: FlaskClient, path: str) -> list[dict[str, str]]:
    response = client.get(path)
    assert response.status_code == 200, response.text[:300]
    return list(csv.DictReader(io.StringIO(response.text.removeprefix("\ufeff"))))


def test_a_version_is_frozen_with_all_that_it_stands_on_and_what_comes_later_changes_nothing(
        app: Flask, client: FlaskClient, ready: Background) -> None:
    overridden(app)
    asked = "/forecasts/download?format=csv&of=region-items&overrides=1&" + "&".join(
        f"ri={one.key.replace('|', '%7C').replace(' ', '%20')}" for one in REGION_ITEMS[:1])
    on_the_page = csv_of(client, asked)

    response = published(client, comment="for the factory", **ACCEPTED)
    before = client.get("/published-plans/1/plan.csv").data
    overridden(app, 90.0)
    ready.catalogue(ODD)

    assert response.headers["Location"] == "/published-plans/1"
    assert client.get("/published-plans/1/plan.csv").data == before
    rows = csv_of(client, "/published-plans/1/plan.csv")
    assert len(rows) == 14 * len(REGION_ITEMS)
    mine = [row for row in rows if (row["Region"], row["Item"]) == (KETTLE.region, KETTLE.item)]
    assert [row["Override, %"] for row in mine[:3]] == ["", "50.0", ""]
    assert {row["Forecast by"] for row in mine} == {"v1"}
    assert {row["Forecast by"] for row in rows} == {"v1", "baseline"}
    for ours, theirs in zip(mine, on_the_page, strict=True):
        assert list(ours) == list(theirs)
        for name in ours:
            assert ours[name] == theirs[name] or float(ours[name]) == pytest.approx(float(theirs[name]), rel=1e-5)
    words = text_of(page(client.get("/published-plans/1")).main)
    assert f"Version 1 · published by {EMAIL}" in words
    assert "for the factory" in words
    assert "Overrides 1; the models alone" in words
    [entry] = entries_of_act(app, "published")
    assert entry.after is not None
    assert (entry.kind, entry.subject, entry.after["region-items"], entry.after["overrides"]) == (
        "plan", "Week 27 (version 1)", len(REGION_ITEMS), 1)


def test_its_excel_file_has_the_same_rows(client: FlaskClient, ready: Background) -> None:
    published(client, **ACCEPTED)

    sheet = load_workbook(io.BytesIO(client.get("/published-plans/1/plan.xlsx").data)).worksheets[0]
    rows = csv_of(client, "/published-plans/1/plan.csv")

    assert [cell.value for cell in sheet[1]] == list(rows[0])
    assert [(row[0].value, row[3].value) for row in sheet.iter_rows(min_row=2, max_row=20)] == [
        (row["Region"], float(row["Forecast, units"])) for row in rows[:19]]


def test_a_version_has_the_name_of_its_first_week_until_somebody_types_another(
        client: FlaskClient, ready: Background) -> None:
    week = (LAST_DAY + timedelta(1)).isocalendar().week
    ready.journal(Entry(KETTLE, "validated", numbers={"last_date": str(LAST_DAY)}))

    assert page(client.get("/published-plans/new")).select_one("#name")["value"] == f"Week {week}"  # type: ignore[index]
    assert page(published(client, name="")).select_one("#name")["value"] == ""  # type: ignore[index]


def test_what_is_wrong_is_told_before_and_published_only_when_somebody_accepts_it(
        app: Flask, client: FlaskClient, ready: Background) -> None:
    ready.journal(Entry(ODD, "started", request_id="r"), Entry(ODD, "failed", request_id="r", reason="x"))
    with app.app_context(), writing():
        db.session.delete(db.session.get_one(StoredForecast, KETTLE.key))
        db.session.execute(update(ForecastFigures).where(ForecastFigures.id == 5).values(forecast_due=True))

    told = text_of(page(client.get("/published-plans/new")).select_one("#told"))
    refused = published(client)
    accepted = published(client, **ACCEPTED)

    assert "1 region-item without a forecast; they would not be in the plan: north · kettle" in told
    assert "whose last retrain failed: süd/west" in told
    assert "1 region-item to be forecast again" in told
    assert "whose demand is so old" in told
    assert refused.status_code == 409
    assert accepted.status_code == 303
    assert "without a forecast" in text_of(page(client.get("/published-plans/1")).select_one("#told"))
    assert len(csv_of(client, "/published-plans/1/plan.csv")) == 14 * (len(REGION_ITEMS) - 1)


@pytest.mark.parametrize("seen", ["", "stale:1", "stale:x", "stale:" + "9" * 50, "due:31,failed:31", "stale"])
def test_what_became_worse_since_it_was_looked_at_is_told_again(
        app: Flask, client: FlaskClient, ready: Background, seen: str) -> None:
    response = published(client, seen=seen, **ACCEPTED)

    assert response.status_code == 409
    assert "Look at it, then decide" in text_of(page(response).select_one("#error"))
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(PublishedPart)) == 0


def test_the_same_form_twice_publishes_once(app: Flask, client: FlaskClient, ready: Background) -> None:
    soup = page(client.get("/published-plans/new"))
    fields = {"name": "Week 27", **ACCEPTED, **{name: hidden(soup, name) for name in ("csrf_token", "token", "seen")}}

    responses = [client.post("/published-plans/new", data=fields) for _ in range(2)]

    assert [response.headers["Location"] for response in responses] == ["/published-plans/1"] * 2
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(PublishedPlan)) == 1


@pytest.mark.parametrize("fields", [{"name": ""}, {"name": "x" * 121}, {"name": "a\x01b"}, {"comment": "x" * 501}])
def test_a_version_needs_a_name_that_can_be_kept(
        app: Flask, client: FlaskClient, fields: dict[str, str]) -> None:
    response = published(client, **{"name": "Week 27", **ACCEPTED, **fields})

    assert response.status_code == 422
    assert page(response).select_one("#error") is not None


def test_without_any_forecast_there_is_nothing_to_publish(client: FlaskClient) -> None:
    response = published(client, **ACCEPTED)

    assert response.status_code == 422
    assert "There is no forecast to publish yet" in text_of(page(response).select_one("#error"))


def test_a_version_is_compared_with_today_and_with_another(
        app: Flask, client: FlaskClient, ready: Background) -> None:
    published(client, **ACCEPTED)
    same = text_of(page(client.get("/published-plans/compare?before=1&after=today")).main)
    overridden(app)
    published(client, "Week 28", **ACCEPTED)

    for address in ("/published-plans/compare?before=1&after=2", "/published-plans/compare?before=1"):
        soup = page(client.get(address))
        [row] = soup.select("#by-region-item tbody tr")
        assert "north · kettle" in text_of(row)
        assert "+50 %" not in text_of(row)
        rows = [text_of(row) for row in soup.select("#by-period tbody tr")]
        assert len(rows) == 2
        assert rows[1] == "13 without a difference"
        assert "1 region-item of 31 differs" in text_of(soup.main)
    rows = csv_of(client, "/published-plans/compare?before=1&after=2&format=csv")
    plan = {row["Date"]: float(row["Forecast, units"]) for row in csv_of(client, "/published-plans/1/plan.csv")
            if (row["Region"], row["Item"]) == (KETTLE.region, KETTLE.item)}
    assert float(rows[0]["Difference, units"]) == pytest.approx(plan["2026-07-02"] / 2, rel=1e-4)
    assert {float(row["Difference, units"]) for row in rows[1:]} == {0.0}
    assert "0 region-items of 31 differ." in same


def test_region_items_of_one_version_only_count_as_differences_and_are_named(
        client: FlaskClient, ready: Background) -> None:
    published(client, **ACCEPTED)
    ready.catalogue(*[one for one in REGION_ITEMS if one != ODD])

    soup = page(client.get("/published-plans/compare?before=1"))

    [row] = soup.select("#by-region-item tbody tr")
    assert ("süd/west" in text_of(row), "not in it" in text_of(row)) == (True, True)


@pytest.mark.parametrize("address", ["/published-plans/7", "/published-plans/0", "/published-plans/7/plan.csv",
                                     "/published-plans/compare?before=7", "/published-plans/compare?before=x",
                                     "/published-plans/compare", "/published-plans/99999999999999999999"])
def test_a_version_that_there_is_not_is_told(client: FlaskClient, address: str) -> None:
    assert client.get(address).status_code == 404


@pytest.mark.parametrize(("binds", "is_admin_free"), [("planners", True), ("everybody", False)])
def test_near_periods_are_locked_by_the_administrators_rule_and_forms_say_so(
        app: Flask, client: FlaskClient, admin: FlaskClient, ready: Background, binds: str,
        is_admin_free: bool) -> None:
    overridden(app)
    published_row(app, LAST_DAY)
    lock(app, 3, binds)
    fields = {"ri": KETTLE.key, "horizon": "14", "first": "2026-07-03", "last": "2026-07-03", "way": "percent",
              "amount": "10", "comment": "more", "token": "l" * 32}

    told = text_of(page(client.get(f"/forecasts?ri={KETTLE.key}")).select_one("#override .locked"))
    refused = post(client, "/overrides", fields, form_on=f"/forecasts?ri={KETTLE.key}")
    later = post(client, "/overrides", fields | {"first": "2026-07-04", "last": "2026-07-04"},
                 form_on=f"/forecasts?ri={KETTLE.key}")
    removed = post(client, "/overrides/1/remove", {}, form_on=f"/forecasts?ri={KETTLE.key}")
    by_admin = post(admin, "/overrides", fields | {"token": "m" * 32}, form_on=f"/forecasts?ri={KETTLE.key}")

    assert "Periods until 2026-07-03 are locked, since “Week 27” was published by boss@example.com." in told
    assert "2026-07-03 is locked" in text_of(page(refused).select_one("#override-errors"))
    assert later.status_code == 303
    assert removed.status_code == 422
    assert (by_admin.status_code == 303) == is_admin_free
    with app.app_context():
        assert db.session.get_one(Override, 1).removed_at is None
