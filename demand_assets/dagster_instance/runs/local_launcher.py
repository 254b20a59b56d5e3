"""Runs carried out by processes of this machine, which Dagster's daemon starts (docs/decisions/0023-run-processes.md).

Dagster's own launcher asks the code server to start them: a run cannot start while that is away, and where its answer
is late nobody knows whether a process was started. Here a run's process has the run's lock (``run_lock``) for as long
as it lives, so that who looks knows. What Dagster has no public name for is listed in ``private_parts``; with
``DAGSTER_WORKERS=stock`` this module is not imported, and Dagster's own launcher takes its place.
"""

import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, ResumeRunContext, RunLauncher, WorkerStatus
from dagster._serdes import ConfigurableClass, ConfigurableClassData

from demand_assets.dagster_instance.instance import NO_MORE, RESUMES
from demand_assets.dagster_instance.runs.run_lock import RUN_VARIABLE, RunLocks
from demand_assets.dagster_instance.runs.starter import STARTER_VARIABLE, Order, UnknownStartError, ordered

log = logging.getLogger(__name__)


class RunProcessLauncher(RunLauncher, ConfigurableClass):
    """Starts a process for each run, and knows whether it lives.

    Args:
        folder: of the runs' locks, in Dagster's home.
    """

    def __init__(self, folder: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        self._folder = folder
        self._started: list[subprocess.Popen[bytes]] = []
        self.locks = RunLocks(Path(folder))
        super().__init__()

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """The settings that it was made of."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """What ``dagster.yaml`` may say."""
        return {"folder": dg.StringSource}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None,
                          config_value: Mapping[str, Any]) -> "RunProcessLauncher":
        """The launcher that an instance's settings describe."""
        return cls(inst_data=inst_data, **config_value)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Start the run's process, unless it has one.

        Raises: DagsterUserCodeUnreachableError: the machine has no room for a process; after this error Dagster tries
            again.
        """
        self._start(context.dagster_run.run_id, dg.DagsterRunStatus.STARTING)

    @property
    def supports_resume_run(self) -> bool:
        """Whether a run can be gone on with, by another process."""
        return True

    def resume_run(self, context: ResumeRunContext) -> None:
        """Start another process for a run whose process is gone; no new run after the last one."""
        run_id = context.dagster_run.run_id
        if (context.resume_attempt_number or 0) >= RESUMES:
            self._instance.add_run_tags(run_id, NO_MORE)
        self._start(run_id, dg.DagsterRunStatus.STARTED)

    def terminate(self, run_id: str) -> bool:
        """Ask for the run's end; its process looks every second whether that was asked for."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether Dagster's monitoring may ask."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the run's process lives; Dagster asks of runs that have started."""
        if self.locks.is_free(run.run_id):
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "the run's process is gone")
        return CheckRunHealthResult(WorkerStatus.RUNNING)

    def get_run_worker_debug_info(self, run: dg.DagsterRun, include_container_logs: bool | None = True) -> str | None:
        """What stands in the run's log beside its failure."""
        return f"What its process printed: {self.locks.printed(run.run_id)}"

    def _start(self, run_id: str, status: dg.DagsterRunStatus) -> None:
        self._started = [process for process in self._started if process.poll() is None]
        self.locks.folder.mkdir(parents=True, exist_ok=True)
        self.locks.forget_old()
        with self.locks.held(run_id) as lock:
            if lock is None:  # it has a process already
                return
            run = self._instance.get_run_by_id(run_id)
            if run is None or run.status is not status:  # meanwhile it went back into the queue, or was ended
                return
            end_rest_of(run_id)
            try:
                self._start_process(run_id, lock, resume=status is dg.DagsterRunStatus.STARTED)
            except (OSError, UnknownStartError) as error:
                raise DagsterUserCodeUnreachableError(f"no process could be started for the run: {error}") from error

    def _start_process(self, run_id: str, lock: int, *, resume: bool) -> None:
        """Start it by the starter of runs, or where there is none as a new Python.

        In a session of its own: it goes on when Dagster's daemon or code server is stopped. To a file of its own: the
        daemon's output may end before the run does.
        """
        surroundings = os.environ | {"DAGSTER_HOME": str(self.locks.folder.parent), RUN_VARIABLE: run_id}
        with self.locks.printed(run_id).open("ab") as output:
            if address := os.environ.get(STARTER_VARIABLE):
                problem = ordered(Path(address), Order(run_id, resume, surroundings), lock, output.fileno())
                if not problem:
                    return
                log.warning("run %s gets a new Python, not a fork of the starter's: %s", run_id, problem)
            arguments = [run_id, str(lock), *(["--resume"] if resume else [])]
            self._started.append(subprocess.Popen(
                [sys.executable, "-m", "demand_assets.dagster_instance.runs.run_process", *arguments], env=surroundings,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, pass_fds=(lock,),
                start_new_session=True))


def end_rest_of(run_id: str) -> None:
    """End what a run's dead process left at work: the processes that it had started."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(RUN_VARIABLE) == run_id and process.pid != os.getpid():
                process.kill()
                process.wait(timeout=10)
