"""The page of order-up-to quantities: what it tells, what it leaves open, who says by which numbers."""

import io
from datetime import date
from typing import Any

import pytest
from bs4 import Tag
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import select
from werkzeug.test import TestResponse

from demand_assets.forecasting.contract.region_item import RegionItem
from tests.webapp.conftest import EMAIL, KETTLE, ODD, page, post, text_of
from tests.webapp.order_up_to.builders import TWO_DAYS_AT_90, forecast_of, keep_forecasts
from tests.webapp.overrides.builders import rows_of
from webapp.db.database import db
from webapp.overrides.overrides import place
from webapp.overrides.wanted_override import WantedOverride
from webapp.tables import AuditEntry, OrderUpToRule

SOUTH = RegionItem("south", "kettle")


def set_rule(client: FlaskClient, **fields: Any) -> TestResponse:
    """Keep a rule: one day until it comes, one day until the next order, 90 %."""
    return post(client, "/order-up-to/rules", {"segment": "", "lead_time": "1", "review_period": "1",
                                               "service_level": "90", **fields}, form_on="/order-up-to")


def row_of(client: FlaskClient, one: RegionItem, address: str = "/order-up-to?size=100") -> dict[str, str]:
    """Heading of a cell -> its words."""
    table = page(client.get(address)).find("table")
    assert isinstance(table, Tag)
    row = next(row for row in table.select("tbody tr") if text_of(row.th) == f"{one.region} · {one.item}")
    return {str(cell["data-label"]): text_of(cell) for cell in row.find_all("td")}


def test_without_a_lead_time_nothing_is_told(app: Flask, client: FlaskClient) -> None:
    keep_forecasts(app)
    assert text_of(page(client.get("/order-up-to")).select_one("#list .empty h2")) == "No lead time is set yet"

    post(client, "/order-up-to/rules", {"segment": "region:south", "lead_time": "3", "review_period": "4",
                                        "service_level": "95"}, form_on="/order-up-to")

    assert row_of(client, KETTLE)["Order up to"] == (
        "unknown: No lead time and review period and service level is set.")


def test_a_quantity_over_lead_time_and_review_period(app: Flask, client: FlaskClient) -> None:
    keep_forecasts(app, money={"price": 4.0, "cost": None, "latest": {}})

    set_rule(client)

    told = row_of(client, KETTLE)
    assert (told["Lead + review"], told["Service"], told["Forecast"]) == ("1 + 1 day", "90 %", "20")
    assert told["Order up to"] == f"{TWO_DAYS_AT_90:.1f}"
    assert told["At price"] == f"{4 * TWO_DAYS_AT_90:.2f}"
    [line] = [row for row in rows_of(client.get("/order-up-to?format=csv")) if row["Region"] == "south"]
    assert line["Order up to, units"] == f"{TWO_DAYS_AT_90:.4f}"
    assert (line["From"], line["To"], line["Service level, %"]) == ("2026-07-01", "2026-07-02", "90.0")
    assert line["Order up to at price, €"] == f"{round(4 * TWO_DAYS_AT_90, 2):g}"


def test_it_follows_the_forecast_that_is_planned_with_and_says_so(app: Flask, client: FlaskClient) -> None:
    keep_forecasts(app)
    set_rule(client)
    with app.app_context():
        place(WantedOverride(date(2026, 7, 1), date(2026, 7, 1), "value", 35.0, "a fair", "form"),
              {KETTLE.key: forecast_of()})

    told = row_of(client, KETTLE)
    assert told["Forecast"] == "45 overrides +25"
    assert told["Order up to"] == f"{TWO_DAYS_AT_90 + 25:.1f}"


def test_what_is_not_known_is_unknown_with_the_reason(app: Flask, client: FlaskClient) -> None:
    keep_forecasts(app, but={SOUTH: forecast_of(past=False)})
    set_rule(client, lead_time="10", review_period="5")
    assert "ends after 14 periods; lead time and review period are 15" in row_of(client, KETTLE)["Order up to"]

    set_rule(client)
    assert "unknown: Too little history" in row_of(client, SOUTH)["Order up to"]
    set_rule(client, service_level="99.9")
    assert "99.9 % is told from 2000 past windows on; there are 90" in row_of(client, KETTLE)["Order up to"]


