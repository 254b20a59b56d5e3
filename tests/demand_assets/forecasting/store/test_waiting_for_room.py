"""What work makes of a machine that is used up: it waits and is tried again, and real faults are told at once."""

import errno
import logging
import pickle
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.store.waiting_for_room import (
    DISK,
    FILES,
    LONGEST_PAUSE_SECONDS,
    MEMORY,
    TRIES,
    Patience,
    exhausted,
    tried_until_there_is_room,
)

NO_ROOM = OSError(errno.ENOSPC, "No space left on device")


def full_sqlite(path: Path) -> None:
    """Write more into a real database than it may hold."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA max_page_count = 2")
        connection.execute("CREATE TABLE one (content BLOB)")
        connection.execute("INSERT INTO one VALUES (zeroblob(100000))")


def full_through_sqlalchemy(path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        connection.execute(text("PRAGMA max_page_count = 2"))
        connection.execute(text("CREATE TABLE one (content BLOB)"))
        connection.execute(text("INSERT INTO one VALUES (zeroblob(100000))"))


def caused(error: Exception) -> Exception:
    """It as the cause of an error that says nothing of it."""
    try:
        raise SourceError("the source cannot be read") from error
    except SourceError as found:
        return found


@pytest.mark.parametrize("fill", [full_sqlite, full_through_sqlalchemy])
def test_a_full_database_is_a_full_disk(fill: Callable[[Path], None], tmp_path: Path) -> None:
    with pytest.raises((sqlite3.OperationalError, OperationalError)) as raised:
        fill(tmp_path / "db")

    assert exhausted(raised.value) == DISK
    assert exhausted(pickle.loads(pickle.dumps(RuntimeError(str(raised.value))))) == DISK  # from another process


@pytest.mark.parametrize(("error", "what"), [
    (NO_ROOM, DISK), (OSError(errno.EDQUOT, "Disk quota exceeded"), DISK), (caused(NO_ROOM), DISK),
    (caused(caused(NO_ROOM)), DISK), (OSError(errno.EMFILE, "Too many open files"), FILES), (MemoryError(), MEMORY),
    (RuntimeError("can't start new thread"), MEMORY), (OSError(errno.ENOENT, "No such file"), ""),
    (ValueError("the disk of that item is empty"), ""), (PermissionError(errno.EACCES, "denied"), "")])
def test_what_is_used_up_is_told_by_the_error_or_a_cause(error: Exception, what: str) -> None:
    assert exhausted(error) == what


def test_work_waits_for_room_as_long_as_it_takes(caplog: pytest.LogCaptureFixture) -> None:
    left, pauses = iter([*[NO_ROOM] * 50, None]), list[float]()

    def work() -> str:
        if error := next(left):
            raise caused(error)
        return "done"

    with caplog.at_level(logging.WARNING):
        assert tried_until_there_is_room(work, Patience(pauses.append)) == "done"

    assert (len(pauses), pauses[0], pauses[-1]) == (50, 2.0, LONGEST_PAUSE_SECONDS)
    assert len(caplog.records) == 1


@pytest.mark.parametrize(("error", "tries"), [(MemoryError(), 1 + TRIES), (ValueError("wrong"), 1)])
def test_what_uses_the_machine_up_itself_fails_in_the_end(error: Exception, tries: int) -> None:
    done = []

    def work() -> None:
        done.append(1)
        raise error

    with pytest.raises(type(error)):
        tried_until_there_is_room(work, Patience(lambda seconds: None))

    assert len(done) == tries
