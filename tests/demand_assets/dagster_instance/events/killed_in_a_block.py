"""A run that tells of partitions in blocks, in a process that is killed, or whose database goes away, on the way."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as db

from demand_assets.dagster_instance.events.partition_reports import report_planned_partitions
from demand_assets.dagster_instance.events.reported_together import reported_together
from demand_assets.dagster_instance.instance import open_instance
from demand_assets.dagster_instance.runs.interruption import carry_out

ASSETS = ("demand", "model")


class Keys(dg.Config):
    """Of partitions."""

    keys: list[str]


@dg.op
def tell(context: dg.OpExecutionContext, config: Keys) -> Iterator[object]:
    """Plan the partitions, and tell of each that it was made: two together."""
    report_planned_partitions(context, ASSETS, config.keys)
    for number in range(0, len(config.keys), 2):
        with reported_together(context.instance):
            for key in config.keys[number:number + 2]:
                yield dg.AssetMaterialization("demand", partition=key, tags={"dagster/data_version": "1"})
                yield dg.AssetCheckEvaluation(asset_key=dg.AssetKey("demand"), check_name="holds", passed=True,
                                              partition=key)
                yield dg.AssetMaterialization("model", partition=key)
    yield dg.Output(None)


@dg.job(executor_def=dg.in_process_executor)
def told() -> None:
    """One op."""
    tell()


def config_of(keys: list[str]) -> dict[str, object]:
    """Configuration of a run for these partitions."""
    return {"ops": {"tell": {"config": {"keys": keys}}}}


def begun(instance: dg.DagsterInstance, keys: list[str]) -> str:
    """The id of a run for these partitions that is about to start."""
    run: dg.DagsterRun = instance.create_run_for_job(
        told, job_code_origin=dg.reconstructable(told).get_python_origin(), run_config=config_of(keys))
    instance.report_dagster_event(dg.DagsterEvent("PIPELINE_STARTING", "told"), run.run_id)
    return run.run_id


def kill(home: Path, run_id: str, moment: int, resume: bool = False) -> None:
    """Carry the run out in a process that is killed just before its so many-th commit of what it tells in blocks."""
    process = multiprocessing.get_context("fork").Process(target=_carry_until, args=(home, run_id, moment, resume))
    process.start()  # while this process has no instance open
    process.join(120)
    assert process.exitcode == -signal.SIGKILL, f"the run was not killed: {process.exitcode}"


def _carry_until(home: Path, run_id: str, moment: int, resume: bool) -> None:
    passed, is_telling = count(), False

    def before_statement(connection: db.Connection, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        nonlocal is_telling
        if statement.startswith("INSERT INTO event_logs"):
            is_telling = is_telling or "'ASSET_MATERIALIZATION'" in str(values)
            connection.info["is telling"] = is_telling

    def at_commit(connection: db.Connection) -> None:
        if connection.info.pop("is telling", False) and next(passed) == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    db.event.listen(db.Engine, "before_cursor_execute", before_statement)
    db.event.listen(db.Engine, "commit", at_commit)
    with open_instance(home) as instance:
        carry_out(instance, run_id, resume=resume)


def gone_on_with_after(home: Path, moment: int) -> tuple[set[str | None], set[int]]:
    """How a run of two partitions, told in one block, that is killed at the so many-th commit and gone on with leaves
    them, and how often it told of them."""
    keys = [f"{moment} {letter}" for letter in "ab"]
    with open_instance(home) as instance:
        run = begun(instance, keys)
    kill(home, run, moment)
    with open_instance(home) as instance:
        carry_out(instance, run, resume=True)
        return {status for asset in ASSETS for status in statuses(instance, asset, keys)}, set(
            times_told(instance, keys))


@contextmanager
def before_statements(act: Callable[[Any], None], beginning: str, times: int = 1) -> Iterator[list[str]]:
    """Let something happen before the first so many statements that begin so; which those were."""
    met: list[str] = []

    def before(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(beginning) and len(met) < times:
            met.append(statement)
            act(connection)

    db.event.listen(db.Engine, "before_cursor_execute", before)
    try:
        yield met
    finally:
        db.event.remove(db.Engine, "before_cursor_execute", before)


def statuses(instance: dg.DagsterInstance, asset: str, keys: list[str]) -> list[str | None]:
    """How Dagster's page shows each partition of the asset."""
    found = instance.get_status_by_partition(dg.AssetKey(asset), keys, dg.StaticPartitionsDefinition(keys)) or {}
    return [found[key] and found[key].value for key in keys]


def times_told(instance: dg.DagsterInstance, keys: list[str]) -> list[int]:
    """How often the index tells that each partition of each asset was made, and what its check found."""
    made = [sum(record.partition_key == key for record in instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=keys), limit=100).records)
        for asset in ASSETS for key in keys]
    storage: Any = instance.event_log_storage
    checked = storage.get_asset_check_execution_history(
        dg.AssetCheckKey(dg.AssetKey("demand"), "holds"), limit=1000)
    return made + [sum(record.partition == key for record in checked) for key in keys]
