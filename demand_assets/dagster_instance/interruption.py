"""Interrupts the process of a run that is to end: a thread beside the run looks every second whether that was said."""

import logging
import os
import signal
from collections.abc import Callable
from threading import Event

import dagster as dg
from sqlalchemy.exc import DBAPIError

log = logging.getLogger("demand_assets.dagster_instance.interruption")

LOOK_SECONDS = 1
"""How often is looked whether the run is to end."""
TO_BE_ENDED = (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE)
"""A run in one of these that still goes on: to be cancelled, or reported failed while its worker was cut off."""


def interrupt_when_told(find: Callable[[dg.DagsterInstance], dg.DagsterRun | None], ended: Event,
                        is_another_s: Callable[[dg.DagsterRun], bool] = lambda run: False) -> None:
    """Look until the event is set; interrupt this process once its run is to end, and return.

    Args:
        find: this process's run; None while it is not known yet.
        is_another_s: whether another process works on the run by now. Then this one is killed, and says no more of it.
    """
    with dg.DagsterInstance.get() as instance:
        while not ended.wait(LOOK_SECONDS):
            try:
                run = find(instance)
            except DBAPIError as error:
                log.warning("whether the run is to end cannot be looked up now: %s", error)
                continue
            if run is not None and is_another_s(run):
                log.error("run %s is another worker's by now; this process ends", run.run_id)
                os.kill(os.getpid(), signal.SIGKILL)
            if run is not None and run.status in TO_BE_ENDED:
                os.kill(os.getpid(), signal.SIGINT)  # Dagster interrupts its run
                return
