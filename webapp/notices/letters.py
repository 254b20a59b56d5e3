"""Letters by e-mail: when the daily ones go out, what stands in them, in whose language, and of which region-items."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from flask import current_app
from flask_mailman import EmailMessage
from sqlalchemy import select

from webapp.access import sees_of
from webapp.db.database import db
from webapp.language.translations import gettext as _
from webapp.language.translations import in_language
from webapp.notices.not_sent import NotSentError
from webapp.personal.seen_region_items import sees_all
from webapp.services import services
from webapp.tables import Delivery, User

DIGEST_HOUR = 6
"""UTC, at which daily e-mails are sent."""


def next_digest(at: datetime) -> datetime:
    """When the next daily e-mail is sent after that moment, both in UTC."""
    today = at.replace(hour=DIGEST_HOUR, minute=0, second=0, microsecond=0)
    return today if today > at else today + timedelta(days=1)


def send_letter(receiver: str, deliveries: Sequence[Delivery]) -> None:
    """One letter of all that is told.

    Raises: NotSentError.
    """
    known = services()
    if known.settings.web_mail_server is None:
        raise NotSentError("no e-mail server is set (WEB_MAIL_SERVER)", is_final=True)
    user = db.session.scalar(select(User).where(User.email == receiver, User.active))
    if user is None:
        db.session.rollback()
        raise NotSentError("its receiver may not sign in any more", is_final=True)
    of = sees_of(user)
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
