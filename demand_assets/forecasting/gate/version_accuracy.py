"""How right versions of a region-item's model were, on periods that none of them had seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.periods import Dates, ordinals, period_dates
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.gate.drift import last_period
from demand_assets.forecasting.model.backtest import REALISED
from demand_assets.forecasting.model.seasonal_naive import seasonal_naive
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.series.gapped import Floats, Ints
from demand_assets.forecasting.series.metrics import bias, wape


@dataclass(frozen=True)
class Unseen:
    """Periods that no model had seen, and what each forecast for them; in units, arrays of shape (n,)."""

    dates: Dates
    actual: Floats
    """NaN where unknown."""
    forecasts: tuple[Floats, ...]
    """One for each model."""
    seasonal_naive: Floats

    @property
    def periods(self) -> int:
        """Periods whose demand is known."""
        return int(np.count_nonzero(~np.isnan(self.actual)))

    @property
    def wapes(self) -> tuple[float, ...]:
        """WAPE of each model; NaN when nothing was sold."""
        return tuple(wape(self.actual, forecast) for forecast in self.forecasts)

    @property
    def biases(self) -> tuple[float, ...]:
        """Bias of each model; NaN when nothing was sold."""
        return tuple(bias(self.actual, forecast) for forecast in self.forecasts)

    @property
    def wape_seasonal_naive(self) -> float:
        """WAPE of the baseline on the same periods."""
        return wape(self.actual, self.seasonal_naive)


def since_training(demand: pd.DataFrame, dataset: Dataset, models: Sequence[ForecastModel],
                   region_item: RegionItem) -> Unseen | None:
    """Periods that became known after every one of the models was trained, forecast from origins one horizon apart.

    Drivers are those that their declared rules would have planned. None when there is no such period.

    Args:
        demand: schema Demand.
        models: versions of the region-item's model.
    Raises: OtherDriversError: dataset or demand lacks a driver that a model was trained with.
    """
    seen = max(model.seen for model in models)
    each = [model.series_of(demand, dataset, region_item).as_planned for model in models]
    series, horizon = each[0], dataset.horizon
    last_seen = last_period(series, seen)
    targets = np.arange(last_seen + 1, series.known)
    if last_seen < 0 or np.isnan(series.demand[targets]).all():
        return None
    origins = last_seen + (targets - last_seen - 1) // horizon * horizon
    leads = targets - origins
    return Unseen(
        series.dates.to_numpy()[targets].astype("datetime64[D]"), series.judged[targets],
        tuple(model.predict(own, origins, leads) for model, own in zip(models, each, strict=True)),
        seasonal_naive(series, origins, leads))


def unseen_windows(demand: pd.DataFrame, dataset: Dataset, models: Sequence[ForecastModel],
                   region_item: RegionItem) -> Unseen | None:
    """Windows of the models' backtests that none had seen, those that overlap a later one left out; None without one.

    A model forecasts a window as it is where all that it was trained on lies before; elsewhere its backtest must have
    the window, which is forecast by fits that ended before it. Drivers are those that their declared rules would have
    planned; those that came for all, where a model was still judged by these.

    Args and raises: as for ``since_training``.
    """
    horizon, leads = dataset.horizon, np.arange(1, dataset.horizon + 1)
    are_planned = all(model.is_judged_as_planned for model in models)
    each = [series.as_planned if are_planned else series
            for series in (model.series_of(demand, dataset, region_item) for model in models)]
    chosen: list[str] = []
    for origin in sorted({origin for model in models for origin in model.backtest["origins"]}, reverse=True):
        can_all = all(model.seen <= origin or _has_unseen(model, origin) for model in models)
        if can_all and (not chosen or _after(origin, dataset)[-1] < _after(chosen[-1], dataset)[0]):
            chosen.append(origin)
    if not chosen:
        return None
    chosen.reverse()
    starts = np.repeat(each[0].dates.get_indexer(pd.DatetimeIndex(chosen)).astype(np.int64), horizon)
    ahead: Ints = np.tile(leads, len(chosen))

    def by(model: ForecastModel, place: int) -> Floats:
        rows = []
        for number, origin in enumerate(chosen):
            if model.seen <= origin:
                rows.append(model.predict(each[place], starts[number * horizon:(number + 1) * horizon], leads))
            else:
                table = model.backtest["forecast" if are_planned or REALISED not in model.backtest else REALISED]
                rows.append(np.array(table[model.backtest["origins"].index(origin)], dtype=float))
        return np.concatenate(rows)

    return Unseen(np.concatenate([_after(origin, dataset) for origin in chosen]), each[0].judged[starts + ahead],
                  tuple(by(model, place) for place, model in enumerate(models)),
                  seasonal_naive(each[0], starts, ahead))


def _has_unseen(model: ForecastModel, origin: str) -> bool:
    """Whether the model's backtest has a window from that origin, by a fit that is not known to have seen it."""
    origins = model.backtest["origins"]
    seen_to = dict(zip(origins, model.backtest.get("seen_to", ()), strict=False))
    return origin in origins and seen_to.get(origin, origin) <= origin


def _after(origin: str, dataset: Dataset) -> Dates:
    """The dates of the horizon that follows an origin."""
    date = np.array([origin], dtype="datetime64[D]")
    weekday = pd.Timestamp(origin).weekday()
    return period_dates(ordinals(date, dataset.frequency, weekday) + np.arange(1, dataset.horizon + 1),
                        dataset.frequency, weekday)


def of_past_forecasts(demand: pd.DataFrame, dataset: Dataset,
                      forecasts: Mapping[str, tuple[Floats, Floats]]) -> Unseen | None:
    """Forecasts that were kept as they stood, on the periods known since; of origins at least one horizon apart.

    Args:
        demand: schema Demand.
        forecasts: origin, ISO -> forecast and seasonal naive for each lead, in units.
    Returns: None when no period is known since.
    """
    known = demand.dropna(subset="demand")
    sold = dict(zip(known["date"].to_numpy().astype("datetime64[D]"), known["demand"].astype(float), strict=True))
    rows: list[tuple[np.datetime64, float, float, float]] = []
    for origin in sorted(forecasts):
        if rows and np.datetime64(origin, "D") < rows[-1][0]:
            continue
        forecast, naive = forecasts[origin]
        rows += [(date, sold[date], float(forecast[lead]), float(naive[lead]))
                 for lead, date in enumerate(_after(origin, dataset)[:len(forecast)]) if date in sold]
    if not rows:
        return None
    dates, *values = zip(*rows, strict=True)
    actual, made, baseline = (np.array(each, dtype=np.float64) for each in values)
    return Unseen(np.array(dates), actual, (made,), baseline)
