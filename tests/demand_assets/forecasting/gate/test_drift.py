from datetime import UTC, datetime

import numpy as np
import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.gate.drift import drift_of, stability
from demand_assets.forecasting.gate.monitoring import observe
from tests.demand_assets.forecasting.conftest import daily_demand, trained

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KETTLES = RegionItem("north", "kettle")


def test_the_stability_index_is_small_for_the_same_and_large_for_other_demand() -> None:
    rng = np.random.default_rng(0)
    before = rng.normal(100, 10, 300)

    assert stability(before, rng.normal(100, 10, 100)).index < 0.2
    assert stability(before, rng.normal(130, 10, 100)).index > 1.0
    assert stability(before, np.array([np.nan])).index == 0.0


def test_each_value_is_counted_in_one_bin_of_the_earlier_sample() -> None:
    found = stability(np.arange(16.0), np.array([0.0, 15.0, 99.0, np.nan]))

    assert found.before.tolist() == [2.0] * 8
    assert found.after.tolist() == [1.0, 0, 0, 0, 0, 0, 0, 2.0]
    assert len(found.edges) == 7


def test_a_rare_yes_that_becomes_frequent_is_seen() -> None:
    rare, frequent = (np.where(np.arange(100) < count, 1.0, 0.0) for count in (5, 40))

    found = stability(rare, frequent)

    assert (found.before.tolist(), found.after.tolist()) == ([95, 5], [60, 40])
    assert found.index > 0.25
    assert stability(rare, rare).index == 0.0


@pytest.mark.parametrize("size", [4, 7, 28, 90])
def test_few_new_values_from_the_same_distribution_seldom_drift(size: int) -> None:
    """The bare index is above 0.25 for all of four values, a third of 28, one in 50 of 90."""
    rng = np.random.default_rng(0)
    alarms = [stability(rng.lognormal(3, 1, 112), rng.lognormal(3, 1, size)).index > 0.25 for _ in range(500)]

    assert np.mean(alarms) < 0.02


def test_four_weeks_of_promotion_where_there_was_next_to_none_drift() -> None:
    assert stability((np.arange(52) % 13 == 0).astype(float), np.ones(4)).index > 0.25


def test_drift_is_told_by_column_with_the_observed_one_as_its_largest(daily: Dataset) -> None:
    demand = daily_demand(260)
    model = trained(demand.iloc[:200], daily)
    tripled = demand.assign(demand=np.where(np.arange(260) >= 230, 3, 1) * demand["demand"])

    drift = drift_of(tripled, daily, model, KETTLES)

    assert (drift.new_periods, drift.trained_to) == (60, demand["date"].iloc[199])
    assert drift.columns["demand"].after.sum() == 60
    assert max(found.index for found in drift.columns.values()) == observe(
        tripled, daily, model, KETTLES, NOW, NOW).drift
