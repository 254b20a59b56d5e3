"""From the demand of one region-item to a candidate, with its backtest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

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

if TYPE_CHECKING:
    import xgboost as xgb

Value = TypeVar("Value", bound=np.generic)
OWN_ROWS = 300
"""Training rows of a region-item's own booster."""
_NOTHING = np.zeros(0)


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


@dataclass(frozen=True)
class _Asked:
    """A window as the pooled model is asked of it."""

    origin: int
    date: np.datetime64
    """Of the origin."""
    starts: Ints
    leads: Ints
    features: Rows
    """Of its own pairs, then of its own horizon with the drivers that came, where those are not what was planned."""


@dataclass(frozen=True)
class _Answered:
    """A window as the pooled model sees it."""

    window: _Asked
    fit: Fit
    known: npt.NDArray[np.bool_]
    """Which training rows lie before it."""
    learned: Floats
    """What the pooled fit says of those, as demand over level."""
    ratio: Floats
    """What the pooled fit says of the window's features."""


@dataclass(frozen=True)
class Question:
    """What a region-item asks of one pooled fit. The windows that stand on it share a small booster, which learned what
    was known at the first of them at which anything was."""

    fit: Fit
    learned: npt.NDArray[np.bool_]
    """Training rows that a small booster on top of the fit learns from; theirs are the first features."""
    features: Rows
    windows: tuple[_Asked, ...] = ()
    """Whose features follow."""

    def answered(self, rows: TrainingRows, ratio: Floats) -> list[_Answered]:
        """The windows, with what the fit says of all the features, as demand over level."""
        learned, *ratios = _split(ratio, [int(np.count_nonzero(self.learned)),
                                          *(len(window.features) for window in self.windows)])
        known = [self.learned & (rows.date <= window.date) for window in self.windows]
        return [_Answered(window, self.fit, its, learned[:np.count_nonzero(its)], of_window)
                for window, its, of_window in zip(self.windows, known, ratios, strict=True)]


@dataclass(frozen=True)
class Prepared:
    """A region-item whose features are made, so that the pooled model is asked of many together."""

    region_item: RegionItem
    pooled: PooledModel
    series: SeriesFeatures
    """With the drivers that came."""
    planned: SeriesFeatures
    """With drivers as they were planned."""
    rows: TrainingRows
    judged: Ints
    """Origins of the judged windows."""
    questions: list[Question]
    """Of the windows' fits, then of the one that has seen everything."""
    carried_from: str
    seconds: float
    """What it took so far."""


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
    return finished(prepared(demand, dataset, pooled, region_item, clock), None, clock)


def prepared(demand: pd.DataFrame, dataset: Dataset, pooled: PooledModel, region_item: RegionItem,
             clock: Clock | None = None) -> Prepared:
    """The first half of ``train_with_windows``, which raises what that one does for lack of history or drivers."""
    started, clock = perf_counter(), clock or Clock()
    with clock("features"):
        series = pooled.series_of(demand, dataset, region_item)
        rows = training_rows(series, region_item, OWN_ROWS, pooled.rows_of)
    with clock("backtest"):
        planned = series.as_planned
        judged = judged_origins(planned)
        questions = _questions(planned, rows, pooled, judged)
    return Prepared(region_item, pooled, series, planned, rows, judged, questions, demand.attrs.get(CARRIED_FROM, ""),
                    perf_counter() - started)


def answers_of(some: Sequence[Prepared]) -> list[list[Floats]]:
    """What the pooled model says to each one's questions, as ``finished`` takes it; they stand on the same one."""
    found = iter(_answers(some[0].pooled, [one for each in some for one in each.questions]))
    return [[next(found) for _ in each.questions] for each in some]


