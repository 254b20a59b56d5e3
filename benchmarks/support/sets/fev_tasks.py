"""Four retail tasks of fev-bench, rebuilt from the data that are here: series, seasonal naive, and measures.

Source: fev-bench (Shchur et al., 2025), its list of tasks, its measures, and its published errors of seasonal naive,
which show how exactly a task is rebuilt.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from benchmarks.support.sets.accuracy_sets import SetError, data_folder, described, environment
from benchmarks.support.sets.live_sets import REALISED
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.model.intervals import DECILES
from demand_assets.forecasting.series.gapped import Floats, Ints
from demand_assets.forecasting.validation.rows_to_demand import validate_panel
from demand_assets.sources import open_source

EPSILON = 1.0
"""The mean actual that a WAPE is taken of at least, in units."""
ENDED_LONG_AGO = 100_000
"""Periods: no series is left out because it ended before others."""
MOST_UNKNOWN = 1.0
"""Share of unknown periods at most: nor because it has gaps."""


@dataclass(frozen=True)
class Task:
    """One task as it is published."""

    name: str
    set_name: str
    """As for ``accuracy_sets.described``."""
    frequency: str
    horizon: int
    windows: int
    season: int
    """Periods back that seasonal naive repeats, and over which errors are scaled."""
    naive_wape: float
    """Of seasonal naive, as published."""
    naive_mase: float
    goals: "Goals"


@dataclass(frozen=True)
class Goals:
    """What a task is wanted to reach; None where nothing is said."""

    wape: float | None = None
    wape_over_naive: float | None = None
    sql: float | None = None


@dataclass(frozen=True)
class Series:
    """The series of a task on one grid of periods."""

    task: Task
    dataset: Dataset
    """All drivers known ahead, as many windows as the task has."""
    region_items: list[RegionItem]
    """Sorted, shape (series,)."""
    demand: Floats
    """In units, shape (series, periods); NaN where unknown, and before a series begins and after it ends."""
    read: Callable[[list[RegionItem]], dict[RegionItem, pd.DataFrame]]
    """Schema Demand of some of them, validated as the product does; those that it refuses are not there."""

    @property
    def starts(self) -> Ints:
        """The first period known of each."""
        return np.argmax(~np.isnan(self.demand), axis=1)

    @property
    def ends(self) -> Ints:
        """The last period known of each."""
        return self.demand.shape[1] - 1 - np.argmax(~np.isnan(self.demand[:, ::-1]), axis=1)

    @property
    def origins(self) -> Ints:
        """The last period before each window, shape (windows, series); each series has its windows at its own end."""
        return self.ends - self.task.horizon * np.arange(self.task.windows, 0, -1)[:, None]

    @property
    def actual(self) -> Floats:
        """Shape (windows, series, horizon); NaN where unknown."""
        periods = self.origins[:, :, None] + np.arange(1, self.task.horizon + 1)
        return self.demand[np.arange(len(self.demand))[:, None], periods]

    @property
    def seasonal_naive(self) -> Floats:
        """The last season before each window, again and again, shape as ``actual``; gaps hold the value before them."""
        filled = pd.DataFrame(self.demand.T).ffill().to_numpy().T
        leads = np.arange(self.task.horizon) % self.task.season
        periods = self.origins[:, :, None] - self.task.season + 1 + leads
        return filled[np.arange(len(filled))[:, None], np.maximum(periods, 0)]

    @property
    def scales(self) -> Floats:
        """Mean absolute error of seasonal naive before each window, in units, shape (windows, series); 1 where nothing
        tells, 0 where it never errs."""
        steps = np.abs(self.demand[:, self.task.season:] - self.demand[:, :-self.task.season])
        known, sums = (~np.isnan(steps)).cumsum(axis=1), np.nan_to_num(steps).cumsum(axis=1)
        place = np.maximum(self.origins - self.task.season, 0)
        rows = np.arange(len(steps))
        counts = np.where(self.origins >= self.task.season, known[rows, place], 0)
        return np.where(counts > 0, sums[rows, place] / np.maximum(counts, 1), 1.0)


def wape_of(actual: Floats, forecast: Floats) -> Floats:
    """Mean absolute error over the mean actual of each window, shape (windows,); the arguments are of shape (windows,
    series, horizon), in units."""
    error, sold = (np.nanmean(values, axis=(1, 2)) for values in (np.abs(actual - forecast), np.abs(actual)))
    return np.asarray(error / np.maximum(sold, EPSILON))


def mase_of(actual: Floats, forecast: Floats, scales: Floats) -> Floats:
    """Mean scaled absolute error of each window, shape (windows,); series whose scale is 0 are left out."""
    return _mean_scaled(np.abs(actual - forecast), scales)


def sql_of(actual: Floats, deciles: Floats, scales: Floats) -> Floats:
    """Scaled quantile loss of each window, shape (windows,): twice the pinball loss, averaged over deciles.

    Args:
        deciles: shape (windows, series, horizon, 9), in units.
        scales: shape (windows, series), in units.
    """
    over = actual[..., None] <= deciles
    loss = 2 * np.abs((actual[..., None] - deciles) * (over - np.array(DECILES)))
    return _mean_scaled(loss.mean(axis=3), scales)


def _mean_scaled(errors: Floats, scales: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = errors / scales[:, :, None]
    return np.array([window[np.isfinite(window)].mean() for window in scaled])


def rossmann_days(task: Task) -> Series:
    """Days of all stores; half a year of some of them is unknown."""
    rows = _rows("rossmann.parquet", ["date", "region", "item", "demand"])
    return _of_file(task, rows, _dataset(task, described(task.set_name)))


def rossmann_weeks(task: Task) -> Series:
    """Whole weeks that end on Sundays: sums of demand, and of days that are open, in a promotion or on holidays.

    What is unknown counts as nothing sold, as there.
    """
    columns = ["date", "region", "item", "demand", "open", "promo", "state_holiday", "school_holiday"]
    rows = _rows("rossmann.parquet", columns)
    rows["state_holiday"] = rows["state_holiday"].fillna("0").astype(str).ne("0")
    monday = rows["date"] - pd.to_timedelta(rows["date"].dt.dayofweek, unit="D")
    sums = rows.assign(date=monday).groupby(["region", "item", "date"], observed=True)[columns[3:]].sum().astype(float)
    first, last = rows["date"].min(), rows["date"].max()
    weeks = pd.date_range(first + pd.Timedelta(days=-first.dayofweek % 7), last - pd.Timedelta(days=6), freq="7D")
    owners = sums.index.droplevel("date").unique()
    every = pd.MultiIndex.from_tuples([(*owner, week) for owner in owners for week in weeks], names=sums.index.names)
    weekly = sums.reindex(every, fill_value=0.0).reset_index()
    base = described(task.set_name)
    drivers = tuple(Driver(name=name, kind="number", effect="increasing" if name in ("open", "promo") else "none",
                           unit="days") for name in columns[4:])
    dataset = base.model_copy(update={"frequency": "W", "season_lengths": (52,), "baseline_season": None,
                                      "drivers": drivers})
    return _of_rows(task, weekly, _dataset(task, dataset), last)


def walmart(task: Task) -> Series:
    """Weeks of departments of stores that have more than two horizons of them: 2,936 of 3,331."""
    rows = _rows("walmart_store_dept.parquet", ["date", "region", "item", "demand"])
    of_each = rows.groupby(["region", "item"], observed=True)["demand"].transform("count")
    return _of_file(task, rows[of_each > 2 * task.horizon], _dataset(task, described(task.set_name)))


def m5(task: Task) -> Series:
    """Days of all items in all shops, from the first sale of each on."""
    dataset = described(task.set_name)
    path = data_folder() / "m5.parquet"
    if not path.is_file():
        raise SetError(f"there is no {path}")
    return _of_file(task, _coded(path), _dataset(task, dataset))


def _rows(file: str, columns: list[str]) -> pd.DataFrame:
    path = data_folder() / file
    if not path.is_file():
        raise SetError(f"there is no {path}")
    rows = pd.read_parquet(path, columns=columns)
    return rows.assign(date=pd.to_datetime(rows["date"]))


def _coded(path: Path) -> pd.DataFrame:
    """Rows with regions and items as categories, which 47 million rows need."""
    return pq.read_table(path, columns=["date", "region", "item", "demand"],
                         read_dictionary=["region", "item"]).to_pandas(date_as_object=False)


def _dataset(task: Task, base: Dataset) -> Dataset:
    """The dataset with the task's horizon and windows, every driver known as it came, and no series left out."""
    drivers = tuple(driver if driver.future == "calendar" else driver.model_copy(update=REALISED)
                    for driver in base.drivers)
    rules = base.rules.model_copy(update={"stale_periods": ENDED_LONG_AGO, "unknown_share": MOST_UNKNOWN})
    return base.model_copy(update={
        "horizon": task.horizon, "drivers": drivers, "rules": rules,
        "backtest": base.backtest.model_copy(update={"windows": task.windows})})


