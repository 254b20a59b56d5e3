"""By what people and programs come in: links, sessions, API tokens."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.db.database import Base, now
from webapp.tables.people.users import User


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
