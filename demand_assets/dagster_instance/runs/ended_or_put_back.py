"""Dagster is told that a run whose process is gone is over, or waits in its queue again; by unmarked methods of its
instance (docs/private_parts.md).

With ``DAGSTER_FAILURES=stock`` nothing is told: such a run ends when Dagster's own monitoring gives it up
(``max_runtime_seconds`` in ``deploy/dagster.yaml``).
"""

import dagster as dg

from demand_assets.settings import Settings


def end_run(instance: dg.DagsterInstance, run: dg.DagsterRun, why: str) -> bool:
    """Whether Dagster was told that the run is over: failed, or cancelled where that was asked for."""
    if Settings().dagster_failures == "stock":
        return False
    if run.status is dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, why)
    else:
        instance.report_run_failed(run, why)
    return True


def put_back(instance: dg.DagsterInstance, run: dg.DagsterRun, why: str) -> bool:
    """Whether Dagster was told that the run waits in its queue again: it never began.

    One that came into Dagster by no queue, as a test's, is reported failed.
    """
    if run.remote_job_origin is None:
        return end_run(instance, run, why)
    if Settings().dagster_failures == "stock":
        return False
    instance.report_engine_event(why, run)
    instance.report_dagster_event(dg.DagsterEvent.job_enqueue(run), run.run_id)
    return True


def queue_of_workers(instance: dg.DagsterInstance) -> str | None:
    """The queue that workers take the instance's runs from; None where runs are processes of this machine."""
    if Settings().dagster_failures == "stock":
        return None
    queue = getattr(instance.run_launcher, "default_queue", None)
    return None if queue is None else str(queue)
