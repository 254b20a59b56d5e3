"""Each load of demand says in how many periods a region-item was out of stock

Revision ID: stockouts_1
Revises: 0022
Create Date: 2026-11-29
"""

import sqlalchemy as sa
from alembic import op

revision = "stockouts_1"
down_revision = "0022"
branch_labels = None
depends_on = None
LOSES = "in how many periods each load of demand found a region-item out of stock"
"""On the way back, for good; empty where nothing is, or all of it is found anew."""


def upgrade() -> None:
    with op.batch_alter_table("demand_load") as table:
        table.add_column(sa.Column("out_of_stock_periods", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    with op.batch_alter_table("demand_load") as table:
        table.drop_column("out_of_stock_periods")
