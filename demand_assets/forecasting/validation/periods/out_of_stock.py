"""Which periods are out of stock, as the source's column of stock or of availability says."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from demand_assets.forecasting.contract.periods import WEEKDAYS, Mask, in_words, weekdays
from demand_assets.forecasting.contract.quarantine import Refusals
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.stock_entries import AT_LEAST
from demand_assets.forecasting.series.gapped import Floats
from demand_assets.forecasting.validation.written.values import read_numbers, read_yes_no

_ENOUGH_WEEKS, _MOST_CLOSED = 8, 3
_ENOUGH_SALES = 5
"""Periods with a sale out of stock from which on it may be told that they are too many."""


def read_stock(refusals: Refusals, dataset: Dataset, is_taken: Mask) -> Floats:
    """Whether each row's period is out of stock: 1 or 0, NaN where nothing tells. What cannot be read is refused, and
    demand counts as it stands."""
    entry = dataset.stock_entry
    if entry is None:
        return np.full(len(refusals.panel), np.nan)
    if entry == "stock":
        values, unreadable = read_numbers(refusals.panel[entry])
        unreadable |= np.isinf(values)
        out = values <= 0
    else:
        values, unreadable = read_yes_no(refusals.panel[entry])
        shares, is_no_share = read_numbers(refusals.panel[entry])
        is_share = unreadable & ~is_no_share & (shares >= 0) & (shares <= 1)
        values[is_share], unreadable = shares[is_share], unreadable & ~is_share
        out = values < 1
    words = ("is no number of units on hand at the end of the period; where the column says yes and no, it is "
             "columns.available" if entry == "stock" else
             "is neither yes or no nor a share of the period from 0 to 1; percents are made shares by an expression, "
             "as in available = \"percent / 100\"")
    refusals.add(unreadable & is_taken, entry, "stock_unclear",
                 lambda n, value: f"Stock {value!r} {words}. The demand of the row counts as it stands.")
    return np.where(np.isnan(values) | unreadable, np.nan, out.astype(np.float64))


def stock_column(dataset: Dataset) -> str:
    """The entry that says what is out of stock, and what its column has to hold."""
    return f"columns.{dataset.stock_entry} of the dataset file, which is " + (
        "the units on hand at the end of the period" if dataset.stock_entry == "stock" else
        "yes or 1 where it could be bought throughout the period")


def sold_while_out(dataset: Dataset, table: Mapping[str, npt.NDArray[Any]], counts: dict[str, int]) -> str:
    """Words where most periods with a sale are out of stock, which looks like a column of another meaning."""
    if not counts.get("censored_periods"):
        return ""
    out, known = table[AT_LEAST], table["demand"]
    sold_out, sold = int((out > 0).sum()), int((known > 0).sum())
    if sold_out < _ENOUGH_SALES or sold_out <= sold:
        return ""
    return (f"It is out of stock in {sold_out} of the {in_words(sold_out + sold, dataset.frequency)} with a sale, "
            f"whose demand is then not known: check {stock_column(dataset)}.")


def out_while_closed(dataset: Dataset, table: Mapping[str, npt.NDArray[Any]], counts: dict[str, int]) -> str:
    """Words where all that is known of a weekday is that it is out of stock and sells nothing, which looks like a day
    on which it is closed."""
    if dataset.frequency != "D" or not counts.get("censored_periods"):
        return ""
    on = weekdays(table["date"].astype("datetime64[D]"))
    out = np.bincount(on[table[AT_LEAST] == 0], minlength=7)
    others = np.bincount(on[~np.isnan(table["demand"]) | (table[AT_LEAST] > 0)], minlength=7)
    is_closed = (out >= _ENOUGH_WEEKS) & (others == 0)
    closed = [WEEKDAYS[day] for day in np.flatnonzero(is_closed)]
    if not closed or len(closed) > _MOST_CLOSED:
        return ""
    return (f"On {' and '.join(f'{name}s' for name in closed)} it is always out of stock and never sells. Where it is "
            "closed it is not out of stock, and is forecast as if it could be sold: say so in "
            f"{stock_column(dataset)}, and make a column that says when it is open a driver.")
