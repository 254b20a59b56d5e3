"""What planners have to look at, and by which rules it is found."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Double, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.database import Base, now


class WorkEntry(Base):
    """Something to be looked at: one for each cause, however often that is found. Its state follows from its columns,
    as ``work_list.states`` reads it."""

    __tablename__ = "work_entry"
    __table_args__ = (Index("one_entry_for_each_cause", "kind", "subject", unique=True),
                      Index("ix_work_entry_open", "resolved_at", "rank"))
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    """A name of ``thresholds.KINDS``."""
    subject: Mapped[str] = mapped_column(String(255), index=True)
    """The key of a region-item; of a scenario the token of its link."""
    mark: Mapped[str] = mapped_column(String(40), default="")
    """Which occurrence it is, as a date or a moment, so that a later one is greater; empty of what lasts."""
    is_caused: Mapped[bool] = mapped_column(default=True)
    """Whether its cause is there still, as last looked."""
    found_at: Mapped[datetime] = mapped_column(default=now)
    """When it was found, or came back."""
    due: Mapped[str] = mapped_column(String(10), index=True)
    """The day until which it is to be done."""
    units: Mapped[float | None] = mapped_column(Double)
    """That are at stake; None where nobody knows."""
    money: Mapped[float | None] = mapped_column(Double)
    """The same in the dataset's currency; None where no price is known."""
    rank: Mapped[float] = mapped_column(Double, default=0.0)
    """The largest first: money, or units where the dataset has no prices."""
    told: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """What ``words`` makes a sentence of."""
    owner: Mapped[str] = mapped_column(String(255), default="", index=True)
    """E-mail address of who sees to it; empty where nobody does."""
    snoozed_until: Mapped[str | None] = mapped_column(String(10))
    """The day on which it is to be seen again."""
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str] = mapped_column(String(255), default="")
    """Empty where its cause went away by itself."""
    reason: Mapped[str] = mapped_column(default="")
    """Why it is resolved."""
    changed_by: Mapped[str] = mapped_column(String(255), default="")
    """Who changed its state last; empty for the background process."""
    changed_at: Mapped[datetime] = mapped_column(default=now)
    version: Mapped[int] = mapped_column(default=1)
    """Counts the changes of its state: who saw another than this is told before anything is changed."""


class WorkRule(Base):
    """From when on something is to be looked at, as an administrator says it; without one, as ``thresholds.KINDS``
    says."""

    __tablename__ = "work_rule"
    __table_args__ = (Index("one_rule_for_each_segment", "kind", "segment", unique=True),)
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    segment: Mapped[str] = mapped_column(String(300), default="")
    """``region:north``, ``item:kettle``, or an attribute and its value; empty for all region-items."""
    is_on: Mapped[bool] = mapped_column(default=True)
    threshold: Mapped[float | None] = mapped_column(Double)
    """A share; None of a kind that has none."""
    periods: Mapped[int | None]
    """Periods or days, as the kind says; None of a kind that has none."""
    due_days: Mapped[int]
    """Days that there are to see to it."""
    again_days: Mapped[int] = mapped_column(default=0)
    """Days after which what was resolved and lasts is open again; 0 for never."""
    changed_by: Mapped[str] = mapped_column(String(255))
    changed_at: Mapped[datetime] = mapped_column(default=now)
