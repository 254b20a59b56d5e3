"""The rules that look at single rows and values, applied to a whole panel at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.periods import (
    WORDS,
    Dates,
    Frequency,
    Mask,
    Ordinals,
    ordinals,
    weekdays,
)
from demand_assets.forecasting.contract.quarantine import Refusals
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import BROKEN_LINE, STRAY_QUOTE, as_text
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.driver_kinds import reading_of
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.series.gapped import Floats
from demand_assets.forecasting.validation.date_rules import accept_dates, accept_stamps, accept_strays
from demand_assets.forecasting.validation.periods.changed_weeks import accept_weekdays
from demand_assets.forecasting.validation.periods.out_of_stock import read_stock
from demand_assets.forecasting.validation.periods.unfinished import is_running, starts
from demand_assets.forecasting.validation.several_rows import RowValues, accept_several
from demand_assets.forecasting.validation.written.dates import ReadDates, read_dates
from demand_assets.forecasting.validation.written.values import (
    distinct_values,
    read_categories,
    read_numbers,
    read_yes_no,
)

_QUARTERS_SEEN = 5
_YEAR_DAYS = 365.25
_FEAST_DAYS = 35
"""By how many days a feast such as Easter moves from one year to another."""
_AS_LARGE = 0.2
NO_PERIOD = np.iinfo(np.int64).min
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
    dates: ReadDates
    """As they were read."""
    period: Ordinals
    """The number of the period that the row's date lies in, taken or not; ``NO_PERIOD`` where it could not be read."""
    read: Floats
    """Demand as it was read, before any rule; NaN where it is no number."""
    is_combined: Mask
    """Whether the row was added to, or completed, another row of its period."""
    is_stray: Mask
    """Whether the row's date is refused as lying far from all others."""
    has_zone: Mask
    read_drivers: dict[str, npt.NDArray[Any]]
    """Drivers as they were read, before any rule."""
    is_out: Mask
    """Whether the row's period is out of stock, so that demand is at least what was sold."""
    placeholders: dict[str, Mask]
    """Driver, or ``demand``, -> where a declared placeholder stood, if anywhere."""
    refusals: Refusals

    def number_of(self, date: pd.Timestamp, weekday: int) -> int:
        """The number of the period of a date."""
        day = np.array([date.to_datetime64()]).astype("datetime64[D]")
        return int(ordinals(day, self.frequency, weekday)[0])

    def retail_periods_seen(self, rows: npt.NDArray[np.intp]) -> str:
        """What the dates are where they look like periods of four or five weeks, or longer than a month; empty where
        they do not."""
        distinct = self._distinct_days(rows)
        gaps = np.diff(distinct).astype(np.int64)
        if len(gaps) >= _QUARTERS_SEEN and np.mean(np.isin(gaps, (91, 98))) >= 0.9 and len(
                np.unique(weekdays(distinct))) == 1:
            return "thirteen weeks long"
        if len(gaps) >= _QUARTERS_SEEN and np.mean((gaps >= 89) & (gaps <= 92)) >= 0.9 and not _are_quarters(distinct):
            return "quarters that begin within one of the calendar year"
        if len(gaps) >= _QUARTERS_SEEN and np.mean(gaps >= 180) >= 0.9:
            return "half a year long or longer"
        if len(gaps) < 8 or np.mean(np.isin(gaps, (28, 35))) < 0.9 or len(np.unique(weekdays(distinct))) > 2:
            return ""
        return "four weeks long" if np.mean(gaps == 28) >= 0.9 else "four and five weeks long (4-4-5)"

    def frequency_seen(self, rows: npt.NDArray[np.intp]) -> str | None:
        """The frequency that the dates of these rows look like: hour, D, W, M or Q; None when they look like none."""
        distinct = self._distinct_days(rows)
        if len(rows) >= 8 and self.has_time[rows].mean() > 0.5 and len(distinct) < 0.5 * len(rows):
            return "hour"
        gaps = np.diff(distinct).astype(np.int64)
        if len(gaps) >= _QUARTERS_SEEN and np.mean((gaps >= 89) & (gaps <= 92)) >= 0.9:
            return "Q"
        if len(gaps) < 8:
            return None
        shares = {"D": np.mean(gaps == 1), "W": np.mean(gaps == 7), "M": np.mean((gaps >= 28) & (gaps <= 31))}
        best = max(shares, key=lambda frequency: shares[frequency])
        return best if shares[best] >= (0.5 if best == "D" else 0.9) else None

    def _distinct_days(self, rows: npt.NDArray[np.intp]) -> Dates:
        """The dates that were read in these rows, oldest first, each once."""
        days = self.days[rows]
        days = days[~np.isnat(days)]
        is_so_already = bool((days[1:] > days[:-1]).all())
        return days if is_so_already else np.unique(days)


