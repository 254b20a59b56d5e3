"""The pooled model, and what was best on the backtest

Revision ID: 0002
Revises: 0001
Create Date: 2026-11-23
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
LOSES = ""
"""On the way back, for good; empty where nothing is, or all of it is found anew."""


def upgrade() -> None:
    op.create_table(
        "pooled_model",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("production_version", sa.Integer(), nullable=True),
        sa.Column("previous_version", sa.Integer(), nullable=True),
        sa.Column("announced_at", sa.DateTime(), nullable=True),
        sa.Column("wanted_version", sa.Integer(), nullable=True),
        sa.Column("fetch_after", sa.DateTime(), nullable=True),
        sa.Column("problem", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pooled_model")),
    )
    with op.batch_alter_table("region_item", schema=None) as batch_op:
        batch_op.add_column(sa.Column("candidate_numbers", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("best", sa.String(length=20), nullable=False, server_default=""))
        batch_op.create_index(batch_op.f("ix_region_item_best"), ["best"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("region_item", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_region_item_best"))
        batch_op.drop_column("best")
        batch_op.drop_column("candidate_numbers")
    op.drop_table("pooled_model")
