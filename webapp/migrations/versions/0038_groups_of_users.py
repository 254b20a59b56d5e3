"""Groups of users, their members, and which region-items these see; which of them a notice names

Revision ID: 0038
Revises: 0037
Create Date: 2026-11-29
"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None
LOSES = "groups of users, and the roles they give; who saw some region-items only sees all of them then"
"""On the way back, for good; empty where nothing is, or all of it is found anew."""


def upgrade() -> None:
    op.create_table(
        "user_group",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("external_id", sa.String(255), nullable=True),
        sa.Column("role", sa.String(40), nullable=True),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("one_group_of_a_name", "user_group", ["name"], unique=True)
    op.create_index("ix_user_group_external_id", "user_group", ["external_id"])
    op.create_table(
        "group_member",
        sa.Column("group_id", sa.Integer(), sa.ForeignKey("user_group.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("user.id", ondelete="CASCADE"), primary_key=True),
    )
    op.create_index("ix_group_member_user_id", "group_member", ["user_id"])
    op.create_table(
        "group_rule",
        sa.Column("group_id", sa.Integer(), sa.ForeignKey("user_group.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("field", sa.String(40), primary_key=True),
        sa.Column("value", sa.String(255), primary_key=True),
    )
    with op.batch_alter_table("notice") as table:
        table.add_column(sa.Column("keys", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("notice") as table:
        table.drop_column("keys")
    for name in ("group_rule", "group_member", "user_group"):
        op.drop_table(name)
