"""Why a retrain was asked for, and by whom: a planner, a sensor, an engineer

Revision ID: 0007
Revises: 0006
Create Date: 2026-11-23
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
LOSES = "why retrains were asked for, and by whom but planners"
"""On the way back, for good; empty where nothing is, or all of it is found anew."""


def upgrade() -> None:
    with op.batch_alter_table("retrain", schema=None) as batch_op:
        batch_op.add_column(sa.Column("source", sa.String(length=20), nullable=False, server_default="planner"))
        batch_op.add_column(sa.Column("reason", sa.String(), nullable=False, server_default=""))
        batch_op.create_index(batch_op.f("ix_retrain_source"), ["source"], unique=False)
    # The journal is read again from its beginning: retrains that were asked for in Dagster are in it.
    op.execute("DELETE FROM watermark WHERE name = 'journal'")
    op.execute("DELETE FROM journal_file")


def downgrade() -> None:
    with op.batch_alter_table("retrain", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_retrain_source"))
        batch_op.drop_column("reason")
        batch_op.drop_column("source")
