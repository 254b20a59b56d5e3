"""Our measures against a library's, and by hand where nothing is known."""

import numpy as np
import pandas as pd
import pytest
from utilsforecast import losses

from demand_assets.forecasting.series.metrics import bias, coverage, mase, pinball, rmsse, wape, width


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

    assert mase(actual, forecast, history, season) == pytest.approx(theirs["model"][0])


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.975])
def test_pinball_is_the_librarys_quantile_loss(actual: np.ndarray, forecast: np.ndarray, quantile: float) -> None:
    theirs = losses.quantile_loss(table(actual, model=forecast), {"model": "model"}, q=quantile)

    assert pinball(actual, forecast, quantile) == pytest.approx(theirs["model"][0])


def test_coverage_is_the_librarys(actual: np.ndarray, forecast: np.ndarray) -> None:
    bounds = {"model-lo-80": forecast - 4, "model-hi-80": forecast + 4}
    theirs = losses.coverage(table(actual, model=forecast, **bounds), ["model"], level=80)

    assert coverage(actual, forecast - 4, forecast + 4) == pytest.approx(theirs["model"][0])


def test_width_is_the_share_of_demand_that_intervals_span() -> None:
    assert width(np.array([10.0, 30.0]), np.array([8.0, 25.0]), np.array([12.0, 35.0])) == pytest.approx(14 / 40)


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
