"""Links that work once, with which people choose a password: made by an administrator, kept as digests only."""

import secrets
from datetime import timedelta

from flask_security.utils import hash_password
from sqlalchemy import delete, select

from webapp.access import Actor, actor, role_of
from webapp.accounts.passwords import normal_password
from webapp.accounts.tokens import digest_of
from webapp.accounts.users import UserChangeError, end_sessions
from webapp.audit.record import record
from webapp.db.database import db, now, writing
from webapp.db.locks import locked_one
from webapp.tables import SignInLink, User

LINK_HOURS = 72


def make_link(user_id: int) -> str:
    """The secret of a new link for a user; older ones stop working. Recorded.

    Raises: UserChangeError: the user is switched off.
    """
    secret = secrets.token_urlsafe(32)
    with writing():
        user = locked_one(User, user_id)
        if not user.active:
            raise UserChangeError(f"{user.email} is deactivated. Reactivate the account first.")
        db.session.execute(delete(SignInLink).where(SignInLink.user_id == user_id, SignInLink.used_at.is_(None)))
        link = SignInLink(digest=digest_of(secret), user_id=user_id, made_by=actor().email,
                          expires_at=now() + timedelta(hours=LINK_HOURS))
        db.session.add(link)
        record("link made", "user", user.email, after={"expires": link.expires_at.isoformat(timespec="minutes")})
    return secret


def find_link(secret: str) -> SignInLink | None:
    """A link that works; None when it never did, was used, expired, or was replaced."""
    link = db.session.scalar(select(SignInLink).where(SignInLink.digest == digest_of(secret)))
    works = link is not None and link.used_at is None and link.expires_at > now() and link.user.active
    return link if works else None


def choose_password(secret: str, password: str, address: str) -> str | None:
    """Set the password of the link's user, whose sessions end; their e-mail address, None when the link does not work.

    Raises: ValueError: the password is too short or too long.
    """
    hashed = hash_password(normal_password(password))
    with writing():
        owner = db.session.scalar(select(SignInLink.user_id).where(SignInLink.digest == digest_of(secret)))
        if owner is None:
            return None
        locked_one(User, owner)  # whoever makes, uses or takes off a link of theirs holds it
        link = find_link(secret)
        if link is None:
            return None
        link.used_at, user = now(), link.user
        email, user.password = user.email, hashed
        end_sessions(user)
        record("password set", "user", email, by=Actor(email, role_of(user), "one-time link", address))
    return email
