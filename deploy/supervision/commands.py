"""What the launcher has done before a server starts, by a program of the process runner, without waiting for it."""

from deploy.processes import Folders, printed_by
from deploy.supervision.runner import EXITED, FATAL, Runner


class CommandFailedError(RuntimeError):
    """A command that the launcher needs ended badly; the message names its log."""


class Preparation:
    """A program that does its work and ends; what it prints is read and not kept, its complaints go to a log."""

    def __init__(self, name: str, runner: Runner, folders: Folders) -> None:
        self._name, self._runner = name, runner
        self._output, self._log = printed_by(name, folders), folders.logs / f"{name}.log"
        self._output.unlink(missing_ok=True)
        runner.start(name)

    @property
    def has_ended(self) -> bool:
        """Whether it is over."""
        return self._state["statename"] in (EXITED, FATAL)

    def printed(self) -> list[str]:
        """The lines that it printed, once it has ended.

        Raises: CommandFailedError: it ended with an error.
        """
        state = self._state
        if state["statename"] == FATAL or state["exitstatus"]:
            raise CommandFailedError(f"{self._name} failed (status {state['exitstatus']}); its log is {self._log}")
        lines = self._output.read_text().splitlines()
        self._output.unlink()  # it may hold a link with which to sign in
        return lines

    @property
    def _state(self) -> dict[str, object]:
        return self._runner.states()[self._name]
