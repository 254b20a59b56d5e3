"""Runs that are started by name: refresh, retrain, promote; and the weekly retrain."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from demand_assets.defs.assets import ASKED_BY_TAG, REQUEST_TAG, Selection, carry, selection_config
from demand_assets.defs.partitions import PARTITIONS_PER_RUN, region_items
from demand_assets.defs.resources import PipelineResource
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.pipeline.monitor import measure

KIND_TAG = "demand/kind"
AUTOMATIC_IS_OFF = "automatic retraining is off; automatic = true under [retraining] in the dataset file turns it on"

refresh = dg.define_asset_job(
    "refresh", selection=dg.AssetSelection.assets("raw_demand", "demand", "demand_features").without_checks(),
    tags={KIND_TAG: "refresh"}, description="New demand into the store; models stay as they are.")
retrain = dg.define_asset_job(
    "retrain", selection=dg.AssetSelection.assets("raw_demand", "demand", "demand_features", "candidate_model",
                                                  "production_model").without_checks(),
    tags={KIND_TAG: "retrain"},
    description="New demand, a new candidate and the gate's decision for each region-item asked for.")

pool = dg.define_asset_job("pool", selection=dg.AssetSelection.assets("pooled_model"), tags={KIND_TAG: "pool"},
                           description="A new pooled model, on which retrained models stand from then on.")


@dg.op
def judge(context: dg.OpExecutionContext, config: Selection, pipeline: PipelineResource) -> Iterator[object]:
    """The gate's decision on the candidates of these region-items."""
    yield from carry(context, pipeline.open(), config.region_items, {"production_model"})
    yield dg.Output(None)


@dg.job(tags={KIND_TAG: "promotion"})
def promote() -> None:
    """Judge candidates, whichever they are; recorded as materializations of production_model.

    A job of an op, since Dagster lets no run begin at a downstream asset unless its partitions are one range.
    """
    judge()


@dg.op
def fit_and_judge(context: dg.OpExecutionContext, config: Selection, pipeline: PipelineResource) -> Iterator[object]:
    """Candidates of these region-items from the demand in the store, and the gate's decisions on them."""
    yield from carry(context, pipeline.open(), config.region_items, {"candidate_model", "production_model"})
    yield dg.Output(None)


@dg.job(tags={KIND_TAG: "retrain"})
def fit() -> None:
    """Train and judge on demand that has been taken in already; a job of an op for the reason that ``promote`` is."""
    fit_and_judge()


class Measured(dg.Config):
    """Which production models to measure."""

    region_items: list[str]
    """Partition keys."""


@dg.op
def measure_production(context: dg.OpExecutionContext, config: Measured, pipeline: PipelineResource) -> None:
    """Production models against demand that has become known since their training."""
    observations = measure(pipeline.open(), [RegionItem.from_key(key) for key in config.region_items],
                           datetime.now(UTC))
    context.log.info(f"{len(observations)} of {len(config.region_items)} region-items have a model in production")


@dg.job(tags={KIND_TAG: "monitor"})
def monitor() -> None:
    """Is the model in production still right?"""
    measure_production()


@dg.schedule(job=retrain, cron_schedule="0 3 * * 1", execution_timezone="UTC",
             default_status=dg.DefaultScheduleStatus.RUNNING)
def weekly_retrain(context: dg.ScheduleEvaluationContext,
                   pipeline: PipelineResource) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Retrain every region-item once a week; off unless the dataset file says ``retraining.automatic = true``."""
    if not pipeline.open().dataset.retraining.automatic:
        yield dg.SkipReason(AUTOMATIC_IS_OFF)
        return
    keys = context.instance.get_dynamic_partitions(str(region_items.name))
    for start in range(0, len(keys), PARTITIONS_PER_RUN):
        request = f"schedule-{context.scheduled_execution_time:%Y%m%d}-{start}"
        yield dg.RunRequest(run_key=request, tags={REQUEST_TAG: request, ASKED_BY_TAG: "weekly schedule"},
                            run_config=selection_config(keys[start:start + PARTITIONS_PER_RUN]))


@dg.schedule(job=pool, cron_schedule="0 2 * * 1", execution_timezone="UTC",
             default_status=dg.DefaultScheduleStatus.RUNNING)
def weekly_pool(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Renew the pooled model once a week, an hour before the weekly retrain; no region-item changes by that alone."""
    return dg.RunRequest(run_key=f"pool-{context.scheduled_execution_time:%Y%m%d}",
                         tags={ASKED_BY_TAG: "weekly schedule"})


ALL = [refresh, pool, retrain, fit, promote, monitor]
SCHEDULES = [weekly_pool, weekly_retrain]
