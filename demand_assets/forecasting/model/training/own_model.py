"""From the demand of one region-item to a candidate, with its backtest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.clock import Clock
from demand_assets.forecasting.contract.recipes import Recipe
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.series_features import SeriesFeatures, constraints_of
from demand_assets.forecasting.model.backtest import (
    AS_PLANNED,
    Backtest,
    errors_of,
    judged_origins,
    selection_origins,
    window_pairs,
)
from demand_assets.forecasting.model.boosters import Rows, TrainingRows, training_rows
from demand_assets.forecasting.model.bounded_forecasts import bounded
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError
from demand_assets.forecasting.model.intervals import LEVELS, Calibration, ErrorPaths, Errors, Scaling
from demand_assets.forecasting.model.own_share import Evidence, SharePrior
from demand_assets.forecasting.model.seasonal_naive import seasonal_naive
from demand_assets.forecasting.model.serving.challenger import Challenger
from demand_assets.forecasting.model.serving.own_model import (
    ForecastModel,
    ModelCard,
    OwnFits,
    data_hash,
    driver_ranges,
    fit_own,
    own_margin,
    sold_hash,
)
from demand_assets.forecasting.model.serving.pooled_model import Fit, PooledModel
from demand_assets.forecasting.series.carried_over_demand import CARRIED_FROM
from demand_assets.forecasting.series.demand_class import demand_class
from demand_assets.forecasting.series.gapped import Floats, Ints
from demand_assets.forecasting.series.metrics import bias, coverage, rmsse, wape

Value = TypeVar("Value", bound=np.generic)
OWN_ROWS = 300
"""Training rows of a region-item's own booster."""


@dataclass(frozen=True)
class Trained:
    """A model of boosters, and what a challenger must be compared with it on."""

    model: ForecastModel
    series: SeriesFeatures
    """With the drivers that came."""
    windows: "list[Window]"
    """Those on which choices are made, then the judged ones; with drivers as they were planned."""


@dataclass(frozen=True)
class Window:
    """Forecasts from one window's origins by fits on what was known at the first."""

    origin: int
    starts: Ints
    leads: Ints
    pooled: Floats
    """In units, shape (n,); the window's own horizon first."""
    own: Floats
    served: Floats
    """By the recipe's share of the own booster."""
    realised: Floats
    """``served`` as it would have been with the drivers that came; of the window's own horizon."""
    fit: Fit
    seen: np.datetime64
    """The last date whose demand its fits have seen."""


def train(demand: pd.DataFrame, dataset: Dataset, pooled: PooledModel, region_item: RegionItem,
          clock: Clock | None = None) -> ForecastModel:
    """A candidate for one region-item, with its backtest; it knows the drivers that the pooled model knows.

    The backtest judges windows that neither the fits nor the choice of the recipe have seen, with the drivers that
    their declared rules would have planned; the model itself is then fitted on everything known. How much of the own
    booster is used is decided by the windows before (``model.own_share``), at each window's origin as at the end.

    Args:
        demand: schema Demand.
        pooled: the pooled model to stand on.
        clock: is told where the time goes.
    Raises: NotEnoughHistoryError: too short to fit and to judge. OtherDriversError: the pooled model knows drivers
        that the dataset or the demand does not have.
    """
    return train_with_windows(demand, dataset, pooled, region_item, clock).model


def train_with_windows(demand: pd.DataFrame, dataset: Dataset, pooled: PooledModel, region_item: RegionItem,
                       clock: Clock | None = None) -> Trained:
    """As ``train``, with its windows."""
    started, clock, recipe = perf_counter(), clock or Clock(), pooled.recipe
    with clock("features"):
        series = pooled.series_of(demand, dataset, region_item)
        rows = training_rows(series, region_item, OWN_ROWS, pooled.rows_of)
    with clock("backtest"):
        judged, windows = backtest(series.as_planned, rows, pooled, recipe)
    prior = SharePrior.from_card(recipe.own_share, pooled.card)
    recipe = replace(recipe, own_share=prior.share(_evidence(series, windows, series.known - 1)))
    with clock("fit"):
        booster = fit_own(rows, pooled, pooled.latest, recipe,
                          constraints_of(pooled.feature_names, series.dataset))
    kind = demand_class(series.demand[: series.known])
    errors = Errors.joined([_errors(series, window) for window in windows])
    assert pooled.latest.calibration is not None  # the last fit is always calibrated
    model = ForecastModel(
        booster=booster, pooled=pooled, recipe=recipe, driver_ranges=driver_ranges(series, series.dataset),
        calibration=Calibration.of(pooled.latest.calibration, errors, kind),
        card=_card(series, judged, pooled, kind, perf_counter() - started, demand.attrs.get(CARRIED_FROM, "")),
        backtest=_stored(series, judged, windows),
        report=judged.report(series), paths=_paths(series, windows, pooled.latest.calibration.scaling))
    return Trained(model, series, windows)


