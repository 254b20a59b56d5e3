"""Croston's method with the correction of Syntetos and Boylan (2005), for demand with many zeros.

Sizes of sales and the intervals between them are smoothed apart. The weight is the one with the least squared error
one step ahead. It needs numpy alone, as statsforecast's CrostonSBA has a fixed weight.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from demand_assets.forecasting.challengers.protocol import Capabilities, History, without_gaps
from demand_assets.forecasting.series.gapped import Floats

WEIGHTS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3)


@dataclass(frozen=True)
class FittedCroston:
    """The weight of the newest sale."""

    weight: float

    def save(self) -> dict[str, Any]:
        """The weight."""
        return {"weight": self.weight}

    def predict(self, history: History) -> Floats:
        """The same demand for each period."""
        return np.full(history.horizon, expected_rates(without_gaps(history), self.weight)[-1])


class Croston:
    """Croston's method."""

    title = "Croston (SBA)"
    capabilities = Capabilities()

    def fit(self, history: History) -> FittedCroston:
        """With the weight that forecast best one period ahead."""
        demand = without_gaps(history)
        errors = [float(np.mean((demand[1:] - expected_rates(demand, weight)[:-1]) ** 2)) if len(demand) > 1 else 0.0
                  for weight in WEIGHTS]
        return FittedCroston(WEIGHTS[int(np.argmin(errors))])

    def load(self, saved: dict[str, Any]) -> FittedCroston:
        """What was saved."""
        return FittedCroston(float(saved["weight"]))


def expected_rates(demand: Floats, weight: float) -> Floats:
    """Units a period that are expected at the end of each one; shape as ``demand``, 0 before the first sale."""
    rates, size, interval, since = np.zeros(len(demand)), 0.0, 0.0, 1
    for place, units in enumerate(demand):
        if units > 0:
            is_first = interval == 0
            size = units if is_first else size + weight * (units - size)
            interval = float(since) if is_first else interval + weight * (since - interval)
            since = 0
        since += 1
        rates[place] = (1 - weight / 2) * size / interval if interval else 0.0
    return rates
