"""How near the answers to what-if questions come to the truth, on simulated demand, whose truth is known.

    python -m benchmarks.scenarios [--seed 0] [--json out.json]

Every question is asked of every region-item over the whole horizon, through the same call as the web app's. Its effect
(scenario minus plan) is compared with the true one: in the plain world, and in the confounded one, where prices fall
during promos and rise with the season.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.support.machine import described
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset, load_dataset
from demand_assets.forecasting.forecast.forecaster import Forecaster
from demand_assets.forecasting.model.training.own_model import train
from demand_assets.forecasting.model.training.pooled_model import train_pooled
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.validation.rows_to_demand import validate_panel
from demand_assets.forecasting.whatif.scenario import Change, Scenario, declared_direction
from demand_assets.sources.simulated.source import Simulation

TODAY = "2026-06-15"
"""Demand ends the day before, so that a seed gives the same numbers on every day."""
NOTABLE = 0.02
"""A true effect above this share of demand must have the right sign."""
TOLERANCE = 1e-6
"""Of demand: a smaller move is no move."""
DATASET = Path(__file__).parent.parent / "datasets" / "simulated.toml"
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class WhatIfCase:
    """One what-if: a driver changed on the whole horizon, or on some days of it."""

    title: str
    driver: str
    action: str
    value: float
    days: int = 0
    """Changed are the first so many days that do not have the value yet; 0: all that do not have it."""

    def scenario(self, plan: pd.DataFrame) -> Scenario:
        """The question as a scenario for one region-item; without changes where no day is left to change."""
        dates = [stamp.date() for stamp in plan["date"]]
        if self.action != "set":
            return Scenario((Change(self.driver, self.action, self.value, dates[0], dates[-1]),))
        places = np.flatnonzero(plan[self.driver].to_numpy() != self.value)[: self.days or None]
        return Scenario(tuple(Change(self.driver, "set", self.value, dates[place], dates[place]) for place in places))


QUESTIONS = (
    *(WhatIfCase(f"price {percent:+d} %", "price", "percent", percent) for percent in (-20, -10, 10, 20)),
    WhatIfCase("promo on 7 days that have none", "promo", "set", 1.0, days=7),
    WhatIfCase("no promo on any day", "promo", "set", 0.0),
    WhatIfCase("holiday on one day", "holiday", "set", 1.0, days=1),
    WhatIfCase("holiday on 7 days", "holiday", "set", 1.0, days=7),
    WhatIfCase("5 °C warmer", "temperature", "add", 5.0), WhatIfCase("5 °C colder", "temperature", "add", -5.0))


@dataclass(frozen=True)
class Answer:
    """What one region-item was estimated to do, and what it would do; sums over the periods that were changed."""

    region_item: RegionItem
    estimated: float
    """Scenario minus plan, in units."""
    true: float
    demand: float
    """Expected under the plan, in units."""
    goes_against: bool
    """Whether any period moves against what is declared of the driver."""

    @property
    def is_notable(self) -> bool:
        """Whether the true effect is large enough for its sign to count."""
        return abs(self.true) > NOTABLE * self.demand


@dataclass(frozen=True)
class Shop:
    """A simulated dataset with its models."""

    simulation: Simulation
    dataset: Dataset
    forecaster: Forecaster
    models: dict[RegionItem, Any]

    def answers(self, question: WhatIfCase) -> list[Answer]:
        """The question asked of every region-item that has something to change."""
        found = []
        for one, model in self.models.items():
            plan = self.forecaster.forecast(one, model).table
            scenario = question.scenario(plan)
            if not scenario.changes:
                continue
            changed = self.forecaster.forecast(one, model, scenario=scenario).table
            columns = ["date", *self.dataset.driver_names]
            expected, under = (self.simulation.truth(one, table[columns]) for table in (plan, changed))
            moved = (plan[question.driver] != changed[question.driver]).to_numpy()
            effect = (changed["forecast"] - plan["forecast"]).to_numpy()
            direction = declared_direction(plan[columns], changed[columns], self.dataset)
            found.append(Answer(
                one, float(effect[moved].sum()), float((under - expected)[moved].sum()), float(expected[moved].sum()),
                bool((effect * direction < -TOLERANCE * plan["forecast"]).any())))
        return found


def open_shop(seed: int, confounded: bool, **size: float) -> Shop:
    """The simulated dataset of that seed, validated and trained on.

    Args:
        seed: another seed, another world.
        confounded: prices fall during promos and rise with the season.
        size: regions, items, years where they differ from the dataset file's.
    """
    dataset = load_dataset(DATASET)
    source = dataset.source.model_copy(update={"seed": seed, "confounded": confounded, "today": TODAY, **size})
    dataset = dataset.model_copy(update={"source": source})
    simulation = Simulation(dataset)
    catalogue = simulation.catalogue()
    outcomes = validate_panel(simulation.read(catalogue.region_items), dataset, catalogue.region_items,
                              catalogue.last_date, today=simulation.today())
    tables = {outcome.region_item: outcome.demand for outcome in outcomes if outcome.demand is not None}
    store = DemandStore(tempfile.mkdtemp(prefix="scenarios-"))
    for one, demand in tables.items():
        store.write("demand", one, demand)
    pooled = train_pooled(list(tables), tables.__getitem__, dataset)
    models = {one: train(demand, dataset, pooled, one) for one, demand in tables.items()}
    return Shop(simulation, dataset, Forecaster(dataset, store), models)


def measured(shop: Shop) -> dict[str, Any]:
    """The three goals, and the same by question.

    Returns: ``median_error_total``, the median over questions of |estimated - true| / |true| effect on the total;
        ``sign_right`` and ``against_declared``, shares of answers; ``scenarios``, one entry for each question.
    """
    asked = {question: shop.answers(question) for question in QUESTIONS}
    by_question = [scores(question, answers) for question, answers in asked.items() if answers]
    everything = [answer for answers in asked.values() for answer in answers]
    return {"median_error_total": float(np.median([entry["error_total"] for entry in by_question])),
            "sign_right": _sign_right(everything),
            "against_declared": float(np.mean([answer.goes_against for answer in everything])),
            "against_declared_count": sum(answer.goes_against for answer in everything),
            "answers": len(everything), "scenarios": by_question}


def scores(question: WhatIfCase, answers: Sequence[Answer]) -> dict[str, Any]:
    true, estimated = (sum(getattr(answer, name) for answer in answers) for name in ("true", "estimated"))
    errors = [abs(answer.estimated - answer.true) / abs(answer.true) for answer in answers if answer.is_notable]
    return {"scenario": question.title, "region_items": len(answers), "true_total": round(true, 1),
            "estimated_total": round(estimated, 1), "error_total": abs(estimated - true) / abs(true),
            "median_error_region_item": float(np.median(errors)) if errors else None, "notable": len(errors),
            "sign_right": _sign_right(answers), "wrong_signs": [
                answer.region_item.key for answer in answers if answer.is_notable and _is_wrong(answer)]}


def _sign_right(answers: Sequence[Answer]) -> float | None:
    notable = [answer for answer in answers if answer.is_notable]
    return 1 - float(np.mean([_is_wrong(answer) for answer in notable])) if notable else None


def _is_wrong(answer: Answer) -> bool:
    return bool(np.sign(answer.estimated) != np.sign(answer.true))


def main(arguments: list[str] | None = None) -> int:
    """Ask, compare and report; the exit code is 0 whatever came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scenarios", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="of the simulated dataset")
    parser.add_argument("--json", type=Path, help="write the numbers there")
    for name, kind in (("regions", int), ("items", int), ("years", float)):
        parser.add_argument(f"--{name}", type=kind, help="of the simulated dataset, as in its file unless given")
    given = parser.parse_args(arguments)
    size = {name: value for name in ("regions", "items", "years") if (value := getattr(given, name)) is not None}
    console = Console() if sys.stdout.isatty() else Console(width=120)
    machine = described()
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()), markup=False, highlight=False)
    found = {}
    for world, confounded in (("plain", False), ("confounded", True)):
        found[world] = measured(open_shop(given.seed, confounded, **size))
        console.print(_table(f"{world} world, seed {given.seed}", found[world]))
    if given.json:
        given.json.write_text(json.dumps({"seed": given.seed, **found["plain"], "confounded": found["confounded"],
                                          "machine": machine}, indent=2) + "\n")
    return 0


def _table(title: str, found: dict[str, Any]) -> Table:
    table = Table(title=title, caption=(
        f"median error of the effect on the total {found['median_error_total']:.1%}, sign right "
        f"{_share(found['sign_right'])}, against the declared direction {found['against_declared_count']} of "
        f"{found['answers']} answers"))
    table.add_column("scenario", no_wrap=True)
    for column in ("true effect, units", "estimated", "error of the total", "median error by region-item",
                   f"sign right (over {NOTABLE:.0%})", "of"):
        table.add_column(column, justify="right")
    for entry in found["scenarios"]:
        table.add_row(entry["scenario"], f"{entry['true_total']:+.0f}", f"{entry['estimated_total']:+.0f}",
                      f"{entry['error_total']:.1%}", _share(entry["median_error_region_item"]),
                      _share(entry["sign_right"]), str(entry["notable"]))
    return table


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


if __name__ == "__main__":
    sys.exit(main())
