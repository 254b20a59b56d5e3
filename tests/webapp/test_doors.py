"""Every route for every role: who is let in, from a table that must name every route there is."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.webapp.api.conftest import token_for
from tests.webapp.conftest import ADMIN, EMAIL, VIEWER, hidden, page, signed_in
from tests.webapp.doors import API_NEEDS, NEEDS, ROLES, SCIM_ROUTES, address


def routes(app: Flask) -> set[str]:
    return {f"{method} {rule.rule}" for rule in app.url_map.iter_rules() for method in rule.methods or ()
            if method not in ("HEAD", "OPTIONS")}


@pytest.fixture(scope="module")
def everybody(template_app: Flask) -> dict[str, tuple[FlaskClient, str]]:
    """Role -> a client of somebody with it, and the token of their forms."""
    clients = {"nobody": template_app.test_client()} | {
        role: signed_in(template_app.test_client(), email)
        for role, email in (("viewer", VIEWER), ("planner", EMAIL), ("admin", ADMIN))}
    return {role: (client, hidden(page(client.get("/sign-in" if role == "nobody" else "/")), "csrf_token"))
           for role, client in clients.items()}


def test_the_table_names_every_route_and_no_other(app: Flask) -> None:
    assert routes(app) == {*NEEDS, *API_NEEDS, *SCIM_ROUTES}


@pytest.mark.parametrize("route", NEEDS)
@pytest.mark.parametrize("role", ROLES)
def test_a_route_is_open_to_those_who_may_and_to_nobody_else(
        everybody: dict[str, tuple[FlaskClient, str]], role: str, route: str) -> None:
    method, rule = route.split(" ", 1)
    if rule in ("/sign-out", "/account/sessions/end") and role != "nobody":
        pytest.skip("it would end the session that the other cases use; test_accounts signs out")
    client, token = everybody[role]

    response = client.open(address(rule), method=method, data={"csrf_token": token} if method == "POST" else None)

    if ROLES.index(role) >= ROLES.index(NEEDS[route]):
        assert is_open(response), response.text[:500]
    elif role == "nobody":
        assert response.status_code == 302
        assert response.location.startswith("/sign-in")
    else:
        assert response.status_code == 403
        assert "administrator" in response.text


def is_open(response: TestResponse) -> bool:
    """Whether the view itself answered, even if only that it cannot do that."""
    return response.status_code in (200, 204, 303, 404, 422) or (
        response.status_code == 302 and not response.location.startswith("/sign-in"))


@pytest.fixture(scope="module")
def tokens(template_app: Flask) -> dict[str, str]:
    """Role -> a token of somebody with it; nobody's opens nothing."""
    return {"nobody": "demand_" + "x" * 43} | {
        role: token_for(template_app, role) for role in ROLES[1:]}  # type: ignore[arg-type]  # they are roles


@pytest.mark.parametrize("route", API_NEEDS)
@pytest.mark.parametrize("role", ROLES)
def test_an_operation_is_open_to_tokens_of_those_who_may_and_to_no_other(
        template_app: Flask, tokens: dict[str, str], role: str, route: str) -> None:
    method, rule = route.split(" ", 1)

    response = template_app.test_client().open(address(rule), method=method, headers={
        "Authorization": f"Bearer {tokens[role]}"}, json={} if method == "POST" else None)

    if ROLES.index(role) >= ROLES.index(API_NEEDS[route]):
        assert response.status_code in (200, 404, 409, 422), response.text[:500]
    else:
        assert response.status_code == (401 if role == "nobody" else 403)
        assert response.mimetype == "application/problem+json"


@pytest.mark.parametrize("route", API_NEEDS)
def test_a_session_opens_no_operation(everybody: dict[str, tuple[FlaskClient, str]], route: str) -> None:
    method, rule = route.split(" ", 1)

    response = everybody["admin"][0].open(address(rule), method=method, json={} if method == "POST" else None)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize("route", [route for route in NEEDS if route.startswith("POST")])
def test_a_form_without_its_token_changes_nothing(everybody: dict[str, tuple[FlaskClient, str]], route: str) -> None:
    client, _ = everybody["admin"]

    response = client.post(address(route.split(" ", 1)[1]))

    assert response.status_code == 400
    assert "CSRF" in response.text or "token" in response.text
