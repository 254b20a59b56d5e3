"""One lock for each run on this machine: whoever has it may start the run's process, and the process has it then.

It is the system's own (flock), so it is free at the moment in which the process ends, however it ends. Between the
launcher's and the process's hands it is never free: the process inherits it. So a run has no two processes, and a run
whose lock is free has none.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep, time

RUN_VARIABLE = "DEMAND_DAGSTER_RUN"
"""In the environment of a run's process and of those that it starts: whose they are."""
PATIENCE_SECONDS = 2.0
"""How long a lock is tried for: who only looks whether it is free has it for an instant."""
KEPT_SECONDS = 7 * 24 * 3600
"""For so long what a run's process printed is kept."""


@dataclass(frozen=True)
class RunLocks:
    """The locks of an instance's runs, and beside each what the run's process printed."""

    folder: Path

    @contextmanager
    def held(self, run_id: str, patience_seconds: float = PATIENCE_SECONDS) -> Iterator[int | None]:
        """The lock's file descriptor, which a process may inherit; None while another process has the lock."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._lock_of(run_id), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            yield lock if _take(lock, patience_seconds) else None
        finally:
            os.close(lock)  # a process that inherited it has it still

    def is_free(self, run_id: str) -> bool:
        """Whether no process works on the run and none is being started for it."""
        if not self._lock_of(run_id).exists():
            return True
        with self.held(run_id, 0.0) as lock:
            return lock is not None

    def printed(self, run_id: str) -> Path:
        """Where the run's process prints to."""
        return self.folder / f"{run_id}.log"

    def forget_old(self) -> None:
        """Remove the files of runs that ended long ago."""
        for file in self.folder.glob("*"):
            if time() - file.stat().st_mtime > KEPT_SECONDS and self.is_free(file.stem):
                file.unlink(missing_ok=True)

    def _lock_of(self, run_id: str) -> Path:
        return self.folder / f"{run_id}.lock"


def _take(lock: int, patience_seconds: float) -> bool:
    until = monotonic() + patience_seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if monotonic() >= until:
                return False
            sleep(0.05)
        else:
            return True
