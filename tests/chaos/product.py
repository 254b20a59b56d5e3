"""The whole product under a campaign, started as `make run` starts it; its processes by what they are."""

import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from demand_assets.dagster_instance.runs.run_lock import RUN_VARIABLE
from demand_assets.forecasting.contract.database_urls import with_driver
from deploy.processes import PROCESS_VARIABLE
from deploy.settings import PROJECT
from deploy.state_directory.ownership import end_leftovers, is_runner, processes_of
from tests.conftest import write_tiny_dataset
from tests.services import free_ports

START_SECONDS = 240
STOP_SECONDS = 150
PORTS = ("WEB_PORT", "DAGSTER_PORT", "MLFLOW_PORT", "CODE_PORT")
SIGNAL_AT_PARENTS_END = 1
WORKER = "worker"
"""Carries runs out with ``PROFILE=celery``."""
MEGABYTES = 1024
"""Of the disk that holds the state, so that it can be full."""
ENOUGH_REQUESTS = "100000"
"""A minute; what the API takes of one token must not hold a campaign up."""


class ProductError(RuntimeError):
    """The product did not start, or did not stop."""


class Product:
    """The product on a small dataset, in a folder of its own."""

    def __init__(self, folder: Path, settings: Mapping[str, str], regions: int = 2, items: int = 4) -> None:
        self.dataset = write_tiny_dataset(folder, regions, items)
        self.state = folder / "state"
        self.folder = self.state / self.dataset.stem
        self.ports = {name: str(port) for name, port in free_ports(PORTS).items()}
        self.settings = dict(settings)
        self.environment = {**os.environ, **self.ports, **settings, "DATASET": str(self.dataset),
                            "STATE": str(self.state), "WEB_API_PER_MINUTE": ENOUGH_REQUESTS, "DEMAND_CORES": "1"}
        self._output = folder / "output"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The web app's address."""
        return f"http://127.0.0.1:{self.ports['WEB_PORT']}"

    @property
    def registry_url(self) -> str:
        """MLflow's database."""
        return with_driver(self.settings.get("MLFLOW_DATABASE_URL") or f"sqlite:///{self.folder}/mlflow/mlflow.db")

    @property
    def app_database_url(self) -> str:
        """The web app's database."""
        return with_driver(self.settings.get("WEB_DATABASE_URL") or f"sqlite:///{self.folder}/web/app.db")

    @property
    def store_url(self) -> str:
        """The demand store."""
        return self.settings.get("DEMAND_STORE_URL") or str(self.folder / "demand")

    @property
    def output(self) -> str:
        """What the launcher said since it was started last."""
        return self._output.read_text()

    @property
    def pid(self) -> int:
        """The launcher's process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_started(self) -> bool:
        """Whether the launcher lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Type `make run`, and wait until all servers answer. It ends when this process does, however that ends.

        Raises: ProductError: it did not start.
        """
        with self._output.open("w") as output:
            self._process = subprocess.Popen([sys.executable, "-m", "deploy.run"], cwd=PROJECT, env=self.environment,
                                             stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
                                             preexec_fn=_end_with_parent)
        self.wait_for("all servers answer")

    def wait_for(self, pattern: str, seconds: float = START_SECONDS) -> re.Match[str]:
        """The first match in what the launcher says.

        Raises: ProductError: it did not say so in time.
        """
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.output)):
            if not self.is_started or time.monotonic() > deadline:
                raise ProductError(f"{pattern!r} did not appear; the launcher said:\n{self.output}")
            time.sleep(0.2)
        return found

    def stop(self) -> None:
        """Press Ctrl-C and wait.

        Raises: ProductError: it did not stop, or left processes behind.
        """
        if self._process is None:
            return
        if self.is_started:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise ProductError(f"the launcher did not stop in {STOP_SECONDS} s; it said:\n{self.output}") from error
        if left := processes_of(self.folder):
            raise ProductError(f"the launcher left {len(left)} processes behind")

    def clean_up(self) -> int:
        """End everything that is still there; how many processes there were."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for process in processes_of(self.folder):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
        return end_leftovers(self.folder, patience_seconds=3)

    def processes(self) -> dict[str, list[psutil.Process]]:
        """What they are -> processes: servers by name, what a server starts as "… child", "run", "runner".

        The processes that a worker starts carry runs out.
        """
        found: dict[str, list[psutil.Process]] = defaultdict(list)
        named: dict[int, str] = {}
        ours = processes_of(self.folder)
        for process in ours:
            with contextlib.suppress(psutil.Error):
                named[process.pid] = _kind_of(process)
        for process in ours:
            with contextlib.suppress(psutil.Error):
                kind = named.get(process.pid, "")
                is_child = kind not in ("", "run", "runner") and named.get(process.ppid()) == kind
                found["run" if is_child and kind == WORKER else f"{kind} child" if is_child else kind].append(process)
        found["launcher"] = [psutil.Process(self.pid)] if self.is_started else []
        return found


def _kind_of(process: psutil.Process) -> str:
    surroundings = process.environ()
    if surroundings.get(RUN_VARIABLE, "").strip():
        return "run"
    if is_runner(process):
        return "runner"
    return surroundings.get(PROCESS_VARIABLE, "").strip() or "other"


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(SIGNAL_AT_PARENTS_END, signal.SIGTERM)


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """A folder that goes with everything in it."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A disk of its own in that new folder, which can be full; false where this user may not have one."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=700", "tmpfs", str(folder)],
                             check=False, capture_output=True).returncode == 0 if shutil.which("mount") else False
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)
