"""What Dagster does not see by itself, of runs with keys in their configuration and of runs whose process is gone: told
to it by unmarked methods of its instance (docs/private_parts.md).

With ``DAGSTER_FAILURES=stock`` nothing here is called: a region-item that failed in a run with the keys in its
configuration is named in the run's log and failure alone, and a run whose process is gone ends when Dagster's own
monitoring gives it up (``max_runtime_seconds`` in ``deploy/dagster.yaml``).
"""

from collections.abc import Collection, Iterable
from typing import Any

import dagster as dg

from demand_assets.settings import Settings

FEW = 50
"""Partitions that are planned one by one where Dagster's own event log is in use: some 25 ms for each asset."""


def report_planned_partitions(context: dg.OpExecutionContext, assets: Iterable[str], keys: Collection[str]) -> bool:
    """Whether these partitions of the assets are shown as under way from now on, and as failed where the run fails
    without having made them: as though the run had been started with them as partitions of its own."""
    storage = context.instance.event_log_storage
    is_together = storage.supports_partition_subset_in_asset_materialization_planned_events
    if not _are_reported() or not (is_together or len(keys) <= FEW):
        return False
    # Imported here: not needed, and may be moved by an upgrade, where Dagster is not told.
    from dagster._core.definitions.partitions.subset import DefaultPartitionsSubset
    from dagster._core.events import AssetMaterializationPlannedData

    for asset in map(dg.AssetKey, assets):
        planned = ([AssetMaterializationPlannedData(asset, partitions_subset=DefaultPartitionsSubset(set(keys)))]
                   if is_together else [AssetMaterializationPlannedData(asset, partition=key) for key in keys])
        for each in planned:
            _report_planned(context, each)
    return True


def report_failed_partitions(context: dg.OpExecutionContext, failed: Iterable[tuple[str, str]]) -> None:
    """Show these partitions as failed, although the run did not say at its start that it would make them.

    A run with partitions of its own says so at its start; one with the keys in its configuration does not.

    Args:
        failed: asset and partition key of each.
    """
    if not _are_reported():
        return
    # Imported here: not needed, and may be moved by an upgrade, where Dagster is not told.
    from dagster._core.events import AssetMaterializationPlannedData

    for asset, key in failed:
        _report_planned(context, AssetMaterializationPlannedData(dg.AssetKey(asset), partition=key))


def _report_planned(context: dg.OpExecutionContext, planned: Any) -> None:
    event = dg.DagsterEvent.build_asset_materialization_planned_event(context.job_name, context.op_def.name, planned)
    context.instance.report_dagster_event(event, context.run.run_id)


def end_run(instance: dg.DagsterInstance, run: dg.DagsterRun, why: str) -> bool:
    """Whether Dagster was told that the run is over: failed, or cancelled where that was asked for."""
    if not _are_reported():
        return False
    if run.status is dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, why)
    else:
        instance.report_run_failed(run, why)
    return True


def put_back(instance: dg.DagsterInstance, run: dg.DagsterRun, why: str) -> bool:
    """Whether Dagster was told that the run waits in its queue again: it never began.

    One that came into Dagster by no queue, as a test's, is reported failed.
    """
    if run.remote_job_origin is None:
        return end_run(instance, run, why)
    if not _are_reported():
        return False
    instance.report_engine_event(why, run)
    instance.report_dagster_event(dg.DagsterEvent.job_enqueue(run), run.run_id)
    return True


def queue_of_workers(instance: dg.DagsterInstance) -> str | None:
    """The queue that workers take the instance's runs from; None where runs are processes of this machine."""
    if not _are_reported():
        return None
    queue = getattr(instance.run_launcher, "default_queue", None)
    return None if queue is None else str(queue)


def _are_reported() -> bool:
    return Settings().dagster_failures == "reported"
