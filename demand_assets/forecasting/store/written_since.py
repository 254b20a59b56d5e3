"""Whether anything was written since the last look, so that a look that costs more can wait for it.

A database in SQLite is looked at as files: what commits writes into it or into its log beside it. It is only a sign,
so whoever waits for it looks after a while all the same.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic

Sign = Callable[[], object]
"""Another value whenever something was written."""


def files_of_database(database: Path) -> list[Path]:
    """The files that a commit into an SQLite database writes."""
    return [database, database.with_name(f"{database.name}-wal")]


def written(files: Iterable[Path]) -> Sign:
    """Tells when these files were written last."""
    files = tuple(files)
    return lambda: tuple(map(_state_of, files))


def _state_of(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except FileNotFoundError:  # whoever closes the database last removes its log
        return None
    return found.st_mtime_ns, found.st_size


class Rest:
    """Whether a look may be left out: nothing was written since the last but one, and the last is not long ago.

    After a change two looks are due: what is written goes on for a moment after its first sign, as of a
    transaction after another's that tells of it.

    Args:
        longest: seconds after which a look is due whatever the sign says.
    """

    def __init__(self, sign: Sign, longest: float, clock: Callable[[], float] = monotonic) -> None:
        self._sign, self._longest, self._clock = sign, longest, clock
        self._last: object = None
        self._looked: float | None = None
        self._once_more = False

    def is_over(self) -> bool:
        """Whether a look is due; if so, this is the moment of that look."""
        now, sign = self._clock(), self._sign()
        is_news = self._looked is None or sign != self._last
        if not is_news and not self._once_more and now - (self._looked or 0.0) < self._longest:
            return False
        self._last, self._looked, self._once_more = sign, now, is_news
        return True

    @property
    def is_settled(self) -> bool:
        """Whether nothing but a change, or time, makes another look due."""
        return self._looked is not None and not self._once_more

    def end(self) -> None:
        """Let the next look be due: the last one failed, or left something open."""
        self._looked = None
