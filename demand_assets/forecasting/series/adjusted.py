"""Demand as models learn it: what planners adjusted stands in place of what was sold."""

import numpy as np
import pandas as pd

ADJUSTED = "demand:adjusted"
"""The column beside ``demand``: units in place of what was sold, NaN where nothing is adjusted. No driver can be called
so; a table without adjustments does not have it."""


def learned(demand: pd.DataFrame) -> np.ndarray:
    """Units of each period as models learn them: adjusted where adjusted, else sold; NaN where unknown."""
    sold = demand["demand"].to_numpy(dtype=np.float64)
    if ADJUSTED not in demand:
        return sold
    adjusted = demand[ADJUSTED].to_numpy(dtype=np.float64)
    return np.where(np.isnan(adjusted), sold, adjusted)
