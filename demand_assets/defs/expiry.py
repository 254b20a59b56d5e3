"""What is too old, and nothing stands on, is let go once a day: an op for each part, so that one that fails stops no
other."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import dagster as dg

from demand_assets.dagster_instance.expiry import expire_runs
from demand_assets.defs.partitions import region_items
from demand_assets.defs.resources import PipelineResource
from demand_assets.forecasting.contract import dagster_names as names
from demand_assets.pipeline.expiry import (
    Expired,
    expire_half_written,
    expire_journal,
    expire_measurements,
    expire_versions,
)


def _carry_out(context: dg.OpExecutionContext, work: Callable[[datetime], Sequence[Expired]]) -> None:
    """Let go, and tell how much: in the log, and in the metadata of the op's output."""
    done = work(datetime.now(UTC))
    context.log.info("expired: " + "; ".join(map(str, done)))
    context.add_output_metadata({**{one.what: one.count for one in done},
                                 "bytes freed": sum(one.size for one in done)})


@dg.op(name=names.EXPIRE_JOURNAL_OP)
def expire_store(context: dg.OpExecutionContext, pipeline: PipelineResource) -> None:
    """Old entries of the journal, old measurements, and files that killed writers left."""
    store, settings = pipeline.open().store, pipeline.settings
    _carry_out(context, lambda now: [expire_journal(store, settings, now), expire_measurements(store, settings, now),
                                     expire_half_written(store, now)])


@dg.op(name=names.EXPIRE_VERSIONS_OP)
def expire_models(context: dg.OpExecutionContext, pipeline: PipelineResource) -> None:
    """Versions of models that nothing stands on, with their files and the runs of MLflow that held them; those in
    production of before models could be loaded elsewhere are completed."""
    stages, settings = pipeline.open(), pipeline.settings
    _carry_out(context, lambda now: expire_versions(stages.store, stages.registry, settings, now))
    if completed := stages.complete_models():
        context.log.info(f"completed so that mlflow.pyfunc loads them: {completed} versions")


@dg.op(name=names.EXPIRE_RUNS_OP)
def expire_dagster(context: dg.OpExecutionContext, pipeline: PipelineResource) -> None:
    """Runs of Dagster that are over, but those that made what the assets are now."""
    store, settings = pipeline.open().store, pipeline.settings
    _carry_out(context, lambda now: [Expired("runs of Dagster", *expire_runs(
        context.instance, region_items, store, settings, now))])


@dg.job(name=names.EXPIRY_JOB, tags={names.KIND_TAG: names.EXPIRY_KIND})
def expire() -> None:
    """What is too old, and nothing stands on, is let go; docs/expiry.md says what is kept for how long."""
    expire_store()
    expire_models()
    expire_dagster()


@dg.schedule(job=expire, cron_schedule="30 4 * * *", execution_timezone="UTC",
             default_status=dg.DefaultScheduleStatus.RUNNING,
             description="Lets go of what is too old and nothing stands on, once a day.")
def daily_expiry(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Let go of what is too old, once a day."""
    return dg.RunRequest(run_key=f"expire-{context.scheduled_execution_time:%Y%m%d}",
                         tags={names.ASKED_BY_TAG: "daily schedule"})
