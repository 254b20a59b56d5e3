"""What happens by itself: new demand is taken in, candidates are judged, production is watched, models are retrained.

Ticks are light: they read cursors, names and small files; the work is done in runs.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import dagster as dg

from demand_assets.defs.jobs import monitor, promote, refresh, retrain
from demand_assets.defs.partitions import missing_keys, region_items
from demand_assets.defs.resources import PipelineResource
from demand_assets.defs.schedules import AUTOMATIC_IS_OFF
from demand_assets.forecasting.contract.dagster_names import (
    ASKED_BY_TAG,
    BY_PROMOTION_SENSOR,
    BY_SENSOR,
    CANDIDATE_MODEL,
    DEMAND,
    JUDGE_OP,
    KIND_TAG,
    MEASURE_OP,
    PRODUCTION_MODEL,
    PROMOTION_KIND,
    REFRESH_JOB,
    REFRESH_KIND,
    REQUEST_TAG,
    RETRAIN_JOB,
    RETRAIN_KIND,
    SENSOR_REQUEST,
    run_config,
)
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.run_sizes import PER_RUN
from demand_assets.forecasting.gate.monitoring import nominate
from demand_assets.pipeline.monitor import latest

CANDIDATES_PER_TICK = 500
MEASURING_WAITS_SECONDS = 600
"""How long new demand waits to be measured while a retrain needs the processor."""
UNFINISHED = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING,
              dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


@dg.sensor(jobs=[refresh, retrain], minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def new_demand(context: dg.SensorEvaluationContext, pipeline: PipelineResource) -> dg.SensorResult:
    """Take in new demand: known region-items are refreshed, new ones become partitions and get their first model.

    The first look only takes note of what is there; what is missing then is the first training's.
    """
    stages = pipeline.open()
    fingerprint = stages.source.fingerprint()
    if fingerprint == context.cursor:
        return dg.SensorResult(skip_reason="the source has not changed")
    found = stages.source.catalogue().region_items
    stages.store.write_catalogue(found)
    new = missing_keys(context.instance.get_dynamic_partitions(str(region_items.name)), found)
    requests: list[dg.RunRequest] = []
    if context.cursor:
        known = [one.key for one in stages.store.stored("demand", found)]
        without = sorted({one.key for one in found} - set(known))
        requests = [*_requests(REFRESH_JOB, known, "new demand", run_key=fingerprint),
                    *_requests(RETRAIN_JOB, without, "region-items without demand so far", run_key=fingerprint)]
    return dg.SensorResult(requests, cursor=fingerprint,
                           dynamic_partitions_requests=[region_items.build_add_request(new)] if new else [])


@dg.sensor(job=promote, minimum_interval_seconds=10, default_status=dg.DefaultSensorStatus.RUNNING)
def judge_candidates(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Judge candidates that the run which trained them does not judge itself, all in one run.

    A retrain decides in its own run; this is for candidates made otherwise, or left by a run that was cut off.
    """
    if _unfinished(context.instance, PROMOTION_KIND):
        return dg.SensorResult(skip_reason="candidates are being judged; the next ones come after")
    after = int(context.cursor or 0)
    records = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey(CANDIDATE_MODEL), after_storage_id=after),
        limit=CANDIDATES_PER_TICK, ascending=True).records
    if not records:
        return dg.SensorResult(skip_reason="no new candidate")
    still_deciding = {run_id for run_id in {record.run_id for record in records}
                      if _will_judge(context.instance, run_id)}
    made = {record.partition_key: record.storage_id for record in records
            if record.partition_key and record.run_id not in still_deciding}
    # The next look begins again at the first candidate that was left to its run: that run may be cut off yet.
    first_left = min((record.storage_id for record in records if record.run_id in still_deciding), default=None)
    last = records[-1].storage_id if first_left is None else first_left - 1
    if not made:
        return dg.SensorResult(skip_reason="their runs judge them", cursor=str(last))
    judged = {record.partition_key: record.storage_id for record in context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey(PRODUCTION_MODEL), after_storage_id=records[0].storage_id,
                              asset_partitions=list(made)), limit=2 * CANDIDATES_PER_TICK, ascending=False).records}
    keys = sorted(key for key, candidate in made.items() if judged.get(key, 0) < candidate)
    if not keys:
        return dg.SensorResult(skip_reason="judged in the run that trained them", cursor=str(last))
    newest = max(made[key] for key in keys)
    return dg.SensorResult(
        [dg.RunRequest(run_key=f"promote-{after}-{newest}", run_config=run_config(keys, op=JUDGE_OP),
                       tags={ASKED_BY_TAG: BY_PROMOTION_SENSOR})], cursor=str(last))


