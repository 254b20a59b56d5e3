"""Whether the registry can have changed since it was asked, by its database's file where that is on this machine.

A look over HTTP costs MLflow and us more than all else that goes on while nobody uses the product; to look at a file
costs nothing. A commit writes into the database or into its log beside it. It is only a sign: who has none, or sees no
file, asks as often as ever, and after a while everybody asks, whatever the sign says.
"""

import os
import time
from pathlib import Path
from time import monotonic

from demand_assets.forecasting.store.written_since import files_of_database

LONGEST_SECONDS = 15.0
"""After so long the registry is asked although nothing seems to have changed: so it is known whether MLflow answers."""
SAME_MOMENT_NS = 2_000_000_000
"""What is written so soon after a file's time may leave that as it is: some file systems count in seconds."""


class ChangeSign:
    """What the files of the registry's database looked like when it was asked last.

    Args:
        database: SQLite's file; None where the registry is elsewhere.
        longest: seconds after which it is asked whatever the files look like; ``LONGEST_SECONDS`` unless given.
    """

    def __init__(self, database: Path | None, longest: float | None = None) -> None:
        self._longest = longest
        self._files = files_of_database(database) if database else []
        self._seen: list[tuple[int, int]] | None = None
        self._asked_ns = 0
        self._asked_at = 0.0

    def must_be_asked(self) -> bool:
        """Whether the registry is to be asked: now is noted as the moment before that, until ``forget``."""
        files = self._looks()
        if (files and files == self._seen and max(changed for changed, _ in files) < self._asked_ns - SAME_MOMENT_NS
                and monotonic() - self._asked_at < (self._longest or LONGEST_SECONDS)):
            return False
        self._seen, self._asked_ns, self._asked_at = files, time.time_ns(), monotonic()
        return True

    @property
    def has_changed(self) -> bool:
        """Whether the files look otherwise than when the registry was asked last; False where there are none."""
        return self._seen is not None and self._looks() != self._seen

    def forget(self) -> None:
        """The registry is to be asked again: it did not answer, or had more to tell."""
        self._seen = None

    def _looks(self) -> list[tuple[int, int]]:
        return [(status.st_mtime_ns, status.st_size) for file in self._files if (status := _status(file))]


def _status(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except OSError:
        return None
