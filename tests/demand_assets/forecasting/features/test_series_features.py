"""Features know nothing after the origin but the calendar and the drivers of the target."""

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.features.inspected_features import features_columns
from demand_assets.forecasting.features.series_features import series_features
from demand_assets.forecasting.series.planned_drivers import NotPlanned, future_drivers
from demand_assets.forecasting.validation.schemas import DemandFeatures
from tests.demand_assets.forecasting.conftest import HERE, KETTLES, daily_demand, weekly_demand


def columns_of(rows: np.ndarray, names: list[str]) -> dict[str, np.ndarray]:
    return {name: rows[:, index] for index, name in enumerate(names)}


def test_rewriting_demand_after_the_origin_changes_nothing(weekly: Dataset) -> None:
    demand, origin = weekly_demand(), 100
    rewritten = demand.copy()
    rewritten.loc[origin + 1:, "demand"] = 12_345.0
    origins, leads = np.full(4, origin), np.arange(1, 5)

    before, after = (series_features(table, weekly).rows(origins, leads) for table in (demand, rewritten))

    np.testing.assert_array_equal(before, after)


def test_the_drivers_of_the_target_matter(weekly: Dataset) -> None:
    demand = weekly_demand()
    shuffled = demand.copy()
    shuffled.loc[101:104, "price"] = demand.loc[101:104, "price"].to_numpy()[::-1]
    origins, leads = np.full(4, 100), np.arange(1, 5)

    before, after = (series_features(table, weekly).rows(origins, leads) for table in (demand, shuffled))

    assert (before != after).any()


def test_a_seasonal_lag_is_the_same_weekday_known_at_the_origin(daily: Dataset) -> None:
    demand = daily_demand()
    series = series_features(demand, daily)

    row = columns_of(series.rows(np.array([100]), np.array([3])), series.names)

    assert row["season_7_lag_1"][0] == pytest.approx(demand["demand"][96] / series.level[100])
    assert row["season_7_lag_2"][0] == pytest.approx(demand["demand"][89] / series.level[100])


def test_the_level_is_the_recent_mean_drawn_a_little_to_the_long_one(daily: Dataset) -> None:
    demand = daily_demand(100).assign(demand=[10.0] * 72 + [20.0] * 28)

    level = series_features(demand, daily).level

    long_run = (72 * 10 + 28 * 20) / 100
    assert level[-1] == pytest.approx((28 * 20 + 2 * long_run) / 30)


def test_a_dead_series_keeps_a_positive_level(daily: Dataset) -> None:
    demand = daily_demand(400).assign(demand=[50.0] * 40 + [0.0] * 360)

    assert series_features(demand, daily).level[-1] == pytest.approx(0.05 * 50)


def test_unknown_demand_is_neither_zero_nor_filled(daily: Dataset) -> None:
    demand = daily_demand()
    demand.loc[96, "demand"] = np.nan
    series = series_features(demand, daily)

    row = columns_of(series.rows(np.array([100]), np.array([3])), series.names)

    assert np.isnan(row["season_7_lag_1"][0])
    assert not np.isnan(row["season_7_mean_4"][0])


def test_declared_effects_become_constraints(weekly: Dataset) -> None:
    series = series_features(weekly_demand(), weekly)

    signs = dict(zip(series.names, series.constraints, strict=True))

    assert signs["target:price"] == signs["target:price:before"] == -1
    assert signs["target:promo"] == 1
    assert signs["target:promo:after"] == signs["lead"] == 0


def test_categories_become_one_column_each(daily: Dataset) -> None:
    dataset = daily.model_copy(update={"drivers": (Driver(name="holiday", kind="category"),)})
    demand = daily_demand().assign(holiday=["none", "easter:1", None, "none"] * 50)

    series = series_features(demand, dataset)

    assert series.categories == {"holiday": ("", "easter:1", "none")}
    assert series.drivers["holiday=easter:1"][:4].tolist() == [0, 1, 0, 0]
    assert len(series.constraints) == len(series.names)


def test_the_features_table_has_a_row_a_period(weekly: Dataset) -> None:
    table = pd.DataFrame(features_columns(weekly_demand(130, future=4), weekly, KETTLES))

    assert len(table) == 134
    assert {"date", "demand", "level", "mean_4", "target:price"} <= set(table.columns)
    DemandFeatures.validate(table, lazy=True)


class TestFutureDrivers:
    def test_known_values_are_taken_and_missing_ones_said(self, weekly: Dataset) -> None:
        demand = weekly_demand(130, future=2)

        completed, sentences = future_drivers(demand, weekly, horizon=4)

        assert len(completed) == 134
        assert completed["promo"].iloc[130:132].tolist() == demand["promo"].iloc[130:132].tolist()
        assert completed["promo"].iloc[132:].tolist() == [0.0, 0.0]
        assert sentences == ("promo is not known for 2 of 4 periods: “no” is assumed.",)
        assert isinstance(sentences[0], NotPlanned)

    def test_repeat_last_goes_on_from_the_last_known(self, weekly: Dataset) -> None:
        completed, _ = future_drivers(weekly_demand(130), weekly, horizon=4)

        assert completed["price"].iloc[130:].nunique() == 1
        assert completed["price"].iloc[130] == completed["price"].iloc[129]

    def test_repeat_season_takes_last_year(self) -> None:
        dataset = Dataset(name="shop", frequency="W", horizon=4, source=HERE, drivers=(
            Driver(name="temperature", kind="number", future="repeat_season"),))
        demand = weekly_demand(130).rename(columns={"price": "temperature"})[["date", "demand", "temperature"]]

        completed, _ = future_drivers(demand, dataset, horizon=4)

        assert completed["temperature"].iloc[130:].tolist() == demand["temperature"].iloc[78:82].tolist()

    def test_given_is_its_default(self) -> None:
        dataset = Dataset(name="shop", frequency="W", horizon=4, source=HERE, drivers=(
            Driver(name="promo", kind="yes_no", future="given", default=False),))

        completed, sentences = future_drivers(weekly_demand(130, future=4)[["date", "demand", "promo"]], dataset, 4)

        assert completed["promo"].iloc[130:].tolist() == [0.0] * 4
        assert sentences == ()


def test_monthly_periods_are_month_starts() -> None:
    dataset = Dataset(name="shop", frequency="M", horizon=3, source=HERE)
    demand = pd.DataFrame({"date": pd.date_range("2020-01-01", periods=48, freq="MS"), "demand": np.arange(48.0)})

    completed, _ = future_drivers(demand, dataset, horizon=3)

    assert [str(day.date()) for day in completed["date"].iloc[-3:]] == ["2024-01-01", "2024-02-01", "2024-03-01"]


@pytest.mark.parametrize("count", [3, 70])
def test_every_yes_no_driver_makes_a_state_however_many_there_are(daily: Dataset, count: int) -> None:
    drivers = tuple(Driver(name=f"event_{number}", kind="yes_no") for number in range(count))
    dataset = daily.model_copy(update={"drivers": drivers})
    demand = daily_demand(count + 1)[["date", "demand"]].assign(date=pd.date_range("2024-01-01", periods=count + 1))
    for number, driver in enumerate(drivers):
        demand[driver.name] = (np.arange(count + 1) == number).astype(float)
    series = series_features(demand, dataset)
    weekdays = series.past.as_given.calendar["day_of_week"]

    states = series.past.states(series.drivers)

    assert len(set(zip(states.tolist(), weekdays.tolist(), strict=True))) == len(set(states.tolist())) == count + 1
