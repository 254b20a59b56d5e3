"""A job whose runs note when a process begins and ends them, and Dagster's processes to carry them out."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import psutil
import requests

from demand_assets.dagster_instance.runs.run_lock import RUN_VARIABLE
from demand_assets.dagster_instance.runs.starter import STARTER_VARIABLE
from deploy.health import answers_http, listens
from deploy.processes import PROCESS_VARIABLE, RUN_STARTER
from deploy.supervision.runner import COMMAND_ROOM, NAME_ROOM, RUN_ROOM
from tests import services
from tests.waiting import eventually

PROJECT = Path(__file__).resolve().parents[4]
START_SECONDS = 120
LAUNCH = """mutation Launch($params: ExecutionParams!) { launchRun(executionParams: $params) {
  ... on LaunchRunSuccess { run { runId } } ... on Error { message } } }"""
RELOAD = """mutation { reloadRepositoryLocation(repositoryLocationName: "runs_to_kill") {
  ... on WorkspaceLocationEntry { loadStatus locationOrLoadError { __typename } } ... on PythonError { message } } }"""
ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


class Noted(dg.Config):
    """Where it is noted, and how the work goes on."""

    notes: str
    until: str = ""
    """A file whose coming ends the work; it ends at once unless given."""


@dg.op
def work(context: dg.OpExecutionContext, config: Noted) -> None:
    """Note that the work begins, wait, and note that it ends."""
    _note(config.notes, f"begins {os.getpid()}")
    while config.until and not Path(config.until).exists():
        time.sleep(0.05)
    _note(config.notes, f"ends {os.getpid()}")


@dg.op
def kill_itself(config: Noted) -> None:
    """End the process without a word."""
    _note(config.notes, f"begins {os.getpid()}")
    os.kill(os.getpid(), 9)


@dg.job(executor_def=dg.in_process_executor)
def noted() -> None:
    """One op."""
    work()


@dg.job(executor_def=dg.in_process_executor)
def deadly() -> None:
    """One op, which no process survives."""
    kill_itself()


defs = dg.Definitions(jobs=[noted, deadly])


def _note(notes: str, line: str) -> None:
    with Path(notes).open("a") as file:
        file.write(f"{line}\n")


def status_of(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    """Where the run stands."""
    found = instance.get_run_by_id(run_id)
    assert found is not None
    return found.status


def messages(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """What the run's log says."""
    return [record.event_log_entry.message for record in instance.get_records_for_run(run_id, limit=500).records]


