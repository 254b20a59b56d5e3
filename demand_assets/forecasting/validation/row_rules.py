"""The rules that look at single rows and values, applied to a whole panel at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.dataset_file import Dataset
from demand_assets.forecasting.contract.drivers import Driver
from demand_assets.forecasting.contract.periods import WORDS, Dates, Frequency, Ordinals, ordinals
from demand_assets.forecasting.contract.quarantine import Refusals
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.validation.date_rules import accept_dates, accept_strays, accept_weekdays
from demand_assets.forecasting.validation.readings import read_categories, read_dates, read_numbers, read_yes_no

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

FURTHEST_AHEAD = 400
"""Known future drivers further ahead than the longest horizon are not kept."""


@dataclass(frozen=True)
class ReadPanel:
    """The rows of a panel after the row rules; arrays are parallel, a place a row."""

    frequency: Frequency
    owner: Ordinals
    """Which of the region-items asked for it belongs to."""
    days: Dates
    """NaT where the date could not be read."""
    number: Ordinals
    """Of the period; meaningless where the row is not taken."""
    weekday: Ordinals
    """That dates the weeks of the row's region-item; 0 for other frequencies."""
    demand: Floats
    """NaN where unknown or refused."""
    drivers: dict[str, npt.NDArray[Any]]
    is_taken: Mask
    """Whether the row stands for its period."""
    is_repeated: Mask
    """Whether it is left out because an identical row is taken."""
    is_negative_as_zero: Mask
    has_time: Mask
    refusals: Refusals

    def number_of(self, date: pd.Timestamp, weekday: int) -> int:
        """The number of the period of a date."""
        day = np.array([date.to_datetime64()]).astype("datetime64[D]")
        return int(ordinals(day, self.frequency, weekday)[0])

    def frequency_seen(self, rows: npt.NDArray[np.intp]) -> str | None:
        """The frequency that the dates of these rows look like: hour, D, W or M; None when they look like none."""
        days = self.days[rows]
        distinct = np.unique(days[~np.isnat(days)])
        if len(rows) >= 8 and self.has_time[rows].mean() > 0.5 and len(distinct) < 0.5 * len(rows):
            return "hour"
        gaps = np.diff(distinct).astype(np.int64)
        if len(gaps) < 8:
            return None
        shares = {"D": np.mean(gaps == 1), "W": np.mean(gaps == 7), "M": np.mean((gaps >= 28) & (gaps <= 31))}
        best = max(shares, key=lambda frequency: shares[frequency])
        return best if shares[best] >= (0.5 if best == "D" else 0.9) else None


def read_panel(raw: pd.DataFrame, dataset: Dataset, region_items: Sequence[RegionItem],
               today: pd.Timestamp) -> ReadPanel:
    """The rows of these region-items, read and held to the rules."""
    owners = {(entry.region, entry.item): place for place, entry in enumerate(region_items)}
    owner = _owners(raw, owners)
    panel = raw.loc[owner >= 0].reset_index(drop=True)
    owner = owner[owner >= 0]
    refusals = Refusals(panel)
    dates = read_dates(panel["date"], dataset.frequency, dataset.columns.date_format)
    is_taken = accept_dates(refusals, dates, owner, len(owners))
    is_taken &= accept_strays(refusals, dates.days, owner, is_taken)
    weekday = np.zeros(len(panel), dtype=np.int64)
    if dataset.frequency == "W":
        weekday, fits = accept_weekdays(refusals, dates.days, owner, is_taken, len(owners))
        is_taken &= fits
    number = np.zeros(len(panel), dtype=np.int64)
    number[is_taken] = ordinals(dates.days[is_taken], dataset.frequency, weekday[is_taken])
    demand, as_zero = _read_demand(refusals, dataset, dates.days, owner, is_taken, today)
    drivers = _read_drivers(refusals, dataset, is_taken)
    is_repeated, conflicts = _duplicates(refusals, dataset, number, owner, is_taken, demand, drivers)
    is_taken &= ~is_repeated & ~conflicts
    is_taken &= _accept_future(refusals, number, owner, is_taken, demand, len(owners))
    number[~is_taken] = np.iinfo(np.int64).min
    return ReadPanel(dataset.frequency, owner, dates.days, number, weekday, demand, drivers, is_taken, is_repeated,
                     as_zero & is_taken, dates.has_time, refusals)


