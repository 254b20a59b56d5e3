"""Who asked for a run, by its tags."""

import dagster as dg
import pytest

from demand_assets.defs.run_configuration import asked_by
from demand_assets.forecasting.contract.dagster_names import ASKED_BY_TAG, REQUEST_TAG, RETRAINED_ASSETS

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
