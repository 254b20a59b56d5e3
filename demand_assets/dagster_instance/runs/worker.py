"""``python -m demand_assets.dagster_instance.runs.worker``: carries out Dagster's runs until told to stop.

Needs no port and shares nothing with the machine that launches runs but PostgreSQL, Redis and the object store.
SIGTERM: it finishes the runs that it has and takes no new ones. ``make worker`` starts it in the foreground. With
``DAGSTER_WORKERS=stock`` it becomes dagster-celery's own worker, of which nobody notices that it fell silent.
"""

import ctypes
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from importlib import import_module
from threading import Event, Thread
from typing import Any, NoReturn

import redis
from celery import signals
from pydantic import ValidationError

from demand_assets.dagster_instance.instance import prepare_home
from demand_assets.dagster_instance.runs.celery_queue import RUNS_PER_PROCESS, Deliveries, Heartbeats, launcher_config
from demand_assets.forecasting.dataset.dataset_file import DatasetFileError
from demand_assets.forecasting.telemetry import log_lines
from demand_assets.settings import Settings

log = logging.getLogger("demand_assets.dagster_instance.runs.worker")

BEAT_SECONDS = 5
DRAINING = "draining"
PRELOADED = ("mlflow.xgboost", "xgboost", "demand_assets.definitions")
"""What every run needs: imported before the worker's processes are forked, which then share it."""
_END_WITH_PARENT = 1
"""prctl's PR_SET_PDEATHSIG."""


def main() -> int:
    """Work until told to stop; the exit status."""
    log_lines.set_up(logging.INFO)
    try:
        settings = Settings(RUN_LAUNCHER="celery")
        home = settings.folder / "dagster"
        config = launcher_config(settings)
        prepare_home(home, settings)
    except (DatasetFileError, ValidationError) as error:
        print(error, file=sys.stderr)
        return 1
    os.environ["DAGSTER_HOME"] = str(home)  # where Dagster's own task looks for its instance
    name = f"worker-{os.getpid()}@{socket.gethostname()}"
    if settings.dagster_workers == "stock":
        become_stock_worker(config["broker"], config["default_queue"], name, settings.workers)
    # Imported here: leans on private parts of Dagster, which a stock worker does without.
    from demand_assets.dagster_instance.runs.celery_launcher import WarmWorkerLauncher, add_task

    launcher = WarmWorkerLauncher(**config)
    broker = str(launcher.broker)
    life = Life(Heartbeats(broker), Deliveries(broker), name, launcher.default_queue)
    signals.worker_process_init.connect(_end_with_the_worker)
    add_task(launcher.celery)
    for module in PRELOADED:
        import_module(module)
    log.info("%s takes %s runs at a time from %s", name, settings.workers, launcher.default_queue)
    try:
        launcher.celery.worker_main([
            "worker", "--queues", launcher.default_queue, "--hostname", name, "--concurrency", str(settings.workers),
            "--loglevel", "INFO", "--without-gossip", "--without-mingle"])
    except SystemExit as ended:  # how Celery ends
        return int(ended.code or 0)
    finally:
        life.end()
    return 0


def become_stock_worker(broker: str, queue: str, name: str, runs_at_a_time: int) -> NoReturn:
    """Go on as dagster-celery's own worker, with the options that ours has."""
    # In the environment, not on the command line, which everybody on the machine may read: it may hold a password.
    surroundings = os.environ | {"CELERY_BROKER_URL": broker, "CELERY_RESULT_BACKEND": broker}
    command = [sys.executable, "-m", "celery", "-A", "dagster_celery.app", "worker", "--queues", queue,
               "--hostname", name, "--concurrency", str(runs_at_a_time), "--prefetch-multiplier", "1",
               "--disable-prefetch", "--max-tasks-per-child", str(RUNS_PER_PROCESS), "--include", ",".join(PRELOADED),
               "--loglevel", "INFO", "--without-gossip", "--without-mingle"]
    os.execve(sys.executable, command, surroundings)  # nosec B606  # a fixed command, no shell


class Life:
    """Tells that the worker lives, in a thread: Celery's own heartbeat stops as soon as it finishes its last runs; and
    which runs it takes."""

    def __init__(self, heartbeats: Heartbeats, deliveries: Deliveries, name: str, queue: str) -> None:
        self._heartbeats, self._deliveries, self._name, self._queue = heartbeats, deliveries, name, queue
        self._over = Event()
        self._thread = Thread(target=self._beat, daemon=True)
        signals.worker_ready.connect(self._begin)
        signals.task_received.connect(self._take)
        signals.worker_shutting_down.connect(self._drain)

    def end(self) -> None:
        """Tell that it takes no more runs and has none."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
            self._try(lambda: self._heartbeats.end(self._name))

    def _begin(self, **_: object) -> None:
        self._thread.start()

    def _take(self, request: Any, **_: object) -> None:
        self._try(lambda: self._deliveries.taken(request.id, self._name))

    def _drain(self, **_: object) -> None:
        self._queue = DRAINING

    def _beat(self) -> None:
        while True:
            self._try(lambda: self._heartbeats.beat(self._name, self._queue))
            if self._over.wait(BEAT_SECONDS):
                return

    def _try(self, say: Callable[[], None]) -> None:
        try:
            say()
        except redis.RedisError as error:
            log.warning("Redis does not answer: %s", error)


def _end_with_the_worker(**_: object) -> None:
    """In each process of the worker: end when the worker is killed, since nobody then watches over its run."""
    ctypes.CDLL(None).prctl(_END_WITH_PARENT, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
