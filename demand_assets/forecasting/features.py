"""Features for training and for forecasting: one function for both, so that they cannot differ.

A row is an (origin, lead): everything in it is known at the origin, but for the calendar and the drivers of the target
period, which are planned. Demand enters divided by the level at the origin, so that a model learns shapes, not sizes.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.dataset import Dataset, Driver

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEVEL_WINDOW = {"D": 28, "W": 8, "M": 12}
WARMUP = {"D": 28, "W": 8, "M": 6}
"""Periods of demand that an origin needs behind it to be trained on."""
MEAN_WINDOWS = {"D": (7, 28, 91, 364), "W": (4, 8, 26, 52), "M": (3, 6, 12, 24)}
SMOOTHING = {"D": 7, "W": 3, "M": 1}
"""Periods over which last year's demand around the target is averaged."""
LEVEL_FLOOR = 0.05
"""Share of the mean positive demand known at the origin below which no level falls."""
SHRINKAGE_PERIODS = 2.0
"""Weight of the long-run mean in the level, in periods."""
LAST_VALUES = 3


@dataclass(frozen=True)
class SeriesFeatures:
    """The features of one region-item, ready to be looked up by (origin, lead).

    Periods are counted from 0; those from ``known`` on are the future, whose demand is not known.
    """

    dates: pd.DatetimeIndex
    demand: Floats
    """Shape (periods,), in units; NaN where unknown and in the future."""
    known: int
    dataset: Dataset
    drivers: dict[str, Floats]
    """One column for a number or yes/no driver, one for each category (``name=value``); each of shape (periods,)."""
    categories: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def level(self) -> Floats:
        """Demand level at the end of each period, in units, positive; shape (periods,)."""
        window = LEVEL_WINDOW[self.dataset.frequency]
        recent, count = _trailing_sum(self.demand, window)
        total, seen = _trailing_sum(self.demand, len(self.demand))
        positive, sold = _trailing_sum(np.where(self.demand > 0, self.demand, np.nan), len(self.demand))
        long_run = total / np.maximum(seen, 1)
        level = (recent + SHRINKAGE_PERIODS * long_run) / (count + SHRINKAGE_PERIODS)
        floor = LEVEL_FLOOR * positive / np.maximum(sold, 1)
        return np.where(sold > 0, np.maximum(level, floor), 1.0)

    @cached_property
    def largest(self) -> Floats:
        """Largest demand seen up to each period, in units; shape (periods,)."""
        return np.maximum.accumulate(np.nan_to_num(self.demand, nan=0.0))

    @cached_property
    def names(self) -> list[str]:
        """The names of the columns of ``rows``."""
        return ["lead", *self._calendar, *self._origin, *self._lags(*_NO_ROWS), *self._driver_features(*_NO_ROWS)]

    @cached_property
    def constraints(self) -> tuple[int, ...]:
        """For each column, +1 or -1 where the driver's declared effect holds the model to a direction, else 0."""
        signs = {driver.name: {"increasing": 1, "decreasing": -1, "none": 0}[driver.effect]
                 for driver in self.dataset.drivers}
        return tuple(signs[name.split(":")[1].split("=")[0]] if name.startswith("target:") else 0
                     for name in self.names)

    def rows(self, origins: Ints, leads: Ints) -> npt.NDArray[np.float32]:
        """The features of pairs of an origin and a lead.

        Args:
            origins: period numbers, shape (n,).
            leads: periods ahead, from 1, shape (n,).
        Returns: shape (n, len(names)); NaN where the history is too short.
        """
        target = origins + leads
        columns = [leads.astype(np.float64), *(values[target] for values in self._calendar.values()),
                   *(values[origins] for values in self._origin.values()), *self._lags(origins, leads).values(),
                   *self._driver_features(origins, leads).values()]
        return np.column_stack(columns).astype(np.float32)

    @cached_property
    def _calendar(self) -> dict[str, Floats]:
        dates = self.dates
        columns = {"month": dates.month}
        if self.dataset.frequency == "D":
            columns |= {"day_of_week": dates.dayofweek, "day_of_month": dates.day, "day_of_year": dates.dayofyear}
        elif self.dataset.frequency == "W":
            columns |= {"week_of_year": (dates.dayofyear - 1) // 7, "day_of_month": dates.day}
        else:
            columns |= {"days_in_month": dates.days_in_month}
        return {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}

    @cached_property
    def _origin(self) -> dict[str, Floats]:
        """Features of the recent past, as of the end of each period."""
        level = self.level
        columns: dict[str, Floats] = {}
        for back in range(LAST_VALUES):
            columns[f"last_{back + 1}"] = _shifted(self.demand, back) / level
        for window in MEAN_WINDOWS[self.dataset.frequency]:
            total, count = _trailing_sum(self.demand, window)
            columns[f"mean_{window}"] = np.where(count > 0, total / np.maximum(count, 1), np.nan) / level
        window = LEVEL_WINDOW[self.dataset.frequency]
        total, count = _trailing_sum(self.demand, window)
        squares, _ = _trailing_sum(self.demand**2, window)
        mean = total / np.maximum(count, 1)
        columns["spread"] = np.sqrt(np.maximum(squares / np.maximum(count, 1) - mean**2, 0.0)) / level
        zeros, _ = _trailing_sum(np.where(np.isnan(self.demand), np.nan, self.demand == 0), window)
        columns["share_of_zeros"] = zeros / np.maximum(count, 1)
        periods = np.arange(len(self.demand), dtype=np.float64)
        last_sale = np.maximum.accumulate(np.where(self.demand > 0, periods, -1.0))
        columns["since_last_sale"] = periods - last_sale
        for name in self.drivers:
            total, count = _trailing_sum(self.drivers[name], window)
            columns[f"recent:{name}"] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        return columns

    def _lags(self, origins: Ints, leads: Ints) -> dict[str, Floats]:
        """Seasonal lags relative to the target that are known at the origin, over the level at the origin."""
        level = self.level[origins]
        columns: dict[str, Floats] = {}
        for season in self.dataset.season_lengths:
            nearest = origins + leads - season * (-(-leads // season))
            values = np.stack([_at(self.demand, nearest - season * back) for back in range(8)])
            is_year = season >= self.dataset.year_length
            for back in range(2 if is_year else 4):
                columns[f"season_{season}_lag_{back + 1}"] = values[back] / level
            for depth in (2,) if is_year else (4, 8):
                columns[f"season_{season}_mean_{depth}"] = _mean(values[:depth]) / level
        year = self.dataset.year_length
        years_back = year * (-(-leads // year))
        reach = SMOOTHING[self.dataset.frequency] // 2
        around = np.stack([np.where(leads - years_back + shift <= 0,
                                    _at(self.demand, origins + leads - years_back + shift), np.nan)
                           for shift in range(-reach, reach + 1)])
        columns["last_year_shape"] = _mean(around) / _at(self.level, origins - year)
        return columns

    def _driver_features(self, origins: Ints, leads: Ints) -> dict[str, Floats]:
        """Drivers at the target: plain, against the recent past, against the same season, and their neighbours."""
        target = origins + leads
        last = len(self.dates) - 1
        season = self.dataset.season_length
        columns: dict[str, Floats] = {}
        for name, values in self.drivers.items():
            columns[f"target:{name}"] = values[target]
            if "=" in name:
                continue
            recent = self._origin[f"recent:{name}"][origins]
            columns[f"target:{name}:against_recent"] = values[target] - recent
            columns[f"target:{name}:against_season"] = (
                values[target] - _at(values, target - season * (-(-leads // season))))
            columns[f"target:{name}:before"] = values[np.maximum(target - 1, 0)]
            columns[f"target:{name}:after"] = values[np.minimum(target + 1, last)]
        return columns


_NO_ROWS = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


def series_features(demand: pd.DataFrame, dataset: Dataset,
                    categories: dict[str, tuple[str, ...]] | None = None) -> SeriesFeatures:
    """The features of one region-item.

    Args:
        demand: schema Demand, with rows beyond the last known demand for the known future.
        dataset: names drivers, seasons and frequency.
        categories: the values of each category driver that a model knows; those in ``demand`` unless given.
    """
    units = demand["demand"].to_numpy(dtype=np.float64)
    known = int(np.flatnonzero(~np.isnan(units))[-1]) + 1 if (~np.isnan(units)).any() else 0
    drivers: dict[str, Floats] = {}
    values_of: dict[str, tuple[str, ...]] = {}
    for driver in dataset.drivers:
        if driver.kind == "category":
            values = demand[driver.name].astype("string").fillna("").to_numpy(dtype=object)
            values_of[driver.name] = (categories or {}).get(driver.name, tuple(sorted(set(values[:known]))))
            for category in values_of[driver.name]:
                drivers[f"{driver.name}={category}"] = (values == category).astype(np.float64)
        else:
            drivers[driver.name] = demand[driver.name].to_numpy(dtype=np.float64)
    return SeriesFeatures(dates=pd.DatetimeIndex(demand["date"]), demand=units, known=known, dataset=dataset,
                          drivers=drivers, categories=values_of)


def features_table(series: SeriesFeatures) -> pd.DataFrame:
    """What is known at the end of each period, and of its calendar and drivers: schema DemandFeatures."""
    columns = {"date": series.dates, "demand": series.demand, "level": series.level, **series._calendar,
               **series._origin, **{f"target:{name}": values for name, values in series.drivers.items()}}
    return pd.DataFrame(columns)


def future_drivers(demand: pd.DataFrame, dataset: Dataset, horizon: int) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Demand with its drivers completed for ``horizon`` periods beyond the last known demand.

    Args:
        demand: schema Demand.
    Returns: the completed table, which ends at the horizon, and a sentence for each driver that had to be assumed.
    """
    known = int(np.flatnonzero(demand["demand"].notna())[-1]) + 1
    dates = period_range(demand["date"].iloc[0], known + horizon, dataset.frequency)
    table = demand.set_index("date").reindex(dates).rename_axis("date").reset_index()
    sentences = []
    for driver in dataset.drivers:
        kind: Literal["string", "float64"] = "string" if driver.kind == "category" else "float64"
        future: pd.Series[Any] = table[driver.name].iloc[known:].astype(kind)
        missing = future.isna()
        if driver.future == "given":
            future[:] = _as_stored(driver)
        elif driver.future == "repeat_season":
            season = table[driver.name].shift(dataset.year_length).iloc[known:].astype(kind)
            future = future.where(~missing, season)
        elif driver.future == "known" and missing.any():
            rule = "“no” is assumed" if driver.kind == "yes_no" else "the last known value is repeated"
            sentences.append(f"{driver.title} is not known for {int(missing.sum())} of {horizon} periods: {rule}.")
            if driver.kind == "yes_no":
                future = future.where(~missing, 0.0)
        before = table[driver.name].iloc[:known].dropna()
        last = before.iloc[-1] if len(before) else np.nan
        table.loc[table.index[known:], driver.name] = future.ffill().where(lambda values: values.notna(), last)
    return table, tuple(sentences)


def period_range(first: pd.Timestamp, periods: int, frequency: str) -> pd.DatetimeIndex:
    """So many consecutive periods from the first: days, weeks on the first's weekday, or months."""
    if frequency == "M":
        return pd.date_range(first, periods=periods, freq="MS")
    return pd.date_range(first, periods=periods, freq="D" if frequency == "D" else "7D")


def _as_stored(driver: Driver) -> float | str:
    return str(driver.default) if driver.kind == "category" else float(driver.default)  # type: ignore[arg-type]


def _trailing_sum(values: Floats, window: int) -> tuple[Floats, Floats]:
    """Sum and count of the known values among the last ``window``, at the end of each period."""
    known = ~np.isnan(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    counts = np.concatenate([[0.0], np.cumsum(known)])
    start = np.maximum(np.arange(len(values)) + 1 - window, 0)
    return sums[1:] - sums[start], counts[1:] - counts[start]


def _shifted(values: Floats, periods: int) -> Floats:
    return _at(values, np.arange(len(values)) - periods)


def _at(values: Floats, index: Ints) -> Floats:
    """The values at these periods; NaN before the first."""
    return np.where(index >= 0, values[np.maximum(index, 0)], np.nan)


def _mean(stacked: Floats) -> Floats:
    known = ~np.isnan(stacked)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, stacked, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)
