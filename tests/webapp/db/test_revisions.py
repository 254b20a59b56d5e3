"""Every commit that writes into a group of tables gives it another revision, on SQLite and on PostgreSQL."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import JSON, Column, Table, delete, insert, select, text, update

from tests.webapp.conftest import KETTLE, settings_in
from webapp import create_app
from webapp.background.journal import read_catalogue
from webapp.db.database import Base, Instant, db, now, writing
from webapp.db.revisions import TABLES, Group, revision
from webapp.region_items.rows import locked_region_items
from webapp.settings import Settings
from webapp.tables import AttributeValue, Catalogue, Production, Retrain, RetrainItem, Setting, Watermark, WorkEntry

GROUPS: tuple[Group, ...] = tuple(TABLES)
LISTED = {"seen", "region_items", "work", "saved_views"}
"""Those that the catalogue is in."""


def revisions() -> dict[str, str | None]:
    """As a new transaction sees them."""
    db.session.rollback()
    return {group: revision(group) for group in GROUPS}


def changed(act: Callable[[], object]) -> set[str]:
    """The groups to which something gave another revision."""
    before = revisions()
    with writing():
        act()
    after = revisions()
    assert None not in after.values()
    return {group for group in GROUPS if before[group] != after[group]}


def by_mapped_row() -> None:
    db.session.get_one(Production, 1).status = "pooled"


def by_new_row() -> None:
    db.session.add(WorkEntry(kind="moved", subject=KETTLE.key, due="2026-07-01"))


def of_a_retrain() -> None:
    retrain = Retrain(request_id="r", asked_by="x", size=1, state="running")
    db.session.add(retrain)
    db.session.flush()
    db.session.add(RetrainItem(retrain_id=retrain.id, key=KETTLE.key))


WRITES: list[tuple[Callable[[], object], set[str]]] = [
    (by_mapped_row, {"region_items"}), (by_new_row, {"work"}), (of_a_retrain, {"region_items", "plans"}),
    (lambda: db.session.execute(update(Catalogue).values(rows_read=1)), LISTED),
    (lambda: db.session.execute(insert(AttributeValue), [
        {"axis": "item", "owner": "kettle", "name": "category", "value": "Drink"}]), {"seen", "region_items"}),
    (lambda: db.session.execute(delete(Catalogue).where(Catalogue.key == KETTLE.key)), LISTED),
    (lambda: db.session.execute(text("UPDATE region_item_accuracy SET drift = 0.5")), {"region_items"}),
    (lambda: db.session.execute(text(
        "with one as (select 1 as id) update region_item_forecast set price = 2 where id in (select id from one)")),
     {"region_items"}),
    (lambda: db.session.add(Setting(name="x", value="y", changed_by="z")), {"settings"}),
    (lambda: db.session.add(Watermark(name="x", value="y")), set()),
    (lambda: db.session.execute(select(Catalogue.key)).all(), set()),
    (lambda: db.session.execute(text("with one as (select key from region_item_catalogue) select * from one")), set()),
    (lambda: db.session.execute(update(Catalogue).where(Catalogue.key == "nowhere|none").values(rows_read=2)), set()),
    (lambda: db.session.execute(delete(WorkEntry).where(WorkEntry.id == -1)), set()),
    (lambda: db.session.execute(update(Catalogue).values(rows_read=3).returning(Catalogue.key)), LISTED),
    (lambda: db.session.execute(update(Catalogue).values(rows_read=4).returning(Catalogue.key)).all(), LISTED),
    (lambda: db.session.execute(update(Production).values(pinned_by="x"), execution_options={
        "synchronize_session": False}), {"region_items"}),
]


def fill(table: Table) -> Column[Any]:
    """Have a row in the table; its first column."""
    if db.session.execute(select(table)).first() is None:
        db.session.execute(insert(table).values({
            column.name: a_value(column) for column in table.columns
            if not column.nullable and column.default is None and (column.foreign_keys or not column.primary_key
                                                                   or column.type.python_type is str)}))
        db.session.commit()
    return next(iter(table.columns))


def a_value(column: Column[Any]) -> Any:
    if column.foreign_keys:
        return db.session.scalar(select(next(iter(column.foreign_keys)).column))
    if isinstance(column.type, Instant):
        return now()
    return {} if isinstance(column.type, JSON) else "x" if column.type.python_type is str else 1


def noted(app: Flask) -> None:
    """Whatever is written, and however, is noted of its groups, and of no others."""
    with app.app_context():
        changed(lambda: db.session.execute(update(Catalogue).values(rows_read=0)))
        changed(by_new_row)
        db.session.execute(delete(WorkEntry))
        db.session.commit()
        for act, groups in WRITES:
            assert changed(act) == groups
        for group, names in TABLES.items():
            for name in names:
                column = fill(Base.metadata.tables[name]).name
                assert group in changed(lambda name=name, column=column: db.session.execute(  # type: ignore[misc]
                    text(f"UPDATE {name} SET {column} = {column}")))


def test_every_write_is_noted(app: Flask) -> None:
    noted(app)


def test_every_write_is_noted_on_postgres(
        app: Flask, settings: Settings, empty_postgres: Callable[[str], str]) -> None:
    on_postgres = create_app(settings.model_copy(update={"web_database_url": empty_postgres("revisions_noted")}))
    with on_postgres.app_context():
        read_catalogue(app.extensions["services"].store)

    noted(on_postgres)


def test_what_is_not_committed_has_no_revision_and_what_is_rolled_back_changes_none(app: Flask) -> None:
    with app.app_context():
        before = revisions()

        by_mapped_row()
        assert revision("region_items") is None
        db.session.flush()
        assert revision("region_items") is None
        db.session.rollback()
        assert revision("region_items") == before["region_items"] is not None

        db.session.execute(update(Catalogue).values(rows_read=3))
        assert revision("region_items") is None
        assert revisions() == before


def test_before_the_first_write_that_was_noted_it_is_empty(app: Flask) -> None:
    with app.app_context():
        with writing():
            db.session.execute(text("DELETE FROM watermark"))

        assert revisions() == dict.fromkeys(GROUPS, "")


def test_another_process_sees_it_at_its_next_look(app: Flask, settings: Settings) -> None:
    other = create_app(settings_in(settings.demand_dataset.parent))
    with other.app_context():
        before = revisions()
    with app.app_context():
        changed(by_mapped_row)
        after = revisions()

    with other.app_context():
        assert revisions() == after != before


def test_many_who_write_at_the_same_moment_on_postgres_do_not_stand_in_each_others_way(
        app: Flask, settings: Settings, empty_postgres: Callable[[str], str]) -> None:
    keys = [KETTLE.key, "south|kettle"]
    on_postgres = create_app(settings.model_copy(update={"web_database_url": empty_postgres("revisions_many")}))
    with on_postgres.app_context():
        read_catalogue(app.extensions["services"].store)
    together = Barrier(2)

    def write(key: str) -> set[str]:
        with on_postgres.app_context():
            before = revisions()
            for number in range(20):
                with writing():
                    together.wait(10)
                    locked_region_items([key])[key].rows_read = number
                    db.session.add(WorkEntry(kind="moved", subject=f"{key} {number}", due="2026-07-01", found_at=now()))
                    db.session.flush()
                    together.wait(10)
            after = revisions()
            return {group for group in GROUPS if before[group] != after[group]}

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(write, keys)) == [LISTED] * 2


def written_by_another(app: Flask) -> None:
    """A commit of another process, while the caller's transaction goes on."""
    def write() -> None:
        with app.app_context(), writing():
            db.session.execute(update(Catalogue).values(rows_read=Catalogue.rows_read + 1))

    with ThreadPoolExecutor(1) as pool:
        pool.submit(write).result()


def test_where_statements_see_different_moments_it_is_read_anew_but_for_a_page(
        settings: Settings, empty_postgres: Callable[[str], str]) -> None:
    app = create_app(settings.model_copy(update={"web_database_url": empty_postgres("revisions_anew")}))
    with app.app_context():
        read_catalogue(app.extensions["services"].store)
        first = revision("seen")
        written_by_another(app)
        second = revision("seen")
        assert first != second

    with app.test_request_context():
        assert revision("seen") == second
        written_by_another(app)
        assert revision("seen") == second != revision("seen", anew=True)


def test_in_a_transaction_of_one_moment_it_is_of_that_moment(app: Flask) -> None:
    with app.app_context():
        first = revision("seen")
        written_by_another(app)
        assert first == revision("seen") == revision("seen", anew=True)
        assert revisions()["seen"] != first


def test_in_a_transaction_that_writes_there_is_none(app: Flask) -> None:
    with app.app_context(), writing():
        assert [revision(group) for group in GROUPS] == [None] * len(GROUPS)


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_names_tables_that_there_are(group: Group) -> None:
    assert set(TABLES[group]) <= set(Base.metadata.tables)
