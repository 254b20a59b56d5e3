"""What is known of each region-item."""

from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from sqlalchemy import JSON, Double, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from demand_assets.forecasting.contract.region_item import RegionItem
from webapp.db.database import Base, now

RowStatus = Literal["production", "pooled", "baseline", "quarantined", "untrained"]
DRIFT_TOLD = 0.25
"""Population stability index from which drift is commonly called large."""
LISTED = (
    "in_catalogue", "position", "key", "region", "item", "search", "status", "last_date", "quarantined_rows",
    "production_version", "promoted_at", "decided_at", "decision", "wape", "wape_seasonal_naive", "coverage_80", "best",
    "fetch_after", "model_problem", "outlook_total", "last_year", "change_on_last_year", "last_demand", "volume",
    "live_wape", "live_skill", "live_bias", "live_periods", "moved", "missed", "moved_at", "demand_at", "drift",
    "pinned_by", "step", "step_at", "activity")
"""What region-items are found, sorted and counted by. SQLite reads it from an index of its own, not through the wide
rows: the overview of 30,000 region-items takes half the time. PostgreSQL, which allows 32 columns, goes without."""


class RegionItemRow(Base):
    """What is known of one region-item: from the journal, the catalogue and the registry."""

    __tablename__ = "region_item"
    __table_args__ = (Index("ix_region_item_listed", *LISTED).ddl_if(dialect="sqlite"),
                      Index("ix_region_item_newest", "in_catalogue", "last_date"))
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    position: Mapped[int] = mapped_column(default=0)
    """Place in the catalogue, region-major."""
    in_catalogue: Mapped[bool] = mapped_column(default=False)
    region: Mapped[str] = mapped_column(String(255), index=True)
    item: Mapped[str] = mapped_column(String(255), index=True)
    search: Mapped[str] = mapped_column(String(520), default="")
    """Region and item in lower case, as Python lowers them."""
    status: Mapped[str] = mapped_column(String(20), default="untrained", index=True)

    last_date: Mapped[str | None] = mapped_column(String(10))
    quarantined_rows: Mapped[int] = mapped_column(default=0)
    quarantined: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Refused rows by rule."""
    quarantine_reason: Mapped[str] = mapped_column(default="")
    """Why its last good demand is kept; empty when its demand is as new as the source's."""
    loaded_at: Mapped[str] = mapped_column(String(40), default="")
    """When the pipeline looked at its demand last, as the journal says; empty before the first time."""
    rows_read: Mapped[int] = mapped_column(default=0)
    """Rows that the source had for it then."""

    production_version: Mapped[int | None]
    """The version that forecasts, loaded and tried before it is announced here."""
    previous_version: Mapped[int | None]
    promoted_at: Mapped[datetime | None]
    announced_at: Mapped[datetime | None]
    wanted_version: Mapped[int | None]
    """The registry's production version; another than ``production_version`` while that cannot be loaded."""
    wanted: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What the registry says of the wanted version: ``previous``, ``promoted_at``, ``summary``."""
    model_problem: Mapped[str] = mapped_column(default="")
    fetch_after: Mapped[datetime | None]
    """When to try again to fetch the wanted version; null when nothing is to be fetched."""
    candidate_version: Mapped[int | None]
    decision: Mapped[str] = mapped_column(default="")
    reason: Mapped[str] = mapped_column(default="")
    decided_at: Mapped[datetime | None]
    wape: Mapped[float | None] = mapped_column(Double)
    wape_seasonal_naive: Mapped[float | None] = mapped_column(Double)
    coverage_80: Mapped[float | None] = mapped_column(Double)
    numbers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Everything measured on the production version."""
    candidate_numbers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What the backtest of the newest candidate measured."""
    best: Mapped[str] = mapped_column(String(20), default="", index=True)
    """What was best on the backtest: a name of ``evidence.CONTESTANTS``; empty when there was none."""

    outlook_due: Mapped[bool] = mapped_column(default=True, index=True)
    """Whether its demand or its model changed since the outlook was made."""
    outlook_wanted: Mapped[int] = mapped_column(default=0)
    """How often the outlook was asked for, so that what changes while it is made is not missed."""
    outlook_total: Mapped[float | None]
    """Units over the next horizon under the plan; the 80 % interval beside it."""
    outlook_lower: Mapped[float | None]
    outlook_upper: Mapped[float | None]
    last_year: Mapped[float | None]
    """Units sold in the same periods a year (the longest season) earlier; None where not all is known."""
    change_on_last_year: Mapped[float | None]
    """Relative."""
    last_demand: Mapped[float | None]
    """Units of the last period known."""
    volume: Mapped[float | None]
    """Units sold over the last horizon."""
    live_wape: Mapped[float | None]
    """Of the forecasts that stood when each period began, over periods that have since become actual."""
    live_skill: Mapped[float | None]
    """1 minus WAPE over that of seasonal naive on the same periods."""
    live_bias: Mapped[float | None]
    live_periods: Mapped[int] = mapped_column(default=0)
    """Periods that the three stand on."""
    live_from: Mapped[str] = mapped_column(String(10), default="")
    """``archive``: forecasts as they stood; ``monitor``: the pipeline's, from the training on; empty: none yet."""
    moved: Mapped[float | None]
    """Units by which the forecast of the same periods changed since the period before became known."""
    missed: Mapped[float | None]
    """Actual minus forecast of the newest periods, in units."""
    moved_at: Mapped[datetime | None]
    demand_at: Mapped[datetime | None]
    """When a later period than before was last read."""
    groups_due: Mapped[int] = mapped_column(default=0, index=True)
    """How often the totals that it is in were asked for since they were made; 0 when they are as it is."""
    drift: Mapped[float | None]
    """Largest population stability index since the training, as last monitored."""
    drifted: Mapped[str] = mapped_column(String(60), default="")
    """What drifted most: ``demand`` or a driver."""
    pinned_by: Mapped[str] = mapped_column(String(255), default="")
    """Who pinned the version in production; empty when it is not pinned."""
    pinned_reason: Mapped[str] = mapped_column(default="")
    pinned_at: Mapped[datetime | None]

    step: Mapped[str] = mapped_column(String(20), default="")
    """The journal's last step."""
    step_at: Mapped[str] = mapped_column(String(40), default="")
    step_reason: Mapped[str] = mapped_column(default="")
    activity: Mapped[str] = mapped_column(String(20), default="")
    """``training`` or ``judging`` while a run is at work on it."""
    activity_run: Mapped[str] = mapped_column(String(64), default="")

    @property
    def is_drifting(self) -> bool:
        """Whether demand or a driver drifted enough to be told."""
        return self.drift is not None and self.drift > DRIFT_TOLD

    @cached_property
    def region_item(self) -> RegionItem:
        """The region-item that this row is about."""
        return RegionItem(self.region, self.item)


class PooledRow(Base):
    """What is known of the dataset's pooled model; a single row."""

    __tablename__ = "pooled_model"
    id: Mapped[int] = mapped_column(primary_key=True)
    production_version: Mapped[int | None]
    """The version that forecasts region-items without a model of their own; loaded and tried before it stands here."""
    previous_version: Mapped[int | None]
    announced_at: Mapped[datetime | None]
    wanted_version: Mapped[int | None]
    """The registry's production version; another than ``production_version`` while that cannot be loaded."""
    fetch_after: Mapped[datetime | None]
    """When to try again to fetch the wanted version; null when nothing is to be fetched."""
    problem: Mapped[str] = mapped_column(default="")


class Selection(Base):
    """Region-items that are too many for a link to list; kept for good, since links are."""

    __tablename__ = "selection"
    token: Mapped[str] = mapped_column(String(16), primary_key=True)
    """Of the keys, so that the same ones have the same link."""
    keys: Mapped[list[str]] = mapped_column(JSON)
    """Region-major."""
    made_at: Mapped[datetime] = mapped_column(default=now)
