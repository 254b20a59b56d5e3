"""Metrics of what Dagster's instance says: runs, its queue, backfills, daemons, sensors."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate

import dagster as dg
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.utils import floatToGoString

from demand_assets.dagster_instance.run_statuses import OVER, UNFINISHED
from demand_assets.forecasting.contract.dagster_names import (
    BACKFILL_TAG,
    EXPIRY_KIND,
    KIND_TAG,
    MONITOR_KIND,
    POOL_KIND,
    PROMOTION_KIND,
    REFRESH_KIND,
    RETRAIN_KIND,
)

OVERLAP = timedelta(minutes=1)
"""What ended so long before the last look is looked at again: it may have been stored late."""
RUN_SECONDS = (5.0, 15.0, 60.0, 300.0, 900.0, 3600.0)
WAIT_SECONDS = (1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 1800.0)
KINDS = (REFRESH_KIND, RETRAIN_KIND, PROMOTION_KIND, MONITOR_KIND, POOL_KIND, EXPIRY_KIND, "asset_job")
"""What runs do; the last is what a backfill's are called, which have no kind."""
MOST_RUNS, MOST_BACKFILLS, MOST_TICKERS = 1000, 100, 50
"""That one look reads."""


class Durations:
    """Seconds by job, counted up to each of some ends."""

    def __init__(self, ends: Sequence[float]) -> None:
        self._ends = (*ends, float("inf"))
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def observe(self, job: str, seconds: float) -> None:
        """Count one; below zero, as where a clock was put back, counts as zero."""
        seconds = max(seconds, 0.0)
        self._counts.setdefault(job, [0] * len(self._ends))[bisect_left(self._ends, seconds)] += 1
        self._sums[job] = self._sums.get(job, 0.0) + seconds

    def told(self, name: str, text: str) -> Metric:
        """As a histogram."""
        family = HistogramMetricFamily(name, text, labels=["job"])
        for job, counts in self._counts.items():
            ends = [floatToGoString(end) for end in self._ends]  # type: ignore[no-untyped-call]
            family.add_metric([job], list(zip(ends, map(float, accumulate(counts)), strict=True)), self._sums[job])
        return family


