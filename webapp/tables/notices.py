"""What people are told, and what is sent to them and to other systems."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.database import Base, now


class Notice(Base):
    """Something that a person is told: once for each cause."""

    __tablename__ = "notice"
    __table_args__ = (Index("one_notice_for_each_cause", "person", "cause", unique=True),
                      Index("ix_notice_unread", "person", "read_at"))
    id: Mapped[int] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(String(255))
    """E-mail address."""
    cause: Mapped[str] = mapped_column(String(300))
    """What it is about, and which occurrence."""
    event: Mapped[str] = mapped_column(String(20))
    """A name of ``events.EVENTS``."""
    text: Mapped[str]
    link: Mapped[str] = mapped_column(String(600))
    """Path of the page that it is about."""
    at: Mapped[datetime] = mapped_column(default=now, index=True)
    read_at: Mapped[datetime | None]
    keys: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    """Of the region-items that it names, so that it is not shown to somebody who does not see them (any more); None of
    one from before that was kept, which is shown to those only who see everything."""


class NoticeChoice(Base):
    """How somebody wants to be told of an event; without one, as ``events.EVENTS`` says."""

    __tablename__ = "notice_choice"
    person: Mapped[str] = mapped_column(String(255), primary_key=True)
    event: Mapped[str] = mapped_column(String(20), primary_key=True)
    how: Mapped[str] = mapped_column(String(10))
    """A name of ``events.WAYS``."""


class Webhook(Base):
    """An address of another system that is told of events, set by an administrator."""

    __tablename__ = "webhook"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    url: Mapped[str] = mapped_column(String(1000))
    secret: Mapped[str] = mapped_column(String(64))
    """What is sent is signed with it; shown to administrators."""
    events: Mapped[list[str]] = mapped_column(JSON)
    made_by: Mapped[str] = mapped_column(String(255))
    made_at: Mapped[datetime] = mapped_column(default=now)


class Delivery(Base):
    """Something to be sent, stored with what it tells of: sent once, tried again after pauses that grow."""

    __tablename__ = "delivery"
    __table_args__ = (Index("one_delivery_for_each_cause", "way", "receiver", "cause", unique=True),
                      Index("ix_delivery_due", "state", "next_at"))
    id: Mapped[int] = mapped_column(primary_key=True)
    way: Mapped[str] = mapped_column(String(10))
    """``mail``, ``daily`` (several in one letter) or ``webhook``."""
    receiver: Mapped[str] = mapped_column(String(255))
    """An e-mail address, or the id of a webhook."""
    cause: Mapped[str] = mapped_column(String(300))
    """As in ``Notice``."""
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    """event, text, link; of what is mailed the ``keys`` as in ``Notice``."""
    at: Mapped[datetime] = mapped_column(default=now, index=True)
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    """``waiting``, ``sending``, ``sent`` or ``given_up``."""
    next_at: Mapped[datetime] = mapped_column(default=now)
    """When it is to be sent."""
    attempts: Mapped[int] = mapped_column(default=0)
    problem: Mapped[str] = mapped_column(default="")
    """Why the last attempt failed."""
