"""Whether forecasts are as right as they are said to be: reported accuracy beside that of what is delivered.

    python -m benchmarks.live [--sets dominicks_oj,made_up] [--series N] [--json out.json]

The last horizon is cut from each set's source; models are trained on what is left and forecast it by the plan that the
product makes of drivers by their declared rules. That is compared with what came, beside what the backtest reported,
beside the same models given the drivers that came, and beside seasonal naive. Of the nine deciles that are delivered it
tells which share of what came lies below each, and at or below it.
"""

import argparse
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.support.decile_shares import farthest_off, quantile_loss, shares_at_deciles
from benchmarks.support.machine import described
from benchmarks.support.panel_forecasts import cpu_seconds
from benchmarks.support.sets.accuracy_sets import DATA_FOLDER, SETS, SetError, data_folder, is_there
from benchmarks.support.sets.live_sets import MADE_UP, LiveSet, live_set
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.forecast.forecaster import Forecaster
from demand_assets.forecasting.gate.contest import contest
from demand_assets.forecasting.model.backtest import REALISED
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError
from demand_assets.forecasting.model.intervals import DECILE_NAMES, DECILES
from demand_assets.forecasting.model.serving.baseline import BASELINE, is_clearly_better
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.serving.serving_model import ServingModel
from demand_assets.forecasting.model.training.own_model import train
from demand_assets.forecasting.model.training.pooled_model import train_pooled
from demand_assets.forecasting.series.gapped import Floats
from demand_assets.forecasting.series.metrics import bias, coverage, wape
from demand_assets.forecasting.store.demand_store import DemandStore

RESAMPLES = 1000
Numbers = dict[str, Any]


def main(arguments: list[str] | None = None) -> int:
    """Measure and report; the exit code is 1 when a set could not be judged."""
    given = _parser().parse_args(arguments)
    console = Console() if sys.stdout.isatty() else Console(width=120)
    console.print(", ".join(f"{name} {value}" for name, value in described().items()), markup=False, highlight=False)
    names = [name.strip() for name in given.sets.split(",") if name.strip()] or [
        MADE_UP, *(name for name in SETS if is_there(name))]
    found: dict[str, Numbers] = {}
    problems = []
    for name in names:
        started = perf_counter()
        try:
            one = live_set(name, given.series)
        except SetError as error:
            problems.append(f"{error} Real data are looked for in {data_folder()}; {DATA_FOLDER} names another folder.")
            continue
        found[one.name] = judged(one, given.cores)
        console.print(f"{one.name}: {len(one.known)} region-items, {len(one.left_out)} left out, horizon "
                      f"{one.dataset.horizon} {one.dataset.frequency}, {perf_counter() - started:.0f} s", markup=False)
    if found:
        console.print(_table(found))
        console.print(_deciles_table(found))
    if given.json:
        given.json.write_text(json.dumps({"machine": described(), "sets": found}, indent=2) + "\n")
    for problem in problems:
        print(f"live: {problem}", file=sys.stderr)
    return 1 if problems or not found else 0


@dataclass(frozen=True)
class Window:
    """One region-item's live window, arrays of shape (periods,) in units; those whose demand came."""

    actual: Floats
    plan: Floats
    lower: Floats
    upper: Floats
    realised: Floats
    naive: Floats
    deciles: Floats
    """Shape (periods, 9)."""


def judged(one: LiveSet, cores: int = 1) -> Numbers:
    """What is reported of a set and what came, as JSON: each WAPE over everything, and the shares inside the 80 %
    intervals; None where nothing tells. ``deciles`` has the shares of what came below each, and at or below it,
    ``deciles_off`` how far what a decile says lies outside of these, at most, and ``quantile_loss`` is of them all."""
    dataset, started = one.dataset, cpu_seconds()
    pooled = train_pooled(list(one.known), lambda region_item: one.known[region_item], dataset,
                          cores).with_version(1)
    served: dict[RegionItem, ServingModel] = {}
    reported: list[Floats] = []
    for region_item, demand in one.known.items():
        served[region_item], rows = _served(demand, dataset, pooled, region_item)
        reported.append(rows)
    spent = cpu_seconds() - started
    windows = _windows(one, served)
    told = np.concatenate(reported, axis=1)
    came = Window(*(np.concatenate([getattr(window, name) for window in windows])
                    for name in Window.__dataclass_fields__))
    low, high = _sampling_error(windows)
    has_interval = ~np.isnan(told[2])
    numbers = {
        "reported_wape": wape(told[0], told[1]), "live_wape": wape(came.actual, came.plan),
        "live_wape_realised": wape(came.actual, came.realised), "naive_wape": wape(came.actual, came.naive),
        "reported_coverage_80": coverage(*told[[0, 2, 3]][:, has_interval]),
        "live_coverage_80": coverage(came.actual, came.lower, came.upper),
        "reported_wape_realised": wape(told[0], told[4]), "live_bias": bias(came.actual, came.plan),
        "live_wape_from": low, "live_wape_to": high, "region_items": len(one.known),
        "own_models": sum(model.served_by == "production" for model in served.values()),
        "cpu_seconds": spent / len(one.known)}
    known = ~np.isnan(came.deciles[:, 0])
    shares = shares_at_deciles(came.actual[known], came.deciles[known]) if known.any() else {}
    return {name: None if np.isnan(value) else round(float(value), 4) for name, value in numbers.items()} | {
        "deciles": shares, "deciles_off": round(farthest_off(shares), 4) if shares else None,
        "quantile_loss": round(quantile_loss(came.actual[known], came.deciles[known]), 4) if shares else None}


