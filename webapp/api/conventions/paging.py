"""Pages of lists that stay in place while rows come and go: each goes on after the last row of the one before."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, TypeVar

from flask import abort, request
from sqlalchemy import Select
from sqlalchemy.sql.elements import ColumnElement

from webapp.db.database import db

Row = TypeVar("Row")


def page_of(query: Select[Row], column: ColumnElement[Any], kind: type[str] | type[int], limit: int,
            cursor: str | None, *, newest_first: bool = False) -> tuple[Sequence[Row], str | None]:
    """The rows of one page, and the cursor of the next; None after the last.

    Args:
        query: of one entity, without an order.
        column: of that entity, unique.
        kind: of its values.
        cursor: as this function gave it.
    """
    if cursor is not None:
        after = read_cursor(cursor, kind)
        query = query.where(column < after if newest_first else column > after)
    found = list(db.session.scalars(query.order_by(column.desc() if newest_first else column).limit(limit + 1)))
    if len(found) <= limit:
        return found, None
    return found[:limit], make_cursor(getattr(found[limit - 1], column.key or ""))


def part_of(rows: Sequence[Row], place: Callable[[Row], Any], kind: type[str] | type[int], limit: int,
            cursor: str | None) -> tuple[Sequence[Row], str | None]:
    """The same of rows that are at hand, ordered by ``place``."""
    if cursor is not None:
        after = read_cursor(cursor, kind)
        rows = [row for row in rows if place(row) > after]
    return rows[:limit], make_cursor(place(rows[limit - 1])) if len(rows) > limit else None


def make_cursor(after: str | int) -> str:
    """A cursor for what comes after, under the filters of this request."""
    return urlsafe_b64encode(json.dumps([_filters(), after]).encode()).decode().rstrip("=")


def read_cursor(cursor: str, kind: type[str] | type[int]) -> Any:
    """What ``make_cursor`` was given; an error answer for anything else."""
    try:
        filters, after = json.loads(urlsafe_b64decode(cursor.rstrip("=") + "=" * (-len(cursor.rstrip("=")) % 4)))
    except (ValueError, TypeError):  # no Base64, no UTF-8, no JSON, or not a pair
        abort(422, "This cursor was not given by the API. Take `next` of the page before, or leave it out.")
    if type(after) is not kind or filters != _filters():
        abort(422, "This cursor belongs to a list with other filters. Keep the filters, or begin anew without it.")
    if (isinstance(after, int) and abs(after) >= 2**63) or (isinstance(after, str) and ("\x00" in after or len(
            after) > 300)):
        abort(422, "This cursor was not given by the API. Take `next` of the page before, or leave it out.")
    return after


def _filters() -> str:
    told = [request.path, sorted((name, values) for name, values in request.args.lists()
                                 if name not in ("cursor", "limit"))]
    return blake2b(json.dumps(told).encode(), digest_size=6).hexdigest()
