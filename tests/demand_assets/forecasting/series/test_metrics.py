"""Our measures against a library's, and by hand where nothing is known."""

import numpy as np
import pandas as pd
import pytest
from utilsforecast import losses

from demand_assets.forecasting.series.metrics import (
    bias,
    coverage,
    interval_measures_of_columns,
    measures_of_columns,
    naive_squared_error,
    rmsse,
    seasonal_naive_error,
    wape,
)


@pytest.fixture
def history() -> np.ndarray:
    return np.random.default_rng(1).poisson(20, 100).astype(float)


@pytest.fixture
def actual() -> np.ndarray:
    return np.random.default_rng(2).poisson(20, 12).astype(float)


@pytest.fixture
def forecast() -> np.ndarray:
    return np.random.default_rng(3).normal(20, 3, 12)


def table(values: np.ndarray, **more: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"unique_id": "a", "ds": np.arange(len(values)), "y": values, **more})


def test_wape_is_the_librarys_nd(actual: np.ndarray, forecast: np.ndarray) -> None:
    assert wape(actual, forecast) == pytest.approx(losses.nd(table(actual, model=forecast), ["model"])["model"][0])


def test_rmsse_is_the_librarys_with_a_season_of_one(actual: np.ndarray, forecast: np.ndarray,
                                                    history: np.ndarray) -> None:
    theirs = losses.rmsse(table(actual, model=forecast), ["model"], seasonality=1, train_df=table(history))

    assert rmsse(actual, forecast, history) == pytest.approx(theirs["model"][0])


@pytest.mark.parametrize("season", [1, 7])
def test_mase_is_the_librarys(actual: np.ndarray, forecast: np.ndarray, history: np.ndarray, season: int) -> None:
    theirs = losses.mase(table(actual, model=forecast), ["model"], seasonality=season, train_df=table(history))

    found = measures_of_columns(actual[:, None], forecast[:, None], seasonal_naive_error(history, season), 1.0)
    assert found["mase"][0] == pytest.approx(theirs["model"][0])


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_pinball_is_the_mean_of_the_librarys_quantile_loss_of_both_bounds(actual: np.ndarray, forecast: np.ndarray,
                                                                          level: float) -> None:
    tail = (1 - level) / 2
    theirs = [losses.quantile_loss(table(actual, model=bound), {"model": "model"}, q=quantile)["model"][0]
              for bound, quantile in ((forecast - 4, tail), (forecast + 5, 1 - tail))]

    found = interval_measures_of_columns(*(each[:, None] for each in (actual, forecast - 4, forecast + 5)), level)
    assert found["pinball"][0] == pytest.approx(np.mean(theirs))


def test_coverage_is_the_librarys(actual: np.ndarray, forecast: np.ndarray) -> None:
    bounds = {"model-lo-80": forecast - 4, "model-hi-80": forecast + 4}
    theirs = losses.coverage(table(actual, model=forecast, **bounds), ["model"], level=80)

    assert coverage(actual, forecast - 4, forecast + 4) == pytest.approx(theirs["model"][0])


def test_width_is_the_share_of_demand_that_intervals_span() -> None:
    found = interval_measures_of_columns(*(np.array(each)[:, None] for each in ([10.0, 30.0], [8.0, 25.0],
                                                                                [12.0, 35.0])), 0.8)
    assert found["width"][0] == pytest.approx(14 / 40)


def test_bias_is_positive_when_too_much_is_forecast() -> None:
    assert bias(np.array([10.0, 10.0]), np.array([12.0, 11.0])) == pytest.approx(0.15)


def test_coverage_counts_bounds_as_inside() -> None:
    assert coverage(np.array([1.0, 2.0, 3.0, 9.0]), np.full(4, 1.0), np.full(4, 3.0)) == 0.75


def test_unknown_actuals_are_left_out() -> None:
    actual, forecast = np.array([10.0, np.nan, 20.0]), np.array([12.0, 99.0, 20.0])

    assert wape(actual, forecast) == pytest.approx(2 / 30)
    assert coverage(actual, forecast - 5, forecast + 5) == 1.0


def test_nothing_sold_gives_no_number_rather_than_a_good_one() -> None:
    zeros = np.zeros(4)

    assert np.isnan(wape(zeros, zeros))
    assert np.isnan(bias(zeros, zeros))
    assert np.isnan(rmsse(zeros, zeros, zeros))


def test_measures_of_columns_are_those_of_each_column(history: np.ndarray) -> None:
    random = np.random.default_rng(4)
    actual = random.poisson(3, (5, 6)).astype(float)
    actual[2, 1], actual[:, 2], actual[:, 3] = np.nan, np.nan, 0.0  # one unknown, a column unknown, nothing sold
    forecast = random.normal(3, 1, (5, 6))
    lower, upper = forecast - 1, forecast + 1.5

    points = measures_of_columns(actual, forecast, 0.0, naive_squared_error(history))
    intervals = interval_measures_of_columns(actual, lower, upper, 0.8)

    for place, (one, by, low, high) in enumerate(zip(actual.T, forecast.T, lower.T, upper.T, strict=True)):
        assert {name: values[place] for name, values in points.items()} == pytest.approx({
            "wape": wape(one, by), "mase": np.nan, "rmsse": rmsse(one, by, history), "bias": bias(one, by)},
            nan_ok=True, rel=1e-12)
        assert intervals["coverage"][place] == pytest.approx(coverage(one, low, high), nan_ok=True)
    assert np.isnan(intervals["pinball"]).tolist() == [place == 2 for place in range(6)]
    assert np.isnan(intervals["width"]).tolist() == [place in (2, 3) for place in range(6)]
