"""The pooled event log records what Dagster's own does, and leans on nothing that Dagster has since moved."""

from pathlib import Path

import dagster as dg

from demand_assets.dagster_instance.instance import open_instance, prepare_home
from demand_assets.dagster_instance.sqlite_event_log import SHARDS_OPEN, PooledSqliteEventLogStorage
from demand_assets.settings import Settings
from tests.demand_assets.dagster_instance.conftest import planned_and_failed, recorded, thing

POOLED = Settings(DAGSTER_STORAGE="pooled", DAGSTER_DATABASE_URL="")


def test_it_is_what_the_settings_name(tmp_path: Path) -> None:
    prepare_home(tmp_path, POOLED)

    with open_instance(tmp_path) as instance:
        assert type(instance.event_log_storage) is PooledSqliteEventLogStorage
        assert not instance.telemetry_enabled


def test_the_same_events_are_recorded(tmp_path: Path) -> None:
    prepare_home(tmp_path / "pooled", POOLED)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "dagster.yaml").write_text("telemetry: {enabled: false}")

    with (open_instance(tmp_path / "pooled") as pooled,
          open_instance(tmp_path / "own") as own):
        assert type(own.event_log_storage) in PooledSqliteEventLogStorage.__bases__
        assert recorded(pooled) == recorded(own)
        assert pooled.get_materialized_partitions(thing.key) == {"a", "b"}


def test_another_process_sees_them(tmp_path: Path) -> None:
    prepare_home(tmp_path, POOLED)
    with (open_instance(tmp_path) as writer,
          open_instance(tmp_path) as reader):
        assert reader.get_materialized_partitions(thing.key) == set()

        dg.materialize([thing], instance=writer, partition_key="a")

        assert reader.get_materialized_partitions(thing.key) == {"a"}


def test_only_the_last_databases_stay_open(tmp_path: Path) -> None:
    prepare_home(tmp_path, POOLED)
    with open_instance(tmp_path) as instance:
        for _ in range(SHARDS_OPEN + 2):
            dg.materialize([thing], instance=instance, partition_key="a")

        assert len(instance.event_log_storage._engines) == SHARDS_OPEN


def test_partitions_that_are_planned_together_are_recorded_one_by_one(tmp_path: Path) -> None:
    prepare_home(tmp_path, POOLED)
    with open_instance(tmp_path) as instance:
        statuses = planned_and_failed(instance)

    assert statuses == [{'a"\\é': "IN_PROGRESS", "b": "IN_PROGRESS", "c": None},
                        {'a"\\é': "FAILED", "b": "FAILED", "c": None}]
