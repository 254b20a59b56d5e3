"""Values of a driver in one series: where they are missing, and whether what is planned fits what was."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.periods import Frequency, Mask, in_words
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.series.gapped import Floats

Values = npt.NDArray[Any]
"""Numbers, or texts of a category driver; null where unknown."""
RECENT = {"D": 28, "W": 8, "M": 6, "Q": 4}
"""Known values before a gap among which the most frequent of a yes/no or a category is what it would have been."""
ENOUGH = 8
"""Values of the last year from which on a default can contradict them."""
MOSTLY = 0.5
EDGES = (0.1, 0.9)
"""Quantiles of the last year's numbers that a default has to lie between."""
ENOUGH_MISSING = 5
FAR_APART = 5.0
"""How many times larger mean demand is with a driver's value than without, or without than with, to be told by it."""
SURE = 3.0
"""Standard errors that this difference must be large."""


def carried(values: Values, is_filled: Mask, driver: Driver, frequency: Frequency, year_length: int) -> Values:
    """The values with those of filled periods as they would have been: the last number before, what was most frequent
    lately of a yes/no or a category, last year's of a driver whose future repeats it; the next known one where none was
    known before.

    Args:
        values: shape (periods,).
        is_filled: the periods of which the source has no row, shape (periods,).
    """
    is_known = ~pd.isna(values)
    places = np.flatnonzero(is_known)
    if not len(places) or not is_filled.any():
        return values
    completed = values.copy()
    gaps = np.flatnonzero(is_filled & ~is_known)
    before = np.searchsorted(places, gaps)  # how many known values lie before each
    for count in np.unique(before):
        recent = values[places[max(count - (1 if driver.kind == "number" else RECENT[frequency]), 0):max(count, 1)]]
        completed[gaps[before == count]] = _most_frequent(recent)
    if driver.future == "repeat_season":
        last_year = gaps - year_length
        has_one = (last_year >= 0) & is_known[np.maximum(last_year, 0)]
        completed[gaps[has_one]] = values[last_year[has_one]]
    return completed


def contradicted_default(values: Values, driver: Driver, frequency: Frequency, year_length: int) -> str:
    """How a driver's last year contradicts the default that is planned of it, as in "48 of its last 52 weeks were yes";
    empty where it does not, and where too little is known.

    Args:
        values: of the periods up to the last known demand.
    """
    if driver.future != "given" or driver.default is None:
        return ""
    recent = values[-year_length:]
    if driver.kind == "category":
        recent = np.where(pd.isna(recent), "", recent)
    recent = recent[~pd.isna(recent)]
    if len(recent) < ENOUGH:
        return ""
    if driver.kind == "number":
        numbers = recent.astype(np.float64)
        low, high = np.quantile(numbers, EDGES)
        if low <= float(driver.default) <= high:
            return ""
        return f"{_told(low)} to {_told(high)} is usual in its last {in_words(len(recent), frequency)}"
    usual = _most_frequent(recent)
    share = float(np.mean(recent == usual))
    default = driver.default if driver.kind == "category" else float(driver.default)
    if usual == default or share <= MOSTLY:
        return ""
    of = round(share * len(recent))
    return f"{of} of its last {in_words(len(recent), frequency)} were {in_quotes(usual, driver)}"


def in_quotes(value: Any, driver: Driver) -> str:
    """A driver's value as sentences tell it."""
    if driver.kind == "number":
        return _told(float(value))
    if driver.kind == "yes_no":
        return "“yes”" if value else "“no”"
    return f"“{value}”"


def tells_demand(demand: Floats, values: Values) -> bool:
    """Whether it tells demand that a driver's value is missing: far less, or far more, is sold then.

    Before the first known value and after the last nothing is missing: the column came later, or ended.

    Args:
        demand: of periods that the source has rows of, in units; NaN where unknown.
        values: of the same periods.
    """
    places = np.flatnonzero(~pd.isna(values))
    if len(places) < ENOUGH_MISSING:
        return False
    inside = slice(int(places[0]), int(places[-1]) + 1)
    units, is_missing = demand[inside], pd.isna(values[inside])
    without, with_it = units[is_missing & ~np.isnan(units)], units[~is_missing & ~np.isnan(units)]
    if min(len(without), len(with_it)) < ENOUGH_MISSING:
        return False
    means = float(without.mean()), float(with_it.mean())
    spread = float(np.concatenate([without, with_it]).std())
    error = spread * (1 / len(without) + 1 / len(with_it)) ** 0.5
    return abs(means[0] - means[1]) > SURE * error and max(means) >= FAR_APART * min(means)


def _most_frequent(values: Values) -> Any:
    """The value that stands most often; of those that do, the newest."""
    found, places, often = np.unique(values[::-1].astype(str), return_index=True, return_counts=True)
    best = min(range(len(found)), key=lambda place: (-often[place], places[place]))
    return values[::-1][places[best]]


def _told(value: float) -> str:
    return f"{value:.4g}"
