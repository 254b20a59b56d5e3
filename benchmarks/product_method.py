"""The product as one of the methods that are compared."""

import numpy as np
import pandas as pd

from benchmarks.panel_forecasts import Ahead, PanelForecasts, Tables, roll
from demand_assets.forecasting.backtest import seasonal_naive
from demand_assets.forecasting.dataset import Dataset
from demand_assets.forecasting.features import series_features
from demand_assets.forecasting.intervals import error_scale
from demand_assets.forecasting.model import NotEnoughHistoryError
from demand_assets.forecasting.region_item import RegionItem
from demand_assets.forecasting.training import QUICK_RECIPES, train


def product_forecasts(tables: dict[RegionItem, pd.DataFrame], dataset: Dataset, windows: int) -> PanelForecasts:
    """What the product would have shown at each origin: a first training on what was known there, and its forecast."""
    return roll(_window, tables, dataset, windows)


def _window(known: Tables, dataset: Dataset) -> dict[RegionItem, Ahead]:
    return {one: _ahead(table, dataset) for one, table in known.items()}


def _ahead(known: pd.DataFrame, dataset: Dataset) -> Ahead:
    leads = np.arange(1, dataset.horizon + 1)
    origins = np.full(dataset.horizon, len(known) - dataset.horizon - 1, dtype=np.int64)
    try:
        model = train(known, dataset, QUICK_RECIPES)
    except NotEnoughHistoryError:  # the product then shows its labelled baseline
        return Ahead(seasonal_naive(series_features(known, dataset), origins, leads))
    series = series_features(known, dataset, model.categories)
    forecast = model.predict(series, origins, leads)
    return Ahead(forecast, *model.calibration.interval(forecast, error_scale(forecast, series.level[origins]), leads))
