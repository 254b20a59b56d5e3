"""Short commands of the product that the launcher runs beside everything else, without waiting for them."""

import subprocess
import sys
from pathlib import Path

from deploy.settings import PROJECT


class CommandFailedError(RuntimeError):
    """A command that the launcher needs ended badly; the message names its log."""


class Command:
    """``python …`` with the processes' environment; what it prints is kept, its complaints go to a log."""

    def __init__(self, arguments: tuple[str, ...], environment: dict[str, str], log: Path) -> None:
        self._words, self._log = " ".join(arguments), log
        with log.open("w") as complaints:
            self._process = subprocess.Popen(
                [sys.executable, *arguments], cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL, text=True,
                stdout=subprocess.PIPE, stderr=complaints, start_new_session=True)

    @property
    def has_ended(self) -> bool:
        """Whether it is over."""
        return self._process.poll() is not None

    def printed(self) -> list[str]:
        """The lines that it printed, once it has ended.

        Raises: CommandFailedError: it ended with an error.
        """
        lines = self._process.communicate()[0].splitlines()
        if self._process.returncode:
            raise CommandFailedError(
                f"`python {self._words}` failed (status {self._process.returncode}); its log is {self._log}")
        return lines
