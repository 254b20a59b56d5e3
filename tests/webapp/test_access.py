"""What each role is offered on all pages is open to it, and what it is not offered is shut."""

from collections import Counter, deque
from datetime import date

import pytest
from bs4 import BeautifulSoup, Tag
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException

from demand_assets.forecasting.store.journal import Entry
from tests.webapp.adjustments.builders import adjust
from tests.webapp.conftest import (
    ADMIN,
    EMAIL,
    KETTLE,
    ODD,
    REGION_ITEMS,
    VIEWER,
    Background,
    ask_for_retrain,
    hidden,
    page,
    with_session,
)
from tests.webapp.doors import NEEDS, ROLES, address
from tests.webapp.fakes import FakeDagster
from tests.webapp.scenario_forms import press, saved, send
from webapp.access import Actor, role_needed
from webapp.overrides.applied import parts_ahead
from webapp.overrides.overrides import place
from webapp.overrides.wanted_override import WantedOverride

pytestmark = pytest.mark.slow

LINKS = {"href": "GET", "hx-get": "GET", "hx-post": "POST", "formaction": "POST"}
MOST_OF_A_ROUTE = 4
"""Addresses of one route that are opened."""
WHOM = {"viewer": VIEWER, "planner": EMAIL, "admin": ADMIN}
EXAMPLES = (f"/forecasts?ri={KETTLE.key}",
            "/forecasts?all=1&horizon=5",
            "/retrains?show=failed", f"/models/compare?ri={KETTLE.key}&a=1&b=2", "/password")


@pytest.fixture
def busy(app: Flask, client: FlaskClient, background: Background, dagster: FakeDagster, three: None) -> None:
    """Something of everything that can be acted on: retrains that wait, run, failed and were cancelled, scenarios that
    are fresh, archived and failed, versions, an adjustment, an override, a stale scenario."""
    adjust(client)
    background.make_stored_forecasts()
    place_of = WantedOverride(date(2026, 7, 2), date(2026, 7, 5), "percent", 25.0, "a fair", "f" * 32)
    with app.app_context():
        place(place_of, parts_ahead([KETTLE.key]), Actor(EMAIL, "planner", "browser"))
    for each in ("computed", "archived"):
        path = saved(client, name=each)
    press(client, path, "archive")
    send(client, **{"name": "failed", "change-0-first": "2026-07-14", "horizon": "14", "ri": [KETTLE.key]})
    for number, keys in enumerate(([KETTLE.key, ODD.key], [REGION_ITEMS[3].key], [REGION_ITEMS[5].key]), 1):
        ask_for_retrain(client, keys, reason=f"number {number}")
        if number < 3:
            background.send()
            background.follow()
    background.journal(Entry(KETTLE, "failed", dagster.carried[0].request_id, reason="no"),
                       Entry(ODD, "failed", dagster.carried[0].request_id, reason="no"))


