"""On PostgreSQL too, the pooled event log records what Dagster's own does, through one kept connection."""

from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as db
from dagster_postgres import PostgresEventLogStorage

from demand_assets.dagster_instance.instance import open_instance, prepare_home
from demand_assets.dagster_instance.postgres_event_log import PooledPostgresEventLogStorage
from demand_assets.forecasting.contract.database_urls import with_driver
from demand_assets.settings import Settings
from tests.demand_assets.dagster_instance.conftest import planned_and_failed, recorded, rows_of_several, thing

OWN = "storage: {{postgres: {{postgres_url: '{url}'}}}}\ntelemetry: {{enabled: false}}\n"


def settings(url: str, storage: str = "pooled") -> Settings:
    return Settings(DAGSTER_DATABASE_URL=url, DAGSTER_STORAGE=storage)


@pytest.fixture
def url(services) -> str:
    services.add_databases("events_")
    return services.environment("events_")["DAGSTER_DATABASE_URL"]


def test_the_same_events_are_recorded(url, tmp_path: Path):
    prepare_home(tmp_path / "pooled", settings(url))
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "dagster.yaml").write_text(OWN.format(url=with_driver(url)))

    with (open_instance(tmp_path / "pooled") as pooled,
          open_instance(tmp_path / "own") as own):
        assert type(pooled.event_log_storage) is PooledPostgresEventLogStorage
        assert type(own.event_log_storage) is PostgresEventLogStorage
        assert recorded(pooled) == recorded(own)
        assert pooled.get_materialized_partitions(thing.key) == {"a", "b"}


def test_events_that_are_stored_together_leave_the_same_rows(services, tmp_path: Path):
    told = []
    for storage in ("pooled", "stock"):
        services.add_databases(f"together_{storage}_")
        prepare_home(tmp_path / storage, settings(
            services.environment(f"together_{storage}_")["DAGSTER_DATABASE_URL"], storage))
        with open_instance(tmp_path / storage) as instance:
            told.append(rows_of_several(instance))

    assert told[0] == told[1]


def test_events_share_a_connection(url, tmp_path: Path):
    prepare_home(tmp_path, settings(url))
    opened = []

    with open_instance(tmp_path) as instance:
        db.event.listen(instance.event_log_storage._engine, "connect", lambda *_: opened.append(1))
        recorded(instance)

    assert len(opened) <= 2


@pytest.mark.parametrize(("first", "second"), [("pooled", "stock"), ("stock", "pooled")])
def test_what_one_storage_wrote_the_other_reads_and_goes_on_with(url, tmp_path: Path, first: str, second: str):
    key = f"{first}-{second}"
    partitioned = dg.asset(partitions_def=dg.StaticPartitionsDefinition([first, second]), name=key.replace("-", "_"))

    @partitioned
    def kept() -> None: ...

    for storage in (first, second):
        prepare_home(tmp_path, settings(url, storage))
        with open_instance(tmp_path) as instance:
            kind = PooledPostgresEventLogStorage if storage == "pooled" else PostgresEventLogStorage
            assert type(instance.event_log_storage) is kind
            dg.materialize([kept], instance=instance, partition_key=storage)
            made = instance.get_materialized_partitions(kept.key)

    assert made == {first, second}


def test_partitions_that_are_planned_together_are_recorded_one_by_one(url, tmp_path: Path):
    prepare_home(tmp_path, settings(url))
    with open_instance(tmp_path) as instance:
        statuses = planned_and_failed(instance)

    assert statuses == [{'a"\\é': "IN_PROGRESS", "b": "IN_PROGRESS", "c": None},
                        {'a"\\é': "FAILED", "b": "FAILED", "c": None}]
