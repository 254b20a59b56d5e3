"""API tokens: named, for a role, shown once, revocable; kept as digests only."""

import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import select, update

from webapp.access import ROLES, Actor, role_of, sees_of
from webapp.administration.app_settings import app_settings
from webapp.audit.record import record
from webapp.db.database import db, now, writing
from webapp.db.locks import locked_one, locked_rows
from webapp.tables import ApiToken, RoleName, ScimToken, User

PREFIX = "demand_"
"""So that tools which look for leaked secrets can know one."""
SHOWN = len(PREFIX) + 6
USE_NOTED_SECONDS = 60


def digest_of(secret: str) -> str:
    """What is kept of a token or of a link: enough to know it again, not to make it."""
    return sha256(secret.encode()).hexdigest()


def make_token(owner: User, name: str, role: RoleName, expires_at: datetime | None = None) -> tuple[ApiToken, str]:
    """A new token and its text, which cannot be had again; recorded.

    Raises: ValueError: it would be allowed more than its owner, or last longer than the settings allow.
    """
    check_end(expires_at)
    if ROLES.index(role) > ROLES.index(role_of(owner)):
        raise ValueError(f"{owner.email} is {role_of(owner)}, so their token cannot be {role}")
    secret = PREFIX + secrets.token_urlsafe(32)
    user_id = owner.id
    with writing():
        owner = db.session.get_one(User, user_id)
        token = ApiToken(name=name, digest=digest_of(secret), starts_with=secret[:SHOWN], role=role, user_id=user_id,
                         expires_at=expires_at)
        db.session.add(token)
        record("token made", "token", f"{name} of {owner.email}", after=_facts(token))
    return token, secret


def revoke_token(token_id: int) -> None:
    """Let a token open nothing any more; recorded. One that was revoked before stays as it is."""
    with writing():
        token = locked_one(ApiToken, token_id)
        if token.revoked_at is None:
            before = _facts(token)
            token.revoked_at = now()
            record("token revoked", "token", f"{token.name} of {token.user.email}", before=before)


def valid_tokens_of(user: User) -> Sequence[ApiToken]:
    """A user's tokens that open something; the newest first."""
    return [token for token in tokens_of(user) if is_valid(token)]


def revoke_tokens(owner: User, reason: str = "with the password", by: Actor | None = None) -> None:
    """Let no token of a user open anything any more; each recorded. Inside ``writing`` only.

    Args:
        by: the owner unless given.
    """
    for token in locked_rows(select(ApiToken).where(ApiToken.user_id == owner.id, ApiToken.revoked_at.is_(None)),
                             ApiToken.id):
        before, token.revoked_at = _facts(token), now()
        record("token revoked", "token", f"{token.name} of {owner.email}", before=before, reason=reason,
               by=by or Actor(owner.email, role_of(owner), "browser"))


def tokens_of(user: User | None = None) -> Sequence[ApiToken]:
    """A user's tokens, or everybody's; the newest first."""
    query = select(ApiToken).order_by(ApiToken.id.desc())
    return db.session.scalars(query if user is None else query.where(ApiToken.user_id == user.id)).all()


def found_by(secret: str) -> ApiToken | None:
    """The token with that text, whether it opens anything or not; None when there never was one."""
    if not secret.startswith(PREFIX) or not secret.isascii():
        return None
    digest = digest_of(secret)
    token = db.session.scalar(select(ApiToken).where(ApiToken.digest == digest))
    return token if token is not None and hmac.compare_digest(token.digest, digest) else None


def actor_of(secret: str, address: str) -> Actor | None:
    """Who a token stands for; None when it opens nothing. Its use is noted, once a minute."""
    token = found_by(secret)
    if token is None or not is_valid(token):
        return None
    role = min(token.role, role_of(token.user), key=ROLES.index)
    found = Actor(token.user.email, role, f"token {token.name}", address,  # type: ignore[arg-type]  # kept as text
                  sees_of(token.user))
    note_use(token, address)
    return found


def note_use(token: ApiToken | ScimToken, address: str) -> None:
    """Note that a token was just used, once a minute. Never waits for whoever changes the token meanwhile, or notes the
    same."""
    if token.used_at is not None and abs(now() - token.used_at) <= timedelta(seconds=USE_NOTED_SECONDS):
        return
    kind, token_id = type(token), token.id
    with writing():
        free = select(kind.id).where(kind.id == token_id).with_for_update(key_share=True, skip_locked=True)
        db.session.execute(update(kind).where(kind.id.in_(free.scalar_subquery())).values(
            used_at=now(), used_from=address))


def is_valid(token: ApiToken) -> bool:
    """Whether it opens anything: not revoked, not expired, its owner active."""
    ends = ends_at(token)
    return token.revoked_at is None and token.user.active and (ends is None or ends > now())


def check_end(expires_at: datetime | None) -> None:
    """Nothing, where the settings allow a new token with this end; None for a token without one.

    Raises: ValueError: they do not.
    """
    longest = app_settings().token_days
    if expires_at is None and not app_settings().endless_tokens:
        raise ValueError("a token has an end here: give the day until which it is to work")
    if longest and expires_at and expires_at > now() + timedelta(days=longest):
        raise ValueError(f"a token lasts at most {longest} days here, not until {expires_at:%Y-%m-%d}")


def ends_at(token: ApiToken | ScimToken) -> datetime | None:
    """When a token stops by itself: as it was made, or as the settings allow, whichever is first; None for never."""
    longest = app_settings().token_days
    ends = [token.expires_at, token.made_at + timedelta(days=longest) if longest else None]
    return min((each for each in ends if each is not None), default=None)


def _facts(token: ApiToken) -> dict[str, object]:
    return {"name": token.name, "role": token.role,
            "expires": token.expires_at.isoformat(timespec="minutes") if token.expires_at else None}
