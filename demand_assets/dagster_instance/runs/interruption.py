"""Carries a run out in this process, and interrupts it when it is to end: a thread beside it looks every second."""

import logging
import os
import signal
from collections.abc import Callable
from threading import Event

import dagster as dg
from dagster._cli.api import _execute_run_command_body, _resume_run_command_body
from sqlalchemy.exc import DBAPIError

from demand_assets.dagster_instance.events.reported_together import let_events_wait
from demand_assets.dagster_instance.runs.ended_or_put_back import end_run
from demand_assets.forecasting.store.waiting_for_room import Patience, causes_of, exhausted

log = logging.getLogger("demand_assets.dagster_instance.runs.interruption")

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


def carry_out(instance: dg.DagsterInstance, run_id: str, *, resume: bool, patience: Patience | None = None) -> int:
    """Dagster's own exit status of a run that it carries out here; 0 for one that was cancelled before that.

    Dagster takes a run that was cancelled while it waited to be gone on with for a broken one, and one that is
    interrupted while its code is loaded stays to be cancelled: both are cancelled here. What the run tells waits for
    room on a full disk, and some minutes for Dagster's database, where the event log is ours. A run whose end cannot be
    told all the same is gone on with here until it can be: left to Dagster's monitoring it would spend one of its few
    attempts each time.

    Args:
        resume: go on with a run whose earlier process is gone.
    """
    patience = patience or Patience()
    let_events_wait(instance)
    while True:
        try:
            if _is_cancelled(instance, run_id):
                return 0
            body = _resume_run_command_body if resume else _execute_run_command_body
            status = int(body(run_id, instance, lambda event: None, True))
            _is_cancelled(instance, run_id)
            run = instance.get_run_by_id(run_id)
        except Exception as error:
            if not _is_out_of_reach(error):
                raise
            log.warning("what the run does cannot be told now: %s", error)
        else:
            if run is None or run.status not in (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED):
                return status
            resume = run.status is dg.DagsterRunStatus.STARTED
            log.warning("run %s is %s although its work is over: its end could not be told", run_id, run.status.value)
        patience.wait()


def _is_out_of_reach(error: Exception) -> bool:
    """Whether Dagster's database could not be written or read, for whatever reason."""
    return bool(exhausted(error)) or any(isinstance(cause, DBAPIError) for cause in causes_of(error))


def _is_cancelled(instance: dg.DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    if run is None or run.status is not dg.DagsterRunStatus.CANCELING:
        return False
    return end_run(instance, run, "It was to be cancelled, and nobody is at work on it.")
