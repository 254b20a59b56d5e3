"""``python -m benchmarks.reconciliation --every 20``: WRMSSE of M5's twelve levels, with and without totals' forecasts.

One item in so many, all levels rebuilt, weights of the 28 days before each origin. The product is trained once without
the last 28 days; its backtest's windows and those days are forecast by what was known before each. Beside it: sums of
region-items as they are, and what other levels, whole factors and a weighted least squares would make of them.
"""

import argparse
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.attributes import ATTRIBUTES
from benchmarks.support.machine import described
from benchmarks.support.panel_forecasts import known_at, known_periods
from benchmarks.support.sets.accuracy_sets import described as described_set
from benchmarks.support.sets.accuracy_sets import environment
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.attributes import BESIDE, Hierarchies
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.series_features import SeriesFeatures, series_features
from demand_assets.forecasting.features.total_factors import TotalFactors
from demand_assets.forecasting.model.backtest import origins_before, selection_origins
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.training.pooled_model import train_pooled, train_totals
from demand_assets.forecasting.model.training.reconciled_totals import Windows, factors_of, windows_of
from demand_assets.forecasting.series.gapped import Floats, Ints
from demand_assets.forecasting.validation.rows_to_demand import validate_panel
from demand_assets.sources import open_source

DAYS = 28
LATER = 7
"""Days after its fit at which a pooled model forecasts too, as on the day before the next is made."""
AXES = ("all", "state", "store", "category", "department", "item")
LEVELS: tuple[tuple[str, ...], ...] = (
    ("all",), ("state",), ("store",), ("category",), ("department",), ("state", "category"), ("state", "department"),
    ("store", "category"), ("store", "department"), ("item",), ("item", "state"), ("item", "store"))
