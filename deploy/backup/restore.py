"""``make restore``: what a backup holds is put back, whole or not at all."""

import contextlib
import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
from sqlalchemy import Engine, inspect, text

from demand_assets.forecasting.registry.moved_files import bring_home, replace_root
from demand_assets.forecasting.store.half_restored import mark, mark_of, was_begun
from demand_assets.forecasting.store.private_folder import private_files
from deploy.backup.archive import FORMAT, Archive, BackupError, sync_folder
from deploy.backup.contents import ARTIFACTS, DATASET, SQLITE_NAMES, Contents, dump_of
from deploy.backup.databases import known_revisions, opened
from deploy.backup.files import Folder, Objects
from deploy.console import Console
from deploy.processes import Folders
from deploy.settings import RestoreSettings, SettingsError, read_restore_settings
from deploy.state_directory.ownership import AlreadyRunningError, processes_of, state_lock


def main() -> int:
    """Put a backup back; the exit status."""
    console = Console()
    try:
        settings = read_restore_settings()
        archive = Archive(settings.backup)
        manifest = archive.manifest
        console.say(f"{archive.path} is whole: dataset {manifest.dataset}, {len(manifest.files)} files, taken at "
                    f"{manifest.made_at} by version {manifest.product}")
        contents = Contents(settings, Folders(settings.state_folder / manifest.dataset))
        for line in restore(archive, contents, settings.overwrite):
            console.say(line)
        console.say(_next(settings, contents))
    except (SettingsError, BackupError, AlreadyRunningError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"the backup cannot be put back: {error}", file=sys.stderr)
        return 1
    return 0


def restore(archive: Archive, contents: Contents, overwrite: bool = False) -> Iterator[str]:
    """Put the backup back where the settings say; what was done, in words, as it is done.

    Args:
        overwrite: whether what is there may go; a state directory and databases are put aside, objects are removed.
    Raises: BackupError, AlreadyRunningError, OSError: it cannot be; nothing is changed, or the next start says that the
        state is half restored.
    """
    private_files()
    root = contents.folders.root
    root.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(root):
        _require_usable(archive, contents)
        _require_unused(contents)
        before = _in_the_way(contents)
        targets = sorted([server.named for server in contents.servers.values()]
                         + [str(place.url if isinstance(place, Objects) else place.root)
                            for place in contents.elsewhere.values()])
        if before and not overwrite and not was_begun(root, targets):
            raise BackupError(f"not restored, for something is there: {'; '.join(before)}. Restore to another place "
                              "(make restore STATE=…), or say OVERWRITE=yes: a state directory and databases are then "
                              "put aside, objects are removed")
        _set_mark(root, mark(archive.path, overwrite, targets))
        new = root.with_name(f".{root.name}.restored")
        shutil.rmtree(new, ignore_errors=True)  # what an earlier restore left that was cut off
        is_changed = bool(contents.servers or contents.elsewhere)
        try:
            yield from _put_back(archive, contents, new)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            if not is_changed:
                _remove_mark(root)
            raise
        _remove_mark(root)


def _put_back(archive: Archive, contents: Contents, new: Path) -> Iterator[str]:
    """Put it back, with the state directory last; what was done, in words.

    Args:
        new: where the state directory is made, beside its place.
    """
    root, now = contents.folders.root, f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"
    new.mkdir(mode=0o700)
    places = {id(place): place for place in contents.elsewhere.values()}
    for place in places.values():
        if isinstance(place, Folder) and not place.is_empty():
            aside = place.root.with_name(f"{place.root.name}.before-{now}")
            place.root.rename(aside)
            yield f"what was in {place.root} is in {aside} now"
    written: dict[int, set[str]] = {key: set() for key in places}
    made = Folder(new)
    for name, content in archive.members():
        place, there = contents.home_of(name)
        if id(place) in places:
            place.write(there, content)
            written[id(place)].add(there)
        else:
            made.write(name, content)
    for key, place in places.items():
        if isinstance(place, Objects) and (gone := place.remove_others(written[key])):
            yield f"{gone} objects that the backup does not have are removed from {place.url}"
    for which, server in sorted(contents.servers.items()):
        if (dump := new / dump_of(which)).exists():
            aside_schema = server.put_back(dump)
            yield f"database {server.named} is as it was" + (
                f"; what was there is in its schema {aside_schema}" if aside_schema else "")
    shutil.rmtree(new / Path(dump_of("web")).parent, ignore_errors=True)
    yield from _settle(archive, contents, new)
    os.sync()  # all of it at once: a file after the other takes ten times as long
    if contents.state.is_empty():
        shutil.rmtree(root, ignore_errors=True)
    was = root.with_name(f"{root.name}.before-{now}") if root.exists() else None
    try:
        if was:
            root.rename(was)
        new.rename(root)
    except BaseException:
        if was and was.exists() and not root.exists():
            was.rename(root)
        raise
    sync_folder(root.parent)
    if was:
        yield f"what was in {root} is in {was} now; remove it when you do not need it any more"
    yield f"{root} is as it was"


