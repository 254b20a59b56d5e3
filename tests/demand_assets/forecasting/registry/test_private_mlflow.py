"""The registry's rows by our own statements: the very rows that MLflow's client writes, in each kind of database."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from demand_assets.forecasting.contract.database_urls import with_driver
from demand_assets.forecasting.registry.private_mlflow import RegistryRows
from tests.services import Services

TABLES = ("registered_models", "registered_model_tags", "registered_model_aliases", "model_versions",
          "model_version_tags")
TIMES = ("creation_time", "last_updated_time")
IDENTITY = {"region": "Nörd", "item": "kettle"}
NAME = "shop.north.kettle"
MIDWAY = ("INSERT INTO model_version_tags", "INSERT INTO registered_model_aliases", "SELECT registered_model_aliases")
"""Statements in the middle of registering a version, of a promotion, and of a question."""


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, uri: str) -> Iterator[str]:
    """The URL of a database with MLflow's tables."""
    if request.param == "sqlite":
        yield uri
        return
    services: Services = request.getfixturevalue("services")
    services.add_databases("rows_")
    yield with_driver(services.environment("rows_")["MLFLOW_DATABASE_URL"])


def all_rows(url: str, name: str) -> dict[str, list[dict[str, Any]]]:
    """Table -> the model's rows, without times and its name."""
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            found = {table: [{column: value for column, value in row.items() if column not in (*TIMES, "name")}
                             for row in connection.execute(
                                 sa.text(f"SELECT * FROM {table} WHERE name = :name"), {"name": name}).mappings()]
                     for table in TABLES}
    finally:
        engine.dispose()
    return {table: sorted(rows, key=str) for table, rows in found.items()}


def test_rows_are_those_that_mlflows_client_writes(database: str) -> None:
    client, rows = MlflowClient(database, database), RegistryRows(database)
    run = client.create_run(client.create_experiment("rows")).info.run_id
    theirs, ours = f"{NAME}.theirs", f"{NAME}.ours"
    client.create_registered_model(theirs, tags=IDENTITY)
    for number in (1, 2):
        tags = {"wape": f"0.{number}", "reason": "bésser", "empty": ""}
        assert client.create_model_version(theirs, f"file:///{number}", run, tags=tags).version == number
        assert rows.add_version(ours, IDENTITY, f"file:///{number}", run, tags) == number
    for does, name in ((client, theirs), (rows, ours)):
        does.set_registered_model_alias(name, "candidate", "1")
        does.set_registered_model_alias(name, "candidate", "2")
        does.set_registered_model_alias(name, "production", "1")
        does.set_registered_model_tag(name, "pin", "a")
        does.set_registered_model_tag(name, "pin", "b")
        does.set_registered_model_tag(name, "gone", "a")
        does.delete_registered_model_tag(name, "gone")
        does.delete_registered_model_tag(name, "never")
        does.update_registered_model(name, "of people")

    assert all_rows(database, ours) == all_rows(database, theirs)
    mine, its = rows.get_registered_model(ours), client.get_registered_model(ours)
    assert mine.aliases == its.aliases
    assert dict(mine.tags) == dict(its.tags)
    assert [dict(one) for one in mine.latest_versions] == [dict(one) for one in its.latest_versions]
    assert {**dict(mine), "latest_versions": 0} == {**dict(its), "latest_versions": 0}
    for number in ("1", "2"):
        assert dict(rows.get_model_version(ours, number)) == dict(client.get_model_version(ours, number))


def test_a_promotion_is_a_tag_an_alias_and_a_date_or_nothing(database: str) -> None:
    client, rows = MlflowClient(database, database), RegistryRows(database)
    theirs, ours = f"{NAME}.promoted.theirs", f"{NAME}.promoted.ours"
    for name in (theirs, ours):
        for number in (1, 2):
            rows.add_version(name, IDENTITY, f"file:///{number}", "0" * 32, {"a": "b"})
    before = client.get_registered_model(ours).last_updated_timestamp

    for number in ("1", "2", "1"):
        client.set_registered_model_tag(theirs, f"promotion.{number}", "how")
        client.set_registered_model_alias(theirs, "production", number)
        after = rows.promote(ours, "production", number, f"promotion.{number}", "how")

    assert all_rows(database, ours) == all_rows(database, theirs)
    assert after.aliases == {"production": 1}
    assert after.last_updated_timestamp >= before
    assert dict(after.tags) == dict(client.get_registered_model(ours).tags)
    with pytest.raises(MlflowException):
        rows.promote(ours, "production", "7", "promotion.7", "how")
    assert all_rows(database, ours) == all_rows(database, theirs)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # SQLite has no connections that others may end
