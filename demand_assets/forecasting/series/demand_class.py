"""The class of demand: how often something is sold, and how much the amounts differ."""

import numpy as np

from demand_assets.forecasting.series.gapped import Floats

LONGEST_INTERVAL = 1.32
"""Periods from one in which something is sold to the next, on average; from so many on demand is intermittent or lumpy.
"""
LARGEST_VARIATION = 0.49
"""Squared variation of the amounts sold; from so much on demand is erratic or lumpy."""


def demand_class(demand: Floats) -> str:
    """Smooth, erratic, intermittent or lumpy; ``dead`` when nothing was sold.

    Args:
        demand: of the periods known, in units; NaN where unknown.
    Source: Syntetos, Boylan and Croston (2005).
    """
    known = demand[~np.isnan(demand)]
    sold = known[known > 0]
    if len(sold) == 0:
        return "dead"
    interval, variation = len(known) / len(sold), float((sold.std() / sold.mean()) ** 2)
    if interval < LONGEST_INTERVAL:
        return "smooth" if variation < LARGEST_VARIATION else "erratic"
    return "intermittent" if variation < LARGEST_VARIATION else "lumpy"
