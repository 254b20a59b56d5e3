"""Runs on this machine whose process is gone before they began, or while they were cancelled; Dagster watches the rest.

One that never began goes back into Dagster's queue, as often as it takes, and one that was to be cancelled is.
Dagster's own monitoring looks after runs that have begun: it asks the launcher whether their process lives, and goes on
with them.
"""

import logging
import time
from collections.abc import Callable
from threading import Event

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from demand_assets.dagster_instance.at_rest.event_files import events_of
from demand_assets.dagster_instance.runs.ended_or_put_back import end_run, put_back
from demand_assets.dagster_instance.runs.local_launcher import RunProcessLauncher, end_rest_of
from demand_assets.forecasting.store.written_since import Rest, written
from demand_assets.settings import Settings

log = logging.getLogger(__name__)

LOOK_SECONDS = 3.0
SELDOM_SECONDS = 30.0
"""While no run goes on and no event of one is seen in Dagster's home, it is looked so seldom."""
LOST_SECONDS = 10.0
"""For so long a run's lock must be free: between Dagster's word that a run starts and its start there is a moment."""
GOING_ON = (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)


class LostRuns:
    """The runs of an instance without a process, and since when each looks so."""

    def __init__(self, instance: dg.DagsterInstance, launcher: RunProcessLauncher,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._instance, self._launcher, self._clock = instance, launcher, clock
        self._since: dict[str, float] = {}
        self.are_going_on = True
        """Whether the last look saw runs that are not over."""

    def settle(self, lost_seconds: float = LOST_SECONDS) -> list[str]:
        """Look once; the ids of runs that had no process for so long, also of those that Dagster goes on with."""
        now, lost = self._clock(), []
        records = self._instance.get_run_records(dg.RunsFilter(statuses=list(GOING_ON)))
        self.are_going_on = bool(records)
        free = {run.run_id: run for run in (record.dagster_run for record in records)
                if self._launcher.locks.is_free(run.run_id)}
        self._since = {run_id: self._since.get(run_id, now) for run_id in free}
        for run_id, since in self._since.items():
            if now - since >= lost_seconds and self._close(run_id, free[run_id].status):
                lost.append(run_id)
        return lost

    def _close(self, run_id: str, status: dg.DagsterRunStatus) -> bool:
        with self._launcher.locks.held(run_id, 0.0) as lock:  # so that nobody starts it meanwhile
            run = self._instance.get_run_by_id(run_id) if lock is not None else None
            if run is None or run.status is not status:
                return False
            if status is dg.DagsterRunStatus.STARTED:
                return True
            end_rest_of(run_id)
            if status is dg.DagsterRunStatus.CANCELING:
                return end_run(self._instance, run, "Its process is gone, and it was to be cancelled.")
            return put_back(self._instance, run, "Its process was gone before the run began; it is started again.")


def settle_lost(instance: dg.DagsterInstance) -> list[str] | None:
    """The ids of runs that have no process at this moment; None where runs are no processes of ours.

    Only to be called while nobody starts runs.
    """
    launcher = instance.run_launcher
    return LostRuns(instance, launcher).settle(0.0) if isinstance(launcher, RunProcessLauncher) else None


def watch(stop: Event) -> None:
    """Look every few seconds until told to stop."""
    while not stop.is_set():
        try:
            with dg.DagsterInstance.get() as instance:
                _look(instance, stop)
        except (SQLAlchemyError, OSError) as error:
            log.warning("whether runs have lost their process cannot be looked up now: %s", error)
            stop.wait(LOOK_SECONDS)


def _look(instance: dg.DagsterInstance, stop: Event) -> None:
    launcher = instance.run_launcher
    if not isinstance(launcher, RunProcessLauncher):
        stop.set()
        return
    lost = LostRuns(instance, launcher)
    in_files = not Settings().dagster_database_url
    rest = Rest(written(events_of(launcher.locks.folder.parent)) if in_files else object, SELDOM_SECONDS)
    while not stop.wait(LOOK_SECONDS):
        if rest.is_over() or lost.are_going_on:
            lost.settle()
