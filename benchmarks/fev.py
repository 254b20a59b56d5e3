"""The product on four retail tasks of fev-bench, by that benchmark's own windows, known drivers and measures.

    python -m benchmarks.fev [--tasks rossmann_1D,rossmann_1W,walmart,m5_1D] [--every 10] [--json out.json]

Seasonal naive is forecast for all series first: how near it comes to its published error says how exactly the task is
rebuilt. The product forecasts every k-th series, as served: pooled model and own share, with its nine deciles.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.support.decile_shares import shares_at_deciles
from benchmarks.support.machine import described
from benchmarks.support.panel_forecasts import cpu_seconds
from benchmarks.support.sets.accuracy_sets import DATA_FOLDER, SetError
from benchmarks.support.sets.fev_tasks import TASKS, Series, mase_of, shown, sql_of, wape_of
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.model.backtest import judged_origins
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError
from demand_assets.forecasting.model.intervals import Calibration
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.training.own_model import judged_windows, train_with_windows
from demand_assets.forecasting.model.training.pooled_model import train_pooled
from demand_assets.forecasting.series.demand_class import demand_class
from demand_assets.forecasting.series.gapped import Floats


def main(arguments: list[str] | None = None) -> int:
    """Measure and report; the exit code is 1 when a task could not be rebuilt."""
    parser = _parser()
    given = parser.parse_args(arguments)
    names = [name.strip() for name in given.tasks.split(",") if name.strip()]
    if unknown := [name for name in names if name not in TASKS]:
        parser.error(f"no such task: {', '.join(unknown)}. There are {', '.join(TASKS)}.")
    if given.every < 0:
        parser.error(f"--every {given.every}: give 1 for all series, 2 for every second …, 0 for seasonal naive alone")
    console = Console() if sys.stdout.isatty() else Console(width=160)
    machine = described()
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()), markup=False, highlight=False)
    found: dict[str, dict[str, Any]] = {}
    problems = []
    for name in names:
        started = perf_counter()
        task, load = TASKS[name]
        try:
            series = load(task)
        except SetError as error:
            problems.append(f"{name}: {error}. {DATA_FOLDER} names another folder.")
            continue
        found[name] = measured(series, given.every, given.cores)
        console.print(f"{name}: {perf_counter() - started:.0f} s", markup=False)
        if given.json:  # after each: the next may take long
            given.json.write_text(json.dumps({"machine": machine, "tasks": found}, indent=2) + "\n")
    if found:
        console.print(_table(found))
    for problem in problems:
        print(f"fev: {problem}", file=sys.stderr)
    return 1 if problems else 0


def measured(series: Series, every: int, cores: int = 1) -> dict[str, Any]:
    """Seasonal naive of all series, and the product's errors on every k-th, as JSON; None where nothing is forecast.

    ``naive_wape, naive_mase`` are of all series, ``naive_wape_of_sample`` of those that the product forecasts, as are
    ``wape``, ``wape_pooled`` (without the own share), ``sql`` and ``between_p10_and_p90``; ``deciles`` has the shares
    of actuals strictly below each decile, and at or below it. Errors are means over windows.

    Args:
        every: one series in so many is forecast; 0 for none.
        cores: threads that fit the pooled model.
    """
    actual, naive, scales = series.actual, series.seasonal_naive, series.scales
    found = {"naive_wape": _rounded(wape_of(actual, naive).mean(), 6),
             "naive_mase": _rounded(mase_of(actual, naive, scales).mean(), 6), "series": len(series.region_items),
             "naive_wape_of_sample": None, "wape": None, "wape_pooled": None, "sql": None, "between_p10_and_p90": None,
             "every": every, "sample": 0, "left_out": {}, "wape_by_window": [], "cpu_seconds": None, "deciles": {},
             **shown(series.task)}
    if not every:
        return found
    places = np.arange(len(series.region_items))[::every]
    started = cpu_seconds()
    told, left_out = forecasts(series, [series.region_items[place] for place in places], cores)
    spent = cpu_seconds() - started
    kept = [place for place in places if series.region_items[place] in told]
    point, pooled, deciles = (np.stack([told[series.region_items[place]][part] for place in kept], axis=1)
                              for part in range(3))
    actual, naive, scales = (values[:, kept] for values in (actual, naive, scales))
    of_windows = wape_of(actual, point)
    known = ~np.isnan(actual)
    shares = shares_at_deciles(actual[known], deciles[known])
    inside = (actual >= deciles[..., 0]) & (actual <= deciles[..., -1])
    return {**found, "naive_wape_of_sample": _rounded(wape_of(actual, naive).mean()),
            "wape": _rounded(of_windows.mean()), "wape_pooled": _rounded(wape_of(actual, pooled).mean()),
            "sql": _rounded(sql_of(actual, deciles, scales).mean()),
            "between_p10_and_p90": _rounded(inside[known].mean()), "deciles": shares, "sample": len(kept),
            "left_out": {str(one): why for one, why in left_out.items()}, "wape_by_window": [
                _rounded(value) for value in of_windows],
            "cpu_seconds": _rounded(spent / len(kept) / series.task.windows)}


Told = tuple[Floats, Floats, Floats]
"""Point forecasts as served and by the pooled model alone, shape (windows, horizon), and deciles as served, shape
(windows, horizon, 9); in units."""


def forecasts(series: Series, ones: list[RegionItem], cores: int) -> tuple[dict[RegionItem, Told],
                                                                          dict[RegionItem, str]]:
    """What the product serves of these region-items in each window, by what was known at its origin; and why some are
    left out.

    Where there is too little before a window for a region-item's own model, the pooled one serves.
    """
    tables = series.read(ones)
    left_out = {one: "refused by the validation" for one in ones if one not in tables}
    pooled = train_pooled(list(tables), tables.__getitem__, series.dataset, cores).with_version(1)
    found = {}
    for one, table in tables.items():
        try:
            found[one] = _told(table, series, pooled, one)
        except NotEnoughHistoryError as error:
            left_out[one] = str(error)
    return found, left_out


def _told(table: pd.DataFrame, series: Series, pooled: PooledModel, one: RegionItem) -> Told:
    windows, horizon = series.task.windows, series.task.horizon
    features = pooled.series_of(table, series.dataset, one)
    origins = judged_origins(features)
    leads = np.arange(1, horizon + 1)
    served = {}
    try:
        trained = train_with_windows(table, series.dataset, pooled, one)
        judged = judged_windows(trained.series.as_planned, trained.windows, int(origins[0]))
        for place, origin in enumerate(judged.origins):
            assert judged.deciles is not None  # every model that is trained now has them
            served[int(origin)] = judged.forecast[place], judged.pooled[place], judged.deciles[place]
    except NotEnoughHistoryError:
        pass  # the pooled model serves all of it
    for origin in map(int, origins):
        if origin in served:
            continue
        fit = pooled.fit_before(features.dates.to_numpy()[origin].astype("datetime64[D]"))
        units = pooled.forecast(features, np.full(horizon, origin), leads, fit)
        assert fit.calibration is not None  # every fit of a finished pooled model is calibrated
        calibration = Calibration.of(fit.calibration, None, demand_class(features.demand[: origin + 1]))
        level = np.full(horizon, features.level[origin])
        deciles = calibration.deciles(units, level, leads)
        assert deciles is not None  # as above
        served[origin] = units, units, deciles
    if len(served) < windows:
        raise NotEnoughHistoryError(f"it has {len(served)} of {windows} windows")
    parts = [served[origin] for origin in sorted(served)]
    return tuple(np.stack([part[place] for part in parts]) for place in range(3))


def _table(found: dict[str, dict[str, Any]]) -> Table:
    table = Table(title="Tasks of fev-bench, means over windows")
    table.add_column("task", no_wrap=True)
    for column in ("naive WAPE (published)", "naive MASE (published)", "naive WAPE of the sample", "WAPE, pooled alone",
                   "WAPE (goal)", "quantile loss (goal)", "p10 to p90 holds", "series", "CPU s"):
        table.add_column(column, justify="right")
    for name, its in found.items():
        goal = its["goal_wape"]
        if its["goal_wape_over_naive"] and its["naive_wape_of_sample"]:
            goal = its["goal_wape_over_naive"] * its["naive_wape_of_sample"]
        table.add_row(name, f"{_shown(its['naive_wape'], 6)} ({_shown(its['published_naive_wape'], 6)})",
                      f"{_shown(its['naive_mase'])} ({_shown(its['published_naive_mase'])})",
                      _shown(its["naive_wape_of_sample"]), _shown(its["wape_pooled"]),
                      f"{_shown(its['wape'])} ({_shown(goal)})", f"{_shown(its['sql'])} ({_shown(its['goal_sql'], 3)})",
                      _shown(its["between_p10_and_p90"], 3), f"{its['sample']} of {its['series']}",
                      _shown(its["cpu_seconds"], 2))
    return table


def _rounded(value: float, digits: int = 5) -> float:
    return round(float(value), digits)


def _shown(value: float | None, digits: int = 4) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fev", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", default=",".join(TASKS), help="all unless given")
    parser.add_argument("--every", type=int, default=10,
                        help="the product forecasts one series in so many (10 unless given); 0: none")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1, help="threads that fit the pooled model")
    parser.add_argument("--json", type=Path, help="write the numbers there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
