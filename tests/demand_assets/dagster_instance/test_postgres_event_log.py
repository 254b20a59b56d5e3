"""On PostgreSQL too, the pooled event log records what Dagster's own does, through one kept connection."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event

import dagster as dg
import psycopg2
import pytest
import sqlalchemy as db
from dagster_postgres import PostgresEventLogStorage

from demand_assets.dagster_instance.events.reported_together import reported_together
from demand_assets.dagster_instance.instance import open_instance, prepare_home
from demand_assets.dagster_instance.postgres_event_log import PooledPostgresEventLogStorage
from demand_assets.forecasting.contract.database_urls import with_driver
from demand_assets.settings import Settings
from tests.demand_assets.dagster_instance.conftest import planned_and_failed, recorded, rows_of_several, thing
from tests.demand_assets.dagster_instance.events.killed_in_a_block import (
    before_statements,
    config_of,
    gone_on_with_after,
    times_told,
    told,
)

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


@pytest.mark.parametrize(("waits", "told_times"), [(True, 1), (False, 0)])
def test_of_a_block_whose_connection_is_ended_all_is_told_once_or_nothing(
        url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: bool, told_times: int) -> None:
    monkeypatch.setattr("demand_assets.forecasting.store.waiting_for_room.PAUSE_SECONDS", 0.0)
    prepare_home(tmp_path, settings(url))
    keys = [f"a {waits}", f"b {waits}"]
    with open_instance(tmp_path) as instance, closing(psycopg2.connect(url)) as other:
        other.autocommit = True

        def end(connection: db.Connection) -> None:
            with other.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s)", [
                    connection.connection.dbapi_connection.get_backend_pid()])

        instance.event_log_storage.waits_for_room = waits
        with before_statements(end, "INSERT INTO asset_check_executions") as ended:
            result = told.execute_in_process(run_config=config_of(keys), instance=instance, raise_on_error=False)

        assert (len(ended), result.success) == (1, waits)
        assert times_told(instance, keys) == [told_times] * 6


def test_a_run_that_is_killed_before_a_block_is_committed_has_told_nothing_of_it_and_going_on_tells_it(
        url: str, tmp_path: Path) -> None:
    prepare_home(tmp_path, settings(url))

    assert gone_on_with_after(tmp_path, 0) == ({"MATERIALIZED"}, {1})


@pytest.mark.parametrize("asset", [1, 2])  # before it holds the first asset's row, and before the second's
def test_blocks_of_two_runs_are_seen_in_the_order_of_their_numbers_and_wait_for_each_other_in_no_circle(
        url: str, tmp_path: Path, asset: int) -> None:
    prepare_home(tmp_path, settings(url))
    first_stands, second_is_done, met, overtaken = Event(), Event(), list[int](), list[bool]()
    earlier, later = f"earlier {asset}", f"later {asset}"

    def tell(instance: dg.DagsterInstance, key: str, *assets: str) -> None:
        with reported_together(instance):
            for asset in assets:
                instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=key))

    def stand_still(_connection: object) -> None:
        met.append(1)
        if len(met) == asset:
            first_stands.set()
            overtaken.append(second_is_done.wait(0.5))

    def numbers(key: str) -> list[int]:
        return [record.storage_id for asset in ("low", "high") for record in one.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[key]), limit=9).records]

    with (open_instance(tmp_path) as one, open_instance(tmp_path) as two, ThreadPoolExecutor(1) as other,
          before_statements(stand_still, "INSERT INTO asset_keys", times=2)):
        first = other.submit(tell, one, earlier, "low", "high")
        assert first_stands.wait(20)
        tell(two, later, "high", "low")
        second_is_done.set()
        first.result(20)

        assert overtaken == [False]
        assert max(numbers(earlier)) < min(numbers(later))
