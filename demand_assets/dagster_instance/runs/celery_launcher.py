"""Runs carried out by warm Celery workers, here or on other machines (docs/decisions/0008-celery-run-launcher.md).

The launcher, in Dagster's daemon, and the workers take their configuration from ``launcher_config``. Workers say every
few seconds that they live, and which tasks they took; a run whose worker fell silent is gone on with by another.
Dagster's own monitoring looks after runs that have begun, the sensor ``lost_starts`` puts the others back into its
queue. What Dagster has no public name for is listed in ``private_parts``; with ``DAGSTER_WORKERS=stock`` this module
is not imported, and dagster-celery's own launcher and worker take its place.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from threading import Event, Thread
from typing import Any

import dagster as dg
import redis
from celery import Celery, signals
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, ResumeRunContext, WorkerStatus
from dagster._grpc.types import ResumeRunArgs
from dagster._serdes import pack_value
from dagster_celery.config import TASK_EXECUTE_JOB_NAME, TASK_RESUME_JOB_NAME
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_RUN_PRIORITY_TAG, DAGSTER_CELERY_TASK_ID_TAG
from dagster_celery.tasks import create_resume_job_task

from demand_assets.dagster_instance.instance import NO_MORE, RESUMES
from demand_assets.dagster_instance.runs.celery_queue import QUEUE_TAG, SILENT_SECONDS, Deliveries, Heartbeats, is_empty
from demand_assets.dagster_instance.runs.ended_or_put_back import put_back
from demand_assets.dagster_instance.runs.interruption import carry_out, interrupt_when_told

log = logging.getLogger(__name__)

SECOND_LOOK_SECONDS = 1.0
"""Between the queue and a worker's word a message is nowhere for an instant; what looks lost is looked at again."""


