from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.models.retraining_thresholds import Retraining
from demand_assets.forecasting.gate.automatic_retrains import Learned, nominate, standing
from demand_assets.forecasting.gate.monitoring import Observation

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KETTLES, TOASTERS = RegionItem("north", "kettle"), RegionItem("north", "toaster")
FINE = Observation(KETTLES, version=1, observed_at=NOW, promoted_at=NOW - timedelta(days=3), new_periods=3, wape=0.1,
                   wape_backtest=0.1, bias=0.0, drift=0.0, drifted="demand", volume=10.0)


@pytest.mark.parametrize(("change", "says"), [
    ({"wape": 0.2}, "accuracy decayed"), ({"new_periods": 7, "drift": 0.5}, "demand drifted"),
    ({"new_periods": 3, "drift": 0.5}, "demand drifted"),  # it waits for no horizon of new demand
    ({"new_periods": 7}, "new demand: 7 periods"), ({"promoted_at": NOW - timedelta(days=40)}, "age: promoted 40 days"),
])
def test_each_reason_nominates(daily: Dataset, change: dict, says: str) -> None:
    nominated = nominate([replace(FINE, **change)], daily, NOW, ())

    assert [one.reason.startswith(says) for one in nominated] == [True]


def test_a_good_model_is_left_alone(daily: Dataset) -> None:
    assert nominate([FINE], daily, NOW, ()) == []


def test_a_pinned_model_is_not_retrained_by_itself(daily: Dataset) -> None:
    decayed = replace(FINE, wape=0.5)

    assert len(nominate([decayed], daily, NOW, ())) == 1
    assert nominate([replace(decayed, pinned=True)], daily, NOW, ()) == []


def test_the_largest_decay_times_volume_goes_first_within_the_budget(daily: Dataset) -> None:
    dataset = daily.model_copy(update={"retraining": Retraining(budget_per_tick=1)})
    small_but_bad = replace(FINE, wape=0.5, volume=1.0)
    large_and_worse_than_it_was = replace(FINE, region_item=TOASTERS, wape=0.2, volume=100.0)

    nominated = nominate([small_but_bad, large_and_worse_than_it_was], dataset, NOW, ())

    assert [one.region_item for one in nominated] == [TOASTERS]


def test_one_that_a_retrain_was_asked_for_lately_is_left_alone(daily: Dataset) -> None:
    decayed = replace(FINE, wape=0.5)

    assert nominate([decayed], daily, NOW, {KETTLES}) == []
    assert len(nominate([decayed], daily, NOW, {TOASTERS})) == 1


@pytest.mark.parametrize("change", [
    {"new_periods": 9, "drift": 0.5}, {"new_periods": 9}, {"promoted_at": NOW - timedelta(days=40)}])
def test_what_a_kept_candidate_knew_is_no_reason_until_there_is_more_to_learn(daily: Dataset, change: dict) -> None:
    kept = replace(FINE, **{"new_periods": 9, **change})
    before = {KETTLES: Learned(version=1, new_periods=3)}

    assert nominate([kept], daily, NOW, (), before) == []
    assert "1 retrained before on almost the same demand" in standing([kept], daily, NOW, (), before)
    assert len(nominate([replace(kept, new_periods=10)], daily, NOW, (), before)) == 1  # seven more days
    assert len(nominate([replace(kept, version=2)], daily, NOW, (), before)) == 1  # another version was promoted since
    assert len(nominate([replace(kept, wape=0.5)], daily, NOW, (), before)) == 1  # decay is looked at each day


def test_why_none_is_retrained_is_told_in_numbers(daily: Dataset) -> None:
    moved = replace(FINE, region_item=TOASTERS, wape=0.124, wape_backtest=0.11, drift=0.2, drifted="price",
                    promoted_at=NOW - timedelta(days=9), pinned=True)

    told = standing([FINE, moved], daily, NOW, {KETTLES})

    assert nominate([FINE, moved], daily, NOW, ()) == []
    assert told.split("; ") == [
        "of 2 measured models in production none is to be retrained now", "best WAPE 10.0 %",
        f"largest decay 1.13 times the backtest's WAPE, {TOASTERS} (limit 1.2)",
        f"largest drift 0.20, price of {TOASTERS} (limit 0.25)",
        f"most new demand 3 periods (limit {daily.horizon})", "oldest 9 days (limit 30)",
        "1 retrained lately", "1 pinned"]


def test_no_model_is_younger_than_nothing(daily: Dataset) -> None:
    ahead = replace(FINE, promoted_at=NOW + timedelta(days=2))  # before the clock was put back

    assert "oldest 0 days (limit 30)" in standing([ahead], daily, NOW)


def test_what_nobody_measured_is_not_called_good(daily: Dataset) -> None:
    assert "none is known" in standing([], daily, NOW)
    assert "WAPE" not in standing([replace(FINE, wape=float("nan"))], daily, NOW).split(";")[1]
