"""Loads summed up by run, refused values by rule

Revision ID: 0008
Revises: 0007
Create Date: 2026-11-23
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None
LOSES = "the history of data loads and of what was refused in each"
"""On the way back, for good; empty where nothing is, or all of it is found anew."""


def whole(name: str) -> sa.Column:
    return sa.Column(name, sa.Integer(), nullable=False, server_default="0")


def at(name: str) -> sa.Column:
    return sa.Column(name, sa.String(length=40), nullable=False, server_default="")


def upgrade() -> None:
    with op.batch_alter_table("region_item", schema=None) as batch_op:
        batch_op.add_column(at("loaded_at"))
        batch_op.add_column(whole("rows_read"))
    with op.batch_alter_table("demand_load", schema=None) as batch_op:
        batch_op.add_column(whole("rows_read"))
    op.create_table(
        "load_run", sa.Column("run_id", sa.String(length=64), nullable=False), at("first_at"), at("last_at"),
        whole("region_items"), whole("kept"), whole("rows_read"), sa.Column("refused", sa.JSON(), nullable=False),
        whole("refused_rows"), sa.PrimaryKeyConstraint("run_id", name=op.f("pk_load_run")))
    op.create_index(op.f("ix_load_run_last_at"), "load_run", ["last_at"])
    op.create_table(
        "refused_rule", sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("rule", sa.String(length=40), nullable=False), sa.Column("values", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", "rule", name=op.f("pk_refused_rule")))
    op.create_index(op.f("ix_refused_rule_rule"), "refused_rule", ["rule"])
    # The journal is read again from its beginning: loads that were written before these tables are in it.
    op.execute("DELETE FROM watermark WHERE name = 'journal'")
    op.execute("DELETE FROM journal_file")


def downgrade() -> None:
    op.drop_table("refused_rule")
    op.drop_table("load_run")
    with op.batch_alter_table("demand_load", schema=None) as batch_op:
        batch_op.drop_column("rows_read")
    with op.batch_alter_table("region_item", schema=None) as batch_op:
        batch_op.drop_column("rows_read")
        batch_op.drop_column("loaded_at")
