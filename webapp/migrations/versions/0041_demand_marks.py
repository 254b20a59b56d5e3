"""By what is seen whether demand that is taken in again is as it was

Revision ID: 0041
Revises: 0040
Create Date: 2026-11-30
"""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None
LOSES = ""
"""On the way back, for good; empty where nothing is, or all of it is found anew."""


def upgrade() -> None:
    op.add_column("region_item_catalogue", sa.Column("demand_mark", sa.String(32), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("region_item_catalogue", "demand_mark")
