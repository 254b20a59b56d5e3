"""What the identity provider says of people by SCIM, and its tokens

Revision ID: 0039
Revises: 0038
Create Date: 2026-11-29
"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None
LOSES = "the tokens of the identity provider, and what it says of people and groups; users, their roles and groups stay"
"""On the way back, for good; empty where nothing is, or all of it is found anew."""


def upgrade() -> None:
    op.create_table(
        "scim_user",
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("user.id", ondelete="CASCADE"), primary_key=True,
                  autoincrement=False),
        sa.Column("user_name", sa.String(255), nullable=False),
        sa.Column("user_name_key", sa.String(255), nullable=True),
        sa.Column("external_id", sa.String(255), nullable=True),
        sa.Column("email", sa.String(255), nullable=False),
        sa.Column("given_name", sa.String(255), nullable=True),
        sa.Column("family_name", sa.String(255), nullable=True),
        sa.Column("formatted_name", sa.String(255), nullable=True),
        sa.Column("display_name", sa.String(255), nullable=True),
        sa.Column("first_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.Column("removed_at", sa.DateTime(), nullable=True),
        sa.UniqueConstraint("user_name_key", name="uq_scim_user_user_name_key"),
    )
    op.create_index("ix_scim_user_external_id", "scim_user", ["external_id"])
    op.create_table(
        "scim_token",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("starts_with", sa.String(20), nullable=False),
        sa.Column("made_by", sa.String(255), nullable=False),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(), nullable=True),
        sa.Column("used_at", sa.DateTime(), nullable=True),
        sa.Column("used_from", sa.String(45), nullable=False),
        sa.UniqueConstraint("digest", name="uq_scim_token_digest"),
    )

    op.add_column("user_group", sa.Column("provisioned", sa.String(10), nullable=True))


def downgrade() -> None:
    op.drop_column("user_group", "provisioned")
    for name in ("scim_token", "scim_user"):
        op.drop_table(name)
