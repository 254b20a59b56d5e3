"""Datasets and tables for tests of the sources."""

from pathlib import Path
from typing import Any

import pandas as pd

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset

NORTH_7 = RegionItem("north", "7")
SOUTH_7 = RegionItem("south", "7")
SOUTH_ODD = RegionItem("south", "a|b/c:d.é")


def sales() -> pd.DataFrame:
    """Four region-items in the words of a till: shop, article, day, sold, offer; with a known future day."""
    rows = [(shop, article, day, sold, 1.5, "yes" if sold == 3 else "no")
            for shop, article in (("north", "7"), ("south", "7"), ("south", " a|b/c:d.é "), ("east", "8"))
            for day, sold in (("2024-01-01", 1), ("2024-01-02", 2), ("2024-01-03", 3), ("2024-01-04", None))]
    return pd.DataFrame(rows, columns=["shop", "article", "day", "sold", "price", "offer"])


def dataset(source: dict[str, Any], columns: dict[str, Any] | None = None, drivers: bool = True,
            frequency: str = "D") -> Dataset:
    """The dataset that describes ``sales``."""
    names = {"region": "shop", "item": "article", "date": "day", "demand": "sold", "drivers": {"promo": "offer"}}
    declared = [{"name": "price", "kind": "number"}, {"name": "promo", "kind": "yes_no"}]
    if not drivers:
        declared, names["drivers"] = [], {}
    return Dataset.model_validate({"name": "shop", "frequency": frequency, "source": source,
                                   "columns": {**names, **(columns or {})}, "drivers": declared})


def file_dataset(path: Path | str, columns: dict[str, Any] | None = None, drivers: bool = True,
                 frequency: str = "D", **source: Any) -> Dataset:
    """The same for a file."""
    return dataset({"kind": "file", "path": str(path), **source}, columns, drivers, frequency)


def write_items(path: Path, *items: str) -> None:
    """Write a file of one row a day, each of the next item, all in one region."""
    path.write_text("\n".join(["shop,article,day,sold", *(f"n,{item},2024-01-{day:02},{day}"
                                                          for day, item in enumerate(items, 1))]))
