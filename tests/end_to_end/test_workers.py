"""Runs on warm workers that share nothing with the product but PostgreSQL, Redis and the object store."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import dagster as dg
import psutil
import pytest

from demand_assets.dagster_instance.instance import open_instance, referred_to
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.journal import FINAL_STEPS
from demand_assets.pipeline.progress import Progress
from demand_assets.settings import Settings
from deploy.services import Services
from deploy.settings import PROJECT
from deploy.state_directory.ownership import end_leftovers
from tests.conftest import write_tiny_dataset
from tests.end_to_end.conftest import Product
from tests.waiting import eventually
from webapp.dagster_client import DagsterClient, Sent

OVER = {"succeeded", "failed", "cancelled"}
PREFIX = "workers_"


class Worker:
    """A worker as a person on another machine has it: a folder, a copy of the dataset file, `make worker`."""

    def __init__(self, folder: Path, dataset: Path, settings: dict[str, str]) -> None:
        folder.mkdir()
        self._log = folder / "output"
        self._run_folder = folder / "state" / dataset.stem / "worker"
        with self._log.open("w") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "deploy.worker"], cwd=folder, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True, env={
                    **os.environ, **settings, "PYTHONPATH": str(PROJECT), "WORKERS": "1",
                    "DATASET": shutil.copy(dataset, folder), "STATE": str(folder / "state")})

    @property
    def output(self) -> str:
        """What its terminal shows."""
        return self._log.read_text()

    def wait_until_ready(self) -> "Worker":
        """Wait until it takes runs."""
        eventually(lambda: re.search(r"worker-\S+ ready", self.output), 120, lambda: self.output)
        return self

    def kill(self) -> None:
        """As if its machine lost power: no process of it does anything any more."""
        (celery,) = psutil.Process(self._process.pid).children()
        self._process.kill()
        os.killpg(celery.pid, signal.SIGKILL)

    def press_ctrl_c(self) -> None:
        """Ask it to finish its runs."""
        self._process.send_signal(signal.SIGINT)

    def wait(self, seconds: float = 120) -> int:
        """Wait for its end; the exit status."""
        return self._process.wait(seconds)

    def clean_up(self) -> None:
        """Leave no process behind."""
        end_leftovers(self._run_folder, patience_seconds=2)


class Fleet:
    """The product without a worker of its own, and workers beside it."""

    def __init__(self, product: Product, dataset: Path, settings: dict[str, str], folder: Path) -> None:
        self.product, self._dataset, self._folder = product, dataset, folder
        self._settings = settings | {"MLFLOW_URL": f"http://127.0.0.1:{product.ports['MLFLOW_PORT']}"}
        self.dagster = DagsterClient(f"http://127.0.0.1:{product.ports['DAGSTER_PORT']}")
        self.workers: list[Worker] = []

    def add_worker(self) -> Worker:
        """Start one more; returns at once."""
        self.workers.append(Worker(self._folder / f"machine{len(self.workers)}", self._dataset, self._settings))
        return self.workers[-1]

    def retrain(self, *keys: str) -> tuple[str, Sent]:
        """Start one run for these region-items: its request id, and what carries it."""
        request_id = f"test-{uuid4().hex[:12]}"
        return request_id, self.dagster.launch_run(request_id, keys)

    def wait_for(self, request_id: str, sent: Sent, *states: str, seconds: float = 180) -> str:
        """The state that the request's newest run came to."""
        def state() -> str | None:
            here = self.dagster.state(sent, request_id)
            return here if here in states else None

        return str(eventually(state, seconds, lambda: f"{request_id} is {self.dagster.state(sent, request_id)}\n"
                              + self.report()))

    def report(self) -> str:
        """What everybody said last."""
        return "\n".join([self.product.logs(), *(worker.output[-3000:] for worker in self.workers)])