def _of_file(task: Task, rows: pd.DataFrame, dataset: Dataset) -> Series:
    """Series whose rows the product's own source reads."""
    def read(ones: list[RegionItem]) -> dict[RegionItem, pd.DataFrame]:
        source = open_source(dataset, environment=environment())
        catalogue = source.catalogue()
        found = validate_panel(source.read(ones), dataset, ones, catalogue.last_date, source.today())
        return {one.region_item: one.demand for one in found if one.demand is not None}

    return Series(task, dataset, *_grid(rows, task.frequency), read)


def _of_rows(task: Task, rows: pd.DataFrame, dataset: Dataset, last: pd.Timestamp) -> Series:
    """Series whose rows were made here."""
    def read(ones: list[RegionItem]) -> dict[RegionItem, pd.DataFrame]:
        wanted = pd.MultiIndex.from_tuples([(one.region, one.item) for one in ones])
        raw = rows[pd.MultiIndex.from_frame(rows[["region", "item"]]).isin(wanted)].reset_index(drop=True)
        raw.insert(2, "row", np.arange(1, len(raw) + 1))
        found = validate_panel(raw, dataset, ones, rows["date"].max(), last + pd.Timedelta(days=7))
        return {one.region_item: one.demand for one in found if one.demand is not None}

    return Series(task, dataset, *_grid(rows, task.frequency), read)


