"""How Alembic reaches the app's database: ``flask --app webapp db upgrade``."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy.engine import Connection

_migrate = current_app.extensions["migrate"]


def _leave_out_empty(_context: Any, _revision: Any, directives: list[Any]) -> None:
    """Write no migration when the tables are as they should be."""
    if directives and directives[0].upgrade_ops.is_empty():
        directives.clear()


@contextmanager
def _without_foreign_keys(connection: Connection) -> Iterator[None]:
    """SQLite changes a table by making it anew, and dropping the old one would empty the tables that refer to it."""
    raw = connection.connection.dbapi_connection  # past SQLAlchemy, which would begin a transaction: too late for this
    if connection.dialect.name != "sqlite" or raw is None:
        yield
        return
    raw.cursor().execute("PRAGMA foreign_keys=OFF")
    try:
        yield
        if broken := raw.cursor().execute("PRAGMA foreign_key_check").fetchall():
            raise RuntimeError(f"rows that refer to nothing after the migration: {broken[:5]}")
    finally:
        raw.cursor().execute("PRAGMA foreign_keys=ON")


with _migrate.db.engine.connect() as _connection, _without_foreign_keys(_connection):
    context.configure(connection=_connection, target_metadata=_migrate.db.metadatas[None],
                      **{"process_revision_directives": _leave_out_empty, **_migrate.configure_args})
    with context.begin_transaction():
        context.run_migrations()
