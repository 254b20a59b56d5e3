"""States of an app that take long to make and little to copy: the first test that needs one makes it, those after it
have a copy, if they begin where the first began."""

import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from flask import Flask

from tests.webapp.fakes import FakeRegistry
from webapp.db.database import db
from webapp.services import Services

DATABASE = "app.db"
COMPARED = {"user_session": "digest", "watermark": "name, CASE WHEN name LIKE 'revision:%' THEN '' ELSE value END"}
"""Table -> what of it makes another state, where that is not all: a session is one, whenever it was last used, and
revisions are drawn at random."""


@dataclass(frozen=True)
class KeptState:
    """What stood at the end."""

    folder: Path
    registry: FakeRegistry
    made_in: str
    """The registry's folder of the test that made it."""
    names_it: Sequence[tuple[str, str]]
    """Tables and their columns in which that folder stands."""


class KeptStates:
    """Database, demand store, models and registry, as functions left them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[tuple[str, str], KeptState] = {}

    def reach(self, name: str, app: Flask, registry: FakeRegistry, make: Callable[[], None]) -> None:
        """Have the state that ``make`` leads to from the one that there is; it is made where it is not known yet.

        Args:
            name: of ``make``, which must depend on nothing that tests change but this state.
        """
        services: Services = app.extensions["services"]
        state, database = services.settings.demand_state, services.settings.folder / DATABASE
        if not services.settings.database_url.startswith("sqlite") or not database.exists():
            make()
            return
        begun = name, fingerprint(services, registry)
        if begun not in self._kept:
            make()
            self._kept[begun] = keep(services, registry, self._folder / str(len(self._kept)))
            return
        kept = self._kept[begun]
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
        shutil.rmtree(state)
        shutil.copytree(kept.folder, state)
        registry.become(kept.registry)
        with closing(sqlite3.connect(database)) as connection, connection:
            for table, column in kept.names_it:
                connection.execute(f'UPDATE "{table}" SET "{column}" = replace("{column}", ?, ?)',
                                   (kept.made_in, str(registry.folder)))


def keep(services: Services, registry: FakeRegistry, folder: Path) -> KeptState:
    """A copy of the state."""
    kept = FakeRegistry(folder / "registry", services.dataset.name)
    kept.become(registry)
    state, made_in, names_it = services.settings.demand_state, str(registry.folder), []
    shutil.copytree(state, folder / "var")
    with closing(sqlite3.connect(folder / "var" / services.settings.folder.relative_to(state) / DATABASE)) as copied:
        copied.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for table in tables(copied):
            for _, column, *_ in copied.execute(f'PRAGMA table_info("{table}")').fetchall():
                if copied.execute(f'SELECT 1 FROM "{table}" WHERE instr("{column}", ?)', (made_in,)).fetchone():
                    names_it.append((table, column))
    return KeptState(folder / "var", kept, made_in, names_it)


def tables(connection: sqlite3.Connection) -> list[str]:
    return [name for name, in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]


def fingerprint(services: Services, registry: FakeRegistry) -> str:
    """Equal for equal states, whichever folder they are in."""
    state = services.settings.demand_state
    files = sorted((str(path.relative_to(state)), path.stat().st_size, path.stat().st_mtime_ns)
                   for path in state.rglob("*") if path.is_file() and not path.name.startswith(DATABASE))
    with closing(sqlite3.connect(services.settings.folder / DATABASE)) as connection:
        rows = [(table, connection.execute(f'SELECT {COMPARED.get(table, "*")} FROM "{table}"').fetchall())
                for table in tables(connection)]
    return repr((files, rows, services.dataset, registry.contents())).replace(str(registry.folder), "")
