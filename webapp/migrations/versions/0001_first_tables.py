"""First tables

Revision ID: 0001
Revises:
Create Date: 2026-11-23
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
LOSES = "everything: people and their roles, retrains"
"""On the way back, for good; empty where nothing is, or all of it is found anew."""


def upgrade() -> None:
    op.create_table(
        "journal_file",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_journal_file")),
    )
    op.create_table(
        "region_item",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("in_catalogue", sa.Boolean(), nullable=False),
        sa.Column("region", sa.String(length=255), nullable=False),
        sa.Column("item", sa.String(length=255), nullable=False),
        sa.Column("search", sa.String(length=520), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("last_date", sa.String(length=10), nullable=True),
        sa.Column("quarantined_rows", sa.Integer(), nullable=False),
        sa.Column("quarantined", sa.JSON(), nullable=False),
        sa.Column("quarantine_reason", sa.String(), nullable=False),
        sa.Column("production_version", sa.Integer(), nullable=True),
        sa.Column("previous_version", sa.Integer(), nullable=True),
        sa.Column("promoted_at", sa.DateTime(), nullable=True),
        sa.Column("announced_at", sa.DateTime(), nullable=True),
        sa.Column("wanted_version", sa.Integer(), nullable=True),
        sa.Column("wanted", sa.JSON(), nullable=False),
        sa.Column("model_problem", sa.String(), nullable=False),
        sa.Column("fetch_after", sa.DateTime(), nullable=True),
        sa.Column("candidate_version", sa.Integer(), nullable=True),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("decided_at", sa.DateTime(), nullable=True),
        sa.Column("wape", sa.Double(), nullable=True),
        sa.Column("wape_seasonal_naive", sa.Double(), nullable=True),
        sa.Column("coverage_80", sa.Double(), nullable=True),
        sa.Column("numbers", sa.JSON(), nullable=False),
        sa.Column("step", sa.String(length=20), nullable=False),
        sa.Column("step_at", sa.String(length=40), nullable=False),
        sa.Column("step_reason", sa.String(), nullable=False),
        sa.Column("activity", sa.String(length=20), nullable=False),
        sa.Column("activity_run", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_region_item")),
    )
    with op.batch_alter_table("region_item", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_region_item_item"), ["item"], unique=False)
        batch_op.create_index(batch_op.f("ix_region_item_region"), ["region"], unique=False)
        batch_op.create_index(batch_op.f("ix_region_item_status"), ["status"], unique=False)

    op.create_table(
        "retrain",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("asked_by", sa.String(length=255), nullable=False),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("cancel_asked_at", sa.DateTime(), nullable=True),
        sa.Column("cancel_sent", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(), nullable=True),
        sa.Column("problem", sa.String(), nullable=False),
        sa.Column("sent_at", sa.DateTime(), nullable=True),
        sa.Column("carrier", sa.String(length=20), nullable=False),
        sa.Column("dagster_id", sa.String(length=64), nullable=False),
        sa.Column("dagster_state", sa.String(length=20), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retrain")),
        sa.UniqueConstraint("request_id", name=op.f("uq_retrain_request_id")),
    )
    with op.batch_alter_table("retrain", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_retrain_asked_at"), ["asked_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_retrain_state"), ["state"], unique=False)

    op.create_table(
        "role",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role")),
        sa.UniqueConstraint("name", name=op.f("uq_role_name")),
    )
    op.create_table(
        "system_state",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("is_up", sa.Boolean(), nullable=False),
        sa.Column("checked_at", sa.DateTime(), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_system_state")),
    )
    op.create_table(
        "user",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("password", sa.String(length=255), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("fs_uniquifier", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
        sa.UniqueConstraint("email", name=op.f("uq_user_email")),
        sa.UniqueConstraint("fs_uniquifier", name=op.f("uq_user_fs_uniquifier")),
    )
    op.create_table(
        "watermark",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_watermark")),
    )
    op.create_table(
        "retrain_item",
        sa.Column("retrain_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("open_slot", sa.Integer(), nullable=True),
        sa.Column("closed_by_us", sa.Boolean(), nullable=False),
        sa.Column("at", sa.String(length=40), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=True),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("version_before", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("numbers", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["retrain_id"], ["retrain.id"], name=op.f("fk_retrain_item_retrain_id_retrain"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("retrain_id", "key", name=op.f("pk_retrain_item")),
    )
    with op.batch_alter_table("retrain_item", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_retrain_item_state"), ["state"], unique=False)
        batch_op.create_index(
            "one_open_retrain_for_each_region_item",
            ["key"],
            unique=True,
            sqlite_where=sa.text("open_slot = 1"),
            postgresql_where=sa.text("open_slot = 1"),
        )

    op.create_table(
        "user_roles",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("role_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["role_id"], ["role.id"], name=op.f("fk_user_roles_role_id_role"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_user_roles_user_id_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "role_id", name=op.f("pk_user_roles")),
    )


def downgrade() -> None:
    op.drop_table("user_roles")
    with op.batch_alter_table("retrain_item", schema=None) as batch_op:
        batch_op.drop_index(
            "one_open_retrain_for_each_region_item",
            sqlite_where=sa.text("open_slot = 1"),
            postgresql_where=sa.text("open_slot = 1"),
        )
        batch_op.drop_index(batch_op.f("ix_retrain_item_state"))

    op.drop_table("retrain_item")
    op.drop_table("watermark")
    op.drop_table("user")
    op.drop_table("system_state")
    op.drop_table("role")
    with op.batch_alter_table("retrain", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_retrain_state"))
        batch_op.drop_index(batch_op.f("ix_retrain_asked_at"))

    op.drop_table("retrain")
    with op.batch_alter_table("region_item", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_region_item_status"))
        batch_op.drop_index(batch_op.f("ix_region_item_region"))
        batch_op.drop_index(batch_op.f("ix_region_item_item"))

    op.drop_table("region_item")
    op.drop_table("journal_file")
