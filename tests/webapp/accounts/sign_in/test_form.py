"""The doors of the app: guesses are limited, tell nothing, lead nowhere else; sessions end."""

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.webapp.accounts.builders import age_sessions, is_here
from tests.webapp.api.conftest import Program, token_for
from tests.webapp.audit.builders import entries_of_act
from tests.webapp.conftest import EMAIL, PASSWORD, VIEWER, hidden, page, post, signed_in, text_of
from tests.webapp.mail_server import Letters, mail_settings, receiving_letters
from webapp import create_app
from webapp.db.database import db, writing
from webapp.settings import Settings
from webapp.tables import User

NOBODY = "nobody@example.com"


@pytest.fixture
def letters() -> Iterator[tuple[Letters, int]]:
    """A mail server on loopback, and its port."""
    with receiving_letters() as found:
        yield found


@pytest.fixture
def with_mail(settings: Settings, letters: tuple[Letters, int]) -> Flask:
    return create_app(settings.model_copy(update=mail_settings(letters[1])))


def ask(client: FlaskClient, email: str) -> str:
    return text_of(page(post(client, "/forgotten-password", {"email": email}, "/forgotten-password")).main)


def test_a_forgotten_password_is_chosen_anew_by_a_link_in_an_e_mail(
        with_mail: Flask, letters: tuple[Letters, int]) -> None:
    client, other = with_mail.test_client(), signed_in(with_mail.test_client(), VIEWER)
    form = page(client.get("/forgotten-password", base_url="http://evil.example"))
    client.post("/forgotten-password", base_url="http://evil.example",
                data={"email": VIEWER, "csrf_token": hidden(form, "csrf_token")})
    to, letter = letters[0].received.get(timeout=20)
    link = re.search(r"https://demand\.example\.com(/forgotten-password/\S+)", letter.replace("=\r\n", ""))
    assert link
    fields = {"password": "a new long password", "password_confirm": "a new long password"}

    assert to == [VIEWER]
    assert "evil" not in letter
    assert post(client, link[1], fields, link[1]).location == "/sign-in"
    assert other.get("/").location.startswith("/sign-in"), "the sessions from before have ended"
    assert post(client, "/sign-in", {"email": VIEWER, "password": fields["password"]}, "/sign-in").status_code == 302
    assert with_mail.test_client().get(link[1]).location == "/forgotten-password", "it works once"
    assert [(entry.by, entry.via) for entry in entries_of_act(with_mail, "password set")] == [(VIEWER, "e-mailed link")]


def test_nobody_learns_whether_an_address_is_known(with_mail: Flask, letters: tuple[Letters, int]) -> None:
    known, unknown = (ask(with_mail.test_client(), email) for email in (VIEWER, NOBODY))

    assert known == unknown
    assert letters[0].received.get(timeout=20)[0] == [VIEWER]
    assert letters[0].received.empty()


@pytest.mark.slow
def test_an_address_that_is_known_costs_as_much_as_one_that_is_not(costly_passwords: None, with_mail: Flask) -> None:
    def seconds(email: str) -> float:
        client = with_mail.test_client()
        client.get("/forgotten-password")
        started = time.process_time()  # work, not waiting
        ask(client, email)
        return time.process_time() - started

    [known, unknown] = [min(seconds(email) for _ in range(4)) for email in (VIEWER, NOBODY)]

    assert known / unknown == pytest.approx(1, abs=0.35)


def test_without_a_mail_server_the_page_says_who_helps(anonymous: FlaskClient) -> None:
    assert "Ask an administrator for a link" in text_of(page(anonymous.get("/sign-in")).main)
    assert anonymous.get("/forgotten-password").status_code == 404


def test_a_mail_server_that_is_down_changes_no_answer(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"web_mail_server": "127.0.0.1", "web_mail_port": 9}))

    assert "on its way" in ask(app.test_client(), VIEWER)


@pytest.mark.slow
def test_guesses_at_one_account_are_stopped_and_the_page_says_for_how_long(anonymous: FlaskClient) -> None:
    def guess(email: str) -> Any:
        return post(anonymous, "/sign-in", {"email": email, "password": "wrong wrong"}, "/sign-in")

    assert {guess(EMAIL).status_code for _ in range(10)} == {200}
    refused = guess(EMAIL)

    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 300
    assert "Wait a few minutes" in text_of(page(refused).main)
    assert guess(f"  {EMAIL.upper()}").status_code == 429, "it is the same account"
    assert guess(VIEWER).status_code == 200, "others are not in the way"


@pytest.mark.slow
def test_guesses_at_unknown_accounts_are_stopped_just_so(anonymous: FlaskClient) -> None:
    fields = {"email": NOBODY, "password": "wrong wrong"}
    codes = [post(anonymous, "/sign-in", fields, "/sign-in").status_code for _ in range(11)]

    assert codes == [200] * 10 + [429]


