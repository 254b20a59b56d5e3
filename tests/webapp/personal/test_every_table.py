"""The rule holds for every table that names region-items, on SQLite and on PostgreSQL."""

from flask import Flask, g
from flask_migrate import upgrade
from sqlalchemy import JSON, and_, delete, func, inspect, select, update

from deploy.services import Services as Servers
from webapp import create_app
from webapp.access import Actor
from webapp.background.journal import read_catalogue
from webapp.db.database import Base, db, writing
from webapp.personal.seen_region_items import guarded
from webapp.settings import Settings
from webapp.tables import Favourite, Notice, RegionItemRow, SavedScenario

SEES = ({"region": ("south",), "category": ("Food", "Drink")}, {"item": ("kettle",)})
NAMED_ALIKE = ("key", "keys", "subject", "other_key", "region_item_id", "asked")
"""Columns by which tables name region-items."""
UNGUARDED = {
    "selection": "region_items.selection leaves out what is not seen",
    "answered": "its key is the sender's own",
    "audit_entry": "administrators alone read it, who see everything",
}


def holds(app: Flask) -> None:
    """Every guarded table can be read, written and counted under the rule."""
    with app.test_request_context():
        with writing():
            for key in ("north|kettle", "south|kettle", "north|item 01"):
                db.session.add(Favourite(person="x", key=key))
            for number, keys in enumerate((["north|kettle"], ["north|item 01"], [], None)):
                db.session.add(Notice(person="x", cause=str(number), event="data", text="", link="/", keys=keys))
                db.session.add(SavedScenario(name=str(number), created_by="x", asked={"keys": keys or []}))
        g.actor = Actor("x", "planner", "browser", "", SEES)
        for table in guarded(SEES):
            db.session.execute(select(table).limit(1)).all()
            mapped = inspect(table)
            key = getattr(table, mapped.get_property_by_column(mapped.primary_key[0]).key)
            counted = db.session.scalar(select(func.count()).where(and_(key.is_not(None), key == key)))
            assert counted == len(db.session.execute(select(key)).all()), f"a count of {table} forgets the rule"
        assert db.session.scalars(select(RegionItemRow.key).order_by(RegionItemRow.key)).all() == [
            "north|kettle", "south|kettle"]
        assert db.session.scalars(select(Notice.cause).order_by(Notice.cause)).all() == ["0", "2"]
        assert db.session.scalars(select(SavedScenario.name).order_by(SavedScenario.name)).all() == ["0", "2", "3"]
        with writing():
            db.session.execute(update(Notice).values(text="seen"))
            db.session.execute(delete(Favourite))
        g.actor = Actor("x", "planner", "browser")
        assert db.session.scalars(select(Favourite.key)).all() == ["north|item 01"]
        assert db.session.scalars(select(Notice.text).order_by(Notice.cause)).all() == ["seen", "", "seen", ""]
        db.session.rollback()


def test_it_holds_on_sqlite(app: Flask) -> None:
    holds(app)


def test_it_holds_on_postgres(settings: Settings, servers: Servers) -> None:
    servers.add_databases("rows_")
    url = servers.environment("rows_")["WEB_DATABASE_URL"]
    app = create_app(settings.model_copy(update={"web_database_url": url}))
    with app.app_context():
        upgrade()
        read_catalogue(app.extensions["services"].store)
    holds(app)
    with app.app_context():
        db.engine.dispose()


def test_every_table_that_names_region_items_is_guarded(app: Flask) -> None:
    with app.app_context():
        names = {table.name for kind in guarded(SEES) for table in inspect(kind).tables}
    naming = {table.name for table in Base.metadata.sorted_tables for column in table.columns
              if column.name in NAMED_ALIKE
              and (column.name != "key" or getattr(column.type, "length", 0) == 255)
              and (column.name != "asked" or isinstance(column.type, JSON))}

    assert naming - names == set(UNGUARDED)
