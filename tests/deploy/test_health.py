"""Whether probes of processes without a port notice that one lives, and that one does not."""

import os
import socket
import time
from pathlib import Path

import pytest
import redis

from demand_assets.dagster_instance.runs.celery_queue import Heartbeats
from deploy.health import main
from deploy.services import Services
from webapp.background.beat import NAME, beat
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
