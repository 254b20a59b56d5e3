"""What naive, model, overrides and planners got right; targets of accuracy; what came of scenarios

Revision ID: 0033
Revises: 0031
Create Date: 2026-11-29
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0031"
branch_labels = None
depends_on = None
LOSES = "forecast value added of periods older than the past forecasts that are kept, and targets of accuracy"
"""On the way back, for good; empty where nothing is, or all of it is found anew."""
COUNTS = ("periods", "rows", "no_forecast", "no_demand", "no_naive", "overridden", "too_late", "priced")
AMOUNTS = ("sold", "naive", "model", "plan", "naive_error", "model_error", "plan_error", "sold_money", "naive_money",
           "model_money", "plan_money", "naive_error_money", "model_error_money", "plan_error_money")


def upgrade() -> None:
    op.create_table(
        "judged_forecasts",
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("judged_at", sa.DateTime(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "value_added",
        sa.Column("kind", sa.String(40), primary_key=True),
        sa.Column("lead", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("planner", sa.String(255), primary_key=True),
        sa.Column("bucket", sa.String(10), primary_key=True),
        sa.Column("name", sa.String(255), primary_key=True),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in COUNTS),
        *(sa.Column(name, sa.Double(), nullable=False) for name in AMOUNTS),
    )
    op.create_index("ix_value_added_bucket", "value_added", ["bucket"])
    op.create_table(
        "accuracy_target",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("segment", sa.String(300), nullable=False, unique=True),
        sa.Column("wape", sa.Double(), nullable=False),
        sa.Column("tolerance", sa.Double(), nullable=False),
        sa.Column("bias", sa.Double(), nullable=False),
        sa.Column("changed_by", sa.String(255), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
    )
    op.create_table(
        "scenario_verdict",
        sa.Column("token", sa.String(64), primary_key=True),
        sa.Column("mark", sa.String(120), nullable=False),
        sa.Column("judged_at", sa.DateTime(), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
    )


def downgrade() -> None:
    for name in ("scenario_verdict", "accuracy_target", "value_added", "judged_forecasts"):
        op.drop_table(name)
