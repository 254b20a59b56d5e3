"""The product as one of the methods that are compared."""

import numpy as np
import pandas as pd

from benchmarks.panel_forecasts import (
    PanelForecasts,
    RollingForecasts,
    actual_demand,
    cpu_seconds,
    rolling_origins,
)
from demand_assets.forecasting.dataset import Dataset
from demand_assets.forecasting.pooled_training import train_pooled
from demand_assets.forecasting.region_item import RegionItem
from demand_assets.forecasting.training import train


def product_forecasts(tables: dict[RegionItem, pd.DataFrame], dataset: Dataset, windows: int) -> PanelForecasts:
    """The product's own rolling-origin backtest: choices, fits and intervals of a window know nothing after its origin.

    Everything that a training costs is counted: choices, fits for each window and for today, models of region-items.
    """
    dataset = dataset.model_copy(update={"backtest": dataset.backtest.model_copy(update={"windows": windows})})
    started = cpu_seconds()
    pooled = train_pooled(list(tables), lambda one: tables[one], dataset).with_version(1)
    models = {one: train(table, dataset, pooled, one) for one, table in tables.items()}
    spent = cpu_seconds() - started
    return PanelForecasts({one: RollingForecasts(
        rolling_origins(tables[one], dataset.horizon, windows),
        actual_demand(tables[one], rolling_origins(tables[one], dataset.horizon, windows), dataset.horizon),
        *(np.array(model.backtest[name], dtype=np.float64) for name in ("forecast", "lower_80", "upper_80")))
        for one, model in models.items()}, spent)
