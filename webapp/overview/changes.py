"""What happened lately: the largest moves and misses of forecasts, in units."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select

from demand_assets.forecasting.contract.region_item import RegionItem
from webapp.db.database import db
from webapp.region_items.overview_query import View
from webapp.region_items.rows import rows_by_key
from webapp.tables import EarlierMove, RegionItemRow

LARGEST = 10


@dataclass(frozen=True)
class Move:
    """The largest move of one region-item's forecast in that time, whatever followed it."""

    row: RegionItemRow
    moved: float

    @property
    def key(self) -> str:
        """Of the region-item."""
        return self.row.key

    @property
    def region_item(self) -> RegionItem:
        """The region-item."""
        return self.row.region_item

    @property
    def forecast_model(self) -> float | None:
        """The model's forecast as it stands now, without overrides."""
        return self.row.forecast_model


@dataclass(frozen=True)
class Changes:
    """What a planner looks at first in the morning."""

    since: datetime
    moves: Sequence[Move]
    """The forecasts that changed most, in units; the largest first."""
    misses: Sequence[RegionItemRow]
    """Where most was sold beside the forecast that stood."""


def changes_since(view: View) -> Changes:
    """What happened since the view's moment."""
    since = view.since
    return Changes(since, _moves(since), _largest(RegionItemRow.missed.expression, since))


def _moves(since: datetime) -> list[Move]:
    """The largest moves: the last one of each region-item, and those that another has followed."""
    found: dict[str, float] = {row.key: row.moved or 0.0 for row in _largest(RegionItemRow.moved.expression, since)}
    largest = func.max(func.abs(EarlierMove.moved))
    most = db.session.execute(
        select(EarlierMove.region_item_id, largest).where(EarlierMove.at >= since).group_by(EarlierMove.region_item_id)
        .order_by(largest.desc()).limit(LARGEST)).all()
    earlier = db.session.execute(
        select(RegionItemRow.key, EarlierMove.moved).join(EarlierMove, EarlierMove.region_item_id == RegionItemRow.id)
        .where(RegionItemRow.in_catalogue, EarlierMove.at >= since,
               EarlierMove.region_item_id.in_([row[0] for row in most])))
    for key, moved in earlier:
        if abs(moved) > abs(found.get(key, 0.0)):
            found[key] = moved
    rows = rows_by_key(list(found))
    moves = [Move(rows[key], moved) for key, moved in found.items()]
    return sorted(moves, key=lambda each: (-abs(each.moved), each.row.position))[:LARGEST]


def _largest(column: ColumnElement[float | None], since: datetime) -> list[RegionItemRow]:
    keys = list(db.session.scalars(
        select(RegionItemRow.key).where(RegionItemRow.in_catalogue, RegionItemRow.moved_at >= since, column != 0)
        .order_by(func.abs(column).desc(), RegionItemRow.position).limit(LARGEST)))
    rows = rows_by_key(keys)
    return [rows[key] for key in keys]
