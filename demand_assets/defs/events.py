"""What Dagster records while region-items are carried: each outcome for its own partition."""

from collections.abc import Collection, Iterator, Sequence

import dagster as dg
from dagster import DagsterEvent
from dagster._core.events import AssetMaterializationPlannedData  # no public name; held by a test

from demand_assets.defs.checks import evaluations
from demand_assets.defs.metadata import to_metadata
from demand_assets.defs.run_configuration import asked_by, tell_seconds
from demand_assets.forecasting.contract.clock import Clock
from demand_assets.forecasting.contract.dagster_names import REGION_ITEM_OP
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.pipeline.outcomes import Outcome
from demand_assets.pipeline.run import Pipeline

Event = dg.AssetMaterialization | dg.AssetCheckEvaluation


def carry(context: dg.OpExecutionContext, pipeline: Pipeline, keys: Sequence[str], assets: Collection[str],
          is_range: bool = False) -> Iterator[Event]:
    """The events of carrying region-items through the stages that make these assets.

    Args:
        keys: partition keys.
        is_range: whether Dagster was told at the run's start which partitions it is meant to make.
    Raises: dg.Failure: some region-items failed, or none was given.
    """
    if not keys:
        raise dg.Failure("no region-items: pick partitions, or give their keys as region_items in the run's "
                         "configuration", allow_retries=False)
    failed: list[Outcome] = []
    clock = Clock()
    for outcome in pipeline.carry([RegionItem.from_key(key) for key in keys], assets, asked_by(context.run), clock):
        with clock("dagster events"):
            if outcome.status == "failed":
                failed.append(outcome)
                context.log.error(f"{outcome.region_item.key}: {outcome.asset}: {outcome.reason}\n{outcome.trace}")
                continue
            yield from evaluations(outcome)
            if outcome.status == "quarantined":
                context.log.warning(f"{outcome.region_item.key}: {outcome.asset}: {outcome.reason}")
                continue
            yield dg.AssetMaterialization(outcome.asset, partition=outcome.region_item.key,
                                          metadata=to_metadata(outcome))
    tell_seconds(context.instance, context.run.run_id, clock)
    if failed:
        if not is_range:
            _plan_failed(context, failed)
        raise dg.Failure(f"{len(failed)} of {len(keys)} region-items failed, the first: "
                         f"{failed[0].region_item.key}: {failed[0].reason}", allow_retries=False)


def _plan_failed(context: dg.OpExecutionContext, failed: Sequence[Outcome]) -> None:
    """Say that the failed partitions were meant to be made, so that Dagster shows them as failed.

    A run with partitions of its own says so at its start; one with the keys in its configuration does not.
    """
    for outcome in failed:
        planned = AssetMaterializationPlannedData(dg.AssetKey(outcome.asset), partition=outcome.region_item.key)
        event = DagsterEvent.build_asset_materialization_planned_event(context.job_name, REGION_ITEM_OP, planned)
        context.instance.report_dagster_event(event, context.run.run_id)
