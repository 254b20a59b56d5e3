"""Who came and who was not let in stands in the audit log, not in a text log alone."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.webapp.accounts.builders import id_of
from tests.webapp.api.conftest import Program, token_for
from tests.webapp.audit.builders import entries_of_act
from tests.webapp.conftest import EMAIL, PASSWORD, VIEWER, page, post, signed_in, text_of
from webapp import create_app
from webapp.accounts import users
from webapp.accounts.sign_in.refusals_in_audit_log import SOMEBODY
from webapp.accounts.tokens import revoke_token
from webapp.db.database import db, now
from webapp.settings import Settings
from webapp.tables import ApiToken, AuditEntry


def told(app: Flask, act: str) -> list[tuple[str, str, str, str]]:
    return [(entry.by, entry.via, entry.subject, entry.reason) for entry in entries_of_act(app, act)]


def test_signing_in_and_out_is_recorded(app: Flask, anonymous: FlaskClient) -> None:
    signed_in(anonymous, VIEWER)
    post(anonymous, "/sign-out", {})

    [came] = entries_of_act(app, "signed in")
    assert (came.by, came.via, came.address, came.subject) == (VIEWER, "password", "127.0.0.1", VIEWER)
    [went] = entries_of_act(app, "signed out")
    assert (went.by, went.via) == (VIEWER, "browser")


@pytest.mark.parametrize(("email", "subject"), [
    (f" {VIEWER.upper()}", VIEWER), ("nobody@example.com", "nobody@example.com"),
    ("my secret password", "no e-mail address"), ("", "no e-mail address"), ("a@b\nc", "no e-mail address")])
def test_a_refused_sign_in_is_recorded_with_the_address_that_was_tried(
        app: Flask, anonymous: FlaskClient, email: str, subject: str) -> None:
    post(anonymous, "/sign-in", {"email": email, "password": "wrong wrong"}, "/sign-in")

    assert told(app, "sign-in refused") == [(SOMEBODY, "browser", subject, "answered 200")]
    assert "wrong wrong" not in str(vars(entries_of_act(app, "sign-in refused")[0]))


@pytest.mark.parametrize("body", [{"json": {"email": EMAIL, "password": PASSWORD}}, {"data": b"x"}, {
    "data": {"email": EMAIL, "password": PASSWORD}}])
def test_so_are_those_that_are_no_form(app: Flask, anonymous: FlaskClient, body: dict[str, Any]) -> None:
    status = anonymous.post("/sign-in", **body).status_code

    assert [entry.reason for entry in entries_of_act(app, "sign-in refused")] == [f"answered {status}"]


def test_a_flood_of_guesses_does_not_fill_the_log(app: Flask, anonymous: FlaskClient) -> None:
    for _ in range(60):
        anonymous.post("/sign-in", json={})

    assert len(entries_of_act(app, "sign-in refused")) == 30


def test_a_wrong_present_password_is_recorded(app: Flask, client: FlaskClient) -> None:
    post(client, "/password", {"password": "wrong wrong", "new_password": "another long one",
                               "new_password_confirm": "another long one"}, "/password")

    assert told(app, "password refused") == [(EMAIL, "browser", EMAIL, "answered 200")]


def test_a_link_that_does_not_work_is_recorded_without_its_secret(app: Flask, anonymous: FlaskClient) -> None:
    anonymous.get("/choose-password/a-secret")

    assert told(app, "link refused") == [(SOMEBODY, "browser", "links.choose", "answered 404")]


def test_a_refused_single_sign_on_is_recorded_whatever_it_says(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={
        "web_oidc_issuer": "http://127.0.0.1:9", "web_oidc_client_id": "x", "web_oidc_client_secret": "y"}))
    app.test_client().get("/sign-in/sso/back", query_string={
        "error": "access_denied", "error_description": "no\n2026 INFO boss signed in" + "x" * 5000})

    [entry] = entries_of_act(app, "sign-in refused")
    assert (entry.by, entry.via) == (SOMEBODY, "single sign-on")
    assert "access_denied" in entry.reason
    assert len(entry.reason) <= 300


def revoked(app: Flask) -> None:
    revoke_token(db.session.query(ApiToken).one().id)


def expired(app: Flask) -> None:
    db.session.query(ApiToken).one().expires_at = now() - timedelta(days=1)
    db.session.commit()


def deactivated(app: Flask) -> None:
    users.set_active(id_of(app, VIEWER), False)


@pytest.mark.parametrize(("end", "why"), [
    (revoked, "revoked"), (expired, "expired"), (deactivated, "its owner is deactivated")])
def test_a_token_that_opens_nothing_is_recorded_once_an_hour(app: Flask, end: Any, why: str) -> None:
    secret = token_for(app, "viewer")
    with app.app_context():
        end(app)
    program = Program(app, secret)
    assert [program.get("/me").status_code for _ in range(3)] == [401] * 3

    [(by, via, subject, reason)] = told(app, "token refused")
    assert (by, via, reason) == (VIEWER, "token", why)
    assert subject.startswith(secret[:13])
    assert secret[:20] not in subject


def test_made_up_tokens_are_recorded_and_fill_no_log(app: Flask) -> None:
    for n in range(40):
        Program(app, f"demand_{n}").get("/me")

    assert told(app, "token refused") == [(SOMEBODY, "token", f"… of {SOMEBODY}", "nobody has this token")]


def test_administrators_find_it_in_the_log(admin: FlaskClient, anonymous: FlaskClient) -> None:
    post(anonymous, "/sign-in", {"email": VIEWER, "password": "wrong wrong"}, "/sign-in")

    shown = text_of(page(admin.get("/admin/audit?act=sign-in+refused")).main)

    assert SOMEBODY in shown
    assert VIEWER in shown


def test_no_entry_has_a_password(app: Flask, anonymous: FlaskClient) -> None:
    post(anonymous, "/sign-in", {"email": PASSWORD, "password": "wrong wrong"}, "/sign-in")
    signed_in(anonymous, VIEWER)

    with app.app_context():
        assert PASSWORD not in str([vars(entry) for entry in db.session.query(AuditEntry)])
