"""What a first start of containers makes in a real PostgreSQL: roles apart, each with its own database and no other."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from deploy.services import Services
from deploy.settings import PROJECT
from deploy.stores import close_to_others, create_databases, set_roles_apart

ROLES = ("apart_dagster", "apart_web", "apart_owner")


@pytest.fixture
def urls(services: Services) -> Iterator[dict[str, str]]:
    """URLs of databases that are not there yet, as roles that are not either; ``admin`` may make them."""
    admin = services.environment()["DAGSTER_DATABASE_URL"].replace("/dagster", "/postgres")
    given = {"admin": admin}
    for role, database in zip(ROLES, ("apart_dagster", "apart_web", "apart_web"), strict=True):
        url = make_url(admin).set(username=role, password="it's 100% :x", database=database)
        given[role] = url.render_as_string(hide_password=False)
    yield given
    with connected(admin) as connection:
        for database in ("apart_dagster", "apart_web"):
            connection.execute(text(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)"))
        for role in ROLES:
            connection.execute(text(f"DROP ROLE IF EXISTS {role}"))


def connected(url: str) -> Connection:
    parts = make_url(url).set(drivername="postgresql+psycopg2")
    return create_engine(parts, isolation_level="AUTOCOMMIT").connect()


def prepare(urls: dict[str, str]) -> list[str]:
    owned, used = [urls["apart_dagster"], urls["apart_owner"]], [urls["apart_dagster"], urls["apart_web"]]
    set_roles_apart(urls["admin"], owned, used)
    created = create_databases(owned, urls["admin"])
    close_to_others(urls["admin"], owned, used)
    return created


def test_each_role_owns_its_database_and_enters_no_other(urls: dict[str, str]) -> None:
    assert prepare(urls) == ["apart_dagster", "apart_web"]
    assert prepare(urls) == []  # harmless later

    with connected(urls["apart_dagster"]) as connection:
        connection.execute(text("CREATE TABLE mine (id INTEGER)"))
        assert connection.scalar(text("SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles "
                                      "WHERE rolname = current_user")) is False
    for role, database in (("apart_dagster", "apart_web"), ("apart_web", "apart_dagster"),
                           ("apart_owner", "apart_dagster")):
        other = make_url(urls[role]).set(database=database).render_as_string(hide_password=False)
        with pytest.raises(DBAPIError, match="permission denied for database"):
            connected(other)
    with connected(urls["apart_web"]) as connection, pytest.raises(DBAPIError, match="permission denied"):
        connection.execute(text("CREATE TABLE mine (id INTEGER)"))


def test_a_database_whose_url_names_no_role_stays_the_administrators(urls: dict[str, str]) -> None:
    parts = make_url(urls["apart_dagster"])
    urls["apart_dagster"] = f"postgresql://{parts.host}:{parts.port}/{parts.database}"

    assert prepare(urls) == ["apart_dagster", "apart_web"]

    with connected(urls["admin"]) as connection:
        assert connection.scalar(text("SELECT pg_get_userbyid(datdba) = current_user FROM pg_database "
                                      "WHERE datname = 'apart_dagster'")) is True


def test_databases_of_one_role_for_all_are_handed_over(urls: dict[str, str]) -> None:
    with connected(urls["admin"]) as connection:
        connection.execute(text("CREATE DATABASE apart_dagster"))
    before = make_url(urls["admin"]).set(database="apart_dagster").render_as_string(hide_password=False)
    with connected(before) as connection:
        for statement in ("CREATE TABLE runs (id SERIAL PRIMARY KEY, kind TEXT)", "CREATE SEQUENCE loose",
                          "CREATE VIEW seen AS SELECT * FROM runs", "CREATE TYPE mood AS ENUM ('well')",
                          "INSERT INTO runs (kind) VALUES ('old')",
                          "CREATE FUNCTION told(a INTEGER, b TEXT) RETURNS INTEGER LANGUAGE sql AS 'SELECT 1'"):
            connection.exec_driver_sql(statement)

    assert prepare(urls) == ["apart_web"]

    with connected(urls["apart_dagster"]) as connection:
        connection.execute(text("INSERT INTO runs (kind) VALUES ('new')"))
        assert list(connection.scalars(text("SELECT kind FROM runs ORDER BY id"))) == ["old", "new"]
        for statement in ("ALTER TABLE runs ADD COLUMN more TEXT", "ALTER SEQUENCE loose RESTART",
                          "DROP VIEW seen", "ALTER TYPE mood ADD VALUE 'ill'", "DROP FUNCTION told(INTEGER, TEXT)"):
            connection.exec_driver_sql(statement)


def test_the_app_starts_without_the_owner_that_migrated(urls: dict[str, str], tmp_path: Path) -> None:
    prepare(urls)
    app = os.environ | {"WEB_DATABASE_URL": urls["apart_web"], "DEMAND_STATE": str(tmp_path),
                        "DEMAND_DATASET": str(PROJECT / "datasets" / "simulated.toml")}
    owner = app | {"WEB_DATABASE_OWNER_URL": urls["apart_owner"]}

    def run(name: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", *name.split()]
        return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=300)

    early = run("deploy.web_database", app)  # the app cannot make its tables
    migrated = run("deploy.container web-migrate", owner)
    started = run("deploy.web_database", app)

    assert early.returncode != 0
    assert migrated.returncode == 0, migrated.stderr
    assert started.returncode == 0, started.stderr
    assert "/first-admin" in started.stdout
