"""What forecasts a region-item, whichever it is: its own model, the pooled one alone, or the baseline."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.driver_kinds import Kind
from demand_assets.forecasting.features.inputs import Categories
from demand_assets.forecasting.features.series_features import SeriesFeatures
from demand_assets.forecasting.model.boosters import Rows
from demand_assets.forecasting.model.intervals import Calibration, ErrorPaths
from demand_assets.forecasting.model.serving.pooled_model import PooledModel, ServedBy
from demand_assets.forecasting.series.gapped import Floats, Ints

if TYPE_CHECKING:
    import xgboost as xgb


class ServingModel(Protocol):
    """A model as forecasts, scenarios and pages need it: ``ForecastModel``, ``PooledModel`` or ``Baseline``."""

    @property
    def served_by(self) -> ServedBy:
        """Which of the three it is."""

    @property
    def version(self) -> int | None:
        """Its version in the registry; None for the baseline."""

    @property
    def pooled(self) -> PooledModel | None:
        """The pooled model whose answer it needs, which may be itself; None for the baseline."""

    @property
    def own(self) -> "tuple[xgb.Booster, float] | None":
        """The region-item's own booster and its share; None where there is none, or it has no share."""

    @property
    def drivers(self) -> Mapping[str, Kind]:
        """The drivers that it was trained with, and their kinds; others do not move its forecasts."""

    @property
    def categories(self) -> Categories:
        """The values of each category driver that it knows."""

    @property
    def driver_ranges(self) -> Mapping[str, tuple[float, float]]:
        """Smallest and largest value of each number driver in training, where it knows them of the region-item."""

    @property
    def backtest(self) -> Mapping[str, Any]:
        """The windows of the region-item's backtest; empty where it has none."""

    @property
    def paths(self) -> ErrorPaths:
        """The region-item's errors that came together."""

    @property
    def horizon_inflation(self) -> float:
        """Error of a sum over the horizon, over the root of the sum of squared errors of its periods."""

    def series_of(self, demand: pd.DataFrame, dataset: Dataset, region_item: RegionItem) -> SeriesFeatures:
        """The features that it sees of a region-item.

        Raises: OtherDriversError: the dataset or the demand lacks a driver that it was trained with.
        """

    def check_drivers(self, demand: pd.DataFrame, dataset: Dataset, region_item: RegionItem) -> None:
        """Check that dataset and stored demand have the drivers that it was trained with.

        Raises: OtherDriversError: they lack one.
        """

    def rows_of(self, series: SeriesFeatures, origins: Ints, leads: Ints) -> Rows:
        """The features of n pairs of an origin and a lead; shape (n, features).

        Raises: ModelFilesError: the series has other features than the model was fitted on.
        """

    def units(self, ratio: Floats, rows: Rows, series: SeriesFeatures, origins: Ints, leads: Ints) -> Floats:
        """Point forecasts in units, never negative; shape (n,).

        Args:
            ratio: what ``pooled`` says of the rows (``PooledModel.ratio``); not looked at where that is None.
        """

    def predict(self, series: SeriesFeatures, origins: Ints, leads: Ints) -> Floats:
        """``units`` of one series alone, the pooled model's answer included."""

    def calibration_of(self, series: SeriesFeatures) -> Calibration:
        """What intervals need."""
