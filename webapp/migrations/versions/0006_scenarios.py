"""Scenarios: who changed them, what the list shows, and the queue of those to be computed

Revision ID: 0006
Revises: 0005
Create Date: 2026-11-23
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
LOSES = "of scenarios the selections, their results and who changed them; what is left of them are names and changes"
"""On the way back, for good; empty where nothing is, or all of it is found anew."""


def upgrade() -> None:
    with op.batch_alter_table("scenario", schema=None) as batch_op:
        batch_op.add_column(sa.Column("changed_by", sa.String(length=255), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("size", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("selection", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("summary", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("made_with", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("wanted_at", sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("done", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("problem", sa.String(), nullable=False, server_default=""))
        batch_op.create_index(op.f("ix_scenario_wanted_at"), ["wanted_at"])


def downgrade() -> None:
    with op.batch_alter_table("scenario", schema=None) as batch_op:
        batch_op.drop_index(op.f("ix_scenario_wanted_at"))
        for name in ("problem", "done", "attempts", "wanted_at", "made_with", "summary", "selection", "size",
                     "changed_by"):
            batch_op.drop_column(name)
