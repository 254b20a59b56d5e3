"""What a database says when two transactions come between each other, and when it is not there at all."""

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError

SERIALIZATION_FAILURE, DEADLOCK, LOCK_NOT_AVAILABLE = "40001", "40P01", "55P03"
SQLITE_LOCKED = ("database is locked", "database table is locked")


def is_conflict(error: DBAPIError) -> bool:
    """Whether another transaction stood in the way: the same once more may well succeed."""
    if getattr(error.orig, "pgcode", None) in (SERIALIZATION_FAILURE, DEADLOCK, LOCK_NOT_AVAILABLE):
        return True
    return isinstance(error, OperationalError) and str(error.orig) in SQLITE_LOCKED


def is_out_of_reach(error: DBAPIError) -> bool:
    """Whether the database does not answer, or the connection to it was lost."""
    return error.connection_invalidated or (
        isinstance(error, OperationalError | InterfaceError) and not is_conflict(error))


def is_passing(error: DBAPIError) -> bool:
    """Whether the whole transaction is worth one more attempt at once: another came in between, or first with a key.

    Not where a lock was waited for in vain: whoever holds it may well go on.
    """
    return isinstance(error, IntegrityError) or getattr(error.orig, "pgcode", None) in (SERIALIZATION_FAILURE, DEADLOCK)
