"""Is the model in production still right? What is measured once new demand is known, and who is retrained first."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.series_features import SeriesFeatures
from demand_assets.forecasting.model.baseline import BASELINE
from demand_assets.forecasting.model.own import ForecastModel
from demand_assets.forecasting.model.pooled import OtherDriversError
from demand_assets.forecasting.series.gapped import Floats
from demand_assets.forecasting.series.metrics import bias, in_percent, wape

DRIFT_BINS = 8
LEAST_NEW_PERIODS = {"D": 7, "W": 2, "M": 1, "Q": 1}
"""Periods since the training before accuracy and drift say anything."""


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
    """Largest population stability index of demand and number drivers, new periods against the training's last year."""
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


@dataclass(frozen=True)
class Nomination:
    """A region-item that should be retrained, and why."""

    region_item: RegionItem
    reason: str
    weight: float
    """Decay times volume: what is retrained first when there is not room for all."""


@dataclass(frozen=True)
class Stability:
    """Two samples counted over bins of the first one."""

    edges: Floats
    """Between the bins, shape (bins - 1,); each belongs to the bin above it."""
    before: Floats
    """Values in each bin, shape (bins,)."""
    after: Floats

    @property
    def index(self) -> float:
        """Population stability index; 0 when either sample is empty.

        Counts are smoothed by half an observation a bin, so that few new values do not alarm by themselves.
        """
        if not self.before.sum() or not self.after.sum():
            return 0.0
        expected, observed = ((counts + 0.5) / (counts.sum() + 0.5 * len(counts))
                              for counts in (self.before, self.after))
        return float(np.sum((observed - expected) * np.log(observed / expected)))


@dataclass(frozen=True)
class Drift:
    """How far demand and drivers have moved since the training."""

    trained_to: pd.Timestamp
    new_periods: int
    """Periods of demand since then; with fewer than ``LEAST_NEW_PERIODS`` the rest says nothing yet."""
    columns: dict[str, Stability]
    """``demand`` and each number or yes/no driver but those of a calendar: the training's last year against the new
    periods."""


def drift_of(demand: pd.DataFrame, dataset: Dataset, model: ForecastModel, region_item: RegionItem) -> Drift:
    """The distributions behind ``Observation.drift``.

    Args:
        demand: schema Demand.
        model: the production version.
    Raises: OtherDriversError: dataset or demand lacks a driver that it was trained with.
    """
    series = model.series_of(demand, dataset, region_item)
    trained_to = _trained_to(series, model)
    return Drift(pd.Timestamp(model.card.trained_to), _new_periods(series, trained_to),
                 _stabilities(series, trained_to, dataset))


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
    trained_to, seen = _trained_to(series, model), _last_period(series, model.seen)
    new = _new_periods(series, trained_to)
    measured, its_bias, drift, drifted = float("nan"), float("nan"), 0.0, "demand"
    least = LEAST_NEW_PERIODS[dataset.frequency]
    if _new_periods(series, seen) >= least and trained_to >= 0 and not unusable:
        judged = series.as_planned if model.is_judged_as_planned else series
        actual, forecast = _since(judged, model, seen, dataset.horizon)
        measured, its_bias = wape(actual, forecast), bias(actual, forecast)
    if new >= least and trained_to >= 0 and not unusable:
        drift, drifted = _largest_drift(series, trained_to, dataset)
    recent = series.demand[max(series.known - dataset.horizon, 0): series.known]
    return Observation(region_item=region_item, version=model.version or 0, observed_at=now, promoted_at=promoted_at,
                       new_periods=new, wape=measured, wape_backtest=model.card.wape, bias=its_bias, drift=drift,
                       drifted=drifted, volume=float(np.nanmean(recent)) if (~np.isnan(recent)).any() else 0.0,
                       pinned=pinned, unusable=unusable)


def nominate(observations: Iterable[Observation], dataset: Dataset, now: datetime,
             last_asked: Mapping[RegionItem, datetime]) -> list[Nomination]:
    """Who is retrained now: by decay, drift, age and new data, the largest (decay x volume) first.

    Args:
        observations: the latest of each region-item.
        dataset: holds the thresholds, the budget and the cool-down.
        last_asked: when a retrain was last asked for, by region-item.
    """
    rules = dataset.retraining
    cool_down = timedelta(hours=rules.cool_down_hours)
    nominated = [Nomination(one.region_item, reason, one.decay * max(one.volume, 1e-9)) for one in observations
                 if now - last_asked.get(one.region_item, now - 2 * cool_down - timedelta(days=1)) >= cool_down
                 and not one.pinned
                 and (reason := _reason(one, dataset, now))]
    first_things_first = sorted(nominated, key=lambda nomination: (-nomination.weight, nomination.region_item))
    return first_things_first[:rules.budget_per_tick]


