"""Demand that an item carries on from others: beside its own, never in its place.

In a period with carried-over demand the item's own demand is unknown. Features and what models learn from use what is
carried over; what forecasts are judged by, and totals, do not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.periods import Frequency, Ordinals, ordinals, period_dates
from demand_assets.forecasting.dataset.demand.stock_entries import AT_LEAST
from demand_assets.forecasting.dataset.predecessors import Link
from demand_assets.forecasting.dataset.stored_drivers import OWN_FROM
from demand_assets.forecasting.series.adjusted_demand import ADJUSTED, CARRIED, PAST, learned
from demand_assets.forecasting.series.censored_demand import at_least, observed_periods, sold
from demand_assets.forecasting.series.gapped import Floats, mean_known

CARRIED_FROM = "carried_from"
"""Under which a table of demand says among its ``attrs`` what is carried over, in words."""

BEGINS, ENDS = "begins", "ends"
"""Under which it says from which days on the item is sold, or is sold no longer: day -> why, in words."""
LONGEST_WORDS = 500
LONGEST_MONTH = 31
"""Days; what lies further apart is quarters."""


@dataclass(frozen=True)
class Other:
    """An item whose demand is carried over."""

    link: Link
    demand: pd.DataFrame
    """Schema Demand of the same region, with what it carries over itself."""


@dataclass(frozen=True)
class _Units:
    """Of one other item: units by period."""

    first: int
    """Number of the first period."""
    units: Floats
    """From the first with known demand to the last, scaled; NaN where unknown."""

    def at(self, numbers: Ordinals) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """The units of these periods, 0 before the first and after the last, and which lie between these."""
        place = numbers - self.first
        is_inside = (place >= 0) & (place < len(self.units))
        return np.where(is_inside, self.units[np.clip(place, 0, len(self.units) - 1)], 0.0), is_inside


def with_carried(own: pd.DataFrame, others: Sequence[Other]) -> pd.DataFrame:
    """Demand with what is carried over before the item's own first sale; as it is where nothing can be.

    Of items that it replaces the sum is carried over, of similar ones the mean; what is not known of one of them while
    it was sold is not known of the sum. An item's zeros after its last sale are its end and not carried over. Zeros
    before the own first sale are the time before it, up to the day from which on it is said to be sold.

    Args:
        own: schema Demand; where nothing was ever sold, its first period is the origin.
    Returns: with columns ``CARRIED`` and ``PAST``; drivers of periods before its own are those of the others.
    """
    frequency = _frequency_of([own, *(other.demand for other in others)])
    weekday = pd.Timestamp(own["date"].iloc[0]).weekday()
    mine = _numbers(own, frequency, weekday)
    units = sold(own)
    ended = max(observed_periods(own), 1)
    begins = _first_own(units, mine, ended, others, frequency, weekday)
    is_before = (units == 0) & (mine < begins)
    parts = [(other, _units_of(other, frequency, weekday, begins)) for other in others]
    there = [(other, units) for other, units in parts if units is not None]
    if not there:
        return own
    numbers = np.arange(min(int(mine[0]), *(units.first for _, units in there)), int(mine[-1]) + 1)
    carried = _together(there, numbers)
    carried[numbers >= begins] = np.nan
    offset = int(mine[0] - numbers[0])
    nothing = np.full(offset, np.nan)
    demand = np.append(nothing, np.where(is_before, np.nan, own["demand"].to_numpy(dtype=np.float64)))
    if np.isnan(carried).all():
        return own
    last = int(np.flatnonzero(~np.isnan(carried))[-1]) + 1
    columns: dict[str, Any] = {
        "date": pd.Series(period_dates(numbers, frequency, weekday)).astype(own["date"].dtype), "demand": demand}
    if ADJUSTED in own:
        columns[ADJUSTED] = np.append(nothing, own[ADJUSTED].to_numpy(dtype=np.float64))
    if AT_LEAST in own:  # before its first sale it was out of stock of nothing that was sold yet
        columns[AT_LEAST] = np.append(nothing, np.where(is_before, np.nan, at_least(own)))
    columns |= {CARRIED: carried, PAST: (np.arange(len(numbers)) < max(offset + ended, last)).astype(np.float64)}
    for name in own.columns.difference([*columns], sort=False):
        columns[name] = _driver(name, own, offset, numbers, there, frequency, weekday)
    table = pd.DataFrame(columns)
    table.attrs.update(own.attrs)
    if offset:
        table.attrs[OWN_FROM] = str(own["date"].iloc[0].date())
    table.attrs[CARRIED_FROM] = ", ".join(other.link.words for other, _ in there)[:LONGEST_WORDS]
    return table


def why_nothing(own: pd.DataFrame, others: Sequence[tuple[Link, pd.DataFrame | None]]) -> str:
    """Why an item carries nothing over, as a sentence.

    Args:
        own: schema Demand.
        others: each link with the demand of the item that it names; None where none is stored.
    """
    own_sales = own.loc[sold(own) > 0, "date"]
    told = []
    for link, demand in others:
        if demand is None:
            told.append(f"no demand of {link.of!r} is stored here")
            continue
        known = demand.loc[~np.isnan(learned(demand)), "date"]
        if known.empty:
            told.append(f"no demand of {link.of!r} is known")
            continue
        first = known.iloc[0].date()
        if link.since is not None and link.since <= first:
            told.append(f"its date {link.since} is not after {first}, where the history of {link.of!r} begins")
        elif len(own_sales) and own_sales.iloc[0].date() <= first:
            told.append(f"its own demand begins on {own_sales.iloc[0].date()}, not after that of {link.of!r} ({first})")
        else:
            told.append(f"{link.of!r} sold nothing before its own demand begins")
    return "; ".join(told)


def _first_own(units: Floats, numbers: Ordinals, ended: int, others: Sequence[Other], frequency: Frequency,
               weekday: int) -> int:
    """The number of the first period of the item's own demand: its first sale, out of stock or not, or the period of
    the day from which on it is said to be sold where something is known of it from then on; after all that is known
    where it has none."""
    found = [int(numbers[place]) for place in np.flatnonzero(units > 0)[:1]]
    for since in {other.link.since for other in others}:
        if since is not None:
            number = _number_of(since, frequency, weekday)
            found += [int(numbers[place]) for place in np.flatnonzero((numbers >= number) & ~np.isnan(units))[:1]]
    return min(found, default=int(numbers[0]) + ended)


def _units_of(other: Other, frequency: Frequency, weekday: int, begins: int) -> _Units | None:
    """What one item gives before its successor begins; None where it has no known demand then."""
    units = learned(other.demand) * other.link.scale
    numbers = _numbers(other.demand, frequency, weekday)
    is_sold_out = np.isnan(units) & (at_least(other.demand) > 0)
    if other.link.kind == "replaces":
        sales = np.flatnonzero((units > 0) | is_sold_out)
        units = units[:int(sales[-1]) + 1] if len(sales) else units[:0]
    end = begins if other.link.since is None else min(begins, _number_of(other.link.since, frequency, weekday))
    units = units[:max(end - int(numbers[0]), 0)]
    known = np.flatnonzero(~np.isnan(units))
    if not len(known):
        return None
    last = int(np.flatnonzero(~np.isnan(units) | is_sold_out[:len(units)])[-1])
    return _Units(int(numbers[known[0]]), units[known[0]:last + 1])


def _together(parts: Sequence[tuple[Other, _Units]], numbers: Ordinals) -> Floats:
    """Units carried over in each period: the sum of what is replaced, the mean of what is similar; NaN if unknown."""
    each = [units.at(numbers) for _, units in parts]
    values = np.stack([units for units, _ in each])
    is_there = np.stack([inside for _, inside in each])
    if parts[0][0].link.kind == "replaces":
        return np.where(is_there.any(axis=0), values.sum(axis=0), np.nan)
    return mean_known(np.where(is_there, values, np.nan))


def _driver(name: str, own: pd.DataFrame, offset: int, numbers: Ordinals, parts: Sequence[tuple[Other, _Units]],
            frequency: Frequency, weekday: int) -> "pd.Series[Any]":
    """A driver's values: of others before the item's own rows, the first that knows one; then its own."""
    column = pd.Series(np.nan if own[name].dtype != object else None, index=range(offset), dtype=own[name].dtype)
    for other, _ in parts:
        if name in other.demand and other.demand[name].dtype == own[name].dtype:
            known = pd.Series(other.demand[name].to_numpy(), index=_numbers(other.demand, frequency, weekday))
            theirs = known.reindex(numbers[:offset])
            column = column.where(column.notna(), theirs.set_axis(column.index))
    return pd.concat([column.astype(own[name].dtype), own[name]], ignore_index=True) if offset else (
        own[name].reset_index(drop=True))


def _numbers(table: pd.DataFrame, frequency: Frequency, weekday: int) -> Ordinals:
    """The numbers of a table's periods; of weeks that begin on another day, those that they share most days with."""
    days = table["date"].to_numpy().astype("datetime64[D]").astype(np.int64) + (3 if frequency == "W" else 0)
    return ordinals(days.astype("datetime64[D]"), frequency, weekday)


def _number_of(at: date, frequency: Frequency, weekday: int) -> int:
    return int(ordinals(np.array([at], dtype="datetime64[D]"), frequency, weekday)[0])


def _frequency_of(tables: Sequence[pd.DataFrame]) -> Frequency:
    """The frequency of tables of consecutive periods; days where none has two."""
    for table in tables:
        if len(table) > 1:
            days = (table["date"].iloc[1] - table["date"].iloc[0]).days
            return "D" if days == 1 else "W" if days == 7 else "M" if days <= LONGEST_MONTH else "Q"
    return "D"
