"""One launch: start the processes in their order, tell when each answers, watch them, stop them."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from deploy.console import Console, Follower
from deploy.health import answers_http, listens
from deploy.ownership import end_leftovers, wait_until_gone
from deploy.processes import Folders, processes, runner_settings
from deploy.runner import EXITED, FATAL, RUNNING, Runner, RunnerError
from deploy.settings import PROJECT, RunSettings

LOOK_SECONDS = 0.5
START_AGAIN_SECONDS = 60
"""A process that kept dying is tried again after so long."""


class Launch:
    """The processes of one run and what has been said about them."""

    def __init__(self, settings: RunSettings, folders: Folders, environment: dict[str, str], console: Console) -> None:
        self._settings, self._folders, self._environment, self._console = settings, folders, environment, console
        self._stop_seconds = sum(process.stop_seconds for process in processes(settings, folders))
        self._training_log = Follower(self._log("first-training"))
        self._waiting = self._steps()
        self._pids: dict[str, int] = {}
        self._given_up: dict[str, float] = {}
        self._training_over = False
        self._runner = Runner(folders.run, runner_settings(settings, folders), environment)

    def _steps(self) -> dict[str, tuple[Callable[[], bool], Callable[[], None]]]:
        """What is waited for -> how it is seen, and what is done then."""
        local = "http://127.0.0.1:"
        settings = self._settings
        return {
            "runner": (lambda: self._runner.answers(),
                       lambda: self._runner.start("web", "mlflow", "dagster-code")),
            "web": (lambda: answers_http(f"{self._web_address}/health"), self._announce_web),
            # The daemon and the webserver load the pipeline when they start, so the code server comes first.
            "dagster-code": (lambda: listens(settings.code_port),
                             lambda: self._runner.start("dagster-web", "dagster-daemon")),
            "mlflow": (lambda: answers_http(f"{local}{settings.mlflow_port}/health"),
                       lambda: self._console.say(f"MLflow   {local}{settings.mlflow_port}")),
            "dagster-web": (lambda: answers_http(f"{local}{settings.dagster_port}/server_info"),
                            lambda: self._console.say(f"Dagster  {local}{settings.dagster_port}")),
        }

    def stay_until(self, told_to_stop: Callable[[], bool]) -> int:
        """Start all and watch them until told to stop; the exit status."""
        self._console.say("starting MLflow, Dagster and the web app (half a minute or so)")
        while not told_to_stop():
            try:
                self._look()
            except RunnerError as error:
                self._console.say(str(error))
                return 1
            time.sleep(LOOK_SECONDS)
        return 0

    def stop(self, at_once: Callable[[], bool]) -> None:
        """Stop all processes, in order; kill what is left when that takes too long or ``at_once`` says so."""
        self._runner.stop()
        deadline = time.monotonic() + self._stop_seconds
        while not self._runner.wait(0.2) and time.monotonic() < deadline and not at_once():
            pass
        remaining = [] if at_once() else wait_until_gone(self._folders.root, 5)
        if remaining or at_once():
            end_leftovers(self._folders.root, patience_seconds=0 if at_once() else 5)
        self._runner.wait(5)

    def _look(self) -> None:
        for name, (is_there, then) in list(self._waiting.items()):
            if is_there():
                del self._waiting[name]
                then()
                if not self._waiting:
                    self._everything_answers()
            elif name == "runner":
                return
        self._watch()
        for line in self._training_log.new_lines():
            self._console.say(line)

    def _announce_web(self) -> None:
        self._runner.start("web-sync")
        self._console.say(f"web app  {self._web_address}")
        link = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "webapp", "first-admin-link"], cwd=PROJECT, check=False, text=True,
            env=self._environment, stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True)
        for line in link.stdout.splitlines():
            self._console.say(line)
        if link.returncode:
            self._console.say(f"the first sign-in link could not be made: {link.stderr.strip()[-500:]}")

    def _everything_answers(self) -> None:
        self._console.say(f"all servers answer; logs are in {self._folders.logs}; Ctrl-C stops everything")
        self._runner.start("first-training")

    def _watch(self) -> None:
        """Say which processes died, and try again those that kept dying."""
        for name, state in self._runner.states().items():
            status, pid = str(state["statename"]), int(state["pid"])
            if name == "first-training":
                self._watch_training(status, int(state["exitstatus"]))
            elif status == RUNNING:
                if self._pids.setdefault(name, pid) != pid:
                    self._console.say(f"{name} had stopped and was started again; see {self._log(name)}")
                self._pids[name] = pid
            elif status == FATAL and name not in self._given_up:
                self._given_up[name] = time.monotonic()
                self._console.say(
                    f"{name} keeps stopping; next try in {START_AGAIN_SECONDS} s. Its log {self._log(name)} ends:")
                self._console.show_end_of(self._log(name))
            elif status == FATAL and time.monotonic() - self._given_up[name] > START_AGAIN_SECONDS:
                del self._given_up[name]
                self._runner.start(name)

    def _watch_training(self, status: str, exit_status: int) -> None:
        if status == EXITED and not self._training_over and exit_status:
            self._console.say(f"the first training ended with status {exit_status}; see {self._log('first-training')}")
        self._training_over = status == EXITED

    @property
    def _web_address(self) -> str:
        host = self._settings.web_host
        return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{self._settings.web_port}"

    def _log(self, name: str) -> Path:
        return self._folders.logs / f"{name}.log"
