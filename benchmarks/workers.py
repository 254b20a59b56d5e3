"""How many runs a minute: many single retrains with Dagster's own launcher, with one warm worker and with two.

All three on PostgreSQL and an S3 server of this machine, one run at a time for each worker; Dagster's own launcher may
start two at a time, a process for each.

    python -m benchmarks.workers [--dataset file.toml] [--runs 20] [--json out.json]
"""

import argparse
import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from uuid import uuid4

from rich.console import Console
from rich.table import Table

from benchmarks.support.machine import described
from benchmarks.support.product import PROJECT, Running, running
from deploy.services import Services
from deploy.services import running as services_running
from tests.services import free_ports
from webapp.dagster_client import DagsterClient

ARRANGEMENTS = {"Dagster's own launcher": 0, "1 worker": 1, "2 workers": 2}
LONGEST_SECONDS = 1200


def main() -> None:
    given = _parser().parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # told to end, it stops all that it started
    machine, result = described(), {}
    folder = Path(tempfile.mkdtemp(prefix="demand-workers-"))
    folder.chmod(0o755)  # PostgreSQL does not run as root
    try:
        with services_running(folder, **free_ports(("postgres_port", "redis_port", "s3_port"))) as services:
            for words, workers in ARRANGEMENTS.items():
                result[words] = _measured(services, given.dataset, workers, given.runs)
                print(f"{words}: {given.runs} runs in {result[words]:.1f} s", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _print(machine, result, given.runs)
    if given.json:
        given.json.write_text(json.dumps({"machine": machine, "runs": given.runs, "seconds": result}, indent=2) + "\n")


def _measured(services: Services, dataset: Path, workers: int, runs: int) -> float:
    """Seconds from the first launch until the last run's end."""
    prefix = f"bench{workers}_"
    services.add_databases(prefix)
    settings = services.environment(prefix) | {"PROFILE": "celery" if workers else "stores", "WORKERS": "1"}
    with (running(dataset, r"nothing is missing|(\d+) of \1 decided", settings) as product,
          contextlib.ExitStack() as more):
        for number in range(1, workers):
            more.enter_context(_worker(product, settings, product.state.parent / f"worker{number}"))
        dagster = DagsterClient(product.dagster_url)
        keys = dagster.partition_keys()
        _finish(dagster, keys[:2])  # warm
        started = time.monotonic()
        _finish(dagster, list(itertools.islice(itertools.cycle(keys), runs)))
        return time.monotonic() - started


def _finish(dagster: DagsterClient, keys: list[str]) -> None:
    requests = [f"bench-{uuid4().hex[:12]}" for _ in keys]
    sent = {request: dagster.launch_run(request, [key]) for request, key in zip(requests, keys, strict=True)}
    deadline = time.monotonic() + LONGEST_SECONDS
    while sent:
        for request, run in list(sent.items()):
            state = dagster.state(run, request)
            if state == "failed" or time.monotonic() > deadline:
                raise RuntimeError(f"run {run.id} is {state}")
            if state == "succeeded":
                del sent[request]
        time.sleep(0.2)


@contextlib.contextmanager
def _worker(product: Running, settings: Mapping[str, str], folder: Path) -> Iterator[None]:
    folder.mkdir()
    environment = {**os.environ, **settings, "DATASET": str(product.dataset.resolve()), "STATE": str(folder),
                   "MLFLOW_URL": product.mlflow_url}
    with (folder / "output").open("w") as output:
        process = subprocess.Popen([sys.executable, "-m", "deploy.worker"], cwd=PROJECT, env=environment,
                                   stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        deadline = time.monotonic() + LONGEST_SECONDS
        while not re.search(r"worker-\S+ ready", (folder / "output").read_text()):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "output").read_text())
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait(120)


def _print(machine: dict[str, str], result: dict[str, float], runs: int) -> None:
    console = Console()
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()))
    table = Table(f"{runs} retrains of one region-item, a run each", "seconds", "runs a minute")
    for words, seconds in result.items():
        table.add_row(words, f"{seconds:.1f}", f"{60 * runs / seconds:.1f}")
    console.print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workers", description=__doc__)
    parser.add_argument("--dataset", type=Path, default=PROJECT / "datasets" / "simulated.toml")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--json", type=Path)
    return parser


if __name__ == "__main__":
    main()
