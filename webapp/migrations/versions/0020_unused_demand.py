"""Each load of demand says what of its units, rows and periods was not used

Revision ID: 0020
Revises: 0019
Create Date: 2026-11-28
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None
LOSES = "what each load of demand did not use"
"""On the way back, for good; empty where nothing is, or all of it is found anew."""

UNITS = ("units_read", "units_refused")
COUNTS = ("periods", "unknown_periods", "repeated_rows", "newest_refused")


def upgrade() -> None:
    with op.batch_alter_table("demand_load") as table:
        for name in UNITS:
            table.add_column(sa.Column(name, sa.Float(), nullable=False, server_default="0"))
        for name in COUNTS:
            table.add_column(sa.Column(name, sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    with op.batch_alter_table("demand_load") as table:
        for name in (*COUNTS, *UNITS):
            table.drop_column(name)
