"""What is sent: once, again after pauses that grow; and nobody waits for a receiver that is dead."""

import json
import socket
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from tests.webapp.conftest import EMAIL
from tests.webapp.notices.builders import Receiver, deliveries, hook, say, seconds_ahead, send
from webapp.db.database import db, now, writing
from webapp.notices.events import Told
from webapp.notices.sending import CUT_OFF, MOST_ATTEMPTS, give_up_cut_off
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


def test_what_waits_since_before_the_clock_was_put_back_is_sent(app: Flask, receiver: Receiver) -> None:
    hook(app, receiver.url)
    say(app, EMAIL)
    for days, sent in ((0.9, 0), (30, 1)):  # a daily letter may wait so long; nothing does for a month
        with app.app_context(), writing():
            db.session.execute(update(Delivery).values(next_at=now() + timedelta(days=days)))

        assert send(app) == sent


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