def forecast_by(trained: Trained, challenger: Challenger, windows: list[Window]) -> ForecastModel:
    """The model with a challenger in place of its boosters, and all that is told of it measured on its forecasts.

    Args:
        windows: those of ``trained`` that the challenger forecast, as it forecast them.
    """
    model, series = trained.model, trained.series
    shapes = model.pooled.latest.calibration
    assert shapes is not None  # the last fit is always calibrated
    first = int(series.dates.searchsorted(pd.Timestamp(model.backtest["origins"][0])))
    judged = judged_windows(series.as_planned, windows, first)
    card = _card(series, judged, model.pooled, model.card.demand_class, model.card.seconds, model.card.carried_from)
    errors = Errors.joined([_errors(series, window) for window in windows])
    return replace(
        model, challenger=challenger, boosters=model, card=card, report=judged.report(series),
        calibration=Calibration.of(shapes, errors, model.card.demand_class),
        paths=_paths(series, windows, shapes.scaling),
        backtest=_stored(series, judged, windows))


def backtest(series: SeriesFeatures, rows: TrainingRows, pooled: PooledModel, recipe: Recipe,
             origins: Ints | None = None) -> tuple[Backtest, list[Window]]:
    """Forecasts of the judged windows and of those before, by fits on what was known before each.

    Args:
        series: the region-item's features, with drivers as the windows shall see them.
        rows: its training rows; each window uses those whose target lies before it.
        recipe: its share of the own booster is used where the pooled model says nothing of how region-items differ.
        origins: last period known in each judged window; as the dataset asks unless given.
    Raises: NotEnoughHistoryError: no window has a pooled fit and a training row before it.
    """
    dataset = series.dataset
    judged = judged_origins(series) if origins is None else origins
    earlier = selection_origins(int(judged[0]), dataset.horizon)
    prior = SharePrior.from_card(recipe.own_share, pooled.card)
    own = OwnFits(rows, pooled.columns, constraints_of(pooled.feature_names, dataset))
    windows: list[Window] = []
    for asked in _asked(series, rows, pooled, [int(origin) for origin in (*earlier, *judged)]):
        share = prior.share(_evidence(series, windows, asked.origin))
        windows.append(_window(series, pooled, own, rows, replace(recipe, own_share=share), asked))
    return judged_windows(series, windows, int(judged[0])), windows


def judged_windows(series: SeriesFeatures, windows: list[Window], first: int) -> Backtest:
    """The windows from the origin ``first`` on, with intervals calibrated on what was known at each one's origin.

    Raises: NotEnoughHistoryError: there is none.
    """
    judged = np.array([window.origin for window in windows if window.origin >= first], dtype=np.int64)
    if not len(judged):
        raise NotEnoughHistoryError("no backtest window has both a pooled fit and a training row before it")
    dataset = series.dataset
    horizon, leads = dataset.horizon, np.arange(1, dataset.horizon + 1)
    pairs = np.repeat(judged, horizon), np.tile(leads, len(judged))
    shape = (len(judged), horizon)
    shown = [window for window in windows if window.origin >= first]
    forecast = np.stack([window.served[:horizon] for window in shown])
    bounds: dict[float, list[tuple[Floats, Floats]]] = {level: [] for level in LEVELS}
    deciles: list[Floats | None] = []
    for window, units in zip(shown, forecast, strict=True):
        calibration = _calibration_at(series, windows, window)
        origin_level = np.full(horizon, series.level[window.origin])
        for level in LEVELS:
            bounds[level].append(calibration.interval(units, origin_level, leads, level))
        deciles.append(calibration.deciles(units, origin_level, leads))
    return Backtest(
        origins=judged, actual=series.sold[pairs[0] + pairs[1]].reshape(shape), forecast=forecast,
        own=np.stack([window.own[:horizon] for window in shown]),
        pooled=np.stack([window.pooled[:horizon] for window in shown]),
        realised=np.stack([window.realised for window in shown]) if series.is_as_planned else None,
        seasonal_naive=seasonal_naive(series, *pairs).reshape(shape),
        lower={level: np.stack([low for low, _ in each]) for level, each in bounds.items()},
        upper={level: np.stack([high for _, high in each]) for level, each in bounds.items()},
        deciles=np.stack(known) if len(known := [each for each in deciles if each is not None]) == len(shown) else None)


