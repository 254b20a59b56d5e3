"""The process runner (supervisor), started and talked to; it restarts servers that die and stops them in order."""

import subprocess
import sys
import xmlrpc.client  # nosec B411  # with our own supervisor, on a socket of ours
from http.client import HTTPException
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import Faults, SupervisorTransport

from demand_assets.dagster_instance.runs.run_lock import RUN_VARIABLE
from deploy.processes import PROCESS_VARIABLE
from deploy.settings import Start

FATAL, EXITED, RUNNING, STARTING, STOPPED = "FATAL", "EXITED", "RUNNING", "STARTING", "STOPPED"

COMMAND_ROOM, NAME_ROOM, RUN_ROOM = 1000, 40, 36
"""Bytes for the command line and the name of a program that the process runner forks, and for the id of its run."""
PROCESS = Path(__file__).with_name("runner_process.py")


class RunnerError(RuntimeError):
    """The process runner did not start or does not answer."""


class Runner:
    """Supervisor in a session of its own, so that a Ctrl-C in the terminal reaches the launcher only.

    The current folder must be ``folder``: a socket's path may be too long for the system, its bare name never is.
    ``processes.runner_settings`` sees to the same for supervisor.
    """

    def __init__(self, folder: Path, settings: str, environment: dict[str, str], start: Start = "fork") -> None:
        (folder / "supervisord.conf").write_text(settings)
        (folder / "supervisor.sock").unlink(missing_ok=True)
        self._output = folder / "supervisord.out"
        command = [sys.executable, "-P", str(PROCESS), "-n", "-s", "-c", "supervisord.conf"]
        if start == "fork":
            command.append(" " * COMMAND_ROOM)
        # Its name is none of a server's: what it forks writes its own over the blanks.
        named = {PROCESS_VARIABLE: " " * NAME_ROOM, RUN_VARIABLE: " " * RUN_ROOM}
        with self._output.open("w") as output:
            self._process = subprocess.Popen(
                command, cwd=folder, env=environment | named, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process runner itself lives."""
        return self._process.poll() is None

    def answers(self) -> bool:
        """Whether it takes orders yet.

        Raises: RunnerError: it ended.
        """
        if not self.is_alive:
            raise RunnerError(f"the process runner ended at once: {self._output.read_text().strip()}")
        try:
            return bool(self._ask("getState")["statename"] == "RUNNING")
        except RunnerError:
            return False

    def start(self, *names: str) -> None:
        """Start processes without waiting for them; one that ended badly at once is started all the same, and its state
        tells how it ended."""
        for name in names:
            try:
                self._ask("startProcess", name, False)
            except RunnerError as error:
                if not (isinstance(error.__cause__, xmlrpc.client.Fault)
                        and error.__cause__.faultCode == Faults.SPAWN_ERROR):
                    raise

    def states(self) -> dict[str, dict[str, Any]]:
        """Process name -> ``statename``, ``pid``, ``exitstatus``, ``stdout_logfile``, as supervisor tells them.

        Raises: RunnerError: it does not answer.
        """
        return {info["name"]: info for info in self._ask("getAllProcessInfo")}

    def stop(self) -> None:
        """Ask it to stop all processes, the last started first, and then itself; returns at once."""
        if self.is_alive:
            self._process.terminate()

    def wait(self, seconds: float) -> bool:
        """Whether it ended within so long."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _ask(self, question: str, *arguments: object) -> Any:
        # A connection of its own for each question: supervisor's transport never recovers from a failed one.
        transport = SupervisorTransport(None, None, "unix://supervisor.sock")
        server = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        try:
            return getattr(server.supervisor, question)(*arguments)
        except (OSError, HTTPException, xmlrpc.client.Error) as error:
            raise RunnerError(f"the process runner does not answer: {error}") from error
        finally:
            transport.close()
