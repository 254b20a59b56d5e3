"""What happens by itself: new demand is taken in, candidates are judged, production is watched, models are retrained.

Ticks are light: they read cursors, names and small files; the work is done in runs.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import uuid4

import dagster as dg

from demand_assets.dagster_instance.run_statuses import UNFINISHED
from demand_assets.defs.cursors import Cursor, event_id, pause_after
from demand_assets.defs.jobs import monitor, promote, refresh, retrain
from demand_assets.defs.looks_at_source import looks_of
from demand_assets.defs.partitions import missing_keys, region_items
from demand_assets.defs.resources import PipelineResource
from demand_assets.defs.schedules import AUTOMATIC_IS_OFF
from demand_assets.forecasting.contract.dagster_names import (
    ASKED_BY_TAG,
    BY_DAMAGE,
    BY_PROMOTION_SENSOR,
    BY_SENSOR,
    CANDIDATE_MODEL,
    DEMAND,
    JUDGE_OP,
    KIND_TAG,
    MEASURE_OP,
    MEASURES_TAG,
    PARTITION_TAG,
    PRODUCTION_MODEL,
    PROMOTION_KIND,
    RANGE_END_TAG,
    RANGE_START_TAG,
    RAW_DEMAND,
    REFRESH_JOB,
    REFRESH_KIND,
    REGION_ITEMS,
    REQUEST_TAG,
    RETRAIN_JOB,
    RETRAIN_KIND,
    SENSOR_REQUEST,
    SOURCE_STATE,
    keys_of,
    run_config,
)
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.run_sizes import PER_RUN
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.gate.automatic_retrains import Learned, nominate, standing
from demand_assets.forecasting.store.demand_store import CATALOGUE
from demand_assets.pipeline.monitor import latest
from demand_assets.pipeline.run import Pipeline

CANDIDATES_PER_TICK = 500
DEMAND_PER_TICK = 10_000
EVENTS_A_PAGE = 1000
MEASURING_WAITS_SECONDS = 600
"""How long new demand waits to be measured while a retrain needs the processor."""
MOST_TRIES = 10
"""Judging and measuring are given up after so many failures in a row (some nine hours), and said so in the log of the
tick: candidates and demand that come later are not held up for ever. Taking new demand in is never given up."""
BY_NEW_DEMAND = {REFRESH_JOB: f"{BY_SENSOR}: new demand",
                 RETRAIN_JOB: f"{BY_SENSOR}: region-items without demand so far"}
"""Who asks for the runs that take new demand in."""


@dg.sensor(jobs=[refresh, retrain], minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING,
           description="Takes new demand in: refreshes known region-items, trains new ones; asks again until it is in.")
def new_demand(context: dg.SensorEvaluationContext, pipeline: PipelineResource) -> dg.SensorResult:
    """Take in new demand: known region-items are refreshed, new ones become partitions and get their first model.

    Demand counts as taken in when the newest `raw_demand` of each region-item was read from the source as it is now.
    What no run took in, because it could not start, failed, or was cancelled or deleted, is asked for again, after a
    pause that grows. What was never read is the first training's at the first look; what ``make train`` read before the
    source changed is behind, and taken in.
    """
    looks = looks_of(new_demand.name)
    stages = looks.made(pipeline.open)
    cursor, now = Cursor.read(context.cursor), datetime.now(UTC).timestamp()
    fingerprint = looks.made(lambda: _told_beside_demand(stages))
    if fingerprint == cursor.done and not cursor.wanted:
        return dg.SensorResult(skip_reason="the source has not changed")
    if _unfinished(context.instance, {ASKED_BY_TAG: list(BY_NEW_DEMAND.values())}):
        return dg.SensorResult(skip_reason="new demand is being taken in")
    catalogue = looks.made(stages.source.catalogue)
    found = catalogue.region_items
    stages.store.write_source_notes(catalogue)
    stages.store.write_catalogue(found)
    new = missing_keys(context.instance.get_dynamic_partitions(str(region_items.name)), found)
    partitions = [region_items.build_add_request(new)] if new else []
    newest = _newest(context.instance, RAW_DEMAND)
    is_first_look = not context.cursor
    taken_in, first = _taken_in(context.instance, fingerprint, 0 if is_first_look else cursor.since or newest)
    asked_for = stages.store.stored("raw_demand", found) if is_first_look else found
    missing = [one.key for one in asked_for if one.key not in taken_in]
    if not missing:
        reason = ("the first look: no region-item was read from an older state of the source" if is_first_look else
                  f"the new demand of {len(found)} region-items has been taken in")
        return dg.SensorResult(skip_reason=reason,
                               cursor=cursor.finish(fingerprint, newest).text(),
                               dynamic_partitions_requests=partitions)
    if cursor.wanted == fingerprint and (seconds := cursor.waits(now)):
        return dg.SensorResult(skip_reason=_waiting(len(missing), "region-items", "taken in", cursor, seconds),
                               dynamic_partitions_requests=partitions)
    others = _being_taken_in(context.instance)
    missing = [key for key in missing if key not in others]
    if not missing:
        return dg.SensorResult(skip_reason=f"runs that others asked for take in {len(others)} region-items",
                               dynamic_partitions_requests=partitions)
    after = cursor.ask(fingerprint, now, newest if first is None else first - 1)
    stored = {one.key for one in stages.store.stored("demand", found)}
    known = [key for key in missing if key in stored]
    without = sorted(set(missing) - stored)
    key = f"{after.asks}-{fingerprint}"
    requests = [*_requests(REFRESH_JOB, known, BY_NEW_DEMAND[REFRESH_JOB], key),
                *_requests(RETRAIN_JOB, without, BY_NEW_DEMAND[RETRAIN_JOB], key)]
    return dg.SensorResult(requests, cursor=after.text(), dynamic_partitions_requests=partitions)


@dg.sensor(job=refresh, minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING,
           description="Has demand taken in again whose files in the demand store are damaged.")
def mend_damaged(context: dg.SensorEvaluationContext, pipeline: PipelineResource) -> dg.SensorResult:
    """Have damaged files made again that somebody met: from the source, or from the raw rows where it does not answer.

    What a run could not mend is asked for again, after a pause that grows.
    """
    looks = looks_of(mend_damaged.name)
    stages = looks.made(pipeline.open)
    store = stages.store
    damages = []
    for damage in store.damages():
        if store.is_whole(damage):
            store.forget_damage(damage)
        else:
            damages.append(damage)
    if not damages:
        return dg.SensorResult(skip_reason="no file is damaged", cursor=Cursor.read(context.cursor).finish("").text())
    if any(damage.name == CATALOGUE for damage in damages):
        try:
            store.write_catalogue(looks.made(stages.source.catalogue).region_items)
        except SourceError as error:
            context.log.warning(f"the catalogue waits to be made again: {error}")
    keys = sorted({damage.key for damage in damages if damage.key})
    if not keys:
        return dg.SensorResult(skip_reason="only the catalogue was damaged")
    if _unfinished(context.instance, {ASKED_BY_TAG: BY_DAMAGE}) or set(keys) & _being_taken_in(context.instance):
        return dg.SensorResult(skip_reason="damaged files are being made again")
    cursor, now = Cursor.read(context.cursor), datetime.now(UTC).timestamp()
    wanted = sha256("\n".join(keys).encode()).hexdigest()
    if cursor.wanted == wanted and (seconds := cursor.waits(now)):
        return dg.SensorResult(skip_reason=_waiting(len(keys), "region-items", "mended", cursor, seconds))
    after = cursor.ask(wanted, now)
    return dg.SensorResult(list(_requests(REFRESH_JOB, keys, BY_DAMAGE, f"{after.asks}-{wanted}")),
                           cursor=after.text())


@dg.sensor(job=promote, minimum_interval_seconds=10, default_status=dg.DefaultSensorStatus.RUNNING,
           description="Has candidates judged that the run which trained them did not judge.")
def judge_candidates(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Judge candidates that the run which trained them does not judge itself, all in one run.

    A retrain decides in its own run; this is for candidates made otherwise, or left by a run that was cut off. A
    candidate is passed over only when a decision was made after it.
    """
    if _unfinished(context.instance, {KIND_TAG: PROMOTION_KIND}):
        return dg.SensorResult(skip_reason="candidates are being judged; the next ones come after")
    cursor, now = Cursor.read(context.cursor), datetime.now(UTC).timestamp()
    records = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey(CANDIDATE_MODEL), after_storage_id=cursor.last_event),
        limit=CANDIDATES_PER_TICK, ascending=True).records
    if not records:
        return dg.SensorResult(skip_reason="no new candidate")
    still_deciding = {run_id for run_id in {record.run_id for record in records}
                      if _may_judge(context.instance, run_id)}
    made = {record.partition_key: record.storage_id for record in records
            if record.partition_key and record.run_id not in still_deciding}
    judged = _decided(context.instance, records[0].storage_id, list(made))
    keys = sorted(key for key, candidate in made.items() if judged.get(key, 0) < candidate)
    # The next look begins again at the first candidate that has no decision, or that was left to its run, which may be
    # cut off yet.
    open_ids = [record.storage_id for record in records if record.run_id in still_deciding or
                record.partition_key in keys]
    done = str(min(open_ids) - 1 if open_ids else records[-1].storage_id)
    if not keys:
        return dg.SensorResult(skip_reason=f"{len(made)} new candidates are judged, "
                               f"{len(records) - len(made)} are left to runs that go on",
                               cursor=cursor.finish(done).text())
    newest = str(max(made[key] for key in keys))
    wanted = f"{newest}, {len(keys)} candidates"
    if wanted == cursor.wanted:
        if cursor.tries >= MOST_TRIES:
            context.log.error(f"given up after {cursor.tries} tries: {len(keys)} candidates could not be judged, the "
                              f"first {keys[0]}. See the failed runs of `{promote.name}`; materialise production_model "
                              "for them once the cause is mended.")
            return dg.SensorResult(skip_reason="given up on candidates that cannot be judged",
                                   cursor=cursor.finish(newest).text())
        if seconds := cursor.waits(now):
            return dg.SensorResult(skip_reason=_waiting(len(keys), "candidates", "judged", cursor, seconds))
    after = replace(cursor.ask(wanted, now), done=done)
    return dg.SensorResult(
        [dg.RunRequest(run_key=f"promote-{after.asks}-{newest}", run_config=run_config(keys, op=JUDGE_OP),
                       tags={ASKED_BY_TAG: BY_PROMOTION_SENSOR})], cursor=after.text())


