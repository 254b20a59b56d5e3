"""The four tables of a region-item: read as one, each written by one module."""

import ast
from pathlib import Path

from flask import Flask
from sqlalchemy import func, select

from demand_assets.forecasting.contract.region_item import RegionItem
from tests.webapp.conftest import KETTLE, REGION_ITEMS
from webapp.db.database import Base, db, writing
from webapp.region_items.catalogue import new_row
from webapp.tables import Catalogue, ForecastFigures, LiveAccuracy, Production, RegionItemRow

WEBAPP = Path(__file__).parents[3] / "webapp"
WRITERS: dict[type[Base], str] = {
    Catalogue: "region_items/catalogue.py", Production: "region_items/production.py",
    ForecastFigures: "region_items/forecast_figures.py", LiveAccuracy: "region_items/live_accuracy.py"}
POOLED = "models/new_pooled_versions.py"
"""What it calls a row is that of the pooled model, which has columns of the same names."""


def columns(table: type[Base]) -> set[str]:
    return {column.key for column in table.__table__.columns} - {"id"}


def set_in(path: Path) -> set[tuple[str, str]]:
    """Variable and attribute of everything that a file assigns."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        targets = node.targets if isinstance(node, ast.Assign) else (
            [node.target] if isinstance(node, ast.AugAssign | ast.AnnAssign) else [])
        found |= {(ast.unparse(part.value), part.attr) for target in targets for part in ast.walk(target)
                  if isinstance(part, ast.Attribute)}
    return found


def test_each_table_is_written_by_one_module() -> None:
    others = {column.key for mapper in Base.registry.mappers if mapper.class_ not in (*WRITERS, RegionItemRow)
              for column in mapper.columns} | {"last_year"}  # that of a group, while it is summed up
    told = []
    for path in WEBAPP.rglob("*.py"):
        place = path.relative_to(WEBAPP).as_posix()
        assigned = set_in(path)
        for table, writer in WRITERS.items():
            mine = {(name, attribute) for name, attribute in assigned if attribute in columns(table)
                    and (attribute not in others or (name.startswith("row") and place != POOLED))}
            if place == writer:
                assert mine
            else:
                told += [f"{place}: {name}.{attribute}" for name, attribute in mine]
    assert told == []


def test_no_other_module_writes_a_table_in_bulk_or_makes_a_row() -> None:
    names = {table.__name__: writer for table, writer in WRITERS.items()} | {"RegionItemRow": WRITERS[Catalogue]}
    told = []
    for path in WEBAPP.rglob("*.py"):
        place = path.relative_to(WEBAPP).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            changed = [node.func.id] + [argument.id for argument in node.args if isinstance(argument, ast.Name)
                                        and node.func.id in ("update", "insert", "delete")]
            told += [f"{place}: {name}" for name in changed if name in names and names[name] != place]
    assert told == []


def test_no_column_is_in_two_tables() -> None:
    assert sum(len(columns(table)) for table in WRITERS) == len(set().union(*map(columns, WRITERS)))


def test_a_new_row_stands_in_all_four_tables_and_knows_nothing_yet(app: Flask) -> None:
    with app.app_context():
        with writing():
            row = new_row(RegionItem("east", "Pan"))
            assert (row.step_at, row.live_periods, row.forecast_due, row.wanted, row.search) == (
                "", 0, True, {}, "east pan")
            new_row(RegionItem("east", "Pot")).wanted["a"] = 1
            assert row.wanted == {}
        for table in WRITERS:
            assert db.session.scalar(select(func.count()).select_from(table)) == len(REGION_ITEMS) + 2


def test_what_is_set_of_a_row_is_read_by_its_key_from_whatever_table(app: Flask) -> None:
    with app.app_context():
        with writing():
            row = db.session.get_one(RegionItemRow, KETTLE.key)
            row.last_date, row.wape, row.moved, row.drift = "2026-06-30", 0.25, -2.0, 0.5
        db.session.expire_all()

        found = db.session.execute(select(
            RegionItemRow.key, RegionItemRow.last_date, RegionItemRow.wape, RegionItemRow.moved).where(
            RegionItemRow.drift > 0.4, RegionItemRow.wape < 0.3)).all()
        assert [tuple(each) for each in found] == [(KETTLE.key, "2026-06-30", 0.25, -2.0)]
