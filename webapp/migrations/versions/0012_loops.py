"""How each loop of the background process is, and when one that failed is tried again

Revision ID: 0012
Revises: 0011
Create Date: 2026-11-28
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None
LOSES = ""
"""On the way back, for good; empty where nothing is, or all of it is found anew."""


def upgrade() -> None:
    op.add_column("system_state", sa.Column("retry_at", sa.DateTime()))


def downgrade() -> None:
    op.execute("DELETE FROM system_state WHERE name LIKE 'loop:%'")
    with op.batch_alter_table("system_state", schema=None) as batch_op:
        batch_op.drop_column("retry_at")
