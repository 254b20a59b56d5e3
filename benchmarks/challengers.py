"""What classes of model are worth beside XGBoost: each alone, their mean, and the gate that chooses by region-item.

    python -m benchmarks.challengers [--sets m5,dominicks_oj] [--series 20] [--classes ets,theta,croston,lightgbm]

By the product's own plan: drivers as they would have been planned at each origin. The judged windows are those of the
dataset file. The gate chooses on the windows before, so its row is what would have been delivered, but for the gate's
last look at the judged windows themselves, which favours it a little: ``chosen`` is the choice without that look.
"""

import argparse
import sys
from dataclasses import dataclass, field
from time import process_time

import numpy as np

from benchmarks.support.machine import described
from benchmarks.support.sets.accuracy_sets import sample
from demand_assets.forecasting.dataset.models.challenger_entries import Challengers
from demand_assets.forecasting.gate.among_challengers import CONTEST, candidate_of
from demand_assets.forecasting.model.backtest import judged_origins
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError
from demand_assets.forecasting.model.serving.challenger import BLEND, BOOSTERS
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.training.challengers import windows_of
from demand_assets.forecasting.model.training.own_model import Trained, train_with_windows
from demand_assets.forecasting.model.training.pooled_model import train_pooled
from demand_assets.forecasting.series.gapped import Floats


@dataclass
class Row:
    """One way to forecast, over all region-items."""

    error: float = 0.0
    inside: float = 0.0
    known: int = 0
    seconds: float = 0.0
    served: int = 0
    """Region-items that it serves in the end."""

    def add(self, actual: Floats, forecast: Floats, seconds: float) -> None:
        """One region-item's judged windows."""
        self.error += float(np.nansum(np.abs(actual - forecast)))
        self.seconds += seconds


@dataclass
class Found:
    """All of a set."""

    rows: dict[str, Row] = field(default_factory=dict)
    sold: float = 0.0
    count: int = 0

    def row(self, name: str) -> Row:
        """The row of that name."""
        return self.rows.setdefault(name, Row())


def main(arguments: list[str] | None = None) -> int:
    """Compare and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.challengers", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="m5,dominicks_oj")
    parser.add_argument("--series", type=int, default=20)
    parser.add_argument("--classes", default="seasonal_naive,ets,theta,croston,lightgbm")
    given = parser.parse_args(arguments)
    print(", ".join(f"{name} {value}" for name, value in described().items()))
    for name in given.sets.split(","):
        _compare(name, given.series, tuple(given.classes.split(",")))
    return 0


def _compare(name: str, series: int, classes: tuple[str, ...]) -> None:
    sampled, found, entries = sample(name, series), Found(), Challengers(compete=classes, seconds=60)
    tables, dataset = sampled.tables, sampled.dataset
    started = process_time()
    pooled = train_pooled(list(tables), lambda one: tables[one], dataset).with_version(1)
    pooled_seconds = process_time() - started
    for one, table in tables.items():
        started = process_time()
        try:
            trained = train_with_windows(table, dataset, pooled, one)
        except NotEnoughHistoryError:
            continue
        _add(found, trained, entries, process_time() - started)
    print(f"\n{sampled.name}: {found.count} region-items, horizon {dataset.horizon} {dataset.frequency}; the pooled "
          f"model took {pooled_seconds / max(found.count, 1):.2f} s of processor time for each\n")
    print(f"{'':24}{'WAPE':>9}{'80 % covers':>13}{'CPU s an item':>15}{'serves':>9}")
    for title, row in found.rows.items():
        covers = f"{row.inside / row.known:.1%}" if row.known else "–"
        print(f"{title:24}{row.error / found.sold:9.4f}{covers:>13}{row.seconds / found.count:15.3f}"
              f"{row.served or '–':>9}")


def _add(found: Found, trained: Trained, entries: Challengers, seconds: float) -> None:
    model = trained.model
    actual, boosters = (np.array(model.backtest[name], dtype=np.float64) for name in ("actual", "forecast"))
    found.sold, found.count = found.sold + float(np.nansum(actual)), found.count + 1
    _told(found.row("XGBoost alone"), actual, model, seconds)
    found.row("seasonal naive, product").add(actual, np.array(model.backtest["seasonal_naive"], dtype=np.float64), 0.0)
    first = int(judged_origins(trained.series)[-len(actual)])
    judged = [window for window in trained.windows if window.origin >= first]
    each = {BOOSTERS: boosters}
    for name in entries.compete:
        started = process_time()
        windows = windows_of(name, trained.series.as_planned, judged, entries)
        each[name] = boosters if windows is None else np.stack([one.served[:actual.shape[1]] for one in windows])
        found.row(f"{name} alone").add(actual, each[name], process_time() - started)
    each[BLEND] = np.mean(list(each.values()), axis=0)
    found.row("blend of all").add(actual, each[BLEND], 0.0)
    started = process_time()
    served = candidate_of(trained, entries, {})
    spent = process_time() - started
    told = served.report[CONTEST]["best"]
    found.row("chosen on windows before").add(actual, each[told], spent)
    _told(found.row("gate among challengers"), actual, served, seconds + spent)
    name = "XGBoost alone" if served.challenger is None else (
        "blend of all" if served.challenger.with_boosters else f"{next(iter(served.challenger.members))} alone")
    found.row(name).served += 1


def _told(row: Row, actual: Floats, model: ForecastModel, seconds: float) -> None:
    forecast, lower, upper = (np.array(model.backtest[name], dtype=np.float64)
                              for name in ("forecast", "lower_80", "upper_80"))
    row.add(actual, forecast, seconds)
    known = ~np.isnan(actual)
    row.known += int(known.sum())
    row.inside += float(((actual >= lower) & (actual <= upper))[known].sum())


if __name__ == "__main__":
    sys.exit(main())
