"""Outlooks and past forecasts, versions and acts on them, scenarios, adjustments, loads of demand

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-23
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
LOSES = "scenarios, adjustments of unusual days, past forecasts, what was done to models by hand"
"""On the way back, for good; empty where nothing is, or all of it is found anew."""

FLOATS = ("outlook_total", "outlook_lower", "outlook_upper", "last_year", "change_on_last_year", "last_demand",
          "volume", "live_wape", "live_skill", "live_bias", "moved", "missed", "drift")
NEW = ("outlook", "group_outlook", "archived_forecast", "model_version", "model_act", "scenario", "adjustment",
       "demand_load")


def text(name: str, length: int | None = None, nullable: bool = False, **more: object) -> sa.Column:
    return sa.Column(name, sa.String(length=length) if length else sa.String(), nullable=nullable, **more)


def number(name: str, nullable: bool = True, **more: object) -> sa.Column:
    return sa.Column(name, sa.Float(), nullable=nullable, **more)


def whole(name: str, nullable: bool = True, **more: object) -> sa.Column:
    return sa.Column(name, sa.Integer(), nullable=nullable, **more)


def at(name: str, nullable: bool = True) -> sa.Column:
    return sa.Column(name, sa.DateTime(), nullable=nullable)


def content(name: str) -> sa.Column:
    return sa.Column(name, sa.LargeBinary(), nullable=False)


def json(name: str) -> sa.Column:
    return sa.Column(name, sa.JSON(), nullable=False)


def table(name: str, key: tuple[str, ...], *columns: sa.Column, indexed: tuple[str, ...] = (), once: str = "") -> None:
    constraints = [sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{name}"))]
    if once:
        constraints.append(sa.UniqueConstraint(once, name=op.f(f"uq_{name}_{once}")))
    op.create_table(name, *columns, *constraints)
    for column in indexed:
        op.create_index(op.f(f"ix_{name}_{column}"), name, [column])


def upgrade() -> None:
    with op.batch_alter_table("region_item", schema=None) as batch_op:
        batch_op.add_column(sa.Column("outlook_due", sa.Boolean(), nullable=False, server_default=sa.true()))
        batch_op.add_column(whole("outlook_wanted", nullable=False, server_default="0"))
        for name in FLOATS:
            batch_op.add_column(number(name))
        batch_op.add_column(whole("live_periods", nullable=False, server_default="0"))
        batch_op.add_column(at("moved_at"))
        batch_op.add_column(text("drifted", 60, server_default=""))
        batch_op.add_column(text("pinned_by", 255, server_default=""))
        batch_op.add_column(text("pinned_reason", server_default=""))
        batch_op.add_column(at("pinned_at"))
        batch_op.create_index(batch_op.f("ix_region_item_outlook_due"), ["outlook_due"], unique=False)
    table("outlook", ("key",), text("key", 255), at("made_at", False), text("origin", 10), text("served_by", 20),
          content("content"))
    table("group_outlook", ("kind", "name"), text("kind", 10), text("name", 255), at("made_at", False),
          whole("size", False), number("total", False), number("lower", False), number("upper", False),
          number("last_year"))
    table("archived_forecast", ("key", "origin"), text("key", 255), text("origin", 10), at("made_at", False),
          text("served_by", 20), content("content"))
    table("model_version", ("key", "version"), text("key", 255), whole("version", False), at("trained_at"),
          at("decided_at"), text("decision", 20), text("reason"), text("request_id", 64), text("run_id", 64),
          json("numbers"))
    table("model_act", ("id",), whole("id", False), text("token", 64), text("key", 255), text("kind", 20),
          whole("version"), whole("version_before"), text("reason"), text("asked_by", 255), at("asked_at", False),
          text("state", 20), text("problem"), at("done_at"), indexed=("key", "state"), once="token")
    table("scenario", ("id",), whole("id", False), text("token", 64), text("name", 120), text("description"),
          text("created_by", 255), at("created_at", False), at("changed_at", False), at("archived_at"),
          whole("copied_from"), json("asked"), at("computed_at"), json("computed"), indexed=("created_by",),
          once="token")
    table("adjustment", ("id",), whole("id", False), text("key", 255), text("date", 10), number("sold", False),
          number("adjusted", False), text("reason"), text("made_by", 255), at("made_at", False),
          text("removed_by", 255), at("removed_at"), indexed=("key",))
    table("demand_load", ("key", "at"), text("key", 255), text("at", 40), text("outcome", 20), text("reason"),
          text("run_id", 64), text("last_date", 10, nullable=True), json("refused"), whole("refused_rows", False),
          indexed=("run_id", "refused_rows"))
    # The journal is read again from its beginning: versions and loads that were written before these tables are in it.
    op.execute("DELETE FROM watermark WHERE name = 'journal'")
    op.execute("DELETE FROM journal_file")


def downgrade() -> None:
    for name in reversed(NEW):
        op.drop_table(name)
    with op.batch_alter_table("region_item", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_region_item_outlook_due"))
        for name in ("outlook_due", "outlook_wanted", *FLOATS, "live_periods", "moved_at", "drifted", "pinned_by",
                     "pinned_reason", "pinned_at"):
            batch_op.drop_column(name)
