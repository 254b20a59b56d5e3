"""When the link of a stored selection was followed last: those that nobody uses any more expire

Revision ID: 0015
Revises: 0014
Create Date: 2026-11-28
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None
LOSES = "when stored selections were last used: they count as used at the next upgrade"
"""On the way back, for good; empty where nothing is, or all of it is found anew."""


def upgrade() -> None:
    with op.batch_alter_table("selection", schema=None) as batch_op:
        batch_op.add_column(sa.Column("used_at", sa.DateTime(), nullable=True))
    # Nobody knows when those of before were used: they count from now.
    op.get_bind().execute(sa.text("UPDATE selection SET used_at = :now"),
                          {"now": datetime.now(UTC).replace(tzinfo=None).isoformat(" ")})
    with op.batch_alter_table("selection", schema=None) as batch_op:
        batch_op.alter_column("used_at", existing_type=sa.DateTime(), nullable=False)
        batch_op.create_index(batch_op.f("ix_selection_used_at"), ["used_at"])


def downgrade() -> None:
    with op.batch_alter_table("selection", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_selection_used_at"))
        batch_op.drop_column("used_at")
