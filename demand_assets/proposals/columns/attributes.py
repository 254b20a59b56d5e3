"""Which column is an attribute of items or regions: the same in all rows of one, and not of all."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from demand_assets.forecasting.dataset.attributes import RESERVED, Axis
from demand_assets.proposals.columns.facts import Column, Facts
from demand_assets.proposals.columns.found_roles import Roles
from demand_assets.proposals.columns.periods import readings_of
from demand_assets.sources.column_names import plain, slug, spaced

_CODE = re.compile(
    r"(id|nr|no|number|nummer|code|class|klasse|group|gruppe|cluster|type|typ|category|kategorie|ean|sku)$")
_ENOUGH_TO_TELL = 5


@dataclass
class ProposedAttribute:
    """An attribute of items or regions, with the reasons for its entries."""

    name: str
    column: str
    of: Axis
    of_why: str
    kind: str
    kind_why: str
    date_format: str | None = None

    def entries(self) -> dict[str, tuple[Any, str]]:
        """Its entries in the dataset file, each with the reason."""
        found: dict[str, tuple[Any, str]] = {"name": (self.name, ""), "of": (self.of, self.of_why),
                                             "kind": (self.kind, self.kind_why)}
        if self.column != self.name:
            found["column"] = (self.column, "")
        if self.date_format:
            found["date_format"] = (self.date_format, "")
        return found


def attribute_of(column: Column, facts: Facts, roles: Roles) -> ProposedAttribute | None:
    """The attribute that a column is: the same in all rows of an item, or of a region, and not of all; else None."""
    if column.is_constant or any(mark in column.name for mark in ("{region}", "{item}")):
        return None
    known = column.codes[0] >= 0
    for axis, key in (("item", roles.item), ("region", roles.region)):
        owners = facts.column(key).codes[0] if key else np.zeros(0)
        there = known & (owners >= 0) if key else known
        if not key or not there.any():
            continue
        values = pd.Series(column.codes[0][there]).groupby(owners[there])
        size = values.size()
        if values.nunique().max() > 1 or len(size) < 2 or size.max() < _ENOUGH_TO_TELL:
            continue
        kind, why, date_format = _attribute_kind(column)
        if kind == "text" and len(column.distinct) == len(size) > 2:
            return None  # another name of the same, by which nothing is found or added up
        return ProposedAttribute(slug(column.name), column.name, cast(Axis, axis),
                                 f"it is the same in all rows of each of {len(size)} {axis}s", kind, why, date_format)
    return None


def _attribute_kind(column: Column) -> tuple[str, str, str | None]:
    """The kind, why, and how dates are written."""
    if column.is_yes_no:
        return "yes_no", f"all values are yes or no, as {' and '.join(map(repr, column.distinct[:2]))}", None
    dates = readings_of(column.distinct) if not column.is_number or column.says("date") else []
    if dates and dates[0].by == "D" and dates[0].share == 1:
        return "date", f"dates, as {column.example()!r}", dates[0].date_format
    if column.is_number and not is_code(column) and not np.isnan(column._of_distinct[0]).any():
        return "number", f"numbers, as {column.example()!r}", None
    return "text", f"{len(column.distinct)} different values, as {column.example()!r}", None


def is_code(column: Column) -> bool:
    """Whether whole numbers are names: article 4711, class 12, 007."""
    return column.is_number and column.is_whole and (
        bool(_CODE.search(plain(spaced(column.name)))) or any(re.fullmatch(r"0\d+", text) for text in column.distinct))


def name_attributes(attributes: Sequence[ProposedAttribute], drivers: Collection[str]) -> None:
    """Give each a name of its own that is allowed and no driver's."""
    taken = set(drivers)
    for place, one in enumerate(attributes, 1):
        base = one.name or f"attribute_{place}"
        base = f"{one.of}_{base}" if base in RESERVED else base
        one.name = next(name for name in (base, *(f"{base[:36]}_{number}" for number in range(2, 999)))
                        if name not in taken)
        taken.add(one.name)
