"""SCIM's door: who is let in, who is told what, and what the service says of itself."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.webapp.api.conftest import token_for
from tests.webapp.audit.builders import entries_of_act
from tests.webapp.conftest import ADMIN, with_session
from tests.webapp.doors import SCIM_ROUTES, address
from tests.webapp.scim.builders import Provider, entra_user, refused, scim_token
from webapp.db.database import db, now, writing
from webapp.http.rate_limits import TOKEN_GUESSES
from webapp.scim.tokens import revoke_token
from webapp.scim.views import NOWHERE
from webapp.tables import ScimToken

EVERY_ROUTE = [(method, address(rule)) for method, rule in (route.split(" ", 1) for route in sorted(SCIM_ROUTES))]


def asked(client: FlaskClient, method: str, path: str, token: str = "") -> tuple[int, str, str]:
    response = client.open(path, method=method, json={} if method in ("POST", "PUT", "PATCH") else None,
                           headers={"Authorization": f"Bearer {token}"} if token else {})
    return response.status_code, response.mimetype, response.text


@pytest.mark.parametrize(("method", "path"), EVERY_ROUTE)
def test_without_a_token_made_there_is_no_scim_for_anybody(
        app: Flask, session_cookies: dict[str, str], method: str, path: str) -> None:
    admin = with_session(app.test_client(), session_cookies[ADMIN])
    of_api = token_for(app, "admin")

    answers = {asked(client, method, path, token) for client in (app.test_client(), admin)
               for token in ("", of_api, "demand_scim_" + "x" * 43)}

    assert {status for status, _, _ in answers} == {404}
    assert len(answers) == 1
    assert NOWHERE in answers.pop()[2]
    assert not entries_of_act(app, "token refused")


@pytest.mark.parametrize(("method", "path"), EVERY_ROUTE)
def test_only_a_token_of_its_own_kind_opens_it(
        app: Flask, provider: Provider, session_cookies: dict[str, str], method: str, path: str) -> None:
    admin = with_session(app.test_client(), session_cookies[ADMIN])
    wrong = ["demand_scim_" + "x" * 43, provider.token[:-1], "demand_" + "x" * 43, "é", "x" * 3000,
             *(token_for(app, role) for role in ("viewer", "planner", "admin"))]  # type: ignore[arg-type]  # they are
    for client, token in ((admin, ""), *((app.test_client(), one) for one in wrong)):
        status, mimetype, text = asked(client, method, path, token)
        assert (status, mimetype) == (401, "application/scim+json"), token
        assert '"401"' in text
    assert asked(app.test_client(), method, path, provider.token)[0] != 401


def test_a_token_of_scim_opens_nothing_else(app: Flask, provider: Provider) -> None:
    headers = {"Authorization": f"Bearer {provider.token}"}

    assert app.test_client().get("/api/v1/me", headers=headers).status_code == 401
    assert app.test_client().get("/admin/users", headers=headers).status_code == 302


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_token_that_ended_opens_nothing(app: Flask, provider: Provider, end: str) -> None:
    other = Provider(app, scim_token(app, "Okta"))
    with app.app_context():
        number = db.session.scalars(select(ScimToken.id).where(ScimToken.name == "Entra")).one()
        if end == "expired":
            with writing():
                db.session.get_one(ScimToken, number).expires_at = now() - timedelta(seconds=1)
    if end == "revoked":
        with app.app_context():
            revoke_token(number)

    refused(provider.ask("GET", "/Users"), 401)

    assert other.told("/Users")["totalResults"] == 3
    [entry] = entries_of_act(app, "token refused")
    assert (entry.reason, provider.token[:18] in entry.subject, provider.token in entry.subject) == (end, True, False)


def test_refusals_are_written_down_with_what_is_known_of_the_token(app: Flask, provider: Provider) -> None:
    refused(Provider(app, token_for(app, "viewer")).ask("GET", "/Users"), 401)
    refused(Provider(app, "guessed").ask("GET", "/Users"), 401)

    first, second = entries_of_act(app, "token refused")
    assert (first.by, first.reason) == ("viewer@example.com", "a token of the API does not open SCIM")
    assert "guessed" not in f"{second.subject} {second.reason}"


def test_wrong_tokens_are_limited_and_the_right_one_is_not(app: Flask, provider: Provider) -> None:
    guesser = Provider(app, "demand_scim_" + "x" * 43)
    for _ in range(TOKEN_GUESSES.times):
        refused(guesser.ask("GET", "/Users"), 401)

    response = guesser.ask("GET", "/Users")

    refused(response, 429)
    assert int(response.headers["Retry-After"]) > 0
    assert provider.told("/Users")["totalResults"] == 3


def test_a_token_asks_only_so_often(app: Flask, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.extensions["services"].settings, "web_api_per_minute", 2)
    statuses = [provider.ask("GET", "/ServiceProviderConfig").status_code for _ in range(3)]

    assert statuses == [200, 200, 429]
    refused(provider.ask("GET", "/Users"), 429)


def test_addresses_that_are_none_answer_as_scim(provider: Provider) -> None:
    for path in ("", "/", "/Nothing", "/Users/a/b", "/Bulk", "/Me"):
        refused(provider.ask("GET", path), 404)
    response = provider.ask("DELETE", "/Users")
    refused(response, 405)
    assert set(response.headers["Allow"].replace(" ", "").split(",")) >= {"GET", "POST"}


def test_what_the_service_says_of_itself(provider: Provider) -> None:
    config = provider.told("/ServiceProviderConfig")
    assert config["patch"] == {"supported": True}
    assert config["filter"] == {"supported": True, "maxResults": 200}
    assert not any(config[name]["supported"] for name in ("bulk", "changePassword", "sort", "etag"))
    types = provider.told("/ResourceTypes")
    assert [one["endpoint"] for one in types["Resources"]] == ["/Users", "/Groups"]
    assert provider.told("/ResourceTypes/User") == types["Resources"][0]
    schemas = provider.told("/Schemas")
    for one in schemas["Resources"]:
        assert provider.told(f"/Schemas/{one['id']}") == one
        assert one["meta"]["location"] == f"http://localhost/scim/v2/Schemas/{one['id']}"
    users = {one["name"] for one in schemas["Resources"][0]["attributes"]}
    assert users == {"userName", "name", "displayName", "active", "emails", "groups"}
    refused(provider.ask("GET", "/Schemas/urn:nothing"), 404)
    refused(provider.ask("GET", "/ResourceTypes/Device"), 404)


def test_addresses_of_resources_are_those_that_the_settings_say(
        app: Flask, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.extensions["services"].settings, "web_public_url", "https://demand.example.com/")
    client = app.test_client()

    response = client.post("/scim/v2/Users", json=entra_user(), base_url="http://evil.example", headers={
        "Authorization": f"Bearer {provider.token}"})

    assert response.headers["Location"].startswith("https://demand.example.com/scim/v2/Users/user-")


def test_refusals_are_in_english_whatever_is_asked_for(app: Flask, provider: Provider) -> None:
    response = app.test_client().get("/scim/v2/Nothing", headers={
        "Authorization": f"Bearer {provider.token}", "Accept-Language": "de"})

    assert NOWHERE in refused(response, 404)
