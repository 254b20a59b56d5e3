"""Runs carried out by warm Celery workers, here or on other machines (docs/decisions/0008-celery-run-launcher.md).

The launcher, in Dagster's daemon, and the workers take their configuration from ``launcher_config``. Runs wait in a
queue that is named after the version of the code, so a worker that was not restarted since a deploy gets none. Workers
say every few seconds that they live; a run whose worker fell silent is reported failed, and Dagster starts it again.
Dagster's own monitoring looks after runs that have begun, the sensor ``lost_starts`` after those that have not.
"""

import json
import time
from typing import Any

import dagster as dg
import redis
from celery import Celery
from dagster._cli.api import _execute_run_command_body  # what Dagster's own task calls
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.execution.run_cancellation_thread import start_run_cancellation_thread
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import unpack_value
from dagster_celery.config import TASK_EXECUTE_JOB_NAME
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from demand_assets.dagster_instance.code_version import code_version
from demand_assets.settings import Settings

SILENT_SECONDS = 30
"""A worker that has not been heard of for so long is taken for lost."""
RUNS_PER_PROCESS = 50
"""A worker's processes are replaced by fresh copies after so many runs, against memory that is never given back."""
QUEUE_TAG = "demand/queue"
_HEARTBEAT = "demand.worker:"


def launcher_config(settings: Settings) -> dict[str, Any]:
    """The configuration of the launcher in ``dagster.yaml``, and of the workers."""
    return {
        "broker": settings.celery_broker_url,
        "backend": settings.celery_broker_url,
        "default_queue": f"demand.{settings.described.name}.{code_version()}",
        "config_source": {
            "broker_connection_retry_on_startup": True,
            # A run is taken when there is a free process for it, and is then Dagster's to watch: were it given back to
            # the queue when its worker dies, it would be started twice.
            "worker_disable_prefetch": True,
            "worker_prefetch_multiplier": 1,
            "task_acks_late": False,
            "worker_max_tasks_per_child": RUNS_PER_PROCESS,
            "worker_hijack_root_logger": False,
            "result_expires": 7 * 24 * 3600,
        },
    }


class Heartbeats:
    """The workers that live, in Redis."""

    def __init__(self, broker_url: str) -> None:
        self._redis = redis.Redis.from_url(broker_url, socket_timeout=5, socket_connect_timeout=5,
                                           decode_responses=True)

    def beat(self, worker: str, queue: str) -> None:
        """Say that the worker lives and takes runs from the queue."""
        self._redis.set(f"{_HEARTBEAT}{worker}", queue, ex=SILENT_SECONDS)

    def end(self, worker: str) -> None:
        """Say that the worker takes no more runs and has none."""
        self._redis.delete(f"{_HEARTBEAT}{worker}")

    def can_be_asked(self) -> bool:
        """Whether Redis answers."""
        try:
            return bool(self._redis.ping())
        except redis.RedisError:
            return False

    def alive(self) -> dict[str, str]:
        """Worker -> the queue that it takes runs from."""
        names = [str(name) for name in self._redis.scan_iter(f"{_HEARTBEAT}*")]
        queues = self._redis.mget(names) if names else []
        return {name.removeprefix(_HEARTBEAT): str(queue) for name, queue in zip(names, queues, strict=True) if queue}

    def waiting(self, queue: str) -> set[str]:
        """The Celery tasks that no worker has taken yet; Dagster's own queue keeps them few."""
        lists = list(self._redis.scan_iter(f"{queue}*", _type="list"))  # one for each priority
        return {str(json.loads(message)["headers"]["id"])
                for name in lists for message in self._redis.lrange(name, 0, -1)}


