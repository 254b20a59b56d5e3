"""The asset graph: raw_demand -> demand -> demand_features -> candidate_model -> production_model.

The five assets share one op. Dagster skips what is downstream of a step in which some partitions failed; here each
region-item goes as far as it can, its success or failure is recorded for its own partition, and its neighbours never
notice (docs/decisions/0002-one-op-for-the-graph.md).
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import dagster as dg
from pydantic import Field

from demand_assets.dagster_instance.failures import report_failed_partitions
from demand_assets.defs.checks import evaluations
from demand_assets.defs.metadata import to_metadata
from demand_assets.defs.partitions import PARTITIONS_PER_RUN, region_items
from demand_assets.defs.resources import PipelineResource
from demand_assets.forecasting.contract.clock import Clock
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.pipeline.outcomes import TAKING_IN, TRAINING, Asked, Outcome
from demand_assets.pipeline.run import Pipeline

REQUEST_TAG = "demand/request_id"
ASKED_BY_TAG = "demand/asked_by"
SECONDS = "seconds"
"""In the metadata of a run's observation: stage -> wall and processor seconds, over all its workers."""

SPECS = [
    dg.AssetSpec("raw_demand", group_name="demand", kinds={"parquet"}, skippable=True,
                 description="Rows of the source as read: demand and drivers, with nothing mended."),
    dg.AssetSpec("demand", deps=["raw_demand"], group_name="demand", kinds={"pandera", "parquet"}, skippable=True,
                 description="Demand that downstream may trust: one row a period, no gaps. What fails its schema is in "
                             "the quarantine with the reason; a region-item with too much of it keeps its last good "
                             "demand and model."),
    dg.AssetSpec("demand_features", deps=["demand"], group_name="demand", kinds={"parquet"}, skippable=True,
                 description="What is known at the end of each period (level, recent means, spread), and the calendar "
                             "and drivers of each period."),
    dg.AssetSpec("candidate_model", deps=["demand", "demand_features", "pooled_model"], group_name="models",
                 kinds={"xgboost", "mlflow"}, skippable=True,
                 description="A small booster of the region-item's own on top of the pooled model in production, with "
                             "its backtest, registered with alias `candidate`. The first run trains the pooled model "
                             "where there is none."),
    dg.AssetSpec("production_model", deps=["candidate_model"], group_name="models", kinds={"mlflow"}, skippable=True,
                 description="The gate's decision: the candidate is promoted only when it is better than the model in "
                             "production and than seasonal naive, on windows that neither has seen."),
]


Event = dg.AssetMaterialization | dg.AssetCheckEvaluation | dg.AssetObservation


class Selection(dg.Config):
    """The region-items to work on when the run has no partitions of its own."""

    region_items: list[str] = Field(default_factory=list)
    """Partition keys; they may be scattered, which a range of partitions may not."""


def selection_config(keys: Sequence[str], op: str = "region_item") -> dict[str, Any]:
    """The configuration of a run whose op works on these partition keys."""
    return {"ops": {op: {"config": {"region_items": list(keys)}}}}


@dg.multi_asset(name="region_item", specs=SPECS, can_subset=True, partitions_def=region_items,
                backfill_policy=dg.BackfillPolicy.multi_run(PARTITIONS_PER_RUN))
def region_item(context: dg.AssetExecutionContext, config: Selection, pipeline: PipelineResource) -> Iterator[Event]:
    """Carry region-items through the selected stages; each outcome is recorded for its own partition."""
    keys = config.region_items
    if not keys and (context.has_partition_key or context.has_partition_key_range):
        keys = list(context.partition_keys)
    yield from carry(context.op_execution_context, pipeline.open(), keys,
                     {key.to_user_string() for key in context.selected_asset_keys}, is_range=not config.region_items)


@dg.asset(deps=["demand"], group_name="models", kinds={"xgboost", "mlflow"})
def pooled_model(context: dg.AssetExecutionContext, pipeline: PipelineResource) -> dg.MaterializeResult:
    """One model over all region-items, which every region-item's own model stands on; promoted unless it is worse."""
    asked = Asked(run_id=context.run.run_id, by=context.run.tags.get(ASKED_BY_TAG, "an engineer"))
    pooled = pipeline.open().pool(asked)
    return dg.MaterializeResult(metadata={
        "version": pooled.model.version, "decision": pooled.decision.verdict, "reason": pooled.decision.reason,
        **{name: value for name, value in pooled.model.card.items() if value is not None}})


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
    tags = context.run.tags
    request_id = tags.get(REQUEST_TAG, "")  # without who asked, the web app's
    asked = Asked(request_id=request_id, run_id=context.run.run_id,
                  by=tags.get(ASKED_BY_TAG, "a planner" if request_id else "an engineer"))
    failed: list[Outcome] = []
    clock = Clock()
    for outcome in pipeline.carry([RegionItem.from_key(key) for key in keys], assets, asked, clock):
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
    last = next(asset for asset in reversed(TAKING_IN + TRAINING) if asset in assets)
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
