"""The pooled event log records what Dagster's own does, and leans on nothing that Dagster has since moved."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg

from demand_assets.dagster_instance.events.reported_together import reported_together
from demand_assets.dagster_instance.instance import open_instance, prepare_home
from demand_assets.dagster_instance.sqlite_event_log import SHARDS_OPEN, PooledSqliteEventLogStorage
from demand_assets.settings import Settings
from tests.demand_assets.dagster_instance.conftest import planned_and_failed, recorded, rows_of_several, thing

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


def test_events_that_are_stored_together_leave_the_same_rows(tmp_path: Path) -> None:
    prepare_home(tmp_path / "pooled", POOLED)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "dagster.yaml").write_text("telemetry: {enabled: false}")

    with (open_instance(tmp_path / "pooled") as pooled,
          open_instance(tmp_path / "own") as own):
        assert rows_of_several(pooled) == rows_of_several(own)


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


def test_what_is_told_in_a_block_is_stored_at_its_end_even_of_a_failure(tmp_path: Path) -> None:
    prepare_home(tmp_path, POOLED)
    seen: list[set[str]] = []

    @dg.multi_asset(specs=[dg.AssetSpec("demand", skippable=True)], partitions_def=thing.partitions_def)
    def breaks(context: dg.AssetExecutionContext) -> Iterator[object]:
        with reported_together(context.instance):
            yield dg.AssetMaterialization("demand", partition="a")
            with ThreadPoolExecutor(1) as other:
                other.submit(context.log.info, "another thread waits for nobody").result()
            seen.append(context.instance.get_materialized_partitions(dg.AssetKey("demand")))
            context.log.info("this is told after it")
            seen.append(context.instance.get_materialized_partitions(dg.AssetKey("demand")))
            yield dg.AssetMaterialization("demand", partition="b")
            raise RuntimeError("and no further")

    with open_instance(tmp_path) as instance:
        result = dg.materialize([breaks], instance=instance, partition_key="a", raise_on_error=False)
        told = [entry.dagster_event.event_type_value if entry.dagster_event else entry.user_message
                for entry in instance.all_logs(result.run_id)]

        assert not result.success
        assert seen == [set(), {"a"}]
        assert instance.get_materialized_partitions(dg.AssetKey("demand")) == {"a", "b"}
    made = [number for number, what in enumerate(told) if what == "ASSET_MATERIALIZATION"]
    assert told.index("another thread waits for nobody") < made[0]
    assert made[0] < told.index("this is told after it") < made[1] < told.index("STEP_FAILURE")
