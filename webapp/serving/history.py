"""The past of a selection, as the forecast page shows it: what was sold, promos, last year, the backtest."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.periods import MONTHS, Dates, period_range
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.forecast.totals import Part
from demand_assets.forecasting.model.serving.serving_model import ServingModel
from demand_assets.forecasting.series.adjusted_demand import ADJUSTED, CARRIED
from demand_assets.forecasting.series.gapped import Floats, Ints
from demand_assets.forecasting.series.known_history import KnownHistory
from demand_assets.forecasting.store.stored_files import NotInStoreError
from webapp.personal.carried_demand import without_unseen
from webapp.services import Services
from webapp.serving.explaining_sentences import AgainstLastYear
from webapp.serving.line_item import LineItem

YEARS = 3
"""Of history on the chart."""


def sold_on(history: pd.DataFrame, dates: np.ndarray) -> Floats:
    """Demand on each date; NaN where unknown, and where it was out of stock: no forecast is judged by that.

    Args:
        history: columns date and demand, oldest first.
    """
    return units_on(history["date"].to_numpy().astype("datetime64[D]"), history["demand"].to_numpy(dtype=float), dates)


def units_on(known: Dates, units: Floats, dates: Dates) -> Floats:
    """The units of each date; NaN where there are none.

    Args:
        known: dates in order, of which the units are.
    """
    if not len(known):
        return np.full(dates.shape, np.nan)
    place = np.minimum(np.searchsorted(known, dates), len(known) - 1)
    return np.where(known[place] == dates, units[place], np.nan)


@dataclass(frozen=True)
class History:
    """What is known of a selection's past, summed over its region-items."""

    history: pd.DataFrame
    """Columns date and demand (units sold; null where nothing is known), oldest first."""
    marks: dict[str, list[date]] = field(default_factory=dict)
    """Yes/no driver -> periods, past and planned, in which half of the region-items or more have it."""
    adjusted: dict[date, float] = field(default_factory=dict)
    """Of one region-item: units that models learn in place of what was sold."""
    out_of_stock: dict[date, float] = field(default_factory=dict)
    """Units sold in periods in which it was out of stock, or in which any region-item of the sum was: demand was at
    least that."""
    carried: dict[date, float] = field(default_factory=dict)
    """Of one region-item: units carried over from other items, in periods whose own demand is unknown."""
    each: dict[str, pd.DataFrame] = field(default_factory=dict)
    """Key -> the region-item's own history, with its drivers; demand is null where it was out of stock."""
    known: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """Of how many region-items what was sold is known, in each period of ``history``."""

    @cached_property
    def of_all(self) -> pd.DataFrame:
        """As ``history``, with units only in periods in which they are known of every region-item: what a forecast of
        all of them may be held against."""
        if len(self.each) < 2:
            return self.history
        return self.history.assign(demand=self.history["demand"].where(self.known == len(self.each)))

    def last_year(self, dates: pd.DatetimeIndex, dataset: Dataset) -> Floats:
        """Units sold a year (the longest season) before each date; NaN where that is not known."""
        return sold_on(self.history, _year_before(dates, dataset))

    def against_last_year(self, forecast: Mapping[date, float], dataset: Dataset) -> AgainstLastYear:
        """A forecast in units by date beside what was sold a year before each, where that is known of all."""
        dates = pd.DatetimeIndex(list(forecast))
        before, at_least = sold_on(self.of_all, _year_before(dates, dataset)), self.at_least_last_year(dates, dataset)
        known = ~np.isnan(before)
        units = np.array(list(forecast.values()), dtype=float)
        return AgainstLastYear(float(units[known].sum()), float(before[known].sum()), int(known.sum()), len(units),
                               int((known & np.array(at_least, dtype=bool)).sum()))

    def of_those_sold(self, parts: Mapping[str, Part], dataset: Dataset) -> AgainstLastYear | None:
        """The same of those region-items alone of which all periods of a year before are known, each a year before the
        periods of its own forecast, as the overview and totals compare them; None where there are none.

        Args:
            parts: key -> the forecast of each region-item, all of as many periods.
        """
        sold, out, compared = 0.0, set[date](), list[Part]()
        for key, part in parts.items():
            known = KnownHistory(self.each[key])
            days = _year_before(pd.DatetimeIndex(part.dates.astype("datetime64[D]")), dataset)
            units = units_on(known.days, known.sold, days)
            if not np.isnan(units).any():
                sold += float(units.sum())
                out.update(np.intersect1d(days, known.out_of_stock).tolist())
                compared.append(part)
        if not compared:
            return None
        periods, are_all = len(compared[0].dates), len(compared) == len(parts)
        return AgainstLastYear(float(sum(part.forecast.sum() for part in compared)), sold, periods, periods, len(out),
                               0 if are_all else len(compared), 0 if are_all else len(parts))

    def at_least_last_year(self, dates: pd.DatetimeIndex, dataset: Dataset) -> list[bool]:
        """Whether more may have been wanted a year before each date than was sold then, for want of stock."""
        return [before in self.out_of_stock for before in _year_before(dates, dataset).tolist()]