def standing(observations: Sequence[Observation], dataset: Dataset, now: datetime,
             last_asked: Collection[RegionItem] = ()) -> str:
    """Why none is retrained, in numbers: how near the worst of those that were measured come to each threshold.

    Args:
        observations: as for ``nominate``, which nominates none of them.
        last_asked: those that a retrain was asked for lately.
    """
    if not observations:
        return "no model in production was measured in the last two days, so none is known to need a retrain"
    rules = dataset.retraining
    scored = [one for one in observations if isfinite(one.wape)]
    told = [f"of {len(observations)} measured models in production none is to be retrained now"]
    if scored:
        best, worst = min(scored, key=lambda one: one.wape), max(scored, key=lambda one: one.decay)
        told.append(f"best WAPE {in_percent(best.wape)}")
        told.append(f"largest decay {worst.decay:.2f} times the backtest's WAPE, {worst.region_item} (limit "
                    f"{rules.decay:g})")
    moved, newest = max(observations, key=lambda one: one.drift), max(observations, key=lambda one: one.new_periods)
    oldest = max((now - one.promoted_at).total_seconds() / 86_400 for one in observations)
    told.append(f"largest drift {moved.drift:.2f}, {moved.drifted} of {moved.region_item} (limit {rules.drift:g})")
    told.append(f"most new demand {newest.new_periods} periods (limit {rules.new_periods or dataset.horizon})")
    told.append(f"oldest {oldest:.0f} days (limit {rules.max_age_days:g})")
    told += [f"{count} {words}" for count, words in (
        (len({one.region_item for one in observations} & set(last_asked)), "retrained lately"),
        (sum(one.pinned for one in observations), "pinned")) if count]
    return "; ".join(told)


def _reason(one: Observation, dataset: Dataset, now: datetime) -> str:
    rules = dataset.retraining
    if one.unusable:
        return f"the model cannot be used: {one.unusable}"
    new_periods = rules.new_periods or dataset.horizon
    age = (now - one.promoted_at).total_seconds() / 86_400
    if one.decay > rules.decay:
        return (f"accuracy decayed: WAPE {in_percent(one.wape)} since the training, {in_percent(one.wape_backtest)} in "
                "the backtest")
    if one.drift > rules.drift and one.new_periods >= new_periods:
        return f"{one.drifted} drifted: population stability index {one.drift:.2f} above {rules.drift:g}"
    if one.new_periods >= new_periods:
        return f"new demand: {one.new_periods} periods since the training"
    if age > rules.max_age_days and one.new_periods:
        return f"age: promoted {age:.0f} days ago"
    return ""


def _since(series: SeriesFeatures, model: ForecastModel, seen: int, horizon: int) -> tuple[Floats, Floats]:
    """Actuals after the last period seen and their forecasts, from origins one horizon apart."""
    targets = np.arange(seen + 1, series.known)
    origins = seen + (targets - seen - 1) // horizon * horizon
    return series.sold[targets], model.predict(series, origins, targets - origins)


def _new_periods(series: SeriesFeatures, after: int) -> int:
    """Periods of demand after one; those out of stock are none, so that they ask for nothing by themselves."""
    new = slice(after + 1, series.known)
    censored = series.past.inputs.is_censored
    return max(series.known - 1 - after, 0) - (int(censored[new].sum()) if censored is not None else 0)


def _trained_to(series: SeriesFeatures, model: ForecastModel) -> int:
    """The last period that the training knew; -1 when it knew none of these."""
    return _last_period(series, model.card.trained_to)


def _last_period(series: SeriesFeatures, date: str) -> int:
    """The last period that is not after a date, ISO; -1 when all are."""
    return int(series.dates.searchsorted(pd.Timestamp(date), side="right")) - 1


def _largest_drift(series: SeriesFeatures, trained_to: int, dataset: Dataset) -> tuple[float, str]:
    indices = {name: found.index for name, found in _stabilities(series, trained_to, dataset).items()}
    drifted = max(indices, key=lambda name: indices[name])
    return indices[drifted], drifted


def _stabilities(series: SeriesFeatures, trained_to: int, dataset: Dataset) -> dict[str, Stability]:
    before = slice(max(trained_to + 1 - dataset.year_length, 0), trained_to + 1)
    after = slice(trained_to + 1, series.known)
    columns: dict[str, Any] = {"demand": series.demand, **{
        name: values for name, values in series.drivers.items()
        if "=" not in name and series.dataset.driver(name).future != "calendar"}}  # a calendar is no news
    return {name: stability(values[before], values[after]) for name, values in columns.items()}


def stability(before: Floats, after: Floats) -> Stability:
    """Two samples over the first one's quantile bins, or over its values where it has few (as yes and no). NaN are left
    out; one bin when the first is empty."""
    before, after = before[~np.isnan(before)], after[~np.isnan(after)]
    distinct = np.unique(before)
    edges = ((distinct[1:] + distinct[:-1]) / 2 if len(distinct) <= DRIFT_BINS
             else np.unique(np.quantile(before, np.linspace(0, 1, DRIFT_BINS + 1)[1:-1])))
    return Stability(edges, *(np.bincount(np.searchsorted(edges, values, side="right"),
                                          minlength=len(edges) + 1).astype(np.float64) for values in (before, after)))
