"""Forecasts of region-items: what the web app shows and what the backtest measured, by the same functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from demand_assets.forecasting import totals
from demand_assets.forecasting.analogues import nearest_past
from demand_assets.forecasting.backtest import errors_of, seasonal_naive
from demand_assets.forecasting.dataset import Dataset
from demand_assets.forecasting.explanation import explain
from demand_assets.forecasting.features import SeriesFeatures, series_features
from demand_assets.forecasting.intervals import Calibration, bounds
from demand_assets.forecasting.model import ErrorPaths, ForecastModel
from demand_assets.forecasting.planned_drivers import future_drivers
from demand_assets.forecasting.pooled import PooledModel
from demand_assets.forecasting.region_item import RegionItem
from demand_assets.forecasting.scenario import PLAN, Scenario, apply, declared_direction, unseen_values
from demand_assets.forecasting.store import DemandStore, NotInStoreError
from demand_assets.forecasting.trailing import Floats, Ints

BASELINE_ORIGINS = 26
"""Past origins whose errors give the seasonal-naive baseline its interval."""

Model = ForecastModel | PooledModel | None
"""What forecasts: the region-item's own model, the pooled one alone, or none: the seasonal-naive baseline."""


class ForecastError(ValueError):
    """A forecast that cannot be made; the message says what is allowed."""


@dataclass(frozen=True)
class Forecast:
    """The forecast of one region-item, for all leads of the horizon."""

    region_item: RegionItem
    origin: pd.Timestamp
    """The last period with known demand."""
    served_by: Literal["production", "pooled", "baseline"]
    version: int | None
    """Of the model that serves; of the pooled one where it serves alone."""
    table: pd.DataFrame
    """Schema Forecast: date, lead, forecast, lower_80, upper_80 (units), and each driver as used."""
    part: totals.Part
    """What totals need of it."""
    assumed: tuple[str, ...] = ()
    """What had to be assumed of future drivers, in sentences."""
    flags: tuple[str, ...] = ()
    """Where drivers leave what the model has seen, in sentences."""