def read_panel(raw: pd.DataFrame, dataset: Dataset, region_items: Sequence[RegionItem],
               today: pd.Timestamp) -> ReadPanel:
    """The rows of these region-items, read and held to the rules."""
    owners = {(entry.region, entry.item): place for place, entry in enumerate(region_items)}
    owner = _owners(raw, owners)
    small = owner.astype(np.min_scalar_type(-len(owners) - 1))  # is sorted faster
    together = np.argsort(small, kind="stable")[np.count_nonzero(owner < 0):]  # what is looked at together lies so
    panel, owner = _taken(raw, together), owner[together]
    refusals = Refusals(panel)
    columns = dataset.columns
    dates = read_dates(panel["date"], dataset.frequency, columns.date_format, columns.time_zone,
                       columns.week_dated == "last_day")
    days = dates.days
    is_taken = accept_dates(refusals, dates, owner, len(owners))
    is_taken &= accept_stamps(refusals, dates, owner, is_taken, len(owners), columns.time_zone is not None)
    is_near = accept_strays(refusals, days, owner, is_taken)
    is_taken &= is_near
    weekday = np.zeros(len(panel), dtype=np.int64)
    if dataset.frequency == "W":
        weekday, days, fits = accept_weekdays(refusals, dates.days, owner, is_taken, len(owners))
        is_taken &= fits
    number = np.full(len(panel), NO_PERIOD)
    is_dated = ~np.isnat(days)
    number[is_dated] = ordinals(days[is_dated], dataset.frequency, weekday[is_dated])
    period = number.copy()
    demand, is_placeholder = _read_demand(refusals, dataset, days, is_taken, today)
    read = demand.copy()
    drivers = _read_drivers(refusals, dataset, is_taken)
    read_drivers = {name: values.copy() for name, values in drivers.items()}
    placeholders = {driver.name: _placeholders(driver, drivers[driver.name]) for driver in dataset.drivers}
    placeholders["demand"] = is_placeholder
    placeholders = {name: mask for name, mask in placeholders.items() if mask.any()}
    for name, mask in placeholders.items():
        if name == "demand":
            continue
        drivers[name][mask] = None if drivers[name].dtype == object else np.nan
    _accept_prices(refusals, dataset, drivers, is_taken)
    out = read_stock(refusals, dataset, is_taken)
    rows = RowValues(owner, number, demand, drivers, out)
    is_repeated, is_combined, conflicts = accept_several(refusals, dataset, rows, is_taken)
    is_taken &= ~is_repeated & ~is_combined & ~conflicts
    as_zero = _accept_sizes(refusals, dataset, days, owner, is_taken, demand)
    is_taken &= _accept_future(refusals, number, owner, is_taken, demand, len(owners))
    number[~is_taken] = NO_PERIOD
    return ReadPanel(dataset.frequency, owner, dates.days, number, weekday, demand, drivers, is_taken, is_repeated,
                     as_zero & is_taken, dates.has_time, dates, period, read, is_combined, ~is_near,
                     dates.has_zone, read_drivers, out == 1, placeholders, refusals)