@dg.sensor(job=monitor, minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING,
           description="Has production models measured against demand that has become known.")
def watch_production(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Measure production models against demand that has become known; again where a run did not succeed."""
    if _unfinished(context.instance, {KIND_TAG: REFRESH_KIND}):
        return dg.SensorResult(skip_reason="demand is being refreshed")
    cursor, now = Cursor.read(context.cursor), datetime.now(UTC).timestamp()
    if cursor.wanted:
        statuses = _statuses(context.instance, {MEASURES_TAG: _measured(cursor)})
        if statuses & set(UNFINISHED):
            return dg.SensorResult(skip_reason="production is being measured")
        if dg.DagsterRunStatus.SUCCESS in statuses:
            cursor = cursor.finish(cursor.wanted)
        elif cursor.tries >= MOST_TRIES:
            context.log.error(f"given up after {cursor.tries} tries: production models could not be measured. See the "
                              f"failed runs of `{monitor.name}`; the next demand is measured again.")
            cursor = cursor.finish(cursor.wanted)
        elif seconds := cursor.waits(now):
            return dg.SensorResult(skip_reason=_waiting(0, "production", "measured", cursor, seconds))
    records = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey(DEMAND), after_storage_id=cursor.last_event),
        limit=DEMAND_PER_TICK, ascending=True).records
    if not records:
        return dg.SensorResult(skip_reason="no new demand", cursor=cursor.text())
    waiting = abs(now - records[0].timestamp)
    if waiting < MEASURING_WAITS_SECONDS and _unfinished(context.instance, {KIND_TAG: RETRAIN_KIND}):
        return dg.SensorResult(skip_reason="models are being retrained, for which somebody may wait",
                               cursor=cursor.text())
    # What failed is asked for as it was, so that its tries are counted.
    last = str(event_id(cursor.wanted) or records[-1].storage_id)
    keys = sorted({record.partition_key for record in records
                   if record.partition_key and record.storage_id <= int(last)})
    after = cursor.ask(last, now)
    return dg.SensorResult(
        [dg.RunRequest(run_key=f"monitor-{_measured(after)}", run_config=run_config(keys, op=MEASURE_OP),
                       tags={MEASURES_TAG: _measured(after)})], cursor=after.text())


@dg.sensor(job=retrain, minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING,
           description="Retrains where accuracy decayed, demand drifted or models are old; off unless turned on.")
def retrain_when_needed(context: dg.SensorEvaluationContext, pipeline: PipelineResource) -> dg.SensorResult:
    """Retrain where accuracy decayed, demand or drivers drifted, demand is new, or the model is old.

    The largest decay times volume goes first, within a budget for each tick; a region-item that was asked for is left
    alone until its cool-down is over, or where its run failed before it had a candidate, until a pause that grows is.
    Off unless the dataset file says ``retraining.automatic = true``.
    """
    stages = looks_of(retrain_when_needed.name).made(pipeline.open)
    rules = stages.dataset.retraining
    if not rules.automatic:
        return dg.SensorResult(skip_reason=AUTOMATIC_IS_OFF)
    now = datetime.now(UTC)
    asked = _nominated(context)
    failed = _without_candidate(context.instance, asked)
    cool_down = timedelta(hours=rules.cool_down_hours)
    waiting = {one: kept for one, kept in asked.items()
               if abs(now - kept.at) < (min(cool_down, pause_after(kept.tries)) if one in failed else cool_down)}
    observations = latest(stages.store, now)
    learned = {one: kept.learned for one, kept in asked.items() if one not in failed and kept.learned}
    nominations = nominate(observations, stages.dataset, now, waiting, learned)
    if not nominations:
        return dg.SensorResult(skip_reason=standing(observations, stages.dataset, now, waiting, learned))
    context.log.info(f"{len(nominations)} of {len(observations)} measured models are to be retrained")
    for one in nominations:
        context.log.info(f"{one.region_item.key}: {one.reason}")
    reasons = sorted({one.reason.split(":")[0] for one in nominations})
    requests = list(_requests(RETRAIN_JOB, [one.region_item.key for one in nominations],
                              f"{BY_SENSOR}: {', '.join(reasons)}", now.isoformat()))
    measured = {one.region_item: one for one in observations}
    kept = {one: each for one, each in asked.items() if abs(now - each.at) < cool_down or (
        one in learned and one in measured and learned[one].is_all_of(measured[one], stages.dataset))}
    for request in requests:
        for key in keys_of(request.run_config):
            one = RegionItem.from_key(key)
            tries = asked[one].tries + 1 if one in failed else 1
            kept[one] = Nominated(now, request.tags[REQUEST_TAG], tries,
                                  Learned(measured[one].version, measured[one].new_periods))
    return dg.SensorResult(requests, cursor=json.dumps({one.key: each.kept() for one, each in kept.items()}))


def _told_beside_demand(stages: Pipeline) -> str:
    """The state of the source, after what it says of items and regions beside their demand was taken up."""
    stages.refresh_attributes()
    stages.refresh_predecessors()
    return stages.source.fingerprint()


def _nominated(context: dg.SensorEvaluationContext) -> dict[RegionItem, "Nominated"]:
    """What was asked for, as the cursor has it; nothing where an engineer wrote something else there."""
    try:
        kept = json.loads(context.cursor or "{}")
        return {RegionItem.from_key(key): Nominated.read(each) for key, each in kept.items()}
    except (ValueError, TypeError, AttributeError) as error:
        context.log.warning(f"the cursor cannot be read, so no retrain that was asked for is remembered: {error}")
        return {}


@dataclass(frozen=True)
class Nominated:
    """When a retrain was asked for, and by which request."""

    at: datetime
    request: str = ""
    """Empty where an earlier version asked."""
    tries: int = 1
    """1, and one more for each run before that failed."""
    learned: Learned | None = None
    """What it knew; None where an earlier version asked."""

    @classmethod
    def read(cls, kept: object) -> "Nominated":
        """As the cursor has it; earlier versions kept the moment alone, or without what was learned."""
        if isinstance(kept, str):
            return cls(datetime.fromisoformat(kept))
        at, request, tries, *learned = kept  # type: ignore[misc]  # as written below
        return cls(datetime.fromisoformat(at), request, tries, Learned(*learned) if learned else None)

    def kept(self) -> list[object]:
        """As the cursor keeps it."""
        learned = [self.learned.version, self.learned.new_periods] if self.learned else []
        return [self.at.isoformat(), self.request, self.tries, *learned]


def _without_candidate(instance: dg.DagsterInstance, asked: Mapping[RegionItem, Nominated]) -> set[RegionItem]:
    """Those whose run failed or is gone, and made no candidate for them. One that somebody cancelled counts as done."""
    failed: set[RegionItem] = set()
    for request in {each.request for each in asked.values()} - {""}:
        if _statuses(instance, {REQUEST_TAG: request}) & {
                *UNFINISHED, dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.CANCELED}:
            continue
        mine = {one: each for one, each in asked.items() if each.request == request}
        made = {record.partition_key for record in instance.fetch_materializations(dg.AssetRecordsFilter(
            asset_key=dg.AssetKey(CANDIDATE_MODEL), asset_partitions=[one.key for one in mine],
            after_timestamp=min(each.at for each in mine.values()).timestamp()), limit=len(mine) * 10).records}
        failed |= {one for one in mine if one.key not in made}
    return failed


def _requests(job: str, keys: Sequence[str], asked_by: str, run_key: str) -> Iterator[dg.RunRequest]:
    """Runs of the job that share the keys between them."""
    for start in range(0, len(keys), PER_RUN):
        tags = {ASKED_BY_TAG: asked_by}
        if job == RETRAIN_JOB:
            tags[REQUEST_TAG] = f"{SENSOR_REQUEST}{uuid4().hex[:12]}"
        yield dg.RunRequest(run_key=f"{job}-{run_key}-{start}", job_name=job, tags=tags,
                            run_config=run_config(keys[start:start + PER_RUN]))


def _measured(cursor: Cursor) -> str:
    """Which look at production a run is for."""
    return f"{cursor.asks}-{cursor.wanted}"


def _waiting(count: int, what: str, done: str, cursor: Cursor, seconds: float) -> str:
    """Why a tick asks for nothing although something is left to do."""
    told = f"{count} {what}" if count else what
    return (f"{told} could not be {done} ({cursor.tries} {'try' if cursor.tries == 1 else 'tries'}, see the failed "
            f"runs); asked for again in {seconds / 60:.0f} min")


def _newest(instance: dg.DagsterInstance, asset: str) -> int:
    """The id of the asset's newest materialization; 0 before there is one."""
    records = instance.fetch_materializations(dg.AssetKey(asset), limit=1).records
    return records[0].storage_id if records else 0


def _taken_in(instance: dg.DagsterInstance, fingerprint: str, after: int) -> tuple[set[str], int | None]:
    """The partitions whose newest raw demand, of those after an event, is of that state of the source.

    Returns: the partitions, and the id of the first event that was of that state; None when there is none.
    """
    taken_in: set[str] = set()
    first: int | None = None
    for record in _materializations(instance, dg.AssetRecordsFilter(
            asset_key=dg.AssetKey(RAW_DEMAND), after_storage_id=after)):
        state = record.asset_materialization.metadata.get(SOURCE_STATE) if record.asset_materialization else None
        if state is not None and state.value == fingerprint:
            taken_in.add(record.partition_key)
            first = first or record.storage_id
        else:
            taken_in.discard(record.partition_key)
    return taken_in, first


def _being_taken_in(instance: dg.DagsterInstance) -> set[str]:
    """The partitions that runs which are not over take in: those that their configurations name, and their own."""
    runs = [record.dagster_run for record in instance.get_run_records(dg.RunsFilter(statuses=UNFINISHED))]
    keys = {key for run in runs if run.job_name in (REFRESH_JOB, RETRAIN_JOB) for key in keys_of(run.run_config)}
    order: list[str] = []
    for run in runs:
        first, last = run.tags.get(RANGE_START_TAG), run.tags.get(RANGE_END_TAG)
        if first is None or last is None:
            first = last = run.tags.get(PARTITION_TAG)
        if first is not None and last is not None and dg.AssetKey(RAW_DEMAND) in (run.asset_selection or ()):
            order = order or list(instance.get_dynamic_partitions(REGION_ITEMS))
            if first in order and last in order:
                keys |= set(order[order.index(first):order.index(last) + 1])
    return keys


def _decided(instance: dg.DagsterInstance, storage_id: int, keys: Sequence[str]) -> dict[str, int]:
    """Partition -> the id of its newest decision after an event; those without one are left out.

    Where nothing is in production a decision makes no production model, and is recorded as an observation of it.
    """
    newest: dict[str, int] = {}
    if keys:
        wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(PRODUCTION_MODEL), after_storage_id=storage_id,
                                       asset_partitions=list(keys))
        for record in (*_materializations(instance, wanted), *_pages(instance.fetch_observations, wanted)):
            newest[record.partition_key] = max(record.storage_id, newest.get(record.partition_key, 0))
    return newest


