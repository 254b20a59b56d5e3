"""``python -m demand_assets.dagster_instance.runs.run_process RUN LOCK``: the process of one run.

``RunProcessLauncher`` starts it and hands it the run's lock, an open file, which it has until it ends. With
``--resume`` it goes on with a run whose earlier process is gone.
"""

import argparse
import logging
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from time import sleep

import dagster as dg
from dagster._utils.interrupts import capture_interrupts

from demand_assets.dagster_instance.runs.interruption import carry_out, interrupt_when_told
from demand_assets.forecasting.store.waiting_for_room import tried_until_there_is_room
from demand_assets.forecasting.telemetry import log_lines

log = logging.getLogger("demand_assets.dagster_instance.runs.run_process")

LEAST_FREE = 1024 * 1024
"""Bytes of the disk: with less, Dagster's databases cannot be opened."""
LOOK_AGAIN_SECONDS = 2.0


def main() -> int:
    """Carry the run out; the exit status: 0 however the run ends, since Dagster knows that by itself."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run")
    parser.add_argument("lock", type=int, help="the file descriptor of the run's lock")
    parser.add_argument("--resume", action="store_true")
    asked = parser.parse_args()
    _end_at_once_when_told()
    os.set_inheritable(asked.lock, False)  # what this process starts has the run no longer than it
    log_lines.set_up(logging.INFO)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # Dagster opens its databases several times
    wait_for_room(lambda: shutil.disk_usage(Path(os.environ["DAGSTER_HOME"])).free)
    return tried_until_there_is_room(lambda: _carried_out(asked.run, asked.resume))


def _carried_out(run_id: str, resume: bool) -> int:
    with capture_interrupts(), dg.DagsterInstance.get() as instance:
        run = instance.get_run_by_id(run_id)
        expected = dg.DagsterRunStatus.STARTED if resume else dg.DagsterRunStatus.STARTING
        if run is None or run.status is not expected:
            log.info("run %s is %s and not %s: nothing to do", run_id, run and run.status.value, expected.value)
            return 0
        ended = Event()
        watch = Thread(target=interrupt_when_told, args=(lambda there: there.get_run_by_id(run_id), ended),
                       name="interrupt-when-told", daemon=True)
        watch.start()
        try:
            carry_out(instance, run_id, resume=resume)
        finally:
            ended.set()
            watch.join()
    return 0


def wait_for_room(free: Callable[[], int], pause_seconds: float = LOOK_AGAIN_SECONDS) -> int:
    """How often the disk was found to be full: the process waits, for each one that dies of it counts as an attempt,
    and after a few the run is given up.

    Args:
        free: bytes that are left on the disk of Dagster's home.
    """
    times = 0
    while free() < LEAST_FREE:
        if not times:
            log.warning("the disk is full: the run waits for room")
        times += 1
        sleep(pause_seconds)
    return times


def _end_at_once_when_told() -> None:
    """Let SIGTERM, as when the product or the machine stops, end this process without a word.

    Dagster takes it for an interruption and would report the run failed; so its next process goes on with it. Python
    tells a thread of each signal before Dagster's handler is called. Were the signal blocked in place of that, so it
    would be in the processes that a run starts, and Dagster's own reader of what a step prints would not end.
    """
    told, tells = socket.socketpair()
    tells.setblocking(False)
    signal.set_wakeup_fd(tells.detach(), warn_on_full_buffer=False)

    def read_and_end() -> None:
        while signal.SIGTERM not in told.recv(64):
            pass
        os.kill(os.getpid(), signal.SIGKILL)

    Thread(target=read_and_end, name="end-when-told", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
