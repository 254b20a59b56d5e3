"""Whether order-up-to quantities give the service that they are asked for.

    python -m benchmarks.stock [--sets m5,rossmann,simulated] [--series N] [--windows N] [--json out.json]

A year of backtest windows. At each origin quantities are made, by the product's own code, from errors of the windows
that had ended by then, as many as the product keeps, and compared with what was sold after it. Service is cycle
service: the share of windows, over all region-items, in which the total over lead time and review period is no higher
than the quantity; the fill rate is the share of units that it covers. Beside it, from the same forecasts and the same
past windows: the normal distribution with the variances of single periods added, the sum of single periods' quantiles,
and without a forecast the quantile of past totals of the series. Choices of training are pinned, the same for all sets.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from time import perf_counter
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.support.machine import described
from benchmarks.support.sets.accuracy_sets import SetError, sample
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.series_features import SeriesFeatures
from demand_assets.forecasting.forecast.order_up_to import ErrorsByPeriods, NotKnownError
from demand_assets.forecasting.forecast.totals import Part
from demand_assets.forecasting.model.boosters import training_rows
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError
from demand_assets.forecasting.model.intervals import ErrorPaths, Scaling
from demand_assets.forecasting.model.training.own_model import OWN_ROWS, backtest
from demand_assets.forecasting.model.training.pooled_model import train_pooled
from demand_assets.forecasting.series.demand_class import demand_class
from demand_assets.forecasting.series.gapped import Floats

LEVELS = (90.0, 95.0, 98.0)
SERIES = 80
WINDOWS = 18
KEPT = 5
"""Horizons of past errors that a model keeps, with the product's three judged windows and two before them."""
ENOUGH = 9
"""Past origins from which on an origin is judged."""
HISTORY = 3
"""Years that the quantile of past totals is over."""
PINNED = {"scale": "tweedie", "drivers": "boosted", "year_features": False, "rounds": 120, "depth": 5,
          "learning_rate": 0.08, "own_rounds": 20, "own_share": 0.5}
SPARSE = ("intermittent", "lumpy", "dead")


@dataclass(frozen=True)
class Forecast:
    """One forecast of the backtest; arrays of shape (horizon,)."""

    origin: int
    """The last period known, as a place in the series."""
    forecast: Floats
    actual: Floats
    """NaN where unknown."""
    level: Floats
    scaling: Scaling
    """As it was known when the window began."""


@dataclass(frozen=True)
class Case:
    """One region-item at one origin: what was known, and what came."""

    part: Part
    errors: Floats
    """Actual minus forecast of the past origins, in units; shape (origins, horizon)."""
    history: Floats
    """Demand up to the origin, in units; NaN where unknown."""
    actual: Floats
    is_sparse: bool


def main(arguments: list[str] | None = None) -> int:
    """Measure and report; the exit code is 1 when a set could not be judged, or a service is off by over a point."""
    given = _parser().parse_args(arguments)
    console = Console() if sys.stdout.isatty() else Console(width=140)
    console.print(", ".join(f"{name} {value}" for name, value in described().items()), markup=False, highlight=False)
    found: dict[str, Any] = {}
    problems = []
    for name in given.sets.split(","):
        started = perf_counter()
        try:
            dataset, cases = collected(name, given.series, given.windows)
        except SetError as error:
            problems.append(str(error))
            continue
        found[name] = judged(cases, dataset.horizon)
        console.print(f"{name}: {max(map(len, cases.values()))} region-items, {len(cases)} origins, horizon "
                      f"{dataset.horizon} {dataset.frequency}, {perf_counter() - started:.0f} s", markup=False)
        problems += [f"{name}: {told['service']} % for {level} %" for level, told in found[name]["product"].items()
                     if abs(told["service"] - float(level)) > 1.0]
    for name, its in found.items():
        console.print(_table(name, its))
    if given.json:
        given.json.write_text(json.dumps({"machine": described(), "sets": found}, indent=2) + "\n")
    for problem in problems:
        print(f"stock: {problem}", file=sys.stderr)
    return 1 if problems or not found else 0


