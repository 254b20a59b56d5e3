"""Is the model in production still right? What is measured of it once new demand is known."""

from dataclasses import dataclass
from datetime import datetime
from math import isfinite

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.series_features import SeriesFeatures
from demand_assets.forecasting.gate.drift import (
    LEAST_NEW_PERIODS,
    end_of_training,
    largest_drift,
    last_period,
    periods_since,
)
from demand_assets.forecasting.model.serving.baseline import BASELINE
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.unknown_drivers import OtherDriversError
from demand_assets.forecasting.series.gapped import Floats
from demand_assets.forecasting.series.metrics import bias, wape


@dataclass(frozen=True)
class Observation:
    """One production model against demand that has become known since its training."""

    region_item: RegionItem
    version: int
    observed_at: datetime
    promoted_at: datetime
    new_periods: int
    """Periods of demand since the training."""
    wape: float
    """On those periods, forecast from the origin of the training on; NaN when there are too few."""
    wape_backtest: float
    bias: float
    drift: float
    """Largest population stability index of demand and drivers (``drift.Drift``), 0 where too little is known."""
    drifted: str
    """What drifted most: ``demand`` or a driver."""
    volume: float
    """Units a period, over the last horizon."""
    pinned: bool = False
    """Whether a person said that it stays in production; then nothing is asked for by itself."""
    unusable: str = ""
    """Why the model cannot forecast the dataset as it is now, so that nothing was measured; empty where it can."""

    @property
    def decay(self) -> float:
        """WAPE since the training over the backtest's; 1 when unknown."""
        ratio = self.wape / self.wape_backtest if self.wape_backtest else float("nan")
        return ratio if isfinite(ratio) else 1.0


def observe(demand: pd.DataFrame, dataset: Dataset, model: ForecastModel, region_item: RegionItem,
            promoted_at: datetime, now: datetime, pinned: bool = False) -> Observation:
    """What a production model is worth on demand that has become known since its training.

    A period that its pooled model has seen of other region-items is no test of it and left out of the scores. Drivers
    are those that their declared rules would have planned; of a model that was still judged with those that came,
    these, so that both sides of ``Observation.decay`` are alike.

    Args:
        demand: schema Demand.
        model: the production version; where it cannot forecast the dataset any more, that is all that is said.
    """
    try:
        series, unusable = model.series_of(demand, dataset, region_item), ""
    except OtherDriversError as error:
        series, unusable = BASELINE.series_of(demand, dataset, region_item), str(error)
    trained_to, seen = end_of_training(series, model), last_period(series, model.seen)
    new = periods_since(series, trained_to)
    measured, its_bias, drift, drifted = float("nan"), float("nan"), 0.0, "demand"
    least = LEAST_NEW_PERIODS[dataset.frequency]
    if periods_since(series, seen) >= least and trained_to >= 0 and not unusable:
        judged = series.as_planned if model.is_judged_as_planned else series
        actual, forecast = _since(judged, model, seen, dataset.horizon)
        measured, its_bias = wape(actual, forecast), bias(actual, forecast)
    if new >= least and trained_to >= 0 and not unusable:
        drift, drifted = largest_drift(series, trained_to, dataset)
    recent = series.demand[max(series.known - dataset.horizon, 0): series.known]
    return Observation(region_item=region_item, version=model.version or 0, observed_at=now, promoted_at=promoted_at,
                       new_periods=new, wape=measured, wape_backtest=model.card.wape, bias=its_bias, drift=drift,
                       drifted=drifted, volume=float(np.nanmean(recent)) if (~np.isnan(recent)).any() else 0.0,
                       pinned=pinned, unusable=unusable)


def _since(series: SeriesFeatures, model: ForecastModel, seen: int, horizon: int) -> tuple[Floats, Floats]:
    """Actuals after the last period seen and their forecasts, from origins one horizon apart."""
    targets = np.arange(seen + 1, series.known)
    origins = seen + (targets - seen - 1) // horizon * horizon
    return series.sold[targets], model.predict(series, origins, targets - origins)
