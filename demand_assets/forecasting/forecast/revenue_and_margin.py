"""Forecasts in money: what a unit is sold for and costs in each period, revenue and margin, and what is not known.

What is not known is never 0: a region-item whose price is not known in a period has no revenue, and sums say how many
of their region-items have one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.periods import Dates
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.prices_and_costs import COLUMNS, KINDS, Kind, UnitAmount
from demand_assets.forecasting.forecast.totals import Span, days_of
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
    return UnitPrices.of(dataset).each(planned, attributes, used)


@dataclass(frozen=True)
class UnitPrices:
    """Where prices and costs stand; made once for many region-items."""

    amounts: Mapping[Kind, UnitAmount | None]
    driver: str | None
    """The price driver."""

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """As the dataset file says."""
        return cls({kind: dataset.amount(kind) for kind in KINDS}, dataset.price_driver)

    def each(self, planned: Mapping[str, Any], attributes: Mapping[str, float],
             used: Mapping[str, Any] | None = None) -> tuple[Floats | None, Floats | None]:
        """``prices_and_costs`` of one region-item."""
        price, cost = (_planned(self.amounts[kind], kind, planned, attributes) for kind in KINDS)
        if used is None or price is None or self.driver is None or used[self.driver] is planned[self.driver]:
            return price, cost
        return self._changed(price, planned[self.driver], used[self.driver]), cost

    def _changed(self, price: Floats, *drivers: Any) -> Floats | None:
        """The price where a scenario changes the price driver, from what is planned of it to what is used."""
        before, after = (np.asarray(values, dtype=np.float64) for values in drivers)
        amount = self.amounts["price"]
        if amount is not None and amount.driver == self.driver:
            return _whole(np.where(before == after, price, after))
        is_known = (before > 0) & np.isfinite(after)
        return _whole(price * np.where(is_known, after / np.where(before > 0, before, 1.0), 1.0))


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

    def add_sum(self, dates: Dates, priced: int, costed: int, revenue: Floats, margin: Floats) -> None:
        """Take in what is summed up already, of region-items whose price is known and that are counted in ``size``.

        Args:
            margin: of those ``costed``.
        """
        self.priced += priced
        self.costed += costed
        self.revenue += float(revenue.sum())
        self.margin += float(margin.sum()) if costed else 0.0
        self._dates.append(dates)
        self._revenues.append(revenue)
        self._margins.append(margin if costed else np.full(len(dates), np.nan))

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


@dataclass
class SummedMoney:
    """Revenue and margin of many forecasts by lead, of which a ``MoneySum`` over any number of periods follows."""

    size: int = 0
    ahead: dict[Span, tuple[int, int, Floats, Floats]] = field(default_factory=dict)
    """Of the forecasts of these periods whose price is known: how many, how many of them have a cost, the revenue and
    the margin of each lead; shape (h,)."""

    def add_one(self, span: Span, units: Floats, money: UnitMoney) -> None:
        """Take in one region-item.

        Args:
            units: in each period, as ``as_kept``.
        """
        self.size += 1
        if money.price is not None:
            revenue, margin = in_money(units, money)
            is_costed = money.cost is not None
            self._grow(span, 1, int(is_costed), revenue, margin if is_costed else np.zeros(len(units)))

    def add(self, other: "SummedMoney", times: int = 1) -> None:
        """Take in all of another sum; or, ``times`` -1, take them out."""
        self.size += times * other.size
        for span, (priced, costed, revenue, margin) in other.ahead.items():
            self._grow(span, times * priced, times * costed, times * revenue, times * margin)

    def _grow(self, span: Span, priced: int, costed: int, revenue: Floats, margin: Floats) -> None:
        before = self.ahead.get(span)
        self.ahead[span] = (priced, costed, revenue, margin) if before is None else (
            before[0] + priced, before[1] + costed, before[2] + revenue, before[3] + margin)

    def first(self, periods: int) -> "SummedMoney":
        """The same over the first so many periods of each; to be added to without changing this one."""
        found = SummedMoney(self.size)
        for (day, steps), (priced, costed, revenue, margin) in self.ahead.items():
            found._grow((day, steps[:periods]), priced, costed, revenue[:periods], margin[:periods])
        return found

    def total(self) -> MoneySum:
        """Over all region-items and periods."""
        found = MoneySum(self.size)
        for span, (priced, costed, revenue, margin) in self.ahead.items():
            if priced:
                found.add_sum(days_of(span), priced, costed, revenue, margin)
        return found

    def packed(self) -> tuple[dict[str, Any], list[Floats]]:
        """What ``unpacked`` reads: JSON types, and arrays."""
        return {"size": self.size, "ahead": [[*span, priced, costed] for span, (priced, costed, *_) in
                                             self.ahead.items()]}, [
            np.stack(rows) for _, _, *rows in self.ahead.values()]

    @classmethod
    def unpacked(cls, header: Mapping[str, Any], take: Callable[[int, int], Floats]) -> Self:
        """What ``packed`` gave; ``take`` as for ``SummedParts.unpacked``."""
        found = cls(header["size"])
        for first, steps, priced, costed in header["ahead"]:
            revenue, margin = take(2, len(steps))
            found.ahead[first, tuple(steps)] = priced, costed, revenue, margin
        return found


def _planned(amount: UnitAmount | None, kind: Kind, planned: Mapping[str, Any],
             attributes: Mapping[str, float]) -> Floats | None:
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
