"""The drivers of a stored table, which may have been taken in before the dataset file was changed."""

from typing import Any

import numpy as np
import pandas as pd

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.drivers import Driver

OWN_FROM = "own_from"
"""Under which a table of demand says among its ``attrs`` the first day of the item's own rows, where what stands before
it is that of the items that it carries on."""


def drivers_in(table: pd.DataFrame, dataset: Dataset) -> frozenset[str]:
    """The declared drivers that the table has a column of, with values of the declared kind or none."""
    return frozenset(driver.name for driver in dataset.drivers
                     if driver.name in table.columns and _is_of_kind(table[driver.name], driver))


def with_every_driver(table: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """The table with a column for each declared driver, and for prices and costs that stand in the source's rows:
    unknown throughout where it has none of the declared kind.

    What a unit of other items was sold for, or cost, is none of the item's own. It is the table itself where nothing is
    missing.
    """
    there = drivers_in(table, dataset)
    missing = {driver.name: driver.of_kind.unknown(len(table))
               for driver in dataset.drivers if driver.name not in there}
    missing |= {name: np.full(len(table), np.nan) for name in dataset.money.by_row
                if name not in table.columns or not pd.api.types.is_numeric_dtype(table[name].dtype)}
    if (own_from := table.attrs.get(OWN_FROM)) is not None:
        is_own = table["date"].to_numpy() >= np.datetime64(own_from)
        missing |= {name: np.where(is_own, table[name].to_numpy(dtype=np.float64), np.nan)
                    for name in dataset.money.by_row if name not in missing}
    return table.assign(**missing) if missing else table


def _is_of_kind(column: "pd.Series[Any]", driver: Driver) -> bool:
    is_number = pd.api.types.is_numeric_dtype(column.dtype)
    if is_number == (driver.kind == "category"):
        return bool(column.isna().all())
    if driver.kind != "yes_no":
        return True
    values = column.to_numpy(dtype=np.float64)
    return bool(((values == 0) | (values == 1) | np.isnan(values)).all())
