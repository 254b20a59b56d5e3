"""Runs that are started by name: refresh, pool, retrain, fit, promote, monitor."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from demand_assets.defs.events import carry
from demand_assets.defs.resources import PipelineResource
from demand_assets.defs.run_configuration import Selection
from demand_assets.forecasting.contract import dagster_names as names
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.pipeline.monitor import measure

refresh = dg.define_asset_job(
    names.REFRESH_JOB, selection=dg.AssetSelection.assets(*names.TAKEN_IN_ASSETS).without_checks(),
    tags={names.KIND_TAG: names.REFRESH_KIND}, description="New demand into the store; models stay as they are.")
retrain = dg.define_asset_job(
    names.RETRAIN_JOB, selection=dg.AssetSelection.assets(*names.RETRAINED_ASSETS).without_checks(),
    tags={names.KIND_TAG: names.RETRAIN_KIND},
    description="New demand, a new candidate and the gate's decision for each region-item asked for.")

pool = dg.define_asset_job(
    names.POOL_JOB, selection=dg.AssetSelection.assets(names.POOLED_MODEL), tags={names.KIND_TAG: names.POOL_KIND},
    description="A new pooled model, on which retrained models stand from then on.")


@dg.op(name=names.JUDGE_OP)
def judge(context: dg.OpExecutionContext, config: Selection, pipeline: PipelineResource) -> Iterator[object]:
    """The gate's decision on the candidates of these region-items."""
    yield from carry(context, pipeline, config.region_items, {names.PRODUCTION_MODEL})
    yield dg.Output(None)


@dg.job(name=names.PROMOTE_JOB, tags={names.KIND_TAG: names.PROMOTION_KIND})
def promote() -> None:
    """Judge candidates, whichever they are; recorded as materializations of production_model.

    A job of an op, since Dagster lets no run begin at a downstream asset unless its partitions are one range.
    """
    judge()


@dg.op(name=names.FIT_OP)
def fit_and_judge(context: dg.OpExecutionContext, config: Selection, pipeline: PipelineResource) -> Iterator[object]:
    """Candidates of these region-items from the demand in the store, and the gate's decisions on them."""
    yield from carry(context, pipeline, config.region_items, names.TRAINED_ASSETS)
    yield dg.Output(None)


@dg.job(name=names.FIT_JOB, tags={names.KIND_TAG: names.RETRAIN_KIND})
def fit() -> None:
    """Train and judge on demand that has been taken in already; a job of an op for the reason that ``promote`` is."""
    fit_and_judge()


class Measured(dg.Config):
    """Which production models to measure."""

    region_items: list[str]
    """Partition keys."""


@dg.op(name=names.MEASURE_OP)
def measure_production(context: dg.OpExecutionContext, config: Measured, pipeline: PipelineResource) -> None:
    """Production models against demand that has become known since their training."""
    observations = measure(pipeline.open(), [RegionItem.from_key(key) for key in config.region_items],
                           datetime.now(UTC))
    context.log.info(f"{len(observations)} of {len(config.region_items)} region-items have a model in production")


@dg.job(name=names.MONITOR_JOB, tags={names.KIND_TAG: names.MONITOR_KIND})
def monitor() -> None:
    """Is the model in production still right?"""
    measure_production()


ALL = [refresh, pool, retrain, fit, promote, monitor]
