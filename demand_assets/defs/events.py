"""What Dagster records while region-items are carried: each outcome for its own partition."""

from collections.abc import Collection, Iterator, Sequence

import dagster as dg

from demand_assets.dagster_instance.failures import report_failed_partitions
from demand_assets.defs.checks import evaluations
from demand_assets.defs.metadata import to_metadata
from demand_assets.defs.run_configuration import asked_by
from demand_assets.forecasting.contract.clock import Clock
from demand_assets.forecasting.contract.dagster_names import CANDIDATE_MODEL, POOLED_MODEL, RETRAINED_ASSETS, SECONDS
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.pipeline.outcomes import Outcome
from demand_assets.pipeline.run import Pipeline

Event = dg.AssetMaterialization | dg.AssetCheckEvaluation | dg.AssetObservation


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
    # A run of candidates trains the pooled model where there is none; it is told before what stands on it.
    pooled_is_missing = CANDIDATE_MODEL in assets and pipeline.registry.pooled_production() is None
    for outcome in pipeline.carry([RegionItem.from_key(key) for key in keys], assets, asked_by(context.run), clock):
        with clock("dagster events"):
            if outcome.status == "failed":
                failed.append(outcome)
                context.log.error(f"{outcome.region_item.key}: {outcome.asset}: {outcome.reason}\n{outcome.trace}")
                continue
            if pooled_is_missing and outcome.asset == CANDIDATE_MODEL:
                version = pipeline.registry.pooled_production()
                pooled_is_missing = version is None
                if version is not None:
                    yield dg.AssetMaterialization(POOLED_MODEL, metadata={
                        "version": version, "reason": "the first, trained in this run"})
            yield from evaluations(outcome)
            if outcome.status == "quarantined":
                context.log.warning(f"{outcome.region_item.key}: {outcome.asset}: {outcome.reason}")
                continue
            yield dg.AssetMaterialization(outcome.asset, partition=outcome.region_item.key,
                                          metadata=to_metadata(outcome))
    last = next(asset for asset in reversed(RETRAINED_ASSETS) if asset in assets)
    yield dg.AssetObservation(last, description="where the run's time went", metadata={SECONDS: dg.MetadataValue.json({
        stage: [round(wall, 3), round(processor, 3)] for stage, (wall, processor) in clock.seconds.items()})})
    if failed:
        if not is_range:
            report_failed_partitions(context, [(one.asset, one.region_item.key) for one in failed])
        raise dg.Failure(f"{len(failed)} of {len(keys)} region-items failed, the first: "
                         f"{failed[0].region_item.key}: {failed[0].reason}", allow_retries=False)


def seconds_of(result: dg.ExecuteInProcessResult) -> dict[str, tuple[float, float]]:
    """Stage -> wall and processor seconds of a run in this process; empty when it was cut off."""
    for event in result.all_events:
        if event.is_asset_observation:
            stages = event.event_specific_data.asset_observation.metadata[SECONDS].value
            return {stage: (wall, processor) for stage, (wall, processor) in stages.items()}
    return {}
