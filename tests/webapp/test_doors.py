"""Every route for every role: who is let in, from a table that must name every route there is."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.webapp.api.conftest import token_for
from tests.webapp.conftest import ADMIN, EMAIL, VIEWER, hidden, page, signed_in

ROLES = ("nobody", "viewer", "planner", "admin")
LINK = "0" * 32
NEEDS = {
    "GET /": "viewer",
    "GET /account": "viewer",
    "POST /account/tokens": "viewer",
    "POST /account/tokens/<int:token_id>/revoke": "viewer",
    "GET /admin": "admin",
    "GET /admin/audit": "admin",
    "GET /admin/settings": "admin",
    "POST /admin/settings": "admin",
    "GET /admin/tokens": "admin",
    "POST /admin/tokens/<int:token_id>/revoke": "admin",
    "GET /admin/users": "admin",
    "GET /admin/users/<int:user_id>": "admin",
    "POST /admin/users/<int:user_id>/active": "admin",
    "POST /admin/users/<int:user_id>/identity": "admin",
    "POST /admin/users/<int:user_id>/link": "admin",
    "POST /admin/users/<int:user_id>/role": "admin",
    "GET /admin/users/new": "admin",
    "POST /admin/users/new": "admin",
    "GET /api": "viewer",
    "GET /api/v1/openapi.json": "nobody",
    "GET /choose-password/<secret>": "nobody",
    "POST /choose-password/<secret>": "nobody",
    "GET /data": "viewer",
    "GET /data/drift": "viewer",
    "GET /data/drift/region-item": "viewer",
    "GET /data/freshness": "viewer",
    "GET /data/loads": "viewer",
    "GET /data/loads/<run_id>": "viewer",
    "GET /data/quarantine": "viewer",
    "GET /data/region-items": "viewer",
    "GET /first-admin/<token>": "nobody",
    "POST /first-admin/<token>": "nobody",
    "GET /forecasts": "viewer",
    "POST /forecasts": "planner",
    "GET /forecasts/change": "planner",
    "GET /forecasts/choices": "viewer",
    "GET /forecasts/download": "viewer",
    "GET /forecasts/news": "viewer",
    "POST /forecasts/scenario": "planner",
    "POST /forecasts/selection": "viewer",
    "GET /forecasts/why": "viewer",
    "POST /adjustments": "planner",
    "POST /adjustments/<int:adjustment_id>/remove": "planner",
    "GET /fs-static/<path:filename>": "nobody",
    "GET /health": "nobody",
    "GET /heat-map": "viewer",
    "GET /models": "viewer",
    "GET /models/act": "admin",
    "POST /models/act": "admin",
    "GET /models/compare": "viewer",
    "POST /models/fetch": "planner",
    "GET /models/region-item": "viewer",
    "GET /overrides": "viewer",
    "POST /overrides": "planner",
    "POST /overrides/<int:override_id>/remove": "planner",
    "POST /overrides/batches/<batch>/undo": "planner",
    "GET /overrides/helped": "viewer",
    "GET /password": "viewer",
    "POST /password": "viewer",
    "GET /retrains": "viewer",
    "POST /retrains": "planner",
    "GET /retrains/<int:retrain_id>": "viewer",
    "POST /retrains/<int:retrain_id>/cancel": "planner",
    "GET /retrains/<int:retrain_id>/forecast": "viewer",
    "GET /retrains/<int:retrain_id>/progress": "viewer",
    "POST /retrains/<int:retrain_id>/retry": "planner",
    "GET /scenarios": "viewer",
    "GET /scenarios/<token>": "viewer",
    "POST /scenarios/<token>/archive": "planner",
    "POST /scenarios/<token>/compute": "planner",
    "POST /scenarios/<token>/duplicate": "planner",
    "GET /scenarios/<token>/edit": "planner",
    "POST /scenarios/<token>/edit": "planner",
    "GET /scenarios/<token>/progress": "viewer",
    "GET /scenarios/<token>/result.<any(csv, xlsx):form>": "viewer",
    "GET /scenarios/compare": "viewer",
    "GET /scenarios/new": "planner",
    "POST /scenarios/new": "planner",
    "POST /scenarios/select": "planner",
    "GET /search": "viewer",
    "GET /sign-in": "nobody",
    "POST /sign-in": "nobody",
    "GET /sign-in/sso": "nobody",
    "GET /sign-in/sso/back": "nobody",
    "POST /sign-out": "viewer",
    "GET /static/<path:filename>": "nobody",
    "GET /systems": "viewer",
    "GET /totals": "viewer",
    "POST /verify": "viewer",
    "GET /verify": "viewer",
}
"""Method and rule -> the role that it needs at least."""
VALUES = {"<secret>": LINK, "<int:user_id>": "999", "<int:token_id>": "999",
          "<token>": LINK, "<run_id>": "a-run", "<int:retrain_id>": "1", "<int:adjustment_id>": "1",
          "<any(csv, xlsx):form>": "csv", "<path:filename>": "icon.svg",
          "<int:override_id>": "1", "<batch>": LINK, "<key>": "north%7Ckettle", "<int:id>": "1"}


API_NEEDS = {
    "DELETE /api/v1/adjustments/<int:id>": "planner",
    "GET /api/v1/dataset": "viewer",
    "POST /api/v1/demand": "planner",
    "POST /api/v1/driver-plans": "planner",
    "GET /api/v1/forecasts": "viewer",
    "POST /api/v1/forecasts": "planner",
    "DELETE /api/v1/override-batches/<batch>": "planner",
    "GET /api/v1/overrides": "viewer",
    "POST /api/v1/overrides": "planner",
    "DELETE /api/v1/overrides/<int:id>": "planner",
    "GET /api/v1/me": "viewer",
    "GET /api/v1/quarantine": "viewer",
    "GET /api/v1/region-items": "viewer",
    "GET /api/v1/region-items/<key>": "viewer",
    "GET /api/v1/region-items/<key>/accuracy": "viewer",
    "GET /api/v1/region-items/<key>/acts": "viewer",
    "POST /api/v1/region-items/<key>/acts": "admin",
    "GET /api/v1/region-items/<key>/adjustments": "viewer",
    "POST /api/v1/region-items/<key>/adjustments": "planner",
    "GET /api/v1/region-items/<key>/demand": "viewer",
    "GET /api/v1/region-items/<key>/quarantine": "viewer",
    "GET /api/v1/region-items/<key>/versions": "viewer",
    "GET /api/v1/retrains": "viewer",
    "POST /api/v1/retrains": "planner",
    "GET /api/v1/retrains/<int:id>": "viewer",
    "POST /api/v1/retrains/<int:id>/cancel": "planner",
    "GET /api/v1/retrains/<int:id>/region-items": "viewer",
    "GET /api/v1/scenarios": "viewer",
    "POST /api/v1/scenarios": "planner",
    "GET /api/v1/scenarios/<token>": "viewer",
    "POST /api/v1/scenarios/<token>/archive": "planner",
    "POST /api/v1/scenarios/<token>/compute": "planner",
    "POST /api/v1/scenarios/<token>/duplicate": "planner",
    "GET /api/v1/scenarios/<token>/result": "viewer",
    "GET /api/v1/totals": "viewer",
}
"""The same for programs, which show a token."""


def routes(app: Flask) -> set[str]:
    return {f"{method} {rule.rule}" for rule in app.url_map.iter_rules() for method in rule.methods or ()
            if method not in ("HEAD", "OPTIONS")}


def address(rule: str) -> str:
    for placeholder, value in VALUES.items():
        rule = rule.replace(placeholder, value)
    assert "<" not in rule, f"VALUES lacks what stands in {rule}"
    return rule


@pytest.fixture(scope="module")
def everybody(template_app: Flask) -> dict[str, tuple[FlaskClient, str]]:
    """Role -> a client of somebody with it, and the token of their forms."""
    clients = {"nobody": template_app.test_client()} | {
        role: signed_in(template_app.test_client(), email)
        for role, email in (("viewer", VIEWER), ("planner", EMAIL), ("admin", ADMIN))}
    return {role: (client, hidden(page(client.get("/sign-in" if role == "nobody" else "/")), "csrf_token"))
           for role, client in clients.items()}


def test_the_table_names_every_route_and_no_other(app: Flask) -> None:
    assert routes(app) == {*NEEDS, *API_NEEDS}


@pytest.mark.parametrize("route", NEEDS)
@pytest.mark.parametrize("role", ROLES)
def test_a_route_is_open_to_those_who_may_and_to_nobody_else(
        everybody: dict[str, tuple[FlaskClient, str]], role: str, route: str) -> None:
    method, rule = route.split(" ", 1)
    if rule == "/sign-out" and role != "nobody":
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
