"""Histories made by hand."""

import numpy as np
import pytest

from demand_assets.forecasting.challengers.protocol import History


@pytest.fixture
def week() -> History:
    """Four weeks of days: the same 10 to 70 units each week, a promo on the last day known and the first ahead."""
    days = np.datetime64("2026-01-05") + np.arange(35)
    promo = np.zeros(35)
    promo[[27, 28]] = 1.0
    return History(dates=days[:28], demand=np.tile(np.arange(10.0, 80.0, 10.0), 4), drivers={"promo": promo[:28]},
                   future_dates=days[28:], future={"promo": promo[28:]}, frequency="D", season_lengths=(7, 364),
                   options={})
