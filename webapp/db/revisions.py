"""Whether tables were written since somebody looked: groups of them have a revision, which is another after each commit
that wrote into one of them.

It is noted where statements come back from the database, so that no writer has to think of it: pages, the background
process and commands alike; a statement that found no row to write changes none. Who writes with another program is not
seen.
"""

import re
import secrets
import weakref
from collections.abc import Mapping
from typing import Any, Literal

from flask import has_request_context
from sqlalchemy import Engine, event, text
from sqlalchemy.engine import Connection

from webapp.db.database import db

Group = Literal["seen", "region_items", "work", "plans", "saved_views", "notices", "settings", "systems"]
TABLES: Mapping[Group, tuple[str, ...]] = {
    "seen": ("region_item_catalogue", "attribute_value"),
    "region_items": ("region_item_catalogue", "region_item_production", "region_item_forecast", "region_item_accuracy",
                     "earlier_move", "retrain_item", "attribute_value"),
    "work": ("work_entry", "region_item_catalogue", "scenario"),
    "plans": ("override", "adjustment", "carried_link", "retrain_item"),
    "saved_views": ("saved_view", "favourite", "region_item_catalogue"),
    "notices": ("notice",),
    "settings": ("setting",),
    "systems": ("system_state",),
}
"""What is asked together; ``seen`` are those by which it is decided who sees which region-items."""

_WRITES = re.compile(r"\s*(?:INSERT|UPDATE|DELETE|REPLACE|TRUNCATE|WITH\b.*\b(?:INSERT|UPDATE|DELETE))\b",
                     re.IGNORECASE | re.DOTALL)
_RETURNS = re.compile(r"\bRETURNING\b", re.IGNORECASE)
"""Of such a statement it is not known how many rows it wrote before they are read."""
_NOTE = text("INSERT INTO watermark (name, value) VALUES (:name, :value) "
             "ON CONFLICT (name) DO UPDATE SET value = excluded.value")
_READ = text("SELECT name, value FROM watermark WHERE name LIKE 'revision:%'")
_WRITTEN, _KNOWN = "groups_written", "revisions_known"


def note_writes(engine: Engine) -> None:
    """Give each group that a transaction wrote into another revision, in that transaction."""

    @event.listens_for(engine, "after_cursor_execute")
    def _executed(connection: Connection, cursor: Any, statement: str, *_rest: Any) -> None:
        if _WRITES.match(statement) and (cursor.rowcount != 0 or _RETURNS.search(statement)):
            for group, names in TABLES.items():
                if any(name in statement for name in names):
                    connection.info.setdefault(_WRITTEN, set()).add(group)

    @event.listens_for(engine, "commit")
    def _committing(connection: Connection) -> None:
        groups = sorted(connection.info.pop(_WRITTEN, ()))  # in one order, so that no two wait for each other
        if groups:
            value = secrets.token_hex(8)
            connection.execute(_NOTE, [{"name": f"revision:{group}", "value": value} for group in groups])

    @event.listens_for(engine, "rollback")
    def _rolled_back(connection: Connection) -> None:
        if not connection.invalidated:  # else what was noted of it is gone with it
            connection.info.pop(_WRITTEN, None)


def revision(group: Group, anew: bool = False) -> str | None:
    """The revision of a group of tables, a text at random, as the session's transaction sees it; empty before the first
    commit that was noted.

    None in a transaction that writes: what is decided there is decided by what is read there. Read once in a
    transaction that sees one moment, and for a page; else each time.

    Args:
        anew: for a page too it is read now.
    """
    session = db.session()
    connection = session.connection()
    if (connection.get_execution_options().get("writes") or connection.info.get(_WRITTEN)
            or session.new or session.dirty or session.deleted):
        return None
    transaction = session.get_transaction()
    known = session.info.get(_KNOWN)
    is_kept = connection.dialect.name == "sqlite" or (has_request_context() and not anew)
    if known is None or known[0]() is not transaction or not is_kept:
        found = {name.removeprefix("revision:"): value for name, value in connection.execute(_READ)}
        known = session.info[_KNOWN] = weakref.ref(transaction), found
    value: str = known[1].get(group, "")
    return value