@dg.sensor(job=monitor, minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def watch_production(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Measure production models against demand that has become known."""
    if _unfinished(context.instance, REFRESH_KIND):
        return dg.SensorResult(skip_reason="demand is being refreshed")
    after = int(context.cursor or 0)
    records = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey(DEMAND), after_storage_id=after), limit=10_000,
        ascending=True).records
    if not records:
        return dg.SensorResult(skip_reason="no new demand")
    waiting = datetime.now(UTC).timestamp() - records[0].timestamp
    if waiting < MEASURING_WAITS_SECONDS and _unfinished(context.instance, RETRAIN_KIND):
        return dg.SensorResult(skip_reason="models are being retrained, for which somebody may wait")
    last = records[-1].storage_id
    keys = sorted({record.partition_key for record in records if record.partition_key})
    return dg.SensorResult(
        [dg.RunRequest(run_key=f"monitor-{after}-{last}", run_config=run_config(
            keys, op=MEASURE_OP))], cursor=str(last))


@dg.sensor(job=retrain, minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def retrain_when_needed(context: dg.SensorEvaluationContext, pipeline: PipelineResource) -> dg.SensorResult:
    """Retrain where accuracy decayed, demand or drivers drifted, demand is new, or the model is old.

    The largest decay times volume goes first, within a budget for each tick; a region-item that was asked for is left
    alone until its cool-down is over. Off unless the dataset file says ``retraining.automatic = true``.
    """
    stages = pipeline.open()
    rules = stages.dataset.retraining
    if not rules.automatic:
        return dg.SensorResult(skip_reason=AUTOMATIC_IS_OFF)
    now = datetime.now(UTC)
    asked = {RegionItem.from_key(key): datetime.fromisoformat(at)
             for key, at in json.loads(context.cursor or "{}").items()}
    nominations = nominate(latest(stages.store, now), stages.dataset, now, asked)
    if not nominations:
        return dg.SensorResult(skip_reason="every model in production is still good")
    for one in nominations:
        context.log.info(f"{one.region_item.key}: {one.reason}")
    cooling = {one: at for one, at in asked.items() if now - at < timedelta(hours=rules.cool_down_hours)}
    cooling |= {one.region_item: now for one in nominations}
    reasons = sorted({one.reason.split(":")[0] for one in nominations})
    return dg.SensorResult(
        list(_requests(RETRAIN_JOB, [one.region_item.key for one in nominations], ", ".join(reasons),
                       run_key=now.isoformat())),
        cursor=json.dumps({one.key: at.isoformat() for one, at in cooling.items()}))


def _requests(job: str, keys: Sequence[str], why: str, run_key: str) -> Iterator[dg.RunRequest]:
    """Runs of the job that share the keys between them."""
    for start in range(0, len(keys), PER_RUN):
        tags = {ASKED_BY_TAG: f"{BY_SENSOR}: {why}"}
        if job == RETRAIN_JOB:
            tags[REQUEST_TAG] = f"{SENSOR_REQUEST}{uuid4().hex[:12]}"
        yield dg.RunRequest(run_key=f"{job}-{run_key}-{start}", job_name=job, tags=tags,
                            run_config=run_config(keys[start:start + PER_RUN]))


def _will_judge(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether the run is not over and is meant to make production models too."""
    run = instance.get_run_by_id(run_id)
    return run is not None and run.status in UNFINISHED and dg.AssetKey(PRODUCTION_MODEL) in (
        instance.get_asset_keys_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED))


def _unfinished(instance: dg.DagsterInstance, kind: str) -> bool:
    return bool(instance.get_run_records(dg.RunsFilter(statuses=UNFINISHED, tags={KIND_TAG: kind}), limit=1))


ALL = [new_demand, judge_candidates, watch_production, retrain_when_needed]
