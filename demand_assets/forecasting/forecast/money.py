"""Forecasts in money: what a unit is sold for and costs in each period, revenue and margin, and what is not known.

What is not known is never 0: a region-item whose price is not known in a period has no revenue, and sums say how many
of their region-items have one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.money import COLUMNS, KINDS, Kind
from demand_assets.forecasting.forecast.totals import Dates
from demand_assets.forecasting.series.gapped import Floats


@dataclass(frozen=True)
class Known:
    """A price, or a cost, of one unit, above 0, in the dataset's currency."""

    value: float
    on: date | None
    """The period; None of an attribute, which is the same at all times."""


@dataclass(frozen=True)
class UnitMoney:
    """What a unit of a region-item is sold for, and what it costs, in the dataset's currency."""

    price: Floats | None
    """In each period of a forecast, shape (h,); None where it is not known in all of them."""
    cost: Floats | None
    latest_price: Known | None
    """Known last, up to the last known demand; else the first that is planned."""
    latest_cost: Known | None

    def to_json(self) -> dict[str, Any]:
        """What ``from_json`` reads."""
        latest = {kind: [known.value, None if known.on is None else str(known.on)]
                  for kind, known in (("price", self.latest_price), ("cost", self.latest_cost)) if known}
        return {"price": _packed(self.price), "cost": _packed(self.cost), "latest": latest}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], periods: int) -> Self:
        """What ``to_json`` gave.

        Args:
            periods: so many, the first of the forecast.
        """
        latest = {kind: Known(value, date.fromisoformat(on) if on else None)
                  for kind, (value, on) in stored["latest"].items()}
        return cls(_unpacked(stored["price"], periods), _unpacked(stored["cost"], periods), latest.get("price"),
                   latest.get("cost"))


NOTHING_KNOWN = UnitMoney(None, None, None, None)


def unit_money(dataset: Dataset, planned: Mapping[str, Any], history: pd.DataFrame,
               attributes: Mapping[str, float], used: Mapping[str, Any] | None = None) -> UnitMoney:
    """The prices and costs of a region-item in each period of a forecast, and the latest known.

    Args:
        planned: ``Forecast.columns`` under the plan.
        history: date, drivers, and prices and costs that stand in rows, up to the last known demand.
        attributes: name -> value, of those that are prices or costs and known.
        used: ``Forecast.columns`` under a scenario; none unless given.
    """
    price, cost = prices_and_costs(dataset, planned, attributes, used)
    latest_price, latest_cost = (_latest(dataset, kind, planned, history, attributes) for kind in KINDS)
    return UnitMoney(price, cost, latest_price, latest_cost)


def prices_and_costs(dataset: Dataset, planned: Mapping[str, Any], attributes: Mapping[str, float],
                     used: Mapping[str, Any] | None = None) -> tuple[Floats | None, Floats | None]:
    """The price and the cost of a unit in each period of a forecast; None where one is not known in all of them.

    Where a scenario changes the price driver, a driver's price is the scenario's, and a price that stands elsewhere
    changes in proportion. Costs are those of the plan.

    Args: as for ``unit_money``.
    """
    price, cost = (_planned(dataset, kind, planned, attributes) for kind in KINDS)
    driver = dataset.price_driver
    if used is not None and price is not None and driver is not None:
        before, after = (np.asarray(columns[driver], dtype=np.float64) for columns in (planned, used))
        amount = dataset.amount("price")
        if amount is not None and amount.driver == driver:
            price = np.where(before == after, price, after)
        else:
            price = price * np.where((before > 0) & np.isfinite(after), after / np.where(before > 0, before, 1.0), 1.0)
        price = _whole(price)
    return price, cost


def past_prices(dataset: Dataset, history: pd.DataFrame, attributes: Mapping[str, float]) -> Floats | None:
    """The price in each period of the history; where it is not known the last one before, else the first one after.
    None where it is never known.

    Args: as for ``unit_money``.
    """
    amount = dataset.amount("price")
    if amount is None or not len(history):
        return None
    if amount.attribute is not None:
        value = attributes.get(amount.attribute, np.nan)
        return np.full(len(history), value) if value > 0 else None
    values = pd.Series(_above_0(history[amount.driver or COLUMNS["price"]]))
    filled = values.ffill().bfill().to_numpy()
    return _whole(filled.astype(np.float64))


def as_kept(units: Floats) -> Floats:
    """Units in the precision in which stored forecasts keep them, so that what is told of a forecast in money is the
    same to the digit whether it was stored or made anew."""
    return units.astype(np.float32).astype(np.float64)


def in_money(units: Floats, money: UnitMoney) -> tuple[Floats, Floats]:
    """Revenue and margin of one region-item in each period, NaN where they are not known.

    Args:
        units: in each period, as ``as_kept``.
    """
    nothing = np.full(len(units), np.nan)
    if money.price is None:
        return nothing, nothing
    revenue = units * money.price
    return revenue, revenue - units * money.cost if money.cost is not None else nothing