def _year_before(dates: pd.DatetimeIndex, dataset: Dataset) -> Dates:
    if dataset.frequency in MONTHS:
        return (dates - pd.DateOffset(years=1)).to_numpy().astype("datetime64[D]")
    days = dataset.year_length * (7 if dataset.frequency == "W" else 1)
    return np.asarray(dates.to_numpy().astype("datetime64[D]") - np.timedelta64(days, "D"))


def histories_of(services: Services, lines: Sequence[LineItem]) -> dict[str, KnownHistory | NotInStoreError]:
    """Key -> date, demand and drivers of the last years, as whoever asks may be told them; the error where they cannot
    be read (any more)."""
    found: dict[str, KnownHistory | NotInStoreError] = {}
    for line in lines:
        try:
            known = services.forecaster.known_history(
                line.row.region_item, YEARS * services.dataset.year_length, line.row.forecast_wanted)
            told = without_unseen(line.row.key, known.table)
            found[line.row.key] = known if told is known.table else KnownHistory(told)
        except NotInStoreError as error:
            found[line.row.key] = error
    return found


def history_of(services: Services, lines: Sequence[LineItem], read: Mapping[str, KnownHistory]) -> History:
    """The past of these region-items.

    Args:
        read: their histories, as ``histories_of`` gives them.
    """
    dataset = services.dataset
    histories = [read[line.row.key] for line in lines]
    marks = {driver.name: _on(driver.name, histories, lines) for driver in dataset.drivers if driver.kind == "yes_no"}
    adjusted, carried = (_units_by_date(histories[0].table, name) if len(lines) == 1 else {}
                         for name in (ADJUSTED, CARRIED))
    summed, known = _summed(histories)
    out = {at for history in histories for at in history.out_of_stock.tolist()}
    return History(summed, marks, adjusted, sold_at_least(summed, out), carried,
                   {line.row.key: history.table for line, history in zip(lines, histories, strict=True)}, known)


def sold_at_least(summed: pd.DataFrame, out: Collection[date]) -> dict[date, float]:
    """Units sold on those of the dates on which a region-item was out of stock, oldest first.

    Args:
        summed: columns date and demand: units sold by all of them.
    """
    if not out:
        return {}
    found = summed[summed["date"].dt.date.isin(out) & summed["demand"].notna()]
    return {at.date(): float(units) for at, units in zip(found["date"], found["demand"], strict=True)}


def _units_by_date(history: pd.DataFrame, name: str) -> dict[date, float]:
    """What a column beside demand has, by date; nothing where there is none."""
    if name not in history:
        return {}
    found = history.dropna(subset=[name])
    return {at.date(): float(units) for at, units in zip(found["date"], found[name], strict=True)}