class DagsterMetrics:
    """What the instance says now, and how runs ended since this was made."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        # None of the library's own counters: in a process that shares PROMETHEUS_MULTIPROC_DIR they write into that
        # folder, from which these would be read a second time. A kind of which nothing ended yet is told as 0: an
        # alert sees only a count that rises.
        self._ended = dict.fromkeys(((kind, _status(status)) for kind in KINDS for status in OVER), 0)
        self._seconds, self._waited = Durations(RUN_SECONDS), Durations(WAIT_SECONDS)
        self._looked = datetime.now(UTC)
        self._began = self._looked
        self._known: set[str] = set()

    def collect(self) -> Iterator[Metric]:
        """All of it.

        Raises: what the instance's storage raises when it cannot be read.
        """
        self._count_ended()
        yield from self._counted()
        yield from self._going_on()
        yield from self._backfills()
        yield from self._daemons()

    def daemons_live(self, patience_seconds: float) -> bool:
        """Whether each part of the daemon that ever said so said in the last seconds that it works."""
        beats = self._instance.get_daemon_heartbeats().values()
        return bool(beats) and all(_age(one.timestamp) < patience_seconds for one in beats)

    def _count_ended(self) -> None:
        at = datetime.now(UTC)
        since = max(self._looked - OVERLAP, self._began)
        records = self._instance.get_run_records(
            dg.RunsFilter(statuses=OVER, updated_after=since), limit=MOST_RUNS)
        for record in records:
            run = record.dagster_run
            if run.run_id in self._known:
                continue
            job = _job(run)
            key = job, _status(run.status)
            self._ended[key] = self._ended.get(key, 0) + 1
            if record.start_time is not None and record.end_time is not None:
                self._seconds.observe(job, record.end_time - record.start_time)
                self._waited.observe(job, record.start_time - record.create_timestamp.timestamp())
        self._known = {record.dagster_run.run_id for record in records}
        self._looked = at

    def _counted(self) -> Iterator[Metric]:
        ended = CounterMetricFamily("demand_dagster_runs_ended", "Runs that ended since the metrics' process started, "
                                    "by what they do and how they ended.", labels=["job", "status"])
        for labels, count in self._ended.items():
            ended.add_metric(list(labels), count)
        yield ended
        yield self._seconds.told("demand_dagster_run_seconds", "Seconds from a run's start to its end.")
        yield self._waited.told("demand_dagster_run_wait_seconds", "Seconds that an ended run had waited for its "
                                "start.")

    def _going_on(self) -> Iterator[Metric]:
        count = GaugeMetricFamily("demand_dagster_runs", "Runs that are not over, by what they do and how far they "
                                  "are.", labels=["job", "status"])
        oldest = GaugeMetricFamily("demand_dagster_oldest_run_seconds", "Seconds since the oldest run that is not over "
                                   "was made, by how far it is; 0 where there is none.", labels=["status"])
        records = self._instance.get_run_records(dg.RunsFilter(statuses=UNFINISHED), limit=MOST_RUNS)
        counts: dict[tuple[str, str], int] = {}
        ages = dict.fromkeys(map(_status, UNFINISHED), 0.0)
        for record in records:
            status = _status(record.dagster_run.status)
            key = _job(record.dagster_run), status
            counts[key] = counts.get(key, 0) + 1
            ages[status] = max(ages[status], _age(record.create_timestamp.timestamp()))
        for labels, value in counts.items():
            count.add_metric(list(labels), value)
        for name, age in ages.items():
            oldest.add_metric([name], age)
        yield count
        yield oldest

    def _backfills(self) -> Iterator[Metric]:
        found = [one for one in self._instance.get_backfills(limit=MOST_BACKFILLS) if one.status.value == "REQUESTED"]
        without = [one for one in found if not self._instance.get_run_records(
            dg.RunsFilter(tags={BACKFILL_TAG: one.backfill_id}), limit=1)]
        yield GaugeMetricFamily("demand_dagster_backfills", "Backfills that are not over.", value=len(found))
        yield GaugeMetricFamily(
            "demand_dagster_oldest_unstarted_backfill_seconds", "Seconds since the oldest backfill was asked for that "
            "has no run yet; 0 where there is none.",
            value=max((_age(one.backfill_timestamp) for one in without), default=0.0))

    def _daemons(self) -> Iterator[Metric]:
        beat = GaugeMetricFamily("demand_dagster_daemon_heartbeat_age_seconds", "Seconds since a part of Dagster's "
                                 "daemon said that it works.", labels=["daemon"])
        for name, heartbeat in self._instance.get_daemon_heartbeats().items():
            beat.add_metric([name.lower()], _age(heartbeat.timestamp))
        yield beat
        tick = GaugeMetricFamily("demand_dagster_tick_age_seconds", "Seconds since a sensor or a schedule last looked.",
                                 labels=["name"])
        failed = GaugeMetricFamily("demand_dagster_tick_failed", "Whether the last look of a sensor or a schedule "
                                   "failed: 1 yes, 0 no.", labels=["name"])
        for state in list(self._instance.all_instigator_state())[:MOST_TICKERS]:
            if not state.is_running:
                continue
            for last in self._instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1):
                tick.add_metric([state.instigator_name], _age(last.timestamp))
                failed.add_metric([state.instigator_name], float(last.status.value == "FAILURE"))
        yield tick
        yield failed


def _job(run: dg.DagsterRun) -> str:
    """What a run does: its kind, or its job's name where it has none, as a backfill's."""
    return str(run.tags.get(KIND_TAG) or run.job_name.strip("_").lower())


def _status(status: dg.DagsterRunStatus) -> str:
    return str(status.value.lower())


def _age(timestamp: float) -> float:
    return max(datetime.now(UTC).timestamp() - timestamp, 0.0)
