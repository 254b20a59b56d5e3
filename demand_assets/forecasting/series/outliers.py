"""Past demand that neither the season, the level of its time nor the known drivers explain.

The usual demand of a period is a level (running median over some months) times what its weekday and its state of
yes/no drivers usually make of that (medians), times what number drivers do (a robust regression of logarithms:
iteratively reweighted least squares with bisquare weights, Beaton and Tukey, 1974). Demand and usual demand are
compared on the scale of square roots, where counts vary alike whatever their size (Anscombe, 1948), and the difference
is divided by the median absolute deviation of them all, or, where many units are usual, by that of periods of such a
size, if it is larger: promotions vary more than counts do. What is larger than a threshold is an outlier, unless it
goes on: then the level has changed. No period is an outlier whose yes/no drivers were seen together too seldom to say
what is usual.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.series.gapped import Floats

THRESHOLD = 4.0
"""Robust standard deviations from the usual."""
LEAST_SHARE = 0.4
"""Of the usual units, by which an outlier differs from them at least."""
LEVEL_WINDOWS = {"D": 57, "W": 17, "M": 9, "Q": 5}
"""Periods around each over which its level is taken."""
LONGEST_RUN = {"D": 7, "W": 2, "M": 1, "Q": 1}
"""Consecutive periods, all too high or all too low, beyond which it is the level that changed."""
LEAST_HISTORY = {"D": 56, "W": 26, "M": 24, "Q": 12}
"""Known periods below which nothing is said."""
LEAST_SPREAD = 0.05
"""Share of its usual value by which demand that is measured, not counted, is taken to vary at least."""
LEAST_SEEN = 4
"""Periods in a state before it is known what is usual in it."""
SIZES, LEAST_IN_SIZE = 5, 10
"""Parts into which periods are ordered by their usual units, and periods in each, to see if large ones vary more."""
CLEARLY = 1.5
"""Times the spread of all that the largest have at least, to have one of their own."""
ROUNDS, REWEIGHTED = 3, 5
_NORMAL = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
_BISQUARE = 4.685


@dataclass(frozen=True)
class Usual:
    """What is usual of each period of the history; arrays of shape (periods,)."""

    units: Floats
    """Units that would be usual; NaN where it cannot be said."""
    score: Floats
    """Robust standard deviations that the demand lies above (or, negative, below) it; NaN where either is unknown."""
    is_outlier: npt.NDArray[np.bool_]


def usual_demand(demand: pd.DataFrame, dataset: Dataset) -> Usual:
    """What is usual of each period, and which periods are outliers.

    Nothing is said of a short history, nor of demand that is zero in most periods.

    Args:
        demand: schema Demand: one row a period, oldest first; of ``demand`` what was sold.
        dataset: its frequency and drivers.
    """
    sold = demand["demand"].to_numpy(dtype=np.float64)
    frequency = dataset.frequency
    known = sold[~np.isnan(sold)]
    if len(known) < LEAST_HISTORY[frequency] or not np.median(known):
        nothing = np.full(len(sold), np.nan)
        return Usual(nothing, nothing, np.zeros(len(sold), dtype=bool))
    weekdays = pd.DatetimeIndex(demand["date"]).dayofweek.to_numpy() if frequency == "D" else np.zeros(len(sold), int)
    states, numbers = _states(demand, dataset), _numbers(demand, dataset)
    level, week, state, driven = sold, np.ones(len(sold)), np.ones(len(sold)), np.ones(len(sold))
    for _ in range(ROUNDS):
        level = _level(sold / (week * state * driven), LEVEL_WINDOWS[frequency])
        week = _by_group(_ratio(sold, level * state * driven), weekdays)
        week = week / np.nanmean(week)
        state = _by_group(_ratio(sold, level * week * driven), states)
        driven = _driven(_ratio(sold, level * week * state), numbers)
    units = level * week * state * driven
    score = _scores(sold, units)
    far = (np.abs(score) > THRESHOLD) & (np.abs(sold - units) > LEAST_SHARE * units)
    return Usual(units, score, far & ~_goes_on(np.where(far, np.sign(score), 0.0), LONGEST_RUN[frequency]))


def _ratio(sold: Floats, usual: Floats) -> Floats:
    ratio: Floats = np.divide(sold, usual, out=np.full(len(sold), np.nan), where=usual > 0)
    return ratio


def _states(demand: pd.DataFrame, dataset: Dataset) -> npt.NDArray[np.int64]:
    """A number for what the yes/no drivers of each period are together."""
    codes = np.zeros(len(demand), dtype=np.int64)
    for driver in dataset.drivers:
        if driver.kind == "yes_no":
            codes = codes * 2 + (demand[driver.name].fillna(0).to_numpy(dtype=float) > 0)
    return codes


def _numbers(demand: pd.DataFrame, dataset: Dataset) -> Floats:
    """Number drivers, logarithms of those that are always positive, about their medians; shape (periods, drivers)."""
    columns = []
    for driver in dataset.drivers:
        if driver.kind == "number":
            values = demand[driver.name].to_numpy(dtype=np.float64)
            known = values[~np.isnan(values)]
            if not len(known) or known.min() == known.max():
                continue
            values = np.log(values) if known.min() > 0 else values
            values = values - np.nanmedian(values)
            columns.append(np.nan_to_num(values / np.nanstd(values)))
    return np.stack(columns, axis=1) if columns else np.zeros((len(demand), 0))


def _level(cleared: Floats, window: int) -> Floats:
    """The running median around each period; at both ends of as many periods as there are, half the window at least."""
    median = pd.Series(cleared).rolling(window, center=True, min_periods=window // 4).median()
    return np.asarray(median.ffill().bfill() if median.hasnans else median, dtype=np.float64)


def _by_group(ratio: Floats, groups: npt.NDArray[np.int64]) -> Floats:
    """The median of each period's group; NaN for groups that were seen too seldom, and where a median is zero."""
    medians = np.full(len(ratio), np.nan)
    for group in np.unique(groups):
        members = groups == group
        known = ratio[members & ~np.isnan(ratio)]
        if len(known) >= LEAST_SEEN and (median := float(np.median(known))) > 0:
            medians[members] = median
    return medians


