"""How low and how high a forecast may be: never negative, never far above the largest demand seen."""

import numpy as np

from demand_assets.forecasting.features.series_features import SeriesFeatures
from demand_assets.forecasting.series.gapped import Floats, Ints

CAP = 3.0
"""No forecast exceeds so many times the largest demand seen."""
CAP_OF_NEW = 20.0
"""The same of the level to expect, where nothing was sold yet: a promotion is no less than elsewhere."""


def bounded(ratio: Floats, series: SeriesFeatures, origins: Ints, leads: Ints) -> Floats:
    """Demand over level as units, corrected as part of its total and as new, where it is; never negative, never far
    above the largest demand seen."""
    largest = series.largest[origins]
    most = np.where(largest > 0, CAP * largest, CAP_OF_NEW * series.level[origins])
    return np.clip(ratio * series.of_total(origins, leads) * series.past.borrowed.factor * series.level[origins],
                   0.0, most)