def _taken(raw: pd.DataFrame, rows: npt.NDArray[np.intp]) -> pd.DataFrame:
    """These rows in this order, numbered from 0."""
    taken = raw.take(rows)
    taken.index = pd.RangeIndex(len(rows))
    return taken


def _owners(raw: pd.DataFrame, owners: dict[tuple[str, str], int]) -> Ordinals:
    """The place of each row's region-item among those asked for, -1 for others."""
    (regions, region_names), (items, item_names) = _coded(raw["region"]), _coded(raw["item"])
    places = np.full((len(region_names) + 1, len(item_names) + 1), -1, dtype=np.int64)
    region_place = {name: place for place, name in enumerate(region_names)}
    item_place = {name: place for place, name in enumerate(item_names)}
    for (region, item), owner in owners.items():
        if region in region_place and item in item_place:
            places[region_place[region], item_place[item]] = owner
    return np.asarray(places[regions, items])  # -1, missing, looks at the last row and column


def _coded(names: "pd.Series[Any]") -> "tuple[npt.NDArray[np.integer[Any]], pd.Index[Any]]":
    """The place of each row's name among these, -1 where it is missing; some may have no row."""
    if isinstance(names.dtype, pd.CategoricalDtype):
        return names.cat.codes.to_numpy(), names.cat.categories
    return pd.factorize(names)


def _read_demand(refusals: Refusals, dataset: Dataset, days: Dates, is_taken: Mask,
                 today: pd.Timestamp) -> tuple[Floats, Mask]:
    """Demand, NaN where unknown, no number, or of a period that is not over; and where a declared placeholder stood."""
    column = refusals.panel["demand"]
    demand, unreadable = read_numbers(column)
    is_placeholder = np.isin(demand, placeholders) if (placeholders := dataset.rules.placeholders) else np.zeros(
        len(demand), dtype=bool)
    demand[is_placeholder] = np.nan
    refusals.add(unreadable & is_taken, "demand", "not_a_number",
                 lambda n, value: _broken_line(value) if value.startswith(BROKEN_LINE) else
                           f"Demand {value!r} is no number; write it as 1234.5, without separators of "
                           "thousands, or leave it empty if it is unknown.")
    is_infinite = np.isinf(demand)
    refusals.add(is_infinite & is_taken, "demand", "infinite",
                 lambda n, value: "Demand is infinite; leave it empty if it is unknown.")
    demand[is_infinite] = np.nan
    is_known, this_day = ~np.isnan(demand) & is_taken, today.to_datetime64().astype("datetime64[D]")
    if dataset.rules.unfinished == "set_aside":
        is_unfinished = is_known & is_running(days, dataset.frequency, this_day)
        period = WORDS[dataset.frequency][0]
        ends = (" If weeks are dated on their last day, set columns.week_dated = 'last_day'."
                if dataset.frequency == "W" and dataset.columns.week_dated == "first_day" else "")
        refusals.add(is_unfinished, "demand", "unfinished",
                     lambda n, value: f"Demand {value} is of the {period} of {days[n]}, which is not over on "
                               f"{today.date()}; it is set aside until then. Set rules.unfinished = 'final' if the "
                               f"source's last period is whole.{ends}")
        demand[is_unfinished] = np.nan
        is_known &= ~is_unfinished
    is_future = is_known & (starts(days, dataset.frequency) > this_day)
    refusals.add(is_future, "demand", "future",
                 lambda n, value: f"Demand {value} is dated {days[n]}, after today ({today.date()}); only drivers "
                           "can be known ahead. Correct the date, or leave demand empty.")
    demand[is_future] = np.nan
    return demand, is_placeholder


def _broken_line(value: str) -> str:
    cure = ("Take the quotation mark out, or write it twice within quotation marks" if STRAY_QUOTE in value else
            "Write as many values as the header has names, and quote those that hold the delimiter")
    return f"The line is broken: {value!r}. {cure}."


