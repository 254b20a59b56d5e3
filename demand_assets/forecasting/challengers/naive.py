"""Demand of the season before, repeated."""

from typing import Any

import numpy as np

from demand_assets.forecasting.challengers.protocol import Capabilities, History, without_gaps
from demand_assets.forecasting.series.gapped import Floats


class SeasonalNaive:
    """The class, and its fit: there is nothing to learn."""

    title = "seasonal naive"
    capabilities = Capabilities()

    def fit(self, history: History) -> "SeasonalNaive":
        """Itself."""
        return self

    def load(self, saved: dict[str, Any]) -> "SeasonalNaive":
        """Itself."""
        return self

    def save(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def predict(self, history: History) -> Floats:
        """The last season, as often as the horizon needs."""
        last = without_gaps(history)[-history.season:]
        return np.resize(last, history.horizon).astype(np.float64)
