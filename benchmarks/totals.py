"""``python -m benchmarks.totals --sets a,b``: do 80 % intervals of totals cover 80 %?

Backtest windows of the samples of ``benchmarks.accuracy``. Totals over random selections of region-items, for each
date and over the whole horizon, with error paths whose horizon ended before the window.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.support.accuracy_sets import sample
from benchmarks.support.machine import described
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.series_features import series_features
from demand_assets.forecasting.forecast import totals
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError
from demand_assets.forecasting.model.intervals import ErrorPaths
from demand_assets.forecasting.model.own import ForecastModel
from demand_assets.forecasting.model.training.own import train
from demand_assets.forecasting.model.training.pooled import train_pooled

SELECTIONS = 40
SIZES = (1, 5, 20)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.totals", description=__doc__)
    parser.add_argument("--sets", default="dominicks_oj,walmart,rossmann,store_item_demand,m5")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    result = {"sets": {name: covered(name) for name in given.sets.split(",")}, "machine": described()}
    print(json.dumps(result, indent=2))
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n")


def covered(name: str) -> dict[str, dict[str, float]]:
    """Selection size -> share of totals inside their interval, by date and over the horizon."""
    chosen = sample(name)
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
        by_date, over_all = [], []
        for origin in windows:
            able = [key for key in parts if key[1] == origin]
            for _ in range(SELECTIONS):
                drawn = [parts[able[place]] for place in rng.choice(len(able), size, replace=False)]
                actual = sum(units for _, units in drawn)
                summed = totals.by_date([part for part, _ in drawn])
                by_date.append(((actual >= summed["lower"]) & (actual <= summed["upper"])).mean())
                whole = totals.over_all([part for part, _ in drawn])
                over_all.append(whole.lower <= actual.sum() <= whole.upper)
        found[str(size)] = {"by_date": round(float(np.mean(by_date)), 3), "horizon": round(float(np.mean(over_all)), 3)}
    return found


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