def _are_quarters(days: Dates) -> bool:
    """Whether nearly all dates lie in the first month, or on the last day, of a quarter of the calendar year."""
    months, following = (each.astype("datetime64[M]").astype(np.int64) % 3 for each in (
        days, days + np.timedelta64(1, "D")))
    return bool(np.mean((months == 0) & (following == 0)) >= 0.9 or np.mean((months == 2) & (following == 0)) >= 0.9)


def _accept_sizes(refusals: Refusals, dataset: Dataset, days: Dates, owner: Ordinals, is_taken: Mask,
                  demand: Floats) -> Mask:
    """Refuse negative and absurd demand, which becomes NaN; where it was negative and counts as zero."""
    rules = dataset.rules
    is_negative = demand < 0
    if rules.negative == "zero":
        demand[is_negative] = 0.0
    else:
        refusals.add(is_negative & is_taken, "demand", "negative",
                     lambda n, value: f"Demand {as_text(demand[n])} is negative; sales without returns are expected. "
                               "Set rules.negative = 'zero' to count such periods as zero.")
        demand[is_negative] = np.nan
    limit = rules.absurd_multiple * _usual_largest(demand, owner, is_taken, rules.absurd_multiple)
    is_absurd = is_taken & (demand > limit)
    is_absurd &= ~_recurs(np.flatnonzero(is_absurd), days, owner, is_taken, demand)
    refusals.add(is_absurd, "demand", "absurd",
                 lambda n, value: f"Demand {as_text(demand[n])} is more than {rules.absurd_multiple:g} times the "
                           f"region-item's 99th percentile ({limit[n] / rules.absurd_multiple:g}). Correct it, or "
                           "raise rules.absurd_multiple.")
    demand[is_absurd] = np.nan
    return is_negative & (rules.negative == "zero")


def _recurs(rows: npt.NDArray[np.intp], days: Dates, owner: Ordinals, is_taken: Mask, demand: Floats) -> Mask:
    """Of these rows, those with demand of their size about a year before or after: Halloween, a feast that moves."""
    found = np.zeros(len(days), dtype=bool)
    for row in rows.tolist():
        mine = is_taken & (owner == owner[row]) & (demand >= _AS_LARGE * demand[row])
        apart = np.abs((days[mine] - days[row]).astype(np.int64))
        years = np.rint(apart / _YEAR_DAYS)
        found[row] = bool(((years >= 1) & (np.abs(apart - years * _YEAR_DAYS) <= _FEAST_DAYS)).any())
    return found


def _usual_largest(demand: Floats, owner: Ordinals, is_taken: Mask, multiple: float) -> Floats:
    """For each row the 99th percentile of the region-item's positive demand; the three largest never count (in short
    histories the largest), so that a few typing errors cannot raise it. Infinite where none of it is so many times the
    smallest, let alone that. Rows stand together by ``owner``."""
    rows = np.flatnonzero(is_taken & (demand > 0))
    sold, size = demand[rows], int(owner.max()) + 1 if len(owner) else 0
    bounds = np.searchsorted(owner[rows], np.arange(size + 1))
    usual, some = np.full(size, np.inf), np.flatnonzero(np.diff(bounds))
    if len(some):
        begins = bounds[some]
        some = some[np.maximum.reduceat(sold, begins) > multiple * np.minimum.reduceat(sold, begins)]
    for place in some.tolist():
        start, stop = bounds[place:place + 2].tolist()
        count = stop - start
        aside = max(ceil(0.01 * count), 3 if count >= 20 else 1)
        if count > aside:
            at = count - 1 - aside
            usual[place] = np.partition(sold[start:stop], at)[at]
    return usual[owner]


