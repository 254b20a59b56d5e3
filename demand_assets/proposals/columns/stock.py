"""Which column says in which periods the item was out of stock, and how: units left, a flag, a share of the period."""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.validation.written.values import read_numbers, read_yes_no
from demand_assets.proposals.columns.facts import Column, Facts
from demand_assets.proposals.columns.found_roles import Roles
from demand_assets.sources.column_names import plain, quoted

_OUT = frozenset(["stockout", "stockouts", "oos", "outofstock", "ausverkauft", "rupture", "agotado", "esaurito",
                  "uitverkocht", "slutsald"])
_BEFORE = frozenset(["opening", "open", "begin", "beginning", "start", "initial", "before", "anfang", "anfangs",
                     "inicial", "initiale", "safety", "min", "minimum", "max", "maximum", "target", "transit",
                     "ordered", "value", "cover", "days"])
"""Words of stocks that are not what is left at the end of a period."""
_MOSTLY = 0.5


def take_stock(roles: Roles, facts: Facts, demand: npt.NDArray[np.float64]) -> list[tuple[str, str]]:
    """Give the clearest of the columns that are called so its role; the others, and why they say nothing.

    Args:
        demand: of each row of the facts, NaN where unknown.
    """
    left: list[tuple[str, str]] = []
    named = [column for column in facts.columns if column.name not in roles.used and column.distinct
             and (column.says("stock") >= 2 or _is_out(column)) and not column.says("price")]
    for column in sorted(named, key=lambda column: (not column.is_yes_no, -column.says("stock"))):
        if why := _taken(roles, column, demand):
            left.append((column.name, why))
            roles.used.add(column.name)
    return left


def _taken(roles: Roles, column: Column, demand: npt.NDArray[np.float64]) -> str:
    """Why the column says nothing of stock-outs; empty where it has that role now."""
    if any(entry in (roles.stock or "", *roles.expressions) for entry in ("stock", "available")):
        return "another column says already which periods are out of stock"
    parts = _words(column)
    values, is_wrong = _values(column)
    known = values[~np.isnan(values)]
    if is_wrong or not len(known):
        return "it is called a stock, and its values are neither numbers nor yes and no"
    if column.is_constant:
        return f"it holds nothing but {column.example()!r}"
    is_flag = column.is_yes_no or (known.min() >= 0 and known.max() <= 1)
    if not is_flag and parts & _BEFORE:
        return ("it is no stock at the end of the period; where it is the one at its beginning, "
                "columns.expressions makes the other of it, as in stock = \"opening - sold\"")
    is_out = values > 0 if _is_out(column) else values < 1 if is_flag else values <= 0
    is_out &= ~np.isnan(values)
    sales = demand > 0
    if sales.any() and (is_out & sales).sum() > _MOSTLY * sales.sum():
        return ("by its name it says when the item is out of stock, and by its values that would be so in "
                f"{(is_out & sales).sum() / sales.sum():.0%} of the rows with sales")
    how_often = f"so in {is_out.mean():.1%} of the rows: their demand is at least what was sold"
    if _is_out(column):
        if not (column.is_number and is_flag):
            return ("it says when the item is out of stock; columns.expressions makes it columns.available, as in "
                    f"available = \"where({quoted(column.name)} == 'yes', 0, 1)\"")
        roles.expressions["available"] = f"1 - {quoted(column.name)}"
        roles.reasons["expression available"] = f"{column.name!r} is called out of stock, {how_often}"
    else:
        roles.stock = "available" if is_flag else "stock"
        what = "says whether the item was in stock" if is_flag else "is called a stock: 0 or less is out of stock"
        roles.stock_column, roles.reasons["stock"] = column.name, f"{what}, {how_often}"
    roles.used.add(column.name)
    return ""


def _words(column: Column) -> frozenset[str]:
    return frozenset(map(plain, re.split(r"[\W_]+|(?<=[a-z])(?=[A-Z])", column.name)))


def _is_out(column: Column) -> bool:
    """Whether the name says out of stock, and not in stock."""
    whole = plain(re.sub(r"[\W_]+", "", column.name))
    return bool(_words(column) & _OUT) or any(word in whole for word in _OUT if len(word) > 3)


def _values(column: Column) -> tuple[npt.NDArray[np.float64], bool]:
    """Of each row, NaN where unknown, and whether some are neither numbers nor yes and no."""
    if column.is_number and not column.is_yes_no:
        return column.numbers, False
    texts: Sequence[str] = column.distinct
    series = pd.Series(list(texts), dtype=object)
    read, wrong = read_yes_no(series)
    if wrong.any():
        read, wrong = read_numbers(series)
    return np.append(read, np.nan)[column.codes[0]], bool(wrong.any())
