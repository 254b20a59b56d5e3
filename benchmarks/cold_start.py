"""What the first month of something new is forecast as, beside the mean of what is alike and a LightGBM.

    python -m benchmarks.cold_start [--sets m5,dominicks_oj,walmart] [--every 40] [--json out.json]

What was launched within a quarter after a cut is forecast from the day before its first one, for 30 days or six weeks,
by models that end at the cut; none has seen any demand of it. Of M5 those are items that no shop had sold before, with
the attributes that their names tell; of orange juice all brands of two new shops; of Walmart departments that are new
in a shop. ``make accuracy`` makes the environment that has LightGBM.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.support.launch_methods import METHODS, Forecasts
from benchmarks.support.launches import SETS, Cut, cuts_of
from benchmarks.support.machine import described
from benchmarks.support.sets.accuracy_sets import DATA_FOLDER, SetError
from demand_assets.forecasting.series.gapped import Floats
from demand_assets.forecasting.series.metrics import bias, wape

RESAMPLES = 1000


def main(arguments: list[str] | None = None) -> int:
    """Measure and report; the exit code is 1 when a set could not be read."""
    parser = _parser()
    given = parser.parse_args(arguments)
    names = [name.strip() for name in given.sets.split(",") if name.strip()]
    methods = [name.strip() for name in given.methods.split(",") if name.strip()]
    if unknown := [name for name in names if name not in SETS] + [name for name in methods if name not in METHODS]:
        parser.error(f"no such set or method: {', '.join(unknown)}. There are {', '.join(SETS)}; {', '.join(METHODS)}.")
    if "lightgbm" in methods and find_spec("lightgbm") is None:
        parser.error("not installed: lightgbm. `make accuracy` installs it in .venv-benchmarks; or leave it out, as in "
                     "--methods product,category_mean")
    console = Console() if sys.stdout.isatty() else Console(width=120)
    machine = described()
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()), markup=False, highlight=False)
    found: dict[str, dict[str, Any]] = {}
    problems = []
    for name in names:
        started = perf_counter()
        try:
            cuts = cuts_of(name, given.every)
        except SetError as error:
            problems.append(f"{error} {DATA_FOLDER} names another folder.")
            continue
        found[name] = compared(cuts, methods, given.cores)
        console.print(f"{name}: {perf_counter() - started:.0f} s", markup=False)
        console.print(_table({name: found[name]}))
        if given.json:  # after each: the next may take long
            told = {"machine": machine, "every": given.every, "sets": found}
            given.json.write_text(json.dumps(told, indent=2) + "\n")
    for problem in problems:
        print(f"cold_start: {problem}", file=sys.stderr)
    return 1 if problems or not found else 0


def compared(cuts: Sequence[Cut], methods: Sequence[str], cores: int = 1) -> dict[str, Any]:
    """Errors of each method over all that was launched, as JSON.

    ``wape`` is of single periods, ``wape_of_months`` of each region-item's whole first month, ``bias`` of everything;
    ``product_minus_this`` is the 95 % interval of the product's WAPE minus the peer's, ``product_is`` what that says.
    """
    actual: list[Floats] = []
    told: dict[str, list[Floats]] = {method: [] for method in methods}
    owners: list[str] = []
    for cut in cuts:
        forecasts: dict[str, Forecasts] = {method: METHODS[method](cut, cores) for method in methods}
        for one, units in cut.actual.items():
            owners.append(f"{cut.date.date()} {one.item if cut.category else one.region}")
            actual.append(units)
            for method in methods:
                told[method].append(forecasts[method][one])
    came = np.stack(actual)
    group = np.unique(owners, return_inverse=True)[1]
    result: dict[str, Any] = {"region_items": len(came), "groups": int(group.max()) + 1,
                              "cuts": [str(cut.date.date()) for cut in cuts], "methods": {}}
    for method, parts in told.items():
        units = np.stack(parts)
        known = ~np.isnan(came)
        months = [np.where(known, table, 0.0).sum(axis=1) for table in (came, units)]
        its: dict[str, Any] = {"wape": wape(came.ravel(), units.ravel()), "wape_of_months": wape(*months),
                               "bias": bias(came.ravel(), units.ravel())}
        its = {name: round(float(value), 4) for name, value in its.items()}
        if method != "product" and "product" in told:
            low, high = _difference(came, np.stack(told["product"]), units, group)
            its |= {"product_minus_this": [round(low, 4), round(high, 4)],
                    "product_is": "ahead" if high < 0 else "behind" if low > 0 else "within error"}
        result["methods"][method] = its
    return result


def _difference(came: Floats, ours: Floats, theirs: Floats, group: np.ndarray) -> tuple[float, float]:
    """95 % interval of one WAPE minus the other, over other groups of the kind: what is launched together errs together
    (paired percentile bootstrap, Efron and Tibshirani, 1993, chapter 13); always the same resamples."""
    off, sold = (np.bincount(group, np.nansum(values, axis=1)) for values in (
        np.abs(ours - came) - np.abs(theirs - came), came))
    drawn = np.random.default_rng(0).integers(len(sold), size=(RESAMPLES, len(sold)))
    low, high = np.quantile(off[drawn].sum(axis=1) / np.maximum(sold[drawn].sum(axis=1), 1e-12), (0.025, 0.975))
    return float(low), float(high)


def _table(found: dict[str, dict[str, Any]]) -> Table:
    table = Table(title="The first month of what is new")
    table.add_column("set, method", no_wrap=True)
    for column in ("WAPE of periods", "of months", "bias", "product minus this (95 %)", "product is"):
        table.add_column(column, justify="right")
    for name, its in found.items():
        table.add_row(f"{name}: {its['region_items']} region-items, {its['groups']} groups", "", "", "", "", "")
        for method, one in its["methods"].items():
            low, high = one.get("product_minus_this", (None, None))
            table.add_row(f"  {method}", f"{one['wape']:.4f}", f"{one['wape_of_months']:.4f}", f"{one['bias']:+.3f}",
                          "" if low is None else f"{low:+.4f} to {high:+.4f}", one.get("product_is", ""))
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cold_start", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default=",".join(SETS), help="all unless given")
    parser.add_argument("--methods", default=",".join(METHODS), help="all unless given")
    parser.add_argument("--every", type=int, default=40,
                        help="one item of M5 in so many is learned from (40 unless given)")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1, help="threads that fit")
    parser.add_argument("--json", type=Path, help="write the numbers there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
