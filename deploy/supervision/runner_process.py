"""The process of supervisor, which goes on where nothing can be written, as on a full disk, and forks what it starts.

Supervisor tells on its standard error of each line that it could not write to a log. That is a file on the same disk:
what fails there must not end it, and with it everything that it runs.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from supervisor import supervisord
from supervisor.options import ServerOptions
from supervisor.process import Subprocess

from demand_assets.dagster_instance.runs.run_lock import RUN_VARIABLE
from deploy.processes import PROCESS_VARIABLE
from deploy.supervision.forked_start import ForkedStart, Labels, program_of


class Unfailing:
    """A stream of which what cannot be written is left out."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """How many characters were taken, whether they could be written or not."""
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            pass
        return len(text)

    def flush(self) -> None:
        """Nothing is left to be done."""

    def fileno(self) -> int:
        """The stream's file descriptor."""
        return self._stream.fileno()


def fork_programs(forked: ForkedStart) -> None:
    """Let supervisor fork its programs without a new Python, where that is sure."""
    command_of, execute = Subprocess.get_execv_args, ServerOptions.execve

    def prepared_command_of(process: Any) -> tuple[str, list[str]]:
        """The command line, and what it needs is imported: this is asked for right before the fork."""
        filename, command = command_of(process)
        if program := program_of(command):
            for problem in forked.prepare(program):
                process.config.options.logger.warn(problem)
        return filename, command

    def become_or_execute(options: Any, filename: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """In the forked process."""
        if (program := program_of(command)) and forked.is_sure:
            forked.become(program, environment)
        execute(options, filename, command, environment)

    Subprocess.get_execv_args, ServerOptions.execve = prepared_command_of, become_or_execute


def main() -> None:
    """Run supervisor as its own command does; a blank last argument is the room that forked programs need."""
    sys.stdout, sys.stderr = Unfailing(sys.stdout), Unfailing(sys.stderr)
    for name in (PROCESS_VARIABLE, RUN_VARIABLE):
        os.environ.pop(name, None)
    if not sys.argv[-1].strip():
        sys.argv.pop()
        if labels := Labels.of_this_process():
            fork_programs(ForkedStart(labels))
        else:
            print("this system does not show where a process's name is: every program is started as a new Python")
    supervisord.main()


if __name__ == "__main__":
    main()
