"""The administrators' page of webhooks."""

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from webapp.access import needs
from webapp.db.database import LARGEST_ID, db
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext as _l
from webapp.notices.events import EVENTS
from webapp.notices.webhook_requests import SIGNATURE
from webapp.notices.webhooks import WebhookError, all_webhooks, host_of, make_webhook, remove_webhook
from webapp.tables import Delivery

bp = Blueprint("webhooks", __name__, url_prefix="/admin/webhooks")

LAST_SHOWN = 20
STATES = {"waiting": _l("waiting"), "sending": _l("sending"), "sent": _l("sent"), "given_up": _l("given up")}
"""Of deliveries."""


@bp.get("")
@needs("admin")
def show() -> ResponseReturnValue:
    """Every webhook, and what was sent to them last."""
    last = db.session.scalars(select(Delivery).where(Delivery.way == "webhook").order_by(Delivery.id.desc()).limit(
        LAST_SHOWN)).all()
    return render_template("notices/webhooks.html", hooks=all_webhooks(), last=last, events=EVENTS, signature=SIGNATURE,
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
    flash(_("Created: %(name)s. It is notified from now on.", name=name), "success")
    return redirect(url_for("webhooks.show"), 303)


@bp.post("/<int:webhook_id>/remove")
@needs("admin")
def remove(webhook_id: int) -> ResponseReturnValue:
    """Remove a webhook; what was not sent to it never is."""
    name = remove_webhook(webhook_id) if webhook_id <= LARGEST_ID else None
    if name is None:
        abort(404, _("There is no such webhook."))
    flash(_("Removed: %(name)s.", name=name), "success")
    return redirect(url_for("webhooks.show"), 303)


def add_to(app: Flask) -> None:
    """Serve the page of webhooks; templates show hosts, not addresses."""
    app.register_blueprint(bp)
    app.jinja_env.globals.update(host_of=host_of)