def _read_drivers(refusals: Refusals, dataset: Dataset, is_taken: Mask) -> dict[str, npt.NDArray[Any]]:
    """The values of each driver; NaN (None for a category) where unknown or refused."""
    return {driver.name: _read_as(refusals, driver, is_taken) if driver.read_as
            else read_categories(refusals.panel[driver.name]) if driver.kind == "category"
            else _read_driver(refusals, driver, is_taken, driver.name in dataset.money.by_row)
            for driver in dataset.drivers}


def _read_as(refusals: Refusals, driver: Driver, is_taken: Mask) -> npt.NDArray[Any]:
    """What the driver's plug-in reads. Raises: PluginError."""
    codes, distinct = distinct_values(refusals.panel[driver.name])
    read = reading_of(driver.read_as, driver.kind).values(distinct)
    values, unread = driver.of_kind.unknown(len(read) + 1), np.zeros(len(read) + 1, dtype=bool)
    values[:-1], unread[:-1] = [value for value, _ in read], [bool(problem) for _, problem in read]
    refusals.add(unread[codes] & is_taken, driver.name, "driver_not_read",  # code -1, missing, takes the last
                 lambda n, value: f"{driver.title} {value!r} {read[codes[n]][1]}")
    return np.asarray(values[codes])


def _read_driver(refusals: Refusals, driver: Driver, is_taken: Mask, is_money: bool) -> Floats:
    column = refusals.panel[driver.name]
    if driver.kind == "yes_no":
        values, unreadable = read_yes_no(column)
        refusals.add(unreadable & is_taken, driver.name, "driver_not_yes_no",
                     lambda n, value: f"{driver.title} {value!r} is neither yes nor no; write 1/0, true/false or "
                               "yes/no, or declare the driver as a number.")
        return values
    values, unreadable = read_numbers(column, percents=not is_money)
    refusals.add(unreadable & is_taken, driver.name, "driver_not_a_number",
                 lambda n, value: f"{driver.title} {value!r} is no number; leave it empty if it is unknown"
                           f"{'' if is_money else ', or declare the driver as a category'}.", is_money)
    refusals.add(np.isinf(values) & is_taken, driver.name, "driver_infinite",
                 lambda n, value: f"{driver.title} is infinite; leave it empty if it is unknown.", is_money)
    values[np.isinf(values)] = np.nan
    return values


def _placeholders(driver: Driver, values: npt.NDArray[Any]) -> Mask:
    """Where a value stands that the dataset file declares to mean "not known"."""
    if not driver.placeholders:
        return np.zeros(len(values), dtype=bool)
    if driver.kind == "category":
        return np.asarray(pd.Series(values, dtype=object).isin([str(value) for value in driver.placeholders]))
    return np.asarray(np.isin(values, [float(value) for value in driver.placeholders]))


def _accept_prices(refusals: Refusals, dataset: Dataset, drivers: dict[str, npt.NDArray[Any]], is_taken: Mask) -> None:
    """Refuse prices that are not above 0, unless the dataset file says what they mean, and costs that are not."""
    name = dataset.price_driver
    if name is not None and dataset.driver(name).placeholders is None:
        values, title = drivers[name].copy(), dataset.driver(name).title
        _refuse_low(refusals, name, drivers[name], is_taken, lambda n, value: (
            f"{title} {value} is no price, so it is unknown. Set placeholders = "
            f"[{as_text(values[n])}] for the driver {name} to declare that, or placeholders = [] if it was really so."))
    for money in dataset.money.by_row:
        _refuse_low(refusals, money, drivers[money], is_taken, lambda n, value, money=money: (  # type: ignore[misc]
            f"{dataset.driver(money).title.capitalize()} {value} is below 0, so it is unknown. Correct the source."))


def _refuse_low(refusals: Refusals, name: str, values: Floats, is_taken: Mask,
                words: Callable[[int, str], str]) -> None:
    is_low = values <= 0
    refusals.add(is_low & is_taken, name, "price_not_above_0", words)
    values[is_low & is_taken] = np.nan


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
