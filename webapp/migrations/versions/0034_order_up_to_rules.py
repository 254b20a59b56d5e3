"""Lead times, review periods and service levels of segments

Revision ID: 0034
Revises: 0033
Create Date: 2026-11-29
"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None
LOSES = "lead times, review periods and service levels that people set"
"""On the way back, for good; empty where nothing is, or all of it is found anew."""


def upgrade() -> None:
    op.create_table(
        "order_up_to_rule",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("segment", sa.String(300), nullable=False, unique=True),
        sa.Column("lead_time", sa.Integer(), nullable=True),
        sa.Column("review_period", sa.Integer(), nullable=True),
        sa.Column("service_level", sa.Double(), nullable=True),
        sa.Column("changed_by", sa.String(255), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("order_up_to_rule")
