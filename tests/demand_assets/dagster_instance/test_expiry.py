"""Runs of Dagster expire, but those that made what the assets are now."""

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from demand_assets.dagster_instance.backfills import BulkActionStatus, PartitionBackfill
from demand_assets.dagster_instance.expiry import NOTED, expire_runs
from demand_assets.dagster_instance.instance import open_instance, prepare_home
from demand_assets.defs.assets import region_item
from demand_assets.defs.partitions import region_items, sync_partitions
from demand_assets.defs.resources import PipelineResource
from demand_assets.forecasting.contract.dagster_names import DEMAND, RAW_DEMAND, run_config
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.pipeline.run import Pipeline
from demand_assets.settings import Settings

pytestmark = pytest.mark.slow
SOON = datetime.now(UTC) + timedelta(days=3)
"""By then all that the tests did is older than a day."""


@pytest.fixture(params=["pooled", "stock"])
def kept(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """Runs are kept for a day; with our storage of events, and Dagster's own."""
    return settings.model_copy(update={"dagster_storage": request.param, "keep_runs_days": 1.0})


@pytest.fixture
def instance(kept: Settings, pipeline: Pipeline, empty_dagster: Path) -> Iterator[dg.DagsterInstance]:
    home = kept.folder / "dagster"
    shutil.copytree(empty_dagster, home)
    prepare_home(home, kept)
    with open_instance(home) as instance:
        sync_partitions(instance, pipeline.source.catalogue().region_items)
        yield instance


def taken_in(instance: dg.DagsterInstance, resource: PipelineResource, keys: Sequence[str]) -> str:
    """A run that takes in demand of these region-items; its id."""
    result = dg.materialize([region_item], selection=dg.AssetSelection.assets(RAW_DEMAND, DEMAND), instance=instance,
                            resources={"pipeline": resource}, run_config=run_config(list(keys)))
    assert result.success
    return result.run_id


def runs(instance: dg.DagsterInstance) -> set[str]:
    return {record.dagster_run.run_id for record in instance.get_run_records()}


def statuses(instance: dg.DagsterInstance, keys: Sequence[str]) -> set[object]:
    told = instance.get_status_by_partition(dg.AssetKey(DEMAND), keys, region_items)
    assert told is not None
    return set(told.values())


def rows(settings: Settings, table: str, run_id: str) -> int:
    with closing(sqlite3.connect(settings.folder / "dagster" / "history" / "runs" / "index.db")) as index:
        return int(index.execute(f"SELECT COUNT(*) FROM {table} WHERE run_id = ?", [run_id]).fetchone()[0])


def files(settings: Settings, run_id: str) -> list[Path]:
    return list((settings.folder / "dagster").rglob(f"*{run_id}*"))


def test_old_runs_go_with_all_that_is_of_them_but_those_that_made_what_assets_are(
        kept: Settings, instance: dg.DagsterInstance, resource: PipelineResource, pipeline: Pipeline) -> None:
    keys = [one.key for one in pipeline.source.catalogue().region_items]
    first = taken_in(instance, resource, keys)
    for_one = taken_in(instance, resource, keys[:1])
    again = taken_in(instance, resource, keys[:1])
    queued = instance.create_run_for_job(dg.JobDefinition(graph_def=dg.GraphDefinition(name="waits"))).run_id
    before = statuses(instance, keys)

    assert expire_runs(instance, region_items, pipeline.store, kept, datetime.now(UTC)) == (0, 0)
    removed, freed = expire_runs(instance, region_items, pipeline.store, kept, SOON)

    assert (removed, freed > 0) == (1, True)
    assert runs(instance) == {first, again, queued}
    assert statuses(instance, keys) == before == {dg.AssetPartitionStatus.MATERIALIZED}
    assert files(kept, for_one) == []
    assert rows(kept, "event_logs", for_one) == 0
    assert rows(kept, "event_logs", first) > 0
    assert (rows(kept, "asset_check_executions", for_one) == 0) == (kept.dagster_storage == "pooled")
    assert rows(kept, "asset_check_executions", first) > 0


@pytest.mark.parametrize("switch", ["prompt", "stock"])
def test_old_backfills_that_are_over_go_too(settings: Settings, pipeline: Pipeline, empty_dagster: Path,
                                            switch: str) -> None:
    settings = settings.model_copy(update={"keep_runs_days": 1.0, "dagster_backfills": switch})
    home = settings.folder / "dagster"
    shutil.copytree(empty_dagster, home)
    prepare_home(home, settings)
    now = datetime.now(UTC)
    with open_instance(home) as instance:
        for name, status, days in (("old", "COMPLETED_SUCCESS", 2), ("cancelled", "CANCELED", 2),
                                   ("going on", "REQUESTED", 2), ("new", "COMPLETED_FAILED", 0)):
            instance.add_backfill(PartitionBackfill(
                name, BulkActionStatus(status), False, {"demand/request_id": name},
                (now - timedelta(days=days)).timestamp(), asset_selection=[dg.AssetKey(DEMAND)]))

        expire_runs(instance, region_items, pipeline.store, settings, now)

        left = {"going on", "new"} | ({"old", "cancelled"} if switch == "stock" else set())
        assert {each.backfill_id for each in instance.get_backfills()} == left
    with closing(sqlite3.connect(home / "history" / "runs.db")) as database:
        assert {value for value, in database.execute("SELECT value FROM backfill_tags")} == left


def test_what_was_broken_off_is_finished(kept: Settings, instance: dg.DagsterInstance, resource: PipelineResource,
                                         pipeline: Pipeline) -> None:
    keys = [one.key for one in pipeline.source.catalogue().region_items]
    gone = taken_in(instance, resource, keys)
    taken_in(instance, resource, keys)

    class Killed(DemandStore):
        """The store of a process that is killed once it noted what it removes, and removed a part."""

        def write_bytes(self, name: str, content: bytes) -> None:
            super().write_bytes(name, content)
            with closing(sqlite3.connect(kept.folder / "dagster" / "history" / "runs.db")) as found:
                found.execute("DELETE FROM run_tags WHERE run_id = ?", [gone])
                found.execute("DELETE FROM runs WHERE run_id = ?", [gone])
                found.commit()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        expire_runs(instance, region_items, Killed(kept.demand_store_url), kept, SOON)
    assert rows(kept, "event_logs", gone) > 0

    expire_runs(instance, region_items, pipeline.store, kept, SOON)

    assert rows(kept, "event_logs", gone) == 0
    assert files(kept, gone) == []
    assert NOTED not in pipeline.store.names("")


def test_files_of_a_run_that_somebody_deleted_go_too(kept: Settings, instance: dg.DagsterInstance,
                                                     resource: PipelineResource, pipeline: Pipeline) -> None:
    keys = [one.key for one in pipeline.source.catalogue().region_items]
    deleted, stays = taken_in(instance, resource, keys), taken_in(instance, resource, keys)
    instance.delete_run(deleted)
    assert files(kept, deleted)

    expire_runs(instance, region_items, pipeline.store, kept, SOON)

    assert files(kept, deleted) == []
    assert files(kept, stays)


def test_0_keeps_for_ever(kept: Settings, instance: dg.DagsterInstance, resource: PipelineResource,
                          pipeline: Pipeline) -> None:
    keys = [one.key for one in pipeline.source.catalogue().region_items]
    for _ in range(2):
        taken_in(instance, resource, keys)

    for_ever = kept.model_copy(update={"keep_runs_days": 0.0})

    assert expire_runs(instance, region_items, pipeline.store, for_ever, SOON) == (0, 0)
    assert len(runs(instance)) == 2