class WarmWorkerLauncher(CeleryRunLauncher):
    """Dagster's Celery launcher, which besides notices lost workers and workers of another version, and cancels."""

    def launch_run(self, context: LaunchRunContext) -> None:
        """Put the run in the queue; say in its log when no worker takes runs from there.

        Raises: DagsterUserCodeUnreachableError: Redis is down; after this error Dagster tries again.
        """
        self._send(context.dagster_run, lambda: super(WarmWorkerLauncher, self).launch_run(context))

    def resume_run(self, context: ResumeRunContext) -> None:
        """Put a run whose worker is gone in the queue, to be gone on with; no new run after the last one.

        Raises: DagsterUserCodeUnreachableError: Redis is down; Dagster's monitoring tries again.
        """
        run = context.dagster_run
        arguments = ResumeRunArgs(job_origin=run.job_code_origin, run_id=run.run_id,
                                  instance_ref=self._instance.get_ref(), set_exit_code_on_failure=True)
        # Dagster's own method names an argument that the task does not have.
        task = create_resume_job_task(self.celery).si(resume_job_args_packed=pack_value(arguments))
        self._send(run, lambda: self._launch_celery_task_run(run, task, TASK_RESUME_JOB_NAME))
        if (context.resume_attempt_number or 0) >= RESUMES:
            self._instance.add_run_tags(run.run_id, NO_MORE)

    def _send(self, run: dg.DagsterRun, send: Callable[[], None]) -> None:
        if not self.heartbeats.can_be_asked():
            raise DagsterUserCodeUnreachableError("Redis (CELERY_BROKER_URL) does not answer")
        self._instance.add_run_tags(run.run_id, {QUEUE_TAG: self.default_queue})
        send()
        try:
            self._note_sent(run.run_id)
            problem = self.problem()
        except redis.RedisError as error:  # the run is on its way: launched again, it would be carried out twice
            log.warning("Redis does not answer since the run was sent: %s", error)
            return
        if problem:
            self._instance.report_engine_event(problem, run, cls=type(self))

    def _note_sent(self, run_id: str) -> None:
        tags = self._instance.get_run_by_id(run_id).tags
        self.deliveries.sent(self.default_queue, _priority(tags), tags[DAGSTER_CELERY_TASK_ID_TAG])

    def terminate(self, run_id: str) -> bool:
        """Ask for the run's end; its worker looks every second whether that was asked for."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the process that carries out the run lives; Dagster asks only of runs that have started."""
        state, info = self._told(run.tags[DAGSTER_CELERY_TASK_ID_TAG])
        if state == "STARTED":
            worker = info["hostname"]
            if worker in self.heartbeats.alive():
                return CheckRunHealthResult(WorkerStatus.RUNNING)
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, f"worker {worker} has not been heard of for "
                                                                f"{SILENT_SECONDS} seconds")
        if state == "PENDING":  # it is to be gone on with, by a worker that is free for it
            why = self._why_lost(run)
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND if why else WorkerStatus.RUNNING, why or None)
        if state == "SUCCESS":  # a run that has ended is asked of no more
            return CheckRunHealthResult(WorkerStatus.FAILED, "its worker could not record the run's end")
        return CheckRunHealthResult(WorkerStatus.FAILED, f"the worker's process is gone (Celery: {state}, {info})")

    def _told(self, task: str) -> tuple[str, Any]:
        """State of a task and what is said of it, read at once: between two looks the one would become another's."""
        told = self.celery.backend.get_task_meta(task)
        return told["status"], told["result"]

    def _why_lost(self, run: dg.DagsterRun) -> str:
        """Why nobody will go on with a run that waits for that; empty when somebody may."""
        queue = run.tags.get(QUEUE_TAG, self.default_queue)
        if queue != self.default_queue:
            return f"it waits for a worker of an earlier version of the code (queue {queue})"
        if not self.lost_start(run):
            return ""
        time.sleep(SECOND_LOOK_SECONDS)
        return self.lost_start(run)

    def get_run_worker_debug_info(self, run: dg.DagsterRun, include_container_logs: bool | None = True) -> str | None:
        """What stands in the run's log beside its failure."""
        return self.problem() or f"workers alive: {', '.join(sorted(self.heartbeats.alive()))}"

    def lost_start(self, run: dg.DagsterRun) -> str:
        """Why a run that counts as starting will not start, at this moment; empty when it may.

        Between the queue and a worker's word a message is nowhere for an instant, so one look alone proves nothing.
        """
        task = run.tags.get(DAGSTER_CELERY_TASK_ID_TAG)
        if task is None:
            return ""
        state, info = self._told(task)
        if state == "STARTED":
            worker = info["hostname"]
            return "" if worker in self.heartbeats.alive() else f"worker {worker}, which took it, fell silent"
        if state == "PENDING" and not self.deliveries.taken_by(task):
            queue = run.tags.get(QUEUE_TAG, self.default_queue)
            if not is_empty(self.celery, queue) and not self.deliveries.is_overtaken(queue, _priority(run.tags), task):
                return ""
        return f"it was taken from the queue, and no worker has it (Celery: {state}, {info})"

    @property
    def heartbeats(self) -> Heartbeats:
        """The workers that live."""
        return Heartbeats(str(self.broker))

    @property
    def deliveries(self) -> Deliveries:
        """What was sent and taken."""
        return Deliveries(str(self.broker))

    def problem(self) -> str:
        """Why no run would be started now, and what to do; empty when some worker takes runs of this version."""
        alive = self.heartbeats.alive()
        if self.default_queue in alive.values():
            return ""
        others = ", ".join(f"{worker} ({queue})" for worker, queue in sorted(alive.items()))
        return (f"No worker of this version of the code takes runs (queue {self.default_queue}). "
                + (f"These run another version or dataset and must be restarted: {others}." if others
                   else "No worker is alive at all. Start one: make worker."))


def _priority(tags: Mapping[str, str]) -> str:
    return tags.get(DAGSTER_CELERY_RUN_PRIORITY_TAG, "0")


@dg.sensor(minimum_interval_seconds=10, default_status=dg.DefaultSensorStatus.RUNNING,
           description="Puts runs back into the queue that a worker took and lost before they began.")
