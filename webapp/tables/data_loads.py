"""What the pipeline took in and refused."""

from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.database import Base


class DataLoad(Base):
    """One look of the pipeline at a region-item's demand: taken in or refused, and which rows were."""

    __tablename__ = "demand_load"
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    at: Mapped[str] = mapped_column(String(40), primary_key=True)
    """As the journal says."""
    outcome: Mapped[str] = mapped_column(String(20))
    """``validated`` or ``quarantined``."""
    reason: Mapped[str] = mapped_column(default="")
    run_id: Mapped[str] = mapped_column(String(64), default="", index=True)
    last_date: Mapped[str | None] = mapped_column(String(10))
    rows_read: Mapped[int] = mapped_column(default=0)
    refused: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Values by rule; a row may hold several."""
    refused_rows: Mapped[int] = mapped_column(default=0, index=True)
    units_read: Mapped[float] = mapped_column(default=0.0, server_default="0")
    units_refused: Mapped[float] = mapped_column(default=0.0, server_default="0")
    periods: Mapped[int] = mapped_column(default=0, server_default="0")
    unknown_periods: Mapped[int] = mapped_column(default=0, server_default="0")
    out_of_stock_periods: Mapped[int] = mapped_column(default=0, server_default="0")
    """Whose demand is at least what was sold."""
    contradicted: Mapped[str] = mapped_column(default="", server_default="")
    """Drivers whose default the last year contradicts, by name with commas between them."""
    repeated_rows: Mapped[int] = mapped_column(default=0, server_default="0")
    """Left out because they are identical to another."""
    newest_refused: Mapped[int] = mapped_column(default=0, server_default="0")
    """Periods after the last known demand of which something was refused."""


class DataLoadRun(Base):
    """What one run of the pipeline took in, summed up over its region-items."""

    __tablename__ = "load_run"
    run_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Of Dagster; the day where there was none."""
    first_at: Mapped[str] = mapped_column(String(40))
    last_at: Mapped[str] = mapped_column(String(40), index=True)
    region_items: Mapped[int] = mapped_column(default=0)
    kept: Mapped[int] = mapped_column(default=0)
    """Region-items whose new demand was refused, so that their last good one is kept."""
    rows_read: Mapped[int] = mapped_column(default=0)
    refused: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Values by rule."""
    refused_rows: Mapped[int] = mapped_column(default=0)


class RefusedRule(Base):
    """How many values of a region-item a rule refused in its newest load."""

    __tablename__ = "refused_rule"
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    rule: Mapped[str] = mapped_column(String(40), primary_key=True, index=True)
    values: Mapped[int]
