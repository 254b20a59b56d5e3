"""Demand as models learn it: what planners adjusted stands in place of what was sold, and what is carried over from
another item where nothing of its own is known."""

import numpy as np
import pandas as pd

from demand_assets.forecasting.series.censored_demand import observed_periods

ADJUSTED = "demand:adjusted"
"""The column beside ``demand``: units in place of what was sold, NaN where nothing is adjusted. No driver can be called
so; a table without adjustments does not have it."""

CARRIED = "demand:carried"
"""Units carried over from other items, NaN where none are; in these periods ``demand`` is unknown. A table without
predecessors does not have it."""
PAST = "demand:past"
"""Beside ``CARRIED``: 1 in the periods before the future begins, which own demand alone does not tell."""


def learned(demand: pd.DataFrame) -> np.ndarray:
    """Units of each period as models learn them: adjusted where adjusted, else sold, else carried over; NaN where
    unknown."""
    units = demand["demand"].to_numpy(dtype=np.float64)
    for name, is_first in ((CARRIED, False), (ADJUSTED, True)):
        if name in demand:
            others = demand[name].to_numpy(dtype=np.float64)
            units = np.where(np.isnan(others), units, others) if is_first else np.where(np.isnan(units), others, units)
    return units


def known_periods(demand: pd.DataFrame) -> int:
    """Periods before the future begins: up to the last with known demand, or the last out of stock; 1 where there is
    none."""
    past = int(np.count_nonzero(demand[PAST].to_numpy(dtype=np.float64) == 1)) if PAST in demand else 1
    return max(past, observed_periods(demand), 1)
