"""What work does when something of the machine is used up, room on the disk above all: it waits, and is tried again.

Such an error says nothing about the work itself, so it is no failure of it, and no attempt.
"""

import errno
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import sleep
from typing import TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")

DISK, FILES, MEMORY = "the disk is full", "too many files are open", "there is too little memory"
PAUSE_SECONDS = 2.0
"""Before the next try; each pause is twice as long as the one before."""
LONGEST_PAUSE_SECONDS = 60.0
TRIES = 8
"""Of what needs anything but room on the disk, some four minutes: then it is likely the work itself that uses up files
or memory. Room on the disk is waited for as long as it takes."""

_BY_ERRNO = {errno.ENOSPC: DISK, errno.EDQUOT: DISK, errno.EMFILE: FILES, errno.ENFILE: FILES, errno.ENOMEM: MEMORY}
_BY_SQLITE = {"SQLITE_FULL": DISK, "SQLITE_IOERR_WRITE": DISK, "SQLITE_IOERR_SHMSIZE": DISK,
              "SQLITE_IOERR_TRUNCATE": DISK, "SQLITE_IOERR_FSYNC": DISK, "SQLITE_NOMEM": MEMORY}
_BY_POSTGRESQL = {"53100": DISK, "53200": MEMORY, "53300": FILES}
_BY_WORDS = ((re.compile(r"No space left on device|Disk quota exceeded|database or disk is full"), DISK),
             (re.compile(r"Too many open files"), FILES),
             (re.compile(r"Cannot allocate memory|can't start new thread"), MEMORY))
"""Where an error came from another process, its text is all that is left of its causes."""


def exhausted(error: BaseException) -> str:
    """What of the machine is used up, as an error or one of its causes tells it; empty where it is another error."""
    return next(filter(None, map(_told_by, causes_of(error))), "")


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, nearest first."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield at
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)


@dataclass
class Patience:
    """Waits for what is used up, each time twice as long.

    Args:
        pause: seconds -> nothing, a moment later.
        missing: error -> what is to be waited for, in words; empty where it is another error.
    """

    pause: Callable[[float], object] = sleep
    missing: Callable[[BaseException], str] = exhausted
    times: int = field(default=0, init=False)
    """How often it waited."""

    def waits_for(self, error: BaseException) -> bool:
        """Whether the work is to be tried again, a moment later: something of the machine was used up, or what else
        ``missing`` tells of."""
        what = self.missing(error)
        if not what or (what != DISK and self.times >= TRIES):
            return False
        if not self.times:
            log.warning("%s: the work waits, and goes on by itself (%s)", what, error)
        self.wait()
        return True

    def wait(self) -> None:
        """Wait a moment; the next time longer."""
        self.pause(min(PAUSE_SECONDS * 2 ** min(self.times, 10), LONGEST_PAUSE_SECONDS))
        self.times += 1


def tried_until_there_is_room(work: Callable[[], T], patience: Patience | None = None) -> T:
    """What the work comes to, begun anew after each try that something of the machine was missing for.

    Raises: what the work raises otherwise.
    """
    patience = patience or Patience()
    while True:
        try:
            return work()
        except Exception as error:
            if not patience.waits_for(error):
                raise


def _told_by(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return MEMORY
    if isinstance(error, OSError) and error.errno in _BY_ERRNO:
        return _BY_ERRNO[error.errno]
    for name, told in (("sqlite_errorname", _BY_SQLITE), ("pgcode", _BY_POSTGRESQL)):
        if what := told.get(getattr(error, name, None) or ""):
            return what
    said = str(error)
    return next((what for pattern, what in _BY_WORDS if pattern.search(said)), "")
