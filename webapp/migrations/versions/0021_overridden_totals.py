"""Totals include planners' overrides, and the models' own stand beside them

Revision ID: 0021
Revises: 0020
Create Date: 2026-11-28
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None
LOSES = ""
"""On the way back, for good; empty where nothing is, or all of it is found anew."""

catalogue = sa.table("region_item_catalogue", sa.column("id"), sa.column("key"))
figures = sa.table("region_item_forecast", sa.column("id"), sa.column("forecast_due", sa.Boolean()),
                   sa.column("forecast_wanted"), sa.column("forecast_total"), sa.column("forecast_model"))
groups = sa.table("group_forecast", sa.column("total"), sa.column("model"))
override = sa.table("override", sa.column("key"), sa.column("removed_at"))


def upgrade() -> None:
    op.add_column(figures.name, sa.Column("forecast_model", sa.Float(), nullable=True))
    op.add_column(groups.name, sa.Column("model", sa.Float(), nullable=True))
    op.execute(figures.update().values(forecast_model=figures.c.forecast_total))
    op.execute(groups.update().values(model=groups.c.total))
    make_overridden_again()


def downgrade() -> None:
    op.drop_column(groups.name, "model")
    op.drop_column(figures.name, "forecast_model")
    make_overridden_again()


def make_overridden_again() -> None:
    """The stored forecasts with overrides are made again, and their totals with them."""
    overridden = sa.select(override.c.key).where(override.c.removed_at.is_(None))
    op.execute(figures.update().where(
        figures.c.id.in_(sa.select(catalogue.c.id).where(catalogue.c.key.in_(overridden)))).values(
            forecast_due=True, forecast_wanted=figures.c.forecast_wanted + 1))
