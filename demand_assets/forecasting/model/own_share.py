"""How much of its own booster a region-item's forecast takes: its own evidence, drawn to what holds for all.

A region-item's best share is estimated from its errors in windows that neither fit had seen. Such an estimate is noisy,
so it is drawn to the share that is best for all, by empirical Bayes: far where the region-item's windows say little or
where region-items hardly differ, not at all where they say much (Efron and Morris, 1975).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np

from demand_assets.forecasting.series.gapped import Floats

SHARE_PRIOR = "share_prior"
"""The entry of a pooled model's card."""
FEWEST_PAIRS = 10
"""Region-items with two telling windows; of fewer no spread is told."""
FARTHEST = 2.0
"""Distance from the mean share that one window may show."""
LEAST_UNITS = 1e-6
"""Of the evidence: with less the own booster says the same as the pooled one."""


@dataclass(frozen=True)
class Evidence:
    """What forecasts of known periods say of the share: a quasi-Poisson score and information, which add up."""

    score: float = 0.0
    """Sum of (actual - pooled) x own margin."""
    information: float = 0.0
    """Sum of pooled x own margin squared."""
    chi_square: float = 0.0
    """Sum of (actual - pooled)^2 / pooled: over ``periods`` it is how much more than counts demand is spread."""
    periods: int = 0

    @classmethod
    def of(cls, actual: Floats, pooled: Floats, own: Floats) -> Self:
        """The evidence of some forecasts, in units; those of unknown periods, and of none, tell nothing.

        Args:
            own: by the own booster at full share: ``pooled`` times the exponential of its margin.
        """
        use = ~np.isnan(actual) & (pooled > 0) & (own > 0)
        actual, pooled = actual[use], pooled[use]
        margin = np.log(own[use] / pooled)
        return cls(float(((actual - pooled) * margin).sum()), float((pooled * margin**2).sum()),
                   float(((actual - pooled) ** 2 / pooled).sum()), int(use.sum()))

    def __add__(self, other: "Evidence") -> "Evidence":
        return Evidence(self.score + other.score, self.information + other.information,
                        self.chi_square + other.chi_square, self.periods + other.periods)

    @property
    def says_something(self) -> bool:
        """Whether a share can be told from it."""
        return self.information > LEAST_UNITS and self.chi_square > 0

    @property
    def estimate(self) -> float:
        """The share that fits best."""
        return self.score / self.information

    @property
    def variance(self) -> float:
        """Of the estimate, were the errors of neighbouring periods independent."""
        return self.chi_square / self.periods / self.information


@dataclass(frozen=True)
class SharePrior:
    """What is known of the best share of any region-item before its own windows are looked at."""

    mean: float
    spread: float = 0.0
    """Standard deviation between region-items; 0: all have the same share."""
    clustering: float = 1.0
    """How many times more the estimates of a region-item's windows differ than if errors were independent."""

    def share(self, evidence: Evidence) -> float:
        """The posterior mean, 0 to 1; the prior's where there is no evidence."""
        if not self.spread or not evidence.says_something:
            return self.mean
        noise, between = evidence.variance * self.clustering, self.spread**2
        return round(float(np.clip((self.mean * noise + evidence.estimate * between) / (noise + between), 0.0, 1.0)), 4)

    def to_json(self) -> dict[str, float]:
        """As JSON types."""
        return {name: round(value, 5) for name, value in asdict(self).items()}

    @classmethod
    def from_card(cls, share: float, card: dict[str, Any]) -> Self:
        """That of a pooled model; where it has none, as those of earlier versions, all have the recipe's share."""
        return cls(**card[SHARE_PRIOR]) if SHARE_PRIOR in card else cls(share)


def prior_of(mean: float, windows: Sequence[Sequence[Evidence]]) -> SharePrior:
    """The prior with the spread between region-items that their windows show beyond chance.

    What two windows of one region-item have in common is no chance: the mean product of their distances from the mean
    share is the variance between region-items. Each counts by how sure its estimates are.

    Args:
        windows: of each region-item, the evidence of each of its windows.
    """
    pairs = [(first, second) for each in windows for first, second in pairwise(each)
             if first.says_something and second.says_something]
    if len(pairs) < FEWEST_PAIRS:
        return SharePrior(mean)
    estimate, noise = (np.array([[getattr(one, name) for one in pair] for pair in pairs])
                       for name in ("estimate", "variance"))
    weight = 1 / (noise.sum(axis=1) + np.median(noise))
    off = np.clip(estimate - mean, -FARTHEST, FARTHEST)
    between = float(np.average(off[:, 0] * off[:, 1], weights=weight))
    apart = float(np.average((off[:, 0] - off[:, 1])**2 / noise.sum(axis=1)))
    products = off[:, 0] * off[:, 1] - between
    error = float(np.sqrt((weight**2 * products**2).sum()) / weight.sum())
    # Chance alone gives a spread half of the time: what it may give is taken off.
    return SharePrior(mean, float(np.sqrt(max(0.0, between - error))), max(1.0, apart))
