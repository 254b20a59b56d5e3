"""How a run's process is asked for at the starter, a server that has imported what runs need and forks their processes.

It listens on a socket in a private folder, whose name is in the environment of what ``make run`` starts
(``deploy.supervision.run_starter``). An order is the run, the environment of its process and two open files: the run's
lock and what the process prints to. A part of an order is none.
"""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

STARTER_VARIABLE = "DEMAND_RUN_STARTER"
"""In the environment: the socket that the starter listens on; not there where each run is a new Python."""
ANSWER_SECONDS = 20.0
"""So long an answer is waited for: on a busy machine a fork takes a while."""
STARTED = b"started"
_LONGEST_LINE = 20


@dataclass(frozen=True)
class Order:
    """What the starter is asked for."""

    run_id: str
    resume: bool
    """Whether the run is gone on with."""
    environment: Mapping[str, str]
    """All of it, as the process will have it."""


class UnknownStartError(RuntimeError):
    """The starter may have started the process or not."""


def ordered(address: Path, order: Order, lock: int, output: int) -> str:
    """Why the starter did not start the process; empty when it did.

    Args:
        lock: file descriptor of the run's lock, which the process has from then on.
        output: file descriptor of what the process prints to.

    Raises: UnknownStartError: it took the order and gave no answer.
    """
    with socket.socket(socket.AF_UNIX) as connection, _short(address) as name:
        connection.settimeout(ANSWER_SECONDS)
        try:
            connection.connect(name)
        except OSError as error:
            return f"it does not answer: {error}"
        try:
            content = json.dumps(asdict(order)).encode()
            socket.send_fds(connection, [f"{len(content):<{_LONGEST_LINE}}".encode()], [lock, output])
            connection.sendall(content)
            answer = connection.makefile("rb").read()
        except OSError as error:
            raise UnknownStartError(f"the starter of runs broke off: {error}") from error
    if not answer:
        raise UnknownStartError("the starter of runs ended before it answered")
    return "" if answer == STARTED else answer.decode()


def taken(connection: socket.socket) -> tuple[Order, int, int] | None:
    """An order, and the descriptors of lock and output, which are the caller's to close; None for a part of one."""
    first, files, _, _ = socket.recv_fds(connection, _LONGEST_LINE, 2)
    try:
        if len(files) != 2 or len(first) != _LONGEST_LINE:
            raise ValueError(f"{len(first)} bytes and {len(files)} files")
        content = connection.makefile("rb").read(max(0, int(first)))
        order = Order(**json.loads(content))
    except (OSError, ValueError, TypeError):
        for file in files:
            os.close(file)
        return None
    lock, output = files
    return order, lock, output


@contextmanager
def listening(address: Path) -> Iterator[socket.socket]:
    """The starter's socket, on which nobody else listens; its file is gone afterwards."""
    with socket.socket(socket.AF_UNIX) as there, _short(address) as name:
        address.unlink(missing_ok=True)
        there.bind(name)
        try:
            there.listen(64)
            yield there
        finally:
            address.unlink(missing_ok=True)


@contextmanager
def _short(address: Path) -> Iterator[str]:
    """A name of the socket that is short enough for the system, whatever its folder is called."""
    folder = os.open(address.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{address.name}"
    finally:
        os.close(folder)