"""Of the competition; each counts alike."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reconciliation", description=__doc__)
    parser.add_argument("--every", type=int, default=20, help="one item in so many")
    parser.add_argument("--levels", default="category,department", help="of totals beside the product's own")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, help="write the result there")
    given = parser.parse_args()
    dataset, came = read(given.every)
    result = {**compared(dataset, came, given.levels.split(",") if given.levels else [], given.cores),
              "every": given.every, "region_items": len(came), "machine": described()}
    print(json.dumps(result, indent=2))
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n")


def read(every: int) -> tuple[Dataset, dict[RegionItem, pd.DataFrame]]:
    """M5 with its attributes, prices and events known ahead; the demand of one item in so many in all shops."""
    dataset = described_set("datasets/m5.toml")
    dataset = dataset.model_copy(update={
        "attributes": ATTRIBUTES, "hierarchies": Hierarchies(item=("category", "department")),
        "drivers": tuple(driver.model_copy(update={"future": "known"}) for driver in dataset.drivers)})
    source = open_source(dataset, environment=environment())
    catalogue = source.catalogue()
    items = set(sorted({one.item for one in catalogue.region_items})[::every])
    ones = [one for one in catalogue.region_items if one.item in items]
    tables = {}
    for start in range(0, len(ones), 1000):
        part = ones[start:start + 1000]
        for found in validate_panel(source.read(part), dataset, part, catalogue.last_date, source.today()):
            if found.demand is None:
                raise SystemExit(f"{found.region_item}: {found.problem}")
            found.demand.attrs[BESIDE] = attributes_of(found.region_item)
            tables[found.region_item] = found.demand
    return dataset, tables


def attributes_of(one: RegionItem) -> dict[str, str]:
    """As the names tell: FOODS_1_007 in CA_3 is of the department FOODS_1, the category FOODS and the state CA."""
    department = one.item.rsplit("_", 1)[0]
    return {"category": department.split("_")[0], "department": department, "state": one.region.split("_")[0]}


def compared(dataset: Dataset, came: Mapping[RegionItem, pd.DataFrame], levels: list[str],
             cores: int) -> dict[str, Any]:
    """WRMSSE by way, of the mean of the backtest's windows and of the last 28 days; what the product says of it."""
    known = {}
    for one, table in came.items():
        known[one] = known_at(table, known_periods(table) - 1 - DAYS, dataset)
        known[one].attrs.update(table.attrs)
    ones = sorted(known)
    began = process_time()
    model = train_pooled(ones, known.__getitem__, dataset, cores)
    seconds = {"training": round(process_time() - began, 1)}
    measure = Measure(ones, came)
    longest = max((series_features(known[one], dataset) for one in ones), key=lambda one: one.known)
    last = longest.known - 1
    judged = origins_before(last, dataset)
    origins = np.array([*selection_origins(int(judged[0]), dataset.horizon), *judged, last])
    bare = replace(model, facts=replace(model.facts, totals=TotalFactors()))
    ways: dict[str, list[dict[str, float]]] = {"sums of region-items": [], "product": []}
    later: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    asked = [*((int(origin), 0) for origin in (*judged, last)), *((int(origin), LATER) for origin in judged)]
    for name, one_model in zip(ways, (bare, model), strict=True):
        for (origin, late), units in zip(asked, forecasts(one_model, ones, known, dataset, longest, asked),
                                         strict=True):
            (later if late else ways)[name].append(measure.levels(origin + late - last, units))
    found: dict[str, Windows] = {}
    for level in ["", *levels]:
        began = process_time()
        _, windows, upper = windows_of(bare, ones, known.__getitem__, dataset, longest, level, origins, cores,
                                       train_totals)
        if upper is None:
            continue
        found[level] = windows
        name = f"store x {level}" if level else "store"
        seconds[f"totals, {name}"] = round(process_time() - began, 1)
        whole, _ = factors_of(windows, dataset.horizon, is_trusted=True)
        factors, _ = factors_of(windows, dataset.horizon)
        for words, of_each in (("whole factors", whole), ("by evidence", factors)):
            ways[f"{name}, {words}"] = [
                measure.levels(origins[place] - last, windows.units[place] * of_each[place][windows.total])
                for place in range(2, len(origins))]
    if len(found) > 1:
        ways["least squares over these levels"] = [
            measure.levels(origins[place] - last, least_squares(list(found.values()), place, dataset.horizon))
            for place in range(2, len(origins))]
    return {"wrmsse": {name: summary(windows) for name, windows in ways.items()},
            f"wrmsse_{LATER}_days_later": {name: round(mean_of(windows), 4) for name, windows in later.items()},
            "levels": {name: {level: [round(window[level], 3) for window in windows] for level in windows[0]}
                       for name, windows in ways.items() if name in later},
            "product": model.card["totals"], "recipe": model.recipe.to_json(), "cpu_seconds": seconds}


def mean_of(windows: list[dict[str, float]]) -> float:
    """The mean over levels and windows."""
    return float(np.mean([list(window.values()) for window in windows]))


def summary(windows: list[dict[str, float]]) -> dict[str, Any]:
    """Of the backtest's windows, the last of them is the 28 days at the end."""
    return {"backtest": round(mean_of(windows[:-1]), 4), "last": round(mean_of(windows[-1:]), 4),
            "windows": [round(mean_of([window]), 4) for window in windows]}


def forecasts(model: PooledModel, ones: list[RegionItem], known: Mapping[RegionItem, pd.DataFrame], dataset: Dataset,
              longest: SeriesFeatures, asked: list[tuple[int, int]]) -> Floats:
    """In units, shape (asked, region-items, days), by the fits that ended at these origins, so many days later."""
    fits = [model.fit_before(longest.dates.to_numpy()[origin].astype("datetime64[D]")) for origin, _ in asked]
    leads = np.arange(1, DAYS + 1)
    units = np.zeros((len(asked), len(ones), DAYS))
    for number, one in enumerate(ones):
        series = model.series_of(known[one], dataset, one)
        for place, (fit, (origin, later)) in enumerate(zip(fits, asked, strict=True)):
            own = origin + later + series.known - longest.known
            if own >= 0:
                units[place, number] = model.forecast(series, np.full(DAYS, own), leads, fit)
    return units


