"""Scenarios that are kept."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.database import Base, now


class SavedScenario(Base):
    """Named changes to the drivers of a selection, and what was computed of them."""

    __tablename__ = "scenario"
    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(64), unique=True, default=lambda: uuid4().hex)
    """In its link."""
    name: Mapped[str] = mapped_column(String(120))
    description: Mapped[str] = mapped_column(default="")
    created_by: Mapped[str] = mapped_column(String(255), index=True)
    is_private: Mapped[bool] = mapped_column(default=False)
    """Whether only who created it finds and opens it."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    changed_at: Mapped[datetime] = mapped_column(default=now)
    archived_at: Mapped[datetime | None]
    copied_from: Mapped[int | None]
    asked: Mapped[dict[str, Any]] = mapped_column(default=dict, deferred=True)
    """Selection, horizon, changes and rows of an uploaded plan: ``scenarios.request.ScenarioRequest``."""
    size: Mapped[int] = mapped_column(default=0)
    """Region-items in it."""
    selection: Mapped[str] = mapped_column(default="")
    """In words."""
    computed_at: Mapped[datetime | None]
    computed: Mapped[dict[str, Any]] = mapped_column(default=dict, deferred=True)
    """What it gave, with the model versions and origins that it was computed with: ``scenarios.result.Result``."""
    changed_by: Mapped[str] = mapped_column(String(255), default="")
    """Who changed it last; empty when nobody did since it was made."""
    summary: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What the list shows of it: ``scenarios.result.Summary``; empty before it was computed."""
    made_with: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Key -> what forecast it and its origin when it was computed, as in ``StoredForecast``."""
    made_of: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What else it was computed with: ``scenarios.fingerprint.Fingerprint``; empty for what was computed before
    that was kept."""
    wanted_at: Mapped[datetime | None] = mapped_column(index=True)
    """When it was asked to be computed by the background process; null when nothing is to be done."""
    attempts: Mapped[int] = mapped_column(default=0)
    """How often the background process began with it."""
    done: Mapped[int] = mapped_column(default=0)
    """Region-items computed so far."""
    problem: Mapped[str] = mapped_column(default="")
    """Why it could not be computed; empty when it could."""
