"""A server that was killed and left its child on the port is started again; a stranger on the port is told."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from demand_assets.dagster_instance.runs.run_lock import RUN_VARIABLE
from deploy.health import listens
from deploy.processes import RUN_FOLDER_VARIABLE
from deploy.settings import PROJECT
from tests import services
from tests.waiting import eventually

pytestmark = pytest.mark.servers
LISTENS = """\
import socket, sys, time
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listens", flush=True)
time.sleep(600)
"""
MASTER = """\
import subprocess, sys
subprocess.run([sys.executable, "-c", sys.argv[1], sys.argv[2]])
"""


@pytest.fixture
def port() -> int:
    return services.free_ports(("PORT",))["PORT"]


class Starts:
    """Starts servers as the process runner does, and ends them."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.started: list[subprocess.Popen[str]] = []

    def __call__(self, name: str, **more: str) -> "subprocess.Popen[str]":
        """A server whose child listens on the port."""
        self.started.append(subprocess.Popen(
            [sys.executable, "-m", "deploy.supervision.takeover", name, str(self.port), sys.executable, "-c", MASTER,
             LISTENS, str(self.port)], cwd=PROJECT, env=os.environ | {RUN_FOLDER_VARIABLE: str(self.folder), **more},
            stdout=subprocess.PIPE, text=True, start_new_session=True))
        return self.started[-1]

    def lines(self, process: "subprocess.Popen[str]") -> list[str]:
        """What it prints, until its child listens or it ends."""
        said = []
        for line in process.stdout or ():
            said.append(line.strip())
            if line.strip() == "listens":
                break
        return said


@pytest.fixture
def start(tmp_path: Path, port: int) -> Iterator[Starts]:
    starts = Starts(tmp_path, port)
    yield starts
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_FOLDER_VARIABLE) == str(tmp_path):
                process.kill()
        except psutil.Error:
            continue
    for started in starts.started:
        started.wait(120)


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_killed_server_left_on_its_port_is_ended_before_it_is_started_again(start: Starts, port: int,
                                                                                   signal_number: int) -> None:
    first = start("mlflow")
    assert start.lines(first) == ["listens"]
    first.send_signal(signal_number)
    first.wait(120)
    assert listens(port)

    again = start("mlflow")

    assert start.lines(again) == ["an earlier mlflow was killed and left 1 processes behind; they are ended now",
                                  "listens"]


def test_a_stranger_on_the_port_is_told_and_left_alone(start: Starts, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        refused = start("mlflow")
        said = start.lines(refused)

        assert refused.wait(120) == 1
        assert len(said) == 1
        assert said[0].startswith(f"port {port} (mlflow) is in use by ")
        assert f"(process {os.getpid()})" in said[0]
        assert listens(port)


@pytest.mark.parametrize(("name", "more"), [("dagster-web", {}), ("mlflow", {RUN_VARIABLE: "a run"})])
def test_other_servers_and_runs_of_dagster_go_on(start: Starts, port: int, name: str, more: dict[str, str]) -> None:
    other = start(name, **more)
    assert start.lines(other) == ["listens"]

    refused = start("mlflow")

    assert "in use" in start.lines(refused)[0]
    assert other.poll() is None


def test_another_product_s_server_is_a_stranger(start: Starts, port: int, tmp_path: Path) -> None:
    other = start("mlflow", **{RUN_FOLDER_VARIABLE: str(tmp_path / "another")})
    assert start.lines(other) == ["listens"]

    refused = start("mlflow")

    assert "in use" in start.lines(refused)[0]
    eventually(lambda: refused.poll() == 1, 120, lambda: "it goes on")
    for process in psutil.Process(other.pid).children(recursive=True):
        process.kill()
    other.kill()
