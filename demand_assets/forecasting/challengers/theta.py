"""The Theta method: exponential smoothing with half of the linear trend, on demand cleared of its season.

Source: Assimakopoulos and Nikolopoulos (2000), as exponential smoothing with drift (Hyndman and Billah, 2003). It needs
numpy alone.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from demand_assets.forecasting.challengers.protocol import Capabilities, History, without_gaps
from demand_assets.forecasting.series.gapped import Floats

WEIGHTS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 0.9)
LONGEST_SEASON = 60
SIGNIFICANT = 1.645
"""Standard errors of the autocorrelation over one season from which demand counts as seasonal."""


@dataclass(frozen=True)
class FittedTheta:
    """What it learned."""

    weight: float
    """Of the newest period in the level."""
    drift: float
    """Units a period: half of the slope of the straight line through all demand."""
    season: tuple[float, ...]
    """What each place of the season multiplies demand by; 1 where there is none."""
    start: str
    """The first date of the history that it was fitted on, ISO: where the first place of the season is."""

    def save(self) -> dict[str, Any]:
        """Its fields."""
        return asdict(self)

    def predict(self, history: History) -> Floats:
        """The level at the history's end, the drift and the season."""
        demand = without_gaps(history)[history.dates >= np.datetime64(self.start)]
        season, ahead = np.array(self.season), np.arange(history.horizon)
        clean = demand / season[np.arange(len(demand)) % len(season)]
        level = _levels(clean, self.weight, self.drift)[-1]
        return np.asarray((level + self.drift * (ahead + 1)) * season[(len(demand) + ahead) % len(season)])


class Theta:
    """The Theta method."""

    title = "Theta"
    capabilities = Capabilities()

    def fit(self, history: History) -> FittedTheta:
        """With the weight that forecast best one period ahead."""
        demand = without_gaps(history)
        season = _season(demand, history.season)
        clean = demand / season[np.arange(len(demand)) % len(season)]
        drift = float(np.polyfit(np.arange(len(clean)), clean, 1)[0]) / 2 if len(clean) > 1 else 0.0
        errors = [float(np.mean((clean[1:] - drift - _levels(clean, weight, drift)[:-1]) ** 2)) if len(clean) > 1
                  else 0.0 for weight in WEIGHTS]
        return FittedTheta(WEIGHTS[int(np.argmin(errors))], drift, tuple(float(value) for value in season),
                           str(history.dates[0]))

    def load(self, saved: dict[str, Any]) -> FittedTheta:
        """What was saved."""
        return FittedTheta(**{**saved, "season": tuple(saved["season"])})


def _levels(demand: Floats, weight: float, drift: float) -> Floats:
    """The smoothed level at the end of each period."""
    levels = np.empty(len(demand))
    level = levels[0] = demand[0]
    for place in range(1, len(demand)):
        level = level + drift + weight * (demand[place] - level - drift)
        levels[place] = level
    return levels


def _season(demand: Floats, periods: int) -> Floats:
    """What each place of the season multiplies demand by, 1 on average; all 1 where demand shows no season."""
    none = np.ones(1)
    if periods > LONGEST_SEASON or len(demand) < 2 * periods or not demand.std():
        return none
    off = demand - demand.mean()
    correlations = np.array([float((off[lag:] * off[:-lag]).sum() / (off**2).sum()) for lag in range(1, periods + 1)])
    error = np.sqrt((1 + 2 * (correlations[:-1] ** 2).sum()) / len(demand))
    if correlations[-1] <= SIGNIFICANT * error:
        return none
    means = np.array([demand[place::periods].mean() for place in range(periods)])
    season = means / means.mean() if means.mean() else np.ones(periods)
    return np.asarray(season) if season.min() > 0 else none
