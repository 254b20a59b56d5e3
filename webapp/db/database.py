"""The app's own database: sessions of SQLAlchemy, and how SQLite is opened."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    ColumnElement,
    DateTime,
    Dialect,
    Engine,
    Float,
    MetaData,
    SQLColumnExpression,
    event,
    or_,
    text,
)
from sqlalchemy.engine import Connection
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import JSON, TypeDecorator
from typing_extensions import override

NAMES = {
    "ix": "ix_%(column_0_label)s", "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s", "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
}

LOCK_SECONDS = 15
"""How long a transaction that writes waits for another that stands in its way, before it fails."""
LARGEST_ID = 2**31 - 1
"""Of a row that is known by a whole number: PostgreSQL refuses a question about a larger one."""


class Instant(TypeDecorator[datetime]):
    """A moment in UTC; every database gives it back with its time zone."""

    impl = DateTime
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    @override
    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value else None


class Base(DeclarativeBase):
    """Every table of the app."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: Instant, float: Float, dict[str, Any]: JSON}


db = SQLAlchemy(metadata=Base.metadata)
migrate = Migrate(db=db, render_as_batch=True)


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def has_come(moment: SQLColumnExpression[Any], at: datetime, longest: timedelta) -> ColumnElement[bool]:
    """Whether it is time for what waits until a moment; never where the moment is null.

    Args:
        at: this moment.
        longest: no moment is ever set further ahead. One that is was set before the clock was put back, and has come.
    """
    return or_(moment <= at, moment > at + longest)


@contextmanager
def writing() -> Iterator[None]:
    """One transaction that writes: committed whole, or not at all when the block raises.

    SQLite has one writer at a time, asked for at the start, so that what is read inside stays true. On PostgreSQL those
    that change different rows go on side by side: what is decided by rows is decided by rows that ``db.locks`` gives.
    """
    db.session.rollback()
    connection = db.session.connection(execution_options={"writes": True})
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
    try:
        yield
        db.session.commit()
    except BaseException:
        db.session.rollback()
        raise


@contextmanager
def snapshot() -> Iterator[None]:
    """Everything that is read in the block, as it stood at one moment; nothing is written there.

    On SQLite every transaction is so; on PostgreSQL it is asked for.
    """
    db.session.rollback()
    if db.engine.dialect.name == "postgresql":
        db.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    try:
        yield
    finally:
        db.session.rollback()


def open_sqlite_well(engine: Engine) -> None:
    """Let readers go on while one writes, wait for a lock instead of failing, and begin transactions when we say."""

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        wait = f"busy_timeout={LOCK_SECONDS * 1000}"
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", wait, "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
