"""Dagster is told which partitions of its assets a run with keys in its configuration makes, and which of them failed;
by unmarked methods of its instance (docs/private_parts.md).

With ``DAGSTER_FAILURES=stock`` nothing is told: such a region-item is named in the run's log and failure alone.
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
    if Settings().dagster_failures == "stock" or not (is_together or len(keys) <= FEW):
        return False
    # Imported here: not needed, and may be moved by an upgrade, where Dagster is not told.
    from dagster._core.definitions.partitions.subset import DefaultPartitionsSubset
    from dagster._core.events import AssetMaterializationPlannedData

    made = _made_before(context)
    for asset in map(dg.AssetKey, assets):
        new = [key for key in keys if (asset, key) not in made]
        planned = ([AssetMaterializationPlannedData(asset, partitions_subset=DefaultPartitionsSubset(set(new)))]
                   if is_together else [AssetMaterializationPlannedData(asset, partition=key) for key in new])
        for each in planned if new else []:
            _report_planned(context, each)
    return True


def _made_before(context: dg.OpExecutionContext) -> set[tuple[dg.AssetKey | None, str | None]]:
    """Asset and partition key of what the run made before its process was killed and it was gone on with: planned anew,
    it would count as failed where the run fails."""
    told = context.instance.get_records_for_run(context.run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    return {(event.asset_key, event.partition) for record in told.records
            if (event := record.event_log_entry.dagster_event)}


def report_failed_partitions(context: dg.OpExecutionContext, failed: Iterable[tuple[str, str]]) -> None:
    """Show these partitions as failed, although the run did not say at its start that it would make them.

    A run with partitions of its own says so at its start; one with the keys in its configuration does not.

    Args:
        failed: asset and partition key of each.
    """
    if Settings().dagster_failures == "stock":
        return
    # Imported here: not needed, and may be moved by an upgrade, where Dagster is not told.
    from dagster._core.events import AssetMaterializationPlannedData

    for asset, key in failed:
        _report_planned(context, AssetMaterializationPlannedData(dg.AssetKey(asset), partition=key))


def _report_planned(context: dg.OpExecutionContext, planned: Any) -> None:
    event = dg.DagsterEvent.build_asset_materialization_planned_event(context.job_name, context.op_def.name, planned)
    context.instance.report_dagster_event(event, context.run.run_id)
