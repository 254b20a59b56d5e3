"""Runs that Dagster believes are going on although their processes ended with an earlier life of the product.

Nobody reports them failed once both the run's process and the code server are gone, and each would hold one of the
places for concurrent runs for ever. ``python -m deploy.unfinished_runs`` says how many it closed.
"""

from collections.abc import Sequence

import dagster as dg

from demand_assets.dagster_instance.failures import end_run, queue_of_workers

ENDED = "The product was stopped or the machine went down while this run was going on."
OUTDATED = "This run waited for a worker of an earlier version of the code."


def close_unfinished_runs(instance: dg.DagsterInstance) -> int:
    """Report runs of an earlier life failed, or cancelled where that was asked for; how many there were.

    Only to be called before the daemon starts: a run that is really going on would be reported failed too. A run
    reported failed here is started again by Dagster's own retry of crashed runs. With ``DAGSTER_FAILURES=stock``
    nothing is reported, and Dagster's own monitoring gives them up after hours.
    """
    going_on = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    runs = [record.dagster_run for record in instance.get_run_records(dg.RunsFilter(statuses=going_on))]
    why = ENDED
    if queue := queue_of_workers(instance):
        runs, why = _outdated(runs, queue), OUTDATED
    return sum(end_run(instance, run, why) for run in runs)


def _outdated(runs: Sequence[dg.DagsterRun], queue: str) -> list[dg.DagsterRun]:
    """Runs in a queue that nobody reads any more; workers go on with the others, and Dagster watches over them."""
    from demand_assets.dagster_instance.celery_queue import QUEUE_TAG

    return [run for run in runs
            if run.status is dg.DagsterRunStatus.STARTING and run.tags.get(QUEUE_TAG, queue) != queue]


if __name__ == "__main__":
    with dg.DagsterInstance.get() as this_instance:
        print(close_unfinished_runs(this_instance))
