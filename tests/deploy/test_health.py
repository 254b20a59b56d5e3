"""Whether probes of processes without a port notice that one lives, and that one does not."""

import json
import os
import shlex
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
import redis
import yaml

from demand_assets.dagster_instance.instance import open_instance, prepare_home
from demand_assets.dagster_instance.runs.celery_queue import Heartbeats
from demand_assets.forecasting.telemetry.background_beat import NAME, beat
from deploy.health import main
from deploy.services import Services
from deploy.settings import PROJECT
from webapp.settings import Settings


@pytest.fixture
def state(tmp_path: Path, tiny_dataset: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in {"DEMAND_STATE": str(tmp_path), "DEMAND_DATASET": str(tiny_dataset)}.items():
        monkeypatch.setenv(name, value)
    folder = Settings().folder
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_a_background_process_that_is_silent_is_not_well(state: Path) -> None:
    assert main("web-sync") == 1  # never ran

    beat(state)
    assert main("web-sync") == 0

    os.utime(state / NAME, times=(time.time() - 61,) * 2)
    assert main("web-sync") == 1


@pytest.mark.slow
def test_a_daemon_is_well_while_each_of_its_parts_says_so(state: Path) -> None:
    def say(at: float, instance: dg.DagsterInstance) -> None:
        """As the daemon writes it down, whose own class for it is a private part of Dagster."""
        with closing(sqlite3.connect(home / "history" / "runs.db")) as runs, runs:
            runs.executemany("REPLACE INTO daemon_heartbeats (daemon_type, daemon_id, timestamp, body) "
                             "VALUES (?, ?, ?, ?)", [
                (kind, "d", f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S.%f}", json.dumps({
                    "__class__": "DaemonHeartbeat", "daemon_id": "d", "daemon_type": kind, "errors": [],
                    "timestamp": at})) for kind in instance.get_required_daemon_types()])

    home = state.parent / "dagster"
    prepare_home(home)
    with open_instance(home) as instance:
        assert main("daemon") == 1  # never ran

        say(time.time() - 200, instance)
        assert main("daemon") == 0  # at one sensor for minutes

        say(time.time() - 400, instance)
        assert main("daemon") == 1


@pytest.mark.slow
def test_the_probe_of_dagsters_own_chart_is_a_command_that_there_is(state: Path) -> None:
    values = yaml.safe_load((PROJECT / "deploy" / "kubernetes" / "dagster-values.yaml").read_text())
    command = values["dagsterDaemon"]["livenessProbe"]["exec"]["command"]
    home = state.parent / "dagster"
    prepare_home(home)

    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=state, env=os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "DAGSTER_HOME": str(home)})

    assert (done.returncode, done.stdout.strip()) == (1, "Daemon(s) not running"), shlex.join(command)


def test_a_worker_is_well_while_it_says_so_on_this_machine(state: Path, services: Services,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in services.environment().items():
        monkeypatch.setenv(name, value)
    broker = services.environment()["CELERY_BROKER_URL"]
    with redis.Redis.from_url(broker) as connection:
        connection.flushdb()
    Heartbeats(broker).beat("worker-1@elsewhere", "queue")
    assert main("worker") == 1

    Heartbeats(broker).beat(f"worker-2@{socket.gethostname()}", "queue")
    assert main("worker") == 0

    monkeypatch.setenv("CELERY_BROKER_URL", "redis://127.0.0.1:1/0")
    assert main("worker") == 1


@pytest.mark.parametrize("kind", ["watched", "stock"])
def test_a_worker_or_daemon_that_does_not_run_is_not_well(state: Path, services: Services, kind: str,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (services.environment("health_") | {"DAGSTER_WORKERS": kind}).items():
        monkeypatch.setenv(name, value)
    with redis.Redis.from_url(services.environment()["CELERY_BROKER_URL"]) as connection:
        connection.flushdb()
    assert main("worker") == 1
    assert main("daemon") == 1  # there is no instance