def _grid(rows: pd.DataFrame, frequency: str) -> tuple[list[RegionItem], Floats]:
    """Series, sorted, and their demand, shape (series, periods)."""
    regions, items = (rows[name].astype("category") for name in ("region", "item"))
    pairs = regions.cat.codes.to_numpy(dtype=np.int32) * np.int32(len(items.cat.categories))
    pairs += items.cat.codes.to_numpy(dtype=np.int32)
    there = np.flatnonzero(np.bincount(pairs))
    place = np.zeros(pairs.max() + 1, dtype=np.int32)
    place[there] = np.arange(len(there))
    names = [RegionItem(str(regions.cat.categories[pair // len(items.cat.categories)]),
                        str(items.cat.categories[pair % len(items.cat.categories)])) for pair in there]
    days = rows["date"].to_numpy().astype("datetime64[D]").astype(np.int32)
    period = (days - days.min()) // {"D": 1, "W": 7}[frequency]
    demand = np.full((len(names), int(period.max()) + 1), np.nan)
    demand[place[pairs], period] = rows["demand"].to_numpy()
    order = sorted(range(len(names)), key=names.__getitem__)
    return [names[one] for one in order], demand[order]


TASKS: dict[str, tuple[Task, Callable[[Task], Series]]] = {
    task.name: (task, load) for task, load in (
        (Task("rossmann_1D", "rossmann", "D", 48, 10, 7, 0.2692451894, 0.7885548119, Goals(wape=0.09, sql=0.22)),
         rossmann_days),
        (Task("rossmann_1W", "rossmann", "W", 13, 8, 1, 0.2192445789, 0.7960291356, Goals(wape=0.075, sql=0.245)),
         rossmann_weeks),
        (Task("walmart", "walmart", "W", 39, 1, 1, 0.1967352033, 1.5240930953, Goals(wape=0.092, sql=0.64)), walmart),
        (Task("m5_1D", "datasets/m5.toml", "D", 28, 1, 7, 0.9158941507, 1.2236286692, Goals(wape_over_naive=0.75)),
         m5))}


def shown(task: Task) -> dict[str, Any]:
    """What the task asks, as JSON."""
    return {"horizon": task.horizon, "windows": task.windows, "season": task.season,
            "published_naive_wape": task.naive_wape, "published_naive_mase": task.naive_mase,
            "goal_wape": task.goals.wape, "goal_wape_over_naive": task.goals.wape_over_naive,
            "goal_sql": task.goals.sql}
