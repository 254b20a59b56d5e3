"""Sessions on the server, attempts that all workers count together, links of the first administrator

Revision ID: 0018
Revises: 0017
Create Date: 2026-11-28
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None
LOSES = "sessions (everybody signs in again), counted guesses, links of the first administrator"
"""On the way back, for good; empty where nothing is, or all of it is found anew."""


def words(name: str, length: int) -> sa.Column:
    return sa.Column(name, sa.String(length=length), nullable=False)


def moment(name: str, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(), nullable=nullable)


def number(name: str) -> sa.Column:
    return sa.Column(name, sa.Integer(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "user_session", number("id"), words("digest", 64), number("user_id"), words("way", 40), words("address", 45),
        words("browser", 200), moment("began_at"), moment("seen_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_session")),
        sa.UniqueConstraint("digest", name=op.f("uq_user_session_digest")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_user_session_user_id_user"),
                                ondelete="CASCADE"))
    for column in ("user_id", "began_at"):
        op.create_index(op.f(f"ix_user_session_{column}"), "user_session", [column])
    op.create_table(
        "first_admin_link", number("id"), words("digest", 64), moment("made_at"), moment("expires_at"),
        moment("used_at", nullable=True), sa.PrimaryKeyConstraint("id", name=op.f("pk_first_admin_link")),
        sa.UniqueConstraint("digest", name=op.f("uq_first_admin_link_digest")))
    op.create_table(
        "attempts", words("key", 64), sa.Column("times", sa.JSON(), nullable=False), moment("ends_at"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_attempts")))
    op.create_index(op.f("ix_attempts_ends_at"), "attempts", ["ends_at"])


def downgrade() -> None:
    for name in ("attempts", "first_admin_link", "user_session"):
        op.drop_table(name)
