"""A change that is made by a process which kills itself on the way."""

import os
import shutil
import signal
import traceback
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from webapp.db.database import db

WRITES = ("INSERT", "UPDATE", "DELETE")


def makes(change: Callable[[], Any], moment: int) -> bool:
    """Make the change in a process of its own that kills itself at a moment; whether it came so far."""
    def kill(number: int) -> None:
        if number == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    status = in_process_of_its_own(change, kill)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the change itself failed; see the traceback above"
    return False


def left_at_each_moment(change: Callable[[], Any], database: Path, folder: Path) -> list[Path]:
    """Make the change in a process of its own; the files of the database of SQLite as they stood at each moment, which
    are what a kill leaves: whoever opens them next finds no more than what is in them.

    Args:
        folder: for the copies, each in a folder of its own.
    """
    def copy(number: int) -> None:
        into = folder / f"{number:03}"
        into.mkdir(parents=True)
        for path in (database, database.with_name(f"{database.name}-wal")):
            if path.exists():
                shutil.copy(path, into)

    status = in_process_of_its_own(change, copy)
    assert status == 0, "the change itself failed; see the traceback above"
    return [each / database.name for each in sorted(folder.iterdir())]


def in_process_of_its_own(change: Callable[[], Any], at_moment: Callable[[int], Any]) -> int:
    """Make the change in another process, which calls a function with the number of each moment; how it ended."""
    db.session.remove()
    db.engine.dispose()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            call_at_moments(db.engine, at_moment)
            change()
            status = 0
        finally:
            if status:
                traceback.print_exc()
            os._exit(status)
    return os.waitpid(child, 0)[1]


def call_at_moments(engine: Engine, at_moment: Callable[[int], Any]) -> None:
    """Moments are after each statement that writes, and before each commit.

    Between them nothing changes: what is read leaves the database as it was, and so does what comes before the next
    statement. Before the first of a change there is nothing of it, before the first of another all of the one that was
    committed, as after it.
    """
    passed = count()

    def pass_moment(*_: Any) -> None:
        at_moment(next(passed))

    def at_statement(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith(WRITES):
            pass_moment()

    event.listen(engine, "after_cursor_execute", at_statement)
    event.listen(engine, "commit", pass_moment)
