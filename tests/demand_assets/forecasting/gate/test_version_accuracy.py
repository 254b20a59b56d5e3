"""What is said of two versions rests on periods that neither has seen."""

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.gate.version_accuracy import Unseen, of_past_forecasts, since_training, unseen_windows
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from tests.demand_assets.forecasting.conftest import (
    HERE,
    KETTLES,
    as_trained_before,
    daily_demand,
    trained,
    weekly_demand,
)

DEMAND = daily_demand(220)
DAILY = Dataset(name="shop", frequency="D", horizon=7, source=HERE)


@pytest.fixture(scope="module")
def older() -> ForecastModel:
    return trained(DEMAND.iloc[:190], DAILY)


@pytest.fixture(scope="module")
def newer() -> ForecastModel:
    return trained(DEMAND.iloc[:200], DAILY)


def test_only_periods_after_the_later_training_count(older: ForecastModel,
                                                     newer: ForecastModel) -> None:
    alone, both = (since_training(DEMAND, DAILY, models, KETTLES) for models in ((older,), (older, newer)))

    assert alone is not None
    assert both is not None
    assert (alone.periods, both.periods) == (30, 20)
    assert str(both.dates[0]) == str(DEMAND["date"].iloc[200].date())
    np.testing.assert_array_equal(both.actual, DEMAND["demand"].iloc[200:])
    assert [len(forecast) for forecast in both.forecasts] == [20, 20]


def test_forecasts_use_no_demand_of_the_horizon_they_are_for(newer: ForecastModel) -> None:
    changed = DEMAND.assign(demand=np.where(np.arange(220) >= 201, 1000.0, DEMAND["demand"]))

    before, after = (since_training(demand, DAILY, (newer,), KETTLES) for demand in (DEMAND, changed))

    assert before is not None
    assert after is not None
    np.testing.assert_array_equal(before.forecasts[0][:7], after.forecasts[0][:7])
    assert (before.forecasts[0][7:14] != after.forecasts[0][7:14]).any()


def test_without_a_period_since_the_training_nothing_is_said(newer: ForecastModel) -> None:
    assert since_training(DEMAND.iloc[:200], DAILY, (newer,), KETTLES) is None


def test_a_model_against_itself_is_its_backtest(newer: ForecastModel) -> None:
    same = unseen_windows(DEMAND.iloc[:200], DAILY, (newer, newer), KETTLES)

    assert same is not None
    assert same.wapes[0] == same.wapes[1] == pytest.approx(newer.card.wape, abs=1e-4)
    assert same.wape_seasonal_naive == pytest.approx(newer.card.wape_seasonal_naive, abs=1e-4)
    known = DEMAND.set_index("date")["demand"]
    np.testing.assert_array_equal(same.actual, known.loc[pd.DatetimeIndex(same.dates)])


def test_of_the_newer_backtest_only_windows_after_the_older_training_count(older: ForecastModel,
                                                                           newer: ForecastModel) -> None:
    found = unseen_windows(DEMAND, DAILY, (older, newer), KETTLES)

    assert found is not None
    dates = DEMAND["date"].dt.date.astype(str)
    assert [str(date) for date in found.dates] == dates[193:200].tolist()  # trained to row 189, window after row 192
    window = newer.backtest["origins"].index(dates[192])
    np.testing.assert_allclose(found.forecasts[1], newer.backtest["forecast"][window])
    changed = DEMAND.assign(demand=np.where(np.arange(220) >= 193, 1000.0, DEMAND["demand"]))
    again = unseen_windows(changed, DAILY, (older, newer), KETTLES)
    assert again is not None
    np.testing.assert_array_equal(found.forecasts[0], again.forecasts[0])


def test_without_a_window_that_neither_has_seen_nothing_is_said(newer: ForecastModel) -> None:
    four_days_later = trained(DEMAND.iloc[:204], DAILY)

    assert unseen_windows(DEMAND, DAILY, (newer, four_days_later), KETTLES) is None


def test_past_forecasts_are_measured_on_what_became_known_of_them() -> None:
    demand = pd.DataFrame({"date": pd.date_range("2026-01-01", periods=10), "demand": [10.0] * 9 + [np.nan]})
    kept = {"2026-01-01": (np.full(7, 11.0), np.full(7, 9.0)), "2026-01-03": (np.full(7, 99.0), np.full(7, 99.0)),
            "2026-01-08": (np.full(7, 12.0), np.full(7, 10.0))}

    found = of_past_forecasts(demand, DAILY, kept)

    assert found is not None
    assert found.periods == 8  # seven of the first; the second overlaps it; of the last one day is known
    assert found.wapes == (pytest.approx((7 * 1 + 2) / 80),)
    assert found.wape_seasonal_naive == pytest.approx(7 / 80)
    assert of_past_forecasts(demand, DAILY, {"2026-01-09": kept["2026-01-01"]}) is None


def test_measures_can_be_checked_by_hand() -> None:
    found = Unseen(np.arange(3).astype("datetime64[D]"), np.array([10.0, 20.0, np.nan]),
                   (np.array([12.0, 20.0, 99.0]), np.array([10.0, 11.0, 99.0])), np.array([13.0, 20.0, 99.0]))

    assert found.periods == 2
    assert found.wapes == (pytest.approx(2 / 30), pytest.approx(9 / 30))
    assert found.biases == (pytest.approx(2 / 30), pytest.approx(-9 / 30))
    assert found.wape_seasonal_naive == pytest.approx(0.1)


def test_versions_of_both_kinds_are_compared_with_the_same_drivers(weekly: Dataset) -> None:
    """One was judged with the price that came, the other by the plan, which repeats the last price."""
    table = weekly_demand(130)
    new = trained(table, weekly)
    old = as_trained_before(new)

    of_new, of_both = (unseen_windows(table, weekly, models, KETTLES) for models in ((new, new), (old, new)))
    since = since_training(weekly_demand(138), weekly, (old, new), KETTLES)

    assert of_new is not None
    assert of_both is not None
    assert since is not None
    assert of_new.wapes == pytest.approx((new.card.wape,) * 2, abs=1e-4)
    assert of_both.wapes == pytest.approx((new.card.wape_realised,) * 2, abs=1e-4)
    assert new.card.wape > 1.5 * new.card.wape_realised
    np.testing.assert_array_equal(*since.forecasts)
