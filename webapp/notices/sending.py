"""What is to be told is sent: by e-mail, and to webhooks, signed. Nothing waits for a receiver but the loop that sends.

Before a letter or a request goes out, that it does is written down. One that was cut off in that moment is not sent
again, as it may have arrived: nothing is sent twice. A request whose answer got lost is sent again with the same
delivery number, by which its receiver knows it.
"""

import hashlib
import hmac
import json
import logging
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from socket import SHUT_RDWR, socket
from threading import Timer
from urllib.parse import urlsplit

from flask import current_app
from flask_mailman import EmailMessage
from sqlalchemy import select

from webapp.access import sees_of
from webapp.db.database import db, now, writing
from webapp.db.locks import locked_rows
from webapp.language.translations import gettext as _
from webapp.language.translations import in_language
from webapp.personal.seen_region_items import sees_all
from webapp.services import services
from webapp.tables import Delivery, User, Webhook

log = logging.getLogger(__name__)

DIGEST_HOUR = 6
"""UTC, at which daily e-mails are sent."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=6)
"""After the first failure, and at most: each pause is four times the one before."""
MOST_ATTEMPTS = 10
SILENT_SECONDS = 10.0
"""A receiver that says nothing for so long does not answer."""
MOST_SECONDS = 20.0
"""A request takes no longer, however slowly its answer comes."""
MOST_AT_ONCE = 20
"""Sent in one turn; the next goes on."""
PASSING = (408, 425, 429)
"""Refusals that are over by themselves; any other from 400 to 499 stays."""
CUT_OFF = "it was being sent when the process ended, and may have arrived"
SIGNATURE = "X-Demand-Signature"


class NotSentError(Exception):
    """Why something was not sent; ``is_final`` when it never will be."""

    def __init__(self, why: str, is_final: bool = False) -> None:
        super().__init__(why)
        self.is_final = is_final


def next_digest(at: datetime) -> datetime:
    """When the next daily e-mail is sent after that moment, both in UTC."""
    today = at.replace(hour=DIGEST_HOUR, minute=0, second=0, microsecond=0)
    return today if today > at else today + timedelta(days=1)


def give_up_cut_off() -> int:
    """How many were being sent when the process ended: they are not sent again. Called once, before any is sent."""
    with writing():
        cut_off = locked_rows(select(Delivery).where(Delivery.state == "sending"), Delivery.id)
        for one in cut_off:
            one.state, one.problem = "given_up", CUT_OFF
    return len(cut_off)


def send_due() -> int:
    """How many were sent of those that are due. A receiver that fails gets nothing more in this turn."""
    query = select(Delivery).where(Delivery.state == "waiting", Delivery.next_at <= now()).order_by(
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


def signature(secret: str, moment: int, body: bytes) -> str:
    """The header by which a receiver knows that a request is ours and new: ``t=…,v1=…``.

    Args:
        moment: seconds since 1970, which is signed too.
    """
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


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
        _post(receiver, deliveries[0])
    else:
        _mail(receiver, deliveries)


def _mail(receiver: str, deliveries: Sequence[Delivery]) -> None:
    """One letter of all that is told.

    Raises: NotSentError.
    """
    known = services()
    if known.settings.web_mail_server is None:
        raise NotSentError("no e-mail server is set (WEB_MAIL_SERVER)", is_final=True)
    user = db.session.scalar(select(User).where(User.email == receiver))
    of = sees_of(user) if user else None
    deliveries = [one for one in deliveries if of is None or (
        "keys" in one.content and sees_all(of, one.content["keys"]))]
    if not deliveries:
        raise NotSentError("its receiver does not see any more what it is about", is_final=True)
    first, url = deliveries[0], known.settings.public_url
    lines = [f"{one.content['text']}\n{url}{one.content['link']}" for one in deliveries]
    with in_language(db.session.scalar(select(User.language).where(User.email == receiver))):
        subject = first.content["text"] if len(deliveries) == 1 else _(
            "%(count)s notices from %(dataset)s", count=len(deliveries), dataset=known.dataset.title)
        footer = _("What you are notified of, and how often: %(address)s", address=f"{url}/notices")
    db.session.rollback()
    body = "\n\n".join([*lines, footer])
    identity = f"<{first.way}-{first.id}-{first.at:%Y%m%d%H%M%S}@demand.invalid>"
    try:
        EmailMessage(" ".join(subject.split())[:200], body, current_app.config["MAIL_DEFAULT_SENDER"], [receiver],
                     headers={"Message-ID": identity}).send()
    except OSError as error:  # among them all of smtplib's
        raise NotSentError(f"the e-mail server did not take it ({type(error).__name__})") from error


def _post(receiver: str, delivery: Delivery) -> None:
    """One request to a webhook; no redirect is followed, and of the answer only its status is read.

    Raises: NotSentError.
    """
    hook = db.session.get(Webhook, int(receiver))
    if hook is None:
        db.session.rollback()
        raise NotSentError("the webhook was removed", is_final=True)
    url, secret = urlsplit(hook.url), hook.secret
    db.session.rollback()
    known = services()
    link = known.settings.public_url + delivery.content["link"]
    plain = str(delivery.content["text"]).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")  # no mentions
    body = json.dumps({
        "text": f"{plain} {link}", "event": delivery.content["event"], "link": link,
        "dataset": known.dataset.name, "delivery": delivery.id, "at": delivery.at.isoformat()}).encode()
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    headers = {"Content-Type": "application/json", "User-Agent": "demand-forecasts", "Connection": "close",
               "X-Demand-Delivery": str(delivery.id), SIGNATURE: signature(secret, int(time.time()), body)}
    status = _status_of(url.scheme, url.hostname or "", url.port, path, body, headers)
    if not 200 <= status < 300:
        raise NotSentError(f"the receiver answered {status}", is_final=300 <= status < 500 and status not in PASSING)


def _status_of(scheme: str, host: str, port: int | None, path: str, body: bytes, headers: dict[str, str]) -> int:
    connection: HTTPConnection = HTTPSConnection(
        host, port, timeout=SILENT_SECONDS, context=ssl.create_default_context()) if scheme == "https" else (
        HTTPConnection(host, port, timeout=SILENT_SECONDS))
    watch: Timer | None = None
    try:
        connection.connect()
        watch = Timer(MOST_SECONDS, _cut, [connection.sock])
        watch.daemon = True
        watch.start()
        connection.request("POST", path, body, headers)
        return connection.getresponse().status
    except (OSError, HTTPException, ValueError) as error:  # ValueError: a host that is no host
        raise NotSentError(f"the receiver does not answer ({type(error).__name__})") from error
    finally:
        if watch is not None:
            watch.cancel()
        connection.close()


def _cut(connected: socket) -> None:
    """End an answer that comes too slowly."""
    with suppress(OSError):
        connected.shutdown(SHUT_RDWR)
