"""What naive, model, overrides and planners got right, summed up; targets; what came of scenarios."""

from datetime import datetime
from typing import Any

from sqlalchemy import Double, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.database import Base, now


class JudgedForecasts(Base):
    """How right what stood of one region-item was, on its newest periods. Written with its stored forecast."""

    __tablename__ = "judged_forecasts"
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    judged_at: Mapped[datetime]
    content: Mapped[bytes]
    """``accuracy.judged_sums.JudgedSums.to_bytes``."""


class _Sums:
    """Sums over forecasts of a region-item's period, of which one is a *row*. Errors are absolute."""

    periods: Mapped[int]
    """Periods of region-items whose demand came since they are forecast; the next five tell them apart."""
    rows: Mapped[int]
    """Those compared: demand, naive, model and what was planned with are all known of them."""
    no_forecast: Mapped[int]
    """Left out as no forecast is kept from so many periods ahead."""
    no_demand: Mapped[int]
    """Left out as demand is not known, or was out of stock."""
    no_naive: Mapped[int]
    """Left out as seasonal naive knew nothing."""
    overridden: Mapped[int]
    """Rows with an override that stood when the forecast was last made."""
    too_late: Mapped[int]
    """Rows with overrides that were all made after that."""
    sold: Mapped[float] = mapped_column(Double)
    naive: Mapped[float] = mapped_column(Double)
    model: Mapped[float] = mapped_column(Double)
    plan: Mapped[float] = mapped_column(Double)
    """The model with overrides."""
    naive_error: Mapped[float] = mapped_column(Double)
    model_error: Mapped[float] = mapped_column(Double)
    plan_error: Mapped[float] = mapped_column(Double)
    priced: Mapped[int]
    """Rows whose price is known, of which the money is."""
    sold_money: Mapped[float] = mapped_column(Double)
    naive_money: Mapped[float] = mapped_column(Double)
    model_money: Mapped[float] = mapped_column(Double)
    plan_money: Mapped[float] = mapped_column(Double)
    naive_error_money: Mapped[float] = mapped_column(Double)
    model_error_money: Mapped[float] = mapped_column(Double)
    plan_error_money: Mapped[float] = mapped_column(Double)


class ValueAdded(_Sums, Base):
    """These sums of one group of region-items. Only ``value_added.summing`` writes them."""

    __tablename__ = "value_added"
    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    """As in ``GroupForecast``."""
    lead: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    planner: Mapped[str] = mapped_column(String(255), primary_key=True)
    """Whose override stood; empty for all rows, also those without."""
    bucket: Mapped[str] = mapped_column(String(10), primary_key=True, index=True)
    """Of days the Monday of their week, else the period; ISO."""
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    """As in ``GroupForecast``."""


class AccuracyTarget(Base):
    """What administrators want of the plan's accuracy, for all or for a segment."""

    __tablename__ = "accuracy_target"
    id: Mapped[int] = mapped_column(primary_key=True)
    segment: Mapped[str] = mapped_column(String(300), unique=True)
    """As in ``WorkRule``."""
    wape: Mapped[float] = mapped_column(Double)
    """At most, as a share."""
    tolerance: Mapped[float] = mapped_column(Double)
    """How far above it is still tolerated, as a share of what was sold."""
    bias: Mapped[float] = mapped_column(Double)
    """Largest bias either way, as a share."""
    changed_by: Mapped[str] = mapped_column(String(255))
    changed_at: Mapped[datetime] = mapped_column(default=now)


class ScenarioVerdict(Base):
    """What came of a scenario, once its periods were over. Only ``value_added.verdicts`` writes it."""

    __tablename__ = "scenario_verdict"
    token: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Of the scenario."""
    mark: Mapped[str] = mapped_column(String(120))
    """Another where it has to be judged again."""
    judged_at: Mapped[datetime] = mapped_column(default=now)
    told: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """``value_added.verdicts.Verdict``."""
