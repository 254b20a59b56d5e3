"""States to be backed up, with a database of each kind, and what is compared of them."""

import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from deploy.backup.contents import Contents
from deploy.processes import Folders
from deploy.settings import RestoreSettings

NAME = "shop"
RUN = "0123456789abcdef0123456789abcdef"
FILES = {
    "web/secret_key": "of sessions", "web/models/shop.north.kettle/1/model.ubj": "cached",
    "demand/catalogue.json": "{}", "demand/demand/north/kettle.parquet": "demand",
    "demand/journal/20261128/1.jsonl": "", "demand/adjustments/north/kettle.json": "{}",
    "demand/monitoring/1.json": "[]",
    f"mlflow/artifacts/{RUN}/artifacts/models/north/kettle/model.ubj": "model",
    "dagster/storage/1/compute_logs/step.out": "said",
}
NOT_KEPT = {"run/lock": "1", "logs/web.log": "said", "dagster/dagster.yaml": "secret", "demand/x.json.tmp": "half"}


def contents(state: Path, **settings: str) -> Contents:
    """What the dataset keeps in that state directory."""
    told = RestoreSettings(called_from=state.parent, dataset=Path("shop.toml"), state=state, **settings)
    return Contents(told, Folders(state / NAME))


def database(path: Path, *statements: str) -> None:
    """Make an SQLite database, as ours are: written ahead."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=WAL")
        for statement in statements:
            connection.execute(statement)


def make_state(state: Path) -> Path:
    """A state directory with something of all that is kept, and of what is not; the dataset's folder."""
    root = state / NAME
    state.parent.mkdir(parents=True, exist_ok=True)
    (state.parent / "shop.toml").write_text("name = 'shop'\n")
    for name, content in (FILES | NOT_KEPT).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    version = "CREATE TABLE alembic_version (version_num VARCHAR(32))"
    source = f"{root}/mlflow/artifacts/{RUN}/artifacts/models/north/kettle"
    database(root / "web/app.db", version, "INSERT INTO alembic_version VALUES ('0019')",
             "CREATE TABLE adjustment (key TEXT, is_due BOOLEAN)", "INSERT INTO adjustment VALUES ('north|kettle', 0)")
    database(root / "dagster/history/runs.db", version, "INSERT INTO alembic_version VALUES ('29b539ebc72a')")
    database(root / "dagster/history/runs/1.db", "CREATE TABLE event_logs (id INTEGER)")
    database(root / "dagster/schedules/schedules.db", "CREATE TABLE jobs (id INTEGER)")
    database(root / "mlflow/mlflow.db", version, "INSERT INTO alembic_version VALUES ('dc11669786a5')",
             "CREATE TABLE model_versions (name TEXT, version INTEGER, source TEXT, storage_location TEXT)",
             "CREATE TABLE registered_model_aliases (alias TEXT, name TEXT, version INTEGER)",
             f"INSERT INTO model_versions VALUES ('shop.north.kettle', 1, '{source}', '{source}')",
             "INSERT INTO registered_model_aliases VALUES ('production', 'shop.north.kettle', 1)")
    return root


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    """What a query finds in an SQLite database."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def hashes(folder: Path) -> dict[str, str]:
    """Name -> hash of every file below the folder, but for that which says who holds a state."""
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file() and path.parts[-2:] != ("run", "lock")}


def names_in(folder: Path) -> list[str]:
    """The names of what is in the folder, sorted."""
    return sorted(path.name for path in folder.iterdir())
