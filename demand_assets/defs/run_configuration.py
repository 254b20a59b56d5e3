"""How a run is told what to work on, and who asked for it: its configuration and its tags."""

from collections.abc import Sequence

import dagster as dg
from pydantic import Field

from demand_assets.forecasting.contract.dagster_names import (
    ASKED_BY_TAG,
    BACKFILL_REQUEST,
    BACKFILL_TAG,
    CANDIDATE_MODEL,
    GOES_ON_TAG,
    REQUEST_TAG,
    TRACE_TAG,
)
from demand_assets.forecasting.telemetry.tracing import traceparent_of
from demand_assets.pipeline.outcomes import RequestedBy


class Selection(dg.Config):
    """The region-items to work on when the run has no partitions of its own."""

    region_items: list[str] = Field(default_factory=list)
    """Partition keys; they may be scattered, which a range of partitions may not."""


RETRY_TAG = "dagster/retry_number"
"""Dagster's, of a run that it started by itself after one that crashed."""


def asked_by(run: dg.DagsterRun) -> RequestedBy:
    """Who asked for the run, by its tags. The runs of one backfill that retrains are one request, whoever asked."""
    request_id = run.tags.get(REQUEST_TAG, "")  # without who asked, the web app's
    by = run.tags.get(ASKED_BY_TAG, "a planner" if request_id else "an engineer")
    if not request_id and BACKFILL_TAG in run.tags and dg.AssetKey(CANDIDATE_MODEL) in (run.asset_selection or ()):
        request_id = f"{BACKFILL_REQUEST}{run.tags[BACKFILL_TAG]}"
    traceparent = run.tags.get(TRACE_TAG) or traceparent_of(request_id or run.run_id)
    return RequestedBy(request_id=request_id, run_id=run.run_id, by=by, traceparent=traceparent,
                       goes_on=not run.tags.keys().isdisjoint((RETRY_TAG, GOES_ON_TAG)))


def keys_to_work_on(context: dg.AssetExecutionContext, config: Selection) -> Sequence[str]:
    """The partition keys of the run's configuration, or else those of the run itself; maybe none."""
    if not config.region_items and (context.has_partition_key or context.has_partition_key_range):
        return list(context.partition_keys)
    return config.region_items
