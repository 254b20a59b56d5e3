"""How many periods of demand a region-item needs before a model is trained on it."""

import numpy as np

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.series.gapped import Floats

WARMUP = {"D": 28, "W": 8, "M": 6, "Q": 4}
"""Periods of demand that an origin needs behind it to be trained on."""


class NotEnoughHistoryError(ValueError):
    """Too few periods to train on."""


def needed_periods(dataset: Dataset) -> int:
    """Periods of demand from which on a region-item is trained on: a warm-up and two horizons."""
    return WARMUP[dataset.frequency] + 2 * dataset.horizon


def first_origin(demand: Floats, known: int, dataset: Dataset) -> int:
    """The place of the first origin to train on: the last period of the warm-up.

    Args:
        demand: units, NaN where unknown; shape (periods,), the future among them.
        known: periods before the future begins.
    Raises: NotEnoughHistoryError: the demand is shorter than ``needed_periods``.
    """
    there = np.flatnonzero(~np.isnan(demand))
    first = int(there[0]) if len(there) else known
    if known - first < needed_periods(dataset):
        raise NotEnoughHistoryError(
            f"{known - first} periods of demand; training needs {needed_periods(dataset)}: {WARMUP[dataset.frequency]} "
            "to warm up and two horizons")
    return first + WARMUP[dataset.frequency] - 1
