"""One backfill loop at a time: whoever has the instance's lock looks after its backfills, and the others wait for it.

Two loops that look at one backfill would each start its runs (docs/decisions/0048-retrains-are-backfills.md). The lock
is free at the moment in which its owner's process or connection ends. No part of Dagster is used here.
"""

import fcntl
import os
from pathlib import Path
from typing import Protocol

import sqlalchemy as db

NUMBER = 7_301_648_205_113
"""Of the lock in PostgreSQL: any number that nobody else locks in Dagster's database."""


class LoopLock(Protocol):
    """A lock that one process has."""

    def take(self) -> bool:
        """Whether this process has the lock, now or already."""

    def give_back(self) -> None:
        """Let another process have it."""


class FileLock:
    """The lock of an instance on this machine: a file in Dagster's home, locked by the system."""

    def __init__(self, home: Path) -> None:
        self._file = home / "backfills.lock"
        self._lock: int | None = None

    def take(self) -> bool:
        """Whether this process has the lock, now or already."""
        if self._lock is None:
            lock = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                return False
            self._lock = lock
        return True

    def give_back(self) -> None:
        """Let another process have it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


class DatabaseLock:
    """The lock of an instance whose database machines share: PostgreSQL's own, of a connection that stays open."""

    def __init__(self, url: str) -> None:
        self._engine = db.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=db.NullPool)
        self._connection: db.Connection | None = None

    def take(self) -> bool:
        """Whether this process has the lock, now or still: a connection that broke has lost it."""
        if self._connection is not None:
            try:
                self._connection.execute(db.text("SELECT 1"))
            except db.exc.SQLAlchemyError:
                self.give_back()
            else:
                return True
        connection = self._engine.connect()
        if connection.scalar(db.text("SELECT pg_try_advisory_lock(:number)"), {"number": NUMBER}):
            self._connection = connection
            return True
        connection.close()
        return False

    def give_back(self) -> None:
        """Let another process have it."""
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None


def lock_of(home: Path, database_url: str | None) -> LoopLock:
    """The lock of an instance.

    Args:
        home: Dagster's.
        database_url: of Dagster's database in PostgreSQL, with its driver; None or empty where it is in SQLite.
    """
    return DatabaseLock(database_url) if database_url else FileLock(home)
