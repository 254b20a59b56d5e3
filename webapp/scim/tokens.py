"""What an identity provider shows: tokens that open SCIM and nothing else, made by administrators, kept as digests."""

import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update

from webapp.access import Actor, actor
from webapp.accounts.tokens import USE_NOTED_SECONDS, digest_of
from webapp.administration.app_settings import app_settings
from webapp.audit.record import record
from webapp.db.database import db, now, writing
from webapp.db.locks import locked_one
from webapp.tables import ScimToken

PREFIX = "demand_scim_"
"""So that tools which look for leaked secrets can know one, and tell it from a token of the API."""
SHOWN = len(PREFIX) + 6


def make_token(name: str, expires_at: datetime | None = None) -> tuple[ScimToken, str]:
    """A new token and its text, which cannot be had again; recorded.

    Raises: ValueError: it would last longer than the settings allow.
    """
    longest = app_settings().token_days
    if expires_at is None and not app_settings().endless_tokens:
        raise ValueError("a token has an end here: give the day until which it is to work")
    if longest and expires_at and expires_at > now() + timedelta(days=longest):
        raise ValueError(f"a token lasts at most {longest} days here, not until {expires_at:%Y-%m-%d}")
    secret = PREFIX + secrets.token_urlsafe(32)
    with writing():
        token = ScimToken(name=name, digest=digest_of(secret), starts_with=secret[:SHOWN], made_by=actor().email,
                          expires_at=expires_at)
        db.session.add(token)
        record("token made", "token", _subject(token), after=_facts(token))
    return token, secret


def revoke_token(token_id: int) -> None:
    """Let a token open nothing any more; recorded. One that was revoked before stays as it is."""
    with writing():
        token = locked_one(ScimToken, token_id)
        if token.revoked_at is None:
            before = _facts(token)
            token.revoked_at = now()
            record("token revoked", "token", _subject(token), before=before)


def all_tokens() -> Sequence[ScimToken]:
    """Every token, revoked ones too; the newest first."""
    return db.session.scalars(select(ScimToken).order_by(ScimToken.id.desc())).all()


def is_on() -> bool:
    """Whether any token opens something: without one there is no SCIM here."""
    return any(map(is_valid, db.session.scalars(select(ScimToken).where(ScimToken.revoked_at.is_(None)))))


def found_by(secret: str) -> ScimToken | None:
    """The token with that text, whether it opens anything or not; None when there never was one."""
    if not secret.startswith(PREFIX) or not secret.isascii():
        return None
    digest = digest_of(secret)
    token = db.session.scalar(select(ScimToken).where(ScimToken.digest == digest))
    return token if token is not None and hmac.compare_digest(token.digest, digest) else None


def actor_of(token: ScimToken, address: str) -> Actor:
    """Who what is done with a token is recorded of. Its use is noted, once a minute."""
    found = Actor(f"SCIM token {token.name}", "viewer", "SCIM", address)
    if token.used_at is None or abs(now() - token.used_at) > timedelta(seconds=USE_NOTED_SECONDS):
        _note_use(token.id, address)
    return found


def is_valid(token: ScimToken) -> bool:
    """Whether it opens anything: not revoked, not expired. Who made it may have left."""
    ends = ends_at(token)
    return token.revoked_at is None and (ends is None or ends > now())


def ends_at(token: ScimToken) -> datetime | None:
    """When a token stops by itself: as it was made, or as the settings allow, whichever is first; None for never."""
    longest = app_settings().token_days
    ends = [token.expires_at, token.made_at + timedelta(days=longest) if longest else None]
    return min((each for each in ends if each is not None), default=None)


def _note_use(token_id: int, address: str) -> None:
    """Note that a token was just used. Never waits for whoever changes the token meanwhile, or notes the same."""
    with writing():
        free = select(ScimToken.id).where(ScimToken.id == token_id).with_for_update(key_share=True, skip_locked=True)
        db.session.execute(update(ScimToken).where(ScimToken.id.in_(free.scalar_subquery())).values(
            used_at=now(), used_from=address))


def _subject(token: ScimToken) -> str:
    return f"{token.name} of the identity provider"


def _facts(token: ScimToken) -> dict[str, object]:
    return {"name": token.name, "opens": "SCIM",
            "expires": token.expires_at.isoformat(timespec="minutes") if token.expires_at else None}
