"""``python -m deploy.supervision.takeover NAME PORT COMMAND…``: become a server once nothing is left of its last life.

A server that is killed may leave children behind that still listen on its port, as MLflow's does: whatever is started
in its place ends at once, or shares the port. The process runner starts every server by way of this.
"""

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import psutil

from demand_assets.dagster_instance.runs.run_lock import RUN_VARIABLE
from deploy.processes import PROCESS_VARIABLE, RUN_FOLDER_VARIABLE
from deploy.state_directory.ownership import PortInUseError, processes_of, require_free_port

PATIENCE_SECONDS = 10


def main(arguments: Sequence[str]) -> int:
    """Become the server; an exit status only when its port is a stranger's."""
    name, port, command = arguments[0], int(arguments[1]), list(arguments[2:])
    return become(name, command) if take_over(name, port) else 1


def take_over(name: str, port: int) -> bool:
    """Whether the server may start: what its earlier life left is ended, and its port is no stranger's."""
    if ended := end_earlier(name, os.environ[RUN_FOLDER_VARIABLE]):
        print(f"an earlier {name} was killed and left {ended} processes behind; they are ended now", flush=True)
    try:
        require_free_port(name, port)
    except PortInUseError as error:
        print(error, flush=True)
        return False
    return True


def become(name: str, command: list[str]) -> NoReturn:
    """Go on as that command."""
    os.execvpe(command[0], command, os.environ | {PROCESS_VARIABLE: name})  # nosec B606  # the runner's own command


def end_earlier(name: str, folder: str) -> int:
    """End what an earlier life of the server left behind, each by its process id; how many there were."""
    left = [process for process in processes_of(folder) if _is_of(process, name)]
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=PATIENCE_SECONDS)
    return len(left)


def _is_of(process: psutil.Process, name: str) -> bool:
    with contextlib.suppress(psutil.Error):
        surroundings = process.environ()
        # Blanks: the room that the process runner has for the names of what it forks. A run of Dagster's goes on when
        # the server that started it is gone.
        return (surroundings.get(PROCESS_VARIABLE, "").strip() == name
                and not surroundings.get(RUN_VARIABLE, "").strip())
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
