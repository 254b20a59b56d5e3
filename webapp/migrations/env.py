"""How Alembic reaches the app's database: ``flask --app webapp db upgrade``."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from alembic import context
from alembic.script import Script
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import NullPool, create_engine
from sqlalchemy.engine import Connection, Engine

from webapp.db.revisions import note_writes
from webapp.db.roles import check_apart, give_rights
from webapp.settings import Settings

_migrate = current_app.extensions["migrate"]
_settings: Settings = current_app.extensions["services"].settings
_owner_url = _settings.database_owner_url


UNKNOWN = "the migration does not say what is lost on the way back (LOSES in its file)"


def _engine() -> Engine:
    """Signs in as the role that owns the tables."""
    if _owner_url is None:
        found: Engine = _migrate.db.engine
        return found
    check_apart(_owner_url, _settings.database_url)
    owners = create_engine(_owner_url, poolclass=NullPool, hide_parameters=True)
    note_writes(owners)
    return owners


def _leave_out_empty(_context: Any, _revision: Any, directives: list[Any]) -> None:
    """Write no migration when the tables are as they should be."""
    if directives and directives[0].upgrade_ops.is_empty():
        directives.clear()


def _refuse_to_lose() -> None:
    """Nothing, unless the way back that was asked for loses something and nobody said that it may.

    Raises: CommandError: it does; nothing is changed.
    """
    configured = context.get_context()
    script, wanted = configured.script, configured.opts.get("destination_rev")
    if script is None or not isinstance(wanted, str) or _said("lose") == "yes":
        return
    left: list[Script] = []
    with suppress(RevisionError):  # the way forth
        left = list(script.iterate_revisions(configured.get_current_heads(), wanted, select_for_downgrade=True))
    losses = [f"{each.revision}: {loses}" for each in left if (loses := getattr(each.module, "LOSES", UNKNOWN))]
    if losses:
        raise CommandError("nothing was changed. The version before has no place for what this way back would lose for "
                           "good:\n  " + "\n  ".join(losses) + "\nTake a backup first (make backup), then say that it "
                           f"may be lost: flask --app webapp db downgrade -x lose=yes {wanted}")


def _said(name: str) -> str:
    """What follows ``-x name=`` on the command line; empty without it."""
    said: dict[str, Any] = context.get_x_argument(as_dictionary=True)
    return str(said.get(name, ""))


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


with _engine().connect() as _connection, _without_foreign_keys(_connection):
    context.configure(connection=_connection, target_metadata=_migrate.db.metadatas[None],
                      **{"process_revision_directives": _leave_out_empty, **_migrate.configure_args})
    _refuse_to_lose()
    with context.begin_transaction():
        context.run_migrations()
        if _owner_url is not None:
            give_rights(_connection, _settings.database_url)
