"""When a model in production is no longer right, and who is retrained first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.retraining_thresholds import Retraining
from demand_assets.forecasting.gate.automatic_retrains import nominate, standing
from demand_assets.forecasting.gate.drift import drift_of, stability
from demand_assets.forecasting.gate.monitoring import Observation, observe
from tests.demand_assets.forecasting.conftest import as_trained_before, daily_demand, trained, weekly_demand

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KETTLES, TOASTERS = RegionItem("north", "kettle"), RegionItem("north", "toaster")
FINE = Observation(KETTLES, version=1, observed_at=NOW, promoted_at=NOW - timedelta(days=3), new_periods=3, wape=0.1,
                   wape_backtest=0.1, bias=0.0, drift=0.0, drifted="demand", volume=10.0)


def test_decay_is_measured_on_demand_since_the_training(daily: Dataset) -> None:
    demand = daily_demand(260)
    model = trained(demand.iloc[:200], daily).with_version(2)
    tripled = demand.assign(demand=np.where(np.arange(260) >= 230, 3, 1) * demand["demand"])

    calm, shaken = (observe(table, daily, model, KETTLES, NOW, NOW) for table in (demand, tripled))

    assert calm.new_periods == shaken.new_periods == 60
    assert calm.version == 2
    assert calm.decay < 1.5
    assert shaken.decay > 2.0
    assert calm.drift < 0.25 < shaken.drift
    assert shaken.drifted == "demand"


def test_a_model_is_watched_with_the_drivers_that_it_was_judged_with(weekly: Dataset) -> None:
    """Prices repeat their last value in the plan and move in truth: a model that was judged with the prices that came
    does not decay because the plan is worse."""
    demand = weekly_demand(150)
    new = trained(demand.iloc[:130], weekly)

    by_plan, as_before = (observe(demand, weekly, model, KETTLES, NOW, NOW) for model in (new, as_trained_before(new)))

    assert by_plan.wape_backtest == new.card.wape > 1.5 * new.card.wape_realised == 1.5 * as_before.wape_backtest
    assert by_plan.wape > 1.5 * as_before.wape
    assert by_plan.decay < 1.5
    assert as_before.decay < 1.5


def test_too_little_new_demand_says_nothing(daily: Dataset) -> None:
    demand = daily_demand(203)
    model = trained(demand.iloc[:200], daily)

    observed = observe(demand, daily, model, KETTLES, NOW, NOW)

    assert observed.new_periods == 3
    assert np.isnan(observed.wape)
    assert observed.decay == 1.0


@pytest.mark.parametrize(("change", "says"), [
    ({"wape": 0.2}, "accuracy decayed"), ({"new_periods": 7, "drift": 0.5}, "demand drifted"),
    ({"new_periods": 7}, "new demand: 7 periods"), ({"promoted_at": NOW - timedelta(days=40)}, "age: promoted 40 days"),
])
def test_each_reason_nominates(daily: Dataset, change: dict, says: str) -> None:
    nominated = nominate([replace(FINE, **change)], daily, NOW, {})

    assert [one.reason.startswith(says) for one in nominated] == [True]


def test_a_good_model_is_left_alone(daily: Dataset) -> None:
    assert nominate([FINE], daily, NOW, {}) == []


def test_a_pinned_model_is_not_retrained_by_itself(daily: Dataset) -> None:
    decayed = replace(FINE, wape=0.5)

    assert len(nominate([decayed], daily, NOW, {})) == 1
    assert nominate([replace(decayed, pinned=True)], daily, NOW, {}) == []


def test_the_largest_decay_times_volume_goes_first_within_the_budget(daily: Dataset) -> None:
    dataset = daily.model_copy(update={"retraining": Retraining(budget_per_tick=1)})
    small_but_bad = replace(FINE, wape=0.5, volume=1.0)
    large_and_worse_than_it_was = replace(FINE, region_item=TOASTERS, wape=0.2, volume=100.0)

    nominated = nominate([small_but_bad, large_and_worse_than_it_was], dataset, NOW, {})

    assert [one.region_item for one in nominated] == [TOASTERS]


def test_the_cool_down_is_kept(daily: Dataset) -> None:
    decayed = replace(FINE, wape=0.5)

    soon, later = (nominate([decayed], daily, NOW, {KETTLES: NOW - timedelta(hours=hours)}) for hours in (19, 21))

    assert soon == []
    assert len(later) == 1


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


def test_drift_is_told_by_column_with_the_observed_one_as_its_largest(daily: Dataset) -> None:
    demand = daily_demand(260)
    model = trained(demand.iloc[:200], daily)
    tripled = demand.assign(demand=np.where(np.arange(260) >= 230, 3, 1) * demand["demand"])

    drift = drift_of(tripled, daily, model, KETTLES)

    assert (drift.new_periods, drift.trained_to) == (60, demand["date"].iloc[199])
    assert drift.columns["demand"].after.sum() == 60
    assert max(found.index for found in drift.columns.values()) == observe(
        tripled, daily, model, KETTLES, NOW, NOW).drift


def test_why_none_is_retrained_is_told_in_numbers(daily: Dataset) -> None:
    moved = replace(FINE, region_item=TOASTERS, wape=0.124, wape_backtest=0.11, drift=0.2, drifted="price",
                    promoted_at=NOW - timedelta(days=9), pinned=True)

    told = standing([FINE, moved], daily, NOW, {KETTLES})

    assert nominate([FINE, moved], daily, NOW, {}) == []
    assert told.split("; ") == [
        "of 2 measured models in production none is to be retrained now", "best WAPE 10.0 %",
        f"largest decay 1.13 times the backtest's WAPE, {TOASTERS} (limit 1.2)",
        f"largest drift 0.20, price of {TOASTERS} (limit 0.25)",
        f"most new demand 3 periods (limit {daily.horizon})", "oldest 9 days (limit 30)",
        "1 retrained lately", "1 pinned"]


def test_what_nobody_measured_is_not_called_good(daily: Dataset) -> None:
    assert "none is known" in standing([], daily, NOW)
    assert "WAPE" not in standing([replace(FINE, wape=float("nan"))], daily, NOW).split(";")[1]
