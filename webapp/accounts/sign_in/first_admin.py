"""The link with which the first administrator signs up: random, kept as a digest, for some hours, once."""

import secrets
from datetime import timedelta

from sqlalchemy import delete, select

from webapp.access import COMMAND
from webapp.accounts.tokens import digest_of
from webapp.accounts.users import has_users
from webapp.audit.record import record
from webapp.db.database import db, now, writing
from webapp.settings import Settings
from webapp.tables import FirstAdminLink


def make_first_admin_link(settings: Settings) -> str | None:
    """The address of a new link; None when somebody may sign in already. Recorded.

    Others that were made stay good until they expire or one of them is used: several processes may each print one.
    """
    if has_users():
        return None
    secret = secrets.token_urlsafe(32)
    with writing():
        db.session.execute(delete(FirstAdminLink).where(FirstAdminLink.expires_at <= now()))
        link = FirstAdminLink(digest=digest_of(secret),
                              expires_at=now() + timedelta(hours=settings.web_first_admin_hours))
        db.session.add(link)
        record("link made", "user", "the first administrator",
               after={"expires": link.expires_at.isoformat(timespec="minutes")}, by=COMMAND)
    return f"{settings.public_url}/first-admin/{secret}"


def works(secret: str) -> bool:
    """Whether a link with that secret makes an administrator: it was made here, lately, and nobody may sign in yet."""
    link = db.session.scalar(select(FirstAdminLink).where(FirstAdminLink.digest == digest_of(secret)))
    return link is not None and link.used_at is None and link.expires_at > now() and not has_users()


def use_all() -> None:
    """Let no link work that was made until now, not even where all users are gone one day. Inside ``writing`` only."""
    db.session.execute(db.update(FirstAdminLink).where(FirstAdminLink.used_at.is_(None)).values(used_at=now()))
