"""What happened lately: the largest moves and misses of forecasts, in units."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select

from webapp.db.database import db
from webapp.region_items.overview_query import View
from webapp.region_items.rows import rows_by_key
from webapp.tables import RegionItemRow

LARGEST = 10


@dataclass(frozen=True)
class Changes:
    """What a planner looks at first in the morning."""

    since: datetime
    moves: Sequence[RegionItemRow]
    """The forecasts that changed most, in units; the largest first."""
    misses: Sequence[RegionItemRow]
    """Where most was sold beside the forecast that stood."""


def changes_since(view: View) -> Changes:
    """What happened since the view's moment."""
    since = view.since
    return Changes(since, _largest(RegionItemRow.moved.expression, since),
                _largest(RegionItemRow.missed.expression, since))


def _largest(column: ColumnElement[float | None], since: datetime) -> list[RegionItemRow]:
    keys = list(db.session.scalars(
        select(RegionItemRow.key).where(RegionItemRow.in_catalogue, RegionItemRow.moved_at >= since, column != 0)
        .order_by(func.abs(column).desc(), RegionItemRow.position).limit(LARGEST)))
    rows = rows_by_key(keys)
    return [rows[key] for key in keys]
