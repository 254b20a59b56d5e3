"""The level of demand, which features and targets are divided by, so that a model learns shapes, not sizes."""

import numpy as np

from demand_assets.forecasting.series.gapped import Floats, trailing_sum

LEVEL_WINDOW = {"D": 28, "W": 8, "M": 12, "Q": 4}
LEVEL_FLOOR = 0.05
"""Share of the mean positive demand known at the origin below which no level falls."""
SHRINKAGE_PERIODS = 2.0
"""Weight of the long-run mean in the level, in periods."""


def level_of(cleared: Floats, frequency: str, borrowed: float = 1.0) -> Floats:
    """The level at the end of each period, in units, positive; shape (periods,).

    Args:
        cleared: demand without what drivers did to it, in units; NaN where unknown.
        borrowed: the level before anything was known, in units; it fades with every period in which nothing is sold.
    """
    window = LEVEL_WINDOW[frequency]
    recent, count = trailing_sum(cleared, window)
    total, seen = trailing_sum(cleared, len(cleared))
    positive, sold = trailing_sum(np.where(cleared > 0, cleared, np.nan), len(cleared))
    long_run = total / np.maximum(seen, 1)
    level = (recent + SHRINKAGE_PERIODS * long_run) / (count + SHRINKAGE_PERIODS)
    floor = LEVEL_FLOOR * positive / np.maximum(sold, 1)
    fading = borrowed * window / (window + seen)
    return np.where(sold > 0, np.maximum(level, floor), fading)


def largest_so_far(demand: Floats) -> Floats:
    """The largest demand up to the end of each period, in units; shape (periods,)."""
    return np.maximum.accumulate(np.nan_to_num(demand, nan=0.0))
