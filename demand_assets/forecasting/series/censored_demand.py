"""Demand that is known from below only: of periods out of stock, what was sold is the least that was wanted."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.dataset.demand.stock_entries import AT_LEAST
from demand_assets.forecasting.series.gapped import Floats


def at_least(demand: pd.DataFrame) -> Floats:
    """Units that were sold in each period out of stock; NaN in all others; shape (periods,)."""
    if AT_LEAST not in demand:
        return np.full(len(demand), np.nan)
    return demand[AT_LEAST].to_numpy(dtype=np.float64)


def observed(demand: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Whether a period is the past: its demand is known, or known from below; shape (periods,)."""
    return np.asarray(demand["demand"].notna().to_numpy() | ~np.isnan(at_least(demand)))


def observed_periods(demand: pd.DataFrame) -> int:
    """How many periods there are up to the last that is the past; 0 where none is."""
    there = np.flatnonzero(observed(demand))
    return int(there[-1]) + 1 if len(there) else 0


def sold(demand: pd.DataFrame) -> Floats:
    """Units sold in each period, out of stock or not, for whoever looks at sales and not at demand; NaN where unknown;
    shape (periods,)."""
    units = demand["demand"].to_numpy(dtype=np.float64)
    return np.where(np.isnan(units), at_least(demand), units)
