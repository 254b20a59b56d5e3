"""Arithmetic on series with gaps: sums over the last periods, lookups, means. NaN is an unknown value."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def trailing_sum(values: Floats, window: int) -> tuple[Floats, Floats]:
    """Sum and count of the known values among the last ``window``, at the end of each period."""
    known = ~np.isnan(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    counts = np.concatenate([[0.0], np.cumsum(known)])
    start = np.maximum(np.arange(len(values)) + 1 - window, 0)
    return sums[1:] - sums[start], counts[1:] - counts[start]


def trailing_mean(values: Floats, window: int) -> Floats:
    """Mean of the known values among the last ``window``, at the end of each period; NaN where none is known."""
    total, count = trailing_sum(values, window)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def shifted(values: Floats, periods: int) -> Floats:
    """The values so many periods before; NaN before the first."""
    return at(values, np.arange(len(values)) - periods)


def at(values: Floats, index: Ints) -> Floats:
    """The values at these periods; NaN before the first."""
    return np.where(index >= 0, values[np.maximum(index, 0)], np.nan)


def mean_known(stacked: Floats) -> Floats:
    """The mean over the first axis of what is known; NaN where nothing is."""
    known = ~np.isnan(stacked)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, stacked, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)