def test_what_is_said_on_a_connection_that_is_ended_is_said_again(database: str) -> None:
    MlflowClient(database, database).search_registered_models()  # makes the tables
    rows, name, ended = RegistryRows(database), f"{NAME}.ended", list[str]()
    other = sa.create_engine(database, isolation_level="AUTOCOMMIT")

    def end(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        for begin in {each for each in MIDWAY if statement.startswith(each)} - set(ended):
            ended.append(begin)
            with other.connect() as beside:
                beside.execute(sa.select(sa.func.pg_terminate_backend(
                    connection.connection.dbapi_connection.get_backend_pid())))

    sa.event.listen(sa.Engine, "before_cursor_execute", end)
    try:
        version = rows.add_version(name, IDENTITY, "file:///1", "0" * 32, {"a": "b"})
        after = rows.promote(name, "production", "1", "promotion.1", "how")
        found = rows.get_registered_model(name)
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", end)
        other.dispose()

    assert (version, len(ended)) == (1, len(MIDWAY))
    assert after.aliases == found.aliases == {"production": 1}
    assert {table: len(each) for table, each in all_rows(database, name).items()} == {
        "registered_models": 1, "registered_model_tags": 3, "registered_model_aliases": 1, "model_versions": 1,
        "model_version_tags": 1}


def test_a_model_that_is_dated_is_the_newest_and_keeps_its_name(database: str) -> None:
    client, rows = MlflowClient(database, database), RegistryRows(database)
    older, newer = f"{NAME}.older", f"{NAME}.newer"
    for name in (older, newer):
        rows.add_version(name, IDENTITY, "file:///1", "0" * 32, {"a": "b"})
    before = client.get_registered_model(older).last_updated_timestamp

    dated = rows.rename_registered_model(older, older)

    assert dated.name == older
    assert dated.last_updated_timestamp >= before
    found = client.search_registered_models(order_by=["last_updated_timestamp DESC"])
    assert next(one.name for one in found if one.name in (older, newer)) == older


def test_what_is_not_there_is_said_as_mlflow_says_it(database: str) -> None:
    client, rows = MlflowClient(database, database), RegistryRows(database)
    name = f"{NAME}.deleted"
    for number in ("1", "2"):
        rows.add_version(name, IDENTITY, f"file:///{number}", "0" * 32, {"a": "b"})
    client.delete_model_version(name, "2")

    for does in (client, rows):
        for act, arguments in ((does.set_registered_model_alias, (name, "candidate", "2")),
                               (does.set_registered_model_alias, (name, "candidate", "7")),
                               (does.set_registered_model_tag, ("nobody", "a", "b")),
                               (does.get_model_version, (name, "2")),
                               (does.get_model_version, (name, "7")),
                               (does.get_model_version, ("nobody", "1")),
                               (does.update_registered_model, ("nobody", "a")),
                               (does.rename_registered_model, ("nobody", "nobody")),
                               (does.get_registered_model, ("nobody",))):
            with pytest.raises(MlflowException) as refused:
                act(*arguments)
            assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    assert [one.version for one in rows.get_registered_model(name).latest_versions] == [1]
    assert rows.add_version(name, IDENTITY, "file:///3", "0" * 32, {"a": "b"}) == 3  # the number of 2 is not used again


def test_only_what_is_not_decided_yet_may_be_lost_in_a_power_cut(uri: str) -> None:
    """SQLite's own word for whether a commit waits for the disk: 1 for no, 2 for yes."""
    rows, waited = RegistryRows(uri), dict[str, set[int]]()

    def note(connection: sa.Connection) -> None:
        waited.setdefault(doing, set()).add(int(connection.scalar(sa.text("PRAGMA synchronous")) or 0))

    sa.event.listen(sa.Engine, "commit", note)
    try:
        doing = "version"
        rows.add_version(NAME, IDENTITY, "file:///1", "", {"wape": "0.1"})
        doing = "candidate"
        rows.set_registered_model_alias(NAME, "candidate", "1")
        doing = "alias"
        rows.set_registered_model_alias(NAME, "production", "1")
        doing = "promotion"
        rows.promote(NAME, "production", "1", "promoted", "{}")
        doing = "tag"
        rows.set_registered_model_tag(NAME, "pinned", "1")
    finally:
        sa.event.remove(sa.Engine, "commit", note)

    assert waited == {"version": {1}, "candidate": {1}, "alias": {2}, "promotion": {2}, "tag": {2}}
