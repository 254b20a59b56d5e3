"""Plain forecasts that stand beside the boosters, each with the same weight as they have together.

Where seasons are a year long, a history has few of them, and boosters learn from a few hundred rows what the level and
last year say at once; short or unsteady series tell little more than a level and a season. Their errors differ, so the
mean is often better than either.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from demand_assets.forecasting.contract.periods import Frequency
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.series_features import SMOOTHED
from demand_assets.forecasting.series.gapped import Floats

LEVEL = "level"
"""The level at the origin, for every lead."""
LAST_YEAR = "last_year"
"""The same period a year before; where it is unknown, of two years before, else the level."""
SMOOTHED_SEASON = "smoothed_season"
"""A level that is exponentially smoothed, and the season on it as far as it shows; else the level."""
MEMBERS: tuple[tuple[str, ...], ...] = ((LEVEL,), (LAST_YEAR,), (LEVEL, LAST_YEAR))
"""Those that may stand beside the boosters together, of weeks and months."""
BY_FREQUENCY: dict[Frequency, tuple[tuple[str, ...], ...]] = {
    "D": ((SMOOTHED_SEASON,),), "W": MEMBERS, "M": MEMBERS, "Q": ((SMOOTHED_SEASON,),)}
"""The same by frequency, as they were seen to help on windows that came after."""


def that_may_stand(dataset: Dataset) -> tuple[tuple[str, ...], ...]:
    """The plain members that may stand beside the boosters of a dataset together: none where a driver moves demand,
    which they know nothing of, so that a what-if would be halved."""
    return () if dataset.drivers else BY_FREQUENCY[dataset.frequency]


def plain_ratios(names: Sequence[str], rows: npt.NDArray[np.float32], place_of: Mapping[str, int]) -> list[Floats]:
    """What each of them says, as demand over the level at the origin; each of shape (n,).

    Args:
        rows: of all features, shape (n, features).
        place_of: name -> place of each feature.
    """
    found = []
    for name in names:
        ratio = np.full(len(rows), np.nan)
        if name == LAST_YEAR:
            for column in _of_last_year(place_of):
                ratio = np.where(np.isnan(ratio), rows[:, column].astype(np.float64), ratio)
        if name == SMOOTHED_SEASON:
            ratio = rows[:, place_of[SMOOTHED]].astype(np.float64)
        found.append(np.where(np.isnan(ratio), 1.0, ratio))
    return found


def _of_last_year(place_of: Mapping[str, int]) -> list[int]:
    """The places of demand of the same period one and two years before; the longest season is the year."""
    seasons = {int(name.split("_")[1]) for name in place_of if name.startswith("season_") and name.endswith("_lag_1")}
    return [place_of[f"season_{max(seasons)}_lag_{back}"] for back in (1, 2)]
