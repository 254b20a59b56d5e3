"""Stored forecasts and actions on models are called so in the database too

Revision ID: 0014
Revises: 0013
Create Date: 2026-11-28
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None
LOSES = ""
"""On the way back, for good; empty where nothing is, or all of it is found anew."""

TABLES = {"outlook": "stored_forecast", "group_outlook": "group_forecast", "model_act": "model_action"}
FIGURES = "region_item_forecast"
COLUMNS = ("due", "wanted", "total", "lower", "upper")
LOOPS = {"loop:outlook": "loop:forecasts"}


def rename(tables: dict[str, str], before: str, after: str, loops: dict[str, str]) -> None:
    dialect = op.get_bind().dialect
    for old, new in tables.items():
        indexes = [one["name"] for one in sa.inspect(op.get_bind()).get_indexes(old)]
        op.rename_table(old, new)
        for name in indexes:
            if name and name.startswith(f"ix_{old}_"):
                rename_index(name, f"ix_{new}{name.removeprefix(f'ix_{old}')}", new)
        if dialect.name == "postgresql":
            op.execute(f"ALTER INDEX pk_{old} RENAME TO pk_{new}")
    op.drop_index(f"ix_{FIGURES}_{before}_due", FIGURES)
    for name in COLUMNS:
        op.execute(f"ALTER TABLE {FIGURES} RENAME COLUMN {before}_{name} TO {after}_{name}")
    op.create_index(f"ix_{FIGURES}_{after}_due", FIGURES, [f"{after}_due"])
    state = sa.table("system_state", sa.column("name"))
    for old, new in loops.items():
        op.execute(state.update().where(state.c.name == old).values(name=new))


def rename_index(old: str, new: str, table: str) -> None:
    found = next(one for one in sa.inspect(op.get_bind()).get_indexes(table) if one["name"] == old)
    op.drop_index(old, table)
    op.create_index(new, table, [name for name in found["column_names"] if name], unique=bool(found["unique"]))


def upgrade() -> None:
    rename(TABLES, "outlook", "forecast", LOOPS)


def downgrade() -> None:
    rename({new: old for old, new in TABLES.items()}, "forecast", "outlook", {new: old for old, new in LOOPS.items()})
