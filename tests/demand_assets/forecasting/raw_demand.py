"""Datasets and raw rows for tests of the validation."""

from typing import Any

import pandas as pd

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.validation.rows_to_demand import Validated, validate_panel

KETTLE = RegionItem("north", "kettle")
TOASTER = RegionItem("north", "toaster")
TODAY = pd.Timestamp("2024-06-30")

PRICE = {"name": "price", "kind": "number", "effect": "decreasing"}
PROMO = {"name": "promo", "kind": "yes_no", "effect": "increasing"}
EVENT = {"name": "event", "kind": "category"}


def dataset(frequency: str = "D", drivers: tuple[dict[str, Any], ...] = (), horizon: int = 7,
            columns: dict[str, Any] | None = None, **rules: Any) -> Dataset:
    """A dataset without gaps filled, with a horizon of 7."""
    return Dataset.model_validate({
        "name": "shop", "frequency": frequency, "horizon": horizon, "source": {"kind": "file", "path": "unused.csv"},
        "drivers": drivers, "rules": rules, "columns": columns or {}})


def days(count: int, start: str = "2024-01-01") -> list[str]:
    """So many consecutive dates as text."""
    return [str(day.date()) for day in pd.date_range(start, periods=count)]


def raw(dates: list[Any], demand: Any = 5.0, region_item: RegionItem = KETTLE, **drivers: Any) -> pd.DataFrame:
    """Rows of one region-item; a single value stands in every row."""
    return pd.DataFrame({"region": region_item.region, "item": region_item.item, "row": range(1, len(dates) + 1),
                         "date": dates, "demand": demand, **drivers})


def validate(rows: pd.DataFrame, of: Dataset | None = None, last_date: str | None = None) -> Validated:
    """The outcome for the kettle in the north."""
    end = pd.Timestamp(last_date) if last_date else None
    return validate_panel(rows, of or dataset(), [KETTLE], end, TODAY)[0]
