"""``make worker`` and ``demand-worker``: a worker in the foreground, on this or another machine.

The first Ctrl-C or SIGTERM lets it finish its runs and take no new ones, the second ends it at once.
"""

import os
import signal
import subprocess
import sys

from demand_assets.forecasting.dataset.dataset_file import DatasetFileError, load_dataset
from demand_assets.forecasting.store.half_restored import HalfRestoredError
from deploy.processes import RUN_FOLDER_VARIABLE, Folders, environment
from deploy.run import StopSignals, no_arguments
from deploy.settings import RunSettings, SettingsError, read_worker_settings

LOOK_SECONDS = 0.5


def main() -> int:
    """Work until told to stop; the exit status."""
    no_arguments("demand-worker", "Carry out Dagster's runs until Ctrl-C, which lets them finish.")
    stop = StopSignals()
    try:
        settings = read_worker_settings()
        dataset = load_dataset(settings.dataset_file, settings.horizon)
        folders = Folders(settings.state_folder / dataset.name)
        folders.make()
    except (SettingsError, DatasetFileError, HalfRestoredError) as error:
        print(error, file=sys.stderr)
        return 1
    # In a session of its own, so that a Ctrl-C in the terminal reaches us only: it would interrupt the runs.
    worker = subprocess.Popen([sys.executable, "-m", "demand_assets.dagster_instance.runs.worker"], cwd=folders.root,
                              start_new_session=True,
                              env=environment(settings, folders) | _own(settings, folders))
    told = 0
    while worker.poll() is None:
        if stop.count > told:
            told = stop.count
            if told == 1:
                print("finishing the runs that go on, taking no new ones; again ends them at once", flush=True)
                worker.terminate()
            else:
                os.killpg(worker.pid, signal.SIGKILL)
        try:
            worker.wait(LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    return 0 if told else worker.returncode


def _own(settings: RunSettings, folders: Folders) -> dict[str, str]:
    """What a worker is told otherwise than the processes of `make run`, to which it does not belong."""
    mlflow = str(settings.mlflow_url)
    return {RUN_FOLDER_VARIABLE: str(folders.root / "worker"), "MLFLOW_URL": mlflow, "MLFLOW_TRACKING_URI": mlflow,
            "DEMAND_MLFLOW_URL": mlflow}


if __name__ == "__main__":
    sys.exit(main())
