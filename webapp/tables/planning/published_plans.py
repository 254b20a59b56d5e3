"""Versions of the plan that were published, and where they were handed over."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Double, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.database import Base, now


class PublishedPlan(Base):
    """One version of the plan, as it stood when it was published. A row is only ever added."""

    __tablename__ = "published_plan"
    id: Mapped[int] = mapped_column(primary_key=True)
    """Its number: versions are counted from 1."""
    token: Mapped[str] = mapped_column(String(64), unique=True)
    """Of the form or request that published it; the same one sent twice publishes once."""
    name: Mapped[str] = mapped_column(String(120))
    comment: Mapped[str] = mapped_column(default="")
    published_by: Mapped[str] = mapped_column(String(255))
    published_at: Mapped[datetime] = mapped_column(default=now)
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 over its parts, in their order."""
    unit: Mapped[str]
    currency: Mapped[str] = mapped_column(default="")
    horizon: Mapped[int]
    """Periods of each region-item at most."""
    dates: Mapped[list[str]] = mapped_column(JSON)
    """Its periods, each once, ISO; the first ones may be locked."""
    size: Mapped[int]
    """Region-items in it."""
    overrides: Mapped[int]
    """Periods of region-items that are overridden."""
    total: Mapped[float] = mapped_column(Double)
    """Units over all region-items and periods, with overrides; the 80 % interval beside it."""
    lower: Mapped[float] = mapped_column(Double)
    upper: Mapped[float] = mapped_column(Double)
    model: Mapped[float] = mapped_column(Double)
    """Units by the models alone."""
    served_by: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What forecast it, as in ``StoredForecast`` -> how many region-items."""
    layout: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What its files hold beside units: ``published_plans.files.Layout``."""
    told: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What was told before it was published: ``published_plans.readiness.Readiness``."""


class PublishedPart(Base):
    """Some region-items of a published plan, with all their periods."""

    __tablename__ = "published_part"
    plan_id: Mapped[int] = mapped_column(ForeignKey("published_plan.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """From 0 on; region-items are in the order of the catalogue."""
    size: Mapped[int]
    """Region-items in it."""
    content: Mapped[bytes]
    """A Parquet file: ``published_plans.plan_tables``."""


class HandOver(Base):
    """A published plan on its way to a folder, or there; one for each plan and place."""

    __tablename__ = "hand_over"
    __table_args__ = (Index("one_hand_over_of_each_plan", "plan_id", "place", unique=True),)
    id: Mapped[int] = mapped_column(primary_key=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("published_plan.id", ondelete="CASCADE"))
    place: Mapped[str] = mapped_column(String(300))
    """The name of its file in the folder that ``WEB_HAND_OVER_FOLDER`` names."""
    asked_at: Mapped[datetime] = mapped_column(default=now)
    done_at: Mapped[datetime | None]
    """None while it waits, or is tried again."""
    is_written: Mapped[bool] = mapped_column(default=False)
    """Whether the whole file lies beside its place, or there already."""
    attempts: Mapped[int] = mapped_column(default=0)
    """That failed."""
    retry_at: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(default="")
    """Why it could not be handed over when it was last tried; empty when it was, or was not tried yet."""
