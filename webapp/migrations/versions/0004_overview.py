"""Where live accuracy is from, when demand grew, and totals that can be added up

Revision ID: 0004
Revises: 0003
Create Date: 2026-11-23
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
LOSES = ""
"""On the way back, for good; empty where nothing is, or all of it is found anew."""

LISTED = (
    "in_catalogue", "position", "key", "region", "item", "search", "status", "last_date", "quarantined_rows",
    "production_version", "promoted_at", "decided_at", "decision", "wape", "wape_seasonal_naive", "coverage_80", "best",
    "fetch_after", "model_problem", "outlook_total", "last_year", "change_on_last_year", "last_demand", "volume",
    "live_wape", "live_skill", "live_bias", "live_periods", "moved", "missed", "moved_at", "demand_at", "drift",
    "pinned_by", "step", "step_at", "activity")


def upgrade() -> None:
    with op.batch_alter_table("region_item", schema=None) as batch_op:
        batch_op.add_column(sa.Column("live_from", sa.String(length=10), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("demand_at", sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column("groups_due", sa.Integer(), nullable=False, server_default="1"))
        batch_op.create_index(batch_op.f("ix_region_item_groups_due"), ["groups_due"], unique=False)
    with op.batch_alter_table("group_outlook", schema=None) as batch_op:
        batch_op.add_column(sa.Column("compared", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("compared_size", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("running", sa.JSON(), nullable=False, server_default="{}"))
    op.create_index("ix_region_item_newest", "region_item", ["in_catalogue", "last_date"])
    if op.get_bind().dialect.name == "sqlite":
        op.create_index("ix_region_item_listed", "region_item", LISTED)
    # Every outlook is made anew: what is archived and told of it was not yet when it was made.
    op.execute(sa.table("region_item", sa.column("outlook_due")).update().values(outlook_due=sa.true()))


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index("ix_region_item_listed", "region_item")
    op.drop_index("ix_region_item_newest", "region_item")
    with op.batch_alter_table("group_outlook", schema=None) as batch_op:
        for name in ("running", "compared_size", "compared"):
            batch_op.drop_column(name)
    with op.batch_alter_table("region_item", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_region_item_groups_due"))
        for name in ("groups_due", "demand_at", "live_from"):
            batch_op.drop_column(name)
