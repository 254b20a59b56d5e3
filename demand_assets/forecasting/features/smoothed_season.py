"""An exponentially smoothed level and the season that stands on it, as both are known at the end of each period.

It is the theta method's level and season (Assimakopoulos and Nikolopoulos, 2000) without its drift, for all origins at
once. The season is that of classical decomposition, periods over the centred mean of one season around them, drawn to
none as far as it may be chance (positive part of James and Stein, 1961).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from demand_assets.forecasting.series.gapped import Floats, Ints

WEIGHT = {"D": 0.1, "Q": 0.4}
"""Of the newest period in the level, where it is asked for."""
LONGEST_SEASON = 60
"""Periods of a season beyond which none is looked for: of a longer one too few repeats are there."""
FORGOTTEN = 1e-4
"""Weight below which a period no longer counts."""
KNOWN_OF_A_SEASON = 0.75
"""Share of a season's periods that must be known for their mean to stand for it."""
ENOUGH_REPEATS = 2
"""Periods beyond one of each place of the season from which on chance can be told from season."""
WITHOUT_REPEATS = 0.5
"""Share of a season that is believed before."""


@dataclass(frozen=True)
class SmoothedSeason:
    """What is known at the end of each period, without what comes after it."""

    level: Floats
    """Units in a period of usual season, shape (periods,); NaN before anything is known."""
    season: Floats
    """What each place of the season multiplies it by, 1 in the mean, shape (periods, places)."""

    @classmethod
    def of(cls, demand: Floats, season_length: int, frequency: str) -> "SmoothedSeason":
        """Of demand in units, NaN where unknown, shape (periods,)."""
        season_length = season_length if season_length <= LONGEST_SEASON else 1
        known = ~np.isnan(demand)
        units = np.where(known, demand, 0.0)
        season = _season(units, known, season_length)
        places = np.arange(len(demand)) % season_length
        usual = np.where(known, season[np.arange(len(demand)), places], 0.0)
        kept = 1 - WEIGHT[frequency]
        weights = kept ** np.arange(min(len(demand), int(np.log(FORGOTTEN) / np.log(kept)) + 1))
        sums, usual_sums = (np.convolve(values, weights)[: len(demand)] if len(demand) else values
                            for values in (units, usual))
        return cls(np.divide(sums, usual_sums, out=np.full(len(demand), np.nan), where=usual_sums > 0), season)

    def at(self, origins: Ints, leads: Ints) -> Floats:
        """The forecast in units of pairs of origin and lead, each of shape (n,)."""
        places = (origins + leads) % self.season.shape[1]
        return np.asarray(self.level[origins] * self.season[origins, places])


def _season(units: Floats, known: npt.NDArray[np.bool_], length: int) -> Floats:
    """As ``SmoothedSeason.season``, of units that are 0 where not known."""
    periods, half = len(units), length // 2
    if periods <= length:
        return np.ones((periods, length))
    window = np.ones(2 * half + 1)
    if length % 2 == 0:
        window[[0, -1]] = 0.5
    counts = np.convolve(known, window, mode="valid")
    around = np.divide(np.convolve(units, window, mode="valid"), counts, out=np.zeros(len(counts)), where=counts > 0)
    middle = slice(half, periods - half)
    use = known[middle] & (counts >= KNOWN_OF_A_SEASON * length)
    of_place = (np.arange(periods)[middle] % length)[:, None] == np.arange(length)

    def so_far(values: Floats) -> Floats:
        """Their sum for each place as known at the end of each period: half a season later."""
        summed = np.zeros((periods, length))
        summed[2 * half:] = np.cumsum(np.where(use, values, 0.0)[:, None] * of_place, axis=0)
        return summed

    off = units[middle] - around
    count, usual, sold = so_far(np.ones(len(around))), so_far(around), so_far(units[middle])
    deviation, squares = so_far(off), so_far(off**2).sum(axis=1)
    mean = deviation / np.maximum(count, 1)
    total, places = count.sum(axis=1), (count > 0).sum(axis=1)
    over_all = deviation.sum(axis=1) / np.maximum(total, 1)
    between = (count * (mean - over_all[:, None]) ** 2).sum(axis=1) / np.maximum(places - 1, 1)
    within = np.maximum(squares - (count * mean**2).sum(axis=1), 0.0) / np.maximum(total - places, 1)
    chance = np.divide(within, between, out=np.ones(periods), where=between > 0)
    believed = np.where(total - places >= ENOUGH_REPEATS, np.maximum(0.0, 1 - chance), WITHOUT_REPEATS)
    found = 1 + believed[:, None] * (np.divide(sold, usual, out=np.ones_like(sold), where=usual > 0) - 1)
    return np.asarray(found / np.maximum(found.mean(axis=1, keepdims=True), 1e-9))
