"""What attributes and calendars are worth: the same training with and without them on M5, Rossmann and Walmart.

    REAL_DATA_DIR=... python -m benchmarks.attributes [--sets m5,rossmann,walmart] [--every 1] [--json out.json]

The pooled model alone, with the recipe of the set pinned, so that the four trainings of a set differ by nothing else.
The last horizon is withheld from all of them; the backtest's WAPE of the windows before, by the plan that the dataset
file's rules make, stands beside that of the withheld one with the drivers as they came, and the 95 % interval of its
difference from the training without either (bootstrap over region-items). One item in ten, of Rossmann one store in
ten, is left out of the trainings; its first horizon on sale is forecast without any history of it.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.support.machine import described as machine
from benchmarks.support.panel_forecasts import RESAMPLES, Tables, known_at, known_periods
from benchmarks.support.sets.accuracy_sets import described, environment
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.attributes import BESIDE, Attribute
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.stored_drivers import with_every_driver
from demand_assets.forecasting.model.bounded_forecasts import bounded
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.training.pooled_model import train_pooled
from demand_assets.forecasting.series.gapped import Floats
from demand_assets.forecasting.validation.rows_to_demand import validate_panel
from demand_assets.sources import open_source
from demand_assets.sources.beside_demand.attributes import AttributeReader

LEFT_OUT = 10
"""One item, or region, in so many is new."""
ATTRIBUTES = (Attribute(name="category", of="item"), Attribute(name="department", of="item", column="dept"),
              Attribute(name="state", of="region"))
"""Of M5."""


@dataclass(frozen=True)
class Shop:
    """A set, and what is declared beside its demand."""

    attributes: tuple[Attribute, ...]
    new: str
    """What one in so many is left out of: "item" or "region"."""
    calendar: Mapping[str, Any]
    in_place_of: tuple[str, ...]
    """Drivers of the dataset file that the calendar stands for."""
    training: Mapping[str, Any]
    """The recipe."""


SHOPS = {
    "m5": Shop(
        ATTRIBUTES, "item", {"holidays": "US"}, (),
        {"scale": "tweedie", "drivers": "log_linear", "year_features": False, "own_share": 0.5}),
    "rossmann": Shop(
        (Attribute(name="format", of="region", column="store_type"), Attribute(name="assortment", of="region"),
         Attribute(name="rival", of="region", column="competition_distance", kind="number")), "region",
        {"holidays": "DE"}, (),
        {"scale": "log", "drivers": "boosted", "year_features": True, "own_share": 0.5}),
    "walmart": Shop(
        (Attribute(name="format", of="region", column="store_type"),
         Attribute(name="size", of="region", column="store_size", kind="number")), "item",
        {"holidays": "US", "weeks": "end"}, ("holiday",),
        {"scale": "log", "drivers": "boosted", "year_features": True, "own_share": 0.5}),
}


def main(arguments: list[str] | None = None) -> int:
    """Train, judge and report."""
    given = _parser().parse_args(arguments)
    told: dict[str, Any] = {"machine": machine()}
    for name in given.sets.split(","):
        told[name] = compared(name, given.every)
    if given.json:
        given.json.write_text(json.dumps(told, indent=2) + "\n")
    return 0


def compared(name: str, every: int) -> dict[str, Any]:
    """The four trainings of a set, by what is declared.

    Args:
        every: one region-item in so many.
    """
    shop, whole = SHOPS[name], described(name)
    told: dict[str, Any] = {}
    plain: Floats | None = None
    for words, attributes, calendar in (("neither", False, False), ("attributes", True, False),
                                        ("calendar", False, True), ("both", True, True)):
        started = perf_counter()
        dataset = declared(whole, shop, attributes, calendar)
        tables, notices = _tables(dataset, every)
        new = set(sorted({getattr(one, shop.new) for one in tables})[::LEFT_OUT])
        past = {one: known_at(table, known_periods(table) - 1 - dataset.horizon, dataset)
                for one, table in tables.items() if getattr(one, shop.new) not in new}
        model = train_pooled(sorted(past), past.__getitem__, dataset)
        errors = withheld(model, {one: tables[one] for one in past}, dataset)
        plain = errors if plain is None else plain
        unseen = {one: table for one, table in tables.items() if one not in past}
        told[words] = {
            "wape_backtest": model.card.get("wape"), "wape_withheld": round(_wape(errors), 4),
            "minus_neither_95": [round(bound, 4) for bound in difference(errors, plain)],
            **first_horizon(model, unseen, dataset), "region_items": len(past), "new": len(unseen),
            "notices": list(notices), "seconds": round(perf_counter() - started, 1)}
        print(name, words, json.dumps(told[words]), flush=True)
    return told


def declared(dataset: Dataset, shop: Shop, attributes: bool, calendar: bool) -> Dataset:
    """The set with its attributes, its calendar, both or neither, and its recipe."""
    entries = dataset.model_dump(by_alias=True) | {"training": dict(shop.training), "hierarchies": {}, "attributes": (
        [one.model_dump() for one in shop.attributes] if attributes else [])}
    if calendar:
        entries["calendar"] = dict(shop.calendar)
        entries["drivers"] = [one for one in entries["drivers"] if one["name"] not in shop.in_place_of]
    return Dataset.model_validate(entries)


def withheld(model: PooledModel, tables: Tables, dataset: Dataset) -> Floats:
    """Absolute errors over the withheld horizon, and its demand, of each region-item; shape (region-items, 2)."""
    leads = np.arange(1, dataset.horizon + 1)
    found = []
    for one in sorted(tables):
        table = tables[one]
        origin = known_periods(table) - 1 - dataset.horizon
        origins = np.full(dataset.horizon, origin)
        known = known_at(table, origin, dataset)
        known.attrs.update(table.attrs)
        series = model.series_of(known, dataset, one)
        units = bounded(model.ratio(series.rows(origins, leads)), series, origins, leads)
        actual = table["demand"].to_numpy(dtype=float)[origins + leads]
        usable = ~np.isnan(actual)
        found.append((np.abs(units - actual)[usable].sum(), actual[usable].sum()))
    return np.array(found)


def difference(errors: Floats, plain: Floats) -> tuple[float, float]:
    """Between which bounds the WAPE of the one minus that of the other lies, by drawing region-items."""
    draws = np.random.default_rng(0).integers(0, len(errors), (RESAMPLES, len(errors)))
    values = [_wape(errors[draw]) - _wape(plain[draw]) for draw in draws]
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def first_horizon(model: PooledModel, unseen: Mapping[RegionItem, pd.DataFrame], dataset: Dataset) -> dict[str, float]:
    """WAPE of totals over the first horizon on sale, and of each period, of items that the model has never seen."""
    errors, sums, actual = 0.0, 0.0, 0.0
    for one, table in unseen.items():
        complete = with_every_driver(table, dataset)
        sold = np.flatnonzero(complete["demand"].to_numpy(dtype=float) > 0)
        if not len(sold) or sold[0] + dataset.horizon >= len(complete):
            continue
        origin = max(sold[0] - 1, 0)  # a period that tells nothing
        first = complete.iloc[origin: origin + 1 + dataset.horizon]
        truth = first["demand"].to_numpy(dtype=float)[1:]
        blank = first.assign(demand=np.nan)
        blank.attrs.update(table.attrs)
        series = model.series_of(blank, dataset, one)
        leads = np.arange(1, dataset.horizon + 1)
        units = model.forecast(series, np.zeros(dataset.horizon, dtype=np.int64), leads)
        usable = ~np.isnan(truth)
        errors += float(np.abs(units - truth)[usable].sum())
        sums += abs(float((units - truth)[usable].sum()))
        actual += float(truth[usable].sum())
    return {"wape_new": round(errors / actual, 4), "wape_new_totals": round(sums / actual, 4)} if actual else {}


def _tables(dataset: Dataset, every: int) -> tuple[dict[RegionItem, pd.DataFrame], Sequence[str]]:
    """Demand of one region-item in so many, with its attributes, and what was told of these."""
    source = open_source(dataset, environment=environment())
    catalogue = source.catalogue()
    chosen = sorted(catalogue.region_items)[::every]
    attributes = AttributeReader(dataset, source).read()
    tables = {}
    for found in validate_panel(source.read(chosen), dataset, chosen, catalogue.last_date, source.today()):
        if found.demand is not None and known_periods(found.demand) > 4 * dataset.horizon:
            found.demand.attrs[BESIDE] = attributes.of(found.region_item)
            tables[found.region_item] = found.demand
    return tables, attributes.notices


def _wape(errors: Floats) -> float:
    return float(errors[:, 0].sum() / errors[:, 1].sum())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attributes", description=__doc__)
    parser.add_argument("--sets", default=",".join(SHOPS), help="some of m5, rossmann, walmart")
    parser.add_argument("--every", type=int, default=1, help="one region-item in so many")
    parser.add_argument("--json", type=Path, help="write the numbers there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
