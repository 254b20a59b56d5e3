"""What is to be told is sent, tried again, given up in the end. Nothing waits for a receiver but the loop that sends.

Before a letter or a request goes out, that it does is written down. One that was cut off in that moment is not sent
again, as it may have arrived: nothing is sent twice. A request whose answer got lost is sent again with the same
delivery number, by which its receiver knows it.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select

from webapp.db.database import db, has_come, now, writing
from webapp.db.locks import locked_rows
from webapp.notices.letters import send_letter
from webapp.notices.not_sent import NotSentError
from webapp.notices.webhook_requests import post
from webapp.tables import Delivery

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=6)
"""After the first failure, and at most: each pause is four times the one before."""
LONGEST_WAIT = timedelta(days=1)
"""Of a daily letter, which waits longer than any pause."""
MOST_ATTEMPTS = 10
MOST_AT_ONCE = 20
"""Sent in one turn; the next goes on."""
CUT_OFF = "it was being sent when the process ended, and may have arrived"


def give_up_cut_off() -> int:
    """How many were being sent when the process ended: they are not sent again. Called once, before any is sent."""
    with writing():
        cut_off = locked_rows(select(Delivery).where(Delivery.state == "sending"), Delivery.id)
        for one in cut_off:
            one.state, one.problem = "given_up", CUT_OFF
    return len(cut_off)


def send_due() -> int:
    """How many were sent of those that are due. A receiver that fails gets nothing more in this turn."""
    query = select(Delivery).where(
        Delivery.state == "waiting", has_come(Delivery.next_at, now(), LONGEST_WAIT)).order_by(
            Delivery.next_at, Delivery.id).limit(MOST_AT_ONCE)
    due = [(one.id, one.way, one.receiver) for one in db.session.scalars(query)]
    db.session.rollback()
    letters: dict[tuple[str, str, int], list[int]] = {}
    for number, way, receiver in due:  # a daily letter holds all that is due
        letters.setdefault((way, receiver, 0 if way == "daily" else number), []).append(number)
    failing, sent = set[tuple[str, str]](), 0
    for (way, receiver, _number), ids in letters.items():
        if (way, receiver) in failing:
            continue
        claimed = _claim(ids)
        if not claimed:
            continue
        ids = [one.id for one in claimed]
        try:
            _send(way, receiver, claimed)
        except NotSentError as error:
            failing.add((way, receiver))
            _note_failure(ids, str(error), error.is_final)
        else:
            _note_sent(ids)
            sent += len(ids)
    return sent


def _claim(ids: Sequence[int]) -> list[Delivery]:
    """Those that are waiting still, marked as being sent; read for good."""
    with writing():
        claimed = locked_rows(select(Delivery).where(Delivery.id.in_(ids), Delivery.state == "waiting"), Delivery.id)
        for one in claimed:
            one.state, one.attempts = "sending", one.attempts + 1
        db.session.flush()
        for one in claimed:
            db.session.expunge(one)
    return claimed


def _note_sent(ids: Sequence[int]) -> None:
    with writing():
        for one in locked_rows(select(Delivery).where(Delivery.id.in_(ids)), Delivery.id):
            one.state, one.problem = "sent", ""


def _note_failure(ids: Sequence[int], why: str, is_final: bool) -> None:
    with writing():
        for one in locked_rows(select(Delivery).where(Delivery.id.in_(ids)), Delivery.id):
            is_over = is_final or one.attempts >= MOST_ATTEMPTS
            one.state, one.problem = "given_up" if is_over else "waiting", why[:500]
            one.next_at = now() + min(FIRST_PAUSE * 4 ** min(one.attempts - 1, 10), LONGEST_PAUSE)
            log.warning("delivery %s by %s was not sent%s: %s", one.id, one.way, ", for good" if is_over else "", why)


def _send(way: str, receiver: str, deliveries: Sequence[Delivery]) -> None:
    if way == "webhook":
        post(receiver, deliveries[0])
    else:
        send_letter(receiver, deliveries)