def _settle(archive: Archive, contents: Contents, new: Path) -> Iterator[str]:
    """Have the parts, which were taken one after the other, agree; what was done, in words."""
    urls = {which: contents.servers[which].url if which in contents.servers else f"sqlite:///{new / name}"
            for which, name in SQLITE_NAMES.items()
            if which in contents.servers or (new / name).exists()}
    if "web" in urls:
        with opened(urls["web"]) as engine:
            _write_adjustments_again(engine)
    if "mlflow" in urls and archive.manifest.revisions.get("mlflow"):
        moved = replace_root(urls["mlflow"], archive.manifest.artifacts, contents.artifacts)
        if ARTIFACTS not in contents.elsewhere:  # taken from a copy that was never started
            moved += bring_home(urls["mlflow"], contents.artifacts)
        if moved:
            yield f"models' files were in {archive.manifest.artifacts}; MLflow looks in {contents.artifacts} now"


def _write_adjustments_again(engine: Engine) -> None:
    """Have the background process write every file of what planners said of the past from the app's database."""
    for table, update in (("adjustment", "UPDATE adjustment SET is_due = :due"),
                          ("carried_link", "UPDATE carried_link SET is_due = :due WHERE NOT is_of_file")):
        if inspect(engine).has_table(table) and "is_due" in {
                found["name"] for found in inspect(engine).get_columns(table)}:
            with engine.begin() as connection:
                connection.execute(text(update), {"due": True})


def _require_usable(archive: Archive, contents: Contents) -> None:
    """Refuse a backup of a newer version, or of another kind of databases. Raises: BackupError."""
    manifest = archive.manifest
    newer = [f"the format {manifest.format} of backups"] if manifest.format > FORMAT else []
    newer += [f"revision {revision} of the tables of {which}" for which, revision in manifest.revisions.items()
              if revision and revision not in known_revisions(which)]
    if newer:
        raise BackupError(f"{archive.path} was taken by a newer version of the product ({manifest.product}): this one "
                          f"does not know {', '.join(newer)}. Install that version or a later one, and restore with it")
    words = {"sqlite": "files in the state directory", "postgresql": "a PostgreSQL server"}
    for which, kind in contents.kinds.items():
        of = manifest.databases.get(which, kind)
        if of != kind and manifest.revisions.get(which):
            raise BackupError(f"the backup has the tables of {which} in {words[of]}, these settings have them in "
                              f"{words[kind]}: they cannot be carried over. Restore with "
                              f"{'PROFILE=embedded and without' if of == 'sqlite' else 'PROFILE=stores and with'} "
                              "the settings of databases on a server")


def _require_unused(contents: Contents) -> None:
    """Refuse where something uses what is there. Raises: BackupError."""
    root = contents.folders.root
    users = {process.pid for process in processes_of(root)} | _who_holds_open(root)
    if users:
        raise BackupError(f"{root} is in use by the processes {', '.join(map(str, sorted(users)))}; stop them first, "
                          "or restore to another place: make restore STATE=…")
    for server in contents.servers.values():
        if others := server.in_use_by():
            raise BackupError(f"the database {server.named} is in use by {others} connections; stop the product first, "
                              "or name another database")


def _who_holds_open(root: Path) -> set[int]:
    """The other processes that have a file below the folder open, of those that we may look into."""
    begin, found = f"{root}/", set[int]()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and any(name.startswith(begin) and Path(name).is_file()
                                                  for name in _open_files(process)):
                found.add(process.pid)
    return found


def _open_files(process: psutil.Process) -> Iterator[str]:
    """The names of what the process has open. On Linux the names alone are read, as a machine has ten thousands."""
    if not sys.platform.startswith("linux"):
        yield from (file.path for file in process.open_files())
        return
    for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            yield str(descriptor.readlink())


def _in_the_way(contents: Contents) -> list[str]:
    """What is there already, in words."""
    found = [] if contents.state.is_empty() else [f"{contents.folders.root} has files"]
    found += [f"the database {server.named} has tables" for server in contents.servers.values()
              if not server.is_empty()]
    return found + [f"{place.url if isinstance(place, Objects) else place.root} has files"
                    for place in contents.elsewhere.values() if not place.is_empty()]


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Hold the state, and be the only restore of it.

    Raises: AlreadyRunningError, BackupError: another run or restore holds it.
    """
    with contextlib.ExitStack() as held:
        folder = os.open(root.parent, os.O_RDONLY | os.O_DIRECTORY)
        held.callback(os.close, folder)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"another restore to {root.parent} goes on; wait for it") from None
        if (root / "run").is_dir():
            held.enter_context(state_lock(root / "run"))
        yield


def _set_mark(root: Path, content: str) -> None:
    new = mark_of(root).with_name(f"{mark_of(root).name}.new")
    with new.open("w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(mark_of(root))
    sync_folder(root.parent)


def _remove_mark(root: Path) -> None:
    mark_of(root).unlink(missing_ok=True)
    sync_folder(root.parent)


def _next(settings: RestoreSettings, contents: Contents) -> str:
    """What to do now."""
    kept, given = contents.folders.root / DATASET, settings.dataset_file
    same = given.is_file() and kept.read_bytes() == given.read_bytes()
    dataset = "" if same else f"DATASET={kept} "
    differs = "" if same else f"; {given} is not the dataset file that the backup was taken with, which is {kept}"
    return f"start it with: make run {dataset}STATE={settings.state_folder} PROFILE={settings.profile}{differs}"


if __name__ == "__main__":
    sys.exit(main())