@pytest.fixture(scope="module")
def settings(services: Services) -> dict[str, str]:
    services.add_databases(PREFIX)
    return services.environment(PREFIX)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, products: list[Product],
          settings: dict[str, str]) -> Iterator[Fleet]:
    """Two workers, and all models trained by them; the tests below are their life, in order."""
    for other in products:
        other.clean_up()
    folder = tmp_path_factory.mktemp("workers")
    dataset = write_tiny_dataset(folder)
    product = Product(dataset, folder / "state", settings | {"PROFILE": "celery", "WORKERS": "0"})
    products.append(product)
    fleet = Fleet(product, dataset, settings, folder)
    try:
        product.start()
        for worker in (fleet.add_worker(), fleet.add_worker()):
            worker.wait_until_ready()
        product.wait_until_ready().wait_for("6 of 6 decided", 300)
        yield fleet
    finally:
        for worker in fleet.workers:
            worker.clean_up()
        product.clean_up()


@pytest.fixture
def instance(fleet: Fleet, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    urls = {name: settings[name] for name in ("DAGSTER_DATABASE_URL", "CELERY_BROKER_URL")}
    for name, value in referred_to(Settings(**urls)).items():
        monkeypatch.setenv(name, value)
    with open_instance(fleet.product.folder / "dagster") as instance:
        yield instance


@pytest.fixture
def store(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> DemandStore:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return DemandStore(settings["DEMAND_STORE_URL"])


def test_nothing_is_lost_when_a_worker_is_killed_in_the_middle(fleet, instance, store):
    keys = fleet.dagster.partition_keys()
    asked = [fleet.retrain(*some) for some in (keys[:2], keys[2:4], *([key] for key in keys[4:]))]
    eventually(lambda: [fleet.dagster.state(sent, request) for request, sent in asked].count("running") == 2, 60,
               fleet.report)

    fleet.workers[0].kill()

    for request, sent in asked:  # the run that lost its worker is gone on with by the other
        fleet.wait_for(request, sent, "succeeded")
    progress = Progress(store, [request for request, _ in asked])
    eventually(lambda: sum(progress.look()[step] for step in FINAL_STEPS) == len(keys), 120, fleet.report)
    assert {entry.step for entry in progress.last.values()} <= {"promoted", "kept"}
    # a sensor may have asked for the decision on what was trained when the worker died
    eventually(lambda: all(record.dagster_run.is_finished for record in instance.get_run_records()), 120, fleet.report)
    runs = instance.get_run_records()
    assert {record.dagster_run.status for record in runs} == {dg.DagsterRunStatus.SUCCESS}  # none failed: one went on
    said = " ".join(event.message for record in runs for event in instance.all_logs(record.dagster_run.run_id))
    assert "has not been heard of for 30 seconds" in said


def test_a_cancelled_run_ends_as_cancelled(fleet):
    request, sent = fleet.retrain(*fleet.dagster.partition_keys())
    fleet.wait_for(request, sent, "running")

    fleet.dagster.cancel(sent, request)

    assert fleet.wait_for(request, sent, *OVER) == "cancelled"


def test_a_worker_that_is_told_to_stop_finishes_its_run_and_takes_no_other(fleet, instance):
    key, other, *_ = fleet.dagster.partition_keys()
    going_on = fleet.retrain(key)
    fleet.wait_for(*going_on, "running")

    fleet.workers[1].press_ctrl_c()
    eventually(lambda: "finishing the runs that go on" in fleet.workers[1].output, 30, fleet.report)
    waiting = fleet.retrain(other)

    assert fleet.wait_for(*going_on, *OVER) == "succeeded"
    assert fleet.workers[1].wait() == 0
    assert fleet.dagster.state(waiting[1], waiting[0]) == "waiting"

    late = fleet.retrain(other)
    eventually(lambda: any("No worker is alive at all. Start one: make worker." in event.message
                           for event in instance.all_logs(late[1].id)), 60, fleet.report)
    fleet.add_worker().wait_until_ready()
    for request, sent in (waiting, late):
        assert fleet.wait_for(request, sent, *OVER) == "succeeded"
