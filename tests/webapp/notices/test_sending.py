"""What is sent: once, again after pauses that grow; and nobody waits for a receiver that is dead."""

import json
import socket
from collections.abc import Iterator

import pytest
from flask import Flask

from tests.webapp.conftest import ADMIN, EMAIL
from tests.webapp.mail_server import Letters, mail_settings, receiving_letters
from tests.webapp.notices.builders import TOLD, Receiver, deliveries, hook, say, seconds_ahead, send
from webapp import create_app
from webapp.db.database import db, writing
from webapp.notices.events import Told, choose
from webapp.notices.sending import CUT_OFF, DIGEST_HOUR, MOST_ATTEMPTS, give_up_cut_off
from webapp.settings import Settings
from webapp.tables import Delivery


def test_nothing_is_sent_twice(app: Flask, receiver: Receiver) -> None:
    hook(app, receiver.url)
    for _ in range(3):
        say(app, EMAIL)
        send(app, later=True)

    assert len(receiver.got) == 1


def test_events_that_a_webhook_does_not_want_are_not_sent_to_it(app: Flask, receiver: Receiver) -> None:
    hook(app, receiver.url, "retrain")
    say(app, EMAIL)

    assert (send(app), receiver.got) == (0, [])


@pytest.mark.parametrize("status", [500, 502, 503, 408, 429])
def test_what_fails_is_tried_again_after_pauses_that_grow_and_given_up_in_the_end(app: Flask, receiver: Receiver,
                                                                                status: int) -> None:
    hook(app, receiver.url)
    say(app, EMAIL)
    receiver.status = status
    pauses = []
    for _ in range(MOST_ATTEMPTS):
        send(app, later=True)
        pauses.append(seconds_ahead(deliveries(app)[0]))
        assert send(app) == 0  # not before its time

    assert pauses[0] > 50
    assert pauses[1] > 3 * pauses[0]
    assert max(pauses) < 6 * 3600 + 1
    assert len(receiver.got) == MOST_ATTEMPTS
    assert (deliveries(app)[0].state, str(status) in deliveries(app)[0].problem) == ("given_up", True)


def test_a_receiver_that_is_well_again_gets_it(app: Flask, receiver: Receiver) -> None:
    hook(app, receiver.url)
    say(app, EMAIL)
    receiver.status = 503
    send(app)
    receiver.status = 204

    assert send(app, later=True) == 1
    first, second = (json.loads(body)["delivery"] for _, _, body in receiver.got)
    assert first == second  # by which the receiver knows it
    assert (deliveries(app)[0].state, deliveries(app)[0].problem) == ("sent", "")


def test_a_dead_receiver_holds_up_nobody_and_is_asked_once_a_turn(app: Flask, receiver: Receiver) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{closed.getsockname()[1]}"
    hook(app, dead)
    hook(app, receiver.url)
    for number in range(3):
        say(app, EMAIL, told=Told("data", f"data {number}", "New data was rejected", "/data"))

    assert send(app) == 3

    assert [(one.receiver, one.state, one.attempts) for one in deliveries(app) if one.receiver == "1"] == [
        ("1", "waiting", 1), ("1", "waiting", 0), ("1", "waiting", 0)]


def test_that_something_is_being_sent_is_written_down_before_it_is(app: Flask, receiver: Receiver) -> None:
    hook(app, receiver.url)
    say(app, EMAIL)
    seen = []
    receiver.meanwhile = lambda: seen.append((deliveries(app)[0].state, send(app, later=True)))

    send(app)

    assert seen == [("sending", 0)]
    assert len(receiver.got) == 1


def test_what_was_cut_off_while_it_was_sent_is_not_sent_again(app: Flask, receiver: Receiver) -> None:
    hook(app, receiver.url)
    say(app, EMAIL)
    with app.app_context(), writing():
        db.session.scalars(db.select(Delivery)).one().state = "sending"  # killed here
    with app.app_context():
        assert give_up_cut_off() == 1

    assert (send(app, later=True), receiver.got) == (0, [])
    assert (deliveries(app)[0].state, deliveries(app)[0].problem) == ("given_up", CUT_OFF)


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


def test_a_mail_server_that_refuses_is_asked_again_later(with_mail: Flask, letters: tuple[Letters, int]) -> None:
    say(with_mail, EMAIL, is_mail_set=True)
    letters[0].answer = "451 not now"
    assert send(with_mail) == 0
    assert (deliveries(with_mail)[0].state, seconds_ahead(deliveries(with_mail)[0]) > 50) == ("waiting", True)
    letters[0].answer = "250 OK"

    assert send(with_mail, later=True) == 1
    assert letters[0].received.get_nowait()[0] == [EMAIL]
