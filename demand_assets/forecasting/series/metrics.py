"""Forecast accuracy in the trade's usual measures. NaN actuals are left out everywhere; none known gives NaN.

Written in numpy, since a backtest asks for them thousands of times; held to ``utilsforecast.losses`` by tests.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from math import isfinite

import numpy as np

from demand_assets.forecasting.series.gapped import Floats


def wape(actual: Floats, forecast: Floats) -> float:
    """Sum of absolute errors over the sum of actuals; NaN when nothing was sold.

    Source: Kolassa and Schütz (2007), as MAD/Mean.
    """
    known = ~np.isnan(actual)
    sold = float(np.abs(actual[known]).sum())
    return float(np.abs(actual[known] - forecast[known]).sum()) / sold if sold else float("nan")


def bias(actual: Floats, forecast: Floats) -> float:
    """Sum of forecast minus actual over the sum of actuals: positive when too much is forecast; NaN as for WAPE."""
    known = ~np.isnan(actual)
    sold = float(np.abs(actual[known]).sum())
    return float((forecast[known] - actual[known]).sum()) / sold if sold else float("nan")


def mase(actual: Floats, forecast: Floats, history: Floats, season: int) -> float:
    """Mean absolute error over that of the seasonal naive forecast on the history; NaN when that makes no error.

    Source: Hyndman and Koehler (2006).
    """
    return mase_over(seasonal_naive_error(history, season), actual, forecast)


def mase_over(naive_error: float, actual: Floats, forecast: Floats) -> float:
    """``mase`` where ``seasonal_naive_error`` of the history is known."""
    known = ~np.isnan(actual)
    if not naive_error or not known.any():
        return float("nan")
    return float(np.mean(np.abs(actual[known] - forecast[known]))) / naive_error


def seasonal_naive_error(history: Floats, season: int) -> float:
    """The mean absolute error of the seasonal naive forecast on a history; 0 where nothing is known of it."""
    steps = np.abs(history[season:] - history[:-season]) if len(history) > season else np.zeros(0)
    return float(np.nanmean(steps)) if (~np.isnan(steps)).any() else 0.0


def rmsse(actual: Floats, forecast: Floats, history: Floats) -> float:
    """Root mean squared error over that of the one-step naive forecast on the history; NaN when that makes no error.

    Source: M5 competition (Makridakis et al., 2022); like it, history counts from the first sale on.
    """
    return rmsse_over(naive_squared_error(history), actual, forecast)


def rmsse_over(naive_error: float, actual: Floats, forecast: Floats) -> float:
    """``rmsse`` where ``naive_squared_error`` of the history is known."""
    known = ~np.isnan(actual)
    if not naive_error or not known.any():
        return float("nan")
    return float(np.sqrt(np.mean((actual[known] - forecast[known]) ** 2) / naive_error))


def naive_squared_error(history: Floats) -> float:
    """The mean squared error of the one-step naive forecast on a history; 0 where nothing is known of it."""
    sold = np.flatnonzero(history > 0)
    steps = np.diff(history[sold[0]:]) if len(sold) else np.zeros(0)
    return float(np.nanmean(steps**2)) if (~np.isnan(steps)).any() else 0.0


def pinball(actual: Floats, quantile_forecast: Floats, quantile: float) -> float:
    """Mean pinball (quantile) loss, in units.

    Source: Koenker and Bassett (1978).
    """
    known = ~np.isnan(actual)
    if not known.any():
        return float("nan")
    error = actual[known] - quantile_forecast[known]
    return float(np.mean(np.maximum(quantile * error, (quantile - 1) * error)))


def coverage(actual: Floats, lower: Floats, upper: Floats) -> float:
    """Share of actuals inside the interval."""
    known = ~np.isnan(actual)
    inside = (actual[known] >= lower[known]) & (actual[known] <= upper[known])
    return float(inside.mean()) if known.any() else float("nan")


def width(actual: Floats, lower: Floats, upper: Floats) -> float:
    """Sum of the interval's widths over the sum of actuals; NaN as for WAPE."""
    known = ~np.isnan(actual)
    sold = float(np.abs(actual[known]).sum())
    return float((upper[known] - lower[known]).sum()) / sold if sold else float("nan")


def recorded(share: float) -> float:
    """A share as it is recorded and shown: whoever rounds it further begins from here, so that all say the same."""
    return round(share, 4)


def in_percent(share: float) -> str:
    """A share as reasons tell it: ``22.1 %``; as a page shows what is recorded of it, ties to even."""
    if not isfinite(share):
        return f"{share} %"
    percent = 100 * Decimal(repr(float(recorded(share))))
    return f"{percent.quantize(Decimal('0.1'), ROUND_HALF_EVEN)} %"
