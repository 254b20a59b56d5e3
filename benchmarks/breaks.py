"""What a retrain learns after a break: simulated demand whose level changes in a third of the region-items.

    python -m benchmarks.breaks [--regions 8] [--items 6] [--seed 0] [--json out.json]

The pooled model and all region-items are trained, then the level breaks, and a horizon of demand arrives. The next
horizon is forecast by the models of before, by retrains that stand on the old pooled model, and by retrains that stand
on one that was renewed quickly (its choices taken over) or wholly. Each is given as it would be served if every retrain
were promoted, and as the gate decides.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.scenarios import DATASET, TODAY
from benchmarks.support.machine import described
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset, load_dataset
from demand_assets.forecasting.gate.contest import contest
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.training.own_model import train
from demand_assets.forecasting.model.training.pooled_model import train_pooled
from demand_assets.forecasting.series.gapped import Floats
from demand_assets.forecasting.series.metrics import wape
from demand_assets.forecasting.validation.rows_to_demand import validate_panel
from demand_assets.sources.simulated.source import Simulation

BROKEN = 3
"""One in so many breaks, by turns to each of ``FACTORS``."""
FACTORS = (0.5, 1.8)
"""What demand is multiplied by from the break on."""
UNPLANNED = "temperature"
"""The driver that no plan knows."""
Tables = dict[RegionItem, pd.DataFrame]


@dataclass(frozen=True)
class Break:
    """Demand with planted breaks, and what is known of it at two times."""

    dataset: Dataset
    tables: Tables
    """To the end of the judged horizon."""
    broken: frozenset[RegionItem]
    at: pd.Timestamp
    """The last date before the break."""
    now: pd.Timestamp
    """The last date known when models are retrained: a horizon after."""

    def known(self, last: pd.Timestamp) -> Tables:
        """What is known on that date: demand up to it, and a horizon of planned drivers."""
        return {one: _known(table, last, self.dataset.horizon) for one, table in self.tables.items()}

    def actual(self, one: RegionItem) -> Floats:
        """Demand of the judged horizon, in units."""
        table = self.tables[one]
        return table.loc[table["date"] > self.now, "demand"].to_numpy(dtype=float)[:self.dataset.horizon]


def _known(table: pd.DataFrame, last: pd.Timestamp, horizon: int) -> pd.DataFrame:
    is_past = (table["date"] <= last).to_numpy()
    kept = table.iloc[:int(is_past.sum()) + horizon].copy()
    kept.loc[kept["date"] > last, ["demand", UNPLANNED]] = np.nan
    return kept


def planted(regions: int, items: int, seed: int, years: float) -> Break:
    """A simulated dataset, validated, in which the level of one region-item in ``BROKEN`` breaks two horizons before
    its end; those that are too young for models are left out."""
    dataset = load_dataset(DATASET)
    size = {"regions": regions, "items": items, "seed": seed, "years": years, "today": TODAY}
    dataset = dataset.model_copy(update={"source": dataset.source.model_copy(update=size)})
    simulation = Simulation(dataset)
    catalogue = simulation.catalogue()
    assert catalogue.last_date is not None  # a simulation knows its days
    outcomes = validate_panel(simulation.read(catalogue.region_items), dataset, catalogue.region_items,
                              catalogue.last_date, today=simulation.today())
    tables = {one.region_item: one.demand for one in outcomes
              if one.demand is not None and one.demand["demand"].notna().sum() > dataset.horizon * 10}
    days = pd.Timedelta(days=dataset.horizon)
    at = catalogue.last_date - 2 * days
    broken = list(tables)[::BROKEN]
    for place, one in enumerate(broken):
        table = tables[one]
        factor = FACTORS[place % len(FACTORS)]
        tables[one] = table.assign(demand=table["demand"].where(table["date"] <= at, table["demand"] * factor))
    return Break(dataset, tables, frozenset(broken), at, at + days)


def measured(plan: Break) -> dict[str, Any]:
    """Errors over the next horizon and what they cost.

    Returns: for each way of retraining ``wape_broken`` and ``wape_others`` if all are promoted, ``served_broken`` and
        ``served_others`` as the gate decides, ``promoted``, the ``change`` of forecasts relative to those of before,
        and processor ``seconds`` of the pooled model.
    """
    before, now = plan.known(plan.at), plan.known(plan.now)
    ones, dataset = list(before), plan.dataset
    pooled, first_seconds = _timed_pooled(before, dataset, None)
    old = {one: train(before[one], dataset, pooled, one) for one in ones}
    quick, quick_seconds = _timed_pooled(now, dataset, pooled.with_version(1))
    whole, whole_seconds = _timed_pooled(now, dataset, None)
    forecasts = _forecasts(old, now, dataset)
    found: dict[str, Any] = {
        "region_items": len(ones), "broken": len(plan.broken), "own_share": pooled.recipe.own_share,
        "first_pooled_seconds": first_seconds, "none": _errors(plan, forecasts)}
    for name, ground, seconds in (("on the old pooled model", pooled, 0.0), ("renewed quickly", quick, quick_seconds),
                                  ("renewed wholly", whole, whole_seconds)):
        candidates = {one: train(now[one], dataset, ground, one) for one in ones}
        mine = _forecasts(candidates, now, dataset)
        verdicts = {one: contest(now[one], dataset, candidates[one], old[one], one).verdict for one in ones}
        served = {one: mine[one] if verdicts[one] == "promote" else forecasts[one] for one in ones}
        moved = sum(float(np.abs(mine[one] - forecasts[one]).sum()) for one in ones)
        found[name] = {
            **_errors(plan, mine), **{f"served_{key.removeprefix('wape_')}": value
                                      for key, value in _errors(plan, served).items()},
            "promoted": sum(verdict == "promote" for verdict in verdicts.values()),
            "promoted_broken": sum(verdicts[one] == "promote" for one in plan.broken),
            "change": moved / sum(float(each.sum()) for each in forecasts.values()), "seconds": seconds}
    return found


def _timed_pooled(tables: Tables, dataset: Dataset, like: PooledModel | None) -> tuple[PooledModel, float]:
    started = process_time()
    model = train_pooled(list(tables), tables.__getitem__, dataset, like=like)
    return model.with_version(2 if like else 1), round(process_time() - started, 2)


def _forecasts(models: Mapping[RegionItem, ForecastModel], tables: Tables,
               dataset: Dataset) -> dict[RegionItem, Floats]:
    found = {}
    for one, model in models.items():
        series = model.series_of(tables[one], dataset, one)
        leads = np.arange(1, dataset.horizon + 1)
        found[one] = model.predict(series, np.full(len(leads), series.known - 1), leads)
    return found


def _errors(plan: Break, forecasts: Mapping[RegionItem, Floats]) -> dict[str, float]:
    groups = {"wape_broken": [one for one in forecasts if one in plan.broken],
              "wape_others": [one for one in forecasts if one not in plan.broken]}
    return {name: round(wape(np.concatenate([plan.actual(one) for one in ones]),
                             np.concatenate([forecasts[one] for one in ones])), 5) for name, ones in groups.items()}


def main(arguments: list[str] | None = None) -> int:
    """Plant, retrain, forecast and report; the exit code is 0 whatever came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.breaks", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, kind, usual in (("regions", int, 8), ("items", int, 6), ("years", float, 2.0), ("seed", int, 0)):
        parser.add_argument(f"--{name}", type=kind, default=usual, help=f"of the simulated dataset ({usual:g})")
    parser.add_argument("--json", type=Path, help="write the numbers there")
    given = parser.parse_args(arguments)
    found = measured(planted(given.regions, given.items, given.seed, given.years))
    console = Console() if sys.stdout.isatty() else Console(width=120)
    table = Table(title=f"{found['broken']} of {found['region_items']} region-items broken, own share "
                        f"{found['own_share']:g}; first pooled model {found['first_pooled_seconds']} s of processor")
    columns = ("wape_broken", "wape_others", "served_broken", "served_others", "promoted", "promoted_broken", "change",
               "seconds")
    table.add_column("retrain")
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right")
    for name, numbers in found.items():
        if isinstance(numbers, dict):
            table.add_row(name, *(f"{numbers[column]:.4g}" if column in numbers else "–" for column in columns))
    console.print(table)
    if given.json:
        given.json.write_text(json.dumps({"seed": given.seed, **found, "machine": described()}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