def collected(name: str, series: int = SERIES, windows: int = WINDOWS) -> tuple[Dataset, dict[int, list[Case]]]:
    """The dataset, and for each origin, counted in periods before the end, what was known and what came.

    Raises: SetError: the set cannot be read.
    """
    chosen = sample(name, series)
    dataset = chosen.dataset.model_copy(update={
        "backtest": chosen.dataset.backtest.model_copy(update={"windows": windows}),
        "training": chosen.dataset.training.model_copy(update=PINNED)})
    pooled = train_pooled(list(chosen.tables), chosen.tables.__getitem__, dataset, 1).with_version(1)
    cases: dict[int, list[Case]] = defaultdict(list)
    for region_item, table in chosen.tables.items():
        its = pooled.series_of(table, dataset, region_item)
        try:
            found = backtest(its.as_planned, training_rows(its, region_item, OWN_ROWS), pooled, pooled.recipe)[1]
        except NotEnoughHistoryError:
            continue
        forecasts = [forecast for window in found for start in np.unique(window.starts)
                     if (forecast := _forecast(its, window.starts == start, window)) is not None]
        for one in forecasts:
            if (case := _case(its, one, forecasts)) is not None:
                cases[its.known - 1 - one.origin].append(case)
    return dataset, dict(sorted(cases.items(), reverse=True))


def _forecast(series: SeriesFeatures, which: Any, window: Any) -> Forecast | None:
    """One origin of a window; None where its demand is not known yet to the end of the horizon."""
    if np.count_nonzero(which) != series.dataset.horizon:
        return None
    start, leads = int(window.starts[which][0]), window.leads[which]
    return Forecast(start, window.served[which], series.demand[start + leads], series.level[window.starts[which]],
                    window.fit.calibration.scaling)


def _case(series: SeriesFeatures, one: Forecast, forecasts: Sequence[Forecast]) -> Case | None:
    """None where too little was known at its origin."""
    return case_of(one, forecasts, series.demand[:one.origin + 1],
                   series.dates.to_numpy().astype("datetime64[D]"), series.dataset.year_length)


def case_of(one: Forecast, forecasts: Sequence[Forecast], demand: Floats, dates: Any, year: int) -> Case | None:
    """What was known at the origin of a forecast, of all forecasts of the series; None where it was too little.

    Args:
        demand: up to the origin.
        dates: of all periods.
        year: periods.
    """
    horizon = len(one.forecast)
    leads = np.arange(1, horizon + 1)
    past = [each for each in forecasts if each.origin + horizon <= one.origin
            and each.origin >= one.origin - (KEPT + 1) * horizon and not np.isnan(each.actual).any()]
    if len(past) < ENOUGH:
        return None
    past = sorted(past, key=lambda each: each.origin)
    errors = np.stack([each.actual - each.forecast for each in past])
    scales = np.stack([one.scaling.scale(each.forecast, each.level, leads) for each in past])
    part = Part(dates[one.origin + leads], one.forecast, one.scaling.scale(one.forecast, one.level, leads),
                (0.0,) * 3, (0.0,) * 3,
                ErrorPaths(tuple(str(dates[each.origin]) for each in past), tuple(errors / scales)))
    known = demand[max(0, len(demand) - HISTORY * year):]
    return Case(part, errors, known, one.actual, demand_class(demand) in SPARSE)


Rival = Callable[[Case, int, float], float]
"""Of a case, periods and a level in percent."""


def normal_sum(case: Case, periods: int, level: float) -> float:
    """The forecast's total, and the normal quantile with the variances of single periods added."""
    variance = float((case.errors[:, :periods]**2).mean(axis=0).sum())
    return float(case.part.forecast[:periods].sum()) + NormalDist().inv_cdf(level / 100) * variance**0.5


