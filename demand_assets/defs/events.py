"""What Dagster records while region-items are carried: each outcome for its own partition."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import dagster as dg

from demand_assets.dagster_instance.events.partition_reports import report_failed_partitions, report_planned_partitions
from demand_assets.dagster_instance.events.reported_together import reported_together
from demand_assets.defs.checks import evaluations
from demand_assets.defs.metadata import data_version, is_nothing_served, to_metadata
from demand_assets.defs.resources import PipelineResource
from demand_assets.defs.run_configuration import asked_by
from demand_assets.defs.run_log import RunSummary, told_in
from demand_assets.forecasting.contract.clock import Clock
from demand_assets.forecasting.contract.dagster_names import (
    ASKED_BY_TAG,
    CANDIDATE_MODEL,
    POOLED_MODEL,
    RETRAINED_ASSETS,
    SECONDS,
    VERSION,
)
from demand_assets.forecasting.contract.region_item import RegionItem, pooled_name
from demand_assets.forecasting.telemetry.tracing import span
from demand_assets.pipeline.outcomes import Outcome, RequestedBy
from demand_assets.pipeline.run import Pooled
from demand_assets.settings import Settings

Event = dg.AssetMaterialization | dg.AssetCheckEvaluation | dg.AssetObservation
PooledEvent = dg.MaterializeResult | dg.AssetObservation


def carry(context: dg.OpExecutionContext, resource: PipelineResource, keys: Sequence[str], assets: Collection[str],
          is_range: bool = False) -> Iterator[Event]:
    """The events of carrying region-items through the stages that make these assets.

    Args:
        keys: partition keys.
        is_range: whether Dagster was told before the run's start which partitions it is meant to make; where a person
            asked for the run, it is told else at the start.
    Raises: dg.Failure: some region-items failed, or none was given.
    """
    if not keys:
        raise dg.Failure("no region-items: pick partitions, or give their keys as region_items in the run's "
                         "configuration", allow_retries=False)
    is_planned = is_range or (ASKED_BY_TAG not in context.run.tags and report_planned_partitions(
        context, [asset for asset in RETRAINED_ASSETS if asset in assets], keys))
    with span("run", (asked := asked_by(context.run)).traceparent, region_items=len(keys), job=context.run.job_name,
              run=context.run.run_id) as here:
        yield from _carried(context, resource, keys, assets, is_planned, replace(asked, traceparent=here))


def _carried(context: dg.OpExecutionContext, resource: PipelineResource, keys: Sequence[str], assets: Collection[str],
             is_planned: bool, asked: RequestedBy) -> Iterator[Event]:
    pipeline, settings = resource.open(), resource.settings
    failed: list[Outcome] = []
    summary, clock = RunSummary(), Clock()
    is_pooled_told = False
    context.log.info(f"{len(keys)} region-items, the first: {keys[0]}")
    for outcomes in told_in(context.log, pipeline.carry_together([RegionItem.from_key(key) for key in keys], assets,
                                                                 asked, clock)):
        with clock("dagster events"), reported_together(context.instance):
            for outcome in outcomes:
                summary.add(outcome)
                if outcome.status == "failed":
                    failed.append(outcome)
                    context.log.error(f"{outcome.region_item.key}: {outcome.asset}: {outcome.reason}\n{outcome.trace}")
                    continue
                yield from evaluations(outcome)
                if outcome.status == "quarantined":
                    context.log.warning(f"{outcome.region_item.key}: {outcome.asset}: {outcome.reason}")
                    continue
                if outcome.asset == CANDIDATE_MODEL and not is_pooled_told:
                    yield from _untold_pooled(context.instance, settings, pipeline.dataset.name,
                                              outcome.details["pooled_version"])
                    is_pooled_told = True
                yield event_of(outcome, settings, pipeline.dataset.name)
    last = next(asset for asset in reversed(RETRAINED_ASSETS) if asset in assets)
    yield dg.AssetObservation(last, description="what became of the region-items, and where the run's time went",
                              metadata={**summary.metadata, SECONDS: dg.MetadataValue.json({
        stage: [round(wall, 3), round(processor, 3)] for stage, (wall, processor) in clock.seconds.items()})})
    context.log.info(f"{len(keys)} region-items: {summary.words}")
    if failed:
        if not is_planned:
            report_failed_partitions(context, [(one.asset, one.region_item.key) for one in failed])
        raise dg.Failure(f"{len(failed)} of {len(keys)} region-items failed, the first: "
                         f"{failed[0].region_item.key}: {failed[0].reason}", allow_retries=False)


def pooled_events(pooled: Pooled, settings: Settings, dataset: str) -> Iterator[PooledEvent]:
    """The new pooled model's materialization; an observation where the older one stays, and so does the asset."""
    decision = {"decision": pooled.decision.verdict, "reason": pooled.decision.reason}
    made = _pooled_metadata(settings, dataset, pooled.version, pooled.model.card)
    if pooled.decision.verdict == "promote":
        yield dg.MaterializeResult(metadata=made | decision, data_version=dg.DataVersion(str(pooled.version)))
    else:
        kept_out = {f"candidate_{name}": value for name, value in made.items()}
        yield dg.AssetObservation(POOLED_MODEL, metadata=decision | kept_out)


def _pooled_metadata(settings: Settings, dataset: str, version: int, card: Mapping[str, Any]) -> dict[str, Any]:
    """What the pooled model's asset tells of a version: its numbers, and where it is in MLflow."""
    page = settings.model_page(pooled_name(dataset), version)
    return {VERSION: version, **{name: value for name, value in card.items() if value is not None},
            **({"mlflow": dg.MetadataValue.url(page)} if page else {})}


def event_of(outcome: Outcome, settings: Settings, dataset: str) -> Event:
    """The materialization; where the gate kept a candidate out and nothing serves, no model: an observation of that."""
    key = outcome.region_item.key
    metadata = to_metadata(outcome, partial(settings.model_page, outcome.region_item.model_name(dataset)))
    if is_nothing_served(outcome):
        return dg.AssetObservation(outcome.asset, partition=key, metadata=metadata)
    return dg.AssetMaterialization(outcome.asset, partition=key, metadata=metadata, tags=data_version(metadata))


def _untold_pooled(instance: dg.DagsterInstance, settings: Settings, dataset: str,
                   version: int) -> Iterator[Event]:
    """The materialization of the pooled model that candidates stand on, where Dagster has another one or none at all.

    The first training makes one as it goes, and people move the alias in MLflow. It comes before its candidates.
    """
    told = instance.get_latest_materialization_event(dg.AssetKey(POOLED_MODEL))
    known = told.asset_materialization.metadata.get(VERSION) if told and told.asset_materialization else None
    if known is None or known.value != version:
        metadata = _pooled_metadata(settings, dataset, version, {})
        yield dg.AssetMaterialization(POOLED_MODEL, metadata=metadata, tags=data_version(metadata))


def seconds_of(result: dg.ExecuteInProcessResult) -> dict[str, tuple[float, float]]:
    """Stage -> wall and processor seconds of a run in this process; empty when it was cut off."""
    for event in result.all_events:
        if event.is_asset_observation and SECONDS in (told := event.event_specific_data.asset_observation.metadata):
            stages = told[SECONDS].value
            return {stage: (wall, processor) for stage, (wall, processor) in stages.items()}
    return {}
