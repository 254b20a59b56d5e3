"""Versions of models, and what people do with them."""

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.database import Base, now


class ModelVersion(Base):
    """One version of a region-item's model: what was measured and decided, from the journal."""

    __tablename__ = "model_version"
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    trained_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    decision: Mapped[str] = mapped_column(String(20), default="")
    """``promote``, ``keep`` or none yet."""
    reason: Mapped[str] = mapped_column(default="")
    request_id: Mapped[str] = mapped_column(String(64), default="")
    run_id: Mapped[str] = mapped_column(String(64), default="")
    numbers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Of its backtest and of the gate's decision."""


class ModelAction(Base):
    """What a person does with the model in production: stored first, carried out by the background process, once."""

    __tablename__ = "model_action"
    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(64), unique=True)
    """Of the form; the same form sent twice is one act."""
    key: Mapped[str] = mapped_column(String(255), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    """``roll_back``, ``pin`` or ``unpin``; ``fetch`` when a version's files are only to be had here."""
    version: Mapped[int | None]
    """Rolled back to, pinned or fetched."""
    version_before: Mapped[int | None]
    reason: Mapped[str]
    asked_by: Mapped[str] = mapped_column(String(255))
    asked_at: Mapped[datetime] = mapped_column(default=now)
    state: Mapped[str] = mapped_column(String(20), default="stored", index=True)
    """``stored``, ``done``, ``refused``."""
    problem: Mapped[str] = mapped_column(default="")
    done_at: Mapped[datetime | None]
