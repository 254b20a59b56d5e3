"""Moves of a forecast that another has followed

Revision ID: 0017
Revises: 0016
Create Date: 2026-11-28
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None
LOSES = "what the news told of earlier moves of forecasts"
"""On the way back, for good; empty where nothing is, or all of it is found anew."""


def upgrade() -> None:
    op.create_table(
        "earlier_move",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("region_item_id", sa.Integer(), sa.ForeignKey("region_item_catalogue.id", ondelete="CASCADE"),
                  nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("moved", sa.Float(), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
    )
    op.create_index("ix_earlier_move_region_item_id", "earlier_move", ["region_item_id"])
    op.create_index("ix_earlier_move_at", "earlier_move", ["at"])


def downgrade() -> None:
    op.drop_table("earlier_move")
