"""What an identity provider shows: tokens that open SCIM and nothing else, made by administrators, kept as digests."""

import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from webapp.access import Actor, actor
from webapp.accounts.tokens import check_end, digest_of, ends_at, note_use
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
    check_end(expires_at)
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
    """Whom the audit log names for what is done with a token. Its use is noted, once a minute."""
    found = Actor(f"SCIM token {token.name}", "viewer", "SCIM", address)
    note_use(token, address)
    return found


def is_valid(token: ScimToken) -> bool:
    """Whether it opens anything: not revoked, not expired. Who made it may have left."""
    ends = ends_at(token)
    return token.revoked_at is None and (ends is None or ends > now())


def _subject(token: ScimToken) -> str:
    return f"{token.name} of the identity provider"


def _facts(token: ScimToken) -> dict[str, object]:
    return {"name": token.name, "opens": "SCIM",
            "expires": token.expires_at.isoformat(timespec="minutes") if token.expires_at else None}
