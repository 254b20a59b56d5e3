"""Databases and objects on servers: kept while others write, and put back where there is room for them."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest
from s3fs import S3FileSystem
from sqlalchemy import text

from demand_assets.forecasting.store.half_restored import HalfRestoredError, mark_of
from deploy.backup import databases
from deploy.backup.archive import Archive, BackupError
from deploy.backup.contents import Contents
from deploy.backup.databases import Postgres, copy_sqlite, known_revisions, opened
from deploy.backup.files import Objects
from deploy.backup.restore import restore
from deploy.backup.take import take
from deploy.processes import Folders
from deploy.services import Services
from tests.deploy.backup.kills import killed_at_each_step
from tests.deploy.backup.states import FILES, NAME, RUN, contents, database, make_state, rows

NOW = datetime(2026, 11, 28, 10, tzinfo=UTC)


def on_servers(services: Services, state: Path, prefix: str, monkeypatch: pytest.MonkeyPatch) -> Contents:
    """What a product keeps with databases and objects of its own on the servers."""
    services.add_databases(prefix)
    environment = services.environment(prefix)
    for name, value in environment.items():
        if name.startswith("AWS"):
            monkeypatch.setenv(name, value)
    S3FileSystem.clear_instance_cache()  # what an earlier test made may know another server's address
    told = {name.lower(): environment[name] for name in (
        "DAGSTER_DATABASE_URL", "MLFLOW_DATABASE_URL", "WEB_DATABASE_URL", "DEMAND_STORE_URL", "MLFLOW_ARTIFACTS_URL")}
    return contents(state, **told)


def fill(what: Contents) -> None:
    """Something in each."""
    root = f"{what.artifacts}/{RUN}/artifacts/models/north/kettle"
    statements = {
        "web": ["CREATE TABLE alembic_version (version_num TEXT)", "INSERT INTO alembic_version VALUES ('0019')",
                "CREATE TABLE adjustment (key TEXT, is_due BOOLEAN)", "INSERT INTO adjustment VALUES ('a', false)",
                "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$",
                "CREATE TABLE audit_entry (id INTEGER)", "INSERT INTO audit_entry VALUES (1)",
                "CREATE TRIGGER audit_no BEFORE DELETE ON audit_entry FOR EACH ROW EXECUTE FUNCTION no()"],
        "dagster": ["CREATE TABLE runs (id INTEGER)", "INSERT INTO runs VALUES (7)"],
        "mlflow": ["CREATE TABLE alembic_version (version_num TEXT)",
                   "INSERT INTO alembic_version VALUES ('dc11669786a5')",
                   "CREATE TABLE model_versions (name TEXT, version INTEGER, source TEXT, storage_location TEXT)",
                   "CREATE TABLE registered_model_aliases (alias TEXT, name TEXT, version INTEGER)",
                   f"INSERT INTO model_versions VALUES ('shop.north.kettle', 1, '{root}', '{root}')",
                   "INSERT INTO registered_model_aliases VALUES ('production', 'shop.north.kettle', 1)"],
    }
    for which, several in statements.items():
        with opened(what.servers[which].url) as engine, engine.begin() as connection:
            for statement in several:
                connection.execute(text(statement))
    for begin, place in what.elsewhere.items():
        names = [name.removeprefix(begin) for name in FILES if name.startswith(begin)]
        for name in names:
            with (what.folders.root / begin / name).open("rb") as file:
                place.write(name, file)
        shutil.rmtree(what.folders.root / begin)


def asked(what: Contents, which: str, query: str) -> list[tuple[object, ...]]:
    with opened(what.servers[which].url) as engine, engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


@pytest.fixture
def prefix() -> str:
    """Of names on the servers that no other test has."""
    return f"b{uuid4().hex[:8]}_"


@pytest.fixture
def full(services: Services, tmp_path: Path, prefix: str, monkeypatch: pytest.MonkeyPatch) -> Contents:
    """A product on servers, with something in each."""
    root = make_state(tmp_path / "var")
    for name in ("web/app.db", "mlflow/mlflow.db"):
        (root / name).unlink()
    shutil.rmtree(root / "dagster")
    found = on_servers(services, tmp_path / "var", prefix, monkeypatch)
    fill(found)
    return found


@pytest.fixture
def other(services: Services, tmp_path: Path, prefix: str, monkeypatch: pytest.MonkeyPatch) -> Contents:
    """Room for another."""
    return on_servers(services, tmp_path / "other", f"{prefix}other_", monkeypatch)


def test_what_is_on_servers_is_back_on_others(full: Contents, other: Contents, tmp_path: Path) -> None:
    archive = Archive(take(full, NAME, tmp_path / "a.tar", NOW)[0])
    assert {"databases/web.dump", "databases/mlflow.dump", "databases/dagster.dump"} <= set(archive.manifest.files)
    assert archive.manifest.revisions == {"web": "0019", "dagster": "", "mlflow": "dc11669786a5"}

    said = list(restore(archive, other))

    assert asked(other, "dagster", "SELECT * FROM runs") == [(7,)]
    assert asked(other, "web", "SELECT * FROM adjustment") == [("a", True)]
    with pytest.raises(BackupError, match="no"):
        asked(other, "web", "DELETE FROM audit_entry")
    ((source,),) = asked(other, "mlflow", "SELECT source FROM model_versions")
    assert str(source).startswith(f"{other.artifacts}/{RUN}/")
    for begin, place in other.elsewhere.items():
        assert set(place.names()) == {name.removeprefix(begin) for name in FILES if name.startswith(begin)}
    assert (other.folders.root / "web" / "secret_key").read_text() == "of sessions"
    assert not (other.folders.root / "databases").exists()
    assert any("MLflow looks in" in line for line in said)


def test_servers_that_are_not_empty_are_refused_unless_told(full: Contents, tmp_path: Path) -> None:
    archive = Archive(take(full, NAME, tmp_path / "a.tar", NOW)[0])
    with opened(full.servers["dagster"].url) as engine, engine.begin() as connection:
        connection.execute(text("INSERT INTO runs VALUES (8)"))
        connection.execute(text("CREATE TABLE of_a_newer_version (id INTEGER)"))
    store = full.elsewhere["demand/"]
    with (tmp_path / "shop.toml").open("rb") as file:
        store.write("journal/later.jsonl", file)

    with pytest.raises(BackupError, match=r"dagster has tables.*demand has files.*OVERWRITE=yes"):
        list(restore(archive, full))
    assert asked(full, "dagster", "SELECT * FROM runs ORDER BY 1") == [(7,), (8,)]
    said = list(restore(archive, full, overwrite=True))

    assert asked(full, "dagster", "SELECT * FROM runs") == [(7,)]
    assert asked(full, "dagster", "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'") == [
        (1,)]
    assert "journal/later.jsonl" not in set(store.names())
    assert any("in its schema before_" in line for line in said)
    again = list(restore(archive, full, overwrite=True))
    assert any("in its schema before_" in line for line in again)


def test_killed_at_any_step_the_servers_are_filled_by_the_next_restore(full: Contents, other: Contents,
                                                                        tmp_path: Path) -> None:
    archive = Archive(take(full, NAME, tmp_path / "a.tar", NOW)[0])
    is_half = 0
    for _ in killed_at_each_step(lambda: list(restore(archive, other)), tmp_path, every=8):
        if mark_of(other.folders.root).exists():
            is_half += 1
            with pytest.raises(HalfRestoredError):
                Folders(other.folders.root).make()
    assert is_half > 1
    assert not mark_of(other.folders.root).exists()
    assert asked(other, "dagster", "SELECT * FROM runs") == [(7,)]
    assert asked(other, "web", "SELECT * FROM adjustment") == [("a", True)]
    assert (other.folders.root / "web" / "secret_key").read_text() == "of sessions"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_database_in_use_is_never_overwritten(full: Contents, tmp_path: Path, overwrite: bool) -> None:
    archive = Archive(take(full, NAME, tmp_path / "a.tar", NOW)[0])
    held = psycopg2.connect(full.servers["web"].url)
    try:
        with pytest.raises(BackupError, match="in use by 1 connection"):
            list(restore(archive, full, overwrite))
    finally:
        held.close()


def test_a_dump_that_cannot_be_put_back_leaves_the_database_as_it_was(full: Contents, tmp_path: Path) -> None:
    (tmp_path / "bad.dump").write_bytes(b"PGDMP" + bytes(100))
    server = full.servers["dagster"]

    with pytest.raises(BackupError, match=r"pg_restore of .*dagster failed"):
        server.put_back(tmp_path / "bad.dump")
    assert asked(full, "dagster", "SELECT * FROM runs") == [(7,)]


def test_a_backup_of_files_is_not_carried_over_to_servers_and_back(full: Contents, tmp_path: Path) -> None:
    make_state(tmp_path / "files" / "var")
    of_files = take(contents(tmp_path / "files" / "var"), NAME, tmp_path / "files.tar", NOW)[0]
    of_servers = take(full, NAME, tmp_path / "servers.tar", NOW)[0]

    with pytest.raises(BackupError, match="PROFILE=embedded"):
        list(restore(Archive(of_files), full, overwrite=True))
    with pytest.raises(BackupError, match="PROFILE=stores"):
        list(restore(Archive(of_servers), contents(tmp_path / "third")))


def test_no_password_is_on_a_command_line_or_in_an_error(tmp_path: Path) -> None:
    server = Postgres("postgresql://demand:s3cr3t@127.0.0.1:1/web")

    with pytest.raises(BackupError) as refused:
        server.dump(tmp_path / "a.dump")
    assert "s3cr3t" not in str(refused.value)
    with pytest.raises(BackupError) as refused:
        server.is_empty()
    assert "s3cr3t" not in str(refused.value)


def test_the_password_is_given_in_the_environment_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "pg_dump"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{tmp_path}/arguments\n'
                       f'echo "$PGPASSWORD" >{tmp_path}/password\n')
    program.chmod(0o755)
    monkeypatch.setattr(databases, "POSTGRESQL_FOLDERS", tmp_path / "none")
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)

    Postgres("postgresql://demand:s3cr3t@db.example:5433/web").dump(tmp_path / "a.dump")

    said = (tmp_path / "arguments").read_text()
    assert "--dbname=postgresql://demand@db.example:5433/web" in said
    assert "s3cr3t" not in said
    assert (tmp_path / "password").read_text() == "s3cr3t\n"


def test_objects_that_are_not_there_are_said_so(services: Services, full: Contents) -> None:
    objects = Objects(f"s3://demand/{uuid4().hex}")

    assert objects.is_empty()
    assert list(objects.names()) == []


def test_a_copy_of_a_database_has_nothing_beside_it(tmp_path: Path) -> None:
    database(tmp_path / "a.db", "CREATE TABLE a (id INTEGER)", "INSERT INTO a VALUES (1)")

    copy_sqlite(tmp_path / "a.db", tmp_path / "b.db")

    assert rows(tmp_path / "b.db", "PRAGMA journal_mode") == [("delete",)]
    assert rows(tmp_path / "b.db", "SELECT * FROM a") == [(1,)]


@pytest.mark.parametrize(("of", "revision"), [("web", "0019"), ("mlflow", "dc11669786a5"), ("dagster", "29b539ebc72a")])
def test_revisions_of_today_are_known(of: str, revision: str) -> None:
    assert revision in known_revisions(of)