@dataclass(frozen=True)
class _Asked:
    """A window as the pooled model sees it."""

    origin: int
    starts: Ints
    leads: Ints
    fit: Fit
    known: npt.NDArray[np.bool_]
    """Which training rows lie before it."""
    learned: Floats
    """What the pooled fit says of those, as demand over level."""
    features: Rows
    """Of its own pairs, then of its own horizon with the drivers that came, where those are not what was planned."""
    ratio: Floats
    """What the pooled fit says of them."""


def _asked(series: SeriesFeatures, rows: TrainingRows, pooled: PooledModel, origins: Sequence[int]) -> list[_Asked]:
    """The windows from these origins that have a pooled fit before them. Features are made of all together, and each
    fit is asked once: either question costs more than some hundred rows do."""
    found: list[tuple[int, np.datetime64, Fit, Ints, Ints]] = []
    for origin in origins:
        if origin < 0:
            continue
        date = series.dates.to_numpy()[origin].astype("datetime64[D]")
        try:
            found.append((origin, date, pooled.fit_before(date), *window_pairs(series, origin)))
        except NotEnoughHistoryError:
            continue
    if not found:
        return []
    horizon = slice(0, series.dataset.horizon)
    features = _rows_of(series, [(starts, leads) for *_, starts, leads in found])
    if series.is_as_planned:
        came = _rows_of(series.as_came, [(starts[horizon], leads[horizon]) for *_, starts, leads in found])
        features = [np.concatenate(each) for each in zip(features, came, strict=True)]
    asked: list[_Asked] = []
    for _, same in groupby(zip(found, features, strict=True), key=lambda window: window[0][2].seen):
        of_fit = list(same)
        (_, latest, fit, *_), _ = of_fit[-1]
        of_latest = rows.date <= latest
        learned, *ratios = _split(
            pooled.ratio(np.concatenate([rows.features[of_latest], *(own for _, own in of_fit)]), fit),
            [int(np.count_nonzero(of_latest)), *(len(own) for _, own in of_fit)])
        for ((origin, date, _, starts, leads), own), ratio in zip(of_fit, ratios, strict=True):
            known = rows.date <= date
            asked.append(_Asked(origin, starts, leads, fit, known, learned[known[of_latest]], own, ratio))
    return asked


def _rows_of(series: SeriesFeatures, pairs: Sequence[tuple[Ints, Ints]]) -> list[Rows]:
    """The features of each array of origins and leads."""
    starts, leads = (np.concatenate(each) for each in zip(*pairs, strict=True))
    return _split(series.rows(starts, leads), [len(each) for each, _ in pairs])


def _split(values: npt.NDArray[Value], lengths: Sequence[int]) -> list[npt.NDArray[Value]]:
    return np.split(values, np.cumsum(lengths[:-1]))


def _window(series: SeriesFeatures, pooled: PooledModel, own: OwnFits, rows: TrainingRows, recipe: Recipe,
            asked: _Asked) -> Window:
    """One window. Without a training row before it, it is the pooled model's alone."""
    fit, starts, leads = asked.fit, asked.starts, asked.leads
    margin = np.zeros(len(asked.features))
    if asked.known.any():
        margin = own_margin(own.fit(fit, recipe, asked.known, asked.learned), asked.features, pooled.columns)
    (base, base_as_came), (margin, margin_as_came) = (np.split(each, [len(starts)]) for each in (asked.ratio, margin))

    def units(ratio: Floats, margin: Floats, share: float) -> Floats:
        return bounded(ratio * np.exp(share * margin), series, starts[:len(ratio)], leads[:len(ratio)])

    served = units(base, margin, recipe.own_share)
    realised = (units(base_as_came, margin_as_came, recipe.own_share) if series.is_as_planned
                else served[:series.dataset.horizon])
    return Window(asked.origin, starts, leads, bounded(base, series, starts, leads), units(base, margin, 1.0), served,
                  realised, fit, np.append(rows.date[asked.known], fit.seen).max())


