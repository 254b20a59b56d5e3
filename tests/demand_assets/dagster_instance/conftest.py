"""A workspace of Dagster's with a few partitioned assets, in this process: backfills without a server."""

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as db

from demand_assets.dagster_instance.events.reported_together import reported_together
from demand_assets.dagster_instance.instance import open_instance, prepare_home
from demand_assets.settings import Settings

KEYS = [f"north|item {number:03}" for number in range(12)]
DEFINITIONS = '''
import dagster as dg

region_items = dg.DynamicPartitionsDefinition(name="region_items")


@dg.multi_asset(specs=[dg.AssetSpec("demand", skippable=True),
                       dg.AssetSpec("model", deps=["demand"], skippable=True)], can_subset=True, name="region_item",
                partitions_def=region_items, backfill_policy=dg.BackfillPolicy.multi_run(5))
def region_item(context):
    for key in context.partition_keys:
        yield dg.AssetMaterialization("demand", partition=key)
        yield dg.AssetMaterialization("model", partition=key)


@dg.asset_check(asset="demand", partitions_def=region_items)
def holds(context):
    return dg.AssetCheckResult(passed=True)


defs = dg.Definitions(assets=[region_item], asset_checks=[holds])
'''


ODD_KEYS = ['a"\\é', "b", "c"]


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(ODD_KEYS),
          backfill_policy=dg.BackfillPolicy.single_run())
def odd() -> None:
    """Partitions whose keys JSON writes otherwise."""


def planned_and_failed(instance: dg.DagsterInstance) -> list[dict[str, str | None]]:
    """How each partition of ``odd`` stands while a run for the first two goes on, and after its failure."""
    run = instance.create_run_for_job(
        dg.Definitions(assets=[odd]).resolve_implicit_global_asset_job_def(), status=dg.DagsterRunStatus.STARTED,
        asset_selection=frozenset({odd.key}), tags={"dagster/asset_partition_range_start": ODD_KEYS[0],
                                                    "dagster/asset_partition_range_end": ODD_KEYS[1]})
    found = []
    for _ in range(2):
        told = instance.get_status_by_partition(odd.key, ODD_KEYS, odd.partitions_def) or {}
        found.append({key: each and each.value for key, each in told.items()})
        instance.report_run_failed(run)
    return found


@pytest.fixture(scope="session")
def home_of_backfills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dagster's home with the partitions, and the definitions beside it; to be copied."""
    folder = tmp_path_factory.mktemp("backfills")
    prepare_home(folder, Settings(DAGSTER_STORAGE="pooled", DAGSTER_DATABASE_URL="", RUN_LAUNCHER="local"))
    (folder / "few_assets.py").write_text(DEFINITIONS)
    with open_instance(folder) as instance:
        instance.add_dynamic_partitions("region_items", KEYS)
    return folder


@pytest.fixture
def with_backfills(tmp_path: Path, home_of_backfills: Path) -> Iterator[dg.DagsterInstance]:
    """An instance that knows the partitions, in a home of its own."""
    home = tmp_path / "home"
    shutil.copytree(home_of_backfills, home)
    prepare_home(home, Settings(DAGSTER_STORAGE="pooled", DAGSTER_DATABASE_URL="", RUN_LAUNCHER="local"))
    with open_instance(home) as instance:
        yield instance


@pytest.fixture
def workspace_of(with_backfills: dg.DagsterInstance) -> Iterator[Callable[..., Any]]:
    """Makes what the daemon reaches the code location by, which is loaded from a file in Dagster's home."""
    # By name, for nothing but the daemon has to do with them: what Dagster hands to its loops.
    origin = import_module("dagster._core.remote_origin").InProcessCodeLocationOrigin
    target = import_module("dagster._core.types.loadable_target_origin").LoadableTargetOrigin
    load = import_module("dagster._core.test_utils").InProcessTestWorkspaceLoadTarget
    context = import_module("dagster._core.workspace.context").WorkspaceProcessContext
    home = Path(with_backfills.root_directory)
    with ExitStack() as opened:
        yield lambda file="few_assets.py": opened.enter_context(context(with_backfills, load(origin(
            target(executable_path=sys.executable, python_file=str(home / file)), location_name="few"))))


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
def thing() -> None:
    """Two partitions."""


