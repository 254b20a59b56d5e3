"""``make run`` and ``demand-run``: the whole product on one machine, in the foreground, until Ctrl-C."""

import argparse
import os
import runpy
import signal
import sys
from types import FrameType

from demand_assets.dagster_instance.instance import prepare_home
from demand_assets.forecasting.dataset.dataset_file import Dataset, DatasetFileError, load_dataset
from demand_assets.forecasting.registry.moved_files import prepare_models
from demand_assets.forecasting.store.half_restored import HalfRestoredError
from demand_assets.settings import Settings
from deploy.console import Console
from deploy.processes import Folders, environment
from deploy.settings import PROJECT, RunSettings, SettingsError, read_settings
from deploy.start_in_order import Launch
from deploy.state_directory.ownership import (
    AlreadyRunningError,
    PortInUseError,
    end_leftovers,
    require_free_ports,
    state_lock,
)
from deploy.supervision.commands import CommandFailedError
from deploy.supervision.runner import RunnerError


class StopSignals:
    """Counts the requests to stop: Ctrl-C, SIGTERM, a closed terminal."""

    def __init__(self) -> None:
        self.count = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._received)

    def _received(self, number: int, frame: FrameType | None) -> None:
        self.count += 1


def no_arguments(program: str, does: str) -> None:
    """Refuse arguments, and answer ``--help``: all settings come from the environment."""
    argparse.ArgumentParser(
        prog=program, description=f"{does} Settings are environment variables: DATASET (a dataset file), STATE (a "
        "folder, ./var unless given), WEB_PORT and others; the README lists them.").parse_args()


def main() -> int:
    """Start everything, stay until told to stop; the exit status."""
    no_arguments("demand-run", "Start the whole product and stay until Ctrl-C.")
    stop = StopSignals()
    try:
        settings = read_settings()
        dataset = load_dataset(settings.dataset_file, settings.horizon)
        folders = Folders(settings.state_folder / dataset.name)
        if folders.make():
            Console().say(f"{folders.root} was open to other users of this machine; it is closed to them now")
        with state_lock(folders.run):
            serve(settings, dataset, folders, stop)
    except (SettingsError, DatasetFileError, HalfRestoredError, AlreadyRunningError, PortInUseError,
            CommandFailedError, RunnerError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"the state directory cannot be used: {error}; choose another: make run STATE=./other", file=sys.stderr)
        return 1
    return 0


def serve(settings: RunSettings, dataset: Dataset, folders: Folders, stop: StopSignals) -> None:
    """Prepare the state directory, start all processes, report, and stop them when told to.

    Raises: PortInUseError, CommandFailedError, RunnerError: the product cannot start; nothing is left running.
    """
    console = Console()
    title = f" ({dataset.title})" if dataset.title != dataset.name else ""
    console.say(f"dataset {dataset.name}{title}, state in {folders.root}")
    # Read as a file: to import it is to import the web app, for which the launcher has no use.
    front_end = runpy.run_path(str(PROJECT / "webapp" / "vendored_files.py"))
    if absent := front_end["missing_files"]():
        console.say(f"the pages will have no style: {', '.join(absent)} are not in {front_end['VENDOR']}; in a "
                    "checkout run `make setup`, and install from there")
    if leftovers := end_leftovers(folders.root):
        console.say(f"an earlier run was killed and left {leftovers} processes behind; they are stopped now")
    require_free_ports(settings.ports, settings.web_host)
    prepare_home(folders.dagster, Settings(**settings.of_the_pipeline))
    if settings.metrics_port:
        folders.begin_to_count()
    if moved := prepare_models(folders.mlflow, settings.mlflow_database_url, settings.mlflow_artifacts_url):
        console.say(f"the state was moved or copied here: {moved} locations of models' files in MLflow, which named "
                    "the folder it comes from, name this one now")
    os.chdir(folders.run)
    launch = Launch(settings, folders, environment(settings, folders), console)
    try:
        launch.stay_until(lambda: stop.count > 0)
    finally:
        console.say("stopping everything; Ctrl-C again ends it at once")
        seen = max(stop.count, 1)
        launch.stop(at_once=lambda: stop.count > seen)
        console.say("stopped; `make run` continues from here")


if __name__ == "__main__":
    sys.exit(main())