def _driven(ratio: Floats, numbers: Floats) -> Floats:
    """What number drivers multiply demand by in each period."""
    use = np.nan_to_num(ratio) > 0
    if not numbers.shape[1] or np.count_nonzero(use) < 10 * numbers.shape[1]:
        return np.ones(len(ratio))
    wanted, columns = np.log(ratio[use]), np.column_stack([np.ones(np.count_nonzero(use)), numbers[use]])
    weights = np.ones(len(wanted))
    effects = np.zeros(columns.shape[1])
    for _ in range(REWEIGHTED):
        weighed = columns * weights[:, None]
        effects = np.linalg.solve(columns.T @ weighed + 1e-3 * np.eye(columns.shape[1]), weighed.T @ wanted)
        rest = wanted - columns @ effects
        spread = max(_NORMAL * float(np.median(np.abs(rest - np.median(rest)))), 1e-6)
        weights = np.clip(1 - (rest / (_BISQUARE * spread)) ** 2, 0.0, None) ** 2
    return np.exp(np.clip(numbers @ effects[1:], -3.0, 3.0))


def _scores(sold: Floats, units: Floats) -> Floats:
    known = sold[~np.isnan(sold)]
    difference = 2 * (np.sqrt(np.maximum(sold, 0) + 0.375) - np.sqrt(units + 0.375))
    is_counted = (known == np.round(known)).all()
    least = 1.0 if is_counted else LEAST_SPREAD * float(np.sqrt(np.median(known)))  # Poisson's is 1 on this scale
    return difference / np.maximum(_spread_by_size(difference, units), least)


def _spread_by_size(difference: Floats, units: Floats) -> Floats:
    """How much differences from the usual units vary, of each period: as all do, or more where many units are usual, as
    in a promotion, if there they are seen to vary more than counts do."""
    all_alike = _spread(difference)
    both = np.flatnonzero(~np.isnan(difference) & ~np.isnan(units))
    parts = np.array_split(both[np.argsort(units[both], kind="stable")], SIZES)
    if len(both) < SIZES * LEAST_IN_SIZE or np.median(units[parts[0]]) == np.median(units[parts[-1]]):
        return np.full(len(units), all_alike)
    sizes = np.array([np.median(units[part]) for part in parts])
    squares = [_spread(difference[part]) ** 2 for part in parts]
    if squares[-1] < (CLEARLY * all_alike) ** 2:
        return np.full(len(units), all_alike)
    slope, start = np.polyfit(sizes, squares, 1)
    return np.asarray(np.sqrt(np.maximum(all_alike ** 2, start + slope * np.nan_to_num(units))), dtype=np.float64)


def _spread(difference: Floats) -> float:
    return _NORMAL * float(np.nanmedian(np.abs(difference - np.nanmedian(difference))))


def _goes_on(sides: Floats, longest: int) -> npt.NDArray[np.bool_]:
    """Whether each period is in a run of more than ``longest`` periods on the same side."""
    runs = np.cumsum(np.diff(sides, prepend=np.nan) != 0)
    return np.asarray((np.bincount(runs)[runs] > longest) & (sides != 0))
