"""Peers that choose by what they did in windows before the judged ones: a tuned booster, the best of five, a blend."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from benchmarks.support.panel_forecasts import (
    Method,
    OneWindow,
    PanelForecasts,
    RollingForecasts,
    Tables,
    cpu_seconds,
    roll,
    rolling_origins,
)
from benchmarks.support.peers import (
    PEERS,
    auto_ces,
    auto_ets,
    croston_sba,
    dynamic_optimized_theta,
    lightgbm_global,
    window_average,
)
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.series.metrics import wape

TRIALS = 20
EARLIER_WINDOWS = 2
"""Windows of one horizon before the first judged one, on which choices are made, as the product makes its own."""
FIVE: dict[str, OneWindow] = {method.__name__: method for method in (
    auto_ets, auto_ces, dynamic_optimized_theta, croston_sba, window_average)}


def lightgbm_tuned(tables: Tables, dataset: Dataset, windows: int) -> PanelForecasts:
    """One LightGBM over all region-items that forecasts step by step (mlforecast), with what optuna found on earlier
    windows: steps, leaves, regularisation, sampling, the loss, and whether the target is standardised or a logarithm.
    """
    import optuna

    earlier = before_judged(tables, dataset, windows)
    started = cpu_seconds()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(lambda trial: error(roll(partial(lightgbm_global, **_parameters(trial)), earlier, dataset,
                                            EARLIER_WINDOWS)), n_trials=TRIALS)
    spent = cpu_seconds() - started
    found = roll(partial(lightgbm_global, **_parameters(study.best_trial)), tables, dataset, windows)
    return PanelForecasts(found.of, found.cpu_seconds + spent)


def _parameters(trial: Any) -> dict[str, Any]:
    return {"target": trial.suggest_categorical("target", ["standardised", "logarithm"]),
            "objective": trial.suggest_categorical("objective", ["regression", "regression_l1"]),
            "n_estimators": trial.suggest_int("n_estimators", 100, 1000, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.2, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 8, 128, log=True),
            "min_child_samples": trial.suggest_int("min_child_samples", 2, 100, log=True),
            "subsample": trial.suggest_float("subsample", 0.5, 1.0), "subsample_freq": 1,
            "colsample_bytree": trial.suggest_float("colsample_bytree", 0.4, 1.0),
            "reg_lambda": trial.suggest_float("reg_lambda", 1e-3, 10.0, log=True)}


def best_of_five(tables: Tables, dataset: Dataset, windows: int) -> PanelForecasts:
    """For each region-item that of ``FIVE`` (statsforecast) whose absolute errors were the smallest in earlier windows;
    intervals where it gives any."""
    earlier = before_judged(tables, dataset, windows)
    tried = {name: roll(method, earlier, dataset, EARLIER_WINDOWS) for name, method in FIVE.items()}
    best = {one: min(FIVE, key={name: _absolute(tried[name].of[one]) for name in FIVE}.__getitem__) for one in tables}
    spent = sum(panel.cpu_seconds for panel in tried.values())
    found: dict[RegionItem, RollingForecasts] = {}
    for name, method in FIVE.items():
        if chosen := {one: tables[one] for one in tables if best[one] == name}:
            panel = roll(method, chosen, dataset, windows)
            found |= panel.of
            spent += panel.cpu_seconds
    return PanelForecasts({one: found[one] for one in tables}, spent)


BLENDED: dict[str, Method] = {"lightgbm_tuned": lightgbm_tuned, "best_of_five": best_of_five,
                              "mlforecast_xgboost_local": PEERS["mlforecast_xgboost_local"]}


def equal_blend(tables: Tables, dataset: Dataset, windows: int) -> PanelForecasts:
    """The mean of ``BLENDED``, which learn from all, from none, and from one region-item at a time; no interval."""
    return blend_of({name: method(tables, dataset, windows) for name, method in BLENDED.items()})


def blend_of(made: Mapping[str, PanelForecasts]) -> PanelForecasts:
    """The mean of these forecasts, with what all of them cost; no interval."""
    first = next(iter(made.values()))
    found = {}
    for one, part in first.of.items():
        nothing = np.full_like(part.forecast, np.nan)
        found[one] = RollingForecasts(part.origins, part.actual, np.mean(
            [panel.of[one].forecast for panel in made.values()], axis=0), nothing, nothing)
    return PanelForecasts(found, sum(panel.cpu_seconds for panel in made.values()))


CHOSEN: dict[str, Callable[[Tables, Dataset, int], PanelForecasts]] = {
    method.__name__: method for method in (lightgbm_tuned, best_of_five, equal_blend)}


def before_judged(tables: Tables, dataset: Dataset, windows: int) -> Tables:
    """What was known at the first judged origin: each table up to it."""
    return {one: table.iloc[: int(rolling_origins(table, dataset.horizon, windows)[0]) + 1]
            for one, table in tables.items()}


def error(panel: PanelForecasts) -> float:
    """WAPE over everything."""
    actual, forecast = (np.concatenate([getattr(part, name).ravel() for part in panel.of.values()])
                        for name in ("actual", "forecast"))
    return wape(actual, forecast)


def _absolute(part: RollingForecasts) -> float:
    return float(np.nansum(np.abs(part.actual - part.forecast)))
