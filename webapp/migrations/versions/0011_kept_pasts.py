"""The past of each region-item is kept with its outlook, for sums of thousands

Revision ID: 0011
Revises: 0010
Create Date: 2026-11-23
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None
LOSES = ""
"""On the way back, for good; empty where nothing is, or all of it is found anew."""


def upgrade() -> None:
    op.add_column("outlook", sa.Column("past", sa.LargeBinary()))
    op.execute(sa.text("UPDATE region_item SET outlook_due = :due, outlook_wanted = outlook_wanted + 1").bindparams(
        due=True))


def downgrade() -> None:
    with op.batch_alter_table("outlook", schema=None) as batch_op:
        batch_op.drop_column("past")
