"""How Alembic reaches the app's database: ``flask --app webapp db upgrade``."""

from typing import Any

from alembic import context
from flask import current_app

_migrate = current_app.extensions["migrate"]


def _leave_out_empty(_context: Any, _revision: Any, directives: list[Any]) -> None:
    """Write no migration when the tables are as they should be."""
    if directives and directives[0].upgrade_ops.is_empty():
        directives.clear()


with _migrate.db.engine.connect() as _connection:
    context.configure(connection=_connection, target_metadata=_migrate.db.metadatas[None],
                      **{"process_revision_directives": _leave_out_empty, **_migrate.configure_args})
    with context.begin_transaction():
        context.run_migrations()
