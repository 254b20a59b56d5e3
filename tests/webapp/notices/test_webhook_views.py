"""Webhooks are set by administrators: which addresses can be, and what is recorded of them."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.webapp.conftest import EMAIL, page, post, text_of
from tests.webapp.notices.builders import deliveries, say, send
from webapp.db.database import db
from webapp.tables import AuditEntry, Webhook

URL = "https://chat.example.com/hooks/a-secret-path"


def make(admin: FlaskClient, **fields: object) -> TestResponse:
    return post(admin, "/admin/webhooks", {"name": "chat", "url": URL, "event": ["data"], **fields},
                form_on="/admin/webhooks")


@pytest.mark.parametrize("fields", [
    {"url": ""}, {"url": "ftp://example.com/x"}, {"url": "file:///etc/passwd"}, {"url": "javascript:alert(1)"},
    {"url": "https://"}, {"url": "https://user:pass@example.com/"}, {"url": "https://a@example.com/"},
    {"url": "https://example.com:99999/"}, {"url": "https://example.com:0/"}, {"url": "https://[::1/"},
    {"url": "https://example.com/a b"}, {"url": "https://example.com/\r\nX: y"}, {"url": "https://exämple.com/"},
    {"url": "//example.com/x"}, {"url": "https://example.com/" + "x" * 1000}, {"name": " "}, {"name": "x" * 81},
    {"event": []}, {"event": ["luck"]}, {"event": ["data", "luck"]}], ids=str)
def test_what_is_no_webhook_is_refused(app: Flask, admin: FlaskClient, fields: dict[str, object]) -> None:
    assert make(admin, **fields).status_code == 422
    with app.app_context():
        assert db.session.scalars(select(Webhook)).all() == []


def test_the_audit_log_and_the_page_tell_the_host_and_never_the_address(app: Flask, admin: FlaskClient) -> None:
    assert make(admin).status_code == 303
    assert make(admin).status_code == 422  # the name is taken
    shown = admin.get("/admin/webhooks").text
    assert "https://chat.example.com" in shown
    assert "a-secret-path" not in shown
    with app.app_context():
        entry = db.session.scalars(select(AuditEntry).where(AuditEntry.act == "webhook made")).one()
        assert entry.after == {"host": "https://chat.example.com", "events": ["data"]}


def test_what_waits_for_a_webhook_that_is_removed_is_never_sent(app: Flask, admin: FlaskClient) -> None:
    make(admin)
    say(app, EMAIL)
    assert text_of(page(admin.get("/admin/webhooks")).select_one("tbody tr")).startswith("New data of 3 region-items")

    post(admin, "/admin/webhooks/1/remove", {}, form_on="/admin/webhooks")

    assert (deliveries(app), send(app)) == ([], 0)
    assert post(admin, "/admin/webhooks/1/remove", {}, form_on="/admin/webhooks").status_code == 404
