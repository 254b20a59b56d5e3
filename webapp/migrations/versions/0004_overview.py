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


def downgrade() -> None:
    with op.batch_alter_table("group_outlook", schema=None) as batch_op:
        for name in ("running", "compared_size", "compared"):
            batch_op.drop_column(name)
    with op.batch_alter_table("region_item", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_region_item_groups_due"))
        for name in ("groups_due", "demand_at", "live_from"):
            batch_op.drop_column(name)
