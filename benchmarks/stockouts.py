"""What it is worth to say which periods are out of stock: errors against what was wanted, with the entry and without.

    REAL_DATA_DIR=../shared/data python -m benchmarks.stockouts [--windows 4] [--only closures]

The simulated world knows what would have been sold: region-items are delivered what is usually sold in a week, so that
they run out when more is wanted, above all in promos. The product forecasts it at rolling origins from what was sold,
with ``columns.stock`` and without it (zeros and halved days believed), and from what was wanted, which nobody has; all
are held against what was wanted, in all periods and in those that were out of stock.

No open set here flags stock-outs. Rossmann's ``open`` says when shops are closed, which is no stock-out: nothing is
wanted of a closed shop on a Sunday, and a driver that is known ahead says so. What comes nearest to one is that 180 of
its shops were closed for half a year for rebuilding (``imputed_closed``): of these a sample is forecast after they had
opened again, with ``columns.available`` and without it, from promos alone, and held against what they then sold.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.accuracy_sets import DATA_FOLDER, environment
from benchmarks.machine import described as machine
from benchmarks.product_method import product_forecasts
from demand_assets.forecasting.contract.dataset_file import Dataset
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.validation.panel import validate_panel
from demand_assets.sources import open_source
from demand_assets.sources.simulated.source import Simulation

REGIONS, ITEMS, YEARS, TODAY = 3, 8, 2.5, "2026-06-01"
SHARES = (0.05, 0.15)
SHOPS = 16
DRIVERS = [{"name": "price", "kind": "number", "effect": "decreasing"},
           {"name": "promo", "kind": "yes_no", "effect": "increasing"}, {"name": "holiday", "kind": "yes_no"}]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stockouts", description=__doc__)
    parser.add_argument("--windows", type=int, default=4)
    parser.add_argument("--shops", type=int, default=SHOPS)
    parser.add_argument("--only", choices=["simulated", "closures"])
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    started, rows = perf_counter(), []
    if given.only != "closures":
        rows += [row for share in SHARES for row in simulated(share, given.windows)]
    if given.only != "simulated":
        rows += closures(given.shops, given.windows)
    told = Table(title="Errors against what was wanted, with stock-outs declared and without")
    for name in ("set", "learned from", "WAPE", "bias", "WAPE out of stock", "bias out of stock"):
        told.add_column(name, justify="left" if name in ("set", "learned from") else "right")
    for row in rows:
        told.add_row(row["set"], row["from"], *("–" if row[name] is None else f"{100 * row[name]:.2f} %"
                                               for name in ("wape", "bias", "wape_out", "bias_out")))
    console = Console(width=120)
    console.print(machine())
    console.print(told)
    console.print(f"{perf_counter() - started:.0f} s")
    if given.json:
        given.json.write_text(json.dumps(rows, indent=2) + "\n")
    return 0


def simulated(share: float, windows: int) -> list[dict[str, Any]]:
    """Errors where so large a share of the periods is out of stock."""
    rows = []
    with_entry = simulated_dataset(share, {"stock": "on_hand"})
    source = open_source(with_entry)
    assert isinstance(source, Simulation)
    members = list(source.catalogue().region_items)
    raw = source.read(members)
    wanted = pd.concat([_wanted(source, one, table) for one, table in _of_each(raw, members)])
    sold_out = raw["stock"] <= 0
    for words, dataset, table in (
            ("sold, with the entry", with_entry, raw),
            ("sold, believed", simulated_dataset(share, {}), raw.drop(columns="stock")),
            ("what was wanted", simulated_dataset(share, {}),
             raw.drop(columns="stock").assign(demand=wanted.where(raw["demand"].notna())))):
        rows.append({"set": f"simulated, {sold_out.sum() / raw['demand'].notna().sum():.1%} out of stock",
                     "from": words} | _errors(table, dataset, members, source, windows, wanted, sold_out, raw))
        print(rows[-1], file=sys.stderr, flush=True)
    return rows


def simulated_dataset(share: float, columns: dict[str, str]) -> Dataset:
    """Daily simulated demand."""
    return Dataset.model_validate({
        "name": "simulated", "frequency": "D", "columns": columns, "drivers": DRIVERS,
        "source": {"kind": "simulated", "regions": REGIONS, "items": ITEMS, "years": YEARS, "today": TODAY,
                   "stock_outs": share}})


def closures(shops: int, windows: int) -> list[dict[str, Any]]:
    """Errors of Rossmann's shops after half a year in which they were closed for rebuilding."""
    path = Path(environment()[DATA_FOLDER]) / "rossmann.parquet"
    table = pd.read_parquet(path, columns=["date", "region", "item", "demand", "promo", "open", "imputed_closed"])
    closed = table.loc[table["imputed_closed"] == 1, "region"].drop_duplicates().sort_values()
    chosen = closed.iloc[::max(1, len(closed) // shops)].iloc[:shops]
    raw = table[table["region"].isin(chosen)].reset_index(drop=True)
    raw = raw.assign(date=pd.to_datetime(raw["date"]), region=raw["region"].astype(str), item=raw["item"].astype(str), row=np.arange(len(raw)) + 1,
                     available=1.0 - raw["imputed_closed"].fillna(0).astype(float))
    members = sorted({RegionItem(region, item) for region, item in zip(raw["region"], raw["item"], strict=True)})
    wanted, out = raw["demand"].astype(float), raw["available"] < 1
    rows = []
    for words, columns in (("sold, with the entry", {"available": "available"}), ("sold, believed", {})):
        dataset = Dataset.model_validate({
            "name": "closures", "frequency": "D", "columns": columns, "baseline_season": 14,
            "season_lengths": [7, 14, 364], "source": {"kind": "file", "path": str(path)},
            "drivers": [{"name": "promo", "kind": "yes_no", "effect": "increasing"}]})
        rows.append({"set": f"{len(members)} rebuilt shops", "from": words} | _errors(
            raw, dataset, members, None, windows, wanted, out, raw))
        print(rows[-1], file=sys.stderr, flush=True)
    return rows


def _errors(table: pd.DataFrame, dataset: Dataset, members: list[RegionItem], source: Simulation | None, windows: int,
            wanted: pd.Series, out: pd.Series, raw: pd.DataFrame) -> dict[str, float | None]:
    """WAPE and bias over the windows, in all periods and in those out of stock."""
    last = pd.Timestamp(raw.loc[raw["demand"].notna(), "date"].max())
    today = source.today() if source else last + pd.Timedelta(days=1)
    checked = validate_panel(table, dataset, members, last, today)
    tables = {one.region_item: one.demand for one in checked if one.demand is not None}
    units = pd.DataFrame({"region": raw["region"], "item": raw["item"], "date": raw["date"], "wanted": wanted,
                          "out": out}).set_index(["region", "item", "date"])
    parts = []
    for one, found in product_forecasts(tables, dataset, windows).of.items():
        targets = found.origins[:, None] + np.arange(1, dataset.horizon + 1)
        dates = tables[one]["date"].to_numpy()[targets].ravel()
        mine = units.loc[(one.region, one.item)].reindex(dates)
        parts.append(pd.DataFrame({"wanted": mine["wanted"].to_numpy(), "forecast": found.forecast.ravel(),
                                   "out": mine["out"].to_numpy(dtype=bool)}))
    told = pd.concat(parts, ignore_index=True)
    return _measures(told, "") | _measures(told[told["out"]], "_out")


def _measures(told: pd.DataFrame, suffix: str) -> dict[str, float | None]:
    wanted = float(told["wanted"].sum())
    difference = told["forecast"] - told["wanted"]
    return {f"wape{suffix}": float(difference.abs().sum()) / wanted if wanted else None,
            f"bias{suffix}": float(difference.sum()) / wanted if wanted else None}


def _of_each(raw: pd.DataFrame, members: list[RegionItem]) -> list[tuple[RegionItem, pd.DataFrame]]:
    groups = dict(iter(raw.groupby(["region", "item"], sort=False)))
    return [(one, groups[one.region, one.item]) for one in members if (one.region, one.item) in groups]


def _wanted(source: Simulation, one: RegionItem, table: pd.DataFrame) -> pd.Series:
    return pd.Series(source.wanted(one, table["date"].to_numpy().astype("datetime64[D]")), index=table.index)


if __name__ == "__main__":
    sys.exit(main())
