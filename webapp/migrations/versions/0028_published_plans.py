"""Plans are published and handed over; an override knows the scenario that made it

Revision ID: 0028
Revises: 0027
Create Date: 2026-11-29
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None
LOSES = "published plans, where they were handed over, and which overrides a scenario made"
"""On the way back, for good; empty where nothing is, or all of it is found anew."""


def upgrade() -> None:
    op.add_column("override", sa.Column("scenario", sa.String(64), nullable=False, server_default=""))
    op.create_index(op.f("ix_override_scenario"), "override", ["scenario"])
    op.create_table(
        "published_plan",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("comment", sa.String(), nullable=False),
        sa.Column("published_by", sa.String(255), nullable=False),
        sa.Column("published_at", sa.DateTime(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("horizon", sa.Integer(), nullable=False),
        sa.Column("dates", sa.JSON(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("overrides", sa.Integer(), nullable=False),
        sa.Column("total", sa.Double(), nullable=False),
        sa.Column("lower", sa.Double(), nullable=False),
        sa.Column("upper", sa.Double(), nullable=False),
        sa.Column("model", sa.Double(), nullable=False),
        sa.Column("served_by", sa.JSON(), nullable=False),
        sa.Column("layout", sa.JSON(), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_published_plan")),
        sa.UniqueConstraint("token", name=op.f("uq_published_plan_token")),
    )
    op.create_table(
        "published_part",
        sa.Column("plan_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["published_plan.id"], ondelete="CASCADE",
                                name=op.f("fk_published_part_plan_id_published_plan")),
        sa.PrimaryKeyConstraint("plan_id", "number", name=op.f("pk_published_part")),
    )
    op.create_table(
        "hand_over",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("plan_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(300), nullable=False),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.Column("done_at", sa.DateTime()),
        sa.Column("is_written", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.DateTime()),
        sa.Column("problem", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["published_plan.id"], ondelete="CASCADE",
                                name=op.f("fk_hand_over_plan_id_published_plan")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hand_over")),
    )
    op.create_index("one_hand_over_of_each_plan", "hand_over", ["plan_id", "place"], unique=True)


def downgrade() -> None:
    op.drop_table("hand_over")
    op.drop_table("published_part")
    op.drop_table("published_plan")
    op.drop_index(op.f("ix_override_scenario"), table_name="override")
    op.drop_column("override", "scenario")
