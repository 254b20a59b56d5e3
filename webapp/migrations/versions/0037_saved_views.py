"""Saved views, favourites, and what each person's overview opens with

Revision ID: 0037
Revises: 0036
Create Date: 2026-11-29
"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None
LOSES = "saved views, favourites, and what people's overviews open with"
"""On the way back, for good; empty where nothing is, or all of it is found anew."""


def upgrade() -> None:
    op.create_table(
        "saved_view",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("person", sa.String(255), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("is_shared", sa.Boolean(), nullable=False),
        sa.Column("is_picked", sa.Boolean(), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.Column("changed_by", sa.String(255), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("one_saved_view_of_a_name", "saved_view", ["person", "name"], unique=True)
    op.create_index("ix_saved_view_shared", "saved_view", ["is_shared", "name"])
    op.create_table(
        "saved_view_item",
        sa.Column("view_id", sa.Integer(), sa.ForeignKey("saved_view.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
    )
    op.create_table(
        "start_view",
        sa.Column("person", sa.String(255), primary_key=True),
        sa.Column("view_id", sa.Integer(), sa.ForeignKey("saved_view.id", ondelete="CASCADE"), nullable=True),
    )
    op.create_index("ix_start_view_view_id", "start_view", ["view_id"])
    op.create_table(
        "favourite",
        sa.Column("person", sa.String(255), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("made_at", sa.DateTime(), nullable=False),
    )


def downgrade() -> None:
    for name in ("favourite", "start_view", "saved_view_item", "saved_view"):
        op.drop_table(name)