def test_guesses_from_one_address_are_stopped_whatever_the_account(anonymous: FlaskClient) -> None:
    codes = [post(anonymous, "/sign-in", {"email": f"no{n}", "password": "x"}, "/sign-in").status_code
             for n in range(31)]

    assert codes == [200] * 30 + [429]


@pytest.mark.slow
def test_who_knows_the_password_is_never_stopped(anonymous: FlaskClient) -> None:
    for _ in range(12):
        signed_in(anonymous, VIEWER)
        post(anonymous, "/sign-out", {})


@pytest.mark.parametrize("path", ["/choose-password/nothing", "/first-admin/nothing"])
def test_guesses_at_links_are_stopped(anonymous: FlaskClient, path: str) -> None:
    assert [anonymous.get(f"{path}{n}").status_code for n in range(31)] == [404] * 30 + [429]


def test_letters_to_one_address_are_few(with_mail: Flask) -> None:
    client = with_mail.test_client()
    codes = [post(client, "/forgotten-password", {"email": NOBODY}, "/forgotten-password").status_code
             for _ in range(6)]

    assert codes == [200] * 5 + [429]


@pytest.mark.parametrize("target", [
    "https://evil.example/", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example",
    "/\t/evil.example", "https:evil.example", "javascript:alert(1)", "http://localhost@evil.example"])
def test_signing_in_leads_to_no_other_site(anonymous: FlaskClient, target: str) -> None:
    fields = {"email": EMAIL, "password": PASSWORD, "next": target}
    token = hidden(page(anonymous.get("/sign-in")), "csrf_token")

    response = anonymous.post("/sign-in", query_string={"next": target}, data={**fields, "csrf_token": token})

    assert response.status_code in (200, 302)
    assert is_here(response.headers.get("Location", "/"))


def test_signing_in_leads_to_the_page_that_was_asked_for(anonymous: FlaskClient) -> None:
    asked = anonymous.get("/retrains?show=open").location
    response = post(anonymous, asked, {"email": EMAIL, "password": PASSWORD}, asked)

    assert response.location == "/retrains?show=open"


def test_staying_signed_in_is_a_session_that_ends_too(anonymous: FlaskClient) -> None:
    response = post(anonymous, "/sign-in", {"email": EMAIL, "password": PASSWORD, "remember": "y"}, "/sign-in")
    [cookie] = [each for each in response.headers.getlist("Set-Cookie") if "_remember=" not in each]

    assert "Expires=" in cookie
    assert not [each for each in response.headers.getlist("Set-Cookie") if "_remember=" in each]
    age_sessions(anonymous.application, EMAIL, began=timedelta(hours=721))
    assert anonymous.get("/").location.startswith("/sign-in")


def test_a_changed_password_ends_the_other_sessions_and_is_recorded(app: Flask, client: FlaskClient) -> None:
    other = signed_in(app.test_client(), EMAIL)
    fields = {"password": PASSWORD, "new_password": "another long one", "new_password_confirm": "another long one"}

    assert post(client, "/password", fields, "/password").status_code == 302

    assert client.get("/").status_code == 200
    assert other.get("/").location.startswith("/sign-in")
    assert [entry.by for entry in entries_of_act(app, "password changed")] == [EMAIL]


def test_a_wrong_present_password_changes_and_records_nothing(app: Flask, client: FlaskClient) -> None:
    fields = {"password": "wrong", "new_password": "another long one", "new_password_confirm": "another long one"}

    post(client, "/password", fields, "/password")

    assert entries_of_act(app, "password changed") == []
    assert signed_in(app.test_client(), EMAIL).get("/").status_code == 200


def test_signing_in_is_noted_and_logged(app: Flask, anonymous: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    post(anonymous, "/sign-in", {"email": VIEWER, "password": "wrong\nwrong"}, "/sign-in")
    signed_in(anonymous, VIEWER)

    with app.app_context():
        assert db.session.scalars(select(User).where(User.email == VIEWER)).one().signed_in_at is not None
    logged = [record.getMessage() for record in caplog.records if record.name.startswith("webapp.accounts")]
    assert logged == [f"sign-in refused: {VIEWER} from 127.0.0.1: answered 200",
                      f"{VIEWER} signed in by password from 127.0.0.1"]


def test_somebody_without_a_password_cannot_sign_in_with_none(app: Flask, anonymous: FlaskClient) -> None:
    with app.app_context(), writing():
        db.session.scalars(select(User).where(User.email == VIEWER)).one().password = None

    for password in ("", "None", PASSWORD):
        assert post(anonymous, "/sign-in", {"email": VIEWER, "password": password}, "/sign-in").status_code == 200


def test_the_api_works_while_the_redis_that_counts_its_requests_is_down(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={
        "web_rate_limit_storage_url": "redis://127.0.0.1:9/0", "web_api_per_minute": 3}))
    program = Program(app, token_for(app, "viewer"))
    codes = [program.get("/me").status_code for _ in range(4)]

    assert codes[:3] == [200] * 3, "Redis is down, and the API works"
    assert codes[3] == 429, "it counts by itself until Redis is back"
