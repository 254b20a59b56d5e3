"""Dagster's runs, schedules and sensors in SQLite, with connections that stay open.

Dagster's own storages make an engine and a connection for every statement, compile it anew, and look at each start of
an instance, so at each tick of a sensor, through all their migrations. Here a process does that once for each database.
Named in ``deploy/dagster_storage_sqlite.yaml`` unless ``DAGSTER_STORAGE=stock``; the private parts of Dagster that it
leans on are listed in ``private_parts``.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

import sqlalchemy as db
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import QueuePool

BUSY_SECONDS = 5
"""How long a statement waits for another process that writes; as long as Dagster's own."""
NO_FILE = 0, 0
OPEN = 2
"""Connections of a database that stay open in a process; more are made where more threads want one, and closed."""


class OpenDatabases:
    """The databases of this process, each as the file that it was when it was opened first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._engines: dict[Path, tuple[tuple[int, int], Engine]] = {}
        os.register_at_fork(after_in_child=self._forget)  # SQLite's connections must not be used in a copy

    def is_known(self, file: Path) -> bool:
        """Whether this process has opened the file that is there, so that its tables are those of this version."""
        with self._lock:
            known = self._engines.get(file)
            return known is not None and known[0] == identity(file) != NO_FILE

    def engine(self, file: Path) -> Engine:
        """What connects to the file that is there: another one after another file took its place."""
        with self._lock:
            there, known = identity(file), self._engines.get(file)
            if known is None or known[0] != there:
                if known is not None:
                    known[1].dispose()
                engine = db.create_engine(f"sqlite:///{file}", poolclass=QueuePool, pool_size=OPEN, max_overflow=-1,
                                          connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})
                known = self._engines[file] = there, engine
            return known[1]

    def _forget(self) -> None:
        for _, engine in self._engines.values():
            engine.dispose(close=False)
        self._lock, self._engines = Lock(), {}


def identity(file: Path) -> tuple[int, int]:
    """Which file is there: another value once another took its place."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return NO_FILE
    return found.st_dev, found.st_ino


DATABASES = OpenDatabases()


@contextmanager
def _transaction(url: str) -> Iterator[Connection]:
    """A transaction on a connection that stays open afterwards."""
    with DATABASES.engine(_file_of(url)).connect() as connection, connection.begin():
        yield connection


def _file_of(url: str) -> Path:
    return Path(str(db.make_url(url).database))


class _Kept:
    """The same tables and rows as Dagster's own; each process looks through a database's migrations once."""

    FILE: ClassVar[str]
    """Of the database, in the folder that the instance's settings name."""
    _conn_string: str
    from_local: ClassVar[Callable[..., Any]]

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Any:
        """The storage that an instance's settings describe."""
        file = Path(config_value["base_dir"]).absolute() / cls.FILE
        if DATABASES.is_known(file):
            return cls(f"sqlite:///{file}", inst_data)  # type: ignore[call-arg]  # of the storage behind it
        storage = cls.from_local(inst_data=inst_data, **config_value)
        DATABASES.engine(file)
        return storage

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A transaction on a connection that stays open afterwards."""
        with _transaction(self._conn_string) as connection:
            yield connection


class KeptRunStorage(_Kept, SqliteRunStorage):  # type: ignore[misc]  # Dagster does not tell its type
    """Dagster's runs."""

    FILE = "runs.db"


class KeptScheduleStorage(_Kept, SqliteScheduleStorage):  # type: ignore[misc]  # Dagster does not tell its type
    """The ticks of its schedules and sensors, and where they are."""

    FILE = "schedules.db"
