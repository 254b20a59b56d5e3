"""``make backup``: all that the product keeps in one file, taken while it runs."""

import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from demand_assets.forecasting.dataset.dataset_file import DatasetFileError, load_dataset
from demand_assets.forecasting.store.half_restored import HalfRestoredError, refuse_half_restored
from demand_assets.forecasting.store.private_folder import private_files
from deploy.backup.archive import FORMAT, ArchiveWriter, BackupError, Manifest
from deploy.backup.contents import DATASET, ORDER, SQLITE_NAMES, Contents, dump_of
from deploy.backup.databases import copy_sqlite, opened, revision_of
from deploy.backup.models_in_use import folders_in_use
from deploy.console import Console
from deploy.processes import Folders
from deploy.settings import SettingsError, read_backup_settings

SUFFIX = ".backup.tar"


def main() -> int:
    """Take a backup; the exit status."""
    console = Console()
    try:
        settings = read_backup_settings()
        dataset = load_dataset(settings.dataset_file, settings.horizon)
        contents = Contents(settings, Folders(settings.state_folder / dataset.name))
        began = datetime.now(UTC)
        target = _target(settings.target, dataset.name, began)
        taken, lost = take(contents, dataset.name, target, began)
    except (SettingsError, DatasetFileError, HalfRestoredError, BackupError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"the backup was not taken, and nothing is left of it: {error}; make room, or name another place: make "
              "backup TO=…", file=sys.stderr)
        return 1
    for line in lost:
        console.say(line)
    console.say(f"{taken}: {taken.stat().st_size / 1e6:,.1f} MB in {(datetime.now(UTC) - began).total_seconds():.1f} s")
    console.say("it holds password hashes, the key of sessions and all demand: keep it as you would keep those")
    return 0


def take(contents: Contents, dataset: str, target: Path, began: datetime) -> tuple[Path, list[str]]:
    """The backup, and in words which models in use have no files in it.

    Raises: BackupError, HalfRestoredError, OSError: it cannot be taken; nothing is left of it.
    """
    private_files()
    refuse_half_restored(contents.folders.root)
    if not contents.folders.root.is_dir():
        raise BackupError(f"{contents.folders.root} is not there, so nothing can be kept of it; name the state "
                          "directory: make backup STATE=…")
    revisions: dict[str, str] = {}
    in_use: dict[str, str] = {}
    with ArchiveWriter(target) as archive:
        for begin in (*ORDER, ""):
            for which in SQLITE_NAMES:
                if begin == SQLITE_NAMES[which]:
                    revisions[which] = _add_database(contents, which, archive, in_use)
            for name in contents.names(begin):
                if name not in archive.files and (begin or not name.startswith(ORDER)):
                    place, there = contents.home_of(name)
                    place.add_to(archive, there, name)
        archive.add_path(DATASET, contents.settings.dataset_file)
        there_are = {name.rpartition("/")[0] for name in archive.files}
        lost = [f"{model} has no files, neither there nor in this backup" for model, folder in in_use.items()
                if folder not in there_are]
        return archive.finish(Manifest(
            format=FORMAT, made_at=began.isoformat(timespec="seconds"), product=_product(), dataset=dataset,
            artifacts=contents.artifacts, databases=contents.kinds, revisions=revisions, files=archive.files)), lost


def _add_database(contents: Contents, which: str, archive: ArchiveWriter, in_use: dict[str, str]) -> str:
    """The revision of the tables of web, dagster or mlflow, whose database was added; empty where there is none.

    Args:
        in_use: gets the models that MLflow's database has in use.
    """
    server, name = contents.servers.get(which), SQLITE_NAMES[which]
    path = contents.folders.root / name
    if server is None and not path.is_file():
        return ""
    with archive.scratch() as copy:
        if server:
            server.dump(copy)
        else:
            copy_sqlite(path, copy)
        with opened(server.url if server else f"sqlite:///{copy}") as engine:
            revision = revision_of(engine)
            if which == "mlflow" and revision:
                in_use |= folders_in_use(engine, contents.artifacts)
        archive.add_path(dump_of(which) if server else name, copy)
    return revision


def _target(given: Path, dataset: str, began: datetime) -> Path:
    """The file to be written: the one that is named, or one in the folder that is."""
    return given if given.name.endswith(".tar") else given / f"{dataset}-{began:%Y%m%dT%H%M%SZ}{SUFFIX}"


def _product() -> str:
    try:
        return version("demand-forecasting")
    except PackageNotFoundError:
        return "unknown"


if __name__ == "__main__":
    sys.exit(main())
