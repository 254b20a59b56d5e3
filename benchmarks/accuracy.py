"""How accurate the product's forecasts are beside its peers', on the same region-items and origins.

    python -m benchmarks.accuracy [--sets dominicks_oj,m5] [--methods product,auto_ets] [--quick] [--json out.json]

Each region-item's last three horizons are forecast, each from an origin just before it; the drivers of the future are
given as known plans to every method that can use them. Peers that choose do so on the windows before. The product is
ahead of a peer, or behind, where the 95 % interval of the difference of their WAPE over region-items is on one side of
0. ``make accuracy`` installs the peers and runs this.
"""

import argparse
import json
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.support.chosen_peers import BLENDED, CHOSEN, blend_of
from benchmarks.support.machine import described
from benchmarks.support.panel_forecasts import PanelForecasts, scores, wape_difference
from benchmarks.support.peers import PEERS, import_packages, missing_packages
from benchmarks.support.product_method import product_forecasts
from benchmarks.support.sets.accuracy_sets import (
    DATA_FOLDER,
    SETS,
    WINDOWS,
    Sample,
    SetError,
    data_folder,
    is_there,
    sample,
)

METHODS = {**PEERS, **CHOSEN, "product": product_forecasts}
QUICK_LIMIT = 20
PEER_PACKAGES = ("statsforecast", "mlforecast", "lightgbm", "optuna")
Scores = dict[str, dict[str, Any]]


def main(arguments: list[str] | None = None) -> int:
    """Compare and report; the exit code is 1 when a set could not be compared on."""
    parser = _parser()
    given = parser.parse_args(arguments)
    methods = _names(given.methods) or list(METHODS)
    if unknown := [method for method in methods if method not in METHODS]:
        parser.error(f"no such method: {', '.join(unknown)}. There are {', '.join(METHODS)}.")
    if missing := missing_packages(methods):
        parser.error(f"not installed: {', '.join(missing)}. `make accuracy` installs them; or leave their methods out, "
                     "as in --methods seasonal_naive,product")
    import_packages(methods)
    console = Console() if sys.stdout.isatty() else Console(width=120)
    machine = described() | {name: version(name) for name in PEER_PACKAGES if find_spec(name)}
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()), markup=False, highlight=False)
    found: dict[str, Scores] = {}
    problems = []
    for name in _names(given.sets) or _sets_there(console):
        try:
            sampled = sample(name, given.series or (QUICK_LIMIT if given.quick else None))
        except SetError as error:
            problems.append(str(error))
            continue
        found[sampled.name] = _compare(sampled, methods, console)
    if given.json:
        given.json.write_text(json.dumps({"machine": machine, "sets": found}, indent=2) + "\n")
    for problem in problems:
        print(f"accuracy: {problem}", file=sys.stderr)
    return 1 if problems or not found else 0


def _sets_there(console: Console) -> list[str]:
    there = [name for name in SETS if is_there(name)]
    if absent := [name for name in SETS if name not in there]:
        console.print(f"not in {data_folder()}: {', '.join(absent)}. {DATA_FOLDER} names another folder.", markup=False)
    return there


def _compare(sampled: Sample, methods: list[str], console: Console) -> Scores:
    """Forecast with each method, and print what came of it."""
    dataset = sampled.dataset
    console.print(f"\n{sampled.name}: {len(sampled.tables)} region-items, {WINDOWS} origins, horizon {dataset.horizon} "
                  f"{dataset.frequency}, drivers: {', '.join(dataset.driver_names) or 'none'}", markup=False)
    if sampled.left_out:
        console.print(f"left out {len(sampled.left_out)}:", markup=False)
    for one, reason in sampled.left_out.items():
        console.print(f"  {one}: {reason}", markup=False, highlight=False)
    forecasts: dict[str, PanelForecasts] = {}
    for method in methods:
        if console.is_terminal:
            console.print(f"{method} …", markup=False)
        if method == "equal_blend" and forecasts.keys() >= BLENDED.keys():
            forecasts[method] = blend_of({name: forecasts[name] for name in BLENDED})
        else:
            forecasts[method] = METHODS[method](sampled.tables, dataset, WINDOWS)
    result: Scores = {method: dict(scores(panel, sampled.tables)) for method, panel in forecasts.items()}
    if "product" in forecasts:
        for method in result.keys() - {"product"}:
            lower, upper = wape_difference(forecasts["product"], forecasts[method])
            result[method] |= {"product_minus_this": [round(lower, 5), round(upper, 5)],
                               "product_is": standing(lower, upper)}
    console.print(_table(sampled.name, result))
    return result


def standing(lower: float, upper: float) -> str:
    """How the product stands beside a peer, by the interval of its WAPE minus the peer's."""
    return "ahead" if upper < 0 else "behind" if lower > 0 else "within error"


def _table(name: str, result: Scores) -> Table:
    table = Table(title=f"{name} (CPU: seconds for a region-item and origin)")
    table.add_column("method", no_wrap=True)
    for column in ("WAPE", "RMSSE", "bias", "80 % covers", "CPU s", "WAPE, product minus this (95 %)", "product is"):
        table.add_column(column, justify="right")
    for method, of in result.items():
        lower, upper = of.get("product_minus_this", (None, None))
        table.add_row(method, _number(of["wape"], "{:.4f}"), _number(of["rmsse"], "{:.3f}"),
                      _number(of["bias"], "{:+.3f}"), _number(of["coverage_80"], "{:.1%}"),
                      _number(of["cpu_seconds"], "{:.3f}"), "" if lower is None else f"{lower:+.4f} to {upper:+.4f}",
                      of.get("product_is", ""))
    return table


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",") if name.strip()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="", help=f"of {', '.join(SETS)}, names of files in datasets/, or paths of "
                        "dataset files; those of the former whose file is there unless given")
    parser.add_argument("--methods", default="", help=f"of {', '.join(METHODS)}; all unless given")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_LIMIT} region-items a set")
    parser.add_argument("--series", type=int, help="region-items at most, by frequency unless given")
    parser.add_argument("--json", type=Path, help="write the numbers there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
