"""Who may do what: sign-in links, API tokens, the audit log, settings, overrides, private scenarios

Revision ID: 0009
Revises: 0008
Create Date: 2026-11-23
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
LOSES = ("the audit log, overrides, API tokens, links to choose a password, settings; private scenarios become "
         "visible to all, and people who sign in at a provider have no way in any more")
"""On the way back, for good; empty where nothing is, or all of it is found anew."""

OPEN = sa.text("removed_at IS NULL")
ONLY_ADDED = {
    "sqlite": ["CREATE TRIGGER audit_entry_no_{event} BEFORE {event} ON audit_entry "
               "BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END"],
    "postgresql": ["CREATE TRIGGER audit_entry_no_{event} BEFORE {event} ON audit_entry "
                   "FOR EACH ROW EXECUTE FUNCTION audit_entry_is_only_added_to()"],
}
"""Held by the database itself, whatever the application may try one day."""
FUNCTION = ("CREATE FUNCTION audit_entry_is_only_added_to() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the audit log is only added to'; END $$")


def words(name: str, length: int | None = None, default: str | None = None) -> sa.Column:
    return sa.Column(name, sa.String(length=length), nullable=False, server_default=default)


def moment(name: str, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(), nullable=nullable)


def table(name: str, *columns: sa.Column | sa.Constraint, primary: Sequence[str] = ("id",),
          indexed: Sequence[str] = (), unique: Sequence[str] = ()) -> None:
    own = [sa.Column("id", sa.Integer(), nullable=False)] if primary == ("id",) else []
    op.create_table(
        name, *own, *columns, sa.PrimaryKeyConstraint(*primary, name=op.f(f"pk_{name}")),
        *(sa.UniqueConstraint(column, name=op.f(f"uq_{name}_{column}")) for column in unique))
    for column in indexed:
        op.create_index(op.f(f"ix_{name}_{column}"), name, [column])


def of_user(name: str) -> tuple[sa.Column, sa.Constraint]:
    return sa.Column("user_id", sa.Integer(), nullable=False), sa.ForeignKeyConstraint(
        ["user_id"], ["user.id"], name=op.f(f"fk_{name}_user_id_user"), ondelete="CASCADE")


def upgrade() -> None:
    table("sign_in_link", words("digest", 64), *of_user("sign_in_link"), words("made_by", 255), moment("made_at"),
          moment("expires_at"), moment("used_at", nullable=True), indexed=["user_id"], unique=["digest"])
    table("api_token", words("name", 80), words("digest", 64), words("starts_with", 20), words("role", 40),
          *of_user("api_token"), moment("made_at"), moment("expires_at", nullable=True),
          moment("revoked_at", nullable=True), moment("used_at", nullable=True), words("used_from", 45),
          indexed=["user_id"], unique=["digest"])
    table("audit_entry", moment("at"), words("by", 255), words("via", 100), words("address", 45), words("act", 40),
          words("kind", 20), words("subject", 520), sa.Column("before", sa.JSON(none_as_null=True)),
          sa.Column("after", sa.JSON(none_as_null=True)), words("reason"), indexed=["at", "by", "act"])
    op.create_index("ix_audit_entry_subject", "audit_entry", ["kind", "subject"])
    dialect = op.get_bind().dialect.name
    if dialect == "postgresql":
        op.execute(FUNCTION)
    for event in ("UPDATE", "DELETE"):
        for statement in ONLY_ADDED[dialect]:
            op.execute(statement.format(event=event))
    table("setting", words("name", 40), sa.Column("value", sa.JSON(), nullable=False), words("changed_by", 255),
          moment("changed_at"), primary=["name"])
    table("answered", words("owner", 255), words("key", 255), words("asked", 64),
          sa.Column("status", sa.Integer(), nullable=False), sa.Column("headers", sa.JSON(), nullable=False),
          words("body"), moment("at"), primary=["owner", "key"], indexed=["at"])
    table("override", words("batch", 64), words("key", 255), words("date", 10), words("way", 10),
          sa.Column("amount", sa.Float(), nullable=False), words("comment"), words("made_by", 255), moment("made_at"),
          words("removed_by", 255), moment("removed_at", nullable=True), indexed=["batch", "key", "date", "made_by"])
    op.create_index("one_open_override_of_each_period", "override", ["key", "date"], unique=True, sqlite_where=OPEN,
                    postgresql_where=OPEN)
    with op.batch_alter_table("scenario", schema=None) as batch_op:
        batch_op.add_column(sa.Column("is_private", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("user", schema=None) as batch_op:
        batch_op.add_column(moment("signed_in_at", nullable=True))
        batch_op.add_column(sa.Column("identity", sa.String(length=512)))
        batch_op.alter_column("password", existing_type=sa.String(length=255), nullable=True)
        batch_op.create_unique_constraint(op.f("uq_user_identity"), ["identity"])


def downgrade() -> None:
    # Who signs in at a provider has none, and the version before needs one: no password has this hash.
    op.execute("UPDATE \"user\" SET password = '!' WHERE password IS NULL")
    with op.batch_alter_table("user", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("uq_user_identity"), type_="unique")
        batch_op.alter_column("password", existing_type=sa.String(length=255), nullable=False)
        batch_op.drop_column("identity")
        batch_op.drop_column("signed_in_at")
    with op.batch_alter_table("scenario", schema=None) as batch_op:
        batch_op.drop_column("is_private")
    for name in ("override", "answered", "setting", "audit_entry", "api_token", "sign_in_link"):
        op.drop_table(name)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_entry_is_only_added_to()")
