"""Exponential smoothing: chosen and fitted by statsforecast's AutoETS, forecast by numpy alone.

Source: Hyndman et al. (2008), the recursions of their chapter 2: the states of a model do not depend on whether its
errors are additive or multiplicative once its parameters are known.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from demand_assets.forecasting.challengers.protocol import Capabilities, History, without_gaps
from demand_assets.forecasting.series.gapped import Floats

LONGEST_SEASON = 24
"""Periods; AutoETS is not made for longer ones."""
FEWEST_SEASONS = 2
TINY = 1e-10


@dataclass(frozen=True)
class FittedETS:
    """One model of the family: its parameters, and the states that it starts from."""

    trend: str
    """N or A, as AutoETS names them; a damped one has ``phi`` below 1."""
    season: str
    """N, A or M."""
    periods: int
    """Of the season; 1 where there is none."""
    alpha: float
    beta: float
    gamma: float
    phi: float
    level: float
    slope: float
    """Zero without a trend."""
    seasonal: tuple[float, ...]
    """The states of the season, those of the latest period first."""
    start: str
    """The first date of the history that it was fitted on, ISO."""

    def save(self) -> dict[str, Any]:
        """Its fields."""
        return asdict(self)

    def predict(self, history: History) -> Floats:
        """By the recursion over all of the history, then ahead."""
        demand = without_gaps(history)[history.dates >= np.datetime64(self.start)]
        level, slope, seasonal = self.level, self.slope, list(self.seasonal)
        for value in demand:
            usual = level + self.phi * slope
            old = seasonal[-1] if seasonal else 0.0
            clean = value if self.season == "N" else value - old if self.season == "A" else value / max(old, TINY)
            before, level = level, usual + self.alpha * (clean - usual)
            if self.trend != "N":
                slope = self.phi * slope + (self.beta / max(self.alpha, TINY)) * (level - before - self.phi * slope)
            if self.season != "N":
                clean = value - usual if self.season == "A" else value / max(usual, TINY)
                seasonal = [old + self.gamma * (clean - old), *seasonal[:-1]]
        ahead = np.arange(1, history.horizon + 1)
        damped = np.cumsum(self.phi ** ahead) if self.phi < 1 else ahead
        units = level + slope * damped
        if self.season == "N":
            return np.asarray(units)
        pattern = np.array(seasonal[::-1])[(ahead - 1) % self.periods]
        return np.asarray(units + pattern if self.season == "A" else units * pattern)


class ExponentialSmoothing:
    """AutoETS."""

    title = "AutoETS"
    capabilities = Capabilities(needs_to_fit=("statsforecast",))

    def fit(self, history: History) -> FittedETS:
        """The model of the family with the least corrected AIC."""
        from statsforecast.models import AutoETS

        demand = without_gaps(history)
        periods = history.season if history.season <= LONGEST_SEASON else 1
        if len(demand) < FEWEST_SEASONS * periods + 1:
            periods = 1
        found = AutoETS(season_length=periods, model="ZZZ").fit(demand).model_
        _, trend, season, _ = found["components"]
        parameters = [float(value) for value in found["par"]]
        alpha, beta, gamma, phi = (_number(value, usual) for value, usual in zip(
            parameters[:4], (0.0, 0.0, 0.0, 1.0), strict=True))
        states = [float(value) for value in np.asarray(found["states"])[0]]
        return FittedETS(
            trend=str(trend), season=str(season), periods=periods if season != "N" else 1, alpha=alpha, beta=beta,
            gamma=gamma, phi=phi, level=states[0], slope=states[1] if trend != "N" else 0.0,
            seasonal=tuple(states[1 + (trend != "N"):]) if season != "N" else (), start=str(history.dates[0]))

    def load(self, saved: dict[str, Any]) -> FittedETS:
        """What was saved."""
        return FittedETS(**{**saved, "seasonal": tuple(saved["seasonal"])})


def _number(value: float, usual: float) -> float:
    return float(value) if np.isfinite(value) else usual
