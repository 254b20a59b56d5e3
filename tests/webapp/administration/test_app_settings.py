"""Settings that administrators change: checked, recorded, and in effect."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.webapp.accounts.builders import age_sessions, id_of
from tests.webapp.administration.builders import save
from tests.webapp.audit.builders import entries_of_act
from tests.webapp.conftest import ADMIN, VIEWER, page, text_of
from webapp.accounts.tokens import actor_of, make_token
from webapp.db.database import db, now
from webapp.tables import Setting, User


def test_an_announcement_is_on_every_page_as_plain_text(
        admin: FlaskClient, anonymous: FlaskClient, viewer: FlaskClient) -> None:
    save(admin, announcement="Closed <b>today</b>\r\nBack at 5")

    for client, url in ((viewer, "/"), (viewer, "/nowhere"), (anonymous, "/sign-in")):
        assert page(client.get(url)).find(class_="announcement").text == "Closed <b>today</b>\nBack at 5"  # type: ignore[union-attr]


def test_a_change_is_recorded_with_before_and_after_and_what_stayed_is_not(app: Flask, admin: FlaskClient) -> None:
    save(admin, session_hours="12", token_days="30")
    save(admin, session_hours="12", token_days="90")

    changed = entries_of_act(app, "setting changed")
    assert [(entry.by, entry.subject, entry.before, entry.after) for entry in changed] == [
        (ADMIN, "Sign people out after (hours)", {"value": 720}, {"value": 12}),
        (ADMIN, "Maximum life of API tokens (days)", {"value": 0}, {"value": 30}),
        (ADMIN, "Maximum life of API tokens (days)", {"value": 30}, {"value": 90})]
    assert f"Set by {ADMIN}" in text_of(page(admin.get("/admin/settings")).main)


@pytest.mark.parametrize("wrong", [
    {"session_hours": "0"}, {"session_hours": "2161"}, {"session_hours": "soon"}, {"session_hours": ""},
    {"token_days": "-1"}, {"token_days": "9" * 5000}, {"sso_role": "admin"}, {"announcement": "x" * 501},
    {"announcement": "a\x01b"}])
def test_what_cannot_be_is_refused_and_nothing_is_kept(app: Flask, admin: FlaskClient, wrong: dict[str, Any]) -> None:
    response = save(admin, **{"announcement": "hello", **wrong})

    assert response.status_code == 422
    assert page(response).select_one(".invalid-feedback")
    with app.app_context():
        assert db.session.scalars(select(Setting)).all() == []


def test_what_would_be_right_is_said_in_words(admin: FlaskClient) -> None:
    words = text_of(page(save(admin, session_hours="soon", token_days="-1")).main)

    assert "Write a whole number." in words
    assert "Write a whole number of at least 0." in words


def test_sessions_that_are_older_than_the_setting_end(
        app: Flask, admin: FlaskClient, viewer: FlaskClient) -> None:
    age_sessions(app, VIEWER, began=timedelta(hours=2))
    assert viewer.get("/").status_code == 200

    save(admin, session_hours="1")

    assert viewer.get("/").location.startswith("/sign-in")


def test_no_token_outlives_the_setting_those_made_before_included(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        owner = db.session.get_one(User, id_of(app, VIEWER))
        token, secret = make_token(owner, "old", "viewer", now() + timedelta(days=365))
        token.made_at = now() - timedelta(days=31)
        db.session.commit()
        assert actor_of(secret, "") is not None

    save(admin, token_days="30")

    with app.app_context():
        assert actor_of(secret, "") is None
        owner = db.session.get_one(User, id_of(app, VIEWER))
        with pytest.raises(ValueError, match="at most 30 days"):
            make_token(owner, "long", "viewer", now() + timedelta(days=31))
