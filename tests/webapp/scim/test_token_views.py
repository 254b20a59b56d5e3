"""The administrators' page about the identity provider, and what a user's page says of it."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from tests.webapp.accounts.builders import secret_on
from tests.webapp.administration.builders import save
from tests.webapp.audit.builders import entries_of_act
from tests.webapp.conftest import ADMIN, EMAIL, PASSWORD, page, post, signed_in, text_of
from tests.webapp.scim.builders import Provider, entra_user, group, hand_made_group, refused, user_of
from webapp.accounts.views import create_user
from webapp.db.database import db, now, writing
from webapp.scim.tokens import all_tokens, make_token
from webapp.tables import ScimToken


def ask(client: FlaskClient, name: str = "Entra", days: str = "90", own_password: str = PASSWORD) -> TestResponse:
    return post(client, "/admin/scim", {"name": name, "days": days, "own_password": own_password}, "/admin/scim")


def test_a_token_is_shown_once_and_turns_scim_on(app: Flask, admin: FlaskClient) -> None:
    assert "off: no token is valid" in admin.get("/admin/scim").text

    response = ask(admin)

    assert response.status_code == 200, text_of(page(response).main)
    secret = secret_on(response.text)
    assert Provider(app, secret).told("/Users")["totalResults"] == 3
    again = admin.get("/admin/scim")
    assert secret not in again.text
    assert secret[:18] in again.text
    assert "http://localhost/scim/v2" in text_of(page(again).main)
    [entry] = entries_of_act(app, "token made")
    assert (entry.by, entry.subject) == (ADMIN, "Entra of the identity provider")
    assert secret not in str(entry.after)
    with app.app_context():
        [token] = all_tokens()
        assert secret not in repr(vars(token))

    assert post(admin, f"/admin/scim/{token.id}/revoke", {}, "/admin/scim").status_code == 303
    refused(Provider(app, secret).ask("GET", "/Users"), 404)
    assert [one.subject for one in entries_of_act(app, "token revoked")] == ["Entra of the identity provider"]


def test_a_token_needs_a_name_a_length_and_the_password(app: Flask, admin: FlaskClient) -> None:
    for wrong in ({"name": ""}, {"name": "x" * 81}, {"days": "0"}, {"days": "7"}, {"own_password": ""},
                  {"own_password": "another long one"}):
        assert ask(admin, **wrong).status_code == 422, wrong
    assert ask(admin).status_code == 200
    assert "token of this name" in ask(admin).text
    save(admin, token_days="30")
    assert ask(admin, "Second", days="90").status_code == 422
    with app.app_context():
        assert [token.name for token in all_tokens()] == ["Entra"]


def test_guesses_at_the_password_are_limited(admin: FlaskClient) -> None:
    statuses = {ask(admin, own_password=f"a wrong password {number}").status_code for number in range(12)}

    assert statuses == {422, 429}


def test_the_token_goes_on_without_who_made_it_and_the_page_says_so(app: Flask, admin: FlaskClient) -> None:
    token = Provider(app, secret_on(ask(admin).text))
    with app.app_context():
        create_user("second@example.com", PASSWORD, "admin")
    second = user_of(app, "second@example.com").id

    first = user_of(app, ADMIN).id
    assert token.patched(f"/Users/user-{first}", {"op": "replace", "path": "active", "value": False}).status_code == 200

    assert token.told(f"/Users/user-{second}")["active"] is True
    assert "no longer an administrator" in signed_in(app.test_client(), "second@example.com").get("/admin/scim").text


def test_a_setting_for_all_tokens_ends_these_too(app: Flask, admin: FlaskClient) -> None:
    token = Provider(app, secret_on(ask(admin).text))
    with app.app_context(), writing():
        db.session.execute(update(ScimToken).values(made_at=now() - timedelta(days=31)))
    assert token.told("/Users")["totalResults"] == 3

    save(admin, token_days="30")

    refused(token.ask("GET", "/Users"), 404)


def test_without_an_end_only_where_the_settings_say_so(app: Flask) -> None:
    with app.app_context(), pytest.raises(ValueError, match="has an end"):
        make_token("Entra")


def test_the_page_of_a_user_says_who_manages_them(app: Flask, admin: FlaskClient, provider: Provider) -> None:
    by_hand = user_of(app, EMAIL).id
    assert "Managed by your identity provider" not in admin.get(f"/admin/users/{by_hand}").text
    made = provider.made("Users", entra_user("upn@corp.example", emails=[{"value": "jane@example.com"}]))
    address = f"/admin/users/{made['id'].removeprefix('user-')}"

    told = text_of(page(admin.get(address)).main)

    assert "Managed by your identity provider" in told
    assert "Jane Doe (upn@corp.example)" in told
    provider.ask("DELETE", f"/Users/{made['id']}")
    assert "Removed by your identity provider" in admin.get(address).text


def test_the_page_of_a_group_says_who_manages_it(app: Flask, admin: FlaskClient, provider: Provider) -> None:
    number = hand_made_group(app, "Planners", role="planner")
    address = f"/admin/groups/{number}"
    assert "identity provider" not in text_of(page(admin.get(address)).main)

    provider.made("Groups", group("Planners"))
    assert "Managed by your identity provider" in admin.get(address).text
    assert "0 users, 1 group" in text_of(page(admin.get("/admin/scim")).main)

    provider.ask("DELETE", f"/Groups/group-{number}")
    assert "Your identity provider removed this group" in admin.get(address).text
