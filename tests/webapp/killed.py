"""A change that is made by a process which kills itself on the way."""

import os
import signal
import traceback
from collections.abc import Callable
from itertools import count
from typing import Any

from sqlalchemy import Engine, event

from webapp.db.database import db

WRITES = ("INSERT", "UPDATE", "DELETE")


def makes(change: Callable[[], Any], moment: int) -> bool:
    """Make the change in a process of its own that kills itself at a moment; whether it came so far."""
    db.session.remove()
    db.engine.dispose()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            kill_at(db.engine, moment)
            change()
            status = 0
        finally:
            if status:
                traceback.print_exc()
            os._exit(status)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the change itself failed; see the traceback above"
    return False


def kill_at(engine: Engine, moment: int) -> None:
    """Let this process be killed at the so many-th moment: after each statement that writes, and before each commit.

    Between them nothing changes: what is read leaves the database as it was, and so does what comes before the next
    statement. Before the first of a change there is nothing of it, before the first of another all of the one that was
    committed, as after it.
    """
    passed = count()

    def pass_moment(*_: Any) -> None:
        if next(passed) == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def at_statement(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith(WRITES):
            pass_moment()

    event.listen(engine, "after_cursor_execute", at_statement)
    event.listen(engine, "commit", pass_moment)
