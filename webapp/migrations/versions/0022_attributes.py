"""Attributes of items and regions, and totals by them

Revision ID: 0022
Revises: 0021
Create Date: 2026-11-28
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None
LOSES = ""
"""On the way back, for good; empty where nothing is, or all of it is found anew."""

groups = sa.table("group_forecast", sa.column("kind"))


def upgrade() -> None:
    op.create_table(
        "attribute_value",
        sa.Column("axis", sa.String(10), primary_key=True),
        sa.Column("owner", sa.String(255), primary_key=True),
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("value", sa.String(255), nullable=False),
    )
    op.create_index("ix_attribute_value_found", "attribute_value", ["name", "value", "owner"])
    with op.batch_alter_table("group_forecast") as table:
        table.alter_column("kind", existing_type=sa.String(10), type_=sa.String(40), existing_nullable=False)


def downgrade() -> None:
    op.execute(groups.delete().where(groups.c.kind.not_in(["region", "item", "all"])))
    with op.batch_alter_table("group_forecast") as table:
        table.alter_column("kind", existing_type=sa.String(40), type_=sa.String(10), existing_nullable=False)
    op.drop_table("attribute_value")
