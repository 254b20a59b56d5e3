"""Forecasts as they stand and as they stood."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Double, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.database import Base


class StoredForecast(Base):
    """The plan's forecast of one region-item as it stands, made by the background process.

    Charts and totals of many region-items read thousands of these in a moment.
    """

    __tablename__ = "stored_forecast"
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    made_at: Mapped[datetime]
    origin: Mapped[str] = mapped_column(String(10))
    """The last period with known demand."""
    served_by: Mapped[str] = mapped_column(String(20))
    """What forecast it, as ``region_items.labels.version_words`` reads it: ``3``, ``p2``; empty for the baseline."""
    content: Mapped[bytes]
    """``forecast.totals.Part.to_bytes``."""
    unusual: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """``stored_outliers.Unusual`` of the history up to the origin; None where nobody has looked yet."""
    past: Mapped[bytes | None]
    """``stored_forecasts.histories.pack``; None where it was not kept yet."""
    money: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """``money.UnitMoney`` of the forecast's periods; None where nothing is known of it."""
    by_period: Mapped[bytes | None]
    """``by_period.UnitsByPeriod.to_bytes``; None where it was not kept yet."""


class GroupForecast(Base):
    """The stored forecasts of a region, an item, a value of an attribute or of all, summed up with the sum's doubt."""

    __tablename__ = "group_forecast"
    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    """``region``, ``item``, ``all`` or the name of an attribute."""
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    """Of the region or item, or the attribute's value; empty for all."""
    made_at: Mapped[datetime]
    size: Mapped[int]
    """Region-items in it."""
    total: Mapped[float]
    """Units, with planners' overrides."""
    lower: Mapped[float]
    upper: Mapped[float]
    model: Mapped[float | None]
    """Units by the models alone; None where it was not summed up yet."""
    last_year: Mapped[float | None]
    """Of those region-items of which it is known; None where it is of none."""
    last_year_out_of_stock: Mapped[int] = mapped_column(default=0, server_default="0")
    """How many of these were out of stock then, so that at least that was wanted."""
    compared: Mapped[float | None]
    """Their part of the total."""
    compared_size: Mapped[int] = mapped_column(default=0)
    revenue: Mapped[float | None] = mapped_column(Double)
    """The total at the prices of its periods, of those region-items whose price is known; None where it is of none."""
    margin: Mapped[float | None] = mapped_column(Double)
    """Of those whose price and cost are known."""
    priced: Mapped[int] = mapped_column(default=0, server_default="0")
    """Region-items that the revenue is of; ``costed`` that the margin is of."""
    costed: Mapped[int] = mapped_column(default=0, server_default="0")
    live_error_money: Mapped[float | None] = mapped_column(Double)
    """Sums of those of its region-items; None where it is known of none."""
    live_sold_money: Mapped[float | None] = mapped_column(Double)
    by_period: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """``by_period.SumByPeriod.to_json``, of regions and of all; None of others, and where it was not summed up yet."""
    running: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Of a region, and of an item where items have attributes: ``totals.RunningTotal.to_json``, of which the totals of
    all and of attributes are made."""

    @property
    def change(self) -> float | None:
        """Relative change on last year, of the region-items that have one."""
        return self.compared / self.last_year - 1 if self.compared is not None and self.last_year else None

    @property
    def wape_by_money(self) -> float | None:
        """Error of published forecasts weighed by the prices, over all its region-items; None where it is not known."""
        return self.live_error_money / self.live_sold_money if (
            self.live_error_money is not None and self.live_sold_money) else None


class RegionSum(Base):
    """The stored forecasts of a region summed up by period, with their past: all that pages show of many together.

    Only ``stored_forecasts.sums`` writes and reads it.
    """

    __tablename__ = "region_sum"
    region: Mapped[str] = mapped_column(String(255), primary_key=True)
    members: Mapped[str] = mapped_column(String(32))
    """A digest of the keys that it is the sum of."""
    made_at: Mapped[datetime]
    content: Mapped[bytes]
    """``sums.StoredSums.to_bytes``."""


class ArchivedForecast(Base):
    """The forecast of one region-item as it stood while a period was its last known one: the last made from there."""

    __tablename__ = "archived_forecast"
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    origin: Mapped[str] = mapped_column(String(10), primary_key=True)
    made_at: Mapped[datetime]
    since: Mapped[datetime | None]
    """When the first one was made from there, just after its demand had come; None of what an older version made."""
    served_by: Mapped[str] = mapped_column(String(20))
    """As in ``StoredForecast``."""
    content: Mapped[bytes]
    """Rows forecast, lower, upper of 80 %, seasonal naive, each for every lead; single precision."""
