"""What an engineer reads of an outcome in Dagster."""

from demand_assets.defs.metadata import to_metadata
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.pipeline.outcomes import Outcome

KETTLE = RegionItem("north", "kettle")


def decided(verdict: str, replaced: int | None) -> dict[str, object]:
    return to_metadata(Outcome(KETTLE, "production_model", reason="why", details={
        "version": 7, "replaced": replaced, "request_id": "r1", "wape": 0.5, "wape_production": 0.25,
        "verdict": verdict}))


def test_a_promotion_is_told_of_the_version_that_was_promoted() -> None:
    told = decided("promote", 6)

    assert (told["version"], told["replaced"], told["reason"]) == (7, 6, "why")


def test_a_decision_to_keep_is_told_of_the_version_that_stays() -> None:
    told = decided("keep", 6)

    assert (told["version"], told["candidate_version"]) == (6, 7)
    assert told["contest"] == {"wape": 0.5, "wape_production": 0.25}
    assert "wape" not in told


def test_where_nothing_was_in_production_no_version_is_told() -> None:
    told = decided("keep", None)

    assert "none of its own" in str(told["version"])
    assert told["candidate_version"] == 7


def test_a_candidate_that_was_judged_before_is_told_of_what_serves() -> None:
    kept, promoted = (to_metadata(Outcome(KETTLE, "production_model", reason="already judged", details={
        "version": 7, "replaced": serves, "request_id": "r1"})) for serves in (6, 7))

    assert (kept["version"], kept["candidate_version"]) == (6, 7)
    assert promoted["version"] == 7
    assert "candidate_version" not in promoted


def test_both_models_are_linked() -> None:
    kept = Outcome(KETTLE, "production_model", details={"version": 7, "replaced": 6, "verdict": "keep"})

    told = to_metadata(kept, lambda version: f"http://mlflow/{version}")

    assert (told["mlflow"].url, told["mlflow_candidate"].url) == ("http://mlflow/6", "http://mlflow/7")
