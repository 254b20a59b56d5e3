"""Which adjustments the demand store does not tell of yet; selections that links name

Revision ID: 0005
Revises: 0004
Create Date: 2026-11-23
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
LOSES = "stored selections, so that links to them lead nowhere"
"""On the way back, for good; empty where nothing is, or all of it is found anew."""

ONE_OPEN = "one_open_adjustment_of_each_period"


def upgrade() -> None:
    with op.batch_alter_table("adjustment") as table:
        table.add_column(sa.Column("is_due", sa.Boolean(), nullable=False, server_default=sa.true()))
        table.create_index("ix_adjustment_is_due", ["is_due"])
        table.create_index(ONE_OPEN, ["key", "date"], unique=True, sqlite_where=sa.text("removed_at IS NULL"),
                           postgresql_where=sa.text("removed_at IS NULL"))
    op.create_table(
        "selection", sa.Column("token", sa.String(length=16), nullable=False),
        sa.Column("keys", sa.JSON(), nullable=False),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_selection")))


def downgrade() -> None:
    op.drop_table("selection")
    with op.batch_alter_table("adjustment") as table:
        table.drop_index(ONE_OPEN)
        table.drop_index("ix_adjustment_is_due")
        table.drop_column("is_due")
