"""Forecast accuracy in the trade's usual measures. NaN actuals are left out everywhere; none known gives NaN.

Written in numpy, since a backtest asks for them thousands of times; held to ``utilsforecast.losses`` by tests.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from math import isfinite

import numpy as np
import numpy.typing as npt

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


def seasonal_naive_error(history: Floats, season: int) -> float:
    """The mean absolute error of the seasonal naive forecast on a history; 0 where nothing is known of it."""
    steps = np.abs(history[season:] - history[:-season]) if len(history) > season else np.zeros(0)
    return float(np.nanmean(steps)) if (~np.isnan(steps)).any() else 0.0


def rmsse(actual: Floats, forecast: Floats, history: Floats) -> float:
    """Root mean squared error over that of the one-step naive forecast on the history; NaN when that makes no error.

    Source: M5 competition (Makridakis et al., 2022); like it, history counts from the first sale on.
    """
    return scaled_error(actual, forecast, naive_squared_error(history))


def scaled_error(actual: Floats, forecast: Floats, naive_error: float) -> float:
    """``rmsse`` where the mean squared error of the naive forecast is known."""
    known = ~np.isnan(actual)
    if not naive_error or not known.any():
        return float("nan")
    return float(np.sqrt(np.mean((actual[known] - forecast[known]) ** 2) / naive_error))


def naive_squared_error(history: Floats) -> float:
    """The mean squared error of the one-step naive forecast on a history; 0 where nothing is known of it."""
    sold = np.flatnonzero(history > 0)
    steps = np.diff(history[sold[0]:]) if len(sold) else np.zeros(0)
    return float(np.nanmean(steps**2)) if (~np.isnan(steps)).any() else 0.0


def coverage(actual: Floats, lower: Floats, upper: Floats) -> float:
    """Share of actuals inside the interval."""
    known = ~np.isnan(actual)
    inside = (actual[known] >= lower[known]) & (actual[known] <= upper[known])
    return float(inside.mean()) if known.any() else float("nan")


def measures_of_columns(actual: Floats, forecast: Floats, naive_error: float,
                        naive_squared: float) -> dict[str, Floats]:
    """WAPE, MASE (mean absolute error over that of the seasonal naive forecast on the history), RMSSE and bias of each
    column; NaN where nothing is known or nothing is there to divide by.

    Args:
        actual: shape (periods, columns), as the forecast; NaN where unknown.
        naive_error: ``seasonal_naive_error`` of the history.
        naive_squared: ``naive_squared_error`` of the history.
    Returns: measure -> shape (columns,).
    Source: Hyndman and Koehler (2006) for MASE, the others as above.
    """
    known = ~np.isnan(actual)
    error, sold = np.where(known, forecast - actual, 0.0), _sold(actual, known)
    periods = np.count_nonzero(known, axis=0)
    return {"wape": _over(np.abs(error).sum(axis=0), sold),
            "mase": _over(_over(np.abs(error).sum(axis=0), periods), naive_error),
            "rmsse": np.sqrt(_over(_over((error**2).sum(axis=0), periods), naive_squared)),
            "bias": _over(error.sum(axis=0), sold)}


def interval_measures_of_columns(actual: Floats, lower: Floats, upper: Floats, level: float) -> dict[str, Floats]:
    """Coverage, width (over the sum of actuals) and the mean pinball loss of both bounds, in units, of each column; NaN
    where nothing is known or sold.

    Args:
        actual: shape (periods, columns), as the bounds; NaN where unknown.
        level: of the interval, 0 to 1.
    Returns: measure -> shape (columns,).
    Source: Koenker and Bassett (1978) for pinball.
    """
    known, tail = ~np.isnan(actual), (1 - level) / 2
    periods = np.count_nonzero(known, axis=0)
    loss = np.sum([np.where(known, np.maximum(quantile * (actual - bound), (quantile - 1) * (actual - bound)), 0.0)
                   for bound, quantile in ((lower, tail), (upper, 1 - tail))], axis=(0, 1))
    return {"coverage": _over(((actual >= lower) & (actual <= upper)).sum(axis=0), periods),
            "width": _over(np.where(known, upper - lower, 0.0).sum(axis=0), _sold(actual, known)),
            "pinball": _over(loss, periods) / 2}


def _sold(actual: Floats, known: npt.NDArray[np.bool_]) -> Floats:
    return np.asarray(np.where(known, np.abs(actual), 0.0).sum(axis=0))


def _over(values: Floats, by: Floats | float) -> Floats:
    """The values over what they are measured by; NaN where that is nothing."""
    by = np.broadcast_to(np.asarray(by, dtype=np.float64), values.shape)
    return np.asarray(np.divide(values, by, out=np.full(values.shape, np.nan), where=by != 0))


def recorded(share: float) -> float:
    """A share as it is recorded and shown: whoever rounds it further begins from here, so that all say the same."""
    return round(share, 4)


def in_percent(share: float) -> str:
    """A share as reasons tell it: ``22.1 %``; as a page shows what is recorded of it, ties to even."""
    if not isfinite(share):
        return f"{share} %"
    percent = 100 * Decimal(repr(float(recorded(share))))
    return f"{percent.quantize(Decimal('0.1'), ROUND_HALF_EVEN)} %"
