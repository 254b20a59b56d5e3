"""Intervals from backtest errors: what is kept with a model so that its doubt can be drawn."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from demand_assets.forecasting.features import Floats, Ints

LEVELS = (0.5, 0.8, 0.95)


@dataclass(frozen=True)
class Calibration:
    """Signed error quantiles, in multiples of the scale of a forecast, and how errors grow with the lead.

    Split conformal prediction on scaled residuals (Lei et al., 2018, section 2.2 and 5.2), one scale function for
    all leads: the geometric mean of forecast and level, times the growth at the lead.
    """

    lower: tuple[float, ...]
    """For each of LEVELS, at most 0."""
    upper: tuple[float, ...]
    """For each of LEVELS, at least 0."""
    slope: float
    """Growth of the error for each period of lead; the growth at the middle of the horizon is 1."""
    horizon: int

    @classmethod
    def from_errors(cls, errors: Floats, scale: Floats, leads: Ints, horizon: int) -> Self:
        """Calibrated on errors of forecasts that had not seen their actuals.

        Args:
            errors: actual minus forecast in units, shape (n,); NaN where the actual is unknown.
            scale: ``error_scale`` of the forecasts, shape (n,).
            leads: shape (n,).
        """
        known = ~np.isnan(errors)
        scaled, leads = errors[known] / scale[known], leads[known]
        slope = _growth(np.abs(scaled), leads, horizon)
        scaled = scaled / _growth_at(leads, slope, horizon)
        tails = [(1 - level) / 2 for level in LEVELS]
        return cls(lower=tuple(min(0.0, -_conformal_quantile(-scaled, tail)) for tail in tails),
                   upper=tuple(max(0.0, _conformal_quantile(scaled, tail)) for tail in tails),
                   slope=slope, horizon=horizon)

    def interval(self, forecast: Floats, scale: Floats, leads: Ints, level: float = 0.8) -> tuple[Floats, Floats]:
        """Lower and upper bound in units, around forecasts of shape (n,); the lower is never negative."""
        index = LEVELS.index(level)
        width = scale * _growth_at(leads, self.slope, self.horizon)
        return np.maximum(forecast + self.lower[index] * width, 0.0), forecast + self.upper[index] * width

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return {"lower": self.lower, "upper": self.upper, "slope": self.slope, "horizon": self.horizon}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """What ``to_json`` gave."""
        return cls(lower=tuple(fields["lower"]), upper=tuple(fields["upper"]), slope=fields["slope"],
                   horizon=fields["horizon"])


def error_scale(forecast: Floats, level: Floats) -> Floats:
    """The size of error to expect of a forecast, up to a factor: between the square root and the whole of it."""
    return np.sqrt(np.maximum(forecast, 0.05 * level) * level)


def _growth(sizes: Floats, leads: Ints, horizon: int) -> float:
    if horizon < 2 or len(sizes) < 2 or sizes.sum() == 0:
        return 0.0
    slope = float(np.polyfit(leads, sizes / sizes.mean(), 1)[0])
    return min(max(slope, 0.0), 1.0 / horizon)


def _growth_at(leads: Ints, slope: float, horizon: int) -> Floats:
    return 1.0 + slope * (leads.astype(np.float64) - (horizon + 1) / 2)


def _conformal_quantile(values: Floats, tail: float) -> float:
    """The value that a new one exceeds with probability at most ``tail``; the largest when there are too few."""
    if len(values) == 0:
        return 0.0
    rank = int(np.ceil((len(values) + 1) * (1 - tail)))
    return float(np.sort(values)[min(rank, len(values)) - 1])