def _summed(histories: Sequence[KnownHistory]) -> tuple[pd.DataFrame, Ints]:
    """Date and units sold over all, NaN where nothing is known of any; and of how many it is known."""
    days = np.concatenate([history.days for history in histories])
    if not len(days):
        return pd.DataFrame({"date": days.astype("datetime64[ns]"), "demand": np.zeros(0)}), np.zeros(0, dtype=np.int64)
    first = days.min()
    place = (days - first).astype(np.int64)  # counted by day, which takes a tenth of sorting them
    units = np.concatenate([history.sold for history in histories])
    is_known = ~np.isnan(units)
    known = np.bincount(place[is_known], minlength=place.max() + 1)
    sums = np.where(known > 0, np.bincount(place, np.where(is_known, units, 0.0)), np.nan)
    there = np.flatnonzero(np.bincount(place))
    return pd.DataFrame({"date": (first + there).astype("datetime64[ns]"), "demand": sums[there]}), known[there]


def _on(driver: str, histories: Sequence[KnownHistory], lines: Sequence[LineItem]) -> list[date]:
    """The dates on which half of the region-items or more have a yes/no driver, oldest first."""
    ahead = [line.plan.part.dates[np.asarray(line.plan.columns[driver], dtype=np.float64) > 0] for line in lines]
    days = np.concatenate([*(history.days_with(driver) for history in histories), *ahead]).astype("datetime64[D]")
    at, times = np.unique(days, return_counts=True)
    found: list[date] = at[2 * times >= len(lines)].tolist()
    return found


@dataclass(frozen=True)
class Backtest:
    """What models forecast of past windows, summed over a selection; who has no backtest counts as sold."""

    units: pd.Series
    """By date, oldest first; of the dates that all windows share."""
    as_sold: pd.Series
    """What of ``units`` no model forecast, but was sold by those without a backtest; of the same dates."""
    size: int
    """Region-items that have one: more than half of the selection."""

    @classmethod
    def of(cls, forecast: pd.Series, as_sold: pd.Series, size: int, of: int) -> "Backtest | None":
        """None where half of the region-items or more have none, or where windows share no date.

        Args:
            forecast: of those that have one, by date.
            as_sold: of the others, on the same dates; NaN where that is not known.
        """
        known = (forecast + as_sold).dropna().sort_index()
        return None if 2 * size <= of or known.empty else cls(known, as_sold[known.index], size)


def backtest_of(lines: Sequence[LineItem], past: History, dataset: Dataset) -> Backtest | None:
    """The backtests of the models in production, in the windows that they share."""
    found = [windows_of(line.model, dataset) for line in lines]
    windows = [each for each in found if each]
    if not windows:
        return None
    days = np.concatenate([dates for dates, _ in windows])
    first = days.min()
    place = (days - first).astype(np.int64)
    shared = np.flatnonzero(np.bincount(place) == len(windows))
    units = np.bincount(place, np.concatenate([values for _, values in windows]))[shared].astype(np.float64)
    as_sold = np.zeros(len(shared))
    for line, each in zip(lines, found, strict=True):
        if not each:
            as_sold += sold_on(past.each[line.row.key], first + shared)
    known = units + as_sold
    is_known = ~np.isnan(known)
    if 2 * len(windows) <= len(lines) or not is_known.any():
        return None
    dates = pd.DatetimeIndex(first + shared[is_known])
    return Backtest(pd.Series(known[is_known], dates), pd.Series(as_sold[is_known], dates),
                    len(windows))


def windows_of(model: ServingModel, dataset: Dataset) -> tuple[Dates, Floats] | None:
    """Dates and units that a model forecast in the windows of its backtest, each date once; None of others."""
    if not model.backtest:
        return None
    units = np.array(model.backtest["forecast"], dtype=np.float64)
    dates, newest = _window_dates(tuple(model.backtest["origins"]), units.shape[1], dataset.frequency)
    return dates, units.ravel()[newest]


@lru_cache(maxsize=64)
def _window_dates(origins: tuple[str, ...], periods: int, frequency: str) -> tuple[Dates, npt.NDArray[np.int64]]:
    """The dates of windows after these origins, and of each the place in the newest window."""
    dates = np.concatenate([period_range(pd.Timestamp(origin), periods + 1, frequency)[1:].to_numpy()
                            for origin in origins]).astype("datetime64[D]")
    found, from_end = np.unique(dates[::-1], return_index=True)
    return found, len(dates) - 1 - from_end
