"""Who asked for which retrain, and how far it is."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from demand_assets.forecasting.contract.region_item import RegionItem
from webapp.db.database import Base, now

ItemState = Literal["queued", "training", "judging", "promoted", "kept", "quarantined", "failed", "cancelled"]
RetrainState = Literal["stored", "sent", "finished", "cancelled", "refused"]
"""How far a request is; ``retrains.request_and_item_states`` has every step between them, and those of region-items."""
OPEN_STATES: tuple[ItemState, ...] = ("queued", "training", "judging")
UNFINISHED: tuple[RetrainState, ...] = ("stored", "sent")
REPEATED = "repeated_by"
"""Among the numbers of a region-item, beside what the pipeline counts, which has nothing of that name."""
RUN = "run:"
"""So begins the request of a run in Dagster that nobody gave a name; the run's id follows."""


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
    """Presumed failed or cancelled because its run ended or is not there; the pipeline's own word still counts."""
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
    def repeated(self) -> dict[str, Any]:
        """How another run of the same request ended, after the decision: its state, version, reason, run and moment;
        empty where none did. Once it stood under the name of a count of the pipeline's, which is a number."""
        for name in (REPEATED, "repeated"):
            if isinstance(found := self.numbers.get(name), dict):
                return found
        return {}

    @property
    def region_item(self) -> RegionItem:
        """The region-item that is retrained."""
        return RegionItem.from_key(self.key)