def processes_of(run_id: str) -> list[psutil.Process]:
    """The run's process and what it started."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_VARIABLE) == run_id and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


class Daemon:
    """Dagster's daemon and code server of one home, and the starter of its runs, each of which may be killed and
    started again. Where the starter is not there, a run is a new Python."""

    def __init__(self, home: Path) -> None:
        self._home = home
        ports = services.free_ports(("CODE_PORT", "DAGSTER_PORT"))
        self._port, self._web_port = ports["CODE_PORT"], ports["DAGSTER_PORT"]
        self._workspace = home / "workspace.yaml"
        self._workspace.write_text(f"load_from:\n  - grpc_server: {{host: 127.0.0.1, port: {self._port}, "
                                   "location_name: runs_to_kill}\n")
        self._output = home / "daemon.output"
        self.starter = home / "starter.sock"
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._knows_code = False
        """Whether the webserver knows the code server that there is."""

    def start(self, name: str) -> None:
        """Start ``code``, ``web``, ``starter`` or ``daemon``, unless it is there."""
        if name in self._running:
            return
        arguments = {
            "daemon": ["-m", "demand_assets.dagster_instance.daemon", "run", "--workspace", str(self._workspace)],
            "code": ["-m", "dagster", "api", "grpc", "--host", "127.0.0.1", "--port", str(self._port), "--module-name",
                     __name__, "--working-directory", str(PROJECT), "--location-name", "runs_to_kill",
                     "--use-python-environment-entry-point"],
            "starter": ["-m", RUN_STARTER, " " * COMMAND_ROOM],
            "web": ["-m", "dagster_webserver", "--host", "127.0.0.1", "--port", str(self._web_port), "--workspace",
                    str(self._workspace)]}[name]
        with self._output.open("ab") as output:
            self._running[name] = subprocess.Popen(
                [sys.executable, *arguments], cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"DAGSTER_HOME": str(self._home), "PYTHONPATH": str(PROJECT),
                                  STARTER_VARIABLE: str(self.starter), "OMP_NUM_THREADS": "1",
                                  "OPENBLAS_NUM_THREADS": "1"} | (
                    {PROCESS_VARIABLE: " " * NAME_ROOM, RUN_VARIABLE: " " * RUN_ROOM} if name == "starter" else {}))

    def start_asking(self) -> None:
        """Start what a run is asked for at, where it is not there, and wait until it answers."""
        self.start("starter")
        self.start("code")
        eventually(lambda: listens(self._port), START_SECONDS, self.said)
        self.start("web")
        eventually(lambda: answers_http(f"http://127.0.0.1:{self._web_port}/server_info"), START_SECONDS, self.said)
        eventually(self._starter_answers, START_SECONDS, self.said)
        if not self._knows_code:  # by itself it would learn of another one only after a while
            answer = requests.post(f"http://127.0.0.1:{self._web_port}/graphql", timeout=60, json={"query": RELOAD})
            told = answer.json()["data"]["reloadRepositoryLocation"]
            assert told["locationOrLoadError"] == {"__typename": "RepositoryLocation"}, told
            self._knows_code = True

    def _starter_answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            return connection.connect_ex(str(self.starter)) == 0

    def ask_for(self, notes: Path, until: Path | None = None, job: str = "noted") -> str:
        """The id of a new run that waits in Dagster's queue, as the app asks for one."""
        op = "work" if job == "noted" else "kill_itself"
        answer = requests.post(f"http://127.0.0.1:{self._web_port}/graphql", timeout=60, json={
            "query": LAUNCH, "variables": {"params": {
                "selector": {"repositoryLocationName": "runs_to_kill", "repositoryName": "__repository__",
                             "pipelineName": job}, "mode": "default",
                "runConfigData": {"ops": {op: {"config": {"notes": str(notes), "until": str(until or "")}}}}}}})
        return str(answer.json()["data"]["launchRun"]["run"]["runId"])

    def kill(self, name: str) -> None:
        """Kill it without a warning; nothing where it is not there."""
        if name == "code":
            self._knows_code = False
        if process := self._running.pop(name, None):
            process.kill()
            process.wait(30)

    def stop_all(self) -> None:
        """Kill all."""
        for name in list(self._running):
            self.kill(name)

    def said(self) -> str:
        """The end of what they printed."""
        return self._output.read_text()[-6000:] if self._output.exists() else ""


@contextmanager
def daemon_of(home: Path) -> Iterator[Daemon]:
    """The processes of a home; none of them, nor of the runs, is there afterwards."""
    daemon = Daemon(home)
    try:
        yield daemon
    finally:
        daemon.stop_all()
        for process in psutil.process_iter():
            try:
                if process.environ().get("DAGSTER_HOME") == str(home) and process.pid != os.getpid():
                    process.kill()
            except psutil.Error:
                continue


def ended(instance: dg.DagsterInstance, run_ids: list[str], daemon: Daemon, seconds: float = 400) -> list[str]:
    """How each of the runs ended, waited for."""
    def look() -> bool:
        return all(status_of(instance, run_id) in ENDED for run_id in run_ids)

    eventually(look, seconds, lambda: f"{[status_of(instance, one).value for one in run_ids]}\n{daemon.said()}")
    return [status_of(instance, run_id).value for run_id in run_ids]
