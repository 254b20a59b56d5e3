"""Which user somebody is whom the provider of single sign-on vouches for (docs/decisions/0013-accounts.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, cast

from flask_security.mail_util import EmailValidateException
from sqlalchemy import select

from webapp.access import Actor, role_of
from webapp.accounts.mail import normal_address
from webapp.accounts.users import facts, has_users, role_row
from webapp.administration.app_settings import app_settings
from webapp.audit.record import record
from webapp.db.database import db, writing
from webapp.db.locks import locked_rows, once_more
from webapp.language.translations import lazy_gettext as _l
from webapp.tables import RoleName, User

LONGEST_IDENTITY = 512
ASK = _l("Ask an administrator of this app.")


class NotLetInError(Exception):
    """Somebody whom the provider knows may not sign in here; the words are for them."""


@dataclass(frozen=True)
class Identity:
    """Who somebody is at the provider."""

    key: str
    """Issuer and subject; the only thing that stays the same."""
    email: str | None
    """The address, when the provider has verified it."""

    @classmethod
    def of(cls, claims: Mapping[str, Any], issuer: str) -> Self:
        """From claims whose signature, audience and nonce were checked.

        Raises: NotLetInError: another issuer, no subject, or one that is too long.
        """
        subject, said = claims.get("sub"), str(claims.get("iss", "")).rstrip("/")
        if said != issuer or not isinstance(subject, str) or not subject:
            raise NotLetInError(_l("The provider did not say who you are."))
        key = f"{issuer} {subject}"
        if len(key) > LONGEST_IDENTITY:
            raise NotLetInError(_l("The provider's name for you is too long to be kept."))
        email = claims.get("email")
        return cls(key, email if isinstance(email, str) and claims.get("email_verified") is True else None)


@once_more
def user_of(identity: Identity, address: str) -> User:
    """The user who has the identity; else the one with its verified address, joined to it; else a new one.

    Raises: NotLetInError: none of these, or the user is switched off.
    """
    with writing():
        user = db.session.scalar(select(User).where(User.identity == identity.key)) or _joined(identity, address)
        if not user.active:
            raise NotLetInError(_l("Your account is deactivated. %(ask)s", ask=ASK))
    return user


def _joined(identity: Identity, address: str) -> User:
    if identity.email is None:
        raise NotLetInError(_l("The provider has not verified your e-mail address. Verify it there, then come back."))
    try:
        email = normal_address(identity.email)
    except EmailValidateException as error:
        raise NotLetInError(_l("%(problem)s. %(ask)s", problem=error, ask=ASK)) from error
    user = next(iter(locked_rows(select(User).where(User.email == email), User.email)), None)
    if user is None:
        return _added(email, identity, address)
    if user.identity is not None:
        raise NotLetInError(_l("%(email)s belongs to someone else at the provider. %(ask)s", email=email, ask=ASK))
    if role_of(user) == "admin":
        raise NotLetInError(_l("An administrator's account is not joined to single sign-on by its e-mail address. "
                              "Sign in with the password."))
    if user.active:
        user.identity = identity.key
        record("single sign-on joined", "user", email, after={"identity": identity.key}, by=_actor(user, address))
    return user


def _added(email: str, identity: Identity, address: str) -> User:
    role = app_settings().sso_role
    if role == "none" or not has_users():
        raise NotLetInError(_l("%(email)s is not known here. %(ask)s", email=email, ask=ASK))
    user = User(email=email, identity=identity.key, roles=[role_row(cast(RoleName, role))])
    db.session.add(user)
    db.session.flush()
    record("created", "user", email, after=facts(user) | {"identity": identity.key}, by=_actor(user, address))
    return user


def _actor(user: User, address: str) -> Actor:
    return Actor(user.email, role_of(user), "single sign-on", address)
