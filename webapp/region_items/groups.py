"""Regions and items as groups of region-items."""

from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.sql.elements import ColumnElement

from webapp.db.database import db
from webapp.tables import RegionItemRow


@dataclass(frozen=True)
class Group:
    """A whole region, or an item in all regions."""

    kind: Literal["region", "item"]
    name: str
    size: int
    """Region-items in it."""


def find_groups(search: str, most: int) -> list[Group]:
    """Regions and items whose name holds every word of a search; regions first, the largest first."""
    found: list[Group] = []
    kinds: tuple[tuple[Literal["region", "item"], ColumnElement[Any]], ...] = (
        ("region", RegionItemRow.region.expression), ("item", RegionItemRow.item.expression))
    for kind, column in kinds:
        rows = db.session.execute(select(column, func.count()).where(RegionItemRow.in_catalogue).group_by(
            column).order_by(func.count().desc(), column))
        fitting = (row for row in rows if all(word in row[0].lower() for word in search.lower().split()))
        found += [Group(kind, row[0], row[1]) for row in islice(fitting, most)]
    return found
