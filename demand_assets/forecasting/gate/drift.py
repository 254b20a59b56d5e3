"""Drift: how differently demand and drivers are distributed since a training, by the population stability index."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.series_features import SeriesFeatures
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.series.gapped import Floats

DRIFT_BINS = 8
_NORMAL_95 = 1.645
"""The 95 % quantile of the normal distribution."""
LEAST_NEW_PERIODS = {"D": 7, "W": 2, "M": 1, "Q": 1}
"""Periods since the training before accuracy and drift say anything."""


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
        """Population stability index, less what chance makes of samples of these sizes from one distribution, at least
        0; 0 when either sample is empty.

        Without drift the index times the harmonic sum of the sizes is distributed as chi-squared with a degree of
        freedom less than bins (Yurdakul, 2018): its 95 % quantile is taken off. Without that four new values over eight
        bins always alarm, and 28 do in every third case. Counts are smoothed by half an observation a bin.
        """
        if not self.before.sum() or not self.after.sum() or len(self.before) < 2:
            return 0.0
        expected, observed = ((counts + 0.5) / (counts.sum() + 0.5 * len(counts))
                              for counts in (self.before, self.after))
        return max(float(np.sum((observed - expected) * np.log(observed / expected))) - self._chance, 0.0)

    @property
    def _chance(self) -> float:
        freedom = len(self.before) - 1
        spread = 2 / (9 * freedom)
        quantile = freedom * (1 - spread + _NORMAL_95 * spread ** 0.5) ** 3  # Wilson and Hilferty (1931)
        return float(quantile * (1 / self.before.sum() + 1 / self.after.sum()))


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
    trained_to = end_of_training(series, model)
    return Drift(pd.Timestamp(model.card.trained_to), periods_since(series, trained_to),
                 _stabilities(series, trained_to, dataset))


def periods_since(series: SeriesFeatures, after: int) -> int:
    """Periods of demand after one; those out of stock are none, so that they ask for nothing by themselves."""
    new = slice(after + 1, series.known)
    censored = series.past.inputs.is_censored
    return max(series.known - 1 - after, 0) - (int(censored[new].sum()) if censored is not None else 0)


def end_of_training(series: SeriesFeatures, model: ForecastModel) -> int:
    """The last period that the training knew; -1 when it knew none of these."""
    return last_period(series, model.card.trained_to)


def last_period(series: SeriesFeatures, date: str) -> int:
    """The last period that is not after a date, ISO; -1 when all are."""
    return int(series.dates.searchsorted(pd.Timestamp(date), side="right")) - 1


def largest_drift(series: SeriesFeatures, trained_to: int, dataset: Dataset) -> tuple[float, str]:
    """The largest index of demand and drivers, and of which of them it is."""
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