def recorded(instance: dg.DagsterInstance) -> list[tuple[str, str]]:
    """Kind and partition of each event that a run of each of ``thing``'s partitions leaves in the instance."""
    runs = [dg.materialize([thing], instance=instance, partition_key=key) for key in ("a", "b")]
    return [(event.event_type_value, event.partition or "") for run in runs
            for event in (entry.dagster_event for entry in instance.all_logs(run.run_id)) if event]


PARTS = dg.StaticPartitionsDefinition(["a", "b", 'c"\\é'])
TABLES = ("event_logs", "asset_keys", "asset_event_tags", "asset_check_executions")


@dg.multi_asset(specs=[dg.AssetSpec("demand", skippable=True), dg.AssetSpec("model", skippable=True)],
                check_specs=[dg.AssetCheckSpec("planned", asset="demand")], partitions_def=PARTS, name="several")
def several(context: dg.AssetExecutionContext) -> Iterator[object]:
    """What the pipeline tells of some partitions at once, with all that makes a difference to how it is stored."""
    yield dg.AssetCheckResult(asset_key="demand", check_name="planned", passed=True)
    with reported_together(context.instance):
        yield dg.AssetMaterialization("demand", partition="a", metadata={"rows": 3}, tags={"dagster/data_version": "7"})
        yield dg.AssetCheckEvaluation(asset_key=dg.AssetKey("demand"), check_name="planned", passed=False)
        yield dg.AssetCheckEvaluation(asset_key=dg.AssetKey("demand"), check_name="holds", passed=True, partition="b")
        yield dg.AssetMaterialization("demand", partition='c"\\é', metadata={"rows": 4}, tags={"of": "c"})
        context.log.warning("said in between")
        yield dg.AssetCheckEvaluation(asset_key=dg.AssetKey("demand"), check_name="holds", passed=False, partition="b")
        yield dg.AssetMaterialization("model", partition="a")
        yield dg.AssetObservation("demand", partition="a", metadata={"what": "became of it"})
        yield dg.AssetCheckEvaluation(asset_key=dg.AssetKey("model"), check_name="holds", passed=False, partition="a",
                                      severity=dg.AssetCheckSeverity.WARN)
        yield dg.AssetMaterialization("model", partition="b")


def rows_of_several(instance: dg.DagsterInstance) -> dict[str, list[tuple[object, ...]]]:
    """Table -> the rows that a run of ``several`` leaves in it, without what is another each time, in their order."""
    run_id = dg.materialize([several], instance=instance, partition_key="a").run_id
    storage: Any = instance.event_log_storage

    def rows(connection: Any, table: str) -> list[tuple[object, ...]]:
        of_run = "" if table in ("asset_keys", "asset_event_tags") else f" where run_id = '{run_id}'"
        number = "asset_key" if table == "asset_keys" else "event_id" if table == "asset_event_tags" else "id"
        return [tuple(_without_what_varies(str(value), run_id) for value in row)
                for row in connection.execute(db.text(f"select * from {table}{of_run} order by {number}"))]

    with storage.run_connection(run_id) as connection:
        found = {"of the run": rows(connection, "event_logs")}
    with storage.index_connection() as connection:
        return found | {table: rows(connection, table) for table in TABLES}


def _without_what_varies(text: str, run_id: str) -> str:
    text = re.sub(r'"(timestamp|pid|duration_ms)": [\d.e+-]+', r'"\1": 0', text.replace(run_id, "RUN"))
    text = re.sub(r'\b[\d.]+(ms|s)\b|(?<="log_key": ")\w+', "…", text)
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?", "AT", text)