class WarmWorkerLauncher(CeleryRunLauncher):
    """Dagster's Celery launcher, which besides notices lost workers and workers of another version, and cancels."""

    def launch_run(self, context: LaunchRunContext) -> None:
        """Put the run in the queue; say in its log when no worker takes runs from there.

        Raises: DagsterUserCodeUnreachableError: Redis is down; after this error Dagster tries again.
        """
        run = context.dagster_run
        if not self.heartbeats.can_be_asked():
            raise DagsterUserCodeUnreachableError("Redis (CELERY_BROKER_URL) does not answer")
        self._instance.add_run_tags(run.run_id, {QUEUE_TAG: self.default_queue})
        super().launch_run(context)
        if problem := self.problem():
            self._instance.report_engine_event(problem, run, cls=type(self))

    def terminate(self, run_id: str) -> bool:
        """Ask for the run's end; its worker looks every few seconds whether that was asked for."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the process that carries out the run lives; Dagster asks only of runs that have started."""
        result = self.celery.AsyncResult(run.tags[DAGSTER_CELERY_TASK_ID_TAG])
        state, info = result.state, result.info
        if state == "STARTED":
            worker = info["hostname"]
            if worker in self.heartbeats.alive():
                return CheckRunHealthResult(WorkerStatus.RUNNING)
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, f"worker {worker} has not been heard of for "
                                                                f"{SILENT_SECONDS} seconds")
        if state == "SUCCESS":  # a run that has ended is asked of no more
            return CheckRunHealthResult(WorkerStatus.FAILED, "its worker could not record the run's end")
        return CheckRunHealthResult(WorkerStatus.FAILED, f"the worker's process is gone (Celery: {state}, {info})")

    def get_run_worker_debug_info(self, run: dg.DagsterRun, include_container_logs: bool | None = True) -> str | None:
        """What stands in the run's log beside its failure."""
        return self.problem() or f"workers alive: {', '.join(sorted(self.heartbeats.alive()))}"

    def lost_start(self, run: dg.DagsterRun) -> str:
        """Why a run that counts as starting will not start, at this moment; empty when it may.

        Between the queue and a worker's word a message is nowhere for an instant, so one look alone proves nothing.
        """
        task = run.tags.get(DAGSTER_CELERY_TASK_ID_TAG)
        if task is None or task in self.heartbeats.waiting(run.tags.get(QUEUE_TAG, self.default_queue)):
            return ""
        result = self.celery.AsyncResult(task)
        state, info = result.state, result.info
        if state == "STARTED":
            worker = info["hostname"]
            return "" if worker in self.heartbeats.alive() else f"worker {worker}, which took it, fell silent"
        return f"it was taken from the queue, and no worker has it (Celery: {state}, {info})"

    @property
    def heartbeats(self) -> Heartbeats:
        """The workers that live."""
        return Heartbeats(str(self.broker))

    def problem(self) -> str:
        """Why no run would be started now, and what to do; empty when some worker takes runs of this version."""
        alive = self.heartbeats.alive()
        if self.default_queue in alive.values():
            return ""
        others = ", ".join(f"{worker} ({queue})" for worker, queue in sorted(alive.items()))
        return (f"No worker of this version of the code takes runs (queue {self.default_queue}). "
                + (f"These run another version or dataset and must be restarted: {others}." if others
                   else "No worker is alive at all. Start one: make worker."))


@dg.sensor(minimum_interval_seconds=10, default_status=dg.DefaultSensorStatus.RUNNING)
def lost_starts(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Report runs failed that a worker took from the queue and lost before they began; Dagster starts them again.

    Its cursor holds since when, in seconds, each of them has looked lost.
    """
    launcher = context.instance.run_launcher
    if not isinstance(launcher, WarmWorkerLauncher):
        return dg.SensorResult(skip_reason="no worker carries out runs")
    before: dict[str, float] = json.loads(context.cursor or "{}")
    now, lost = time.time(), {}
    for run in context.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING])):
        if not (reason := launcher.lost_start(run)):
            continue
        lost[run.run_id] = before.get(run.run_id, now)
        if now - lost[run.run_id] >= SILENT_SECONDS:
            context.instance.report_run_failed(run, f"The run did not begin for {SILENT_SECONDS} seconds: {reason}.")
    return dg.SensorResult(skip_reason=f"{len(lost)} runs look lost" if lost else "no run is lost",
                           cursor=json.dumps(lost))


def add_task(celery: Celery, home: str) -> None:
    """Let a worker's processes carry out runs.

    Args:
        home: the worker's own DAGSTER_HOME.
    """

    @celery.task(name=TASK_EXECUTE_JOB_NAME, track_started=True)
    def execute_job(execute_job_args_packed: dict[str, Any]) -> int:
        run_id = unpack_value(execute_job_args_packed, as_type=ExecuteRunArgs).run_id
        with dg.DagsterInstance.from_config(home) as instance:
            # Interrupts the run when it is to be cancelled, or was reported failed while its worker was cut off.
            thread, ended = start_run_cancellation_thread(instance, run_id)
            try:
                return _execute_run_command_body(run_id=run_id, instance=instance, write_stream_fn=lambda _event: None,
                                                 set_exit_code_on_failure=True)
            finally:
                ended.set()
                thread.join()
