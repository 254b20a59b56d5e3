"""What is known of each region-item."""

from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, cast

from sqlalchemy import JSON, BigInteger, Double, ForeignKey, Index, String, Table
from sqlalchemy.orm import Mapped, column_property, mapped_column

from demand_assets.forecasting.contract.region_item import RegionItem
from webapp.db.database import Base, now

RowStatus = Literal["production", "pooled", "baseline", "quarantined", "untrained"]
LISTED_OF_CATALOGUE = (
    "in_catalogue", "position", "id", "key", "region", "item", "search", "last_date", "demand_at", "quarantined_rows",
    "step", "step_at", "activity")
LISTED_OF_PRODUCTION = (
    "id", "status", "production_version", "promoted_at", "decided_at", "decision", "wape", "wape_seasonal_naive",
    "coverage_80", "best", "fetch_after", "model_problem", "pinned_by")
"""What region-items are found, sorted and counted by. SQLite reads it from indexes of their own, not through the wide
rows: the overview of 30,000 region-items takes half the time."""


class Catalogue(Base):
    """A region-item, and what the journal says of its demand. Only ``region_items.catalogue`` writes it."""

    __tablename__ = "region_item_catalogue"
    __table_args__ = (Index("ix_region_item_catalogue_listed", *LISTED_OF_CATALOGUE).ddl_if(dialect="sqlite"),
                      Index("ix_region_item_catalogue_newest", "in_catalogue", "last_date"))
    id: Mapped[int] = mapped_column(primary_key=True)
    """By which the other tables are joined; nothing else knows it."""
    key: Mapped[str] = mapped_column(String(255), unique=True)
    position: Mapped[int] = mapped_column(default=0)
    """Place in the catalogue, region-major."""
    in_catalogue: Mapped[bool] = mapped_column(default=False)
    region: Mapped[str] = mapped_column(String(255), index=True)
    item: Mapped[str] = mapped_column(String(255), index=True)
    search: Mapped[str] = mapped_column(String(520), default="")
    """Region and item in lower case, as Python lowers them."""
    last_date: Mapped[str | None] = mapped_column(String(10))
    demand_at: Mapped[datetime | None]
    """When a later period than before was last read."""
    demand_mark: Mapped[str] = mapped_column(String(32), default="")
    """As the journal told it last (``DEMAND_MARK``): another where a forecast of the demand may be another one."""
    quarantined_rows: Mapped[int] = mapped_column(default=0)
    quarantine_reason: Mapped[str] = mapped_column(default="")
    """Why its last good demand is kept; empty when its demand is as new as the source's."""
    loaded_at: Mapped[str] = mapped_column(String(40), default="")
    """When the pipeline looked at its demand last, as the journal says; empty before the first time."""
    rows_read: Mapped[int] = mapped_column(default=0)
    """Rows that the source had for it then."""
    step: Mapped[str] = mapped_column(String(20), default="")
    """The journal's last step."""
    step_at: Mapped[str] = mapped_column(String(40), default="")
    step_reason: Mapped[str] = mapped_column(default="")
    activity: Mapped[str] = mapped_column(String(20), default="")
    """``training`` or ``judging`` while a run is at work on it."""
    activity_run: Mapped[str] = mapped_column(String(64), default="")
    quarantined: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Refused rows by rule."""


class Production(Base):
    """What forecasts a region-item, and the gate's newest decision. Only ``region_items.production`` writes it."""

    __tablename__ = "region_item_production"
    __table_args__ = (Index("ix_region_item_production_listed", *LISTED_OF_PRODUCTION).ddl_if(dialect="sqlite"),)
    id: Mapped[int] = mapped_column(BigInteger, ForeignKey("region_item_catalogue.id", ondelete="CASCADE"),
                                    primary_key=True, autoincrement=False)
    """Of the catalogue. SQLite would find an ordinary integer in the wide rows and leave the index aside."""
    status: Mapped[str] = mapped_column(String(20), default="untrained", index=True)
    production_version: Mapped[int | None]
    """The version that forecasts, loaded and tried before it is announced here."""
    previous_version: Mapped[int | None]
    promoted_at: Mapped[datetime | None]
    announced_at: Mapped[datetime | None]
    wanted_version: Mapped[int | None]
    """The registry's production version; another than ``production_version`` while that cannot be loaded."""
    model_problem: Mapped[str] = mapped_column(default="")
    fetch_after: Mapped[datetime | None]
    """When to try again to fetch the wanted version; null when nothing is to be fetched."""
    candidate_version: Mapped[int | None]
    decision: Mapped[str] = mapped_column(default="")
    decided_at: Mapped[datetime | None]
    wape: Mapped[float | None] = mapped_column(Double)
    wape_seasonal_naive: Mapped[float | None] = mapped_column(Double)
    coverage_80: Mapped[float | None] = mapped_column(Double)
    best: Mapped[str] = mapped_column(String(20), default="", index=True)
    """What was best on the backtest: a name of ``evidence.CONTESTANTS``; empty when there was none."""
    pinned_by: Mapped[str] = mapped_column(String(255), default="")
    """Who pinned the version in production; empty when it is not pinned."""
    pinned_reason: Mapped[str] = mapped_column(default="")
    pinned_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(default="")
    wanted: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What the registry says of the wanted version: ``previous``, ``promoted_at``, ``summary``."""
    numbers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Everything measured on the production version."""
    candidate_numbers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What the backtest of the newest candidate measured."""


class ForecastFigures(Base):
    """What the overview shows of a region-item's stored forecast. Only ``region_items.forecast_figures`` writes it."""

    __tablename__ = "region_item_forecast"
    id: Mapped[int] = mapped_column(ForeignKey("region_item_catalogue.id", ondelete="CASCADE"), primary_key=True,
                                    autoincrement=False)
    forecast_due: Mapped[bool] = mapped_column(default=True, index=True)
    """Whether its demand or its model changed since the stored forecast was made."""
    forecast_wanted: Mapped[int] = mapped_column(default=0)
    """How often the stored forecast was asked for, so that what changes while it is made is not missed."""
    forecast_total: Mapped[float | None]
    """Units over the next horizon, with planners' overrides; the 80 % interval beside it."""
    forecast_lower: Mapped[float | None]
    forecast_upper: Mapped[float | None]
    forecast_model: Mapped[float | None]
    """Units over the next horizon by the model alone."""
    last_year: Mapped[float | None]
    """Units sold in the same periods a year (the longest season) earlier; None where not all is known."""
    last_year_out_of_stock: Mapped[int] = mapped_column(default=0, server_default="0")
    """In how many of these periods it was out of stock, so that at least that was wanted."""
    change_on_last_year: Mapped[float | None]
    """Relative."""
    last_demand: Mapped[float | None]
    """Units of the last period known."""
    out_of_stock: Mapped[int] = mapped_column(default=0, server_default="0")
    """The newest periods in a row in which it was out of stock; 0 where the last one was not."""
    volume: Mapped[float | None]
    """Units sold over the last horizon."""
    moved: Mapped[float | None]
    """Units by which the forecast of the same periods changed since the period before became known."""
    moved_of: Mapped[float | None]
    """Units that were forecast of those periods before; what ``moved`` is a share of."""
    missed: Mapped[float | None]
    """Actual minus forecast of the newest periods, in units."""
    moved_at: Mapped[datetime | None]
    price: Mapped[float | None] = mapped_column(Double)
    """Of one unit, known last, and of which period; in the dataset's currency, as all money. None where not known."""
    price_date: Mapped[str | None] = mapped_column(String(10))
    """None of a price that is the same at all times."""
    cost: Mapped[float | None] = mapped_column(Double)
    cost_date: Mapped[str | None] = mapped_column(String(10))
    revenue: Mapped[float | None] = mapped_column(Double)
    """``forecast_total`` at the prices of its periods; None where one is not known."""
    margin: Mapped[float | None] = mapped_column(Double)
    """The revenue less the cost of what is sold; None where a price or the cost is not known."""
    live_error_money: Mapped[float | None] = mapped_column(Double)
    """Absolute error a period at the price of the period, of the forecasts that ``live_wape`` is of."""
    live_sold_money: Mapped[float | None] = mapped_column(Double)
    """What was sold a period in those."""
    backtest_error_money: Mapped[float | None] = mapped_column(Double)
    """As ``live_error_money``, of the windows of the backtest."""
    backtest_sold_money: Mapped[float | None] = mapped_column(Double)
    groups_due: Mapped[int] = mapped_column(default=0, index=True)
    """How often the totals that it is in were asked for since they were made; 0 when they are as it is."""


