"""Forecasts of region-items: what the web app shows and what the backtest measured, by the same functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from demand_assets.forecasting.backtest import seasonal_naive
from demand_assets.forecasting.dataset import Dataset
from demand_assets.forecasting.features import Floats, Ints, SeriesFeatures, future_drivers, series_features
from demand_assets.forecasting.intervals import Calibration, error_scale
from demand_assets.forecasting.model import ForecastModel
from demand_assets.forecasting.region_item import RegionItem
from demand_assets.forecasting.scenario import PLAN, Scenario, apply, unseen_values
from demand_assets.forecasting.store import DemandStore

BASELINE_ORIGINS = 26
"""Past origins whose errors give the seasonal-naive baseline its interval."""


class ForecastError(ValueError):
    """A forecast that cannot be made; the message says what is allowed."""


@dataclass(frozen=True)
class Forecast:
    """The forecast of one region-item, for all leads of the horizon."""

    region_item: RegionItem
    origin: pd.Timestamp
    """The last period with known demand."""
    served_by: Literal["production", "baseline"]
    version: int | None
    table: pd.DataFrame
    """Schema Forecast: date, lead, forecast, lower_80, upper_80 (units), and each driver as used."""
    assumed: tuple[str, ...] = ()
    """What had to be assumed of future drivers, in sentences."""
    flags: tuple[str, ...] = ()
    """Where drivers leave what the model has seen, in sentences."""


class Forecaster:
    """Forecasts from the demand store and given models."""

    def __init__(self, dataset: Dataset, store: DemandStore) -> None:
        self._dataset = dataset
        self._store = store

    def history(self, region_item: RegionItem, periods: int | None = None) -> pd.DataFrame:
        """Date, demand (NaN = unknown) and drivers up to the last known demand; the last ``periods`` of it.

        Raises: NotInStoreError: no demand is stored for the region-item.
        """
        demand = self._store.read("demand", region_item)
        history = demand.iloc[: int(np.flatnonzero(demand["demand"].notna())[-1]) + 1]
        return history.tail(periods) if periods else history

    def forecast(self, region_item: RegionItem, model: ForecastModel | None, horizon: int | None = None,
                 scenario: Scenario = PLAN) -> Forecast:
        """Point forecasts and 80 % intervals; by the seasonal-naive baseline when there is no model.

        Args:
            horizon: periods, the dataset's unless given.
            scenario: changes to the drivers of the future.
        Raises:
            ForecastError: a horizon outside 1 to the dataset's.
            NotInStoreError: no demand is stored for the region-item.
            ScenarioError: the scenario cannot be applied.
            ModelFilesError: the model was made for other drivers.
        """
        dataset = self._dataset
        horizon = dataset.horizon if horizon is None else horizon
        if not 1 <= horizon <= dataset.horizon:
            raise ForecastError(f"horizon {horizon} is outside 1 to {dataset.horizon}, the longest that the models of "
                                f"{dataset.title} were trained for")
        demand, assumed = future_drivers(self._store.read("demand", region_item), dataset, dataset.horizon)
        known = len(demand) - dataset.horizon
        asked = demand.iloc[known: known + horizon]
        changed = apply(scenario, asked[["date", *dataset.driver_names]], dataset)
        demand.loc[asked.index, list(dataset.driver_names)] = changed[list(dataset.driver_names)]
        series = series_features(demand, dataset, model.categories if model else None)
        origins, leads = np.full(horizon, known - 1, dtype=np.int64), np.arange(1, horizon + 1)
        if model:
            units = model.predict(series, origins, leads)
            calibration = model.calibration
            flags = unseen_values(changed, model.driver_ranges, model.categories, dataset)
        else:
            units, flags = seasonal_naive(series, origins, leads), ()
            calibration = baseline_calibration(series)
        lower, upper = calibration.interval(units, error_scale(units, series.level[origins]), leads)
        table = pd.DataFrame({"date": series.dates[known: known + horizon], "lead": leads, "forecast": units,
                              "lower_80": lower, "upper_80": upper})
        return Forecast(
            region_item=region_item, origin=series.dates[known - 1], served_by="production" if model else "baseline",
            version=model.version if model else None, assumed=assumed, flags=flags,
            table=pd.concat([table, changed.drop(columns="date").reset_index(drop=True)], axis=1))


def baseline_calibration(series: SeriesFeatures) -> Calibration:
    """What the seasonal-naive baseline's intervals need, from its errors at past origins."""
    horizon = series.dataset.horizon
    first = max(series.known - BASELINE_ORIGINS - 1, 0)
    starts = np.repeat(np.arange(first, max(series.known - 1, first)), horizon)
    leads: Ints = np.tile(np.arange(1, horizon + 1), len(starts) // horizon)
    inside = starts + leads < series.known
    starts, leads = starts[inside], leads[inside]
    units = seasonal_naive(series, starts, leads)
    errors: Floats = series.demand[starts + leads] - units
    return Calibration.from_errors(errors, error_scale(units, series.level[starts]), leads, horizon)


def total(forecasts: Sequence[Forecast]) -> pd.DataFrame:
    """The sum over region-items for each date: date, forecast, lower_80, upper_80.

    Half-widths are added as if errors were independent between region-items (root of the sum of squares); dates that
    some region-items do not reach hold the sum of the others.
    """
    tables = [forecast.table.assign(below=(forecast.table["forecast"] - forecast.table["lower_80"]) ** 2,
                                    above=(forecast.table["upper_80"] - forecast.table["forecast"]) ** 2)
              for forecast in forecasts]
    summed = pd.concat(tables)[["date", "forecast", "below", "above"]].groupby("date", as_index=False).sum()
    return pd.DataFrame({"date": summed["date"], "forecast": summed["forecast"],
                         "lower_80": (summed["forecast"] - np.sqrt(summed["below"])).clip(lower=0.0),
                         "upper_80": summed["forecast"] + np.sqrt(summed["above"])})
