"""``python -m deploy.container NAME``: one process of the product, in the foreground, as a container's command.

Compose, Kubernetes and `docker run` say the short name; the command lines are those of `make run`. Where the other
processes are is told by DAGSTER_URL, MLFLOW_URL and CODE_HOST; where state lies by DEMAND_STATE and the stores' URLs.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from demand_assets.dagster_instance.instance import prepare_home
from demand_assets.forecasting.dataset.dataset_file import DatasetFileError
from demand_assets.forecasting.registry.moved_files import prepare_models
from demand_assets.forecasting.store.half_restored import HalfRestoredError
from demand_assets.settings import Settings
from deploy.processes import COUNTED_VARIABLE, ELSEWHERE, METRICS, Folders, environment, processes
from deploy.settings import PROJECT, RunSettings

TOLD = ("DAGSTER_HOME", "DAGSTER_URL", "MLFLOW_URL", "CODE_HOST", "RUN_LAUNCHER")
"""Set by `make run` to what is on the same machine; in containers by who starts them."""
SHORT_NAMES = {"code": "dagster-code", "daemon": "dagster-daemon"}
EXTRA = {
    "worker": ("-m", "demand_assets.dagster_instance.runs.worker"),
    "migrate": ("-m", "dagster", "instance", "migrate"),
    "stores": ("-m", "deploy.stores"),
    "web-migrate": ("-m", "flask", "--app", "webapp", "db", "upgrade"),
}
"""What containers need and `make run` does not, as arguments of Python."""


OPENING_DAGSTER = ("code", "daemon", "dagster-web", "worker", "first-training", "migrate", METRICS)
"""They have the secrets that Dagster's settings file refers to, and write it; the others know nothing of Dagster's."""


def commands(settings: RunSettings, folders: Folders) -> dict[str, tuple[str, ...]]:
    """Name -> command line of everything that a container can be."""
    ours = {process.name: process.command for process in processes(settings, folders)}
    short = {name: ours.pop(long) for name, long in SHORT_NAMES.items()}
    if METRICS in ours:
        ours[METRICS] += (ELSEWHERE,)
    return short | ours | {name: (sys.executable, *arguments) for name, arguments in EXTRA.items()}


def first(name: str, outer: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Modules of Python, with arguments, that run to their end before that process starts."""
    if name == "web":
        return [("-m", "deploy.web_database")]
    runs_in = "code" if outer.get("DAGSTER_WORKERS") == "stock" else "daemon"
    if name == runs_in and outer.get("RUN_LAUNCHER", "local") == "local":
        # The runs were processes of the same container and ended with it; nobody else would notice.
        return [("-m", "deploy.state_directory.unfinished_runs")]
    return []


def container_environment(settings: RunSettings, folders: Folders, outer: Mapping[str, str]) -> dict[str, str]:
    """The environment of the process: as in `make run`, but for where the others are."""
    given = {name: outer[name] for name in TOLD if outer.get(name)}
    ours = environment(settings, folders, outer) | given
    # A folder of this container alone. Where it has none the variable is not set at all: set to nothing, the library's
    # counters write into the working folder.
    ours.pop(COUNTED_VARIABLE, None)
    if outer.get(COUNTED_VARIABLE):
        ours[COUNTED_VARIABLE] = outer[COUNTED_VARIABLE]
    return ours | {"MLFLOW_TRACKING_URI": ours["MLFLOW_URL"],
                   "DEMAND_MLFLOW_URL": outer.get("DEMAND_MLFLOW_URL", ours["MLFLOW_URL"])}


def main(arguments: Sequence[str]) -> int:
    """Prepare what the process needs and become it; an exit status only when that is impossible."""
    name = arguments[0] if arguments else ""
    try:
        pipeline = Settings()  # from the environment
        # A container is one process, with nobody who forks.
        settings = RunSettings(dataset=pipeline.dataset, state=pipeline.state, listen_host="0.0.0.0",
                               demand_start="exec")
        folders = Folders(pipeline.folder)
    except (DatasetFileError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    known = commands(settings, folders)
    if name not in known:
        print(f"{name!r} is no process of the product; say one of {', '.join(sorted(known))}", file=sys.stderr)
        return 2
    try:
        folders.make()
    except HalfRestoredError as error:
        print(error, file=sys.stderr)
        return 2
    ours = container_environment(settings, folders, os.environ)
    if name in OPENING_DAGSTER:
        prepare_home(Path(ours["DAGSTER_HOME"]))
    if name == "mlflow" and (moved := prepare_models(
            folders.mlflow, settings.mlflow_database_url, settings.mlflow_artifacts_url)):
        print(f"{moved} locations of models' files named another folder; they name {folders.mlflow} now", flush=True)
    if COUNTED_VARIABLE in ours:
        Path(ours[COUNTED_VARIABLE]).mkdir(mode=0o700, parents=True, exist_ok=True)
    for before in first(name, os.environ):
        subprocess.run([sys.executable, *before], cwd=PROJECT, env=ours, check=True)
    return become(known[name], ours)


def become(command: tuple[str, ...], ours: dict[str, str]) -> NoReturn:
    """Go on as that command, so that it gets the container's signals itself."""
    os.chdir(PROJECT)
    os.execvpe(command[0], command, ours)  # nosec B606  # the command that was asked for


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
