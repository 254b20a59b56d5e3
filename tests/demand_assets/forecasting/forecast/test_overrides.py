"""What an override makes of a forecast, its interval and the totals it is in."""

from datetime import date

import numpy as np
import pytest

from demand_assets.forecasting.forecast.overrides import PeriodOverride, shares, with_overrides
from demand_assets.forecasting.forecast.totals import Part, by_date, over_all
from demand_assets.forecasting.model.intervals import ErrorPaths


def part(units: float = 100.0, scale: float = 10.0) -> Part:
    """Three days from 1 February on; the 80 % interval reaches 2 scales down and 3 up."""
    return Part(np.datetime64("2026-02-01") + np.arange(3), np.full(3, units), np.full(3, scale), (-1.0, -2.0, -3.0),
                (1.0, 3.0, 5.0), ErrorPaths(("2026-01-01",), (np.full(3, 0.5),)), 1.0)


def test_a_percent_scales_the_forecast_and_its_interval() -> None:
    found = with_overrides(part(), [PeriodOverride(date(2026, 2, 2), "percent", 50.0)])

    assert found.forecast.tolist() == [100.0, 150.0, 100.0]
    lower, upper = found.interval()
    assert lower.tolist() == [80.0, 120.0, 80.0]
    assert upper.tolist() == [130.0, 195.0, 130.0]


def test_a_value_moves_the_interval_as_wide_as_it_was_and_never_below_zero() -> None:
    found = with_overrides(part(), [PeriodOverride(date(2026, 2, 1), "value", 60.0),
                                    PeriodOverride(date(2026, 2, 3), "value", 5.0)])

    lower, upper = found.interval()
    assert found.forecast.tolist() == [60.0, 100.0, 5.0]
    assert lower.tolist() == [40.0, 80.0, 0.0]
    assert upper.tolist() == [90.0, 130.0, 35.0]


def test_nothing_left_is_certain() -> None:
    lower, upper = with_overrides(part(), [PeriodOverride(date(2026, 2, 1), "percent", -100.0)]).interval()

    assert (lower[0], upper[0]) == (0.0, 0.0)


def test_an_override_of_another_period_counts_for_nothing_and_the_models_part_stays() -> None:
    mine = part()

    found = with_overrides(mine, [PeriodOverride(date(2026, 3, 1), "value", 1.0)])
    with_overrides(mine, [PeriodOverride(date(2026, 2, 1), "value", 1.0)])

    assert found.forecast.tolist() == mine.forecast.tolist() == [100.0] * 3


def test_totals_are_the_sum_of_the_parts_with_overrides() -> None:
    first = with_overrides(part(), [PeriodOverride(date(2026, 2, 1), "value", 40.0)])
    second = with_overrides(part(20.0, 2.0), [PeriodOverride(date(2026, 2, 1), "percent", -50.0)])

    assert by_date([first, second])["forecast"].tolist() == [50.0, 120.0, 120.0]
    assert over_all([first, second]).forecast == 290.0
    assert over_all([second]).upper < over_all([part(20.0, 2.0)]).upper


def test_a_value_is_spread_by_forecast_and_evenly_where_nothing_is_forecast() -> None:
    assert shares({"a": 30.0, "b": 10.0}) == {"a": 0.75, "b": 0.25}
    assert shares({"a": 0.0, "b": 0.0}) == {"a": 0.5, "b": 0.5}
    assert sum(shares({str(one): one**0.5 for one in range(97)}).values()) == pytest.approx(1)
