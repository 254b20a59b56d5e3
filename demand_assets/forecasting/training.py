"""From demand to a candidate, and from two models to a contest: what the pipeline calls."""

from time import perf_counter

import numpy as np
import pandas as pd

from demand_assets.forecasting.backtest import ROWS_NEEDED, Backtest, backtest, judged_origins
from demand_assets.forecasting.dataset import Dataset
from demand_assets.forecasting.features import Floats, Ints, SeriesFeatures, series_features
from demand_assets.forecasting.metrics import bias, coverage, rmsse, wape
from demand_assets.forecasting.model import (
    ForecastModel,
    ModelCard,
    Recipe,
    TrainingRows,
    data_hash,
    driver_ranges,
    fit_booster,
    predict_units,
    training_rows,
)
from demand_assets.forecasting.promotion import Contestant, Decision, judge

QUICK_RECIPES = (Recipe(), Recipe(scale="plain"))
"""Tried for a first model."""
ALL_RECIPES = (
    *QUICK_RECIPES,
    Recipe(rounds=240, learning_rate=0.03),
    Recipe(scale="plain", rounds=240, learning_rate=0.03),
    Recipe(rounds=80, depth=3, min_child_weight=10.0),
    Recipe(rounds=100, depth=6, min_child_weight=3.0, regularisation=4.0),
)
"""Tried for a retrain."""
SELECTION_WINDOWS = 2


def train(demand: pd.DataFrame, dataset: Dataset, recipes: tuple[Recipe, ...] = ALL_RECIPES) -> ForecastModel:
    """A candidate for one region-item, with its backtest.

    The recipe is chosen on windows before those of the backtest, so that the backtest judges it on windows that
    neither the choice nor the fit has seen; the model itself is then fitted on everything known.

    Args:
        demand: schema Demand.
        recipes: those to choose from.
    Raises: NotEnoughHistoryError: too short to fit and to judge.
    """
    started = perf_counter()
    series = series_features(demand, dataset)
    rows = training_rows(series, dataset.horizon)
    origins = judged_origins(series, rows, dataset.horizon)
    recipe = _best_recipe(series, rows, dataset.horizon, int(origins[0]), recipes)
    judged = backtest(series, rows, recipe, dataset.horizon, origins)
    booster = fit_booster(rows, recipe, series.constraints, seen=series.known)
    return ForecastModel(
        booster=booster, recipe=recipe, feature_names=tuple(series.names), categories=series.categories,
        driver_ranges=driver_ranges(series, dataset), calibration=judged.calibration,
        card=_card(series, judged, perf_counter() - started), backtest=judged.to_json(series))


def contest(demand: pd.DataFrame, dataset: Dataset, candidate: ForecastModel,
            production: ForecastModel | None) -> Decision:
    """The gate's decision on a candidate, on the candidate's backtest windows.

    Production forecasts each window as it is where the window begins after its training data ended; elsewhere by its
    recipe fitted on what was known before the window.

    Args:
        demand: schema Demand, as the candidate was trained on.
    """
    actual = _table(candidate, "actual")
    mine = Contestant(forecast=_table(candidate, "forecast"), lower_80=_table(candidate, "lower_80"),
                      upper_80=_table(candidate, "upper_80"), trained_to=candidate.card.trained_to,
                      data_hash=candidate.card.data_hash, recipe=vars(candidate.recipe))
    theirs = _production_contestant(demand, dataset, candidate, production) if production else None
    return judge(actual, mine, theirs, _table(candidate, "seasonal_naive"))


def _production_contestant(demand: pd.DataFrame, dataset: Dataset, candidate: ForecastModel,
                           production: ForecastModel) -> Contestant:
    forecast, lower, upper = (_table(candidate, name) for name in ("forecast", "lower_80", "upper_80"))
    dates = candidate.backtest["origins"]
    unseen = np.array([production.card.trained_to <= date for date in dates])
    same_features = production.feature_names == candidate.feature_names
    as_it_is = unseen & same_features
    other_recipe = production.recipe != candidate.recipe
    if as_it_is.any() or other_recipe:
        series = series_features(demand, dataset)
        origins = np.asarray(series.dates.get_indexer(pd.DatetimeIndex(dates)), dtype=np.int64)
        if other_recipe and not as_it_is.all():
            again = backtest(series, training_rows(series, dataset.horizon), production.recipe, dataset.horizon,
                             origins)
            forecast, lower, upper = again.forecast, again.lower_80, again.upper_80
        leads = np.arange(1, dataset.horizon + 1)
        for window in np.flatnonzero(as_it_is):
            forecast[window] = production.predict(series, np.full(len(leads), origins[window]), leads)
    return Contestant(forecast=forecast, lower_80=lower, upper_80=upper, trained_to=production.card.trained_to,
                      data_hash=production.card.data_hash, recipe=vars(production.recipe))


def _best_recipe(series: SeriesFeatures, rows: TrainingRows, horizon: int, first_judged: int,
                 recipes: tuple[Recipe, ...]) -> Recipe:
    """The recipe with the smallest WAPE on the windows before the first judged one; the first when they are too few."""
    first = first_judged - SELECTION_WINDOWS * horizon
    if len(recipes) == 1 or np.count_nonzero(rows.target <= first) < ROWS_NEEDED:
        return recipes[0]
    origins: Ints = np.repeat(np.arange(first, first_judged, horizon), horizon)
    leads: Ints = np.tile(np.arange(1, horizon + 1), SELECTION_WINDOWS)
    actual = series.demand[origins + leads]
    scores = []
    for recipe in recipes:
        booster = fit_booster(rows, recipe, series.constraints, seen=first + 1)
        scores.append(wape(actual, predict_units(booster, recipe, series, origins, leads)))
    return recipes[int(np.argmin(np.nan_to_num(scores, nan=np.inf)))]


def _card(series: SeriesFeatures, judged: Backtest, seconds: float) -> ModelCard:
    history = series.demand[: int(judged.origins[0]) + 1]
    first = int(np.flatnonzero(~np.isnan(series.demand))[0])
    return ModelCard(
        wape=wape(judged.actual, judged.forecast),
        wape_seasonal_naive=wape(judged.actual, judged.seasonal_naive),
        rmsse=rmsse(judged.actual, judged.forecast, history),
        rmsse_seasonal_naive=rmsse(judged.actual, judged.seasonal_naive, history),
        bias=bias(judged.actual, judged.forecast),
        coverage_80=coverage(judged.actual, judged.lower_80, judged.upper_80),
        trained_from=str(series.dates[first].date()), trained_to=str(series.dates[series.known - 1].date()),
        rows=int(np.count_nonzero(~np.isnan(series.demand))), data_hash=data_hash(series), seconds=round(seconds, 3))


def _table(model: ForecastModel, name: str) -> Floats:
    return np.array(model.backtest[name], dtype=np.float64)
