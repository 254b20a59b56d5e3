"""The tables: who may sign in, what is known of each region-item, who asked for which retrain."""

from datetime import datetime
from functools import cached_property
from typing import Any, Literal
from uuid import uuid4

from flask_security.core import RoleMixin, UserMixin
from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, String, Table, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from demand_assets.forecasting.region_item import RegionItem
from webapp.database import Base, now

RowStatus = Literal["production", "pooled", "baseline", "quarantined", "untrained"]
ItemState = Literal["queued", "training", "judging", "promoted", "kept", "quarantined", "failed", "cancelled"]
RetrainState = Literal["stored", "sent", "finished", "cancelled", "refused"]

OPEN_STATES: tuple[ItemState, ...] = ("queued", "training", "judging")
DRIFT_TOLD = 0.25
"""Population stability index from which drift is commonly called large."""
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
    wape: Mapped[float | None]
    wape_seasonal_naive: Mapped[float | None]
    coverage_80: Mapped[float | None]
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


class Retrain(Base):
    """A request to retrain region-items: a planner's, stored first and sent later, once; or one that was made in
    Dagster and is known from the journal."""

    __tablename__ = "retrain"
    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[str] = mapped_column(String(64), unique=True)
    asked_by: Mapped[str] = mapped_column(String(255))
    source: Mapped[str] = mapped_column(String(20), default="planner", index=True)
    """``planner``; ``automatic`` when a sensor or a schedule asked, ``engineer`` when somebody did in Dagster."""
    reason: Mapped[str] = mapped_column(default="")
    """Why, in the words of whoever asked; may be empty."""
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
    open_slot: Mapped[int | None]
    """1 while the state is open, else null: the index lets a region-item be in one open retrain only.

    Null too where a retrain from Dagster works on what a planner's holds already."""
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


class Outlook(Base):
    """The plan's forecast of one region-item as it stands, made by the background process.

    Charts and totals of many region-items read thousands of these in a moment.
    """

    __tablename__ = "outlook"
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    made_at: Mapped[datetime]
    origin: Mapped[str] = mapped_column(String(10))
    """The last period with known demand."""
    served_by: Mapped[str] = mapped_column(String(20))
    """What forecast it, as ``page_words.version_words`` reads it: ``3``, ``p2``; empty for the baseline."""
    content: Mapped[bytes]
    """``totals.Part.to_bytes``."""


class GroupOutlook(Base):
    """The outlooks of a region, of an item or of all, summed up with the doubt of the sum."""

    __tablename__ = "group_outlook"
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    """``region``, ``item`` or ``all``."""
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    """Of the region or item; empty for all."""
    made_at: Mapped[datetime]
    size: Mapped[int]
    """Region-items in it."""
    total: Mapped[float]
    lower: Mapped[float]
    upper: Mapped[float]
    last_year: Mapped[float | None]
    """Of those region-items of which it is known; None where it is of none."""
    compared: Mapped[float | None]
    """Their part of the total."""
    compared_size: Mapped[int] = mapped_column(default=0)
    running: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Of a region: ``totals.RunningTotal.to_json``, from which the total of all is made."""

    @property
    def change(self) -> float | None:
        """Relative change on last year, of the region-items that have one."""
        return self.compared / self.last_year - 1 if self.compared is not None and self.last_year else None


class ArchivedForecast(Base):
    """The forecast of one region-item as it stood while a period was its last known one: the last made from there."""

    __tablename__ = "archived_forecast"
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    origin: Mapped[str] = mapped_column(String(10), primary_key=True)
    made_at: Mapped[datetime]
    served_by: Mapped[str] = mapped_column(String(20))
    """As in ``Outlook``."""
    content: Mapped[bytes]
    """Rows forecast, lower, upper of 80 %, seasonal naive, each for every lead; single precision."""


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


class ModelAct(Base):
    """What a person does with the model in production: stored first, carried out by the background process, once."""

    __tablename__ = "model_act"
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


class SavedScenario(Base):
    """Named changes to the drivers of a selection, and what was computed of them."""

    __tablename__ = "scenario"
    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(64), unique=True, default=lambda: uuid4().hex)
    """In its link."""
    name: Mapped[str] = mapped_column(String(120))
    description: Mapped[str] = mapped_column(default="")
    created_by: Mapped[str] = mapped_column(String(255), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    changed_at: Mapped[datetime] = mapped_column(default=now)
    archived_at: Mapped[datetime | None]
    copied_from: Mapped[int | None]
    asked: Mapped[dict[str, Any]] = mapped_column(default=dict, deferred=True)
    """Selection, horizon, changes and rows of an uploaded plan: ``asked_scenarios.Asked``."""
    size: Mapped[int] = mapped_column(default=0)
    """Region-items in it."""
    selection: Mapped[str] = mapped_column(default="")
    """In words."""
    computed_at: Mapped[datetime | None]
    computed: Mapped[dict[str, Any]] = mapped_column(default=dict, deferred=True)
    """What it gave, with the model versions and origins that it was computed with: ``scenario_results.Result``."""
    changed_by: Mapped[str] = mapped_column(String(255), default="")
    """Who changed it last; empty when nobody did since it was made."""
    summary: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What the list shows of it: ``scenario_results.Summary``; empty before it was computed."""
    made_with: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Key -> what forecast it and its origin when it was computed, as in ``Outlook``."""
    wanted_at: Mapped[datetime | None] = mapped_column(index=True)
    """When it was asked to be computed by the background process; null when nothing is to be done."""
    attempts: Mapped[int] = mapped_column(default=0)
    """How often the background process began with it."""
    done: Mapped[int] = mapped_column(default=0)
    """Region-items computed so far."""
    problem: Mapped[str] = mapped_column(default="")
    """Why it could not be computed; empty when it could."""


class Adjustment(Base):
    """What a planner says a past demand would usually have been; the history itself stays as it is."""

    __tablename__ = "adjustment"
    __table_args__ = (
        Index("one_open_adjustment_of_each_period", "key", "date", unique=True,
              sqlite_where=text("removed_at IS NULL"), postgresql_where=text("removed_at IS NULL")),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(255), index=True)
    date: Mapped[str] = mapped_column(String(10))
    sold: Mapped[float]
    """Units, as known when it was adjusted."""
    adjusted: Mapped[float]
    """Units that training uses in their place."""
    reason: Mapped[str]
    made_by: Mapped[str] = mapped_column(String(255))
    made_at: Mapped[datetime] = mapped_column(default=now)
    removed_by: Mapped[str] = mapped_column(String(255), default="")
    removed_at: Mapped[datetime | None]
    is_due: Mapped[bool] = mapped_column(default=True, index=True)
    """Whether the demand store does not tell of it yet, or not yet that it was removed."""


class Selection(Base):
    """Region-items that are too many for a link to list; kept for good, since links are."""

    __tablename__ = "selection"
    token: Mapped[str] = mapped_column(String(16), primary_key=True)
    """Of the keys, so that the same ones have the same link."""
    keys: Mapped[list[str]] = mapped_column(JSON)
    """Region-major."""
    made_at: Mapped[datetime] = mapped_column(default=now)


class DemandLoad(Base):
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


class LoadRun(Base):
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