class Reader:
    """Somebody who opens every page that another leads to."""

    def __init__(self, app: Flask, client: FlaskClient) -> None:
        self._app, self._client = app, client
        self.offered: dict[str, set[str]] = {}
        """Method and rule -> addresses that were offered."""
        self.refused: list[str] = []
        self._opened: Counter[str] = Counter()

    def read_everything(self, *first: str) -> None:
        waiting, known = deque(first), set(first)
        while waiting:
            url = waiting.popleft()
            route = self._route("GET", url)
            if route is None or self._opened[route] >= MOST_OF_A_ROUTE or "/sign-in/" in url:
                continue
            self._opened[route] += 1
            response = self._client.get(url)
            assert response.status_code < 500, (url, response.text[:500])
            if response.status_code == 403:
                self.refused.append(f"GET {url}")
            for method, found in self._offers(page(response), url):
                if (offer := self._route(method, found)) is not None:
                    self.offered.setdefault(offer, set()).add(found)
                    if method == "GET" and found not in known:
                        known.add(found)
                        waiting.append(found)

    def accept_everything(self) -> None:
        """Press every button that was seen, as little filled in as it can be; sign out in the end."""
        token = hidden(page(self._client.get("/")), "csrf_token")
        for offer, urls in sorted(self.offered.items(), key=lambda one: one[0] == "POST /sign-out"):
            if not offer.startswith("POST"):
                continue
            for url in sorted(urls)[:MOST_OF_A_ROUTE]:
                response = self._client.post(url, data={"csrf_token": token})
                assert response.status_code < 500, (url, response.text[:500])
                if response.status_code in (401, 403):
                    self.refused.append(f"POST {url}")

    @staticmethod
    def _offers(soup: BeautifulSoup, url: str) -> list[tuple[str, str]]:
        found = []
        for tag in soup.find_all(True):
            assert isinstance(tag, Tag)
            found += [(method, str(tag[name])) for name, method in LINKS.items() if name in tag.attrs]
            if tag.name == "form" and tag.get("method") != "dialog":
                found.append((str(tag.get("method", "get")).upper(), str(tag.get("action") or url)))
        return found

    def _route(self, method: str, url: str) -> str | None:
        path = url.split("?")[0].split("#")[0]
        if not path.startswith("/") or path.startswith(("/static", "/api/")):
            return None
        try:
            rule, _ = self._app.url_map.bind("").match(path, method, return_rule=True)
        except HTTPException:
            raise AssertionError(f"{method} {url} leads nowhere") from None
        return f"{method} {rule.rule}"


@pytest.fixture(scope="module")
def offered_to_admins() -> set[str]:
    """Method and rule of what administrators are offered; the first test reads it, for all find the same state."""
    return set()


@pytest.mark.parametrize("role", ["admin", "planner", "viewer"])
def test_every_offer_of_every_page_is_open_and_what_is_not_offered_is_refused(
        app: Flask, busy: None, session_cookies: dict[str, str], offered_to_admins: set[str], role: str) -> None:
    reader = Reader(app, with_session(app.test_client(), session_cookies[WHOM[role]]))
    reader.read_everything("/", *EXAMPLES)
    if not offered_to_admins:
        of_admin = reader
        if role != "admin":
            of_admin = Reader(app, with_session(app.test_client(), session_cookies[ADMIN]))
            of_admin.read_everything("/", *EXAMPLES)
        offered_to_admins.update(of_admin.offered)

    missing = offered_to_admins - reader.offered.keys()
    closed = with_session(app.test_client(), session_cookies[WHOM[role]])
    token = hidden(page(closed.get("/")), "csrf_token")
    for offer in missing:
        method, rule = offer.split(" ", 1)
        response = closed.open(address(rule), method=method, data={"csrf_token": token} if method == "POST" else None)
        is_closed = ROLES.index(NEEDS[offer]) > ROLES.index(role)  # else it is of something that this person has not
        assert response.status_code == (403 if is_closed else 404), offer
    assert reader.refused == []
    assert {offer for offer in reader.offered if ROLES.index(NEEDS[offer]) > ROLES.index(role)} == set()
    if role != "viewer":
        assert {"POST /retrains/<int:retrain_id>/cancel", "POST /retrains/<int:retrain_id>/retry",
                "POST /scenarios/<token>/archive", "POST /overrides/batches/<batch>/undo",
                "POST /adjustments/<int:adjustment_id>/remove", "POST /scenarios/new"} <= set(reader.offered)
    reader.accept_everything()
    assert reader.refused == []


def test_each_door_says_for_whom_it_is(app: Flask) -> None:
    with app.app_context():
        for rule in app.url_map.iter_rules():
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                needed = NEEDS.get(f"{method} {rule.rule}", "nobody")
                if needed != "nobody" and not rule.endpoint.startswith("security."):
                    assert role_needed(rule.endpoint) == needed, rule.endpoint
        with pytest.raises(LookupError, match=r"'no\.such' is no view"):
            role_needed("no.such")