def _materializations(instance: dg.DagsterInstance, wanted: dg.AssetRecordsFilter) -> Iterator[dg.EventLogRecord]:
    """All of them, oldest first."""
    return _pages(instance.fetch_materializations, wanted)


def _pages(fetch: Callable[..., dg.EventRecordsResult], wanted: dg.AssetRecordsFilter) -> Iterator[dg.EventLogRecord]:
    page, more = None, True
    while more:
        found = fetch(wanted, limit=EVENTS_A_PAGE, cursor=page, ascending=True)
        yield from (record for record in found.records if record.partition_key)
        page, more = found.cursor, found.has_more


def _may_judge(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether the run is not over: it may make production models too, which is not asked, having no public answer."""
    run = instance.get_run_by_id(run_id)
    return run is not None and run.status in UNFINISHED


def _statuses(instance: dg.DagsterInstance, tags: Mapping[str, str]) -> set[dg.DagsterRunStatus]:
    """The statuses that there are among the runs with these tags."""
    return {record.dagster_run.status for record in instance.get_run_records(dg.RunsFilter(tags=tags))}


def _unfinished(instance: dg.DagsterInstance, tags: Mapping[str, str | list[str]]) -> bool:
    """Whether a run with these tags is not over."""
    return bool(instance.get_run_records(dg.RunsFilter(statuses=UNFINISHED, tags=tags), limit=1))


ALL = [new_demand, mend_damaged, judge_candidates, watch_production, retrain_when_needed]