def test_a_new_forecast_is_told_at_once(app: Flask, client: FlaskClient) -> None:
    keep_forecasts(app)
    set_rule(client)
    row_of(client, KETTLE)

    keep_forecasts(app, but={KETTLE: forecast_of(20.0)})

    assert row_of(client, KETTLE)["Forecast"] == "40"
    assert row_of(client, KETTLE)["Order up to"] == f"{TWO_DAYS_AT_90 + 20:.1f}"


def test_rules_of_segments_count_before_the_one_for_all_each_entry_on_its_own(app: Flask, client: FlaskClient) -> None:
    keep_forecasts(app)
    set_rule(client)
    set_rule(client, segment="region:south", lead_time="3", review_period="", service_level="")
    set_rule(client, segment="item:kettle", lead_time="2", review_period="", service_level="80")

    assert row_of(client, SOUTH)["Lead + review"] == "3 + 1 day"
    assert row_of(client, SOUTH)["Service"] == "80 %"
    assert row_of(client, KETTLE)["Lead + review"] == "2 + 1 day"
    assert row_of(client, ODD)["Lead + review"] == "1 + 1 day"


def test_a_rule_is_recorded_once_and_removed(app: Flask, client: FlaskClient) -> None:
    for _ in range(2):
        set_rule(client)
    with app.app_context():
        rule_id = db.session.scalars(select(OrderUpToRule.id)).one()

    post(client, f"/order-up-to/rules/{rule_id}/remove", {}, form_on="/order-up-to")
    again = post(client, f"/order-up-to/rules/{rule_id}/remove", {}, form_on="/order-up-to")

    assert again.status_code == 404
    with app.app_context():
        logged = db.session.scalars(select(AuditEntry).where(AuditEntry.subject.startswith(
            "order up to")).order_by(AuditEntry.id)).all()
        assert [(one.by, one.act, one.subject) for one in logged] == [
            (EMAIL, "rule set", "order up to: all"), (EMAIL, "rule removed", "order up to: all")]


@pytest.mark.parametrize(("fields", "words"), [
    ({"service_level": "0"}, "50 to 99.9 % is"), ({"service_level": "100"}, "50 to 99.9 % is"),
    ({"service_level": "0.95"}, "50 to 99.9 % is"), ({"service_level": "nan"}, "Write a number"),
    ({"lead_time": "-1"}, "whole number of periods"), ({"lead_time": "1.5"}, "whole number of periods"),
    ({"lead_time": "401"}, "0 to 400 periods are"), ({"review_period": "0"}, "1 to 400 periods are"),
    ({"segment": "region:moon"}, "no region"), ({"segment": "colour:red"}, "names no attribute"),
    ({"lead_time": "", "review_period": "", "service_level": ""}, "Give a lead time")], ids=str)
def test_a_rule_that_cannot_be_is_refused_in_words(app: Flask, client: FlaskClient, fields: dict[str, str],
                                                   words: str) -> None:
    response = set_rule(client, **fields)

    assert response.status_code == 422
    assert words in text_of(page(response))
    with app.app_context():
        assert db.session.scalars(select(OrderUpToRule)).all() == []


def test_a_lead_time_of_none_is_possible(app: Flask, client: FlaskClient) -> None:
    keep_forecasts(app)

    set_rule(client, lead_time="0", review_period="2")

    assert row_of(client, KETTLE)["Lead + review"] == "0 + 2 days"
    assert row_of(client, KETTLE)["Order up to"] == f"{TWO_DAYS_AT_90:.1f}"


def test_a_viewer_reads_and_changes_nothing(app: Flask, viewer: FlaskClient) -> None:
    keep_forecasts(app)

    assert page(viewer.get("/order-up-to")).find(id="rule") is None
    assert set_rule(viewer).status_code == 403


def test_the_excel_file_is_filtered_as_the_page(app: Flask, client: FlaskClient) -> None:
    keep_forecasts(app)
    set_rule(client)
    book = load_workbook(io.BytesIO(client.get("/order-up-to?q=kettle&format=xlsx").data))

    assert [row[:2] for row in book.worksheets[0].iter_rows(min_row=2, values_only=True)] == [
        ("north", "kettle"), ("south", "kettle")]
