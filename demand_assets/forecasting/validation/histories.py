"""The history of each region-item of a panel, found for all of them at once: where its demand begins and ends, its
periods without gaps, and what was noted of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.periods import Mask, Ordinals, ordinals, period_dates
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.stock_entries import AT_LEAST
from demand_assets.forecasting.series.driver_values import carried
from demand_assets.forecasting.validation.date_rules import by_owner
from demand_assets.forecasting.validation.periods.missing import counted_as_zero
from demand_assets.forecasting.validation.row_rules import ReadPanel

Columns = dict[str, npt.NDArray[Any]]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Histories:
    """Of each region-item of a panel; arrays have a place for each, those of whole numbers are meaningless where
    nothing is known of its demand."""

    order: Places
    """The panel's rows by region-item and period; rows that are not taken come first."""
    bounds: Places
    """Where the rows of each begin in that order, and at last the end."""
    has_demand: Mask
    first: Ordinals
    """The period of the first known demand."""
    last_known: Ordinals
    last_observed: Ordinals
    """The last period whose demand is known, or that is out of stock."""
    behind: Ordinals
    """Periods from the last known demand to the dataset's."""
    end: Ordinals
    """The last period that is the past, up to which a rule for gaps holds."""
    weekday: Ordinals

    def rows(self, place: int) -> Places:
        """The panel's rows of a region-item."""
        return self.order[self.bounds[place]:self.bounds[place + 1]]


def histories_of(panel: ReadPanel, dataset: Dataset, size: int, last_date: pd.Timestamp | None) -> Histories:
    """Where the demand of each of so many region-items begins and ends.

    Args:
        last_date: the last period with demand anywhere in the dataset; None when there is none.
    """
    order = by_owner(panel.owner, panel.number)
    bounds = np.searchsorted(panel.owner, np.arange(size + 1))
    is_observed = (panel.is_taken & ~np.isnan(panel.demand))[order]
    observed, known = np.flatnonzero(is_observed), np.flatnonzero(is_observed & ~panel.is_out[order])
    among_known, among_observed = np.searchsorted(known, bounds), np.searchsorted(observed, bounds)
    has_demand = among_known[1:] > among_known[:-1]

    def of_each(values: Ordinals, rows: Places, places: Places) -> Ordinals:
        found = np.zeros(size, dtype=np.int64)
        found[has_demand] = values[order[rows[places[has_demand]]]]
        return found

    first = of_each(panel.number, known, among_known[:-1])
    last_known = of_each(panel.number, known, among_known[1:] - 1)
    last_observed = of_each(panel.number, observed, among_observed[1:] - 1)
    weekday = of_each(panel.weekday, known, among_known[:-1])
    dataset_end = last_known if last_date is None else ordinals(
        np.full(size, last_date.to_datetime64(), dtype="datetime64[D]"), dataset.frequency, weekday)
    behind, end = dataset_end - last_known, last_observed
    if dataset.rules.gaps == "zero":
        end = np.where(behind <= dataset.stale_periods, np.maximum(end, dataset_end), end)
    return Histories(order, bounds, has_demand, first, last_known, last_observed, behind, end, weekday)


@dataclass(frozen=True)
class Spans:
    """The periods of some region-items, those of one after those of another."""

    columns: Columns
    """An element a period."""
    is_filled: Mask
    """Where the rule for gaps filled a period with zero."""
    number: Ordinals
    bounds: Places
    """Where the periods of each begin, and at last the end."""

    def of(self, place: int) -> slice:
        """Where the periods of one of them are."""
        return slice(int(self.bounds[place]), int(self.bounds[place + 1]))

    def counted(self, mask: Mask) -> list[int]:
        """In how many periods of each the mask is set."""
        if not mask.any():
            return [0] * (len(self.bounds) - 1)
        so_far = np.concatenate([[0], np.cumsum(mask)])
        return list(map(int, np.diff(so_far[self.bounds])))


def spans_of(dataset: Dataset, panel: ReadPanel, rows: Places, owner: Places, first: Ordinals, end: Ordinals,
             weekday: Ordinals, lost: tuple[Places, Ordinals] | None = None) -> Spans:
    """The columns with one row a period from the first on, to the end and as far as there are rows.

    Args:
        rows: of the panel, by region-item and period.
        owner: which of the region-items each of these rows belongs to, from 0 on.
        first, end, weekday: of each region-item; the rule for gaps holds up to the end.
        lost: the owner and the period of what was refused, which is no gap.
    """
    size = len(first)
    last = np.maximum(first, end)
    stops = np.searchsorted(owner, np.arange(size), side="right")
    has_rows = np.diff(stops, prepend=0) > 0
    last[has_rows] = np.maximum(last[has_rows], panel.number[rows[stops[has_rows] - 1]])
    if dataset.has_calendar:  # what a calendar makes is known as far as forecasts reach
        last = np.maximum(last, np.maximum(first, end) + dataset.horizon)
    sizes = last - first + 1
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    begins = bounds[:-1] - first
    total = int(bounds[-1])
    number = np.arange(total) - np.repeat(begins, sizes)
    places = panel.number[rows] + begins[owner]
    demand = np.full(total, np.nan)
    whose, at = lost if lost is not None else (owner[:0], first[:0])
    inside = (at >= first[whose]) & (at <= end[whose])
    is_filled = counted_as_zero(dataset, number, np.repeat(end, sizes), places,
                                at[inside] + begins[whose[inside]])
    demand[is_filled] = 0.0
    demand[places] = panel.demand[rows]
    censored = np.full(total, np.nan)
    is_out = np.zeros(total, dtype=bool)
    if dataset.stock_entry is not None:
        is_out[places] = panel.is_out[rows]
        if is_filled.any() and dataset.stock_entry == "stock":  # those without a row begin as it ended
            before = np.zeros(total, dtype=np.int64)
            before[places] = places
            before = np.maximum.accumulate(before)
            is_out |= is_filled & is_out[before]
        is_out &= ~np.isnan(demand)
        censored[is_out], demand[is_out] = demand[is_out], np.nan
    dates = period_dates(number, dataset.frequency, np.repeat(weekday, sizes))
    columns: Columns = {"date": dates.astype("datetime64[ns]"), "demand": demand}
    has_filled = np.flatnonzero(np.logical_or.reduceat(is_filled, bounds[:-1])) if is_filled.any() else ()
    for driver in dataset.of_source.drivers:  # with prices and costs
        values = panel.drivers[driver.name]
        column = np.full(total, driver.of_kind.missing, dtype=values.dtype)
        column[places] = values[rows]
        for place in has_filled:
            mine = slice(bounds[place], bounds[place + 1])
            column[mine] = carried(column[mine], is_filled[mine], driver, dataset.frequency, dataset.year_length)
        columns[driver.name] = column
    if dataset.stock_entry is not None:
        columns[AT_LEAST] = censored
    return Spans(columns, is_filled & ~is_out, number, bounds)


def part_of(table: pd.DataFrame, rows: slice) -> pd.DataFrame:
    """Some rows of a table of which no other part has them, numbered from 0; they are not copied, which takes longer
    than all else that is done for a region-item."""
    part = table.iloc[rows].copy(deep=False)
    part.index = pd.RangeIndex(len(part))
    return part
