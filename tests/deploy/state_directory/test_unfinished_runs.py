import dagster as dg
import pytest

from deploy.state_directory.unfinished_runs import close_unfinished_runs


@dg.op
def nothing() -> None: ...


@dg.job
def a_job() -> None:
    nothing()


@pytest.mark.parametrize(("status", "becomes"), [
    (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE),
    (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.FAILURE),
    (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED),
    (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.NOT_STARTED),
    (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.SUCCESS),
])
def test_only_runs_that_seemed_to_go_on_are_closed(status, becomes, monkeypatch):
    monkeypatch.setenv("DAGSTER_FAILURES", "reported")
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(a_job, status=status)

        assert close_unfinished_runs(instance) == (status is not becomes)

        assert instance.get_run_by_id(run.run_id).status is becomes


def test_where_dagster_is_told_of_no_failures_its_monitoring_ends_such_runs(monkeypatch):
    monkeypatch.setenv("DAGSTER_FAILURES", "stock")
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(a_job, status=dg.DagsterRunStatus.STARTED)

        assert close_unfinished_runs(instance) == 0

        assert instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.STARTED
