"""``python -m deploy.supervision.run_starter``: the server that forks the processes of Dagster's runs.

A run's own Python would spend three to four seconds on imports. This server has done them before; it has no thread, and
does nothing but fork what Dagster's daemon orders (``demand_assets.dagster_instance.runs.starter``). A run goes on when
the server ends. Where it is not sure that a fork does no harm it says so, and the daemon starts a new Python.
docs/decisions/0049-runs-are-forked.md says why and what it costs.
"""

import os
import signal
import socket
import sys
from pathlib import Path

from demand_assets.dagster_instance.runs.run_lock import RUN_VARIABLE
from demand_assets.dagster_instance.runs.starter import STARTED, STARTER_VARIABLE, Order, listening, taken
from deploy.supervision.forked_start import DAGSTER, ForkedStart, Labels, Program

RUN_PROCESS = "demand_assets.dagster_instance.runs.run_process"
NEEDS = {RUN_PROCESS: (*DAGSTER, "xgboost", "demand_assets.defs.expiry", RUN_PROCESS)}
"""What runs need, of what reads no setting when it is imported; a run imports ``demand_assets.definitions`` itself."""
ORDER_SECONDS = 5.0
"""So long an order may take to come in."""


def main() -> int:
    """Serve until the process is ended."""
    labels = Labels.of_this_process()
    if labels is None or RUN_VARIABLE not in labels.names:
        print("this system does not show where the name of a process is: every run is a new Python", flush=True)
        signal.sigwait([signal.SIGTERM])
        return 0
    forked = ForkedStart(labels, NEEDS)
    for problem in forked.prepare(Program(RUN_PROCESS, ())):
        print(problem, flush=True)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a run's process: the system forgets it
    with listening(Path(os.environ[STARTER_VARIABLE])) as there:
        while True:
            connection, _ = there.accept()
            with connection:
                try:
                    _answer(connection, there, forked)
                except OSError as error:
                    print(f"an order broke off: {error}", flush=True)


def _answer(connection: socket.socket, there: socket.socket, forked: ForkedStart) -> None:
    connection.settimeout(ORDER_SECONDS)
    if (found := taken(connection)) is None:
        return
    order, lock, output = found
    try:
        # Asked again: something that was imported since may have started a thread.
        problems = forked.prepare(Program(RUN_PROCESS, ()))
        if not forked.is_sure:
            connection.sendall("; ".join(problems).encode())
        elif os.fork():
            connection.sendall(STARTED)
        else:
            _become(order, lock, output, forked, (connection, there))
    finally:
        os.close(lock)
        os.close(output)


def _become(order: Order, lock: int, output: int, forked: ForkedStart, ours: tuple[socket.socket, ...]) -> None:
    """Go on as the run's process."""
    try:
        os.setsid()  # it goes on when the starter is told to stop
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for one in ours:
            one.close()
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
    except OSError as error:
        print(f"the process of run {order.run_id} could not be made: {error}", flush=True)
        os._exit(1)
    arguments = (order.run_id, str(lock), *(["--resume"] if order.resume else []))
    forked.become(Program(RUN_PROCESS, arguments), order.environment)


if __name__ == "__main__":
    sys.exit(main())
