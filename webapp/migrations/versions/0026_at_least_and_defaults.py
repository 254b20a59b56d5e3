"""Last year's sales say whether an item was out of stock then; loads say which defaults the past contradicts

Revision ID: 0026
Revises: 0025
Create Date: 2026-11-29
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None
LOSES = "of which drivers each load of demand found the default contradicted by the past"
"""On the way back, for good; empty where nothing is, or all of it is found anew."""

TABLES = ("region_item_forecast", "group_forecast")


def upgrade() -> None:
    for name in TABLES:
        op.add_column(name, sa.Column("last_year_out_of_stock", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("demand_load", sa.Column("contradicted", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("demand_load", "contradicted")
    for name in TABLES:
        op.drop_column(name, "last_year_out_of_stock")
