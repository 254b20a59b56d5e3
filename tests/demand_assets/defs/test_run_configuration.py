"""Who asked for a run, by its tags."""

import dagster as dg
import pytest

from demand_assets.defs.run_configuration import asked_by
from demand_assets.forecasting.contract.dagster_names import (
    ASKED_BY_TAG,
    BY_MAKE_TRAIN,
    GOES_ON_TAG,
    REQUEST_TAG,
    RETRAINED_ASSETS,
)

BACKFILL = "dagster/backfill"


@pytest.mark.parametrize(("tags", "assets", "request_id", "by"), [
    ({}, RETRAINED_ASSETS, "", "an engineer"),
    ({REQUEST_TAG: "r1"}, RETRAINED_ASSETS, "r1", "a planner"),
    ({REQUEST_TAG: "r1", BACKFILL: "b1"}, RETRAINED_ASSETS, "r1", "a planner"),
    ({BACKFILL: "b1"}, RETRAINED_ASSETS, "backfill-b1", "an engineer"),
    ({BACKFILL: "b1"}, ("candidate_model",), "backfill-b1", "an engineer"),
    ({BACKFILL: "b1"}, ("raw_demand", "demand"), "", "an engineer"),  # takes demand in, and is no retrain
    ({BACKFILL: "b1", ASKED_BY_TAG: "weekly schedule"}, RETRAINED_ASSETS, "backfill-b1", "weekly schedule"),
])
def test_the_runs_of_a_backfill_are_one_request(tags: dict[str, str], assets: tuple[str, ...], request_id: str,
                                                by: str) -> None:
    run = dg.DagsterRun("job", tags=tags, asset_selection=frozenset(map(dg.AssetKey, assets)))

    asked = asked_by(run)

    assert (asked.request_id, asked.by, asked.run_id) == (request_id, by, run.run_id)


@pytest.mark.parametrize(("tags", "goes_on"), [
    ({REQUEST_TAG: "r1"}, False), ({REQUEST_TAG: "r1", "dagster/retry_number": "1"}, True),
    ({REQUEST_TAG: "r1", ASKED_BY_TAG: BY_MAKE_TRAIN}, False),
    ({REQUEST_TAG: "r1", GOES_ON_TAG: "yes"}, True)])  # a run of a training that was killed has no next one
def test_what_goes_on_with_another_run_s_work_trains_nothing_twice(tags: dict[str, str], goes_on: bool) -> None:
    assert asked_by(dg.DagsterRun("job", tags=tags)).goes_on is goes_on