def _evidence(series: SeriesFeatures, windows: Sequence[Window], until: int) -> Evidence:
    """What the windows' own horizons that are over say of the share of the own booster.

    Args:
        until: the last period known.
    """
    found = Evidence()
    for window in windows:
        ends = (window.starts + window.leads)[:series.dataset.horizon]
        over = ends <= until
        found += Evidence.of(series.demand[ends][over], window.pooled[:len(ends)][over], window.own[:len(ends)][over])
    return found


def _errors(series: SeriesFeatures, window: Window) -> Errors:
    return errors_of(series, window.served, window.starts, window.leads)


def _calibration_at(series: SeriesFeatures, windows: list[Window], window: Window) -> Calibration:
    """What was known of the errors at the window's origin."""
    shapes = window.fit.calibration
    assert shapes is not None  # every fit of a finished pooled model is calibrated
    earlier = [_errors(series, other).known(until=window.origin) for other in windows if other.origin < window.origin]
    return Calibration.of(shapes, Errors.joined(earlier) if earlier else None,
                          demand_class(series.demand[: window.origin + 1]))


def _stored(series: SeriesFeatures, judged: Backtest, windows: list[Window]) -> dict[str, Any]:
    """The backtest as a model keeps it, with the last date that the fits behind each window have seen."""
    return {**judged.to_json(series),
            "seen_to": [str(window.seen) for window in windows if window.origin in judged.origins]}


def _paths(series: SeriesFeatures, windows: list[Window], scaling: Scaling) -> ErrorPaths:
    """The errors of each origin whose whole horizon is known, in multiples of the scale."""
    horizon = series.dataset.horizon
    paths: dict[str, tuple[float, ...]] = {}
    for window in windows:
        scaled = np.round(scaling.scaled(_errors(series, window)), 3)
        for start in np.unique(window.starts):
            path = scaled[window.starts == start]
            if len(path) == horizon and not np.isnan(path).any():
                paths[str(series.dates[start].date())] = tuple(path.tolist())
    dates = sorted(paths)
    return ErrorPaths(tuple(dates), tuple(paths[date] for date in dates))


def _card(series: SeriesFeatures, judged: Backtest, pooled: PooledModel, kind: str, seconds: float,
          carried_from: str) -> ModelCard:
    history = series.demand[: int(judged.origins[0]) + 1]
    first = int(np.flatnonzero(~np.isnan(series.demand))[0])
    return ModelCard(
        wape=wape(judged.actual, judged.forecast),
        wape_seasonal_naive=wape(judged.actual, judged.seasonal_naive),
        wape_own=wape(judged.actual, judged.own), wape_pooled=wape(judged.actual, judged.pooled),
        naive_to_pooled_of_all=pooled.naive_to_pooled or float("nan"),
        backtest_units=float(np.nansum(judged.actual)),
        rmsse=rmsse(judged.actual, judged.forecast, history),
        rmsse_seasonal_naive=rmsse(judged.actual, judged.seasonal_naive, history),
        bias=bias(judged.actual, judged.forecast),
        coverage_80=coverage(judged.actual, judged.lower[0.8], judged.upper[0.8]),
        wape_realised=wape(judged.actual, judged.forecast if judged.realised is None else judged.realised),
        bias_realised=bias(judged.actual, judged.forecast if judged.realised is None else judged.realised),
        judged_with=AS_PLANNED,
        trained_from=str(series.dates[first].date()), trained_to=str(series.dates[series.known - 1].date()),
        rows=int(np.count_nonzero(~np.isnan(series.demand))), data_hash=data_hash(series), demand_class=kind,
        pooled_version=pooled.version or 0, adjustments=series.adjustments, sold_hash=sold_hash(series),
        carried_periods=int(np.count_nonzero(np.isnan(series.sold) & ~np.isnan(series.demand))),
        carried_from=carried_from, seconds=round(seconds, 3))
