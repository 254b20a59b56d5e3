"""Rolling-origin backtest: forecast windows that no fit has seen, beside seasonal naive."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, isnan
from typing import Any

import numpy as np

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.series_features import SeriesFeatures
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError
from demand_assets.forecasting.model.intervals import LEVELS, Errors
from demand_assets.forecasting.series.gapped import Floats, Ints
from demand_assets.forecasting.series.metrics import (
    interval_measures_of_columns,
    measures_of_columns,
    naive_squared_error,
    seasonal_naive_error,
)

SELECTION_WINDOWS = 2
"""Windows before the judged ones, on which recipes are chosen and the first intervals calibrated."""
REALISED = "forecast_realised"
"""The table of a stored backtest that has the forecasts with the drivers that came, where those are not ``forecast``.
"""
AS_PLANNED = "as_planned"
"""Of a stored backtest, what says that its windows saw the drivers that their rules would have planned; else they saw
those that came, as before version 4 of the code."""
CALIBRATION_STRIDES = 4
"""Origins for each window whose errors calibrate the intervals, evenly spaced."""


@dataclass(frozen=True)
class Backtest:
    """Forecasts of windows that the fits had not seen; each of shape (windows, horizon), in units.

    Drivers are those that their declared rules would have planned at each origin (``features.past_driver_plans``).
    """

    origins: Ints
    """Last period known in each window, shape (windows,)."""
    actual: Floats
    """NaN where unknown."""
    forecast: Floats
    own: Floats
    """By the region-item's own booster at full share."""
    pooled: Floats
    """By the pooled model alone."""
    seasonal_naive: Floats
    lower: Mapping[float, Floats]
    """For each of LEVELS; calibrated on errors known at the window's origin."""
    upper: Mapping[float, Floats]
    realised: Floats | None = None
    """``forecast`` as it would have been with the drivers that came; None where those are what was planned."""
    deciles: Floats | None = None
    """As the bounds, shape (windows, horizon, 9); None where those of a window are not known. Not stored with a model:
    they follow from its forecasts and its calibration."""

    def to_json(self, series: SeriesFeatures) -> dict[str, Any]:
        """As JSON types, with dates for origins."""
        tables = {"actual": self.actual, "forecast": self.forecast, "own": self.own, "pooled": self.pooled,
                  "seasonal_naive": self.seasonal_naive, "lower_80": self.lower[0.8], "upper_80": self.upper[0.8]}
        if self.realised is not None:
            tables[REALISED] = self.realised
        return {"origins": [str(series.dates[origin].date()) for origin in self.origins], "judged_with": AS_PLANNED,
                **{name: [[None if isnan(value) else round(value, 4) for value in row] for row in table.tolist()]
                   for name, table in tables.items()}}

    def report(self, series: SeriesFeatures) -> dict[str, Any]:
        """Every measure in total and by lead, for the forecast and for seasonal naive, as JSON types."""
        history = series.demand[: int(self.origins[0]) + 1]
        seasonal, squared = seasonal_naive_error(history, series.dataset.season_length), naive_squared_error(history)

        def measures(shape: tuple[int, ...]) -> dict[str, dict[str, list[float]]]:
            actual = self.actual.reshape(shape)
            found = {name: measures_of_columns(actual, table.reshape(shape), seasonal, squared)
                     for name, table in (("forecast", self.forecast), ("seasonal_naive", self.seasonal_naive))}
            for level in LEVELS:
                bounds = self.lower[level].reshape(shape), self.upper[level].reshape(shape)
                found["forecast"] |= {f"{measure}_{level * 100:.0f}": values for measure, values in
                                      interval_measures_of_columns(actual, *bounds, level).items()}
            return {name: {measure: values.tolist() for measure, values in each.items()}
                    for name, each in found.items()}

        def told(found: dict[str, dict[str, list[float]]], place: int) -> dict[str, Any]:
            return {name: {measure: round(values[place], 5) if isfinite(values[place]) else None
                           for measure, values in each.items()} for name, each in found.items()}

        by_lead = measures(self.actual.shape)
        return {"total": told(measures((-1, 1)), 0),
                "by_lead": [told(by_lead, lead) for lead in range(self.actual.shape[1])]}


def judged_origins(series: SeriesFeatures) -> Ints:
    """The last periods known in the last windows, oldest first, as the dataset asks; those before the start left out.

    Raises: NotEnoughHistoryError: there is no such window.
    """
    origins = origins_before(series.known - 1, series.dataset)
    first = int(np.flatnonzero(~np.isnan(series.demand))[0]) if series.known else 0
    origins = origins[origins > first]
    if len(origins) and np.isnan(series.sold[int(origins[0]) + 1: series.known]).all():
        raise NotEnoughHistoryError("in all backtest windows it is out of stock, so nothing is known to be judged by")
    if not len(origins):
        raise NotEnoughHistoryError(f"{series.known - first} periods of demand are too few for a backtest window of "
                                    f"{series.dataset.horizon}")
    return origins


def origins_before(last: int, dataset: Dataset) -> Ints:
    """The origins of the judged windows when ``last`` is the last period known, oldest first."""
    stride = dataset.backtest.stride or dataset.horizon
    return last - dataset.horizon - stride * np.arange(dataset.backtest.windows - 1, -1, -1)


def selection_origins(first_judged: int, horizon: int) -> Ints:
    """The origins of the windows before the judged ones, oldest first; the oldest is where their fit ends."""
    return first_judged - horizon * np.arange(SELECTION_WINDOWS, 0, -1)


def window_pairs(series: SeriesFeatures, origin: int) -> tuple[Ints, Ints]:
    """Origins and leads of one window: its own pairs first, then those of later origins whose targets are known."""
    horizon = series.dataset.horizon
    stride = max(1, horizon // CALIBRATION_STRIDES)
    starts: Ints = np.repeat(np.arange(origin, origin + horizon, stride), horizon)
    ahead: Ints = np.tile(np.arange(1, horizon + 1), len(starts) // horizon)
    known = starts + ahead < series.known
    return starts[known], ahead[known]


def errors_of(series: SeriesFeatures, units: Floats, starts: Ints, leads: Ints) -> Errors:
    """The errors of these forecasts."""
    return Errors(series.demand[starts + leads] - units, units, series.level[starts], leads, starts + leads)