def _owners(raw: pd.DataFrame, owners: dict[tuple[str, str], int]) -> Ordinals:
    """The place of each row's region-item among those asked for, -1 for others."""
    regions, region_names = pd.factorize(raw["region"])
    items, item_names = pd.factorize(raw["item"])
    places = np.full((len(region_names) + 1, len(item_names) + 1), -1, dtype=np.int64)
    region_place = {name: place for place, name in enumerate(region_names)}
    item_place = {name: place for place, name in enumerate(item_names)}
    for (region, item), owner in owners.items():
        if region in region_place and item in item_place:
            places[region_place[region], item_place[item]] = owner
    return np.asarray(places[regions, items])  # -1, missing, looks at the last row and column


def _read_demand(refusals: Refusals, dataset: Dataset, days: Dates, owner: Ordinals, is_taken: Mask,
                 today: pd.Timestamp) -> tuple[Floats, Mask]:
    """Demand, NaN where unknown or refused, and where it was negative and counts as zero."""
    rules = dataset.rules
    column = refusals.panel["demand"]
    demand, unreadable = read_numbers(column)
    refusals.add(unreadable & is_taken, "demand", "not_a_number",
                 lambda n, value: f"Demand {value!r} is no number; write it as 1234.5, without separators of "
                           "thousands, or leave it empty if it is unknown.")
    is_infinite = np.isinf(demand)
    refusals.add(is_infinite & is_taken, "demand", "infinite",
                 lambda n, value: "Demand is infinite; leave it empty if it is unknown.")
    demand[is_infinite] = np.nan
    is_future = ~np.isnan(demand) & is_taken & (days > today.to_datetime64().astype("datetime64[D]"))
    refusals.add(is_future, "demand", "future",
                 lambda n, value: f"Demand {value} is dated {days[n]}, after today ({today.date()}); only drivers "
                           "can be known ahead. Correct the date, or leave demand empty.")
    demand[is_future] = np.nan
    is_negative = demand < 0
    if rules.negative == "zero":
        demand[is_negative] = 0.0
    else:
        refusals.add(is_negative & is_taken, "demand", "negative",
                     lambda n, value: f"Demand {value} is negative; sales without returns are expected. Set "
                               "rules.negative = 'zero' to count such periods as zero.")
        demand[is_negative] = np.nan
    limit = rules.absurd_multiple * _usual_largest(demand, owner, is_taken)
    is_absurd = is_taken & (demand > limit)
    refusals.add(is_absurd, "demand", "absurd",
                 lambda n, value: f"Demand {value} is more than {rules.absurd_multiple:g} times the region-item's "
                           f"99th percentile ({limit[n] / rules.absurd_multiple:g}). Correct it, or raise "
                           "rules.absurd_multiple.")
    demand[is_absurd] = np.nan
    return demand, is_negative & (rules.negative == "zero")


def _usual_largest(demand: Floats, owner: Ordinals, is_taken: Mask) -> Floats:
    """For each row the 99th percentile of the region-item's positive demand; the three largest never count (in short
    histories the largest), so that a few typing errors cannot raise it."""
    rows = np.flatnonzero(is_taken & (demand > 0))
    rows = rows[np.lexsort((demand[rows], owner[rows]))]
    size = int(owner.max()) + 1 if len(owner) else 0
    start = np.searchsorted(owner[rows], np.arange(size))
    count = np.searchsorted(owner[rows], np.arange(size), side="right") - start
    aside = np.maximum(np.ceil(0.01 * count), np.where(count >= 20, 3, 1)).astype(np.int64)
    usual = np.full(size, np.inf)
    has_usual = count > aside
    usual[has_usual] = demand[rows[(start + count - 1 - aside)[has_usual]]]
    return usual[owner]


