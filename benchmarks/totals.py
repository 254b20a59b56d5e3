"""``python -m benchmarks.totals --sets a,b``: do 80 % intervals of totals cover 80 %?

Backtest windows of the samples of ``benchmarks.accuracy``. Totals for each date and over the whole horizon, with error
paths whose horizon ended before the window: over random selections of region-items, over whole groups (all of a region,
of an item, of a value of an attribute), and over random combinations of filters, some values of a level of regions and
some of a level of items, as the panels of the pages are ticked.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.support.machine import described
from benchmarks.support.sets.accuracy_sets import Sample, data_folder, sample
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.series_features import series_features
from demand_assets.forecasting.forecast import totals
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError
from demand_assets.forecasting.model.intervals import ErrorPaths
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.training.own_model import train
from demand_assets.forecasting.model.training.pooled_model import train_pooled

SELECTIONS = 40
SIZES = (1, 5, 20)
COMBINATIONS = 150
"""Drawn at random; those that hold one region-item, a whole group or all are left out."""
FEW = 5
"""Region-items from which on selections are told apart: sums of fewer that sell slowly are mostly 0."""
MOST_VALUES = 3
"""Ticked of a level."""
Members = frozenset[RegionItem]


Parts = Mapping[tuple[RegionItem, str], tuple[totals.Part, np.ndarray]]
"""Region-item and the first origin of a window -> what totals need of its forecast, and the demand that came."""


@dataclass(frozen=True)
class Levels:
    """What a set's region-items are grouped by; a level's values by region, or by item."""

    of_regions: Mapping[str, Mapping[str, str]]
    of_items: Mapping[str, Mapping[str, str]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.totals", description=__doc__)
    parser.add_argument("--sets", default="dominicks_oj,walmart,rossmann,store_item_demand,m5")
    parser.add_argument("--series", type=int, help="region-items of a sample at most, in place of the usual 50 or 100")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    result = {"sets": {name: covered(name, given.series) for name in given.sets.split(",")}, "machine": described()}
    print(json.dumps(result, indent=2))
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n")


def covered(name: str, series: int | None = None) -> dict[str, dict[str, float]]:
    """Kind of selection -> share of totals inside their interval, by date and over the horizon, and of how many."""
    chosen = sample(name, series)
    dataset, tables = chosen.dataset, chosen.tables
    pooled = train_pooled(list(tables), lambda one: tables[one], dataset).with_version(1)
    parts: dict[tuple[RegionItem, str], tuple[totals.Part, np.ndarray]] = {}
    for one, table in tables.items():
        try:
            model = train(table, dataset, pooled, one)
        except NotEnoughHistoryError:
            continue
        parts |= {(one, origin): part for origin, part in _parts(model, table, dataset, one).items()}
    origins = [origin for _, origin in parts]
    windows = sorted(origin for origin in set(origins) if origins.count(origin) >= max(SIZES))
    rng = np.random.default_rng(0)
    found: dict[str, dict[str, float]] = {}
    for size in SIZES:
        drawn = []
        for origin in windows:
            able = [one for one, at in parts if at == origin]
            drawn += [(origin, [able[place] for place in rng.choice(len(able), size, replace=False)])
                      for _ in range(SELECTIONS)]
        found[f"{size} at random"] = _covered_of(drawn, parts)
    groups, combinations = chosen_by_levels(list(tables), levels(chosen), rng)
    for words, some in (("whole groups", groups), ("combinations", combinations)):
        here = [(origin, known) for origin in windows for its in some
                if len(known := sorted(one for one in its if (one, origin) in parts)) > 1]
        found[words] = _covered_of(here, parts)
        found[f"{words} of {FEW} and more"] = _covered_of([each for each in here if len(each[1]) >= FEW], parts)
    return found


def _covered_of(selections: Sequence[tuple[str, Sequence[RegionItem]]], parts: Parts) -> dict[str, float]:
    by_date, over_all = [], []
    for origin, its in selections:
        drawn = [parts[one, origin] for one in its]
        actual = sum(units for _, units in drawn)
        summed = totals.by_date([part for part, _ in drawn])
        by_date.append(((actual >= summed["lower"]) & (actual <= summed["upper"])).mean())
        whole = totals.over_all([part for part, _ in drawn])
        over_all.append(whole.lower <= actual.sum() <= whole.upper)
    if not selections:
        return {"totals": 0}
    sizes = [len(its) for _, its in selections]
    return {"by_date": round(float(np.mean(by_date)), 3), "horizon": round(float(np.mean(over_all)), 3),
            "totals": len(selections), "windows": len({origin for origin, _ in selections}),
            "median_size": float(np.median(sizes))}


def levels(chosen: Sample) -> Levels:
    """The levels of a set: regions and items themselves, and what its file says of them."""
    ones = list(chosen.tables)
    regions, items = sorted({one.region for one in ones}), sorted({one.item for one in ones})
    of_regions, of_items = {"region": {each: each for each in regions}}, {"item": {each: each for each in items}}
    if chosen.name == "m5":  # names say it: CA_1, FOODS_1_001
        of_regions["state"] = {each: each.partition("_")[0] for each in regions}
        of_items |= {"category": {each: each.partition("_")[0] for each in items},
                     "department": {each: each.rpartition("_")[0] for each in items}}
    elif chosen.name == "walmart":
        types = pd.read_parquet(data_folder() / "walmart_store_dept.parquet", columns=["region", "store_type"])
        known = dict(types.drop_duplicates("region").itertuples(index=False))
        of_regions["store type"] = {each: str(known[each]) for each in regions}
    return Levels(of_regions, of_items)


def chosen_by_levels(ones: Sequence[RegionItem], known: Levels,
                     rng: np.random.Generator) -> tuple[list[Members], list[Members]]:
    """Whole groups of two region-items at least, and combinations of filters on both axes that are no whole group."""
    groups = {frozenset(one for one in ones if of[getattr(one, axis)] == value)
              for axis, level in (("region", known.of_regions), ("item", known.of_items)) for of in level.values()
              for value in of.values()}
    combinations: dict[Members, None] = {}
    for _ in range(COMBINATIONS):
        regions, items = (_ticked(level, rng) for level in (known.of_regions, known.of_items))
        its = frozenset(one for one in ones if one.region in regions and one.item in items)
        if 1 < len(its) < len(ones) and its not in groups:
            combinations[its] = None
    return sorted((its for its in groups if len(its) > 1), key=sorted), list(combinations)


def _ticked(level: Mapping[str, Mapping[str, str]], rng: np.random.Generator) -> set[str]:
    """Regions, or items, of some values of one of the levels."""
    of = level[str(rng.choice(sorted(level)))]
    values = sorted(set(of.values()))
    count = int(rng.integers(1, min(MOST_VALUES, len(values)) + 1))
    picked = set(rng.choice(values, count, replace=False))
    return {owner for owner, value in of.items() if value in picked}


def _parts(model: ForecastModel, table: pd.DataFrame, dataset: Dataset,
           one: RegionItem) -> dict[str, tuple[totals.Part, np.ndarray]]:
    """What totals need of each window whose demand is all known, and that demand."""
    assert model.pooled.latest.calibration is not None
    series = series_features(table, dataset, model.pooled.facts, one)
    leads = np.arange(1, dataset.horizon + 1)
    found = {}
    for place, origin in enumerate(model.backtest["origins"]):
        actual = np.array(model.backtest["actual"][place], dtype=float)
        if np.isnan(actual).any():
            continue
        period = int(series.dates.get_loc(pd.Timestamp(origin)))
        ended = str(series.dates[period - dataset.horizon].date())
        known = [path for path in zip(model.paths.origins, model.paths.scaled, strict=True) if path[0] <= ended]
        forecast = np.array(model.backtest["forecast"][place])
        level = np.full(len(leads), series.level[period])
        scale = model.pooled.latest.calibration.scaling.scale(forecast, level, leads)
        paths = ErrorPaths(tuple(date for date, _ in known), tuple(scaled for _, scaled in known))
        found[origin] = totals.Part(
            series.dates[period + leads].to_numpy().astype("datetime64[D]"), forecast, scale, model.calibration.lower,
            model.calibration.upper, paths, model.pooled.horizon_inflation), actual
    return found


if __name__ == "__main__":
    main()
