"""The administrators' page of webhooks: which other systems are told of what."""

import secrets
from urllib.parse import urlsplit

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import delete, func, select

from webapp.access import actor, needs
from webapp.audit.record import record
from webapp.db.database import db, writing
from webapp.db.locks import insert_absent, locked
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext as _l
from webapp.notices.events import EVENTS
from webapp.notices.sending import SIGNATURE
from webapp.tables import Delivery, Webhook

bp = Blueprint("webhooks", __name__, url_prefix="/admin/webhooks")

MOST = 20
LONGEST_NAME, LONGEST_URL = 80, 1000
LARGEST_ID = 2**31
LAST_SHOWN = 20
STATES = {"waiting": _l("waiting"), "sending": _l("sending"), "sent": _l("sent"), "given_up": _l("given up")}
"""Of deliveries."""


class WebhookError(ValueError):
    """A webhook that cannot be; the message says what can."""


@bp.get("")
@needs("admin")
def show() -> ResponseReturnValue:
    """Every webhook, and what was sent to them last."""
    last = db.session.scalars(select(Delivery).where(Delivery.way == "webhook").order_by(Delivery.id.desc()).limit(
        LAST_SHOWN)).all()
    return render_template("notices/webhooks.html", hooks=_all(), last=last, events=EVENTS, signature=SIGNATURE,
                           DELIVERY_STATES=STATES)


@bp.post("")
@needs("admin")
def make() -> ResponseReturnValue:
    """Keep a new webhook."""
    try:
        name = make_webhook(" ".join(request.form.get("name", "").split()), request.form.get("url", "").strip(),
                            request.form.getlist("event"))
    except WebhookError as error:
        abort(422, str(error))
    flash(_("Made: %(name)s. It is told of what happens from now on.", name=name), "success")
    return redirect(url_for("webhooks.show"), 303)


@bp.post("/<int:webhook_id>/remove")
@needs("admin")
def remove(webhook_id: int) -> ResponseReturnValue:
    """Remove a webhook; what was not sent to it never is."""
    with writing():
        hook = locked(Webhook, webhook_id) if webhook_id < LARGEST_ID else None
        if hook is None:
            abort(404, _("There is no such webhook."))
        name = hook.name
        record("webhook removed", "setting", name, before={"host": _host(hook.url), "events": hook.events})
        db.session.execute(delete(Delivery).where(Delivery.way == "webhook", Delivery.receiver == str(hook.id),
                                                  Delivery.state == "waiting"))
        db.session.delete(hook)
    flash(_("Removed: %(name)s.", name=name), "success")
    return redirect(url_for("webhooks.show"), 303)


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
            raise WebhookError(_("There are %(most)s webhooks, which is the most. Remove one first.", most=MOST))
        if not insert_absent(Webhook, [{"name": name, "url": url, "secret": secrets.token_hex(32), "events": wanted,
                                        "made_by": actor().email}]):
            raise WebhookError(_("There is a webhook %(name)s already. Remove it first, or choose another name.",
                                 name=repr(name)))
        record("webhook made", "setting", name, after={"host": _host(url), "events": wanted})
    return name


def _check_url(url: str) -> None:
    """Nothing, where a request can be sent to a URL as it is.

    Raises: WebhookError.
    """
    wrong = WebhookError(_("%(url)s is no address of a webhook. Write one as in "
                           "https://chat.example.com/hooks/1, without a name or password before the host.",
                           url=repr(url[:60])))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise wrong from error
    is_plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= LONGEST_URL
    if not is_plain or parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or port == 0:
        raise wrong


def _host(url: str) -> str:
    """Of a URL; what stands after it is often a secret, and is recorded nowhere."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _all() -> list[Webhook]:
    return list(db.session.scalars(select(Webhook).order_by(Webhook.name)))


def add_to(app: Flask) -> None:
    """Serve the page of webhooks; templates show hosts, not addresses."""
    app.register_blueprint(bp)
    app.jinja_env.globals.update(host_of=_host)
