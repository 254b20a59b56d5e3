"""Outliers: what is unusual is found, what season, level or drivers explain is not."""

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.contract.periods import ordinals
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.series.outliers import usual_demand
from demand_assets.sources.simulated.world import World, item_names
from tests.demand_assets.forecasting.conftest import HERE, daily_demand, weekly_demand

PROMO = Driver(name="promo", kind="yes_no", effect="increasing")
HOLIDAY = Driver(name="holiday", kind="yes_no")


@pytest.fixture
def promoted() -> Dataset:
    """A daily dataset with promos and holidays."""
    return Dataset(name="shop", frequency="D", horizon=7, source=HERE, drivers=(PROMO, HOLIDAY))


def with_promos(every: int = 10) -> pd.DataFrame:
    """A week's pattern, twice as much on promo days; no holiday."""
    demand = daily_demand(300)
    promo = (np.arange(300) % every == 0).astype(float)
    return demand.assign(promo=promo, holiday=0.0, demand=demand["demand"] * (1 + promo))


def found(demand: pd.DataFrame, dataset: Dataset) -> list[int]:
    return list(np.flatnonzero(usual_demand(demand, dataset).is_outlier))


def test_one_large_order_is_found_and_what_is_usual_there_is_told(daily: Dataset) -> None:
    demand = daily_demand(200)
    demand.loc[101, "demand"] = 90.0  # a weekday of 20 units

    assert found(demand, daily) == [101]
    assert usual_demand(demand, daily).units[101] == pytest.approx(20, rel=0.15)


def test_a_week_that_repeats_has_none(daily: Dataset) -> None:
    assert found(daily_demand(300), daily) == []


def test_a_promo_is_explained_and_as_much_without_one_is_not(promoted: Dataset) -> None:
    demand = with_promos()
    demand.loc[155, "demand"] *= 3

    assert found(demand, promoted) == [155]


def test_promos_that_sell_now_more_now_less_are_usual_and_a_weekday_that_does_is_not(promoted: Dataset) -> None:
    """Every fifth day, of which the spread of all days says little."""
    demand = with_promos(every=5)
    promos = np.flatnonzero(demand["promo"])
    factors = np.exp(np.random.default_rng(0).normal(0.0, 0.5, len(promos)))
    demand.loc[promos, "demand"] *= 5 * factors
    demand.loc[156, "demand"] *= 3

    assert found(demand, promoted) == [156]


def test_a_holiday_seen_only_once_is_none_for_want_of_knowing_what_is_usual_then(promoted: Dataset) -> None:
    demand = with_promos()
    demand.loc[200, ["holiday", "demand"]] = [1.0, 300.0]

    assert found(demand, promoted) == []
    assert np.isnan(usual_demand(demand, promoted).units[200])


def test_a_price_that_explains_demand_makes_none(weekly: Dataset) -> None:
    demand = weekly_demand(150)
    demand.loc[100, "demand"] *= 3

    assert found(demand, weekly) == [100]


def test_a_stock_out_of_some_days_is_found_and_a_level_that_stays_is_not(daily: Dataset) -> None:
    out_of_stock, halved = daily_demand(300), daily_demand(300)
    out_of_stock.loc[150:153, "demand"] = 0.0
    halved.loc[150:, "demand"] *= 0.3

    assert found(out_of_stock, daily) == [150, 151, 152, 153]
    assert found(halved, daily) == []


@pytest.mark.parametrize("demand", [
    daily_demand(40), daily_demand(200).assign(demand=lambda table: np.where(table.index % 3 == 0, 1.0, 0.0))],
    ids=["short", "mostly zero"])
def test_nothing_is_said_of_a_history_that_is_short_or_mostly_zero(daily: Dataset, demand: pd.DataFrame) -> None:
    usual = usual_demand(demand, daily)

    assert not usual.is_outlier.any()
    assert np.isnan(usual.units).all()


def test_known_truth_most_outliers_are_found_and_few_other_days_alarm() -> None:
    """Orders of three to four times the expected demand, put into two years of simulated demand of 24 region-items."""
    dataset = Dataset(name="shop", frequency="D", horizon=7, source=HERE, drivers=(
        Driver(name="price", kind="number"), PROMO, HOLIDAY, Driver(name="temperature", kind="number")))
    world, rng = World(3, False, "D"), np.random.default_rng(0)
    dates = np.arange("2024-01-01", "2026-01-01", dtype="datetime64[D]")
    numbers = ordinals(dates, "D")
    placed = seen = alarms = days = 0
    for item in item_names(24):
        one = RegionItem("north", item)
        drivers = world.drivers(one, dates)
        expected = world.expected(one, dates, drivers)
        demand = pd.DataFrame({"date": dates.astype("datetime64[ns]"), **drivers,
                               "demand": world.demand(one, int(numbers[0]), int(numbers[-1]))})
        usual = (expected > 8) & (demand["demand"] > 0).to_numpy()
        large = rng.permutation(np.flatnonzero(usual))[:4]
        demand.loc[large, "demand"] = np.round(expected[large] * rng.choice([3.0, 4.0], len(large)))
        told = usual_demand(demand, dataset).is_outlier
        placed, seen = placed + len(large), seen + int(told[large].sum())
        others = np.setdiff1d(np.flatnonzero(usual), large)
        days, alarms = days + len(others), alarms + int(told[others].sum())

    assert placed > 50
    assert seen / placed > 0.85
    assert alarms / days < 0.002
