"""Who may sign in, what they may do, and what they did."""

from datetime import datetime
from typing import Any, Literal
from uuid import uuid4

from flask_security.core import RoleMixin, UserMixin
from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, String, Table
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.db.database import Base, now
from webapp.tables.groups import UserGroup, group_members

RoleName = Literal["viewer", "planner", "admin"]

user_roles = Table(
    "user_roles", Base.metadata,
    Column("user_id", Integer, ForeignKey("user.id", ondelete="CASCADE"), primary_key=True),
    Column("role_id", Integer, ForeignKey("role.id", ondelete="CASCADE"), primary_key=True),
)


class Role(Base, RoleMixin):
    """What a user may do: one of ``RoleName``."""

    __tablename__ = "role"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    description: Mapped[str] = mapped_column(String(200), default="")


class User(Base, UserMixin):
    """Someone who may sign in."""

    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(255), unique=True)
    password: Mapped[str | None] = mapped_column(String(255))
    """Its hash; None for somebody who has not chosen one yet, or signs in elsewhere."""
    active: Mapped[bool] = mapped_column(default=True)
    fs_uniquifier: Mapped[str] = mapped_column(String(64), unique=True, default=lambda: uuid4().hex)
    created_at: Mapped[datetime] = mapped_column(default=now)
    signed_in_at: Mapped[datetime | None]
    """Last time."""
    toured_at: Mapped[datetime | None]
    """When the tour was ended or skipped, or a second sign-in made it too late; None while it is to be shown."""
    language: Mapped[str | None] = mapped_column(String(20))
    """In which the pages and letters are; None for as the browser asks."""
    identity: Mapped[str | None] = mapped_column(String(512), unique=True)
    """Issuer and subject at the provider of single sign-on; None for somebody who never came from there."""
    roles: Mapped[list[Role]] = relationship(  # type: ignore[assignment]  # the base says list[RoleMixin]
        secondary=user_roles, lazy="selectin")
    """What they may do by themselves; ``access.role_of`` has what their groups give too."""
    groups: Mapped[list[UserGroup]] = relationship(
        secondary=group_members, lazy="selectin", order_by=UserGroup.name, viewonly=True)
    """That they are in."""


class SignInLink(Base):
    """A link that works once, with which somebody chooses a password: made by an administrator."""

    __tablename__ = "sign_in_link"
    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    """Of its token, which is kept nowhere."""
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    made_by: Mapped[str] = mapped_column(String(255))
    made_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    user: Mapped[User] = relationship()


class FirstAdminLink(Base):
    """A link that works once, with which the first administrator signs up while nobody may sign in."""

    __tablename__ = "first_admin_link"
    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    """Of its secret, which is kept nowhere."""
    made_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class UserSession(Base):
    """Somebody who is signed in, in one browser: its cookie opens nothing without this row."""

    __tablename__ = "user_session"
    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    """Of the session's id, which only the cookie has."""
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    way: Mapped[str] = mapped_column(String(40))
    """How they signed in: ``password``, ``single sign-on`` (or that ``again``), ``first sign-up``; or ``change`` of the
    password."""
    address: Mapped[str] = mapped_column(String(45), default="")
    browser: Mapped[str] = mapped_column(String(200), default="")
    """What it said of itself."""
    began_at: Mapped[datetime] = mapped_column(default=now, index=True)
    """When they last proved who they are."""
    seen_at: Mapped[datetime] = mapped_column(default=now)
    """Last use by the person, to a few minutes; what a page asks by itself is none."""
    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)


class Attempts(Base):
    """When somebody lately tried something that is limited, by an address or at an account."""

    __tablename__ = "attempts"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Digest of what is tried, and by whom."""
    times: Mapped[list[float]] = mapped_column(JSON, default=list)
    """In seconds since 1970; those that count still, and some that do not any more."""
    ends_at: Mapped[datetime] = mapped_column(index=True)
    """When none of them counts any more."""


class ApiToken(Base):
    """What a program shows in place of a password."""

    __tablename__ = "api_token"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    """Of the token, which was shown once and is kept nowhere."""
    starts_with: Mapped[str] = mapped_column(String(20))
    """Its first characters, to recognise it by."""
    role: Mapped[str] = mapped_column(String(40))
    """What it may do at most; never more than its owner may at the moment."""
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    """Its owner."""
    made_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    """Last time, to the minute."""
    used_from: Mapped[str] = mapped_column(String(45), default="")
    user: Mapped[User] = relationship()


class AuditEntry(Base):
    """One change that somebody made: added in the transaction that makes it, never changed or removed."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_subject", "kind", "subject"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now, index=True)
    by: Mapped[str] = mapped_column(String(255), index=True)
    """E-mail address; ``the pipeline`` or ``a command`` where it was no person in a browser or with a token."""
    via: Mapped[str] = mapped_column(String(100), default="")
    """``browser``, ``token <name>``, ``command line``, ``background``."""
    address: Mapped[str] = mapped_column(String(45), default="")
    """From where, as the app sees it."""
    act: Mapped[str] = mapped_column(String(40), index=True)
    """One of ``audit.ACTS``."""
    kind: Mapped[str] = mapped_column(String(20))
    """What kind of thing was changed: one of ``audit.KINDS``."""
    subject: Mapped[str] = mapped_column(String(520))
    """Which one, as people name it."""
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """What was changed, as it was; None for something new."""
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """As it is; None for something removed."""
    reason: Mapped[str] = mapped_column(default="")


class AuditSeal(Base):
    """A link of the chain that shows whether the audit log was tampered with: one for each entry, in the order in which
    the background process saw them."""

    __tablename__ = "audit_seal"
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """1 for the first."""
    entry_id: Mapped[int] = mapped_column(index=True)
    sealed_at: Mapped[datetime]
    seal: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the seal before, of the entry and of what else stands here."""


class Setting(Base):
    """A setting that administrators change while the app runs; those without a row are as ``app_settings`` says."""

    __tablename__ = "setting"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)
    changed_by: Mapped[str] = mapped_column(String(255))
    changed_at: Mapped[datetime] = mapped_column(default=now)


class Answered(Base):
    """What a request with an idempotency key was answered, so that the same one again changes nothing."""

    __tablename__ = "answered"
    owner: Mapped[str] = mapped_column(String(255), primary_key=True)
    """Who sent it."""
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    asked: Mapped[str] = mapped_column(String(64))
    """Digest of method, path and body."""
    status: Mapped[int]
    headers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    body: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(default=now, index=True)
