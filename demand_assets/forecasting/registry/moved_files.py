"""Where MLflow's database says that files are, after the state directory was moved or copied.

MLflow stores absolute locations. A copied state would write into the folder that it was copied from, and its expiry
would remove files there; one that was moved would find nothing. So what lies in a state directory is named anew when a
state is opened: all of it, whether or not the earlier folder is still there.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy import Engine, NullPool, bindparam, column, create_engine, inspect, select, table, update

from demand_assets.forecasting.contract.database_urls import with_driver

LOCATIONS = {
    "experiments": (("experiment_id",), ("artifact_location",)),
    "runs": (("run_uuid",), ("artifact_uri",)),
    "model_versions": (("name", "version"), ("source", "storage_location")),
    "logged_models": (("model_id",), ("artifact_location",)),
}
"""Table of MLflow's database -> its key, and its columns that say where files are."""
WITHOUT_SERVER = ("mlruns", "0")
"""How the location ends of the experiment that MLflow makes by itself where no server does: in the folder in which
that process happened to stand. It is no sign that a state was moved."""


def prepare_models(folder: Path, database_url: str | None = None, artifacts_url: str | None = None) -> int:
    """How many locations MLflow's database had of another state directory; they are of this one now.

    In an object store there are none: what lies in it is where it was. A database in the folder is written ahead from
    now on: a commit is cheaper, readers and writers do not wait for each other, and the file keeps the mode for whoever
    opens it.

    Args:
        folder: MLflow's in the state directory, made if it is not there.
        database_url: of a database on a server; without one it is in the folder.
        artifacts_url: of the object store that has the files; without one they are in the folder.
    """
    if database_url is not None:
        return 0 if artifacts_url is not None else bring_home(database_url, str(folder / "artifacts"))
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    return bring_home(f"sqlite:///{folder / 'mlflow.db'}", str(folder.resolve() / "artifacts"))


def at_home(location: str, artifacts: str) -> str:
    """The location in the folder of this state's artifacts, of what lay in such a folder anywhere; else as it is.

    Args:
        location: a path, or a URI.
        artifacts: this state's folder ``…/<dataset>/mlflow/artifacts``, absolute.
    """
    path = _local(location)
    if path is None:
        return location
    home = Path(artifacts)
    below = _below(path, home.parts[-3:])
    if below is None and _is_without_server(path):
        below = (WITHOUT_SERVER[-1],)
    if below is None or path == home.joinpath(*below):
        return location
    # Spelled as it was: a path, or a URI.
    return home.joinpath(*below).as_uri() if location.startswith("file:") else str(home.joinpath(*below))


def bring_home(database_url: str, artifacts: str) -> int:
    """How many locations MLflow's database had of an earlier place of this state; they are of this one now.

    Args:
        artifacts: as of ``at_home``.
    """
    return _rewritten(database_url, lambda location: at_home(location, artifacts))


def replace_root(database_url: str, earlier: str, present: str) -> int:
    """How many locations began with the earlier root of all artifacts; they begin with the present one now."""
    earlier, present = earlier.rstrip("/"), present.rstrip("/")

    def replaced(location: str) -> str:
        begins = location == earlier or location.startswith(f"{earlier}/")
        return present + location.removeprefix(earlier) if begins else location

    return _rewritten(database_url, replaced) if earlier != present else 0


def _local(location: str) -> Path | None:
    parsed = urlsplit(location)
    if parsed.scheme == "file":
        return Path(unquote(parsed.path))
    return Path(location) if location.startswith("/") else None


def _is_without_server(path: Path) -> bool:
    return path.parts[-2:] == WITHOUT_SERVER


def _below(path: Path, layout: tuple[str, ...]) -> tuple[str, ...] | None:
    """The part of the path below the last folder in it that is laid out so; None without one."""
    for start in range(len(path.parts) - len(layout), -1, -1):
        if path.parts[start:start + len(layout)] == layout:
            return path.parts[start + len(layout):]
    return None


def _rewritten(database_url: str, place: Callable[[str], str]) -> int:
    """How many locations of models' files were put in another place, in one transaction."""
    engine = create_engine(with_driver(database_url), poolclass=NullPool, hide_parameters=True)
    try:
        return _rewrite(engine, place)
    finally:
        engine.dispose()


def _rewrite(engine: Engine, place: Callable[[str], str]) -> int:
    count = 0
    present = set(inspect(engine).get_table_names())
    with engine.begin() as connection:
        for name, (key, locations) in LOCATIONS.items():
            if name not in present:
                continue
            for location in locations:
                found = table(name, *map(column, (*key, location)))
                changed = []
                of_models = 0
                for *values, is_at in connection.execute(select(*found.c)):
                    with suppress(ValueError):  # no URI: nothing that we wrote
                        if is_at and (now_at := place(is_at)) != is_at:
                            changed.append({f"key_{part}": value for part, value in zip(key, values, strict=True)}
                                           | {"now_at": now_at})
                            path = _local(is_at)
                            of_models += path is None or not _is_without_server(path)
                if changed:
                    of_row = [found.c[part] == bindparam(f"key_{part}") for part in key]
                    connection.execute(update(found).where(*of_row).values({location: bindparam("now_at")}), changed)
                count += of_models
    return count
