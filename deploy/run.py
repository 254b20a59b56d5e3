"""``make run``: the whole product on one machine, in the foreground, until Ctrl-C."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from demand_assets.forecasting.dataset import Dataset, DatasetFileError, load_dataset
from deploy.console import Console
from deploy.launch import Launch
from deploy.ownership import AlreadyRunningError, PortInUseError, end_leftovers, require_free_ports, state_lock
from deploy.processes import Folders, environment
from deploy.settings import PROJECT, RunSettings, SettingsError, read_settings


class PreparationError(RuntimeError):
    """The state directory could not be made ready; the message says by what."""


class StopSignals:
    """Counts the requests to stop: Ctrl-C, SIGTERM, a closed terminal."""

    def __init__(self) -> None:
        self.count = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._received)

    def _received(self, number: int, frame: FrameType | None) -> None:
        self.count += 1


def main() -> int:
    """Start everything, stay until told to stop; the exit status."""
    stop = StopSignals()
    console = Console()
    try:
        settings = read_settings()
        dataset = load_dataset(settings.dataset_file, settings.horizon)
        folders = Folders(settings.state_folder / dataset.name)
        folders.make()
        with state_lock(folders.run):
            return serve(settings, dataset, folders, console, stop)
    except (SettingsError, DatasetFileError, AlreadyRunningError, PortInUseError, PreparationError) as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"the state directory cannot be used: {error}; choose another: make run STATE=./other", file=sys.stderr)
    return 1


def serve(settings: RunSettings, dataset: Dataset, folders: Folders, console: Console, stop: StopSignals) -> int:
    """Prepare the state directory, start all processes, report, and stop them when told to."""
    title = f" ({dataset.title})" if dataset.title != dataset.name else ""
    console.say(f"dataset {dataset.name}{title}, state in {folders.root}")
    if leftovers := end_leftovers(folders.root):
        console.say(f"an earlier run was killed and left {leftovers} processes behind; they are stopped now")
    require_free_ports(settings.ports, settings.web_host)
    shutil.copyfile(PROJECT / "deploy" / "dagster.yaml", folders.dagster / "dagster.yaml")
    inner = environment(settings, folders)
    prepare_database(inner, folders)
    close_unfinished_runs(inner, folders, console)
    os.chdir(folders.run)
    launch = Launch(settings, folders, inner, console)
    try:
        return launch.stay_until(lambda: stop.count > 0)
    finally:
        console.say("stopping everything; Ctrl-C again ends it at once")
        seen = stop.count
        launch.stop(at_once=lambda: stop.count > max(seen, 1))
        console.say("stopped; `make run` continues from here")


def prepare_database(inner: dict[str, str], folders: Folders) -> None:
    """Bring the web app's database to the present schema.

    Raises: PreparationError: that failed.
    """
    run_to_end(["-m", "flask", "--app", "webapp", "db", "upgrade"], inner, folders.logs / "web-database.log")


def close_unfinished_runs(inner: dict[str, str], folders: Folders, console: Console) -> None:
    """Close Dagster runs of an earlier life, when there was one.

    Raises: PreparationError: that failed.
    """
    if not (folders.dagster / "history").exists():
        return
    closed = run_to_end(["-m", "deploy.unfinished_runs"], inner, folders.logs / "dagster-unfinished.log").strip()
    if closed not in ("", "0"):
        console.say(f"{closed} Dagster runs were cut off when the product last stopped; Dagster starts them again")


def run_to_end(arguments: list[str], inner: dict[str, str], log: Path) -> str:
    """What one step of the preparation printed.

    Raises: PreparationError: it failed.
    """
    with log.open("a") as errors:
        step = subprocess.run([sys.executable, *arguments], cwd=PROJECT, env=inner, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=errors, text=True, check=False, start_new_session=True)
    if step.returncode:
        raise PreparationError(f"`python {' '.join(arguments)}` failed (status {step.returncode}); see {log}")
    return step.stdout


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
