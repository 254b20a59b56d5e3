"""The rules of the list of work: set by administrators, for all or for a segment, and what they put on the list."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from demand_assets.forecasting.contract.region_item import RegionItem
from tests.webapp.conftest import ADMIN, KETTLE, page, post, text_of
from tests.webapp.work_list.builders import found, move, refresh
from webapp.db.database import db
from webapp.tables import AuditEntry, WorkRule

SOUTH = RegionItem("south", "kettle")


def set_rule(admin: FlaskClient, **fields: Any) -> TestResponse:
    """Keep a rule of forecasts that moved."""
    return post(admin, "/admin/work", {"kind": "moved", "segment": "", "threshold": "0.2", "due_days": "2",
                                       "again_days": "0", "is_on": "yes", **fields}, form_on="/admin/work")


def told(app: Flask) -> list[str]:
    """Keys of the forecasts that moved and are on the list."""
    refresh(app)
    return sorted(entry.subject for entry in found(app, "moved") if entry.resolved_at is None)


def test_a_rule_for_all_and_one_for_a_segment_decide_what_is_told(app: Flask, admin: FlaskClient) -> None:
    move(app, KETTLE, 30.0, 100.0)
    move(app, SOUTH, 30.0, 100.0)
    assert told(app) == [KETTLE.key, SOUTH.key]

    set_rule(admin, threshold="0,5")
    assert told(app) == []
    set_rule(admin, segment="region:south", threshold="0.3")
    assert told(app) == [SOUTH.key]
    set_rule(admin, segment="item:kettle", threshold="0.1")
    assert told(app) == [KETTLE.key, SOUTH.key]
    set_rule(admin, segment="region:south", threshold="0.9")
    assert told(app) == [KETTLE.key]  # of the two that fit the south, the rule that was made first
    with app.app_context():
        first = db.session.scalars(select(WorkRule.id).where(WorkRule.segment == "region:south")).one()
    post(admin, f"/admin/work/{first}/remove", {}, form_on="/admin/work")
    assert told(app) == [KETTLE.key, SOUTH.key]


def test_who_set_what_is_in_the_audit_log_and_the_same_again_is_not(app: Flask, admin: FlaskClient) -> None:
    set_rule(admin, threshold="0.4")
    set_rule(admin, threshold="0.4")
    set_rule(admin, threshold="0.5")

    with app.app_context():
        logged = db.session.scalars(
            select(AuditEntry).where(AuditEntry.act == "rule set").order_by(AuditEntry.id)).all()
        assert [(one.by, one.subject, (one.before or {}).get("threshold"), (one.after or {})["threshold"])
                for one in logged] == [(ADMIN, "list of work: Forecast moved", None, 0.4),
                                       (ADMIN, "list of work: Forecast moved", 0.4, 0.5)]


def test_who_reads_german_is_answered_in_it_and_the_audit_log_stays_english(app: Flask, admin: FlaskClient) -> None:
    admin.environ_base["HTTP_ACCEPT_LANGUAGE"] = "de"

    answer = admin.get(set_rule(admin, threshold="0.4").location)

    assert "Gespeichert: Arbeitsliste: Prognose verändert." in answer.text
    with app.app_context():
        logged = db.session.scalars(select(AuditEntry).where(AuditEntry.act == "rule set")).one()
        assert logged.subject == "list of work: Forecast moved"


@pytest.mark.parametrize(("fields", "words"), [
    ({"threshold": "0"}, "a number above 0"), ({"threshold": "101"}, "at most 100"),
    ({"threshold": "nan"}, "Give a number"), ({"threshold": ""}, "Give a number"),
    ({"threshold": "-1"}, "a number above 0"), ({"due_days": "x"}, "whole number"),
    ({"due_days": "3651"}, "a whole number from 0 to 3650, not 3651"), ({"again_days": "-1"}, "whole number"),
    ({"kind": "luck"}, "not known here"),
    ({"segment": "north"}, "no segment"), ({"segment": "region:"}, "no segment"),
    ({"segment": "region:moon"}, "no region"), ({"segment": "colour:red"}, "names no attribute"),
    ({"segment": "item:" + "x" * 400}, "no segment"), ({"kind": "missed", "periods": "0"}, "a whole number from 1"),
    ({"kind": "missed", "periods": "1.5"}, "whole number"),
    ({"kind": "scenario", "segment": "region:north"}, "for all")], ids=str)
def test_a_rule_that_cannot_be_is_refused_in_words(app: Flask, admin: FlaskClient, fields: dict[str, str],
                                                   words: str) -> None:
    response = set_rule(admin, **fields)

    assert response.status_code == 422
    assert words in text_of(page(response))
    with app.app_context():
        assert db.session.scalars(select(WorkRule)).all() == []


def test_the_page_shows_what_holds(admin: FlaskClient) -> None:
    set_rule(admin, segment="region:south", threshold="0.9", again_days="7")

    rows = [text_of(row) for row in page(admin.get("/admin/work?kind=missed")).select("tbody tr")]

    assert any(row.startswith("Forecast moved region:south") and "0.9" in row and "after 7 days" in row for row in rows)
    assert any(row.startswith("Forecast moved all others") and "by default" in row for row in rows)
    assert len(rows) == 13


def test_rules_of_an_attribute_that_is_no_more_count_for_nothing(app: Flask) -> None:
    with app.app_context():
        db.session.add(WorkRule(kind="moved", segment="colour:red", is_on=False, due_days=1, changed_by=ADMIN))
        db.session.commit()
    move(app)

    assert told(app) == [KETTLE.key]