def _served(demand: pd.DataFrame, dataset: Dataset, pooled: PooledModel,
            region_item: RegionItem) -> tuple[ServingModel, Floats]:
    """What would forecast it after a first training, and what is reported of that: actual, forecast, bounds and the
    forecast with realised drivers, shape (5, periods); no periods where nothing is."""
    try:
        model = train(demand, dataset, pooled, region_item)
    except NotEnoughHistoryError:
        return pooled, np.zeros((5, 0))
    tables = {name: np.array(model.backtest[name], dtype=np.float64).ravel() for name in (
        "actual", "forecast", "own", "pooled", "seasonal_naive", "lower_80", "upper_80")}
    realised = np.array(model.backtest.get(REALISED, model.backtest["forecast"]), dtype=np.float64).ravel()
    if contest(demand, dataset, model, None, region_item).verdict == "promote":
        return model, np.stack([tables["actual"], tables["forecast"], tables["lower_80"], tables["upper_80"], realised])
    nothing = np.full_like(tables["actual"], np.nan)
    naive, own, of_pool = (wape(tables["actual"], tables[name]) for name in ("seasonal_naive", "own", "pooled"))
    is_naive = bool(np.isnan(naive)) or (
        naive <= own and is_clearly_better(naive, of_pool, pooled.naive_to_pooled))
    stands_in: ServingModel = BASELINE if is_naive else pooled
    shown = tables["seasonal_naive" if is_naive else "pooled"]
    return stands_in, np.stack([tables["actual"], shown, nothing, nothing, shown])


def _windows(one: LiveSet, served: dict[RegionItem, ServingModel]) -> list[Window]:
    """What each model forecasts of the horizon after the cut, beside what came; by the product's own plan."""
    dataset = one.dataset
    realised_dataset, realised = one.with_realised_drivers
    found = []
    with tempfile.TemporaryDirectory(prefix="live-") as folder:
        by_plan, by_what_came = (Forecaster(its, DemandStore(f"{folder}/{name}"))
                                 for name, its in (("plan", dataset), ("came", realised_dataset)))
        plan_store, came_store = (DemandStore(f"{folder}/{name}") for name in ("plan", "came"))
        for region_item, model in served.items():
            plan_store.write("demand", region_item, one.known[region_item])
            came_store.write("demand", region_item, realised[region_item])
            forecast = by_plan.forecast(region_item, model)
            columns = forecast.columns
            came = one.came[region_item].set_index("date")["demand"].reindex(columns["date"]).to_numpy(dtype=float)
            known, deciles = ~np.isnan(came), forecast.part.deciles()
            tables = [came, columns["forecast"], columns["lower_80"], columns["upper_80"],
                      by_what_came.forecast(region_item, model).columns["forecast"],
                      by_plan.forecast(region_item, BASELINE).columns["forecast"],
                      np.full((len(came), len(DECILES)), np.nan) if deciles is None else deciles]
            found.append(Window(*(table[known] for table in tables)))
    return found


def _sampling_error(windows: list[Window]) -> tuple[float, float]:
    """95 % interval of the live WAPE over other region-items of the kind (percentile bootstrap, Efron and Tibshirani,
    1993, chapter 13); always the same resamples."""
    errors = np.array([np.abs(window.plan - window.actual).sum() for window in windows])
    sold = np.array([window.actual.sum() for window in windows])
    drawn = np.random.default_rng(0).integers(len(sold), size=(RESAMPLES, len(sold)))
    low, high = np.quantile(errors[drawn].sum(axis=1) / np.maximum(sold[drawn].sum(axis=1), 1e-12), (0.025, 0.975))
    return float(low), float(high)


def _table(found: dict[str, Numbers]) -> Table:
    table = Table(title="Reported by the backtest, and live in the horizon after it")
    table.add_column("set", no_wrap=True)
    columns = {"WAPE reported": "reported_wape", "live": "live_wape", "95 %": "", "live, drivers known":
               "live_wape_realised", "naive": "naive_wape", "bias": "live_bias",
               "80 % covers, reported": "reported_coverage_80", "live ": "live_coverage_80", "CPU s": "cpu_seconds"}
    for column in columns:
        table.add_column(column, justify="right")
    for name, its in found.items():
        table.add_row(name, *(_shown(its[key]) if key else f"{_shown(its['live_wape_from'])} to "
                              f"{_shown(its['live_wape_to'])}" for key in columns.values()))
    return table


def _deciles_table(found: dict[str, Numbers]) -> Table:
    table = Table(title="Share of what came live below each decile, and at or below it, in %")
    table.add_column("set", no_wrap=True)
    for column in (*DECILE_NAMES, "off by"):
        table.add_column(column, justify="right")
    for name, its in found.items():
        if its["deciles"]:
            table.add_row(name, *(f"{100 * low:.0f}" if low == high else f"{100 * low:.0f} to {100 * high:.0f}"
                                  for low, high in its["deciles"].values()), f"{100 * its['deciles_off']:.1f}")
    return table


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="", help=f"of {MADE_UP}, {', '.join(SETS)}, names of files in datasets/, or "
                        f"paths of dataset files; {MADE_UP} and those whose file is there unless given")
    parser.add_argument("--series", type=int, help="region-items at most, by frequency unless given")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1, help="threads that fit the pooled model")
    parser.add_argument("--json", type=Path, help="write the numbers there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
