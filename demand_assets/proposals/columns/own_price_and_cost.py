"""Which column is the price, or the cost, of a unit of the item itself: not a rival's, and not of all that was sold."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pandas as pd

from demand_assets.forecasting.dataset.prices_and_costs import Kind
from demand_assets.proposals.columns.demand_rows import DemandRows
from demand_assets.proposals.columns.facts import Column
from demand_assets.sources.column_names import called, spaced

_OWN_PRICE = frozenset([
    "unit", "sell", "selling", "sales", "sale", "regular", "base", "list", "item", "net", "gross", "avg", "average",
    "mean", "shelf", "retail", "final", "current", "vk", "uvp", "brutto", "netto", "de", "du", "per", "promo",
    "actual"])
_OF_A_UNIT = frozenset([
    "unit", "units", "item", "product", "article", "piece", "per", "net", "avg", "average", "mean", "std", "standard",
    "price", "purchase", "buying", "landed", "wholesale", "goods", "je", "pro", "stuck", "stück", "preis", "netto",
    "de", "du", "di", "prix", "precio", "prezzo", "eur", "usd", "gbp", "chf", "in", "ek", "euro"])
HARDLY = 0.3
"""A correlation with demand below which a column hardly goes with it."""


class MayBePrice(Protocol):
    """What is asked of a driver that may be the price."""

    name: str
    column: str
    kind: str
    source: Column | None


@dataclass(frozen=True)
class ProposedAmount:
    """The price, or the cost, of one unit, with the reason."""

    kind: Kind
    why: str
    column: Column | None = None
    """Of the rows of demand; None where it is a driver."""
    driver: str = ""

    @property
    def entry(self) -> dict[str, str]:
        """As ``[money]`` has it."""
        return {"driver": self.driver} if self.column is None else {"column": self.column.name}


def is_cost(column: Column) -> bool:
    """Whether its name says that it is what a unit costs, and nothing else that costs."""
    parts = _parts_of(column.name)
    return column.is_number and (column.says("cost") == 3 or (
        column.says("cost") == 2 and all(part in _OF_A_UNIT or called(part, "cost") == 3 for part in parts)))


def no_unit_cost(column: Column, table: DemandRows, before: list[ProposedAmount]) -> str:
    """Why a column is not taken for the cost of a unit; empty where it is."""
    if not _mostly_above_0(column):
        return "it is called a cost, and hardly any of its values is above 0"
    correlation = table.correlation(column.numbers)
    if abs(correlation) >= HARDLY:
        return (f"it goes with demand (correlation {correlation:.2f}), so it may be the cost of all that was sold; if "
                f"it is that of a unit, declare it under [money], as in cost = {{ column = \"{column.name}\" }}")
    if other := next((one.column.name for one in before if one.kind == "cost" and one.column is not None), ""):
        return f"{other!r} is taken for the cost of a unit"
    return ""


def is_still_price(column: Column, table: DemandRows) -> bool:
    """Whether it is a price that never changes, of which no driver can be made."""
    if not column.is_number or column.says("price") < 2 or not is_own_price(column) or not _mostly_above_0(column):
        return False
    known = column.codes[0] >= 0
    return bool(pd.Series(column.codes[0][known]).groupby(table.series[known]).nunique().max() == 1)


def _mostly_above_0(column: Column) -> bool:
    known = column.numbers[np.isfinite(column.numbers)]
    return bool(len(known)) and float((known > 0).mean()) >= 0.5


def settled_money(drivers: Sequence[MayBePrice], amounts: Sequence[ProposedAmount],
                  ) -> tuple[list[ProposedAmount], list[tuple[str, str]]]:
    """The costs, and one price where no driver is the price anyway; and the columns of the others, each with why."""
    still = [one for one in amounts if one.kind == "price"]
    driver = next((one for one in drivers if one.name != "price" and one.kind == "number"
                   and one.source is not None and one.source.says("price") and is_own_price(one.source)
                   and "{" not in one.column), None)
    taken: list[ProposedAmount] = []
    if not any(one.name == "price" for one in drivers):
        taken = [ProposedAmount("price", "called so; the driver's, since it is no price to the product by its name",
                                driver=driver.name)] if driver else still[:1]
    has_price = bool(taken) or any(one.name == "price" for one in drivers)
    costs = [one if has_price else replace(one, why=f"{one.why}; nothing is told in money until there is a price")
             for one in amounts if one.kind == "cost"]
    return [*costs, *taken], [(one.column.name, "it is a price that never changes, and another price is there")
                              for one in still if one not in taken and one.column is not None]


def is_own_price(column: Column) -> bool:
    """Whether a price is that of the item itself, not a rival's."""
    others = _parts_of(column.name) - {"price", "prices", "preis", "prix"}
    return column.says("price") == 3 or others <= _OWN_PRICE


def _parts_of(name: str) -> set[str]:
    return {part for part in re.split(r"[\W_\d]+", spaced(name).lower()) if part}