class EarlierMove(Base):
    """A move of a forecast that another has followed. Only ``region_items.forecast_figures`` writes it."""

    __tablename__ = "earlier_move"
    id: Mapped[int] = mapped_column(primary_key=True)
    region_item_id: Mapped[int] = mapped_column(ForeignKey("region_item_catalogue.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(index=True)
    moved: Mapped[float]
    """As in ``ForecastFigures``."""
    share: Mapped[float]
    """Its size relative to what was forecast of the same periods before; 1 where that was nothing."""


class LiveAccuracy(Base):
    """How right published forecasts were, and drift. Only ``region_items.live_accuracy`` writes it."""

    __tablename__ = "region_item_accuracy"
    id: Mapped[int] = mapped_column(ForeignKey("region_item_catalogue.id", ondelete="CASCADE"), primary_key=True,
                                    autoincrement=False)
    live_wape: Mapped[float | None]
    """Over all leads of the newest past forecasts, on periods that have since become known, as ``pooled_accuracy``."""
    live_skill: Mapped[float | None]
    """1 minus WAPE over that of seasonal naive on the same periods."""
    live_bias: Mapped[float | None]
    live_periods: Mapped[int] = mapped_column(default=0)
    """Periods that the three stand on."""
    live_outside: Mapped[int] = mapped_column(default=0, server_default="0")
    """The newest known periods in a row outside the 80 % interval of the forecast that stood when each began."""
    live_error: Mapped[float | None] = mapped_column(Double)
    """Sum of the absolute errors that ``live_wape`` of archived forecasts is of, in units; None where there is none."""
    live_sold: Mapped[float | None] = mapped_column(Double)
    """Units sold in those."""
    live_from: Mapped[str] = mapped_column(String(10), default="")
    """``archive``: forecasts as they stood; ``monitor``: the pipeline's, from the training on; empty: none yet."""
    drift: Mapped[float | None]
    """Largest population stability index since the training, as last monitored."""
    drifted: Mapped[str] = mapped_column(String(60), default="")
    """What drifted most: ``demand`` or a driver."""


def _table(of: type[Base]) -> Table:
    return cast(Table, of.__table__)


_catalogue, _production, _forecast, _accuracy = map(_table, (Catalogue, Production, ForecastFigures, LiveAccuracy))
if TYPE_CHECKING:
    class _Columns(Catalogue, Production, ForecastFigures, LiveAccuracy):  # type: ignore[misc]  # id is in each
        """The columns of all four."""
else:
    _Columns = Base


class RegionItemRow(_Columns):
    """Everything that is known of one region-item: the four tables side by side, by its key.

    It is read as one; each of its columns is set by the one module that its table names.
    """

    __table__ = _catalogue.outerjoin(_production, _production.c.id == _catalogue.c.id).outerjoin(
        _forecast, _forecast.c.id == _catalogue.c.id).outerjoin(_accuracy, _accuracy.c.id == _catalogue.c.id)
    __mapper_args__ = {"primary_key": [_catalogue.c.key]}  # noqa: RUF012  # SQLAlchemy reads it, nothing changes it
    if not TYPE_CHECKING:
        id = column_property(_catalogue.c.id, _production.c.id, _forecast.c.id, _accuracy.c.id)

    @cached_property
    def region_item(self) -> RegionItem:
        """The region-item that this row is about."""
        return RegionItem.from_key(self.key)


class AttributeValue(Base):
    """An attribute of an item or a region. Only ``region_items.attributes`` writes it."""

    __tablename__ = "attribute_value"
    __table_args__ = (Index("ix_attribute_value_found", "name", "value", "owner"),)
    axis: Mapped[str] = mapped_column(String(10), primary_key=True)
    """``item`` or ``region``."""
    owner: Mapped[str] = mapped_column(String(255), primary_key=True)
    """Of the item or the region."""
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    """Of the attribute; no two axes have attributes of one name."""
    value: Mapped[str] = mapped_column(String(255))
    """As ``dataset.attributes.as_written``."""


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
    """Region-items that are too many for a link to list; kept as long as its link is followed now and then."""

    __tablename__ = "selection"
    token: Mapped[str] = mapped_column(String(16), primary_key=True)
    """Of the keys, so that the same ones have the same link."""
    keys: Mapped[list[str]] = mapped_column(JSON)
    """Region-major."""
    made_at: Mapped[datetime] = mapped_column(default=now)
    used_at: Mapped[datetime] = mapped_column(default=now, index=True)
    """When its link was followed last, to the day."""
