"""Rolling-origin backtest: refit before each window, forecast it, compare with seasonal naive."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from demand_assets.forecasting.features import Floats, Ints, SeriesFeatures
from demand_assets.forecasting.intervals import Calibration, error_scale
from demand_assets.forecasting.model import NotEnoughHistoryError, Recipe, TrainingRows, fit_booster, predict_units

WINDOWS = 3
"""Windows of one horizon each, at the end of the history; fewer when it is short."""
ROWS_NEEDED = 20
"""Training rows that a window needs before it."""
CALIBRATION_STRIDES = 4
"""Origins for each window whose errors calibrate the intervals, evenly spaced."""


@dataclass(frozen=True)
class Backtest:
    """Forecasts of windows that the fits had not seen."""

    origins: Ints
    """Last period known in each window, shape (windows,)."""
    actual: Floats
    """Shape (windows, horizon), in units; NaN where unknown."""
    forecast: Floats
    seasonal_naive: Floats
    lower_80: Floats
    """Calibrated without the window's own errors."""
    upper_80: Floats
    calibration: Calibration
    """On the errors of all windows."""

    def to_json(self, series: SeriesFeatures) -> dict[str, Any]:
        """As JSON types, with dates for origins."""
        return {"origins": [str(series.dates[origin].date()) for origin in self.origins],
                **{name: [[None if np.isnan(value) else round(float(value), 4) for value in row]
                          for row in getattr(self, name)]
                   for name in ("actual", "forecast", "seasonal_naive", "lower_80", "upper_80")}}


def judged_origins(series: SeriesFeatures, rows: TrainingRows, horizon: int, windows: int = WINDOWS) -> Ints:
    """The last periods known in the last windows that have enough to train on before them, oldest first.

    Raises: NotEnoughHistoryError: there is no such window.
    """
    origins = series.known - 1 - horizon * np.arange(windows, 0, -1)
    trainable = [np.count_nonzero(rows.target <= origin) >= ROWS_NEEDED for origin in origins]
    if not any(trainable):
        raise NotEnoughHistoryError(f"fewer than {ROWS_NEEDED} known periods to train on before the first backtest "
                                    "window; most of the history is unknown")
    return origins[trainable]


def seasonal_naive(series: SeriesFeatures, origins: Ints, leads: Ints) -> Floats:
    """Demand of the nearest season before that is known at the origin; older ones, then the level, where unknown."""
    season = series.dataset.season_length
    nearest = origins + leads - season * (-(-leads // season))
    forecast = np.full(len(origins), np.nan)
    for back in range(4):
        index = nearest - season * back
        value = np.where(index >= 0, series.demand[np.maximum(index, 0)], np.nan)
        forecast = np.where(np.isnan(forecast), value, forecast)
    return np.where(np.isnan(forecast), series.level[origins], forecast)


def backtest(series: SeriesFeatures, rows: TrainingRows, recipe: Recipe, horizon: int,
             origins: Ints) -> Backtest:
    """Forecasts of the windows by boosters fitted on what was known before each.

    Args:
        series: the region-item's features.
        rows: its training rows; each window uses those whose target lies before it.
        origins: last period known in each window.
    Raises: NotEnoughHistoryError: a window has no training row before it.
    """
    leads = np.arange(1, horizon + 1)
    shape = (len(origins), horizon)
    forecast, errors = np.zeros(shape), []
    for index, origin in enumerate(origins):
        booster = fit_booster(rows, recipe, series.constraints, seen=int(origin) + 1)
        starts, ahead = _calibration_pairs(series, int(origin), horizon)
        units = predict_units(booster, recipe, series, starts, ahead)
        forecast[index] = units[:horizon]
        errors.append((series.demand[starts + ahead] - units, error_scale(units, series.level[starts]), ahead))
    pairs = np.repeat(origins, horizon), np.tile(leads, len(origins))
    level = series.level[origins][:, None]
    lower, upper = np.zeros(shape), np.zeros(shape)
    for index in range(len(origins)):
        others = [entry for other, entry in enumerate(errors) if other != index] or errors
        lower[index], upper[index] = _calibrated(others, horizon).interval(
            forecast[index], error_scale(forecast[index], level[index]), leads)
    return Backtest(origins=origins, actual=series.demand[pairs[0] + pairs[1]].reshape(shape), forecast=forecast,
                    seasonal_naive=seasonal_naive(series, *pairs).reshape(shape), lower_80=lower, upper_80=upper,
                    calibration=_calibrated(errors, horizon))


def _calibration_pairs(series: SeriesFeatures, origin: int, horizon: int) -> tuple[Ints, Ints]:
    """The window's own pairs first, then those of later origins whose targets are known."""
    stride = max(1, horizon // CALIBRATION_STRIDES)
    starts = np.repeat(np.arange(origin, origin + horizon, stride), horizon)
    ahead = np.tile(np.arange(1, horizon + 1), len(starts) // horizon)
    known = starts + ahead < series.known
    return starts[known], ahead[known]


def _calibrated(errors: list[tuple[Floats, Floats, Ints]], horizon: int) -> Calibration:
    differences, scales, leads = (np.concatenate(parts) for parts in zip(*errors, strict=True))
    return Calibration.from_errors(differences, scales, leads, horizon)
