"""What happened lately: the largest moves and misses of forecasts, in units."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, func, select

from webapp.db.database import db
from webapp.personal.kept_answers import kept
from webapp.region_items.overview_table.query import View
from webapp.region_items.rows import rows_by_key
from webapp.tables import EarlierMove, RegionItemRow

LARGEST = 5
"""Misses."""
MOST_MOVES = 5
"""Up, and as many down."""


@dataclass(frozen=True)
class Move:
    """The largest move up, or down, of one region-item's forecast in that time, whatever followed it."""

    row: RegionItemRow
    moved: float

    @property
    def money(self) -> float | None:
        """The same at the price known last; None where none is."""
        return None if self.row.price is None else self.moved * self.row.price


@dataclass(frozen=True)
class Changes:
    """What a planner looks at first in the morning."""

    since: datetime
    ups: Sequence[Move]
    """The forecasts that rose most, in units; the largest first."""
    downs: Sequence[Move]
    """Those that fell most."""
    misses: Sequence[RegionItemRow]
    """Where most was sold beside the forecast that stood."""
    has_earlier: bool
    """Whether any forecast has an earlier one that it is compared with."""


def changes_since(view: View) -> Changes:
    """What happened since the view's moment, to all region-items."""
    since = view.since
    return Changes(since, _moves(since, 1), _moves(since, -1), _largest(RegionItemRow.missed.expression, since),
                   kept("region_items", "has earlier", lambda: db.session.scalar(select(
                       RegionItemRow.key).where(RegionItemRow.moved.is_not(None)).limit(1)) is not None))


def _moves(since: datetime, sign: Literal[1, -1]) -> list[Move]:
    """The largest moves in one direction: the last one of each region-item, and those that another has followed."""
    found = dict(kept("region_items", ("moves", since, sign), lambda: _largest_moves(since, sign)))
    rows = rows_by_key(list(found))
    moves = [Move(rows[key], moved) for key, moved in found.items() if key in rows]
    return sorted(moves, key=lambda each: (-abs(each.moved), each.row.position))[:MOST_MOVES]


def _largest_moves(since: datetime, sign: Literal[1, -1]) -> list[tuple[str, float]]:
    """Keys, and by how much they moved; the ``MOST_MOVES`` largest are among them."""
    moved = sign * RegionItemRow.moved
    found: dict[str, Any] = {row[0]: row[1] for row in db.session.execute(
        select(RegionItemRow.key, RegionItemRow.moved).where(
            RegionItemRow.in_catalogue, RegionItemRow.moved_at >= since, moved > 0)
        .order_by(moved.desc(), RegionItemRow.position).limit(MOST_MOVES))}
    earlier = func.max(sign * EarlierMove.moved)
    most = db.session.execute(
        select(EarlierMove.region_item_id, earlier).where(EarlierMove.at >= since, sign * EarlierMove.moved > 0)
        .group_by(EarlierMove.region_item_id).order_by(earlier.desc()).limit(MOST_MOVES)).all()
    keys = {row.id: row.key for row in db.session.execute(select(RegionItemRow.id, RegionItemRow.key).where(
        RegionItemRow.in_catalogue, RegionItemRow.id.in_([row[0] for row in most])))} if most else {}
    for region_item_id, size in most:
        key = keys.get(region_item_id)
        if key and size > abs(found.get(key, 0.0)):
            found[key] = sign * size
    return list(found.items())


def _largest(column: ColumnElement[float | None], since: datetime) -> list[RegionItemRow]:
    keys = kept("region_items", ("misses", since), lambda: db.session.scalars(
        select(RegionItemRow.key).where(RegionItemRow.in_catalogue, RegionItemRow.moved_at >= since, column != 0)
        .order_by(func.abs(column).desc(), RegionItemRow.position).limit(LARGEST)).all())
    rows = rows_by_key(keys)
    return [rows[key] for key in keys if key in rows]