class Measure:
    """WRMSSE by level on a sample of M5. Source: Makridakis et al. (2022), section 2.3."""

    def __init__(self, ones: list[RegionItem], came: Mapping[RegionItem, pd.DataFrame]) -> None:
        self._days = max(len(came[one]) for one in ones)
        demand, price = (np.stack([self._right(came[one][name].to_numpy(dtype=float)) for one in ones])
                         for name in ("demand", "price"))
        self._demand = np.nan_to_num(demand)
        self._price = np.nan_to_num(pd.DataFrame(price.T).ffill().to_numpy().T)
        names = {"all": ["all"] * len(ones), "store": [one.region for one in ones], "item": [one.item for one in ones],
                 **{name: [attributes_of(one)[name] for one in ones] for name in ("state", "category", "department")}}
        self._members = {" x ".join(level): np.unique(
            [" ".join(part) for part in zip(*(names[axis] for axis in level), strict=True)], return_inverse=True)[1]
            for level in LEVELS}

    def _right(self, values: Floats) -> Floats:
        return np.asarray(np.append(np.full(self._days - len(values), np.nan), values))

    def levels(self, before_last_known: int, units: Floats) -> dict[str, float]:
        """Of forecasts from an origin so many days (0 or below) after the last that the product knew."""
        origin = self._days - 1 - DAYS + int(before_last_known)
        past, actual = self._demand[:, :origin + 1], self._demand[:, origin + 1:origin + 1 + DAYS]
        month = slice(origin + 1 - DAYS, origin + 1)
        sales = (self._demand[:, month] * self._price[:, month]).sum(axis=1)
        found = {}
        for name, place in self._members.items():
            history, came, told = (_summed(values, place) for values in (past, actual, np.nan_to_num(units)))
            steps = np.diff(history, axis=1) ** 2
            on_sale = np.arange(1, history.shape[1]) > (history > 0).argmax(axis=1)[:, None]
            scale = np.maximum((steps * on_sale).sum(axis=1) / np.maximum(on_sale.sum(axis=1), 1), 1e-9)
            weight = np.bincount(place, sales) / sales.sum()
            found[name] = float((weight * np.sqrt(((told - came) ** 2).mean(axis=1) / scale)).sum())
        return found


def _summed(values: Floats, place: Ints) -> Floats:
    sums = np.zeros((int(place.max()) + 1, values.shape[1]))
    np.add.at(sums, place, values)
    return sums


def least_squares(levels: list[Windows], place: int, horizon: int) -> Floats:
    """Region-items reconciled with all these totals at once, lead by lead; shape (region-items, leads).

    Variances of totals are their mean squared relative errors in windows that had ended at the origin; those of
    region-items are in proportion to their forecasts, as large as makes their sums as wrong as they were.
    Source: minimum trace with diagonal variances (Wickramasuriya et al., 2019), in its dual form.
    """
    origins = levels[0].origins
    ended = np.flatnonzero(origins + horizon <= origins[place])
    base = np.nan_to_num(levels[0].units[place])

    def off(windows: Windows, told: Floats) -> float:
        actual = windows.summed(windows.actual)
        return float(np.mean([(told[one] / np.maximum(actual[one], 1e-9) - 1) ** 2 for one in ended]))

    sums = levels[0].summed(levels[0].units)
    share = off(levels[0], sums) * float(sums[place].mean())
    membership = np.concatenate([np.eye(windows.totals.shape[1])[windows.total].T for windows in levels])
    wanted = np.concatenate([windows.totals[place] for windows in levels])
    doubt = np.concatenate([np.full(windows.totals.shape[1], off(windows, windows.totals)) for windows in levels])
    found: Floats = np.zeros_like(base)
    for lead in range(horizon):
        spread = share * np.maximum(base[:, lead], 1e-6)
        between = (membership * spread) @ membership.T + np.diag(doubt * wanted[:, lead] ** 2 + 1e-9)
        lacking = np.linalg.solve(between, wanted[:, lead] - membership @ base[:, lead])
        found[:, lead] = np.maximum(base[:, lead] + spread * (membership.T @ lacking), 0.0)
    return found


if __name__ == "__main__":
    main()
