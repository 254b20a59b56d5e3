"""The asset graph: raw_demand -> demand -> candidate_model -> production_model, and what hangs on it.

The five assets of a region-item share one op. Dagster skips what is downstream of a step in which some partitions
failed; here each region-item goes as far as it can, its success or failure is recorded for its own partition, and its
neighbours never notice (docs/decisions/0002-one-op-for-the-graph.md).
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import dagster as dg

from demand_assets.defs.checks import DAYS_BEHIND
from demand_assets.defs.events import Event, PooledEvent, carry, pooled_events
from demand_assets.defs.partitions import region_items
from demand_assets.defs.resources import PipelineResource
from demand_assets.defs.run_configuration import Selection, asked_by, keys_to_work_on
from demand_assets.defs.run_log import lines_in
from demand_assets.forecasting.contract.code_version import CODE_VERSION
from demand_assets.forecasting.contract.dagster_names import (
    CANDIDATE_MODEL,
    DEMAND,
    INSPECTED_FEATURES,
    POOLED_MODEL,
    PRODUCTION_MODEL,
    RAW_DEMAND,
    REGION_ITEM_OP,
)
from demand_assets.forecasting.contract.run_sizes import PER_RUN
from demand_assets.forecasting.dataset.dataset_file import DatasetFileError
from demand_assets.forecasting.telemetry.tracing import span
from demand_assets.settings import Settings

SPECS = [
    dg.AssetSpec(RAW_DEMAND, group_name="demand", kinds={"parquet"}, skippable=True,
                 code_version=CODE_VERSION,
                 description="Rows of the source as read: demand and drivers, with nothing mended."),
    dg.AssetSpec(DEMAND, deps=[RAW_DEMAND], group_name="demand", kinds={"pandera", "parquet"}, skippable=True,
                 code_version=CODE_VERSION,
                 description="Demand that downstream may trust: one row a period, no gaps. What fails its schema is in "
                             "the quarantine with the reason; a region-item with too much of it keeps its last good "
                             "demand and model."),
    dg.AssetSpec(INSPECTED_FEATURES, deps=[DEMAND], group_name="demand", kinds={"parquet"}, skippable=True,
                 code_version=CODE_VERSION,
                 description="The features of `demand` as a table to look at: what is known at the end of each period "
                             "(level, recent means, spread), and the calendar and drivers of each period. Nothing "
                             "reads it: training and forecasting compute their features from `demand` themselves, "
                             "with the same code."),
    dg.AssetSpec(CANDIDATE_MODEL, deps=[DEMAND, POOLED_MODEL], group_name="models",
                 kinds={"xgboost", "mlflow"}, skippable=True,
                 code_version=CODE_VERSION,
                 description="A small booster of the region-item's own on top of the pooled model in production, with "
                             "its backtest, registered with alias `candidate`. The first run trains the pooled model "
                             "where there is none."),
    dg.AssetSpec(PRODUCTION_MODEL, deps=[CANDIDATE_MODEL], group_name="models", kinds={"mlflow"}, skippable=True,
                 code_version=CODE_VERSION,
                 description="The gate's decision: the candidate is promoted only when it is better than the model in "
                             "production and than seasonal naive, on windows that neither has seen."),
]


@dg.multi_asset(name=REGION_ITEM_OP, specs=SPECS, can_subset=True, partitions_def=region_items,
                backfill_policy=dg.BackfillPolicy.multi_run(PER_RUN))
def region_item(context: dg.AssetExecutionContext, config: Selection, pipeline: PipelineResource) -> Iterator[Event]:
    """Carry region-items through the selected stages; each outcome is recorded for its own partition."""
    yield from carry(context.op_execution_context, pipeline, keys_to_work_on(context, config),
                     {key.to_user_string() for key in context.selected_asset_keys}, is_range=not config.region_items)


@dg.asset(name=POOLED_MODEL, deps=[DEMAND], group_name="models", kinds={"xgboost", "mlflow"}, output_required=False,
          code_version=CODE_VERSION)
def pooled_model(context: dg.AssetExecutionContext, pipeline: PipelineResource) -> Iterator[PooledEvent]:
    """One model over all region-items, which every region-item's own model stands on; promoted unless it is worse.

    Where the newer one is worse the asset stays what it was, and the decision is an observation of it.
    """
    opened, asked = pipeline.open(), asked_by(context.run)
    with (span("run", asked.traceparent, job=context.run.job_name, run=context.run.run_id) as here,
          lines_in(context.log)):
        pooled = opened.pool(replace(asked, traceparent=here))
    yield from pooled_events(pooled, pipeline.settings, opened.dataset.name)


def assets_of(settings: Settings) -> list[dg.AssetsDefinition]:
    """The assets as Dagster shows them: with who answers for them, and how old they may be.

    Demand may be as old as the check ``is_fresh`` allows. A dataset file that cannot be used is no reason to hide the
    assets: their runs say what is wrong with it.
    """
    try:
        oldest = timedelta(days=DAYS_BEHIND[settings.described.frequency])
    except DatasetFileError:
        fresh = None
    else:
        fresh = dg.FreshnessPolicy.time_window(fail_window=oldest)

    def as_shown(spec: dg.AssetSpec) -> dg.AssetSpec:
        is_demand = spec.key.to_user_string() in (RAW_DEMAND, DEMAND)
        return spec.replace_attributes(owners=list(settings.owner_names), freshness_policy=fresh if is_demand else None)

    return list(dg.map_asset_specs(as_shown, [pooled_model, region_item]))
