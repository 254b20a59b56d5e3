"""Prices and costs, and what is forecast in money

Revision ID: 0025
Revises: 0024
Create Date: 2026-11-29
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None
LOSES = ""
"""On the way back, for good; empty where nothing is, or all of it is found anew."""

FIGURES = ("price", "cost", "revenue", "margin", "live_error_money", "live_sold_money", "backtest_error_money",
           "backtest_sold_money")
DATES = ("price_date", "cost_date")
SUMS = ("revenue", "margin", "live_error_money", "live_sold_money")
COUNTS = ("priced", "costed")
watermark = sa.table("watermark", sa.column("name"))


def upgrade() -> None:
    for name in FIGURES:
        op.add_column("region_item_forecast", sa.Column(name, sa.Double(), nullable=True))
    for name in DATES:
        op.add_column("region_item_forecast", sa.Column(name, sa.String(10), nullable=True))
    op.add_column("stored_forecast", sa.Column("money", sa.JSON(), nullable=True))
    for name in SUMS:
        op.add_column("group_forecast", sa.Column(name, sa.Double(), nullable=True))
    for name in COUNTS:
        op.add_column("group_forecast", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.execute(watermark.delete().where(watermark.c.name == "money"))
    for name in (*SUMS, *COUNTS):
        op.drop_column("group_forecast", name)
    op.drop_column("stored_forecast", "money")
    for name in (*FIGURES, *DATES):
        op.drop_column("region_item_forecast", name)
