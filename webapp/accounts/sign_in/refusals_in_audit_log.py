"""What was refused at the doors, in the audit log: guesses at passwords and links, single sign-ons, tokens."""

import logging

from flask import Flask, Response, request
from flask_security import current_user
from flask_security.mail_util import EmailValidateException
from werkzeug.exceptions import RequestEntityTooLarge

from webapp.access import Actor, actor
from webapp.accounts.mail import normal_address
from webapp.audit.record import record
from webapp.db.database import writing
from webapp.http.rate_limits import Amount, failed_guess, is_first_in, sender

log = logging.getLogger(__name__)

SOMEBODY = "somebody unknown"
"""By whom, where nobody has shown who they are."""
ACTS = {"sign-in": "sign-in refused", "password": "password refused", "link": "link refused"}
"""What is limited -> what is written of it when it is refused."""
LONGEST_REASON = 300
HOUR = 3600
TOKENS_TOLD = Amount(20, HOUR)
"""Refused tokens that are written down of one address in an hour; the log of the web app has that there were more."""


def note_refusal(act: str, subject: str, reason: str, via: str = "browser") -> None:
    """Write down that somebody was not let in, in a transaction of its own.

    Args:
        subject: what they said they are.
    """
    log.warning("%s: %s from %s: %s", act, subject, request.remote_addr, reason)
    by = actor() if current_user.is_authenticated else Actor(SOMEBODY, "viewer", via, request.remote_addr or "")
    with writing():
        record(act, "user", subject, reason=reason[:LONGEST_REASON], by=by)


def note_refused_token(starts_with: str, owner: str, why: str) -> None:
    """Write down that a token opened nothing; the same one of the same address once an hour.

    Args:
        starts_with: its first characters.
        owner: whose it was; empty when it is nobody's.
    """
    address = request.remote_addr or ""
    log.warning("token refused: %r of %s from %s: %s", starts_with, owner or SOMEBODY, address, why)
    if is_first_in(HOUR, f"{starts_with} {sender()}", TOKENS_TOLD, sender()):
        with writing():
            record("token refused", "token", f"{starts_with}… of {owner or SOMEBODY}", reason=why,
                   by=Actor(owner or SOMEBODY, "viewer", "token", address))


def _after(response: Response) -> Response:
    guess = failed_guess()
    if guess is None or response.status_code >= 500 or (guess.what == "password" and not current_user.is_authenticated):
        return response
    subject = current_user.email if current_user.is_authenticated else _said()
    note_refusal(ACTS[guess.what], subject, f"answered {response.status_code}")
    return response


def _said() -> str:
    """The address in the form, when it is one: what else stands there may be a password in the wrong field."""
    if request.endpoint != "security.login":
        return request.endpoint or ""
    try:
        return normal_address(request.form.get("email", ""))
    except (EmailValidateException, RequestEntityTooLarge):
        return "no e-mail address"


def add_to(app: Flask) -> None:
    """Record every guess in vain."""
    app.after_request(_after)