@dataclass(frozen=True)
class _Asked:
    """One region-item under one scenario, ready to be forecast."""

    series: SeriesFeatures
    origins: Ints
    leads: Ints
    drivers: pd.DataFrame
    """Of the future as they are used, with dates."""
    assumed: tuple[str, ...]


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
        known = np.flatnonzero(demand["demand"].notna())
        history = demand.iloc[: int(known[-1]) + 1 if len(known) else 0]
        return history.tail(periods) if periods else history

    def forecast(self, region_item: RegionItem, model: Model, horizon: int | None = None,
                 scenario: Scenario = PLAN) -> Forecast:
        """Point forecasts and 80 % intervals.

        A scenario that only pushes drivers in directions whose effects are declared never moves the forecast of a
        changed period the other way: where the model would, the plan's forecast stands.

        Args:
            model: the region-item's own, the pooled one, or None for the seasonal-naive baseline.
            horizon: periods, the dataset's unless given.
            scenario: changes to the drivers of the future.
        Raises:
            ForecastError: a horizon outside 1 to the dataset's.
            NotInStoreError: no demand is stored for the region-item.
            ScenarioError: the scenario cannot be applied.
            ModelFilesError: the model was made for other drivers.
        """
        dataset, asked = self._dataset, self._asked(region_item, model, horizon, scenario)
        series, origins, leads = asked.series, asked.origins, asked.leads
        flags: tuple[str, ...] = ()
        if model is None:
            if not series.largest[origins[0]] and np.isnan(series.demand[: series.known]).all():
                raise NotInStoreError(f"{region_item} has no demand yet; it is forecast once there is a pooled model")
            units, calibration = seasonal_naive(series, origins, leads), baseline_calibration(series)
            paths, inflation = ErrorPaths(), 1.0
        else:
            pooled = model if isinstance(model, PooledModel) else model.pooled
            units = _units(model, asked)
            inflation = pooled.horizon_inflation
            if isinstance(model, ForecastModel):
                calibration, paths, ranges = model.calibration, model.paths, model.driver_ranges
            else:
                calibration, paths, ranges = pooled.calibration_of(series), ErrorPaths(), {}
            if scenario != PLAN:
                plan = self._asked(region_item, model, horizon, PLAN)
                units = _held(units, _units(model, plan), declared_direction(plan.drivers, asked.drivers, dataset))
            flags = unseen_values(asked.drivers, ranges, pooled.facts.categories, dataset)
        scale = calibration.scaling.scale(units, series.level[origins], leads)
        lower, upper = bounds(units, scale, calibration.lower, calibration.upper, 0.8)
        table = pd.DataFrame({"date": asked.drivers["date"].to_numpy(), "lead": leads, "forecast": units,
                              "lower_80": lower, "upper_80": upper})
        table = pd.concat([table, asked.drivers.drop(columns="date").reset_index(drop=True)], axis=1)
        return Forecast(
            region_item=region_item, origin=series.dates[int(origins[0])], version=model.version if model else None,
            served_by="baseline" if model is None else "pooled" if isinstance(model, PooledModel) else "production",
            table=table, assumed=asked.assumed, flags=flags, part=totals.Part(
                table["date"].to_numpy().astype("datetime64[D]"), units, scale, calibration.lower, calibration.upper,
                paths, inflation))

    def explain(self, region_item: RegionItem, model: ForecastModel | PooledModel, horizon: int | None = None,
                scenario: Scenario = PLAN, exact: bool = True) -> pd.DataFrame:
        """Contributions by driver and group of features to each period's forecast, in units that add up to it.

        Under a scenario they add up to what the model says before declared directions are held. The contributions of
        the scenario minus the plan are the difference of two such tables.

        Args: as for ``forecast``; ``exact`` as for ``explanation.explain``.
        Returns: date and a column for each group (``explanation.explain``).
        """
        asked = self._asked(region_item, model, horizon, scenario)
        told = explain(model, asked.series, asked.origins, asked.leads, exact)
        told.insert(0, "date", asked.drivers["date"].to_numpy())
        return told

    def most_like(self, region_item: RegionItem, horizon: int, scenario: Scenario, count: int) -> pd.DataFrame:
        """The past periods most like those that a scenario changes, by drivers and calendar (``nearest_past``).

        Raises: as for ``forecast``.
        """
        asked, plan = (self._asked(region_item, None, horizon, each).drivers for each in (scenario, PLAN))
        names = list(self._dataset.driver_names)
        changed = (asked[names].astype("string") != plan[names].astype("string")).any(axis=1).to_numpy()
        return nearest_past(self._store.read("demand", region_item), self._dataset, asked[changed], count)

    def _asked(self, region_item: RegionItem, model: Model, horizon: int | None, scenario: Scenario) -> _Asked:
        dataset = self._dataset
        horizon = dataset.horizon if horizon is None else horizon
        if not 1 <= horizon <= dataset.horizon:
            raise ForecastError(f"horizon {horizon} is outside 1 to {dataset.horizon}, the longest that the models of "
                                f"{dataset.title} were trained for")
        demand, assumed = future_drivers(self._store.read("demand", region_item), dataset, dataset.horizon)
        known = len(demand) - dataset.horizon
        future = demand.iloc[known: known + horizon]
        changed = apply(scenario, future[["date", *dataset.driver_names]], dataset)
        demand.loc[future.index, list(dataset.driver_names)] = changed[list(dataset.driver_names)]
        facts = None if model is None else (model if isinstance(model, PooledModel) else model.pooled).facts
        series = series_features(demand, dataset, facts, region_item)
        return _Asked(series, np.full(horizon, known - 1, dtype=np.int64), np.arange(1, horizon + 1), changed, assumed)


def _units(model: ForecastModel | PooledModel, asked: _Asked) -> Floats:
    if isinstance(model, ForecastModel):
        return model.predict(asked.series, asked.origins, asked.leads)
    model.check(asked.series)
    return model.forecast(asked.series, asked.origins, asked.leads)


def _held(units: Floats, plan: Floats, direction: Ints) -> Floats:
    """The scenario's forecast, not against the declared direction of what was changed in each period."""
    return np.where(direction > 0, np.maximum(units, plan), np.where(direction < 0, np.minimum(units, plan), units))


def baseline_calibration(series: SeriesFeatures) -> Calibration:
    """What the seasonal-naive baseline's intervals need, from its errors at past origins."""
    horizon = series.dataset.horizon
    first = max(series.known - BASELINE_ORIGINS - 1, 0)
    starts: Ints = np.repeat(np.arange(first, max(series.known - 1, first)), horizon)
    leads: Ints = np.tile(np.arange(1, horizon + 1), len(starts) // horizon)
    inside = starts + leads < series.known
    starts, leads = starts[inside], leads[inside]
    return Calibration.from_errors(errors_of(series, seasonal_naive(series, starts, leads), starts, leads), horizon)


def total(forecasts: Sequence[Forecast]) -> pd.DataFrame:
    """The sum over region-items for each date: date, forecast, lower_80, upper_80 (``totals.by_date``)."""
    return totals.by_date([forecast.part for forecast in forecasts])
