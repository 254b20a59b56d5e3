"""What planners say of past demand: other numbers, and whose demand an item carries on."""

from datetime import datetime

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from demand_assets.forecasting.contract.region_item import RegionItem
from webapp.db.database import Base, now


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


class CarriedLink(Base):
    """Which other item's demand a region-item carries on: a planner's word, or as the dataset file has it."""

    __tablename__ = "carried_link"
    __table_args__ = (
        Index("one_open_link_of_each_other_item", "key", "other", "is_of_file", unique=True,
              sqlite_where=text("removed_at IS NULL"), postgresql_where=text("removed_at IS NULL")),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(255), index=True)
    """Of the region-item that carries it on."""
    other: Mapped[str] = mapped_column(String(255))
    """The other item, in the same region."""
    other_key: Mapped[str] = mapped_column(String(255), index=True)
    """Of the other item there."""
    kind: Mapped[str] = mapped_column(String(10), default="replaces")
    """As in ``dataset.predecessors.Link``."""
    scale: Mapped[float] = mapped_column(default=1.0)
    since: Mapped[str] = mapped_column(String(10), default="")
    """The first day on which the other item is sold no longer, ISO; empty where nobody says so."""
    reason: Mapped[str] = mapped_column(default="")
    is_of_file: Mapped[bool] = mapped_column(default=False)
    """Whether the dataset file says so; such rows come and go with it."""
    made_by: Mapped[str] = mapped_column(String(255), default="")
    made_at: Mapped[datetime] = mapped_column(default=now)
    removed_by: Mapped[str] = mapped_column(String(255), default="")
    removed_at: Mapped[datetime | None]
    is_due: Mapped[bool] = mapped_column(default=False, index=True)
    """Of a planner's: whether the demand store does not tell of it yet, or not yet that it was removed."""

    @property
    def region_item(self) -> RegionItem:
        """What carries it on."""
        return RegionItem.from_key(self.key)
