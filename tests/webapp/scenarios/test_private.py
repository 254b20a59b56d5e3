"""A planner's private scenario is nobody else's: for others its link is one that never was."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.webapp.audit.builders import entries
from tests.webapp.conftest import EMAIL, PASSWORD, Background, hidden, page, signed_in, text_of
from tests.webapp.doors import LINK, NEEDS, address
from tests.webapp.scenario_forms import press, saved, scenario_of, send, shown
from webapp.accounts.views import create_user
from webapp.db.database import db
from webapp.scenarios.queue import compute_wanted, want
from webapp.tables import SavedScenario

OTHER = "other@example.com"
OF_ONE = [route for route in NEEDS if "/scenarios/<token>" in route]
"""Every route of one scenario."""


@pytest.fixture
def private(app: Flask, client: FlaskClient, background: Background) -> str:
    """The path of the planner's private scenario, computed."""
    def make() -> None:
        saved(client, name="My secret", private="1")

    background.once(make)
    with app.app_context():
        return f"/scenarios/{db.session.scalars(select(SavedScenario.token)).one()}"


@pytest.fixture(params=["another planner", "an administrator", "a viewer"])
def somebody(request: pytest.FixtureRequest, app: Flask, private: str, admin: FlaskClient,
             viewer: FlaskClient) -> FlaskClient:
    """Signed in, and not its creator."""
    if request.param != "another planner":
        return {"an administrator": admin, "a viewer": viewer}[request.param]
    with app.app_context():
        create_user(OTHER, PASSWORD, "planner")
    return signed_in(app.test_client(), OTHER)


def test_there_are_routes_of_one_scenario() -> None:
    assert len(OF_ONE) >= 8


@pytest.mark.parametrize("route", OF_ONE)
def test_for_others_every_route_answers_as_for_a_link_that_never_was(
        somebody: FlaskClient, app: Flask, private: str, route: str) -> None:
    method, rule = route.split(" ", 1)
    token = private.rsplit("/", 1)[1]
    fields = {"csrf_token": hidden(page(somebody.get("/")), "csrf_token"), "token": "b" * 32, "name": "Taken"}
    before = scenario_of(app, private)

    answers = [somebody.open(address(rule).replace(LINK, link), method=method,
                             data=fields if method == "POST" else None) for link in (token, "f" * 32)]

    there, nowhere = answers
    assert there.status_code == nowhere.status_code
    assert there.status_code in (403, 404)
    assert text_of(page(there)) == text_of(page(nowhere))
    assert "My secret" not in there.text
    after = scenario_of(app, private)
    assert (after.name, after.archived_at, after.changed_at) == (before.name, before.archived_at, before.changed_at)


def test_others_neither_find_nor_compare_it(somebody: FlaskClient, client: FlaskClient, private: str) -> None:
    assert "No scenario yet" in somebody.get("/scenarios").text
    shared = saved(client, name="Open", token="c" * 32)

    for address_ in ("/scenarios", "/scenarios?q=secret", "/scenarios?show=mine", "/scenarios?show=archived"):
        assert "My secret" not in somebody.get(address_).text
    assert "Open" in somebody.get("/scenarios").text
    compared = somebody.get("/scenarios/compare", query_string={
        "s": [private.rsplit("/", 1)[1], shared.rsplit("/", 1)[1]]})
    assert compared.status_code == 404
    assert "My secret" not in compared.text


def test_its_creator_finds_opens_computes_copies_compares_downloads_and_archives_it(
        client: FlaskClient, app: Flask, private: str) -> None:
    assert "My secret only for me" in text_of(shown(client, "/scenarios").select_one("tbody"))
    assert "only for me" in text_of(shown(client, private).select_one("main"))
    assert press(client, private, "compute").status_code == 303
    assert client.get(f"{private}/result.csv").status_code == 200
    copy = str(press(client, private, "duplicate").location).removesuffix("/edit")
    assert scenario_of(app, copy).is_private
    assert shown(client, f"{copy}/edit").select_one("[name=private][checked]") is not None
    compared = client.get("/scenarios/compare", query_string={"s": [each[-32:] for each in (private, copy)]})
    assert compared.status_code == 200
    assert press(client, private, "archive").status_code == 303
    assert "My secret" in client.get("/scenarios?show=archived").text


def test_it_is_shared_and_made_private_again_and_that_is_recorded(
        client: FlaskClient, somebody: FlaskClient, app: Flask, private: str) -> None:
    token = private.rsplit("/", 1)[1]
    send(client, f"{private}/edit", name="My secret")
    assert "My secret" in somebody.get(private).text

    send(client, f"{private}/edit", name="My secret", private="1")
    assert somebody.get(private).status_code == 404

    assert [(each.act, each.subject) for each in entries(app, "scenario")] == [
        ("created", f"a private scenario ({token[:8]})"),
        ("shared", f"My secret ({token[:8]})"), ("made private", f"My secret ({token[:8]})")]


def test_the_log_tells_administrators_nothing_of_what_is_in_it(client: FlaskClient, app: Flask, private: str) -> None:
    send(client, f"{private}/edit", name="Still secret", description="hush", private="1", **{"change-0-value": "-30"})
    press(client, private, "archive")

    told = str([(each.subject, each.before, each.after) for each in entries(app, "scenario")])
    assert "ecret" not in told
    assert "hush" not in told
    assert "price" not in told


def test_only_its_creator_can_make_a_scenario_private(client: FlaskClient, app: Flask) -> None:
    path = saved(client, name="Open")
    with app.app_context():
        create_user(OTHER, PASSWORD, "planner")
    other = signed_in(app.test_client(), OTHER)

    assert shown(other, f"{path}/edit").select_one("[name=private]") is None
    refused = send(other, f"{path}/edit", name="Mine now", private="1")
    assert refused.status_code == 422
    assert f"Only {EMAIL}, who created this scenario, can make it private" in text_of(page(refused))
    assert (scenario_of(app, path).name, scenario_of(app, path).is_private) == ("Open", False)
    assert send(other, f"{path}/edit", name="Better name").status_code == 303


def test_the_background_process_computes_a_large_private_one(client: FlaskClient, app: Flask, private: str,
                                                             background: Background) -> None:
    with app.app_context():
        want(private.rsplit("/", 1)[1])
        assert compute_wanted(background.services)
    assert scenario_of(app, private).wanted_at is None
