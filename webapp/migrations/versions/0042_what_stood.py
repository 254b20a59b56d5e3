"""How far a forecast moved is a share of the same periods; past forecasts say since when they stood

Revision ID: 0042
Revises: 0041
Create Date: 2026-12-01
"""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None
LOSES = "when each past forecast was made first, by which overrides are judged"
"""On the way back, for good; empty where nothing is, or all of it is found anew."""


def upgrade() -> None:
    op.add_column("archived_forecast", sa.Column("since", sa.DateTime(), nullable=True))
    op.add_column("region_item_forecast", sa.Column("moved_of", sa.Float(), nullable=True))
    figures = sa.table("region_item_forecast", sa.column("moved", sa.Float()), sa.column("moved_of", sa.Float()),
                       sa.column("forecast_model", sa.Float()))
    before = figures.c.forecast_model - figures.c.moved  # of the whole horizon; of the same periods when it moves next
    op.execute(figures.update().where(figures.c.moved.is_not(None), before >= 0).values(moved_of=before))


def downgrade() -> None:
    op.drop_column("region_item_forecast", "moved_of")
    op.drop_column("archived_forecast", "since")
