"""The audit log is sealed: a chain of hashes, and triggers for every statement that could rewrite either table

A later migration that makes ``audit_entry`` anew (``batch_alter_table`` on SQLite) must make its triggers anew too.

Revision ID: 0019
Revises: 0018
Create Date: 2026-11-28
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None
LOSES = "the seals of the audit log; its entries stay and are sealed anew at the next upgrade"
"""On the way back, for good; empty where nothing is, or all of it is found anew."""

TABLES = {"audit_entry": "id", "audit_seal": "position"}
"""Table -> its primary key."""
REFUSED = "SELECT RAISE(ABORT, 'the audit log is only added to')"
ON_SQLITE = (
    # What REPLACE removes fires no DELETE trigger. The key is -1 here where the database is to choose it.
    "CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
    "WHEN NEW.{key} <> -1 AND EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key}) BEGIN {refused}; END",
    # There is one writer at a time, so the database itself always chooses the next key: no other is an addition.
    "CREATE TRIGGER {table}_at_the_end AFTER INSERT ON {table} "
    "WHEN NEW.{key} <> 1 + (SELECT coalesce(max({key}), 0) FROM {table} WHERE {key} <> NEW.{key}) BEGIN {refused}; END",
)
FUNCTION = "audit_entry_is_only_added_to()"


def upgrade() -> None:
    op.create_table(
        "audit_seal", sa.Column("position", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("entry_id", sa.Integer(), nullable=False), sa.Column("sealed_at", sa.DateTime(), nullable=False),
        sa.Column("seal", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_audit_seal")))
    op.create_index(op.f("ix_audit_seal_entry_id"), "audit_seal", ["entry_id"])
    if op.get_bind().dialect.name == "postgresql":
        _guard_postgresql()
    else:
        _guard_sqlite()


def _guard_sqlite() -> None:
    for table, key in TABLES.items():
        for statement in ON_SQLITE:
            op.execute(statement.format(table=table, key=key, refused=REFUSED))
    for event in ("UPDATE", "DELETE"):
        op.execute(f"CREATE TRIGGER audit_seal_no_{event} BEFORE {event} ON audit_seal BEGIN {REFUSED}; END")


def _guard_postgresql() -> None:
    for event in ("UPDATE", "DELETE"):
        op.execute(f"CREATE TRIGGER audit_seal_no_{event} BEFORE {event} ON audit_seal "
                   f"FOR EACH ROW EXECUTE FUNCTION {FUNCTION}")
    for table in TABLES:
        op.execute(f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                   f"FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}")
        for event in ("update", "delete", "truncate"):  # also where session_replication_role is replica
            op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_{event}")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER audit_entry_no_truncate ON audit_entry")
        for event in ("update", "delete"):
            op.execute(f"ALTER TABLE audit_entry ENABLE TRIGGER audit_entry_no_{event}")
    else:
        for name in ("no_replace", "at_the_end"):
            op.execute(f"DROP TRIGGER audit_entry_{name}")
    op.drop_table("audit_seal")
