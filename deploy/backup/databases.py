"""Databases as they are at one moment, while others write to them; and put back."""

import contextlib
import importlib.util
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from sqlalchemy import URL, Engine, NullPool, create_engine, inspect, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from demand_assets.forecasting.contract.database_urls import with_driver
from deploy.backup.archive import BackupError
from deploy.settings import PROJECT

SQLITE, POSTGRESQL = "sqlite", "postgresql"
SQLITE_MAGIC = b"SQLite format 3\0"
POSTGRESQL_FOLDERS = Path("/usr/lib/postgresql")
ASIDE = "before_"
"""How the names of schemas begin that a restore puts aside; no backup has them."""
WAIT_SECONDS = 60
"""How long a copy waits for whoever holds an SQLite database for itself."""
REVISIONS = {"web": ("", "webapp/migrations/versions"), "mlflow": ("mlflow", "store/db_migrations/versions"),
             "dagster": ("dagster", "_core/storage/alembic/versions")}
"""Whose tables -> the package, or the project, and the folder in it that has its migrations."""


def is_sqlite(path: Path) -> bool:
    """Whether the file is an SQLite database, or one that is just being made."""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        begin = file.read(len(SQLITE_MAGIC))
        return begin == SQLITE_MAGIC or (not begin and path.suffix == ".db")
    return False


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy the database as it is at one moment, whoever writes to it; one file, with nothing beside it.

    Raises: BackupError: it is damaged, or held for long.
    """
    try:
        with contextlib.closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=rw", uri=True,
                                                timeout=WAIT_SECONDS)) as there, (
                contextlib.closing(sqlite3.connect(target))) as here:
            there.backup(here)
            here.execute("PRAGMA journal_mode=DELETE")
            found = here.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        if "disk is full" in str(error) or "disk I/O" in str(error):
            raise OSError(f"no room for a copy of {source.name}: {error}") from error
        raise BackupError(f"the database {source} cannot be read: {error}") from error
    if found != "ok":
        raise BackupError(f"the database {source} is damaged: {found}; a backup of it would be too. Restore an earlier "
                          "backup")


@dataclass(frozen=True)
class Postgres:
    """A database on a server.

    Args:
        url: as the settings have it.
    """

    url: str

    @property
    def _parsed(self) -> URL:
        return make_url(with_driver(self.url))

    @property
    def named(self) -> str:
        """The database for people: without a password."""
        return self._parsed.render_as_string(hide_password=True).replace("+psycopg2", "")

    def dump(self, target: Path) -> None:
        """Write the database as it is at one moment, as ``pg_dump --format=custom`` writes it.

        Raises: BackupError: it does not answer, or pg_dump is not installed or too old.
        """
        self._run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--exclude-schema={ASIDE}*",
                  f"--file={target}")

    def in_use_by(self) -> int:
        """How many others are connected to it."""
        with opened(self.url) as engine, engine.connect() as connection:
            found = connection.scalar(text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                                           "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"))
        return int(found or 0)

    def is_empty(self) -> bool:
        """Whether it has no tables."""
        with opened(self.url) as engine:
            return not inspect(engine).get_table_names()

    def put_back(self, dump: Path) -> str | None:
        """Fill the database from a dump, whole or not at all; the schema that what was there lies in now, if anything.

        Raises: BackupError: it does not answer, or pg_restore is not installed or too old; the database is as it was.
        """
        aside = None if self.is_empty() else f"{ASIDE}{uuid4().hex[:12]}"
        if aside:
            self._say(f'ALTER SCHEMA public RENAME TO "{aside}"', "CREATE SCHEMA public",
                      "GRANT USAGE ON SCHEMA public TO PUBLIC")
        try:
            self._run("pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", dump)
        except BackupError:
            if aside:
                self._say("DROP SCHEMA public CASCADE", f'ALTER SCHEMA "{aside}" RENAME TO public')
            raise
        return aside

    def _say(self, *statements: str) -> None:
        with opened(self.url) as engine, engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))

    def _run(self, program: str, *arguments: str | Path) -> None:
        found = postgresql_program(program)
        url = self._parsed
        # The password neither on the command line nor in what is printed.
        secret = {"PGPASSWORD": str(url.password)} if url.password else {}
        plain = url.set(drivername="postgresql")._replace(password=None).render_as_string(hide_password=False)
        done = subprocess.run([found, *map(str, arguments[:-1]), f"--dbname={plain}", str(arguments[-1])],
                              check=False, capture_output=True, text=True, env=os.environ | secret)
        if done.returncode:
            raise BackupError(f"{program} of {self.named} failed: {done.stderr.strip()[-500:]}")


def postgresql_program(name: str) -> str:
    """One of PostgreSQL's programs: Debian's newest, or the one on the PATH.

    Raises: BackupError: it is not installed.
    """
    folders = sorted((folder for folder in POSTGRESQL_FOLDERS.glob("*/bin") if (folder / name).exists()),
                     key=lambda folder: int(folder.parent.name))
    if folders:
        return str(folders[-1] / name)
    if on_path := shutil.which(name):
        return on_path
    raise BackupError(f"{name} is not installed (Debian: apt install postgresql-client)")


@contextlib.contextmanager
def opened(url: str) -> Iterator[Engine]:
    """A database of either kind, for the block.

    Raises: BackupError: it does not answer, or refuses.
    """
    engine = create_engine(with_driver(url), poolclass=NullPool, hide_parameters=True)
    try:
        yield engine
    except SQLAlchemyError as error:
        named = make_url(url).render_as_string(hide_password=True)
        raise BackupError(f"the database {named} cannot be used: {str(error).splitlines()[0]}") from error
    finally:
        engine.dispose()


def revision_of(engine: Engine) -> str:
    """The revision of the tables, as Alembic notes it; empty where it noted none."""
    if "alembic_version" not in inspect(engine).get_table_names():
        return ""
    with engine.connect() as connection:
        return str(connection.scalar(text("SELECT version_num FROM alembic_version")) or "")


def known_revisions(of: str) -> set[str]:
    """The revisions that this installation can upgrade from.

    Args:
        of: web, mlflow or dagster.
    """
    package, below = REVISIONS[of]
    root = PROJECT
    if package:
        found = importlib.util.find_spec(package)
        if found is None or not found.submodule_search_locations:
            return set()
        root = Path(found.submodule_search_locations[0])
    said = re.compile(r"^revision(?:: str)? = [\"']([^\"']+)[\"']", re.MULTILINE)
    return {name for file in (root / below).glob("*.py") for name in said.findall(file.read_text())}
