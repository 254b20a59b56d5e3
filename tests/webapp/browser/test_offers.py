"""No page offers its reader what the reader may not do."""

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException

from tests.webapp.browser.conftest import Site
from tests.webapp.browser.screens import SCREENS, Screen
from tests.webapp.conftest import EMAIL, VIEWER, page, signed_in
from tests.webapp.doors import NEEDS, ROLES

OFFERS = {"href": "GET", "hx-get": "GET", "hx-post": "POST", "formaction": "POST"}
"""Attribute of whatever leads on -> how it is asked for."""


@pytest.fixture(scope="module")
def readers(site: Site) -> dict[str, FlaskClient]:
    return {role: signed_in(site.app.test_client(), email) for role, email in (("viewer", VIEWER), ("planner", EMAIL))}


@pytest.mark.parametrize("screen", [screen for screen in SCREENS if not screen.is_public and not screen.is_admin],
                         ids=lambda screen: screen.name)
@pytest.mark.parametrize("role", ["viewer", "planner"])
def test_what_is_offered_may_be_done(site: Site, readers: dict[str, FlaskClient], role: str, screen: Screen) -> None:
    response = readers[role].get(screen.url)
    if response.status_code == 403:
        assert role == "viewer"
        return

    found = offers(page(response), site.app)

    assert len(found) > 5  # the header alone has them
    assert {offer for offer in found if ROLES.index(NEEDS[offer]) > ROLES.index(role)} == set()


def offers(soup: BeautifulSoup, app: Flask) -> set[str]:
    """The routes that a page leads to, as ``NEEDS`` names them."""
    found = {(method, str(tag[name])) for name, method in OFFERS.items() for tag in soup.select(f"[{name}]")}
    found |= {(str(form.get("method", "get")).upper(), str(form.get("action") or "")) for form in soup.select("form")}
    return {route for method, url in found if (route := route_of(app, method, url))}


def route_of(app: Flask, method: str, url: str) -> str | None:
    """The route of an address on the site; None of others."""
    path = url.split("?")[0].split("#")[0]
    if not path.startswith("/"):
        return None
    try:
        rule, _ = app.url_map.bind("").match(path, method, return_rule=True)
    except HTTPException:
        raise AssertionError(f"{method} {url} leads nowhere") from None
    return f"{method} {rule.rule}"
