"""Runs as Dagster's instance has them become metrics."""

from pathlib import Path

import dagster as dg
from prometheus_client.core import Metric

from demand_assets.dagster_instance.metrics import DagsterMetrics, Durations
from demand_assets.forecasting.contract.dagster_names import KIND_TAG


@dg.op
def nothing() -> None:
    """Nothing."""


@dg.job
def a_job() -> None:
    """Does nothing."""
    nothing()


def found(metrics: list[Metric], name: str) -> dict[tuple[str, ...], float]:
    return {tuple(sample.labels.values()): sample.value for metric in metrics for sample in metric.samples
            if sample.name == name}


def test_runs_that_end_are_counted_once_and_those_before_the_start_are_not(instance: dg.DagsterInstance) -> None:
    before, starting, failed = (instance.create_run_for_job(
        a_job, tags={KIND_TAG: "retrain"} if place else {},
        status=dg.DagsterRunStatus.STARTING if place == 1 else dg.DagsterRunStatus.STARTED) for place in range(3))
    instance.report_run_canceled(before)
    metrics = DagsterMetrics(instance)

    first = list(metrics.collect())
    instance.report_run_failed(failed)
    several = [list(metrics.collect()) for _ in range(3)][-1]

    at_first, ended = (found(each, "demand_dagster_runs_ended_total") for each in (first, several))
    assert set(at_first.values()) == {0}
    assert {("retrain", "failure"), ("asset_job", "failure"), ("pool", "success")} <= at_first.keys()
    assert found(first, "demand_dagster_runs") == {("retrain", "starting"): 1, ("retrain", "started"): 1}
    assert {key: count for key, count in ended.items() if count} == {("retrain", "failure"): 1}
    assert found(several, "demand_dagster_runs") == {("retrain", "starting"): 1}
    assert found(several, "demand_dagster_oldest_run_seconds")["starting",] > 0
    assert starting.run_id != failed.run_id


def test_a_daemon_that_never_spoke_does_not_live(instance: dg.DagsterInstance) -> None:
    assert not DagsterMetrics(instance).daemons_live(300)


def test_nothing_is_written_among_what_the_servers_count(instance: dg.DagsterInstance, counting: Path) -> None:
    metrics = DagsterMetrics(instance)
    run = instance.create_run_for_job(a_job, tags={KIND_TAG: "pool"}, status=dg.DagsterRunStatus.STARTED)
    instance.report_run_failed(run)

    assert found(list(metrics.collect()), "demand_dagster_runs_ended_total")["pool", "failure"] == 1
    assert list(counting.iterdir()) == []


def test_durations_are_a_histogram_as_prometheus_reads_it() -> None:
    durations = Durations((1.0, 5.0))
    for seconds in (-2.0, 1.0, 3.0, 60.0):
        durations.observe("pool", seconds)

    told = [durations.told("demand_seconds", "Words.")]

    assert found(told, "demand_seconds_bucket") == {("pool", "1.0"): 2, ("pool", "5.0"): 3, ("pool", "+Inf"): 4}
    assert found(told, "demand_seconds_sum") == {("pool",): 64}
