"""One run for each state directory: its lock, what an earlier run left behind, and who holds a port."""

import contextlib
import fcntl
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from deploy.processes import RUN_FOLDER_VARIABLE

RUNNERS = ("runner_process.py", "supervisor.supervisord")
"""How the command of a process runner ends in a part: ours, and that of an earlier version of the product."""
PATIENCE_SECONDS = 40
"""How long leftover processes get to stop by themselves before they are killed."""


class AlreadyRunningError(RuntimeError):
    """Another run holds this state directory."""


class PortInUseError(RuntimeError):
    """Something else listens on a port that we need."""


@contextlib.contextmanager
def state_lock(run_folder: Path) -> Iterator[None]:
    """Hold the state directory; the system gives it back however this process ends.

    Raises: AlreadyRunningError: another run holds it.
    """
    with (run_folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip()
            raise AlreadyRunningError(
                f"{run_folder.parent} is already being served by process {holder}; stop that one first "
                f"(Ctrl-C where it runs, or: kill {holder}) or choose another state directory: make run STATE=./other"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def processes_of(folder: Path | str) -> list[psutil.Process]:
    """Processes that a run of this folder started and that still live, Dagster's run workers included."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            ours = process.environ().get(RUN_FOLDER_VARIABLE) == str(folder)
            if ours and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def end_leftovers(folder: Path, patience_seconds: float = PATIENCE_SECONDS) -> int:
    """End what a killed run left behind, each by its process id; how many processes there were."""
    leftovers = processes_of(folder)
    # The process runner first, since it stops its servers in order and would start again what others stop.
    runners = [process for process in leftovers if is_runner(process)]
    for wave in (runners, leftovers):
        for process in wave:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGTERM)
        psutil.wait_procs(wave, timeout=patience_seconds)
    for process in processes_of(folder):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
            process.wait(timeout=10)
    return len(leftovers)


def require_free_ports(ports: dict[str, int], host: str) -> None:
    """Return when all ports can be listened on.

    Raises: PortInUseError: one line for each that is taken, by whom, and what to do.
    """
    taken = [f"port {port} ({_server_of(name)}) is in use{_by_whom(port)}; stop that or choose another: "
             f"make run {name}={_free_port_after(port)}"
             for name, port in ports.items() if not _is_free(port, host if name == "WEB_PORT" else "127.0.0.1")]
    if taken:
        raise PortInUseError("\n".join(taken))


def require_free_port(name: str, port: int) -> None:
    """Return when nothing listens on the port of the server of that name; 0 is no port.

    Raises: PortInUseError: something does; by whom, and what to do.
    """
    if port and not _is_free(port, "127.0.0.1"):
        raise PortInUseError(f"port {port} ({name}) is in use{_by_whom(port)}, which is none of this product's "
                             f"processes; stop that, and {name} is started by itself, or stop the product and choose "
                             "another port")


def _is_free(port: int, host: str) -> bool:
    """Whether nothing listens there. Dagster's code server would share a taken port without a word."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return False
    except OSError:
        pass
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _free_port_after(port: int) -> int:
    return next((other for other in range(port + 1, min(port + 100, 65536)) if _is_free(other, "127.0.0.1")), port + 1)


def _by_whom(port: int) -> str:
    try:
        holder = next((connection.pid for connection in psutil.net_connections("tcp")
                       if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port), None)
        return f" by {psutil.Process(holder).name()} (process {holder})" if holder else ""
    except psutil.Error:
        return ""


def _server_of(setting: str) -> str:
    return {"WEB_PORT": "web app", "DAGSTER_PORT": "Dagster", "MLFLOW_PORT": "MLflow",
            "CODE_PORT": "Dagster's code server"}[setting]


def is_runner(process: psutil.Process) -> bool:
    """Whether it is the process runner of a run."""
    with contextlib.suppress(psutil.Error):
        return any(part.endswith(RUNNERS) for part in process.cmdline())
    return False


def wait_until_gone(folder: Path, seconds: float) -> list[psutil.Process]:
    """The processes of the folder that are still there after so long; usually none."""
    deadline = time.monotonic() + seconds
    while (remaining := processes_of(folder)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return remaining
