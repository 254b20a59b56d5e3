"""One launch: start the processes in their order, tell when each answers, watch them, stop them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.console import Console, Follower
from deploy.health import address_of, answers_http, listens
from deploy.processes import DATABASE, OLD_RUNS, Folders, processes, runner_settings
from deploy.settings import RunSettings
from deploy.state_directory.ownership import end_leftovers, wait_until_gone
from deploy.supervision.commands import Preparation
from deploy.supervision.runner import EXITED, FATAL, RUNNING, STARTING, Runner

LOOK_SECONDS, STARTING_LOOK_SECONDS = 0.5, 0.1
WATCH_SECONDS = 3.0
"""Between two questions to the process runner how all processes are, once the first training is over."""
LONGEST_TURN_SECONDS = 2.0
"""For so long the web app lets Dagster's code server go first: what the runner imports for it takes as long."""
START_AGAIN_SECONDS = 60
"""A process that kept dying is tried again after so long."""
LOOPBACK = "http://127.0.0.1"


@dataclass(frozen=True)
class Step:
    """Something that is waited for, and what is done then."""

    is_there: Callable[[], bool]
    then: Callable[[], None]
    after: tuple[str, ...] = ()
    """The steps that come before it."""


class Launch:
    """The processes of one run and what has been said about them."""

    def __init__(self, settings: RunSettings, folders: Folders, environment: dict[str, str], console: Console) -> None:
        self._settings, self._folders, self._console = settings, folders, console
        self._stop_seconds = sum(process.stop_seconds for process in processes(settings, folders))
        self._has_history = bool(settings.dagster_database_url) or (folders.dagster / "history").exists()
        self._training = Follower(self._log("first-training"))
        self._training_status = ""
        self._watch_at = 0.0
        self._steps = self._all_steps()
        self._preparations: dict[str, Preparation] = {}
        self._sign_in_links: list[str] = []
        self._web_waits_since = 0.0
        self._pids: dict[str, int] = {}
        self._given_up: dict[str, float] = {}
        self._runner = Runner(folders.run, runner_settings(settings, folders), environment, settings.demand_start)

    def _all_steps(self) -> dict[str, Step]:
        """What happens while everything starts; the slowest starters go first."""
        dagster, mlflow, metrics = (f"{LOOPBACK}:{port}" for port in (
            self._settings.dagster_port, self._settings.mlflow_port, self._settings.metrics_port))
        return {
            "runner": Step(lambda: self._runner.answers(), self._begin),
            "database": Step(self._is_turn_of_web, self._start_web, ("runner",)),
            "web": Step(lambda: answers_http(f"{self._web_address}/health"), self._announce_web, ("database",)),
            "old runs": Step(self._has_no_old_runs, self._say_old_runs, ("runner",)),
            # The daemon and the webserver load the pipeline when they start, so the code server comes first.
            "dagster-code": Step(lambda: listens(self._settings.code_port),
                                 self._start_dagster, ("runner", "old runs")),
            "dagster": Step(lambda: answers_http(f"{dagster}/server_info"),
                            lambda: self._console.say(f"Dagster  {dagster}"), ("dagster-code",)),
            "mlflow": Step(lambda: answers_http(f"{mlflow}/health"),
                           lambda: self._console.say(f"MLflow   {mlflow}"), ("runner",)),
            **({"metrics": Step(lambda: answers_http(f"{metrics}/health/live"), lambda: self._console.say(
                f"metrics  {metrics}/metrics"), ("web", "dagster-code"))} if self._settings.metrics_port else {}),
            "all": Step(lambda: True, self._everything_answers, ("web", "dagster", "mlflow")),
        }

    def stay_until(self, told_to_stop: Callable[[], bool]) -> None:
        """Start all and watch them until told to stop.

        Raises: CommandFailedError, RunnerError: it cannot go on.
        """
        self._console.say("starting MLflow, Dagster and the web app (half a minute or so)")
        while not told_to_stop():
            self._take_steps()
            if "runner" not in self._steps and time.monotonic() >= self._watch_at:
                self._watch()
                quiet = not self._steps and self._training_status == EXITED
                self._watch_at = time.monotonic() + (WATCH_SECONDS if quiet else 0)
            for line in self._training.new_lines():
                self._console.say(line)
            time.sleep(STARTING_LOOK_SECONDS if self._steps else LOOK_SECONDS)

    def stop(self, at_once: Callable[[], bool]) -> None:
        """Stop all processes, in order; kill what is left when that takes too long or ``at_once`` says so."""
        self._runner.stop()
        deadline = time.monotonic() + self._stop_seconds
        while not self._runner.wait(0.2) and time.monotonic() < deadline and not at_once():
            pass
        if at_once() or wait_until_gone(self._folders.root, 5):
            end_leftovers(self._folders.root, patience_seconds=0 if at_once() else 5)
        self._runner.wait(5)

    def _take_steps(self) -> None:
        for name, step in list(self._steps.items()):
            if not any(earlier in self._steps for earlier in step.after) and step.is_there():
                step.then()
                del self._steps[name]

    def _begin(self) -> None:
        # In the order in which the runner imports what they share: each goes on while that for the next is imported.
        self._runner.start("dagster-code", "mlflow", *(["worker"] if self._settings.has_worker else []))
        if self._has_history:
            self._prepare(OLD_RUNS)
        self._prepare(DATABASE)

    def _is_turn_of_web(self) -> bool:
        """Whether its database is there, and Dagster, which takes longer, is under way, unless that does not come."""
        if not self._preparations[DATABASE].has_ended:
            return False
        self._web_waits_since = self._web_waits_since or time.monotonic()
        return "dagster-code" not in self._steps or time.monotonic() - self._web_waits_since > LONGEST_TURN_SECONDS

    def _start_web(self) -> None:
        self._sign_in_links = self._preparations[DATABASE].printed()
        self._runner.start("web")

    def _announce_web(self) -> None:
        self._console.say(f"web app  {self._web_address}")
        self._runner.start("web-sync")
        for link in self._sign_in_links:
            self._console.say(f"         nobody has an account yet; make the first one at {link}")

    def _start_dagster(self) -> None:
        starter = ["run-starter"] if self._settings.has_run_starter else []
        metrics = ["metrics"] if self._settings.metrics_port else []
        self._runner.start("dagster-web", "dagster-daemon", *starter, *metrics)

    def _has_no_old_runs(self) -> bool:
        return not self._has_history or self._preparations[OLD_RUNS].has_ended

    def _say_old_runs(self) -> None:
        closed = "".join(self._preparations[OLD_RUNS].printed()) if self._has_history else "0"
        if closed != "0":
            self._console.say(f"Dagster runs cut off when the product last stopped, now started again: {closed}")

    def _everything_answers(self) -> None:
        self._console.say(f"all servers answer; logs are in {self._folders.logs}; Ctrl-C stops everything")
        self._runner.start("first-training")

    def _watch(self) -> None:
        """Say which processes died, and try again those that kept dying."""
        for name, state in self._runner.states().items():
            if name in self._preparations:
                continue
            status, pid, log = str(state["statename"]), int(state["pid"]), self._log(name)
            if name == "first-training":
                self._watch_training(status, int(state["exitstatus"]))
            elif status == STARTING:
                self._pids.setdefault(name, pid)  # what dies in its first seconds is told too
            elif status == RUNNING:
                if self._pids.setdefault(name, pid) != pid:
                    self._console.say(f"{name} had stopped and was started again; see {log}")
                self._pids[name] = pid
            elif status == FATAL and name not in self._given_up:
                self._given_up[name] = time.monotonic()
                self._console.say(f"{name} keeps stopping; next try in {START_AGAIN_SECONDS} s. Its log {log} ends:")
                self._console.show_end_of(log)
            elif status == FATAL and time.monotonic() - self._given_up[name] > START_AGAIN_SECONDS:
                del self._given_up[name]
                self._runner.start(name)

    def _watch_training(self, status: str, exit_status: int) -> None:
        if status == EXITED and self._training_status != EXITED and exit_status:
            self._console.say(f"the first training ended with status {exit_status}; see {self._log('first-training')} "
                              f"and {self._log('first-training.errors')}")
        self._training_status = status

    def _prepare(self, name: str) -> None:
        self._preparations[name] = Preparation(name, self._runner, self._folders)

    @property
    def _web_address(self) -> str:
        return f"http://{address_of(self._settings.web_host)}:{self._settings.web_port}"

    def _log(self, name: str) -> Path:
        return self._folders.logs / f"{name}.log"
