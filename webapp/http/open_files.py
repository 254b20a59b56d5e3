"""How many connections a worker may take, by the files that it may have open: beyond that, accepting one ends it."""

import logging
import resource

log = logging.getLogger(__name__)

OF_A_WORKER = 32
"""Files that a worker has open whatever it does: its log, the listener, pipes, libraries."""
OF_A_THREAD = 6
"""And for each request at work: the database's three, a file of the demand store or a model, a connection or two."""
MOST_CONNECTIONS = 400
"""Of one worker: slow clients that are waited for, which hold no thread, and answers on their way."""
WANTED = 1024


class TooFewFilesError(RuntimeError):
    """A worker may open too few files to answer anybody."""


def raise_limit() -> int:
    """How many files this process may have open: as many as are wanted, where the system lets us have them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < WANTED:
        most = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
        if most > soft:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    return WANTED if soft == resource.RLIM_INFINITY else soft


def needed(threads: int, connections: int = MOST_CONNECTIONS) -> int:
    """Files that a worker must be able to open for so many threads and connections."""
    return OF_A_WORKER + threads * OF_A_THREAD + connections


def connections_within(limit: int, threads: int) -> int:
    """How many connections a worker may take at a time; a warning where that is fewer than it would.

    Args:
        limit: files that it may have open.
    Raises: TooFewFilesError: not even one for each thread.
    """
    connections = min(limit - needed(threads, 0), MOST_CONNECTIONS)
    if connections < threads:
        raise TooFewFilesError(
            f"a worker of the web app may open {limit} files and needs {needed(threads, threads)} at the least, "
            f"{needed(threads)} to serve many people; raise the limit (`ulimit -n {WANTED}`, LimitNOFILE= in systemd, "
            "ulimits in Compose) and start again")
    if connections < MOST_CONNECTIONS:
        log.warning("a worker of the web app may open %s files, so it takes %s connections at a time; others wait. It "
                    "needs %s for %s (`ulimit -n`)", limit, connections, needed(threads), MOST_CONNECTIONS)
    return connections
