"""Administrators set targets; everybody sees who reached them."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.webapp.audit.builders import entries_of_act
from tests.webapp.conftest import page, post, text_of
from tests.webapp.value_added.builders import Judged, sum_up, tell
from webapp.administration.segment_rules import MOST
from webapp.value_added.targets import set_target


def set_(admin: FlaskClient, **fields: Any) -> TestResponse:
    return post(admin, "/admin/targets", {"segment": "", "wape": "20", "tolerance": "5", "bias": "10", **fields},
                form_on="/admin/targets")


def told(client: FlaskClient) -> str:
    return text_of(page(client.get("/value-added")).select_one("#compared tbody tr td[data-label=Target]"))


def test_a_target_is_set_seen_changed_and_removed(app: Flask, admin: FlaskClient, viewer: FlaskClient) -> None:
    tell(app, Judged(100, 90, 124))
    sum_up(app)
    assert told(viewer) == "–"

    assert set_(admin).status_code == 303
    assert told(viewer) == "within tolerance bias too high"
    set_(admin, segment="region:north", wape="24,5", bias="24")
    assert told(viewer) == "on target bias in band"
    set_(admin, segment="region:north", wape="10", bias="24")
    assert told(viewer) == "off target bias in band"

    rows = page(admin.get("/admin/targets")).select("tbody tr")
    assert [text_of(row.th) for row in rows] == ["all", "region:north"]
    form = rows[1].form
    assert form is not None
    assert post(admin, str(form["action"]), {}, form_on="/admin/targets").status_code == 303
    assert post(admin, str(form["action"]), {}, form_on="/admin/targets").status_code == 404
    assert told(viewer) == "within tolerance bias too high"


def test_who_set_it_is_in_the_audit_log_and_the_same_again_is_not(app: Flask, admin: FlaskClient) -> None:
    set_(admin)
    set_(admin)
    set_(admin, wape="25")

    assert [(one.subject, (one.after or {})["wape"]) for one in entries_of_act(app, "target set")] == [
        ("accuracy target: all", 0.2), ("accuracy target: all", 0.25)]


@pytest.mark.parametrize("fields", [
    {"wape": "0"}, {"wape": "-5"}, {"wape": "1e9"}, {"wape": "nan"}, {"wape": ""}, {"tolerance": "-1"}, {"bias": "x"},
    {"segment": "region:nowhere"}, {"segment": "colour:red"}, {"segment": "north"}])
def test_what_cannot_be_a_target_is_refused_in_words(admin: FlaskClient, fields: dict[str, str]) -> None:
    assert set_(admin, **fields).status_code == 422
    assert not page(admin.get("/admin/targets")).select("tbody tr")


def test_there_is_a_most(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        for number in range(MOST):
            set_target(f"item:{number}", 0.2, 0.0, 0.1)

    assert set_(admin).status_code == 422
