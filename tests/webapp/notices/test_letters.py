"""Letters: at once or daily in one, each thing once; and not without an e-mail server."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import update

from tests.webapp.conftest import ADMIN, EMAIL
from tests.webapp.mail_server import Letters, mail_settings, receiving_letters
from tests.webapp.notices.builders import TOLD, deliveries, say, seconds_ahead, send
from webapp import create_app
from webapp.db.database import db, writing
from webapp.notices.events import Told, choose
from webapp.notices.letters import DIGEST_HOUR
from webapp.settings import Settings
from webapp.tables import User


def test_without_an_e_mail_server_no_letter_is_stored(app: Flask) -> None:
    with app.app_context():
        choose(EMAIL, {"assigned": "mail", "retrain": "mail", "promoted": "mail", "data": "daily"})
    say(app, EMAIL)

    assert deliveries(app) == []


@pytest.fixture
def letters() -> Iterator[tuple[Letters, int]]:
    with receiving_letters() as found:
        yield found


@pytest.fixture
def with_mail(settings: Settings, letters: tuple[Letters, int]) -> Flask:
    """An app with a mail server, in which the planner wants a letter of data at once and of retrains daily."""
    app = create_app(settings.model_copy(update=mail_settings(letters[1])))
    with app.app_context():
        choose(EMAIL, {"assigned": "bell", "retrain": "daily", "promoted": "off", "data": "mail"})
    return app


def test_letters_come_at_once_or_daily_in_one_and_each_thing_once(with_mail: Flask,
                                                                 letters: tuple[Letters, int]) -> None:
    retrains = [Told("retrain", f"retrain {number}", f"Retrain {number} is over", f"/retrains/{number}")
                for number in (1, 2)]
    for told in (TOLD, TOLD, *retrains):
        say(with_mail, EMAIL, ADMIN, told=told, is_mail_set=True)

    assert send(with_mail) == 1
    receivers, letter = letters[0].received.get_nowait()
    assert receivers == [EMAIL]
    assert f"Subject: {TOLD.text}" in letter
    assert f"https://demand.example.com{TOLD.link}" in letter
    assert {one.next_at.hour for one in deliveries(with_mail) if one.way == "daily"} == {DIGEST_HOUR}

    assert send(with_mail, later=True) == 2
    _, letter = letters[0].received.get_nowait()
    assert "Subject: 2 notices from Test shop" in letter
    assert all(f"Retrain {number} is over" in letter for number in (1, 2))
    assert send(with_mail, later=True) == 0
    assert letters[0].received.empty()


@pytest.mark.parametrize("change", [{"active": False}, {"email": "new@example.com"}], ids=str)
def test_who_may_not_sign_in_any_more_gets_no_letter(with_mail: Flask, letters: tuple[Letters, int],
                                                     change: dict[str, object]) -> None:
    say(with_mail, EMAIL, is_mail_set=True)
    with with_mail.app_context(), writing():
        db.session.execute(update(User).where(User.email == EMAIL).values(change))

    assert send(with_mail) == 0
    assert [(one.state, one.problem) for one in deliveries(with_mail)] == [
        ("given_up", "its receiver may not sign in any more")]
    assert letters[0].received.empty()


def test_a_mail_server_that_refuses_is_asked_again_later(with_mail: Flask, letters: tuple[Letters, int]) -> None:
    say(with_mail, EMAIL, is_mail_set=True)
    letters[0].answer = "451 not now"
    assert send(with_mail) == 0
    assert (deliveries(with_mail)[0].state, seconds_ahead(deliveries(with_mail)[0]) > 50) == ("waiting", True)
    letters[0].answer = "250 OK"

    assert send(with_mail, later=True) == 1
    assert letters[0].received.get_nowait()[0] == [EMAIL]
