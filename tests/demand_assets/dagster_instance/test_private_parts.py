"""What we lean on without its being public is listed, is in one room, and is as it was."""

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from demand_assets.dagster_instance.private_parts import (
    BACKFILLS,
    FAILURES,
    PRIVATE_PARTS,
    STORAGE,
    WORKERS,
    PrivatePart,
)
from demand_assets.defs.assets import region_item
from demand_assets.defs.resources import PipelineResource
from demand_assets.forecasting.contract.dagster_names import run_config
from demand_assets.pipeline.run import Pipeline

PROJECT = Path(__file__).resolve().parents[3]
ROOM = PROJECT / "demand_assets" / "dagster_instance"
PRIVATE_MODULE = re.compile(r"^\s*(from|import)\s+dagster(_[a-z]+)?\._")
NOT_IN_THE_ROOM = [file for folder in ("demand_assets", "webapp", "deploy", "benchmarks", "docs")
                   for file in sorted((PROJECT / folder).rglob("*.py"))
                   if ROOM not in file.parents and "node_modules" not in file.parts]


@pytest.mark.parametrize("part", PRIVATE_PARTS, ids=lambda part: part.where)
def test_it_is_where_it_was(part: PrivatePart) -> None:
    assert part.problem() == ""


@pytest.mark.parametrize(("part", "says"), [
    (PrivatePart("dagster._no_such:Thing", "events/partition_reports", FAILURES), "dagster._no_such:Thing is gone"),
    (PrivatePart("dagster:DagsterInstance.report_nothing", "events/partition_reports", FAILURES),
     "report_nothing is gone"),
    (PrivatePart("dagster:DagsterInstance.add_run_tags", "celery_launcher", WORKERS, ("run_id", "tags")),
     "takes (run_id, new_tags) and not (run_id, tags, …)"),
    (PrivatePart("dagster_postgres:PostgresEventLogStorage", "postgres_event_log", STORAGE, (), ("_pool",)),
     "has no attribute _pool any more"),
])
def test_what_moved_is_named_with_where_it_is_used_and_the_switch(part: PrivatePart, says: str) -> None:
    assert says in part.problem()
    assert f"dagster_instance/{part.used_in}.py uses it" in part.problem()
    assert part.switch in part.problem()


def test_no_private_module_is_named_elsewhere() -> None:
    tests = [file for file in sorted((PROJECT / "tests").rglob("*.py")) if file != Path(__file__)]
    named = [f"{file.relative_to(PROJECT)}:{number}" for file in [*NOT_IN_THE_ROOM, *tests]
             for number, line in enumerate(file.read_text().splitlines(), 1) if PRIVATE_MODULE.search(line)]

    assert named == []


def unmarked(file: Path) -> Iterator[str]:
    """Attributes of Dagster's instance that are used in the file and are not public."""
    public = {name for name in dir(dg.DagsterInstance) if is_public(name)}
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Attribute) and node.attr not in public and hasattr(dg.DagsterInstance, node.attr):
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if owner.endswith("instance") or owner == "DagsterInstance":
                yield node.attr


def is_public(name: str) -> bool:
    """Whether Dagster's source marks the attribute as public."""
    found = inspect.getattr_static(dg.DagsterInstance, name)
    function = found.fget if isinstance(found, property) else getattr(found, "__func__", found)
    return "_is_public" in vars(function) if hasattr(function, "__dict__") else False


def test_public_and_unmarked_methods_are_told_apart() -> None:
    assert is_public("get_run_records")
    assert is_public("get")
    assert not is_public("get_runs")
    assert not is_public("run_launcher")


def test_unmarked_methods_of_the_instance_are_called_in_one_room_only() -> None:
    called = {f"{file.relative_to(PROJECT)}: {name}" for file in NOT_IN_THE_ROOM for name in unmarked(file)}

    assert called == set()


def test_every_unmarked_method_that_is_called_is_listed() -> None:
    ours = [part.where for part in PRIVATE_PARTS if part.where.startswith("dagster:DagsterInstance.")]
    listed = {where.rsplit(".", 1)[1] for where in ours}
    called = {name for file in ROOM.rglob("*.py") for name in unmarked(file)}

    assert called == listed


def test_every_private_import_is_listed() -> None:
    imported = {f"{node.module}:{alias.name}" for file in ROOM.rglob("*.py")
                for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)
                for alias in node.names if re.match(r"dagster(\._|_celery|_postgres)", node.module or "")}

    assert imported <= {part.where for part in PRIVATE_PARTS} | {"dagster._core.launcher:WorkerStatus"}


def test_the_docs_list_every_module_and_every_switch() -> None:
    page = (PROJECT / "docs" / "private_parts.md").read_text()

    for part in PRIVATE_PARTS:
        assert f"`{part.used_in}.py`" in page
        assert f"`{part.switch}`" in page
        module, name = part.where.split(":")
        assert f"`{module}`" in page or any(f"`{one}`" in page for one in name.split("."))


def test_on_stock_parts_nothing_that_leans_on_private_ones_is_needed(
        monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance, resource: PipelineResource,
        pipeline: Pipeline) -> None:
    for switch in (STORAGE, FAILURES, WORKERS, BACKFILLS):
        monkeypatch.setenv(*switch.split("="))
    for module in ("sqlite_event_log", "postgres_event_log", "runs.celery_launcher", "runs.local_launcher",
                   "runs.runs_lost_before_start", "runs.run_process", "events.planned_partitions",
                   "events.events_together", "backfills"):  # as though they could not be imported
        monkeypatch.setitem(sys.modules, f"demand_assets.dagster_instance.{module}", None)
    from demand_assets.dagster_instance.instance import open_instance, prepare_home
    from demand_assets.defs.partitions import sync_partitions

    home = Path(instance.root_directory) / "stock"
    prepare_home(home)
    wanted = pipeline.source.catalogue().region_items
    with open_instance(home) as stock:
        sync_partitions(stock, wanted)
        result = dg.materialize([region_item], instance=stock, resources={"pipeline": resource},
                                selection=dg.AssetSelection.assets("raw_demand", "demand").without_checks(),
                                run_config=run_config([one.key for one in wanted]))

    assert result.success
