"""Runs that Dagster believes are going on although their processes ended with an earlier life of the product.

Nobody reports them failed once both the run's process and the code server are gone, and each would hold one of the
places for concurrent runs for ever. ``python -m deploy.unfinished_runs`` says how many it closed.
"""

import dagster as dg

ENDED = "The product was stopped or the machine went down while this run was going on."


def close_unfinished_runs(instance: dg.DagsterInstance) -> int:
    """Report runs of an earlier life failed, or cancelled where that was asked for; how many there were.

    Only to be called before the daemon starts: a run that is really going on would be reported failed too. A run
    reported failed here is started again by Dagster's own retry of crashed runs.
    """
    going_on = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=going_on))
    for run in runs:
        if run.status is dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, ENDED)
        else:
            instance.report_run_failed(run, ENDED)
    return len(runs)


if __name__ == "__main__":
    with dg.DagsterInstance.get() as this_instance:
        print(close_unfinished_runs(this_instance))
