"""What a calendar is worth: forecast errors with it and without, on demand whose holidays are known and on Rossmann.

    REAL_DATA_DIR=../shared/data python -m benchmarks.calendars [--stores 20] [--windows 6] [--json out.json]

The first set is made up: eight shops of each of two regions, in which demand halves on public holidays and rises by
40 % the day before, those of Easter too, which moves; one region has more of them than the other. The second is
Rossmann, forecast from nothing but demand, from promos, and from all that its dataset file declares (where ``open``
tells which days are closed), each with and without ``holidays = "DE"``. Both are forecast at rolling origins by the
product's own backtest. The WAPE over all days is the sum of what comes from holidays, from the days beside them, and
from others.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.support.machine import described as machine
from benchmarks.support.product_method import product_forecasts
from benchmarks.support.sets.accuracy_sets import described, environment
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.calendar import holidays_of
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.validation.rows_to_demand import validate_panel
from demand_assets.sources import open_source

FIRST, LAST = "2021-01-01", "2024-05-31"
SHOPS = 8
CODES = {"north": "DE-SH", "south": "DE-BY"}
EFFECT, EVE = 0.5, 1.4


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calendars", description=__doc__)
    parser.add_argument("--stores", type=int, default=20)
    parser.add_argument("--windows", type=int, default=6)
    parser.add_argument("--only", choices=["made_up", "rossmann"])
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    rows = []
    if given.only != "rossmann":
        rows += made_up(given.windows)
    if given.only != "made_up":
        rows += rossmann(given.stores, given.windows)
    told = Table(title="WAPE with a calendar and without, and the days that it comes from")
    for name in ("set", "drivers", "all days", "holidays", "day before", "day after", "other days"):
        told.add_column(name, justify="left" if name in ("set", "drivers") else "right")
    for row in rows:
        told.add_row(row["set"], row["drivers"], *(f"{100 * row[name]:.2f} %" for name in
                                                  ("all", "holidays", "before", "after", "other")))
    console = Console(width=120)
    console.print(machine())
    console.print(told)
    if given.json:
        given.json.write_text(json.dumps(rows, indent=2) + "\n")
    return 0


def made_up(windows: int, seed: int = 0) -> list[dict[str, Any]]:
    """Errors on demand with a known holiday effect, without the calendar and with it."""
    raw, members = made_up_demand(seed)
    rows = []
    for words, calendar in (("none", {}), ("calendar", {"holidays": CODES})):
        dataset = made_up_dataset(calendar)
        checked = validate_panel(raw, dataset, members, pd.Timestamp(LAST), pd.Timestamp(LAST) + pd.Timedelta(days=1))
        tables = {one.region_item: one.demand for one in checked if one.demand is not None}
        rows.append({"set": "made up", "drivers": words} | errors(tables, dataset, windows, CODES))
    return rows


def made_up_dataset(calendar: dict[str, Any]) -> Dataset:
    """Daily demand without drivers but the calendar's."""
    return Dataset.model_validate({"name": "made_up", "frequency": "D", "horizon": 28, "calendar": calendar,
                                   "source": {"kind": "file", "path": "none"}})


def made_up_demand(seed: int, shops: int = SHOPS, first: str = FIRST) -> tuple[pd.DataFrame, list[RegionItem]]:
    """Raw rows of shops in two regions, and the shops."""
    generator = np.random.default_rng(seed)
    dates = pd.date_range(first, LAST)
    days = dates.to_numpy().astype("datetime64[D]")
    week = np.array([1.0, 0.9, 0.95, 1.0, 1.25, 1.4, 0.6])[dates.dayofweek]
    parts, members = [], []
    for region, code in CODES.items():
        on = np.isin(days, holidays_in(code, days))
        eve = np.append(on[1:], False) & ~on
        for shop in range(shops):
            expected = generator.uniform(40, 120) * week * np.where(on, EFFECT, np.where(eve, EVE, 1.0))
            expected = expected * (1 + 0.15 * np.sin(2 * np.pi * dates.dayofyear / 365.25))
            members.append(RegionItem(region, f"shop {shop}"))
            parts.append(pd.DataFrame({"region": region, "item": f"shop {shop}", "date": dates,
                                       "demand": generator.poisson(expected).astype(float)}))
    raw = pd.concat(parts, ignore_index=True)
    return raw.assign(row=np.arange(len(raw)) + 1), members


def rossmann(stores: int, windows: int) -> list[dict[str, Any]]:
    """Errors on a sample of Rossmann's stores, without the calendar and with it."""
    whole, rows = described("rossmann"), []
    source = open_source(whole, environment=environment())
    catalogue = source.catalogue()
    sampled = sorted(catalogue.region_items)
    sampled = sampled[::max(1, len(sampled) // stores)][:stores]
    raw = source.read(sampled)
    drivers = {driver.name: driver for driver in whole.drivers}
    for words, names in (("none", ()), ("promo", ("promo",)), ("the file's", tuple(drivers))):
        for more, calendar in (("", {}), (" + calendar", {"holidays": "DE"})):
            dataset = Dataset.model_validate(whole.model_dump(by_alias=True) | {
                "drivers": [drivers[name].model_dump() for name in names], "calendar": calendar})
            checked = validate_panel(raw, dataset, sampled, catalogue.last_date, source.today())
            tables = {one.region_item: one.demand for one in checked if one.demand is not None}
            rows.append({"set": "Rossmann", "drivers": words + more} | errors(
                tables, dataset, windows, dict.fromkeys((one.region for one in sampled), "DE")))
            print(rows[-1], file=sys.stderr, flush=True)
    return rows


def errors(tables: dict[RegionItem, pd.DataFrame], dataset: Dataset, windows: int,
           codes: dict[str, str]) -> dict[str, float]:
    """WAPE, and what of it comes from holidays, the days before and after them, and the others: shares of all units."""
    forecasts = product_forecasts(tables, dataset, windows)
    actual, forecast, kind = [], [], []
    for one, found in forecasts.of.items():
        targets = found.origins[:, None] + np.arange(1, dataset.horizon + 1)
        days = tables[one]["date"].to_numpy().astype("datetime64[D]")[targets]
        holidays = holidays_in(codes[one.region], days)
        is_on = np.isin(days, holidays)
        is_before, is_after = np.isin(days + 1, holidays) & ~is_on, np.isin(days - 1, holidays) & ~is_on
        kind.append(np.select([is_on, is_before, is_after], ["holidays", "before", "after"], "other").ravel())
        actual.append(found.actual.ravel())
        forecast.append(found.forecast.ravel())
    units, told, kinds = np.concatenate(actual), np.concatenate(forecast), np.concatenate(kind)
    wrong, sold = np.where(np.isnan(units), 0, np.abs(units - told)), float(np.nansum(units))
    return {"all": float(wrong.sum()) / sold} | {name: float(wrong[kinds == name].sum()) / sold
                                                 for name in ("holidays", "before", "after", "other")}


def holidays_in(code: str, days: np.ndarray) -> np.ndarray:
    """The holidays in the years of these days, in order."""
    years = days.astype("datetime64[Y]").astype(int) + 1970
    calendar = holidays_of(code)
    for year in range(int(years.min()) - 1, int(years.max()) + 2):
        calendar.get(f"{year}-01-01")
    return np.array(sorted(calendar), dtype="datetime64[D]")


if __name__ == "__main__":
    sys.exit(main())
