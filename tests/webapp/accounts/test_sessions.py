"""Sessions end where they are kept: what a stolen cookie opens is over when its owner says so."""

import time
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.webapp.accounts.builders import age_sessions, id_of
from tests.webapp.administration.builders import save
from tests.webapp.audit.builders import entries_of_act
from tests.webapp.conftest import (
    EMAIL,
    PASSWORD,
    VIEWER,
    hidden,
    page,
    post,
    session_cookie,
    signed_in,
    text_of,
    with_session,
)
from webapp.accounts import users
from webapp.accounts.sessions import BY_ITSELF
from webapp.db.database import db, now
from webapp.tables import User, UserSession


def stolen(client: FlaskClient) -> FlaskClient:
    """Another browser with the client's cookie."""
    return with_session(client.application.test_client(), session_cookie(client))


def is_in(client: FlaskClient) -> bool:
    response = client.get("/account")
    assert response.status_code in (200, 302)
    return response.status_code == 200


def kept(app: Flask, email: str = VIEWER) -> list[UserSession]:
    user_id = id_of(app, email)
    with app.app_context():
        return list(db.session.scalars(select(UserSession).where(UserSession.user_id == user_id)))


def test_a_stolen_cookie_opens_nothing_after_the_sign_out(app: Flask, viewer: FlaskClient) -> None:
    thief = stolen(viewer)
    assert is_in(thief)

    post(viewer, "/sign-out", {})

    assert not is_in(thief)
    assert kept(app) == []
    assert [entry.by for entry in entries_of_act(app, "signed out")] == [VIEWER]


def test_nor_does_an_older_cookie_of_the_same_browser(anonymous: FlaskClient) -> None:
    signed_in(anonymous, VIEWER)
    older = stolen(anonymous)
    anonymous.get("/sign-in")
    post(anonymous, "/sign-out", {})
    signed_in(anonymous, VIEWER)

    assert not is_in(older)
    assert is_in(anonymous)


def test_id_and_token_of_forms_are_new_after_a_sign_in(anonymous: FlaskClient) -> None:
    before = hidden(page(anonymous.get("/sign-in")), "csrf_token")
    with anonymous.session_transaction() as session:
        planted = dict(session)
        session["sid"] = "chosen by somebody else"
    signed_in(anonymous, VIEWER)

    with anonymous.session_transaction() as session:
        assert session["sid"] != "chosen by somebody else"
        assert session.get("csrf_token") != planted["csrf_token"]
    assert anonymous.post("/sign-out", data={"csrf_token": before}).status_code == 400
    first = session_cookie(anonymous)
    post(anonymous, "/sign-out", {})
    signed_in(anonymous, VIEWER)
    assert session_cookie(anonymous) != first


def test_the_database_has_no_id_that_opens_something(app: Flask, anonymous: FlaskClient) -> None:
    signed_in(anonymous, VIEWER)
    with anonymous.session_transaction() as session:
        secret = session["sid"]

    assert len(secret) >= 43
    assert secret not in str([vars(row) for row in kept(app)])
    with anonymous.session_transaction() as session:
        session["sid"] = kept(app)[-1].digest
    assert not is_in(anonymous)


def test_signing_out_everywhere_ends_every_session_and_no_other_persons(
        app: Flask, viewer: FlaskClient, client: FlaskClient) -> None:
    other = signed_in(app.test_client(), VIEWER)

    response = post(viewer, "/account/sessions/end", {}, "/account")

    assert response.location == "/sign-in"
    assert "signed out everywhere" in text_of(page(viewer.get("/sign-in")).main)
    assert [is_in(each) for each in (viewer, other, client)] == [False, False, True]
    [entry] = entries_of_act(app, "signed out everywhere")
    assert (entry.by, entry.before) == (VIEWER, {"sessions": 2})


def test_one_ends_another_session_of_ones_own(app: Flask, viewer: FlaskClient, client: FlaskClient) -> None:
    other = signed_in(app.test_client(), VIEWER)
    here, there = kept(app)
    [mine] = kept(app, EMAIL)

    assert post(viewer, f"/account/sessions/{mine.id}/end", {}, "/account").status_code == 404
    assert post(viewer, f"/account/sessions/{here.id}/end", {}, "/account").status_code == 422
    assert post(viewer, f"/account/sessions/{there.id}/end", {}, "/account").status_code == 303

    assert [is_in(each) for each in (viewer, other, client)] == [True, False, True]
    assert len(page(viewer.get("/account")).select("caption + thead + tbody")[0].select("tr")) == 1


