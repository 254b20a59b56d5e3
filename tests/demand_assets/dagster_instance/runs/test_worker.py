"""A real worker carries out real runs: ours, and dagster-celery's own where the settings say so."""

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest
import redis
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from demand_assets.dagster_instance.instance import open_instance, prepare_home
from demand_assets.settings import Settings
from deploy.services import Services
from deploy.settings import PROJECT
from tests.conftest import write_tiny_dataset
from tests.waiting import eventually

PREFIX = "worker_"
JOBS = """\
import time
import dagster as dg

@dg.op
def quick() -> None: ...

@dg.job(executor_def=dg.in_process_executor)
def quick_job() -> None:
    quick()

@dg.op
def slow() -> None:
    time.sleep(120)

@dg.job(executor_def=dg.in_process_executor)
def slow_job() -> None:
    slow()
"""
OVER = (dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE)
Start = Callable[[str], tuple[dg.DagsterInstance, subprocess.Popen[bytes]]]


@pytest.fixture(scope="module")
def workers(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """The worker of a kind: its instance, and the process, which takes runs. All tests share one of each kind, as a
    worker's start takes ten seconds of processor time; each leaves it free."""
    started: dict[str, tuple[dg.DagsterInstance, subprocess.Popen[bytes]]] = {}
    with pytest.MonkeyPatch.context() as patch:
        place = tmp_path_factory.mktemp("workers")
        (place / "jobs_of_a_test.py").write_text(JOBS)
        patch.syspath_prepend(place)
        dataset = write_tiny_dataset(place)

        def start(kind: str) -> tuple[dg.DagsterInstance, subprocess.Popen[bytes]]:
            if kind not in started:
                started[kind] = _start(kind, services, patch, place / kind, dataset)
            return started[kind]

        yield start
        for instance, process in started.values():
            instance.dispose()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(30)


def _start(kind: str, services: Services, patch: pytest.MonkeyPatch, place: Path, dataset: Path,
           ) -> tuple[dg.DagsterInstance, subprocess.Popen[bytes]]:
    place.mkdir()
    services.add_databases(f"{PREFIX}{kind}_")
    for name, value in services.environment(f"{PREFIX}{kind}_").items():
        patch.setenv(name, value)
    for name, value in {"RUN_LAUNCHER": "celery", "WORKERS": "1", "DAGSTER_WORKERS": kind,
                        "DEMAND_DATASET": str(dataset), "DEMAND_STATE": str(place / "state"),
                        "PYTHONPATH": os.pathsep.join([str(PROJECT), str(place.parent),
                                                       os.environ.get("PYTHONPATH", "")])}.items():
        patch.setenv(name, value)
    with redis.Redis.from_url(os.environ["CELERY_BROKER_URL"]) as broker:
        broker.flushdb()
    prepare_home(place / "home", Settings())
    with (place / "output").open("w") as output:
        process = subprocess.Popen([sys.executable, "-m", "demand_assets.dagster_instance.runs.worker"],
                                   cwd=PROJECT, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    eventually(lambda: " ready." in (place / "output").read_text(), 120, (place / "output").read_text)
    return open_instance(place / "home"), process


def launch(instance: dg.DagsterInstance, name: str) -> str:
    """Put a run of that job in the queue, as Dagster's daemon does; its id."""
    job = getattr(importlib.import_module("jobs_of_a_test"), name)
    run = instance.create_run_for_job(job, job_code_origin=dg.reconstructable(job).get_python_origin())
    instance.launch_run(run.run_id, workspace=None)
    return run.run_id


def wait_for(instance: dg.DagsterInstance, run_id: str, *statuses: dg.DagsterRunStatus) -> dg.DagsterRunStatus:
    def status() -> dg.DagsterRunStatus | None:
        here = instance.get_run_by_id(run_id).status
        return here if here in statuses else None

    return eventually(status, 60, lambda: f"{run_id} is {instance.get_run_by_id(run_id).status}")


def test_a_cancelled_run_is_interrupted_and_the_next_is_carried_out(workers: Start) -> None:
    instance, _ = workers("watched")
    run_id = launch(instance, "slow_job")
    wait_for(instance, run_id, dg.DagsterRunStatus.STARTED)

    assert instance.run_launcher.terminate(run_id)

    assert wait_for(instance, run_id, *OVER) is dg.DagsterRunStatus.CANCELED
    assert wait_for(instance, launch(instance, "quick_job"), *OVER) is dg.DagsterRunStatus.SUCCESS


def test_a_worker_that_was_taken_for_lost_leaves_its_run_to_the_other_and_says_no_more_of_it(workers: Start) -> None:
    instance, worker = workers("watched")
    run_id = launch(instance, "slow_job")
    wait_for(instance, run_id, dg.DagsterRunStatus.STARTED)
    at_work = psutil.Process(worker.pid).children(recursive=True)

    instance.add_run_tags(run_id, {DAGSTER_CELERY_TASK_ID_TAG: "another's"})  # as when others go on with it

    eventually(lambda: any(not child.is_running() or child.status() == psutil.STATUS_ZOMBIE for child in at_work), 60,
               lambda: f"{at_work} go on")
    assert instance.get_run_by_id(run_id).status is dg.DagsterRunStatus.STARTED
    assert wait_for(instance, launch(instance, "quick_job"), dg.DagsterRunStatus.SUCCESS)


def killed_in_the_middle(instance: dg.DagsterInstance, worker: "subprocess.Popen[bytes]") -> str:
    """A run of which the launcher has noticed that its process was killed; its id."""
    run_id = launch(instance, "slow_job")
    wait_for(instance, run_id, dg.DagsterRunStatus.STARTED)
    eventually(lambda: starts_of_steps(instance, run_id) == 1, 60, lambda: "its step does not begin")
    for child in psutil.Process(worker.pid).children(recursive=True):
        child.kill()

    def is_seen() -> bool:
        return "gone" in (instance.run_launcher.check_run_worker_health(instance.get_run_by_id(run_id)).msg or "")

    eventually(is_seen, 60, lambda: "nobody noticed")
    return run_id


def starts_of_steps(instance: dg.DagsterInstance, run_id: str) -> int:
    return len(instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_START).records)


def test_a_run_whose_process_is_killed_is_gone_on_with_by_the_worker_itself(workers: Start) -> None:
    instance, worker = workers("watched")
    run_id = killed_in_the_middle(instance, worker)

    instance.resume_run(run_id, workspace=None, attempt_number=1)

    eventually(lambda: starts_of_steps(instance, run_id) == 2, 60, lambda: "it is not gone on with")
    assert instance.run_launcher.terminate(run_id)
    assert wait_for(instance, run_id, *OVER) is dg.DagsterRunStatus.CANCELED


def test_a_run_that_is_cancelled_while_it_waits_to_be_gone_on_with_is_cancelled(workers: Start) -> None:
    instance, worker = workers("watched")
    run_id = killed_in_the_middle(instance, worker)
    other = launch(instance, "slow_job")  # for the worker's only process, so that the first one waits
    wait_for(instance, other, dg.DagsterRunStatus.STARTED)
    instance.resume_run(run_id, workspace=None, attempt_number=1)

    assert instance.run_launcher.terminate(run_id)
    assert instance.run_launcher.terminate(other)

    assert wait_for(instance, run_id, *OVER) is dg.DagsterRunStatus.CANCELED
    assert wait_for(instance, other, *OVER) is dg.DagsterRunStatus.CANCELED
    assert starts_of_steps(instance, run_id) == 1


# The last test, as it ends the workers.
@pytest.mark.parametrize(("kind", "launcher"), [("watched", "WarmWorkerLauncher"), ("stock", "CeleryRunLauncher")])
def test_a_run_is_carried_out_and_the_worker_ends_when_it_is_told(workers: Start, kind: str, launcher: str) -> None:
    instance, worker = workers(kind)
    assert type(instance.run_launcher).__name__ == launcher

    run_id = launch(instance, "quick_job")

    assert wait_for(instance, run_id, *OVER) is dg.DagsterRunStatus.SUCCESS
    worker.terminate()
    assert worker.wait(60) == 0