def sum_of_quantiles(case: Case, periods: int, level: float) -> float:
    """Quantiles of the errors of single periods, added."""
    quantiles = np.quantile(case.part.paths.table[:, :periods], level / 100, axis=0, method="higher")
    return float((case.part.forecast[:periods] + quantiles * case.part.scale[:periods]).sum())


def past_totals(case: Case, periods: int, level: float) -> float:
    """The quantile of totals over so many periods of the history."""
    known = case.history[~np.isnan(case.history)]
    totals = np.convolve(known, np.ones(periods), mode="valid")
    return float(np.quantile(totals, level / 100, method="higher"))


RIVALS: dict[str, Rival] = {"normal approximation": normal_sum, "sum of quantiles": sum_of_quantiles,
                            "past totals": past_totals}


def judged(cases: dict[int, list[Case]], horizon: int) -> dict[str, dict[str, Any]]:
    """Method -> level -> service, over all, by lead time and review period, and of sparse and dense demand; percent.

    Lead time and review period are together a quarter, a half and the whole of the horizon.
    """
    spans = sorted({max(1, horizon // 4), max(1, horizon // 2), horizon})
    rows: dict[str, dict[str, list[tuple[int, bool, float, float]]]] = defaultdict(lambda: defaultdict(list))
    unknown: dict[str, int] = defaultdict(int)
    for members in cases.values():
        errors = ErrorsByPeriods([case.part for case in members])
        for level in LEVELS:
            for span in spans:
                for case in members:
                    actual = float(case.actual[:span].sum())
                    if np.isnan(actual):
                        continue
                    try:
                        quantity = errors.order_up_to(case.part, span, level)
                    except NotKnownError:
                        unknown[f"{level:g}"] += 1
                        continue
                    rows["product"][f"{level:g}"].append((span, case.is_sparse, quantity, actual))
                    for name, rival in RIVALS.items():
                        rows[name][f"{level:g}"].append(
                            (span, case.is_sparse, max(0.0, rival(case, span, level)), actual))
    return {name: {level: _service(found, unknown[level]) for level, found in by_level.items()}
            for name, by_level in rows.items()}


def _service(found: Sequence[tuple[int, bool, float, float]], unknown: int) -> dict[str, Any]:
    span, is_sparse, quantity, actual = (np.array(column) for column in zip(*found, strict=True))
    covered = actual <= quantity + 1e-9

    def share(which: Any) -> float | None:
        return round(float(100 * covered[which].mean()), 1) if which.any() else None

    return {"service": share(np.ones(len(covered), dtype=bool)), "sparse": share(is_sparse.astype(bool)),
            "dense": share(~is_sparse.astype(bool)), "by_periods": {int(each): share(span == each)
                                                                     for each in np.unique(span)},
            "fill_rate": round(float(100 * (1 - np.maximum(actual - quantity, 0).sum() / actual.sum())), 1),
            "quantity_over_demand": round(float(quantity.sum() / actual.sum()), 2), "windows": len(covered),
            "not_known": unknown}


def _table(name: str, its: dict[str, dict[str, Any]]) -> Table:
    table = Table(title=f"{name}: realised service, percent")
    for column in ("method", "level", "service", "sparse", "dense", "by lead time and review period", "fill rate",
                   "quantity / demand", "windows", "not known"):
        table.add_column(column, justify="left" if column == "method" else "right")
    for method, by_level in its.items():
        for level, told in by_level.items():
            table.add_row(method, level, str(told["service"]), str(told["sparse"] or "–"), str(told["dense"] or "–"),
                          ", ".join(f"{span}: {share}" for span, share in told["by_periods"].items()),
                          str(told["fill_rate"]), str(told["quantity_over_demand"]), str(told["windows"]),
                          str(told["not_known"]))
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stock", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="m5,rossmann,simulated")
    parser.add_argument("--series", type=int, default=SERIES, help="region-items of a set at most")
    parser.add_argument("--windows", type=int, default=WINDOWS, help="windows of the backtest, at most 24")
    parser.add_argument("--json", type=Path)
    return parser


if __name__ == "__main__":
    sys.exit(main())
