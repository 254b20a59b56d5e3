"""A smoothed level and its season: what is known at each origin, numbers that can be checked by hand."""

import numpy as np
import pytest

from demand_assets.forecasting.features.smoothed_season import WEIGHT, SmoothedSeason
from demand_assets.forecasting.series.gapped import Floats

WEEK = np.array([10.0, 10, 10, 10, 20, 10, 0])
"""Fridays twice as much, on Sundays closed."""


def ahead(demand: Floats, periods: int, frequency: str = "D", season: int = 7) -> Floats:
    leads = np.arange(1, periods + 1)
    return SmoothedSeason.of(demand, season, frequency).at(np.full(periods, len(demand) - 1), leads)


def test_a_season_that_never_varies_is_repeated_though_it_is_closed_on_a_day() -> None:
    np.testing.assert_allclose(ahead(np.tile(WEEK, 10), 14), np.tile(WEEK, 2), rtol=1e-4)


def test_the_level_is_that_of_late_with_the_newest_counting_most() -> None:
    """Ten times nothing, then 8: 0.4 of it counts, of what is not forgotten 1 - 0.6 ** 11."""
    demand = np.append(np.zeros(10), 8.0)

    found = SmoothedSeason.of(demand, 12, "Q").level[-1]

    assert found == pytest.approx(8 * WEIGHT["Q"] / (1 - (1 - WEIGHT["Q"]) ** 11))


def test_twice_as_much_from_now_on_is_twice_as_much_of_the_season_soon() -> None:
    demand = np.concatenate([np.tile(WEEK, 10), np.tile(2 * WEEK, 10)])

    np.testing.assert_allclose(ahead(demand, 7), 2 * WEEK, rtol=0.02, atol=0.2)


def test_what_may_be_chance_is_no_season() -> None:
    """Over 40 weeks days differ by chance; what is believed of it is less than what stands there."""
    demand = np.random.default_rng(3).poisson(4.0, 280).astype(float)
    by_day = demand.reshape(40, 7).mean(axis=0) / demand.mean()

    found = SmoothedSeason.of(demand, 7, "D").season[-1]

    assert found.mean() == pytest.approx(1)
    assert np.abs(found - 1).mean() < 0.7 * np.abs(by_day - 1).mean()


def test_before_places_repeat_half_of_a_season_is_believed() -> None:
    """Six quarters: the centred mean of each of two is 15; they sold 10 and 20."""
    found = SmoothedSeason.of(np.array([20.0, 10, 10, 20, 20, 10]), 4, "Q").season[-1]

    assert found[2] / found[3] == pytest.approx((1 + 0.5 * (10 / 15 - 1)) / (1 + 0.5 * (20 / 15 - 1)))


def test_nothing_after_an_origin_changes_what_is_known_there() -> None:
    demand = np.random.default_rng(0).poisson(5.0, 80).astype(float)
    other = demand.copy()
    other[50:] = 1000.0

    before, after = (SmoothedSeason.of(values, 7, "D") for values in (demand, other))

    np.testing.assert_array_equal(before.level[:50], after.level[:50])
    np.testing.assert_array_equal(before.season[:50], after.season[:50])
    assert (before.level[50:] != after.level[50:]).all()


def test_unknown_periods_tell_nothing_and_are_forecast_like_others() -> None:
    demand = np.tile(WEEK, 8)
    demand[[3, 20, 44]] = np.nan

    np.testing.assert_allclose(ahead(demand, 7), WEEK, rtol=0.01, atol=0.05)
    assert np.isnan(SmoothedSeason.of(np.array([np.nan, np.nan, 3.0]), 7, "D").level).tolist() == [True, True, False]


def test_shorter_than_a_season_there_is_only_a_level() -> None:
    assert ahead(np.array([4.0, 4, 4]), 3).tolist() == pytest.approx([4, 4, 4])
    assert SmoothedSeason.of(np.zeros(0), 7, "D").level.shape == (0,)


def test_of_a_season_that_is_too_long_there_is_only_a_level() -> None:
    assert ahead(np.tile(WEEK, 60), 2, season=364) == pytest.approx(ahead(np.tile(WEEK, 60), 1, season=1).repeat(2))
