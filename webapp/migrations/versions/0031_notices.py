"""What people are told, how they want to be told, and what is sent to other systems

Revision ID: 0031
Revises: 0028
Create Date: 2026-11-29
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0028"
branch_labels = None
depends_on = None
LOSES = "notices, how people want to be told, webhooks with their secrets, and what is not sent yet"
"""On the way back, for good; empty where nothing is, or all of it is found anew."""


def upgrade() -> None:
    op.create_table(
        "notice",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("person", sa.String(255), nullable=False),
        sa.Column("cause", sa.String(300), nullable=False),
        sa.Column("event", sa.String(20), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("link", sa.String(600), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("read_at", sa.DateTime(), nullable=True),
    )
    op.create_index("one_notice_for_each_cause", "notice", ["person", "cause"], unique=True)
    op.create_index("ix_notice_unread", "notice", ["person", "read_at"])
    op.create_index("ix_notice_at", "notice", ["at"])
    op.create_table(
        "notice_choice",
        sa.Column("person", sa.String(255), primary_key=True),
        sa.Column("event", sa.String(20), primary_key=True),
        sa.Column("how", sa.String(10), nullable=False),
    )
    op.create_table(
        "webhook",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(80), nullable=False, unique=True),
        sa.Column("url", sa.String(1000), nullable=False),
        sa.Column("secret", sa.String(64), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("made_by", sa.String(255), nullable=False),
        sa.Column("made_at", sa.DateTime(), nullable=False),
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("way", sa.String(10), nullable=False),
        sa.Column("receiver", sa.String(255), nullable=False),
        sa.Column("cause", sa.String(300), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("next_at", sa.DateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("problem", sa.String(), nullable=False),
    )
    op.create_index("one_delivery_for_each_cause", "delivery", ["way", "receiver", "cause"], unique=True)
    op.create_index("ix_delivery_due", "delivery", ["state", "next_at"])
    op.create_index("ix_delivery_at", "delivery", ["at"])


def downgrade() -> None:
    for name in ("delivery", "webhook", "notice_choice", "notice"):
        op.drop_table(name)
