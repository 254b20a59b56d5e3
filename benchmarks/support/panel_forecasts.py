"""Forecasts of many region-items at rolling origins, and what they are worth.

A method forecasts one window of every region-item from tables that end where its knowledge ends; so it cannot see
demand after the origin.
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.stock_entries import AT_LEAST
from demand_assets.forecasting.series.censored_demand import observed_periods
from demand_assets.forecasting.series.gapped import Floats, Ints
from demand_assets.forecasting.series.metrics import bias, coverage, rmsse, wape

RESAMPLES = 1000
Tables = Mapping[RegionItem, pd.DataFrame]
"""Schema Demand for each region-item."""


@dataclass(frozen=True)
class RollingForecasts:
    """Forecasts of one region-item at each origin."""

    origins: Ints
    """Last period known in each window, shape (windows,)."""
    actual: Floats
    """Shape (windows, horizon), in units; NaN where unknown."""
    forecast: Floats
    lower_80: Floats
    """NaN where the method gives no interval."""
    upper_80: Floats


@dataclass(frozen=True)
class PanelForecasts:
    """One method's forecasts of a sample."""

    of: dict[RegionItem, RollingForecasts]
    cpu_seconds: float
    """To train and to forecast, all region-items and origins together."""


class Ahead(NamedTuple):
    """One window's forecast, each of shape (horizon,), in units; no bounds when the method gives no interval."""

    forecast: Floats
    lower_80: Floats | None = None
    upper_80: Floats | None = None


Method = Callable[[Tables, Dataset, int], PanelForecasts]
"""From the sample's demand, its dataset and the number of windows."""
OneWindow = Callable[[Tables, Dataset], dict[RegionItem, Ahead]]
"""From what ``known_at`` gives for each region-item."""


def known_periods(table: pd.DataFrame) -> int:
    """Periods up to the last with known demand, or out of stock."""
    return observed_periods(table)


def rolling_origins(table: pd.DataFrame, horizon: int, windows: int) -> Ints:
    """The last periods known in the last windows of one horizon each, oldest first."""
    return known_periods(table) - 1 - horizon * np.arange(windows, 0, -1)


def known_at(table: pd.DataFrame, origin: int, dataset: Dataset) -> pd.DataFrame:
    """What is known at the origin: demand up to it, then one horizon without demand, with the drivers as planned.

    The plan is what came true; where the source does not say, the last value before.
    """
    known = table.iloc[:origin + 1 + dataset.horizon].copy()
    for name in ("demand", *known.columns.intersection([AT_LEAST])):
        known[name] = known[name].where(np.arange(len(known)) <= origin)
    for name in dataset.driver_names:
        known[name] = known[name].where(np.arange(len(known)) <= origin, known[name].ffill())
    return known


def roll(forecast_window: OneWindow, tables: Tables, dataset: Dataset, windows: int) -> PanelForecasts:
    """Forecasts of each window by a method that is fitted anew at each origin; none is below zero.

    Raises: ValueError: the method left a period without a forecast.
    """
    horizon, seconds = dataset.horizon, 0.0
    shape = (windows, horizon)
    origins = {one: rolling_origins(table, horizon, windows) for one, table in tables.items()}
    bounds = {one: np.full((3, *shape), np.nan) for one in tables}
    for window in range(windows):
        known = {one: known_at(table, int(origins[one][window]), dataset) for one, table in tables.items()}
        started = cpu_seconds()
        forecasts = forecast_window(known, dataset)
        seconds += cpu_seconds() - started
        for one, ahead in forecasts.items():
            for place, values in enumerate(ahead):
                if values is not None:
                    bounds[one][place, window] = np.maximum(values, 0.0)
    for one, (forecast, _, _) in bounds.items():
        if np.isnan(forecast).any():
            raise ValueError(f"{one} has periods without a forecast")
    return PanelForecasts({one: RollingForecasts(origins[one], actual_demand(table, origins[one], horizon),
                                                 *bounds[one]) for one, table in tables.items()}, seconds)


def actual_demand(table: pd.DataFrame, origins: Ints, horizon: int) -> Floats:
    """Demand in each window, shape (windows, horizon)."""
    return table["demand"].to_numpy(dtype=np.float64)[origins[:, None] + np.arange(1, horizon + 1)]


def cpu_seconds() -> float:
    """CPU time of this process and of its children that have ended."""
    spent = os.times()
    return time.process_time() + spent.children_user + spent.children_system


def scores(forecasts: PanelForecasts, tables: Tables) -> dict[str, float | None]:
    """WAPE and bias over everything, mean RMSSE by region-item, coverage of the 80 % interval, and CPU seconds for a
    region-item and origin; None where there is none."""
    parts = list(forecasts.of.values())
    actual, forecast, lower, upper = (
        np.concatenate([getattr(part, name).ravel() for part in parts])
        for name in ("actual", "forecast", "lower_80", "upper_80"))
    given = ~np.isnan(lower)
    of_each = np.array([rmsse(part.actual.ravel(), part.forecast.ravel(),
                              tables[one]["demand"].to_numpy(dtype=np.float64)[:int(part.origins[0]) + 1])
                        for one, part in forecasts.of.items()])
    found = {"wape": wape(actual, forecast),
             "rmsse": float(np.nanmean(of_each)) if not np.isnan(of_each).all() else float("nan"),
             "bias": bias(actual, forecast), "coverage_80": coverage(actual[given], lower[given], upper[given]),
             "cpu_seconds": forecasts.cpu_seconds / sum(len(part.origins) for part in parts)}
    return {name: None if np.isnan(value) else round(value, 5) for name, value in found.items()}


def wape_difference(one: PanelForecasts, other: PanelForecasts) -> tuple[float, float]:
    """95 % interval of the WAPE of one method minus that of the other on the same region-items.

    Source: paired percentile bootstrap by region-item (Efron and Tibshirani, 1993, chapter 13), always the same
    resamples.
    """
    errors = np.array([[np.nansum(np.abs(panel.of[region_item].forecast - panel.of[region_item].actual))
                        for panel in (one, other)] for region_item in one.of])
    sold = np.array([np.nansum(np.abs(part.actual)) for part in one.of.values()])
    drawn = np.random.default_rng(0).integers(len(sold), size=(RESAMPLES, len(sold)))
    differences = (errors[:, 0] - errors[:, 1])[drawn].sum(axis=1) / np.maximum(sold[drawn].sum(axis=1), 1e-12)
    lower, upper = np.quantile(differences, (0.025, 0.975))
    return float(lower), float(upper)
