"""Requests of before that count still: attempts that are limited, answers to idempotency keys."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.database import Base, now


class Attempts(Base):
    """When somebody lately tried something that is limited, by an address or at an account."""

    __tablename__ = "attempts"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Digest of what is tried, and by whom."""
    times: Mapped[list[float]] = mapped_column(JSON, default=list)
    """In seconds since 1970; those that count still, and some that do not any more."""
    ends_at: Mapped[datetime] = mapped_column(index=True)
    """When none of them counts any more."""


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
