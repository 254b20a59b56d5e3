"""What it is worth to say which periods are out of stock: errors against what was wanted, with the entry and without.

    REAL_DATA_DIR=../shared/data python -m benchmarks.stockouts [--windows 4] [--only simulated] [--json out.json]

The simulated world knows what would have been sold: region-items are delivered what is usually sold in a week, so that
they run out when more is wanted, above all in promos. The product forecasts it at rolling origins from what was sold,
with ``columns.stock`` and without it (zeros and halved days believed), and from what was wanted, which nobody has; all
are held against what was wanted, in all periods and in those that were out of stock.

No open set here flags stock-outs. The second set is real demand, weekly orange juice with its prices and promotions, of
which stock-outs are made: no more is sold than twice what is usual of late, in all weeks or in half of them, so that
promotions sell out, which multiply demand by up to ten; what was really sold is what was wanted. The third shows what
the entry is not for: Rossmann's closed days (``open``), called out of stock. Nothing is wanted of a closed shop, and
who says so learns nothing of Sundays.
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

from benchmarks.support.machine import described as machine
from benchmarks.support.product_method import product_forecasts
from benchmarks.support.sets.accuracy_sets import described, environment
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.validation.rows_to_demand import validate_panel
from demand_assets.sources import open_source
from demand_assets.sources.simulated.source import Simulation

REGIONS, ITEMS, YEARS, TODAY = 3, 5, 2.5, "2026-06-01"
SHARES = (0.05, 0.15)
WINDOWS = 3
SHOPS, JUICES = 8, 30
USUAL_WEEKS, ORDERED = 8, 2.0
"""Orders of orange juice are for so many times the median of so many weeks."""
AMPLE = {"half of the orders ample": 0.5, "no order for a promotion": 0.0}
"""The share of the orders that last whatever is wanted."""
DRIVERS = [{"name": "price", "kind": "number", "effect": "decreasing"},
           {"name": "promo", "kind": "yes_no", "effect": "increasing"}, {"name": "holiday", "kind": "yes_no"}]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stockouts", description=__doc__)
    parser.add_argument("--windows", type=int, default=4)
    parser.add_argument("--only", choices=["simulated", "orange_juice", "closed_days"])
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    started, rows = perf_counter(), []
    if given.only in (None, "simulated"):
        rows += [row for share in SHARES for row in simulated(share, given.windows)]
    if given.only in (None, "orange_juice"):
        rows += orange_juice(JUICES, WINDOWS)
    if given.only in (None, "closed_days"):
        rows += closed_days(SHOPS, WINDOWS)
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
                     "from": words} | _errors(table, dataset, members, source.today(), windows, wanted, sold_out, raw))
        print(rows[-1], file=sys.stderr, flush=True)
    return rows


def simulated_dataset(share: float, columns: dict[str, str]) -> Dataset:
    """Daily simulated demand."""
    return Dataset.model_validate({
        "name": "simulated", "frequency": "D", "columns": columns, "drivers": DRIVERS,
        "source": {"kind": "simulated", "regions": REGIONS, "items": ITEMS, "years": YEARS, "today": TODAY,
                   "stock_outs": share}})


def orange_juice(count: int, windows: int) -> list[dict[str, Any]]:
    """Errors on real demand of which stock-outs are made."""
    whole = described("dominicks_oj")
    source = open_source(whole, environment=environment())
    catalogue = source.catalogue()
    members = sorted(catalogue.region_items)
    members = members[::max(1, len(members) // count)][:count]
    raw = source.read(members).sort_values(["region", "item", "date"]).reset_index(drop=True)
    raw = raw.assign(date=pd.to_datetime(raw["date"]))
    wanted = raw["demand"].astype(float)
    usual = wanted.groupby([raw["region"], raw["item"]]).transform(
        lambda units: units.shift().rolling(USUAL_WEEKS, min_periods=2).median())
    of, ample = whole.model_dump(by_alias=True), np.random.default_rng(0).random(len(raw))
    declared = Dataset.model_validate(of | {"columns": of["columns"] | {"stock": "stock"}})
    rows = []
    for named, share in AMPLE.items():
        limit = np.ceil(ORDERED * usual).mask(ample < share).fillna(np.inf)
        shown = raw.assign(demand=np.minimum(wanted, limit), stock=(limit - wanted).clip(lower=0).clip(upper=1e6))
        out = shown["stock"] <= 0
        cases = [("sold, with the entry", declared, shown), ("sold, believed", whole, shown.drop(columns="stock"))]
        if share:
            cases.append(("what was wanted", whole, raw))
        rows += [{"set": f"orange juice, {named}, {out.mean():.1%} out", "from": words} | _errors(
            table, dataset, members, source.today(), windows, wanted, out, raw) for words, dataset, table in cases]
    return rows


def closed_days(shops: int, windows: int) -> list[dict[str, Any]]:
    """Errors of Rossmann's shops where closed days are called out of stock, which they are not."""
    whole = described("rossmann")
    source = open_source(whole, environment=environment())
    members = sorted(source.catalogue().region_items)
    members = members[::max(1, len(members) // shops)][:shops]
    raw = source.read(members)
    raw = raw.assign(date=pd.to_datetime(raw["date"]), available=raw["open"])
    wanted, out = raw["demand"].astype(float), raw["open"].astype(float) < 1
    of = whole.model_dump(by_alias=True) | {"drivers": [driver.model_dump() for driver in whole.drivers
                                                        if driver.name == "promo"]}
    rows = []
    for words, columns in (("closed days out of stock (wrong)", {"available": "open"}), ("sold, believed", {})):
        dataset = Dataset.model_validate(of | {"columns": of["columns"] | columns})
        rows.append({"set": "Rossmann, from promos alone", "from": words} | _errors(
            raw, dataset, members, source.today(), windows, wanted, out, raw))
    return rows


def _errors(table: pd.DataFrame, dataset: Dataset, members: list[RegionItem], today: pd.Timestamp, windows: int,
            wanted: pd.Series, out: pd.Series, raw: pd.DataFrame) -> dict[str, float | None]:
    """WAPE and bias over the windows, in all periods and in those out of stock."""
    last = pd.Timestamp(raw.loc[raw["demand"].notna(), "date"].max())
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