def finished(begun: Prepared, answers: Sequence[Floats] | None, clock: Clock | None = None) -> Trained:
    """The second half of ``train_with_windows``.

    Args:
        answers: ``answers_of`` it; asked for where they are None.
    Raises: NotEnoughHistoryError: too short to judge.
    """
    started, clock, pooled, series, rows = perf_counter(), clock or Clock(), begun.pooled, begun.series, begun.rows
    with clock("backtest"):
        *of_windows, of_latest = answers or answers_of([begun])[0]
        judged, windows = _judged(begun.planned, rows, pooled, pooled.recipe, begun.judged,
                                  list(zip(begun.questions, of_windows, strict=False)))
    prior = SharePrior.from_card(pooled.recipe.own_share, pooled.card)
    recipe = replace(pooled.recipe, own_share=prior.share(_evidence(series, windows, series.known - 1)))
    with clock("fit"):
        booster = fit_own(rows, pooled, pooled.latest, recipe,
                          constraints_of(pooled.feature_names, series.dataset), of_latest)
    kind = demand_class(series.demand[: series.known])
    errors = Errors.joined([_errors(series, window) for window in windows])
    assert pooled.latest.calibration is not None  # the last fit is always calibrated
    model = ForecastModel(
        booster=booster, pooled=pooled, recipe=recipe, driver_ranges=driver_ranges(series, series.dataset),
        calibration=Calibration.of(pooled.latest.calibration, errors, kind),
        card=_card(series, judged, pooled, kind, begun.seconds + perf_counter() - started, begun.carried_from),
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
    judged = judged_origins(series) if origins is None else origins
    *of_windows, _ = _questions(series, rows, pooled, judged)
    return _judged(series, rows, pooled, recipe, judged,
                   list(zip(of_windows, _answers(pooled, of_windows), strict=True)))


def _judged(series: SeriesFeatures, rows: TrainingRows, pooled: PooledModel, recipe: Recipe, judged: Ints,
            told: Sequence[tuple[Question, Floats]]) -> tuple[Backtest, list[Window]]:
    """``backtest`` of the windows that the questions are of, with what the pooled fits answered."""
    prior = SharePrior.from_card(recipe.own_share, pooled.card)
    own = OwnFits(rows, pooled.columns, constraints_of(pooled.feature_names, series.dataset))
    windows: list[Window] = []
    for question, ratio in told:
        booster: xgb.Booster | None = None
        for asked in question.answered(rows, ratio):
            if booster is None and asked.known.any():
                booster = own.fit(asked.fit, recipe, asked.known, asked.learned)
            share = prior.share(_evidence(series, windows, asked.window.origin))
            windows.append(_window(series, pooled, booster, rows, replace(recipe, own_share=share), asked))
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


def _questions(series: SeriesFeatures, rows: TrainingRows, pooled: PooledModel, judged: Ints) -> list[Question]:
    """What the windows ask, of each fit that some have before them: the judged ones, and those before. The last one is
    what the delivered booster learns from. Features are made of all windows together: each question costs more than
    some hundred rows do.
    """
    found: list[tuple[int, np.datetime64, Fit, Ints, Ints]] = []
    for origin in map(int, (*selection_origins(int(judged[0]), series.dataset.horizon), *judged)):
        if origin < 0:
            continue
        date = series.dates.to_numpy()[origin].astype("datetime64[D]")
        try:
            found.append((origin, date, pooled.fit_before(date), *window_pairs(series, origin)))
        except NotEnoughHistoryError:
            continue
    of_latest = Question(pooled.latest, np.ones(len(rows.ratio), dtype=bool), rows.features)
    if not found:
        return [of_latest]
    horizon = slice(0, series.dataset.horizon)
    features = _rows_of(series, [(starts, leads) for *_, starts, leads in found])
    if series.is_as_planned:
        came = _rows_of(series.as_came, [(starts[horizon], leads[horizon]) for *_, starts, leads in found])
        features = [np.concatenate(each) for each in zip(features, came, strict=True)]
    asked = [_Asked(origin, date, starts, leads, own)
             for (origin, date, _, starts, leads), own in zip(found, features, strict=True)]
    questions = []
    for _, same in groupby(zip(found, asked, strict=True), key=lambda window: window[0][2].seen):
        of_fit = list(same)
        windows = tuple(window for _, window in of_fit)
        learned = next((known for window in windows if (known := rows.date <= window.date).any()),
                       np.zeros(len(rows.ratio), dtype=bool))
        questions.append(Question(of_fit[0][0][2], learned, np.concatenate(
            [rows.features[learned], *(window.features for window in windows)]), windows))
    return [*questions, of_latest]


def _answers(pooled: PooledModel, questions: Sequence[Question]) -> list[Floats]:
    """What the fits say of the questions' rows, as demand over level. Each fit is asked once."""
    found: list[Floats] = [_NOTHING] * len(questions)
    by_fit: dict[np.datetime64, list[int]] = {}
    for place, question in enumerate(questions):
        by_fit.setdefault(question.fit.seen, []).append(place)
    for places in by_fit.values():
        some = [questions[place].features for place in places]
        ratio = pooled.ratio(np.concatenate(some), questions[places[0]].fit)
        for place, part in zip(places, _split(ratio, [len(each) for each in some]), strict=True):
            found[place] = part
    return found


def _rows_of(series: SeriesFeatures, pairs: Sequence[tuple[Ints, Ints]]) -> list[Rows]:
    """The features of each array of origins and leads."""
    starts, leads = (np.concatenate(each) for each in zip(*pairs, strict=True))
    return _split(series.rows(starts, leads), [len(each) for each, _ in pairs])


def _split(values: npt.NDArray[Value], lengths: Sequence[int]) -> list[npt.NDArray[Value]]:
    return np.split(values, np.cumsum(lengths[:-1]))


def _window(series: SeriesFeatures, pooled: PooledModel, booster: "xgb.Booster | None", rows: TrainingRows,
            recipe: Recipe, asked: _Answered) -> Window:
    """One window. Without a training row before it, it has no booster and is the pooled model's alone."""
    fit, starts, leads, features = asked.fit, asked.window.starts, asked.window.leads, asked.window.features
    margin = np.zeros(len(features))
    if booster is not None:
        margin = own_margin(booster, features, pooled.columns)
    (base, base_as_came), (margin, margin_as_came) = (np.split(each, [len(starts)]) for each in (asked.ratio, margin))

    def units(ratio: Floats, margin: Floats, share: float) -> Floats:
        return bounded(ratio * np.exp(share * margin), series, starts[:len(ratio)], leads[:len(ratio)])

    served = units(base, margin, recipe.own_share)
    realised = (units(base_as_came, margin_as_came, recipe.own_share) if series.is_as_planned
                else served[:series.dataset.horizon])
    return Window(asked.window.origin, starts, leads, bounded(base, series, starts, leads), units(base, margin, 1.0),
                  served, realised, fit, np.append(rows.date[asked.known], fit.seen).max())


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
