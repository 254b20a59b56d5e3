"""API tokens on pages."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.webapp.accounts.builders import id_of, secret_on
from tests.webapp.administration.builders import save
from tests.webapp.audit.builders import entries_of_act
from tests.webapp.conftest import ADMIN, EMAIL, PASSWORD, VIEWER, page, post, text_of
from webapp.access import Actor
from webapp.accounts.tokens import actor_of, make_token, tokens_of
from webapp.db.database import db
from webapp.tables import ApiToken, User


def ask(client: FlaskClient, name: str = "night job", role: str = "viewer", days: str = "30",
        own_password: str = PASSWORD) -> TestResponse:
    return post(client, "/account/tokens", {"name": name, "role": role, "days": days, "own_password": own_password},
                "/account")


def make(client: FlaskClient, name: str = "night job", role: str = "viewer", days: str = "30") -> str:
    response = ask(client, name, role, days)
    assert response.status_code == 200, text_of(page(response).main)
    return secret_on(response.text)


def kept(app: Flask) -> list[ApiToken]:
    with app.app_context():
        return list(tokens_of())


def opened(app: Flask, secret: str) -> Actor | None:
    with app.app_context():
        return actor_of(secret, "10.0.0.7")


def test_a_token_is_shown_once_and_opens_what_its_role_may(app: Flask, client: FlaskClient) -> None:
    secret = make(client, role="planner")

    assert opened(app, secret) == Actor(EMAIL, "planner", "token night job", "10.0.0.7")
    again = client.get("/account")
    assert secret not in again.text
    row = text_of(page(again).select("tbody tr")[-1])
    assert secret[:13] in row
    assert "from 10.0.0.7" in row
    [entry] = entries_of_act(app, "token made")
    assert (entry.by, entry.subject) == (EMAIL, f"night job of {EMAIL}")
    assert secret not in str(entry.after)


def test_a_token_is_never_more_than_its_owner(app: Flask, viewer: FlaskClient) -> None:
    assert ask(viewer, role="admin").status_code == 422
    assert kept(app) == []


def test_names_are_needed_and_tell_tokens_that_work_apart(app: Flask, client: FlaskClient) -> None:
    make(client)
    for name in ("", "  ", "night  job", "x" * 81, "a\x01b"):
        response = ask(client, name)
        assert response.status_code == 422, name
        assert page(response).select_one(".invalid-feedback")
    [token] = kept(app)
    post(client, f"/account/tokens/{token.id}/revoke", {}, "/account")

    assert opened(app, make(client)) is not None


def test_the_owner_revokes_a_token_and_nobody_elses(app: Flask, client: FlaskClient, viewer: FlaskClient) -> None:
    secret = make(viewer)
    [token] = kept(app)

    assert post(client, f"/account/tokens/{token.id}/revoke", {}, "/account").status_code == 404
    assert opened(app, secret) is not None
    assert post(viewer, f"/account/tokens/{token.id}/revoke", {}, "/account").status_code == 303
    assert opened(app, secret) is None
    assert [entry.by for entry in entries_of_act(app, "token revoked")] == [VIEWER]


def test_an_administrator_sees_and_revokes_everybodys(app: Flask, admin: FlaskClient, viewer: FlaskClient) -> None:
    assert "No tokens yet" in text_of(page(admin.get("/admin/tokens")).main)
    secret = make(viewer)
    [token] = kept(app)
    assert VIEWER in text_of(page(admin.get("/admin/tokens?q=night")).select_one("tbody tr"))
    assert page(admin.get("/admin/tokens?q=day")).select("tbody tr") == []

    post(admin, f"/admin/tokens/{token.id}/revoke", {}, "/admin/tokens")

    assert opened(app, secret) is None
    assert page(admin.get("/admin/tokens?state=open")).select("tbody tr") == []
    assert "revoked" in text_of(page(admin.get("/admin/tokens?state=revoked")).select_one("tbody tr"))
    assert [entry.by for entry in entries_of_act(app, "token revoked")] == [ADMIN]


def test_the_settings_bound_how_long_a_new_token_may_last(admin: FlaskClient, client: FlaskClient) -> None:
    save(admin, token_days="60")

    choices = [option["value"] for option in page(client.get("/account")).select("select[name=days] option")]

    assert choices == ["30", "60"]
    assert ask(client, days="0").status_code == 422
    assert ask(client, days="365").status_code == 422


def test_a_token_without_an_end_is_made_only_where_the_settings_say_so(
        app: Flask, admin: FlaskClient, client: FlaskClient) -> None:
    with app.app_context(), pytest.raises(ValueError, match="has an end"):
        make_token(db.session.get_one(User, id_of(app, EMAIL)), "endless", "viewer")
    assert ask(client, days="0").status_code == 422

    save(admin, endless_tokens="yes")

    make(client, days="0")
    assert [token.expires_at for token in kept(app)] == [None]


@pytest.mark.parametrize("own_password", ["", "wrong wrong", PASSWORD.upper(), "x" * 200])
def test_whoever_finds_a_browser_open_makes_no_token(app: Flask, client: FlaskClient, own_password: str) -> None:
    response = ask(client, own_password=own_password)

    assert response.status_code == 422
    assert kept(app) == []
    assert "not your password" in text_of(page(response).main)
    assert [entry.by for entry in entries_of_act(app, "password refused")] == [EMAIL]