@dataclass
class MoneySum:
    """Revenue and margin of region-items, summed up; 0 where nothing is known of any."""

    size: int = 0
    """Region-items in it."""
    priced: int = 0
    """Those whose price is known, of which the revenue is."""
    costed: int = 0
    """Those whose price and cost are known, of which the margin is."""
    revenue: float = 0.0
    margin: float = 0.0
    _dates: list[Dates] = field(default_factory=list)
    """Of those whose price is known; beside each its revenue, and its margin, NaN where its cost is not known."""
    _revenues: list[Floats] = field(default_factory=list)
    _margins: list[Floats] = field(default_factory=list)

    def add(self, dates: Dates, units: Floats, money: UnitMoney) -> None:
        """Take in one region-item.

        Args:
            units: in each period, as ``as_kept``.
        """
        self.size += 1
        if money.price is None:
            return
        revenue, margin = in_money(units, money)
        self.priced += 1
        self.revenue += float(revenue.sum())
        if money.cost is not None:
            self.costed += 1
            self.margin += float(margin.sum())
        self._dates.append(dates)
        self._revenues.append(revenue)
        self._margins.append(margin)

    @cached_property
    def by_date(self) -> dict[date, tuple[float, float | None]]:
        """Period -> revenue and margin, of the periods in which a price is known; to be asked when all are added."""
        if not self._dates:
            return {}
        dates, place = np.unique(np.concatenate(self._dates).astype("datetime64[D]"), return_inverse=True)
        margins = np.concatenate(self._margins)
        is_known = ~np.isnan(margins)
        revenue = np.bincount(place, np.concatenate(self._revenues))
        margin = np.bincount(place, np.where(is_known, margins, 0.0))
        costed = np.bincount(place, is_known) > 0
        return {at: (float(sold), float(kept) if there else None)
                for at, sold, kept, there in zip(dates.tolist(), revenue, margin, costed, strict=True)}

    @property
    def revenue_known(self) -> float | None:
        """None where no price is known."""
        return self.revenue if self.priced else None

    @property
    def margin_known(self) -> float | None:
        """None where no price and cost are known."""
        return self.margin if self.costed else None

    @property
    def unpriced(self) -> int:
        """Region-items whose price is not known, which the revenue leaves out."""
        return self.size - self.priced

    @property
    def uncosted(self) -> int:
        """Region-items whose price or cost is not known, which the margin leaves out."""
        return self.size - self.costed

    def revenue_on(self, at: date) -> float | None:
        """Of one period; None where no price is known."""
        return self.by_date.get(at, (None, None))[0]

    def margin_on(self, at: date) -> float | None:
        """Of one period; None where no price and cost are known."""
        return self.by_date.get(at, (None, None))[1]


def _planned(dataset: Dataset, kind: Kind, planned: Mapping[str, Any],
             attributes: Mapping[str, float]) -> Floats | None:
    amount = dataset.amount(kind)
    if amount is None:
        return None
    if amount.attribute is not None:
        return _whole(_above_0(np.full(len(planned["date"]), attributes.get(amount.attribute, np.nan))))
    return _whole(_above_0(planned[amount.driver or COLUMNS[kind]]))


def _latest(dataset: Dataset, kind: Kind, planned: Mapping[str, Any], history: pd.DataFrame,
            attributes: Mapping[str, float]) -> Known | None:
    amount = dataset.amount(kind)
    if amount is None:
        return None
    if amount.attribute is not None:
        value = attributes.get(amount.attribute, np.nan)
        return Known(value, None) if 0 < value < np.inf else None
    name = amount.driver or COLUMNS[kind]
    for table, which in ((history, -1), (planned, 0)):
        values = _above_0(table[name])
        known = np.flatnonzero(~np.isnan(values))
        if len(known):
            place = int(known[which])
            return Known(float(values[place]), pd.Timestamp(np.asarray(table["date"])[place]).date())
    return None


def _above_0(values: Any) -> Floats:
    """The values, NaN where they are no price."""
    numbers = np.asarray(values, dtype=np.float64)
    return np.where((numbers > 0) & np.isfinite(numbers), numbers, np.nan)


def _whole(values: Floats) -> Floats | None:
    return None if np.isnan(values).any() else values


def _packed(values: Floats | None) -> float | list[float] | None:
    if values is None or not len(values):
        return None
    return float(values[0]) if (values == values[0]).all() else values.tolist()


def _unpacked(values: float | list[float] | None, periods: int) -> Floats | None:
    if values is None:
        return None
    return np.array(values[:periods], dtype=np.float64) if isinstance(values, list) else np.full(
        periods, float(values))
