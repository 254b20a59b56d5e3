"""Guesses: counted whatever they look like, by all workers together, before they are looked at."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from json import dumps
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tests.webapp.api.conftest import Program
from tests.webapp.conftest import EMAIL, PASSWORD, VIEWER, hidden, page, post, signed_in
from webapp import create_app
from webapp.db.database import db, now, writing
from webapp.http.rate_limits import LIMITS, Amount, count, sender
from webapp.settings import Settings
from webapp.tables import Attempts

WRONG = {"email": EMAIL, "password": "wrong wrong"}
RIGHT = {"email": EMAIL, "password": PASSWORD}
FORM = "application/x-www-form-urlencoded"
BODIES: dict[str, dict[str, Any]] = {
    "JSON": {"json": RIGHT}, "JSON that is none": {"data": "{", "content_type": "application/json"},
    "JSON of a dialect": {"data": dumps(RIGHT), "content_type": "application/problem+json"},
    "JSON with a charset": {"data": dumps(RIGHT).encode("utf-16"), "content_type": "application/json; charset=utf-16"},
    "nothing": {}, "nothing that calls itself JSON": {"content_type": "application/json"},
    "an upload": {"data": RIGHT, "content_type": "multipart/form-data"},
    "an upload without its parts": {"data": b"--x\r\n", "content_type": "multipart/form-data; boundary=x"},
    "a form without its token": {"data": RIGHT}, "a form that is none": {"data": b"\xff=%%%&&==", "content_type": FORM},
    "a form of another charset": {"data": urlencode(RIGHT).encode("utf-16"), "content_type": f"{FORM}; charset=utf-16"},
    "text": {"data": urlencode(RIGHT), "content_type": "text/plain"}, "no type": {"data": urlencode(RIGHT)},
    "much": {"data": RIGHT | {"more": "x" * 20_000}}, "a type of its own": {"data": b"x", "content_type": "\xff/;;"},
}
"""Bodies that sign nobody in, although most hold the right password."""


def guess(client: FlaskClient, email: str = EMAIL, **more: Any) -> int:
    return post(client, "/sign-in", {"email": email, "password": "wrong wrong"}, "/sign-in", **more).status_code


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_whatever_does_not_sign_in_counts(anonymous: FlaskClient, body: dict[str, Any]) -> None:
    codes = [anonymous.post("/sign-in", **body).status_code for _ in range(31)]

    assert set(codes[:10]) <= {400, 413, 415}
    assert 429 not in codes[:10]
    assert codes[-1] == 429
    assert anonymous.get("/").location.startswith("/sign-in")
    assert guess(anonymous) == 429, "forms are stopped too"


def test_refused_bodies_do_not_hide_guesses_by_form(anonymous: FlaskClient) -> None:
    for _ in range(25):
        anonymous.post("/sign-in", json=WRONG)

    assert [guess(anonymous, f"no{n}@example.com") for n in range(6)] == [200] * 5 + [429]


@pytest.mark.parametrize("path", ["/sign-in/", "//sign-in", "/sign-in/x", "/SIGN-IN", "/verify"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD"])
def test_no_other_way_takes_a_password(anonymous: FlaskClient, path: str, method: str) -> None:
    for body in ({"data": RIGHT}, {"json": RIGHT}):
        assert anonymous.open(path, method=method, **body).status_code in (308, 404, 405, 415)
    by_query = anonymous.open("/sign-in", method=method, query_string=RIGHT, data=RIGHT)
    assert by_query.status_code in ((200,) if method == "HEAD" else (400, 405))
    assert anonymous.get("/").location.startswith("/sign-in")


@pytest.mark.slow
def test_many_addresses_guess_at_one_account(anonymous: FlaskClient) -> None:
    codes = [guess(anonymous, environ_base={"REMOTE_ADDR": f"10.0.0.{n}"}) for n in range(11)]

    assert codes == [200] * 10 + [429]
    assert guess(anonymous, VIEWER, environ_base={"REMOTE_ADDR": "10.0.0.1"}) == 200


@pytest.mark.slow
def test_another_spelling_of_an_address_is_the_same_account_or_nobodys(anonymous: FlaskClient) -> None:
    spelled = (EMAIL.upper(), f" {EMAIL}", f"{EMAIL}\t", EMAIL.title(), f"\u00a0{EMAIL}\u2003")
    codes = [guess(anonymous, spelled[n % 5], environ_base={"REMOTE_ADDR": f"10.0.0.{n}"}) for n in range(10)]

    assert codes == [200] * 10
    assert guess(anonymous, environ_base={"REMOTE_ADDR": "10.0.0.99"}) == 429
    for other in ("\uff50lanner@example.com", "planner@\uff45xample.com", "planner@example.com.",
                  "pla\u200bnner@example.com", "planner@exam\u00adple.com", "planner@example\u3002com"):
        post(anonymous, "/sign-in", {"email": other, "password": PASSWORD}, "/sign-in")
        assert anonymous.get("/").location.startswith("/sign-in"), other


@pytest.mark.slow
def test_workers_count_together(settings: Settings) -> None:
    workers = [create_app(settings).test_client() for _ in range(3)]

    assert [guess(workers[n % 3]) for n in range(12)] == [200] * 10 + [429] * 2


@pytest.mark.slow
def test_no_more_guesses_pass_at_once_than_one_after_the_other(app: Flask) -> None:
    clients = [app.test_client() for _ in range(24)]
    tokens = [hidden(page(client.get("/sign-in")), "csrf_token") for client in clients]
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda each: each[0].post("/sign-in", data={
            **WRONG, "csrf_token": each[1]}).status_code, zip(clients, tokens, strict=True)))

    assert codes.count(200) == 10
    assert codes.count(429) == 14


def password_guess(client: FlaskClient) -> int:
    return post(client, "/password", {"password": "wrong wrong", "new_password": "another long one",
                                      "new_password_confirm": "another long one"}, "/account").status_code


def token_guess(client: FlaskClient) -> int:
    return post(client, "/account/tokens", {"name": "x", "role": "viewer", "days": "30", "own_password": "wrong"},
                "/account").status_code


@pytest.mark.slow
@pytest.mark.parametrize("one", [password_guess, token_guess])
def test_who_finds_a_browser_open_guesses_no_longer_than_a_stranger(
        client: FlaskClient, viewer: FlaskClient, one: Callable[[FlaskClient], int]) -> None:
    assert 429 not in [one(client) for _ in range(10)]
    assert (password_guess(client), token_guess(client)) == (429, 429), "both are guesses at the same password"
    assert one(viewer) != 429
    assert signed_in(client.application.test_client(), EMAIL).get("/").status_code == 200, "signing in is apart"


@pytest.mark.parametrize("path", ["/password", "/account/tokens"])
def test_no_guess_at_the_present_password_is_sent_as_json(client: FlaskClient, path: str) -> None:
    token = hidden(page(client.get("/account")), "csrf_token")
    fields = {"password": PASSWORD, "new_password": "another long one", "new_password_confirm": "another long one",
              "own_password": PASSWORD, "name": "x", "role": "viewer", "days": "30", "csrf_token": token}
    codes = [client.post(path, json=fields, headers={"X-CSRFToken": token, "Accept": "application/json"}).status_code
             for _ in range(11)]

    assert codes == [415] * 10 + [429]


def test_a_link_that_works_is_no_guess_and_head_is_one(anonymous: FlaskClient) -> None:
    assert [anonymous.head(f"/choose-password/n{n}").status_code for n in range(31)] == [404] * 30 + [429]


@pytest.mark.parametrize(("one", "other", "are_counted_together"), [
    ("2001:db8:0:1a00::1", "2001:db8:0:1aff:ffff::9", True), ("2001:db8:0:1a00::1", "2001:db8:0:1b00::1", False),
    ("::ffff:192.0.2.7", "192.0.2.7", True), ("::ffff:192.0.2.7", "::ffff:192.0.2.8", False),
    ("192.0.2.7:4711", "192.0.2.7:4712", True), ("192.0.2.7:4711", "192.0.2.8:4711", False),
    ("[2001:db8::1]:4711", "2001:db8::2", True), ("fe80::1%eth0", "fe80::2%eth1", True),
    ("unknown", "unknown", True), ("_hidden", "_other", False), ("", "127.0.0.1", True)])
def test_who_has_many_addresses_is_counted_as_one(app: Flask, one: str, other: str, are_counted_together: bool) -> None:
    def counted(address: str) -> str:
        with app.test_request_context(environ_base={"REMOTE_ADDR": address}):
            return sender()

    assert (counted(one) == counted(other)) is are_counted_together


def test_a_site_of_many_addresses_guesses_no_more_links_than_others(anonymous: FlaskClient) -> None:
    codes = [anonymous.head("/choose-password/x", environ_base={"REMOTE_ADDR": f"2001:db8::{n:x}:1"}).status_code
             for n in range(31)]

    assert codes == [404] * 30 + [429]


@pytest.mark.parametrize("https", [False, True])
@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Client-IP", "True-Client-IP"])
def test_what_a_client_says_of_where_it_is_counts_for_nothing(settings: Settings, https: bool, header: str) -> None:
    app = create_app(settings.model_copy(update={"web_https": https}))
    by_proxy = ", 203.0.113.9" if https and header == "X-Forwarded-For" else ""  # added to what the client said

    codes = [app.test_client().head("/choose-password/x", headers={header: f"10.0.0.{n}{by_proxy}"}).status_code
             for n in range(31)]

    assert codes == [404] * 30 + [429]


def test_wrong_tokens_of_one_address_are_stopped_by_all_workers_together(settings: Settings) -> None:
    programs = [Program(create_app(settings), f"demand_{'x' * 43}") for _ in range(2)]
    codes = [programs[n % 2].get("/me").status_code for n in range(62)]

    assert codes == [401] * 60 + [429] * 2


def test_an_amount_comes_back_with_time_and_what_does_not_count_is_removed(app: Flask) -> None:
    with app.app_context():
        at = now().timestamp()
        assert [count([("x", Amount(2, 60))], at + n) for n in range(3)] == [0, 0, 58]
        assert count([("x", Amount(2, 60)), ("y", Amount(1, 60))], at + 3) == 57
        assert count([("y", Amount(1, 60))], at + 3) == 0, "what is refused counts for nothing else"
        assert count([("x", Amount(2, 60))], at + 60.5) == 0
        with writing():
            for row in db.session.scalars(select(Attempts)):
                row.ends_at = now() - timedelta(seconds=1)
        count([("z", Amount(1, 60))], at)

        assert db.session.scalar(select(func.count()).select_from(Attempts)) == 1


def test_what_was_tried_before_the_clock_was_put_back_locks_nobody_out(app: Flask) -> None:
    with app.app_context():
        ahead = now().timestamp() + 86_400
        assert [count([("x", Amount(1, 60))], ahead + n) for n in range(2)] == [0, 59]

        assert [count([("x", Amount(1, 60))], ahead - 86_400 + n) for n in range(2)] == [0, 59]


def test_every_limit_is_of_a_page_that_there_is(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"web_mail_server": "127.0.0.1"}))

    assert LIMITS.keys() <= app.view_functions.keys()
