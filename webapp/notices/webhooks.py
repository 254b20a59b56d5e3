"""Webhooks: which other systems are told of what, how many there may be, and which addresses are refused."""

import secrets
from urllib.parse import urlsplit

from sqlalchemy import delete, func, select

from webapp.access import actor
from webapp.audit.record import record
from webapp.db.database import db, writing
from webapp.db.locks import insert_absent, locked
from webapp.language.translations import gettext as _
from webapp.notices.events import EVENTS
from webapp.tables import Delivery, Webhook

MOST = 20
LONGEST_NAME, LONGEST_URL = 80, 1000


class WebhookError(ValueError):
    """A webhook that cannot be; the message says what can."""


def make_webhook(name: str, url: str, events: list[str]) -> str:
    """The name under which a webhook was kept.

    Raises: WebhookError: it cannot be.
    """
    if not 0 < len(name) <= LONGEST_NAME:
        raise WebhookError(_("Give a name of at most %(longest_name)s characters.", longest_name=LONGEST_NAME))
    _check_url(url)
    wanted = [event for event in EVENTS if event in events]
    if not wanted or len(wanted) != len(set(events)):
        raise WebhookError(_("Tick at least one event; there are %(events)s.", events=', '.join(EVENTS)))
    with writing():
        if (db.session.scalar(select(func.count()).select_from(Webhook)) or 0) >= MOST:
            raise WebhookError(_("There are %(most)s webhooks, the maximum. Remove one first.", most=MOST))
        if not insert_absent(Webhook, [{"name": name, "url": url, "secret": secrets.token_hex(32), "events": wanted,
                                        "made_by": actor().email}]):
            raise WebhookError(_("There is already a webhook %(name)s. Remove it first, or choose another name.",
                                 name=repr(name)))
        record("webhook made", "setting", name, after={"host": host_of(url), "events": wanted})
    return name


def remove_webhook(webhook_id: int) -> str | None:
    """The name of the webhook that was removed; None where there is none. What was not sent to it never is."""
    with writing():
        hook = locked(Webhook, webhook_id)
        if hook is None:
            return None
        name = hook.name
        record("webhook removed", "setting", name, before={"host": host_of(hook.url), "events": hook.events})
        db.session.execute(delete(Delivery).where(Delivery.way == "webhook", Delivery.receiver == str(hook.id),
                                                  Delivery.state == "waiting"))
        db.session.delete(hook)
    return name


def all_webhooks() -> list[Webhook]:
    """All that are kept, by name."""
    return list(db.session.scalars(select(Webhook).order_by(Webhook.name)))


def _check_url(url: str) -> None:
    """Nothing, where a request can be sent to a URL as it is.

    Raises: WebhookError.
    """
    wrong = WebhookError(_("%(url)s is not a webhook address. Write it like https://chat.example.com/hooks/1, without "
                           "a name or password before the host.",
                           url=repr(url[:60])))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise wrong from error
    is_plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= LONGEST_URL
    if not is_plain or parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or port == 0:
        raise wrong


def host_of(url: str) -> str:
    """Of a URL; what stands after it is often a secret, and is recorded nowhere."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
