"""The product as one of the methods that are compared."""

import numpy as np
import pandas as pd

from benchmarks.support.panel_forecasts import (
    PanelForecasts,
    RollingForecasts,
    actual_demand,
    cpu_seconds,
    rolling_origins,
)
from benchmarks.support.sets.live_sets import REALISED
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.series_features import series_features
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError
from demand_assets.forecasting.model.seasonal_naive import seasonal_naive
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.training.own_model import train
from demand_assets.forecasting.model.training.pooled_model import train_pooled


def product_forecasts(tables: dict[RegionItem, pd.DataFrame], dataset: Dataset, windows: int) -> PanelForecasts:
    """The product's own rolling-origin backtest: choices, fits and intervals of a window know nothing after its origin.

    Every driver counts as known ahead, as it came, since all methods are told so; ``benchmarks.live`` measures what is
    delivered by the plan. Everything that a training costs is counted: choices, fits for each window and for today,
    models of region-items.
    """
    drivers = tuple(driver if driver.future == "calendar" else driver.model_copy(update=REALISED)
                    for driver in dataset.drivers)
    dataset = dataset.model_copy(update={
        "drivers": drivers, "backtest": dataset.backtest.model_copy(update={"windows": windows})})
    started = cpu_seconds()
    pooled = train_pooled(list(tables), lambda one: tables[one], dataset).with_version(1)
    found = {one: _windows(table, dataset, pooled, one, windows) for one, table in tables.items()}
    return PanelForecasts(found, cpu_seconds() - started)


def _windows(table: pd.DataFrame, dataset: Dataset, pooled: PooledModel, one: RegionItem,
             windows: int) -> RollingForecasts:
    """The backtest's windows; seasonal naive, which the page would show, where there is too little for a model."""
    origins = rolling_origins(table, dataset.horizon, windows)
    pairs = np.repeat(origins, dataset.horizon), np.tile(np.arange(1, dataset.horizon + 1), windows)
    naive = seasonal_naive(series_features(table, dataset), *pairs).reshape(windows, dataset.horizon)
    forecast, lower, upper = naive, np.full_like(naive, np.nan), np.full_like(naive, np.nan)
    try:
        backtest = train(table, dataset, pooled, one).backtest
    except NotEnoughHistoryError:
        backtest = {"origins": []}
    dates = [str(table["date"].iloc[origin].date()) for origin in origins]
    for place, date in enumerate(backtest["origins"]):
        for name, values in (("forecast", forecast), ("lower_80", lower), ("upper_80", upper)):
            values[dates.index(date)] = backtest[name][place]
    return RollingForecasts(origins, actual_demand(table, origins, dataset.horizon), forecast, lower, upper)
