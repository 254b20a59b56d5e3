"""Runs that Dagster believes are going on although their processes ended with an earlier life of the product.

Nobody reports them failed once both the run's process and the code server are gone, and each would hold one of the
places for concurrent runs for ever. ``python -m deploy.unfinished_runs`` says how many it closed.
"""

from collections.abc import Sequence

import dagster as dg

ENDED = "The product was stopped or the machine went down while this run was going on."
OUTDATED = "This run waited for a worker of an earlier version of the code."


def close_unfinished_runs(instance: dg.DagsterInstance) -> int:
    """Report runs of an earlier life failed, or cancelled where that was asked for; how many there were.

    Only to be called before the daemon starts: a run that is really going on would be reported failed too. A run
    reported failed here is started again by Dagster's own retry of crashed runs.
    """
    going_on = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=going_on))
    why = ENDED
    if instance.run_launcher.supports_check_run_worker_health:
        runs, why = _outdated(instance, runs), OUTDATED
    for run in runs:
        if run.status is dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, why)
        else:
            instance.report_run_failed(run, why)
    return len(runs)


def _outdated(instance: dg.DagsterInstance, runs: Sequence[dg.DagsterRun]) -> list[dg.DagsterRun]:
    """Runs in a queue that nobody reads any more; workers go on with the others, and Dagster watches over them."""
    from demand_assets.dagster_instance.celery_launcher import QUEUE_TAG

    queue = instance.run_launcher.default_queue
    return [run for run in runs
            if run.status is dg.DagsterRunStatus.STARTING and run.tags.get(QUEUE_TAG, queue) != queue]


if __name__ == "__main__":
    with dg.DagsterInstance.get() as this_instance:
        print(close_unfinished_runs(this_instance))
