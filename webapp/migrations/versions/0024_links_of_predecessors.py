"""Which items carry on the demand of which others

Revision ID: 0024
Revises: 0023
Create Date: 2026-11-29
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None
LOSES = "planners' word on which items replace which"
"""On the way back, for good; empty where nothing is, or all of it is found anew."""


def upgrade() -> None:
    op.create_table(
        "carried_link",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("other", sa.String(255), nullable=False),
        sa.Column("other_key", sa.String(255), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("scale", sa.Float(), nullable=False),
        sa.Column("since", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("is_of_file", sa.Boolean(), nullable=False),
        sa.Column("made_by", sa.String(255), nullable=False),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.Column("removed_by", sa.String(255), nullable=False),
        sa.Column("removed_at", sa.DateTime(), nullable=True),
        sa.Column("is_due", sa.Boolean(), nullable=False),
    )
    for column in ("key", "other_key", "is_due"):
        op.create_index(f"ix_carried_link_{column}", "carried_link", [column])
    op.create_index("one_open_link_of_each_other_item", "carried_link", ["key", "other", "is_of_file"], unique=True,
                    sqlite_where=sa.text("removed_at IS NULL"), postgresql_where=sa.text("removed_at IS NULL"))


def downgrade() -> None:
    op.drop_table("carried_link")