def lost_starts(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Put runs back into Dagster's queue that a worker took and lost before they began.

    Its cursor holds since when, in seconds, each of them has looked lost.
    """
    launcher = context.instance.run_launcher
    if not isinstance(launcher, WarmWorkerLauncher):
        return dg.SensorResult(skip_reason="no worker carries out runs")
    before: dict[str, float] = json.loads(context.cursor or "{}")
    now, lost = time.time(), {}
    starting = context.instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING]))
    for run in (record.dagster_run for record in starting):
        if not (reason := launcher.lost_start(run)):
            continue
        lost[run.run_id] = min(before.get(run.run_id, now), now)  # later than now: the clock was put back
        if now - lost[run.run_id] >= SILENT_SECONDS:
            put_back(context.instance, run, f"The run did not begin for {SILENT_SECONDS} seconds: {reason}.")
    return dg.SensorResult(skip_reason=f"{len(lost)} runs look lost" if lost else "no run is lost",
                           cursor=json.dumps(lost))


def add_task(celery: Celery) -> None:
    """Let a worker's processes carry out runs of the instance that DAGSTER_HOME names, and interrupt them when told.

    Under the names of Dagster's own tasks, which do not look whether the run is to be cancelled.
    """
    celery.task(_begin, name=TASK_EXECUTE_JOB_NAME, track_started=True)
    celery.task(_go_on, name=TASK_RESUME_JOB_NAME, track_started=True)
    watch = CancellationWatch()
    signals.task_prerun.connect(watch.begin, weak=False)
    signals.task_postrun.connect(watch.end, weak=False)


def _begin(**packed: Mapping[str, Any]) -> int:
    with dg.DagsterInstance.get() as instance:
        return carry_out(instance, _run_named(packed), resume=False)


def _go_on(**packed: Mapping[str, Any]) -> int:
    with dg.DagsterInstance.get() as instance:
        return carry_out(instance, _run_named(packed), resume=True)


def _run_named(packed: Mapping[str, Any]) -> str:
    """The run that a task's arguments name, as Dagster writes them; empty where they name none."""
    told: Mapping[str, Any] = next((value for value in packed.values() if isinstance(value, dict)), {})
    return str(told.get("run_id") or told.get("pipeline_run_id") or "")


class CancellationWatch:
    """A thread beside the one run that a worker's process carries out at a time, which interrupts it when told."""

    def __init__(self) -> None:
        self._ended, self._thread = Event(), Thread()

    def begin(self, task_id: str, kwargs: Mapping[str, Any] | None = None, **_: object) -> None:
        """Look from now on whether the task's run is to end, or is another worker's."""
        self._ended = Event()
        run_id = _run_named(kwargs or {})
        unnamed_until = time.monotonic() + SILENT_SECONDS

        def find(instance: dg.DagsterInstance) -> dg.DagsterRun | None:
            nonlocal run_id
            run_id = run_id or _run_of(instance, task_id)
            return instance.get_run_by_id(run_id) if run_id else None

        def is_another_s(run: dg.DagsterRun) -> bool:
            """This worker was taken for lost. The launcher names a task on its run a moment after it sent it."""
            nonlocal unnamed_until
            if run.tags.get(DAGSTER_CELERY_TASK_ID_TAG, task_id) == task_id:
                unnamed_until = 0.0
                return False
            return time.monotonic() >= unnamed_until

        self._thread = Thread(target=interrupt_when_told, args=(find, self._ended, is_another_s),
                              name="interrupt-when-told", daemon=True)
        self._thread.start()

    def end(self, **_: object) -> None:
        """The task is over."""
        self._ended.set()
        self._thread.join()


def _run_of(instance: dg.DagsterInstance, task_id: str) -> str:
    """The run that the task carries out; empty while the launcher has not noted it yet."""
    records = instance.get_run_records(dg.RunsFilter(tags={DAGSTER_CELERY_TASK_ID_TAG: task_id}), limit=1)
    return str(records[0].dagster_run.run_id) if records else ""
