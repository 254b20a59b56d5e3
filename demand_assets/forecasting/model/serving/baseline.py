"""The seasonal-naive baseline: demand of the season before, repeated. It serves where no model does."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.driver_kinds import Kind
from demand_assets.forecasting.features.inputs import Categories
from demand_assets.forecasting.features.series_features import SeriesFeatures, series_features
from demand_assets.forecasting.model.backtest import errors_of
from demand_assets.forecasting.model.boosters import Rows
from demand_assets.forecasting.model.intervals import Calibration, ErrorPaths
from demand_assets.forecasting.model.seasonal_naive import seasonal_naive
from demand_assets.forecasting.model.serving.pooled_model import ServedBy
from demand_assets.forecasting.series.gapped import Floats, Ints

BASELINE_ORIGINS = 26
"""Past origins whose errors give the baseline its interval."""

CLEARLY = 0.8
"""Share of the pooled model's error that seasonal naive must not exceed to be the better of the two: in so few windows
of one region-item as judge it, a repeated season is ahead by chance again and again."""
WEIGHT_OF_ALL = 2.0
"""Of what the windows of all region-items say of seasonal naive, against those of one."""


def is_clearly_better(naive: float, pooled: float, of_all: float | None = None) -> bool:
    """Whether a region-item is better served by seasonal naive than by the pooled model.

    Its windows must say so clearly, and not against those of all region-items: the geometric mean of its own ratio of
    errors and of everybody's, which counts ``WEIGHT_OF_ALL`` times, must not exceed 1.

    Args:
        naive: its error in the region-item's windows, as WAPE.
        pooled: that of the pooled model.
        of_all: error of seasonal naive over that of the pooled model in the windows of all region-items; None where it
            was not noted.
    """
    against = 1.0 if of_all is None else of_all**WEIGHT_OF_ALL
    return naive <= CLEARLY * pooled and naive * against <= pooled


@dataclass(frozen=True)
class Baseline:
    """Repeats past demand; knows no driver and has nothing to store."""

    served_by: ClassVar[ServedBy] = "baseline"
    version: ClassVar[None] = None
    pooled: ClassVar[None] = None
    own: ClassVar[None] = None
    horizon_inflation: ClassVar[float] = 1.0

    @property
    def drivers(self) -> dict[str, Kind]:
        """None: no driver moves it."""
        return {}

    @property
    def categories(self) -> Categories:
        """None."""
        return {}

    @property
    def driver_ranges(self) -> dict[str, tuple[float, float]]:
        """None."""
        return {}

    @property
    def backtest(self) -> dict[str, Any]:
        """No windows."""
        return {}

    @property
    def paths(self) -> ErrorPaths:
        """No errors that came together."""
        return ErrorPaths()

    def series_of(self, demand: pd.DataFrame, dataset: Dataset, region_item: RegionItem) -> SeriesFeatures:
        """Demand and its level, without any driver."""
        return series_features(demand, dataset.model_copy(update={"drivers": ()}))

    def check_drivers(self, demand: pd.DataFrame, dataset: Dataset, region_item: RegionItem) -> None:
        """It needs none."""

    def rows_of(self, series: SeriesFeatures, origins: Ints, leads: Ints) -> Rows:
        """No features of so many pairs."""
        return np.zeros((len(origins), 0), dtype=np.float32)

    def calibration_of(self, series: SeriesFeatures) -> Calibration:
        """As ``baseline_calibration``."""
        return baseline_calibration(series)

    def units(self, ratio: Floats, rows: Rows, series: SeriesFeatures, origins: Ints, leads: Ints) -> Floats:
        """Demand of the season before, in units; shape (n,)."""
        return seasonal_naive(series, origins, leads)

    def predict(self, series: SeriesFeatures, origins: Ints, leads: Ints) -> Floats:
        """As ``units``."""
        return seasonal_naive(series, origins, leads)


BASELINE = Baseline()


def baseline_calibration(series: SeriesFeatures) -> Calibration:
    """What the baseline's intervals need, from its errors at past origins."""
    horizon = series.dataset.horizon
    first = max(series.known - BASELINE_ORIGINS - 1, 0)
    starts: Ints = np.repeat(np.arange(first, max(series.known - 1, first)), horizon)
    leads: Ints = np.tile(np.arange(1, horizon + 1), len(starts) // horizon)
    inside = starts + leads < series.known
    starts, leads = starts[inside], leads[inside]
    return Calibration.from_errors(errors_of(series, seasonal_naive(series, starts, leads), starts, leads), horizon)