def _read_drivers(refusals: Refusals, dataset: Dataset, is_taken: Mask) -> dict[str, npt.NDArray[Any]]:
    """The values of each driver; NaN (None for a category) where unknown or refused."""
    return {driver.name: read_categories(refusals.panel[driver.name]) if driver.kind == "category"
            else _read_driver(refusals, driver, is_taken) for driver in dataset.drivers}


def _read_driver(refusals: Refusals, driver: Driver, is_taken: Mask) -> Floats:
    column = refusals.panel[driver.name]
    if driver.kind == "yes_no":
        values, unreadable = read_yes_no(column)
        refusals.add(unreadable & is_taken, driver.name, "driver_not_yes_no",
                     lambda n, value: f"{driver.title} {value!r} is neither yes nor no; write 1/0, true/false or "
                               "yes/no, or declare the driver as a number.")
        return values
    values, unreadable = read_numbers(column)
    refusals.add(unreadable & is_taken, driver.name, "driver_not_a_number",
                 lambda n, value: f"{driver.title} {value!r} is no number; leave it empty if it is unknown, or "
                           "declare the driver as a category.")
    refusals.add(np.isinf(values) & is_taken, driver.name, "driver_infinite",
                 lambda n, value: f"{driver.title} is infinite; leave it empty if it is unknown.")
    values[np.isinf(values)] = np.nan
    return values


def _duplicates(refusals: Refusals, dataset: Dataset, number: Ordinals, owner: Ordinals, is_taken: Mask,
                demand: Floats, drivers: dict[str, npt.NDArray[Any]]) -> tuple[Mask, Mask]:
    """Rows identical to an earlier one of their period, and rows that contradict another of their period."""
    keys = pd.DataFrame({"owner": owner, "number": number})
    rows = np.flatnonzero(is_taken)
    rows = rows[keys.iloc[rows].duplicated(keep=False).to_numpy()]
    repeated, conflicting = np.zeros(len(owner), dtype=bool), np.zeros(len(owner), dtype=bool)
    if not len(rows):
        return repeated, conflicting
    is_refused = refusals.any[rows]
    refused_text = np.full(len(rows), "", dtype=object)
    refused_text[is_refused] = refusals.texts("demand", rows[is_refused])
    values = keys.iloc[rows].assign(demand=demand[rows], refused=refused_text,
                                    **{f"driver {name}": column[rows] for name, column in drivers.items()})
    repeated[rows] = values.duplicated().to_numpy()
    left = rows[~repeated[rows]]
    conflicting[left] = keys.iloc[left].duplicated(keep=False).to_numpy()
    period = WORDS[dataset.frequency][0]
    refusals.add(conflicting, "date", "conflicting",
                 lambda n, value: f"Several rows with different values for the {period} of {value}; which one "
                           f"holds is not known, so none is taken. Keep one row a {period}, or sum them at the source.")
    return repeated, conflicting


def _accept_future(refusals: Refusals, number: Ordinals, owner: Ordinals, is_taken: Mask, demand: Floats,
                   size: int) -> Mask:
    """Refuse driver rows that lie further beyond the last known demand than any forecast reaches."""
    last = np.full(size, np.iinfo(np.int64).min // 2)
    known = is_taken & ~np.isnan(demand)
    np.maximum.at(last, owner[known], number[known])
    beyond = is_taken & (number > last[owner] + FURTHEST_AHEAD) & (last[owner] > np.iinfo(np.int64).min // 2)
    refusals.add(beyond, "date", "beyond_horizon",
                 lambda n, value: f"The row lies more than {FURTHEST_AHEAD} periods beyond the last demand; drivers "
                                  "that far ahead are not used.")
    return ~beyond
