"""No page takes anything but a form, whoever sends it."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.webapp.conftest import EMAIL, PASSWORD, hidden, page
from tests.webapp.doors import NEEDS, address

ROUTES = [route for route in NEEDS if route.startswith("POST")]
OTHERS: dict[str, dict[str, Any]] = {
    "JSON": {"json": {"csrf_token": "", "active": "no"}}, "a list": {"json": [1]},
    "XML": {"data": "<a/>", "content_type": "text/xml"}, "text": {"data": "active=no", "content_type": "text/plain"},
    "no type": {"data": b"active=no"}, "a type in capitals": {"data": "{}", "content_type": "APPLICATION/JSON"},
    "JSON with parameters": {"data": "{}", "content_type": "application/json; a=multipart/form-data"},
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_a_form_route_takes_nothing_else(admin: FlaskClient, anonymous: FlaskClient, other: dict[str, Any]) -> None:
    token = hidden(page(admin.get("/")), "csrf_token")
    answers = {(route, client.post(address(route.split(" ", 1)[1]), headers={
        "X-CSRFToken": token, "Accept": "application/json"}, **other).status_code)
        for route in ROUTES for client in (admin, anonymous)}

    assert {code for _, code in answers} <= {415, 429}
    assert {route for route, code in answers if code == 415} == {*ROUTES}
    assert admin.get("/").status_code == 200, "nobody was signed out"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_asking_carries_no_json_either(anonymous: FlaskClient, method: str) -> None:
    response = anonymous.open("/sign-in", method=method, json={"email": EMAIL, "password": PASSWORD})

    assert response.status_code == 415
    assert anonymous.get("/sign-in", headers={"Content-Type": "application/json"}).status_code == 200


def test_what_is_taken_is_said(admin: FlaskClient) -> None:
    response = admin.post("/retrains", json={})

    assert "carries application/json" in response.text
    assert "/api/v1/openapi.json" in response.text


def test_no_page_answers_in_json_or_with_a_token(anonymous: FlaskClient) -> None:
    token = hidden(page(anonymous.get("/sign-in")), "csrf_token")
    response = anonymous.post("/sign-in?include_auth_token", headers={"Accept": "application/json"}, data={
        "email": EMAIL, "password": PASSWORD, "csrf_token": token})

    assert response.status_code == 302
    assert "authentication_token" not in response.text
