"""What happens by the calendar: the pooled model is renewed, and region-items are retrained, once a week."""

from collections.abc import Iterator

import dagster as dg

from demand_assets.defs.jobs import pool, retrain
from demand_assets.defs.partitions import region_items
from demand_assets.defs.resources import PipelineResource
from demand_assets.forecasting.contract.dagster_names import (
    ASKED_BY_TAG,
    BY_SCHEDULE,
    REQUEST_TAG,
    SCHEDULE_REQUEST,
    run_config,
)
from demand_assets.forecasting.contract.run_sizes import PER_RUN

AUTOMATIC_IS_OFF = "automatic retraining is off; automatic = true under [retraining] in the dataset file turns it on"


@dg.schedule(job=pool, cron_schedule="0 2 * * 1", execution_timezone="UTC",
             default_status=dg.DefaultScheduleStatus.RUNNING,
             description="Renews the pooled model, an hour before the weekly retrain; no region-item changes by that.")
def weekly_pool(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Renew the pooled model once a week, an hour before the weekly retrain; no region-item changes by that alone."""
    return dg.RunRequest(run_key=f"pool-{context.scheduled_execution_time:%Y%m%d}",
                         tags={ASKED_BY_TAG: BY_SCHEDULE})


@dg.schedule(job=retrain, cron_schedule="0 3 * * 1", execution_timezone="UTC",
             default_status=dg.DefaultScheduleStatus.RUNNING,
             description="Retrains every region-item; off unless the dataset file says retraining.automatic = true.")
def weekly_retrain(context: dg.ScheduleEvaluationContext,
                   pipeline: PipelineResource) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Retrain every region-item once a week; off unless the dataset file says ``retraining.automatic = true``."""
    if not pipeline.open().dataset.retraining.automatic:
        yield dg.SkipReason(AUTOMATIC_IS_OFF)
        return
    keys = context.instance.get_dynamic_partitions(str(region_items.name))
    for start in range(0, len(keys), PER_RUN):
        request = f"{SCHEDULE_REQUEST}{context.scheduled_execution_time:%Y%m%d}-{start}"
        yield dg.RunRequest(run_key=request, tags={REQUEST_TAG: request, ASKED_BY_TAG: BY_SCHEDULE},
                            run_config=run_config(keys[start:start + PER_RUN]))


ALL = [weekly_pool, weekly_retrain]
