"""What a scenario's result was made of, by which it is found stale

Revision ID: 0016
Revises: 0015
Create Date: 2026-11-28
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None
LOSES = ""
"""On the way back, for good; empty where nothing is, or all of it is found anew."""


def upgrade() -> None:
    op.add_column("scenario", sa.Column("made_of", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    with op.batch_alter_table("scenario", schema=None) as batch_op:
        batch_op.drop_column("made_of")
