"""The list of work and its rules; how many periods in a row were outside of the interval, or out of stock

Revision ID: 0027
Revises: 0026
Create Date: 2026-11-29
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None
LOSES = "the list of work: who sees to what, what was resolved and why, and its rules"
"""On the way back, for good; empty where nothing is, or all of it is found anew."""


def upgrade() -> None:
    op.create_table(
        "work_entry",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("mark", sa.String(40), nullable=False),
        sa.Column("is_caused", sa.Boolean(), nullable=False),
        sa.Column("found_at", sa.DateTime(), nullable=False),
        sa.Column("due", sa.String(10), nullable=False),
        sa.Column("units", sa.Double(), nullable=True),
        sa.Column("money", sa.Double(), nullable=True),
        sa.Column("rank", sa.Double(), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("snoozed_until", sa.String(10), nullable=True),
        sa.Column("resolved_at", sa.DateTime(), nullable=True),
        sa.Column("resolved_by", sa.String(255), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("changed_by", sa.String(255), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    )
    op.create_index("one_entry_for_each_cause", "work_entry", ["kind", "subject"], unique=True)
    op.create_index("ix_work_entry_open", "work_entry", ["resolved_at", "rank"])
    for column in ("subject", "due", "owner"):
        op.create_index(f"ix_work_entry_{column}", "work_entry", [column])
    op.create_table(
        "work_rule",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("segment", sa.String(300), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("threshold", sa.Double(), nullable=True),
        sa.Column("periods", sa.Integer(), nullable=True),
        sa.Column("due_days", sa.Integer(), nullable=False),
        sa.Column("again_days", sa.Integer(), nullable=False),
        sa.Column("changed_by", sa.String(255), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
    )
    op.create_index("one_rule_for_each_segment", "work_rule", ["kind", "segment"], unique=True)
    op.add_column("region_item_accuracy", sa.Column("live_outside", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("region_item_forecast", sa.Column("out_of_stock", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("region_item_forecast", "out_of_stock")
    op.drop_column("region_item_accuracy", "live_outside")
    op.drop_table("work_rule")
    op.drop_table("work_entry")
