"""What is known of each region-item, in four tables: catalogue, production, stored forecast, live accuracy

Revision ID: 0013
Revises: 0012
Create Date: 2026-11-28
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None
LOSES = ""
"""On the way back, for good; empty where nothing is, or all of it is found anew."""


def text(name: str, length: int | None = None, **more: object) -> sa.Column:
    return sa.Column(name, sa.String(length=length), nullable=False, **more)


def whole(name: str, **more: object) -> sa.Column:
    return sa.Column(name, sa.Integer(), nullable=False, **more)


def json(name: str, **more: object) -> sa.Column:
    return sa.Column(name, sa.JSON(), nullable=False, **more)


def optional(kind: type[sa.types.TypeEngine], *names: str) -> list[sa.Column]:
    return [sa.Column(name, kind(), nullable=True) for name in names]


def columns_of_catalogue() -> list[sa.Column]:
    return [
        text("key", 255), whole("position"), sa.Column("in_catalogue", sa.Boolean(), nullable=False),
        text("region", 255), text("item", 255), text("search", 520),
        sa.Column("last_date", sa.String(length=10), nullable=True), *optional(sa.DateTime, "demand_at"),
        whole("quarantined_rows"), text("quarantine_reason"), text("loaded_at", 40, server_default=""),
        whole("rows_read", server_default="0"), text("step", 20), text("step_at", 40), text("step_reason"),
        text("activity", 20), text("activity_run", 64), json("quarantined")]


def columns_of_production() -> list[sa.Column]:
    return [
        text("status", 20), *optional(sa.Integer, "production_version", "previous_version"),
        *optional(sa.DateTime, "promoted_at", "announced_at"), *optional(sa.Integer, "wanted_version"),
        text("model_problem"), *optional(sa.DateTime, "fetch_after"), *optional(sa.Integer, "candidate_version"),
        text("decision"), *optional(sa.DateTime, "decided_at"),
        *optional(sa.Double, "wape", "wape_seasonal_naive", "coverage_80"), text("best", 20, server_default=""),
        text("pinned_by", 255, server_default=""), text("pinned_reason", server_default=""),
        *optional(sa.DateTime, "pinned_at"), text("reason"), json("wanted"), json("numbers"),
        json("candidate_numbers", server_default="{}")]


def columns_of_forecast() -> list[sa.Column]:
    return [
        sa.Column("outlook_due", sa.Boolean(), nullable=False, server_default=sa.true()),
        whole("outlook_wanted", server_default="0"),
        *optional(sa.Float, "outlook_total", "outlook_lower", "outlook_upper", "last_year", "change_on_last_year",
                  "last_demand", "volume", "moved", "missed"),
        *optional(sa.DateTime, "moved_at"), whole("groups_due", server_default="1")]


def columns_of_accuracy() -> list[sa.Column]:
    return [
        *optional(sa.Float, "live_wape", "live_skill", "live_bias"), whole("live_periods", server_default="0"),
        text("live_from", 10, server_default=""), *optional(sa.Float, "drift"),
        text("drifted", 60, server_default="")]


PARTS = {"region_item_production": columns_of_production, "region_item_forecast": columns_of_forecast,
         "region_item_accuracy": columns_of_accuracy}
INDEXED = {
    "region_item_catalogue": {"ix_region_item_catalogue_region": ["region"], "ix_region_item_catalogue_item": ["item"],
                              "ix_region_item_catalogue_newest": ["in_catalogue", "last_date"]},
    "region_item_production": {"ix_region_item_production_status": ["status"],
                               "ix_region_item_production_best": ["best"]},
    "region_item_forecast": {"ix_region_item_forecast_outlook_due": ["outlook_due"],
                             "ix_region_item_forecast_groups_due": ["groups_due"]},
    "region_item": {f"ix_region_item_{name}": [name] for name in ("region", "item", "status", "best", "outlook_due",
                                                                  "groups_due")} | {
                        "ix_region_item_newest": ["in_catalogue", "last_date"]}}
LISTED = {
    "region_item_catalogue": ["in_catalogue", "position", "id", "key", "region", "item", "search", "last_date",
                              "demand_at", "quarantined_rows", "step", "step_at", "activity"],
    "region_item_production": ["id", "status", "production_version", "promoted_at", "decided_at", "decision", "wape",
                               "wape_seasonal_naive", "coverage_80", "best", "fetch_after", "model_problem",
                               "pinned_by"],
    "region_item": [
        "in_catalogue", "position", "key", "region", "item", "search", "status", "last_date", "quarantined_rows",
        "production_version", "promoted_at", "decided_at", "decision", "wape", "wape_seasonal_naive", "coverage_80",
        "best", "fetch_after", "model_problem", "outlook_total", "last_year", "change_on_last_year", "last_demand",
        "volume", "live_wape", "live_skill", "live_bias", "live_periods", "moved", "missed", "moved_at", "demand_at",
        "drift", "pinned_by", "step", "step_at", "activity"]}


def index(*tables: str) -> None:
    for table in tables:
        for name, columns in INDEXED.get(table, {}).items():
            op.create_index(name, table, columns)
        if table in LISTED and op.get_bind().dialect.name == "sqlite":
            op.create_index(f"ix_{table}_listed", table, LISTED[table])


def named(table: str, columns: list[sa.Column]) -> sa.TableClause:
    return sa.table(table, sa.column("id"), *(sa.column(column.name) for column in columns))


def upgrade() -> None:
    op.create_table(
        "region_item_catalogue", sa.Column("id", sa.Integer(), nullable=False), *columns_of_catalogue(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_region_item_catalogue")),
        sa.UniqueConstraint("key", name=op.f("uq_region_item_catalogue_key")))
    everything = [*columns_of_catalogue(), *(column for part in PARTS.values() for column in part())]
    before, catalogue = named("region_item", everything), named("region_item_catalogue", columns_of_catalogue())
    known = [column.name for column in columns_of_catalogue()]
    op.execute(catalogue.insert().from_select(
        known, sa.select(*(before.c[name] for name in known)).order_by(before.c.position, before.c.key)))
    for table, columns in PARTS.items():
        wide = sa.BigInteger() if table == "region_item_production" else sa.Integer()
        op.create_table(
            table, sa.Column("id", wide, nullable=False, autoincrement=False), *columns(),
            sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
            sa.ForeignKeyConstraint(["id"], ["region_item_catalogue.id"], ondelete="CASCADE",
                                    name=op.f(f"fk_{table}_id_region_item_catalogue")))
        known = [column.name for column in columns()]
        op.execute(named(table, columns()).insert().from_select(["id", *known], sa.select(
            catalogue.c.id, *(before.c[name] for name in known)).join_from(
            before, catalogue, catalogue.c.key == before.c.key).order_by(catalogue.c.id)))
    op.drop_table("region_item")
    index("region_item_catalogue", *PARTS)


def downgrade() -> None:
    everything = [*columns_of_catalogue(), *(column for part in PARTS.values() for column in part())]
    op.create_table("region_item", *everything, sa.PrimaryKeyConstraint("key", name=op.f("pk_region_item")))
    catalogue = named("region_item_catalogue", columns_of_catalogue())
    parts = [named(table, columns()) for table, columns in PARTS.items()]
    joined: sa.FromClause = catalogue
    for part in parts:
        joined = joined.join(part, part.c.id == catalogue.c.id)
    found = [column for table in (catalogue, *parts) for column in table.c if column.name != "id"]
    op.execute(named("region_item", everything).insert().from_select(
        [column.name for column in found], sa.select(*found).select_from(joined)))
    for table in reversed(PARTS):
        op.drop_table(table)
    op.drop_table("region_item_catalogue")
    index("region_item")
