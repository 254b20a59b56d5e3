"""A request to a webhook: its body, its signature, how long it may take, and which refusals are over by themselves."""

import hashlib
import hmac
import html
import json
import time
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from socket import SHUT_RDWR, socket
from threading import Timer
from urllib.parse import urlsplit

from webapp.db.database import db
from webapp.notices.not_sent import NotSentError
from webapp.notices.refused_addresses import connect
from webapp.services import services
from webapp.tables import Delivery, Webhook

SIGNATURE = "X-Demand-Signature"
SILENT_SECONDS = 10.0
"""A receiver that says nothing for so long does not answer."""
MOST_SECONDS = 20.0
"""A request takes no longer, however slowly its answer comes."""
PASSING = (408, 425, 429)
"""Refusals that are over by themselves; any other from 400 to 499 stays."""


def signature(secret: str, moment: int, body: bytes) -> str:
    """The header by which a receiver knows that a request is ours and new: ``t=…,v1=…``.

    Args:
        moment: seconds since 1970, which is signed too.
    """
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def post(receiver: str, delivery: Delivery) -> None:
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
    plain = html.escape(str(delivery.content["text"]), quote=False)  # no mentions
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
    port = port or (443 if scheme == "https" else 80)  # else it is looked for behind the last colon of an IPv6 address
    connection = (HTTPSConnection if scheme == "https" else HTTPConnection)(host, port, timeout=SILENT_SECONDS)
    watch: Timer | None = None
    try:
        connection.sock = connect(scheme, host, port, SILENT_SECONDS)
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
