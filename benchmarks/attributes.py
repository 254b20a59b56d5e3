"""What attributes are worth to the pooled model: the same training with and without them, and items never seen.

    REAL_DATA_DIR=... python -m benchmarks.attributes [--every 1] [--json out.json]

The sample of M5 with state, category and department from its own columns. One item in ten is left out of both
trainings; its first horizon is forecast without any history of it. The rest is judged on the backtest of the pooled
model alone.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.support.machine import described
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.attributes import BESIDE, Attribute, Hierarchies
from demand_assets.forecasting.dataset.dataset_file import Dataset, Pins, load_dataset
from demand_assets.forecasting.dataset.stored_drivers import with_every_driver
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.training.pooled_model import train_pooled
from demand_assets.forecasting.validation.rows_to_demand import validate_panel
from demand_assets.sources import open_source
from demand_assets.sources.beside_demand.attributes import AttributeReader

DATASETS = Path(__file__).parents[1] / "datasets"
LEFT_OUT = 10
"""One item in so many is new."""
ATTRIBUTES = (Attribute(name="category", of="item"), Attribute(name="department", of="item", column="dept"),
              Attribute(name="state", of="region"))


def main(arguments: list[str] | None = None) -> int:
    """Train, judge and report."""
    given = _parser().parse_args(arguments)
    dataset = load_dataset(DATASETS / "m5.toml")
    source = dataset.source.model_copy(update={"path": "${REAL_DATA_DIR}/m5_sample.parquet"})
    dataset = dataset.model_copy(update={
        "source": source, "attributes": ATTRIBUTES, "hierarchies": Hierarchies(item=("category", "department")),
        "training": Pins(scale="tweedie", drivers="log_linear", year_features=False, own_share=0.5)})
    opened = open_source(dataset)
    catalogue = opened.catalogue()
    attributes = AttributeReader(dataset, opened).read()
    chosen = list(catalogue.region_items)[::given.every]
    tables = {found.region_item: found.demand for found in validate_panel(
        opened.read(chosen), dataset, chosen, catalogue.last_date, opened.today()) if found.demand is not None}
    items = sorted({one.item for one in tables})
    new = set(items[::LEFT_OUT])
    known = {one: table for one, table in tables.items() if one.item not in new}
    unseen = {one: table for one, table in tables.items() if one.item in new}
    told: dict[str, Any] = {"machine": described(), "region_items": len(known), "new": len(unseen),
                            "notices": list(attributes.notices)}
    for name, declared in (("without", ()), ("with", ATTRIBUTES)):
        for one, table in tables.items():
            table.attrs[BESIDE] = attributes.of(one)
        described_so = dataset.model_copy(update={"attributes": declared, "hierarchies": Hierarchies()})
        started = perf_counter()
        model = train_pooled(sorted(known), known.__getitem__, described_so)
        told[name] = {"wape": model.card.get("wape"), "rmsse": model.card.get("rmsse"), "bias": model.card.get("bias"),
                      **first_horizon(model, unseen, described_so), "seconds": round(perf_counter() - started, 1)}
        print(name, json.dumps(told[name]), flush=True)
    if given.json:
        given.json.write_text(json.dumps(told, indent=2) + "\n")
    return 0


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attributes", description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="one region-item in so many")
    parser.add_argument("--json", type=Path, help="write the numbers there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
