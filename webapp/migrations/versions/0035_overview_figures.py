"""Units by period behind the figures of the overview, errors of published forecasts in units, who has seen the tour

Revision ID: 0035
Revises: 0034
Create Date: 2026-11-29
"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None
LOSES = "who has seen the tour; the rest is found anew"
"""On the way back, for good; empty where nothing is, or all of it is found anew."""

users = sa.table("user", sa.column("toured_at", sa.DateTime()), sa.column("signed_in_at", sa.DateTime()))
figures = sa.table("region_item_forecast", sa.column("forecast_due", sa.Boolean()),
                   sa.column("forecast_wanted", sa.Integer()))


def upgrade() -> None:
    op.add_column("user", sa.Column("toured_at", sa.DateTime(), nullable=True))
    op.execute(users.update().where(users.c.signed_in_at.is_not(None)).values(toured_at=users.c.signed_in_at))
    for name in ("live_error", "live_sold"):
        op.add_column("region_item_accuracy", sa.Column(name, sa.Double(), nullable=True))
    op.add_column("stored_forecast", sa.Column("by_period", sa.LargeBinary(), nullable=True))
    op.add_column("group_forecast", sa.Column("by_period", sa.JSON(), nullable=True))
    op.execute(figures.update().values(forecast_due=True, forecast_wanted=figures.c.forecast_wanted + 1))


def downgrade() -> None:
    op.drop_column("group_forecast", "by_period")
    op.drop_column("stored_forecast", "by_period")
    for name in ("live_sold", "live_error"):
        op.drop_column("region_item_accuracy", name)
    op.drop_column("user", "toured_at")
