"""What nobody may choose as a password, and what ends with the old one."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_security.recoverable import generate_reset_password_token

from tests.webapp.accounts.builders import id_of
from tests.webapp.audit.builders import entries_of_act
from tests.webapp.conftest import EMAIL, PASSWORD, VIEWER, hidden, page, post, text_of
from webapp import create_app
from webapp.accounts import users
from webapp.accounts.password_links import choose_password, make_link
from webapp.accounts.passwords import wrong_with
from webapp.accounts.tokens import actor_of, make_token
from webapp.accounts.views import create_user
from webapp.db.database import db, now
from webapp.settings import Settings
from webapp.tables import User

NEW = "another long one"
COMMON = ["password123", "1234567890", "qwertyuiop", "iloveyou12", "letmein123", "aaaaaaaaaaaa", "abcdefghijkl",
          "passwordpassword", "P@ssw0rd1!", "admin12345", "Password1!", "Welcome123!", "0987654321", "qazwsxedcrfv",
          "1q2w3e4r5t", "football123", "12345678901234567890", "9x" * 40, "planner@example.com", "planner2026",
          "demandforecast", "qwerty" * 30]


@pytest.mark.parametrize("password", COMMON)
def test_a_common_password_is_not_chosen(password: str) -> None:
    assert wrong_with(password, EMAIL)


@pytest.mark.parametrize("password", [PASSWORD, NEW, "blue kettles sleep in march", "k8#vTq2!wzLp",
                                      "hästar äter glass"])
def test_one_that_is_hard_to_guess_is(password: str) -> None:
    assert wrong_with(password, EMAIL) is None


@pytest.mark.parametrize(("password", "is_right"), [("x7 kz" * 1, False), ("kettle sleeps " * 14, True),
                                                    ("kettle sleeps " * 15, False)])
def test_its_length_is_bounded(password: str, is_right: bool) -> None:
    assert (wrong_with(password) is None) is is_right


def by_change(client: FlaskClient, _app: Flask, password: str, **more: str) -> int:
    fields = {"password": PASSWORD, "new_password": password, "new_password_confirm": password, **more}
    return post(client, "/password", fields, "/password").status_code


def by_link(client: FlaskClient, app: Flask, password: str, **more: str) -> int:
    with app.app_context():
        link = f"/choose-password/{make_link(id_of(app, EMAIL))}"
    return post(client, link, {"password": password, "again": password, **more}, link).status_code


def by_e_mail(client: FlaskClient, app: Flask, password: str, **more: str) -> int:
    with app.app_context(), app.test_request_context():
        link = f"/forgotten-password/{generate_reset_password_token(db.session.get_one(User, id_of(app, EMAIL)))}"
    return post(client, link, {"password": password, "password_confirm": password, **more}, link).status_code


Way = Callable[..., int]
WAYS = [by_change, by_link, by_e_mail]


@pytest.fixture
def with_mail(settings: Settings) -> Flask:
    return create_app(settings.model_copy(update={"web_mail_server": "127.0.0.1", "web_mail_port": 9}))


@pytest.fixture
def planner(with_mail: Flask, session_cookies: dict[str, str]) -> FlaskClient:
    client = with_mail.test_client()
    client.set_cookie("demand_shop", session_cookies[EMAIL])
    return client


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("password", ["password123", "planner@example.com", "short", "x" * 201, "x" * 12_000])
def test_no_form_takes_another(with_mail: Flask, planner: FlaskClient, way: Way, password: str) -> None:
    assert way(planner, with_mail, password) in (200, 413, 422)
    assert entries_of_act(with_mail, "password changed") + entries_of_act(with_mail, "password set") == []


@pytest.mark.parametrize("path", ["/sign-in", "/password", "/account/tokens", "/choose-password/x"])
@pytest.mark.parametrize("megabytes", [0.01, 7, 9])
def test_an_endless_password_is_refused_before_it_is_hashed(client: FlaskClient, path: str, megabytes: float) -> None:
    token, much = hidden(page(client.get("/account")), "csrf_token"), "x" * int(megabytes * 1e6)
    fields = {"email": EMAIL, "password": much, "own_password": much, "csrf_token": token}

    assert client.post(path, data=fields).status_code in (404, 413, 422)
    assert client.post(path, json=fields, headers={"X-CSRFToken": token}).status_code == 415


def test_a_command_makes_nobody_with_a_common_one(app: Flask) -> None:
    with app.app_context(), pytest.raises(ValueError, match="too easy to guess"):
        create_user("new@example.com", "password123", "viewer")


def tokens_of(app: Flask, *names: str) -> list[str]:
    with app.app_context():
        owner = id_of(app, EMAIL)
        return [make_token(db.session.get_one(User, owner), name, "viewer", now() + timedelta(days=9))[1]
                for name in names]


def opens(app: Flask, secret: str) -> bool:
    with app.app_context():
        return actor_of(secret, "") is not None


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("said", "goes_on"), [("keep", True), ("revoke", False)])
def test_whoever_has_tokens_says_what_becomes_of_them(
        with_mail: Flask, planner: FlaskClient, way: Way, said: str, goes_on: bool) -> None:
    secrets = tokens_of(with_mail, "one", "two")
    for nothing in ({}, {"tokens": ""}, {"tokens": "maybe"}):
        assert way(planner, with_mail, NEW, **nothing) in (200, 422)
    assert entries_of_act(with_mail, "password changed") + entries_of_act(with_mail, "password set") == []

    assert way(planner, with_mail, NEW, tokens=said) == 302

    assert [opens(with_mail, secret) for secret in secrets] == [goes_on] * 2
    revoked = entries_of_act(with_mail, "token revoked")
    assert {(entry.by, entry.reason) for entry in revoked} == (set() if goes_on else {(EMAIL, "with the password")})


def test_who_has_none_is_not_asked(app: Flask, client: FlaskClient) -> None:
    assert "API tokens" not in text_of(page(client.get("/password")).main)
    tokens_of(app, "one")
    assert "API tokens" in text_of(page(client.get("/password")).main)


def test_tokens_of_others_stay(with_mail: Flask, planner: FlaskClient) -> None:
    with with_mail.app_context():
        other = make_token(db.session.get_one(User, id_of(with_mail, VIEWER)), "x", "viewer", now() + timedelta(9))[1]
    tokens_of(with_mail, "one")

    by_change(planner, with_mail, NEW, tokens="revoke")

    assert opens(with_mail, other)


def lose_by_change(app: Flask, client: FlaskClient) -> None:
    assert by_change(client, app, NEW) == 302


def lose_by_role(app: Flask, _client: FlaskClient) -> None:
    with app.app_context():
        users.change_role(id_of(app, EMAIL), "viewer")


def lose_by_e_mail(app: Flask, client: FlaskClient) -> None:
    assert by_e_mail(client, app, NEW) == 302


def lose_by_state(app: Flask, _client: FlaskClient) -> None:
    with app.app_context():
        users.set_active(id_of(app, EMAIL), False)
        users.set_active(id_of(app, EMAIL), True)


@pytest.mark.parametrize("lose", [lose_by_change, lose_by_role, lose_by_e_mail, lose_by_state])
def test_links_of_before_end_with_a_new_password_or_role(
        with_mail: Flask, planner: FlaskClient, lose: Callable[[Flask, FlaskClient], None]) -> None:
    user_id = id_of(with_mail, EMAIL)
    with with_mail.app_context():
        links = [f"/choose-password/{make_link(user_id)}"]
    with with_mail.app_context(), with_mail.test_request_context():
        links.append(f"/forgotten-password/{generate_reset_password_token(db.session.get_one(User, user_id))}")
    stranger = with_mail.test_client()
    assert [stranger.get(link).status_code for link in links] == [200, 200]

    lose(with_mail, planner)

    assert stranger.get(links[0]).status_code == 404
    assert stranger.get(links[1]).location == "/forgotten-password"
    with with_mail.app_context():
        assert choose_password(links[0].rsplit("/", 1)[1], "yet another long one", "") is None


def test_who_signs_in_without_a_password_sets_none_from_an_open_browser(app: Flask, client: FlaskClient) -> None:
    token = hidden(page(client.get("/account")), "csrf_token")
    with app.app_context():
        db.session.get_one(User, id_of(app, EMAIL)).password = None
        db.session.commit()

    response = client.post("/password", data={"new_password": NEW, "new_password_confirm": NEW, "csrf_token": token})

    assert response.status_code == 403
    assert re.search("An administrator can create a link", response.text)
    assert post(client, "/account/tokens", {"name": "x", "role": "viewer", "days": "30"}, "/account").status_code == 422


@pytest.mark.parametrize(("path", "names"), [
    ("/sign-in", {"password": "current-password"}),
    ("/password", {"password": "current-password", "new_password": "new-password",
                   "new_password_confirm": "new-password"}),
])
def test_what_is_typed_is_masked_and_password_managers_may_fill_it_in(
        app: Flask, client: FlaskClient, path: str, names: dict[str, str]) -> None:
    form = page((app.test_client() if path == "/sign-in" else client).get(path))

    for name, kind in names.items():
        field = form.select_one(f"input[name={name}]")
        assert field is not None
        assert (field["type"], field["autocomplete"]) == ("password", kind)
        assert not {"onpaste", "readonly", "oncopy"} & set(field.attrs)
    assert len(form.select(".form-text")) == (path == "/password")  # below the first of two fields


def test_a_password_is_kept_as_argon2(costly_passwords: None, app: Flask) -> None:
    """With 64 MiB and three passes for each guess; tests of other things hash more cheaply."""
    with app.app_context():
        user = create_user("new@example.com", "a passphrase for the tests", "viewer")
        assert (user.password or "").startswith("$argon2id$v=19$m=65536,t=3,p=4$")
