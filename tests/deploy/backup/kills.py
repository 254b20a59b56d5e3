"""Work that is killed at each of its steps that touch a file."""

import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

STEPS = ("open", "os.rename", "os.mkdir", "os.link", "os.remove", "os.rmdir", "shutil.rmtree", "sqlite3.connect",
         "os.chmod")


def killed_at_each_step(work: Callable[[], object], below: Path, every: int = 1, most: int = 400) -> Iterator[int]:
    """The number of the step before which the work was killed, in a process of its own, from the first to its end.

    Args:
        below: steps are what is done to files in this folder.
        every: how many steps it gets further each time.
    """
    for step in range(0, most, every):
        child = os.fork()
        if child == 0:
            _die_at(step, below)
            try:
                work()
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            return
        assert os.WTERMSIG(status) == signal.SIGKILL
        yield step
    raise AssertionError(f"the work has more than {most} steps")


def exit_status_with(most_bytes: int, work: Callable[[], int]) -> int:
    """What the work returns in a process of its own that may write no file larger than that, as on a full disk."""
    child = os.fork()
    if child == 0:
        status = 99
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
            status = work()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _die_at(step: int, below: Path) -> None:
    left = [step]

    def count(event: str, arguments: tuple[object, ...]) -> None:
        if event in STEPS and str(below) in str(arguments[:2]):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
