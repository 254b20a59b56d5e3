"""Rows that a transaction decides by are locked first, so that what it read of them stays true until it ends.

SQLite has one writer at a time and needs none of this. On PostgreSQL transactions on different rows go on side by side.
Two that lock the same rows must lock them in the same order, or each may wait for the other:

1. ``role``, ``user``, ``user_group``, then what belongs to a user (``sign_in_link``, ``user_session``, ``api_token``);
2. ``pooled_model``, ``region_item_catalogue``, whose row stands for all four tables of a region-item, then what belongs
   to region-items (``retrain`` and its items, ``override``, ``adjustment``, ``model_act``);
3. any other table: one row of it, or rows by their keys, and nothing after them but what is only added to.

Rows of one table are locked in the order of their keys.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import ColumnElement, Join, Select, Update, collate, inspect, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, NoResultFound
from sqlalchemy.orm import InstrumentedAttribute

from webapp.db.chunked import chunked
from webapp.db.conflicts import is_passing
from webapp.db.database import Base, db

Row = TypeVar("Row", bound=Base)
P = ParamSpec("P")
T = TypeVar("T")


def locked(kind: type[Row], key: Any) -> Row | None:
    """The row with that primary key as it is now, locked until the caller's transaction ends; None where none is."""
    if (first := _first_of_several(kind)) is None:
        return db.session.get(kind, key, populate_existing=True, with_for_update={"key_share": True})
    db.session.execute(select(first).where(first == key).with_for_update(key_share=True))
    return db.session.get(kind, key, populate_existing=True)


def locked_one(kind: type[Row], key: Any) -> Row:
    """``locked``, of a row that there is.

    Raises: sqlalchemy.exc.NoResultFound: there is none.
    """
    if (found := locked(kind, key)) is None:
        raise NoResultFound(f"There is no row {key!r} in {kind.__name__}.")
    return found


def locked_rows(query: Select[Row], *order: InstrumentedAttribute[Any]) -> list[Row]:
    """What a query finds, in order, each locked until the caller's transaction ends and as it is now.

    Args:
        order: columns that tell the rows apart: the same wherever rows of the table are locked.
    """
    query = query.order_by(*map(in_order, order))
    if (first := _first_of_several(query.column_descriptions[0]["entity"])) is None:
        query = query.with_for_update(key_share=True)
    else:
        db.session.execute(query.with_only_columns(first).with_for_update(key_share=True, of=first.table)).all()
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def update_locked(key: InstrumentedAttribute[Any], which: Sequence[ColumnElement[bool]],
                  change: Update) -> None:
    """Carry out an update of rows that are locked in order first; one statement would lock them in any order.

    Args:
        key: of the table, by which its rows are locked.
        which: the rows.
        change: the update, without its rows.
    """
    if db.session.connection().dialect.name == "postgresql":
        ordered = db.select(key).where(*which).order_by(in_order(key)).with_for_update(key_share=True)
        which = [key.in_(ordered.scalar_subquery())]
    db.session.execute(change.where(*which))


def lock_in_order(key: InstrumentedAttribute[Any], *which: ColumnElement[bool]) -> None:
    """Lock rows of a table until the caller's transaction ends, in the order of their keys; for an update of many.

    Args:
        key: of the table.
        which: the rows; all of them unless given.
    """
    db.session.execute(db.select(key).where(*which).order_by(in_order(key)).with_for_update(key_share=True)).all()


def in_order(column: InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    """A column to order by as Python orders texts, whatever language the database is set to."""
    is_text = column.type.python_type is str
    if is_text and db.session.connection().dialect.name == "postgresql":
        return collate(column, "C")
    return column.expression


def _first_of_several(kind: type[Base]) -> ColumnElement[Any] | None:
    """Of a class that stands in several tables, the key of the one whose row is locked for all; None of any other.

    What is read while it is locked would be as old as the wait for it, but for the locked table: it is read afterwards.
    """
    mapper = inspect(kind)
    return mapper.primary_key[0] if isinstance(mapper.persist_selectable, Join) else None


def insert_absent(kind: type[Base], rows: Sequence[dict[str, Any]]) -> int:
    """How many rows were inserted; those whose key is there already are left as they are.

    Waits for a transaction that is inserting the same key. Columns with a default in the mapping get it.
    """
    inserted = 0
    is_postgresql = db.session.connection().dialect.name == "postgresql"
    for part in chunked(rows):
        insert = postgresql.insert(kind) if is_postgresql else sqlite.insert(kind)
        statement = insert.values(part).on_conflict_do_nothing()
        inserted += len(db.session.execute(statement.returning(*inspect(kind).primary_key)).all())
    return inserted


def once_more(work: Callable[P, T]) -> Callable[P, T]:
    """Work that is one transaction, carried out a second time when another transaction came in between the first."""
    @wraps(work)
    def carried_out(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return work(*args, **kwargs)
        except DBAPIError as error:
            if not is_passing(error):
                raise
        return work(*args, **kwargs)

    return carried_out
