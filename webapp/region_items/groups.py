"""Regions and items as groups of region-items."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Literal, get_args

from sqlalchemy import func, select

from webapp.db.database import db
from webapp.personal.kept_answers import kept
from webapp.tables import Catalogue

Kind = Literal["region", "item"]


@dataclass(frozen=True)
class Group:
    """A whole region, or an item in all regions."""

    kind: Kind
    name: str
    size: int
    """Region-items in it."""


def find_groups(search: str, most: int) -> list[Group]:
    """Regions and items whose name holds every word of a search; regions first, the largest first."""
    words, kinds = search.lower().split(), get_args(Kind)
    return [Group(kind, name, size) for kind in kinds for name, size in kept(
        "seen", ("groups", kind, tuple(words), most), partial(_largest, kind, words, most))]


def _largest(kind: Kind, words: Sequence[str], most: int) -> list[tuple[str, int]]:
    column = Catalogue.region if kind == "region" else Catalogue.item
    rows = db.session.execute(select(column, func.count()).where(Catalogue.in_catalogue).group_by(column).order_by(
        func.count().desc(), column))
    return [(name, size) for name, size in islice((row for row in rows if all(
        word in row[0].lower() for word in words)), most)]