def test_a_session_ends_when_it_is_too_old(app: Flask, client: FlaskClient) -> None:
    age_sessions(app, EMAIL, began=timedelta(hours=719))
    assert is_in(client)

    age_sessions(app, EMAIL, began=timedelta(hours=721))
    assert not is_in(client)
    assert "has ended" in text_of(page(client.get("/sign-in")))


def test_a_session_that_nobody_uses_ends(app: Flask, admin: FlaskClient, client: FlaskClient) -> None:
    age_sessions(app, EMAIL, seen=timedelta(hours=71))
    assert is_in(client)
    age_sessions(app, EMAIL, seen=timedelta(hours=73))
    assert not is_in(client)
    signed_in(client, EMAIL)
    save(admin, idle_hours="0")
    age_sessions(app, EMAIL, seen=timedelta(hours=700))
    assert is_in(client)


def test_use_is_what_a_person_does(app: Flask, client: FlaskClient) -> None:
    age_sessions(app, EMAIL, seen=timedelta(hours=1))
    client.get("/systems", headers={"HX-Request": "true", BY_ITSELF: "yes"})
    [before] = kept(app, EMAIL)
    client.get("/account")
    [after] = kept(app, EMAIL)

    assert after.seen_at - before.seen_at > timedelta(minutes=59)


def test_a_session_used_before_the_clock_was_put_back_is_idle_from_its_next_use_on(
        app: Flask, client: FlaskClient) -> None:
    age_sessions(app, EMAIL, seen=timedelta(days=-365))
    client.get("/account")

    [row] = kept(app, EMAIL)
    assert row.seen_at - now() < timedelta(minutes=1)


def test_a_new_role_leaves_no_session(app: Flask, viewer: FlaskClient) -> None:
    with app.app_context():
        users.change_role(id_of(app, VIEWER), "planner")

    assert kept(app) == []
    assert not is_in(viewer)


def test_a_new_password_keeps_the_browser_that_chose_it_with_another_id(app: Flask, client: FlaskClient) -> None:
    thief, token = stolen(client), hidden(page(client.get("/account")), "csrf_token")
    fields = {"password": PASSWORD, "new_password": "another long one", "new_password_confirm": "another long one"}

    assert post(client, "/password", fields, "/password").status_code == 302

    assert is_in(client)
    assert not is_in(thief)
    assert len(kept(app, EMAIL)) == 1
    assert client.post("/sign-out", data={"csrf_token": token}).status_code == 400


def yesterdays(app: Flask, email: str) -> dict[str, Any]:
    with app.app_context():
        user = db.session.get_one(User, id_of(app, email))
        return {"_user_id": user.fs_uniquifier, "_fresh": True, "fs_cc": "set", "fs_paa": time.time()}


def test_a_cookie_of_the_version_before_is_asked_to_sign_in_once_more(app: Flask, anonymous: FlaskClient) -> None:
    with anonymous.session_transaction() as session:
        session.update(yesterdays(app, EMAIL))

    assert not is_in(anonymous)
    assert "sign in once more" in text_of(page(anonymous.get("/sign-in")).main)
    assert is_in(signed_in(anonymous, EMAIL))


@pytest.mark.parametrize("value", ["", None, 7, ["x"], "x" * 5000, "\x00"])
def test_an_id_that_is_none_opens_nothing(app: Flask, anonymous: FlaskClient, value: object) -> None:
    with anonymous.session_transaction() as session:
        session.update(yesterdays(app, EMAIL), sid=value)

    assert not is_in(anonymous)


def test_the_id_of_one_and_the_name_of_another_open_nothing(app: Flask, viewer: FlaskClient) -> None:
    with viewer.session_transaction() as session:
        session["_user_id"] = yesterdays(app, EMAIL)["_user_id"]

    assert not is_in(viewer)


@pytest.mark.parametrize("header", ["Authentication-Token", "Authorization"])
def test_flask_securitys_own_token_opens_nothing(app: Flask, anonymous: FlaskClient, header: str) -> None:
    with app.app_context(), app.test_request_context():
        token = db.session.get_one(User, id_of(app, EMAIL)).get_auth_token()
        token = token if isinstance(token, str) else token.decode()

    assert anonymous.get("/account", headers={header: token}).status_code == 302
    assert anonymous.get("/account", query_string={"auth_token": token}).status_code == 302
    assert anonymous.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_sessions_that_are_over_are_removed_when_somebody_signs_in(
        app: Flask, client: FlaskClient, anonymous: FlaskClient) -> None:
    age_sessions(app, EMAIL, began=timedelta(hours=721))
    age_sessions(app, VIEWER, seen=timedelta(hours=73))

    signed_in(app.test_client(), VIEWER)

    assert kept(app, EMAIL) == []
    assert len(kept(app)) == 1
