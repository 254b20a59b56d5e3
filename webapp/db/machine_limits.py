"""What the machine says when something of it is used up or locked: room on the disk, files, the right to write."""

import errno
from dataclasses import dataclass
from sqlite3 import DatabaseError

from sqlalchemy.exc import DBAPIError

from demand_assets.forecasting.store.object_store import ObjectStoreDownError
from webapp.language.translations import lazy_gettext as _l

SAFE = _l("What was stored before is safe")
FULL, READ_ONLY, FILES, MEMORY, DAMAGED, STORE = (
    "the disk is full", "nothing can be written", "too many files are open", "the machine has too little memory",
    "the app's database is damaged", "the demand store does not answer")


@dataclass(frozen=True)
class Scarcity:
    """What is used up, for a page and for a log."""

    why: str
    status: int
    message: str
    retry_after: int | None
    """Seconds; None where only somebody's doing helps."""


_FULL = Scarcity(FULL, 507, _l("The disk that the app writes to is full, so nothing was saved. %(safe)s, and forecasts "
                               "go on. Free some space there, then send it again.",
                               safe=SAFE), 60)
_READ_ONLY = Scarcity(READ_ONLY, 503, _l("The folder or database that the app writes to is read-only, so nothing was "
                                         "saved. %(safe)s, and forecasts go on. Ask an engineer to make it writable, "
                                         "then send it again.", safe=SAFE), None)
_FILES = Scarcity(FILES, 503, _l("The app has too many files and connections open. Nothing was saved; send it again in "
                                 "a moment."), 5)
_MEMORY = Scarcity(MEMORY, 503, _l("The machine has too little memory for this now. Nothing was saved; send it again "
                                   "in a moment."), 10)
_DAMAGED = Scarcity(DAMAGED, 503, _l("The app's database is damaged. Nothing was saved. Ask an engineer to restore the "
                                     "newest backup; forecasts are then computed again from the demand store."), None)
_STORE = Scarcity(STORE, 503, _l("The demand store does not answer. %(safe)s. This works again as soon as it "
                                 "does.", safe=SAFE), 10)

_BY_ERRNO = {
    errno.ENOSPC: _FULL, errno.EDQUOT: _FULL, errno.EFBIG: _FULL, errno.EROFS: _READ_ONLY, errno.EACCES: _READ_ONLY,
    errno.EPERM: _READ_ONLY, errno.EMFILE: _FILES, errno.ENFILE: _FILES, errno.ENOMEM: _MEMORY,
}
_BY_SQLITE = {"SQLITE_FULL": _FULL, "SQLITE_READONLY": _READ_ONLY, "SQLITE_PERM": _READ_ONLY, "SQLITE_NOMEM": _MEMORY,
              "SQLITE_CORRUPT": _DAMAGED, "SQLITE_NOTADB": _DAMAGED, "SQLITE_IOERR_WRITE": _FULL,
              "SQLITE_IOERR_SHMSIZE": _FULL, "SQLITE_IOERR_TRUNCATE": _FULL}
_BY_POSTGRESQL = {"53100": _FULL, "25006": _READ_ONLY, "53200": _MEMORY, "53300": _FILES, "XX001": _DAMAGED,
                  "XX002": _DAMAGED}


def scarcity_of(error: BaseException) -> Scarcity | None:
    """What is used up, damaged or locked, as the error of a file or a database tells it; None where it is another."""
    if isinstance(error, DBAPIError):
        return _of_database(error.orig)
    if isinstance(error, ObjectStoreDownError):
        return _STORE
    if isinstance(error, OSError):
        return _BY_ERRNO.get(error.errno or 0)
    return _MEMORY if isinstance(error, MemoryError) else None


def _of_database(error: object) -> Scarcity | None:
    if isinstance(error, MemoryError):
        return _MEMORY
    if isinstance(error, DatabaseError):
        name = getattr(error, "sqlite_errorname", "")
        return _BY_SQLITE.get(name) or next((found for start, found in _BY_SQLITE.items()
                                             if name.startswith(f"{start}_")), None)
    return _BY_POSTGRESQL.get(getattr(error, "pgcode", None) or "")
