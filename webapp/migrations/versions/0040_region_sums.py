"""The stored forecasts of each region summed up by period

Revision ID: 0040
Revises: 0039
Create Date: 2026-11-29
"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None
LOSES = ""
"""On the way back, for good; empty where nothing is, or all of it is found anew."""


def upgrade() -> None:
    op.create_table(
        "region_sum",
        sa.Column("region", sa.String(255), primary_key=True),
        sa.Column("members", sa.String(32), nullable=False),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    figures = sa.table("region_item_forecast", sa.column("groups_due", sa.Integer()),
                       sa.column("forecast_total", sa.Float()))
    op.execute(figures.update().where(figures.c.forecast_total.is_not(None)).values(
        groups_due=figures.c.groups_due + 1))  # the background process sums them up


def downgrade() -> None:
    op.drop_table("region_sum")
