"""Runs that Dagster believes are going on although their processes ended with an earlier life of the product.

Each holds one of the places for concurrent runs. ``python -m deploy.state_directory.unfinished_runs`` says how many
it found.
"""

from collections.abc import Sequence

import dagster as dg

from demand_assets.dagster_instance.daemon import is_watching
from demand_assets.dagster_instance.runs.ended_or_put_back import end_run, put_back, queue_of_workers
from demand_assets.settings import Settings

ENDED = "The product was stopped or the machine went down while this run was going on."
OUTDATED = "This run waited for a worker of an earlier version of the code."


def close_unfinished_runs(instance: dg.DagsterInstance) -> int:
    """See to it that runs of an earlier life go on or are over; how many there were.

    Those that had not begun go back into Dagster's queue, those that were to be cancelled are, and Dagster's monitoring
    goes on with the others. With stock parts it cannot: they are reported failed, and Dagster's retry of crashed runs
    starts them again. Then this is only to be called before the daemon starts: a run that is really going on would be
    reported failed too. With ``DAGSTER_FAILURES=stock`` nothing is reported.
    """
    if is_watching(Settings()):
        # Imported here: leans on private parts of Dagster, which stock parts do without.
        from demand_assets.dagster_instance.runs.runs_lost_before_start import settle_lost

        if (lost := settle_lost(instance)) is not None:
            return len(lost)
    going_on = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    runs = [record.dagster_run for record in instance.get_run_records(dg.RunsFilter(statuses=going_on))]
    if queue := queue_of_workers(instance):
        return sum(put_back(instance, run, OUTDATED) for run in _outdated(runs, queue))
    return sum(end_run(instance, run, ENDED) for run in runs)


def _outdated(runs: Sequence[dg.DagsterRun], queue: str) -> list[dg.DagsterRun]:
    """Runs in a queue that nobody reads any more; workers go on with the others, and Dagster watches over them."""
    from demand_assets.dagster_instance.runs.celery_queue import QUEUE_TAG

    return [run for run in runs
            if run.status is dg.DagsterRunStatus.STARTING and run.tags.get(QUEUE_TAG, queue) != queue]


if __name__ == "__main__":
    with dg.DagsterInstance.get() as this_instance:
        print(close_unfinished_runs(this_instance))
