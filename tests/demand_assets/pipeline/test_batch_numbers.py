"""Numbers of a batch of models, which MLflow filters runs by."""

import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.pipeline.batch_numbers import BatchNumbers
from demand_assets.pipeline.outcomes import Outcome

KETTLE, PAN, POT = RegionItem("north", "kettle"), RegionItem("north", "pan"), RegionItem("north", "pot")


def trained(one: RegionItem, actual: float, error: float, demand: str = "a") -> Outcome:
    """A region-item whose ten points were all too high, eight of them inside the interval."""
    return Outcome(one, "candidate_model", details={"data_hash": demand, "backtest_sums": {
        "actual": actual, "error": error, "absolute_error": error, "absolute_error_seasonal_naive": 2 * error,
        "absolute_error_own": error, "absolute_error_pooled": error, "inside_80": 8, "points": 10}})


def test_metrics_are_of_all_region_items_together() -> None:
    numbers = BatchNumbers()

    numbers.add([trained(KETTLE, 100.0, 30.0), Outcome(KETTLE, "production_model", details={"verdict": "promote"})])
    numbers.add([trained(PAN, 300.0, 10.0), Outcome(PAN, "production_model", details={"verdict": "keep"}),
                 Outcome(POT, "candidate_model", "failed", "no demand")])

    assert numbers.metrics == pytest.approx({
        "trained": 2, "promoted": 1, "kept": 1, "failed": 1, "wape": 0.1, "bias": 0.1, "wape_seasonal_naive": 0.2,
        "wape_own": 0.1, "wape_pooled": 0.1, "coverage_80": 0.8})


def test_nothing_trained_has_no_accuracy() -> None:
    assert BatchNumbers().metrics == {"trained": 0, "promoted": 0, "kept": 0, "failed": 0}


def test_the_fingerprint_is_of_all_demand_in_whatever_order_it_came() -> None:
    together, later, other = BatchNumbers(), BatchNumbers(), BatchNumbers()

    together.add([trained(KETTLE, 1.0, 1.0, "a"), trained(PAN, 1.0, 1.0, "b")])
    later.add([trained(PAN, 1.0, 1.0, "b")])
    later.add([trained(KETTLE, 1.0, 1.0, "a")])
    other.add([trained(KETTLE, 1.0, 1.0, "a"), trained(PAN, 1.0, 1.0, "c")])

    assert together.demand_hash == later.demand_hash != other.demand_hash
