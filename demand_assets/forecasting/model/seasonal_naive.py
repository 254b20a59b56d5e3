"""Seasonal naive: demand of the season before, repeated, which every model has to beat."""

import numpy as np

from demand_assets.forecasting.features.series_features import SeriesFeatures
from demand_assets.forecasting.series.gapped import Floats, Ints, at

SEASONS_BACK = 4
"""So many seasons are looked through for one whose demand is known."""


def seasonal_naive(series: SeriesFeatures, origins: Ints, leads: Ints) -> Floats:
    """Demand of the nearest season before that is known at the origin; older ones, then the level, where unknown."""
    forecast = repeated_season(series.demand, origins, leads, series.dataset.season_length)
    return np.where(np.isnan(forecast), series.level[origins], forecast)


def repeated_season(demand: Floats, origins: Ints, leads: Ints, season: int) -> Floats:
    """Demand of the nearest season before that is known at the origin; older ones where unknown, NaN where none is.

    Args:
        demand: of consecutive periods, in units; NaN = unknown.
        origins: places in it, each with one of the leads.
        season: periods.
    """
    nearest = origins + leads - season * (-(-leads // season))
    forecast = np.full(len(origins), np.nan)
    for back in range(SEASONS_BACK):
        forecast = np.where(np.isnan(forecast), at(demand, nearest - season * back), forecast)
    return forecast
