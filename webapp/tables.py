"""The tables: who may sign in, what is known of each region-item, who asked for which retrain."""

from datetime import datetime
from typing import Any, Literal
from uuid import uuid4

from flask_security.core import RoleMixin, UserMixin
from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from demand_assets.forecasting.region_item import RegionItem
from webapp.database import Base, now

RowStatus = Literal["production", "pooled", "baseline", "quarantined", "untrained"]
ItemState = Literal["queued", "training", "judging", "promoted", "kept", "quarantined", "failed", "cancelled"]
RetrainState = Literal["stored", "sent", "finished", "cancelled", "refused"]

OPEN_STATES: tuple[ItemState, ...] = ("queued", "training", "judging")
UNFINISHED: tuple[RetrainState, ...] = ("stored", "sent")

user_roles = Table(
    "user_roles", Base.metadata,
    Column("user_id", Integer, ForeignKey("user.id", ondelete="CASCADE"), primary_key=True),
    Column("role_id", Integer, ForeignKey("role.id", ondelete="CASCADE"), primary_key=True),
)


class Role(Base, RoleMixin):
    """What a user may do: ``planner`` or ``admin``."""

    __tablename__ = "role"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    description: Mapped[str] = mapped_column(String(200), default="")


class User(Base, UserMixin):
    """Someone who may sign in."""

    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(255), unique=True)
    password: Mapped[str] = mapped_column(String(255))
    active: Mapped[bool] = mapped_column(default=True)
    fs_uniquifier: Mapped[str] = mapped_column(String(64), unique=True, default=lambda: uuid4().hex)
    created_at: Mapped[datetime] = mapped_column(default=now)
    roles: Mapped[list[Role]] = relationship(  # type: ignore[assignment]  # the base says list[RoleMixin]
        secondary=user_roles, lazy="selectin")


class RegionItemRow(Base):
    """What is known of one region-item: from the journal, the catalogue and the registry."""

    __tablename__ = "region_item"
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
    wape: Mapped[float | None]
    wape_seasonal_naive: Mapped[float | None]
    coverage_80: Mapped[float | None]
    numbers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Everything measured on the production version."""
    candidate_numbers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What the backtest of the newest candidate measured."""
    best: Mapped[str] = mapped_column(String(20), default="", index=True)
    """What was best on the backtest: a name of ``evidence.CONTESTANTS``; empty when there was none."""

    step: Mapped[str] = mapped_column(String(20), default="")
    """The journal's last step."""
    step_at: Mapped[str] = mapped_column(String(40), default="")
    step_reason: Mapped[str] = mapped_column(default="")
    activity: Mapped[str] = mapped_column(String(20), default="")
    """``training`` or ``judging`` while a run is at work on it."""
    activity_run: Mapped[str] = mapped_column(String(64), default="")

    @property
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


class Retrain(Base):
    """A planner's request to retrain region-items; stored first, sent later, once."""

    __tablename__ = "retrain"
    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[str] = mapped_column(String(64), unique=True)
    asked_by: Mapped[str] = mapped_column(String(255))
    asked_at: Mapped[datetime] = mapped_column(default=now, index=True)
    size: Mapped[int]
    state: Mapped[str] = mapped_column(String(20), default="stored", index=True)
    cancel_asked_at: Mapped[datetime | None]
    cancel_sent: Mapped[bool] = mapped_column(default=False)

    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(default="")
    """Why it could not be sent yet, or was refused."""
    sent_at: Mapped[datetime | None]
    carrier: Mapped[str] = mapped_column(String(20), default="")
    """``backfill`` or ``run``."""
    dagster_id: Mapped[str] = mapped_column(String(64), default="")
    dagster_state: Mapped[str] = mapped_column(String(20), default="")
    """``waiting``, ``running``, ``succeeded``, ``failed``, ``cancelled``."""
    ended_at: Mapped[datetime | None]
    """When its run or backfill was first seen ended."""
    finished_at: Mapped[datetime | None]
    items: Mapped[list["RetrainItem"]] = relationship(back_populates="retrain", order_by="RetrainItem.position",
                                                      cascade="all, delete-orphan")

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state not in UNFINISHED


class RetrainItem(Base):
    """One region-item of a retrain."""

    __tablename__ = "retrain_item"
    __table_args__ = (
        Index("one_open_retrain_for_each_region_item", "key", unique=True,
              sqlite_where=text("open_slot = 1"), postgresql_where=text("open_slot = 1")),
    )
    retrain_id: Mapped[int] = mapped_column(ForeignKey("retrain.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    position: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(String(20), default="queued", index=True)
    open_slot: Mapped[int | None] = mapped_column(default=1)
    """1 while the state is open, else null: the index lets a region-item be in one open retrain only."""
    closed_by_us: Mapped[bool] = mapped_column(default=False)
    """Closed because its run ended or was cancelled, not by an entry of the journal."""
    at: Mapped[str] = mapped_column(String(40), default="")
    """When the state was entered, as the journal says."""
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    run_id: Mapped[str] = mapped_column(String(64), default="")
    version_before: Mapped[int | None]
    version: Mapped[int | None]
    reason: Mapped[str] = mapped_column(default="")
    numbers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    retrain: Mapped[Retrain] = relationship(back_populates="items")

    @property
    def is_final(self) -> bool:
        """Whether its retrain is over."""
        return self.state not in OPEN_STATES

    @property
    def region_item(self) -> RegionItem:
        """The region-item that is retrained."""
        return RegionItem.from_key(self.key)


class JournalFile(Base):
    """A file of the journal that was read; only the last minutes' are kept."""

    __tablename__ = "journal_file"
    name: Mapped[str] = mapped_column(String(80), primary_key=True)


class Watermark(Base):
    """How far something was read."""

    __tablename__ = "watermark"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str] = mapped_column(String(80), default="")


class SystemState(Base):
    """Whether one of the other systems answers, as the background process sees it."""

    __tablename__ = "system_state"
    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    is_up: Mapped[bool] = mapped_column(default=False)
    checked_at: Mapped[datetime]
    since: Mapped[datetime]
    """When it went up or down."""
    message: Mapped[str] = mapped_column(default="")
