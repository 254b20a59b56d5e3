"""Trains what is missing when the product starts, and says how far it is.

Runs once, after the servers answer: region-items of the source that have no model and are not being trained already
are trained and judged through Dagster like any retrain. Started again, it goes on with the rest.
"""

import sys
import time
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit
from uuid import uuid4

import dagster as dg
from dagster_graphql import DagsterGraphQLClient

from demand_assets.dagster_instance.instance import open_instance
from demand_assets.dagster_instance.run_statuses import UNFINISHED
from demand_assets.defs.partitions import sync_partitions
from demand_assets.defs.resources import open_pipeline
from demand_assets.forecasting.contract.dagster_names import (
    ASKED_BY_TAG,
    BY_FIRST_TRAINING,
    LOCATION,
    POOL_JOB,
    PROMOTE_JOB,
    REFRESH_JOB,
    REPOSITORY,
    REQUEST_TAG,
    RETRAIN_JOB,
    keys_of,
    run_config,
)
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.run_sizes import PER_RUN
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.dataset_file import DatasetFileError
from demand_assets.forecasting.store.journal import FINAL_STEPS
from demand_assets.pipeline.progress import Progress
from demand_assets.pipeline.run import Pipeline
from demand_assets.settings import Settings

LOOK_SECONDS = 5
JUDGING_SECONDS = 120
"""How long a decision is waited for when neither a training nor a judging run is under way."""


def main() -> int:
    """Train what is missing; 0 when every region-item came to an end other than failure."""
    settings = Settings()
    try:
        pipeline = open_pipeline(settings)
        catalogue = pipeline.source.catalogue()
        wanted = catalogue.region_items
    except (DatasetFileError, SourceError) as error:
        print(error, flush=True)
        return 2
    with open_instance(settings.folder / "dagster") as instance:
        pipeline.store.write_source_notes(catalogue)
        pipeline.store.write_catalogue(wanted)
        sync_partitions(instance, wanted)
        missing = _missing(pipeline, instance, wanted)
        if not missing:
            print(f"first training: nothing is missing, {len(wanted)} region-items", flush=True)
            return 0
        print(f"first training: {len(missing)} of {len(wanted)} region-items have no model yet", flush=True)
        if len(missing) > PER_RUN and pipeline.registry.pooled_production() is None:
            _pool_first(settings, instance, missing)
        requests = _submit(settings, RETRAIN_JOB, missing)
        return _follow(instance, Progress(pipeline.store, requests.values()), list(requests), len(missing))


def _missing(pipeline: Pipeline, instance: dg.DagsterInstance, wanted: Sequence[RegionItem]) -> list[RegionItem]:
    """Region-items without any version, neither in training now nor refused by the validation before."""
    present = {entry.region_item.key for entry in pipeline.registry.entries()}
    for record in instance.get_run_records(dg.RunsFilter(job_name=RETRAIN_JOB, statuses=UNFINISHED)):
        present |= set(keys_of(record.dagster_run.run_config))
    refused = set(pipeline.store.stored("quarantine", wanted)) - set(pipeline.store.stored("demand", wanted))
    return [one for one in wanted if one.key not in present and one not in refused]


def _pool_first(settings: Settings, instance: dg.DagsterInstance, missing: Sequence[RegionItem]) -> None:
    """Take in the demand of all region-items and train the pooled model on it, before any run trains on a part."""
    print("first training: demand is taken in, then the pooled model is trained", flush=True)
    _wait_for(instance, _submit(settings, REFRESH_JOB, missing))
    run_id = _client(settings).submit_job_execution(
        POOL_JOB, repository_location_name=LOCATION, repository_name=REPOSITORY,
        tags={ASKED_BY_TAG: BY_FIRST_TRAINING})
    _wait_for(instance, [run_id])


def _wait_for(instance: dg.DagsterInstance, run_ids: Iterable[str]) -> None:
    while instance.get_run_records(dg.RunsFilter(run_ids=list(run_ids), statuses=UNFINISHED), limit=1):
        time.sleep(LOOK_SECONDS)


def _client(settings: Settings) -> DagsterGraphQLClient:
    address = urlsplit(settings.dagster_url)
    return DagsterGraphQLClient(str(address.hostname), port_number=address.port, use_https=address.scheme == "https")


def _submit(settings: Settings, job: str, missing: Sequence[RegionItem]) -> dict[str, str]:
    """Runs of the job for the region-items: run id -> request id."""
    client = _client(settings)
    requests = {}
    for start in range(0, len(missing), PER_RUN):
        request_id = f"first-{uuid4().hex[:12]}"
        run_id = client.submit_job_execution(
            job, repository_location_name=LOCATION, repository_name=REPOSITORY,
            run_config=run_config([one.key for one in missing[start:start + PER_RUN]]),
            tags={REQUEST_TAG: request_id, ASKED_BY_TAG: BY_FIRST_TRAINING})
        requests[run_id] = request_id
    return requests


def _follow(instance: dg.DagsterInstance, progress: Progress, run_ids: Sequence[str], total: int) -> int:
    """Say how far the runs are until all is decided, or the runs have ended and no decision comes any more."""
    said, ended_at = "", None
    while True:
        counts = progress.look()
        done = sum(counts[step] for step in FINAL_STEPS)
        words = ", ".join(f"{counts[step]} {step}" for step in ("started", "validated", "trained", *sorted(FINAL_STEPS))
                          if counts[step])
        line = f"first training: {done} of {total} decided{f' ({words})' if words else ''}"
        if line != said:
            print(line, flush=True)
            said = line
        if done >= total:
            return 1 if counts["failed"] else 0
        training = instance.get_run_records(dg.RunsFilter(run_ids=list(run_ids), statuses=UNFINISHED), limit=1)
        judging = instance.get_run_records(dg.RunsFilter(job_name=PROMOTE_JOB, statuses=UNFINISHED), limit=1)
        if training or judging:
            ended_at = None
        elif ended_at is None:
            ended_at = time.monotonic()
        elif time.monotonic() - ended_at > JUDGING_SECONDS:
            print(f"first training: {total - done} region-items came to no end; see the runs in Dagster", flush=True)
            return 1
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
