"""Accuracy of past forecasts, with numbers that a reader can check."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from webapp.accuracy.judged_forecasts import JUDGED_ORIGINS, Judged, pooled_accuracy
from webapp.accuracy.past_forecasts import PastForecast

FIRST = date(2026, 6, 1)


def past(day: int, forecast: list[float], naive: list[float]) -> PastForecast:
    """Made when day so many after the first of June was known; its interval is 2 wide to each side."""
    units = np.array(forecast)
    origin = FIRST + timedelta(days=day)
    return PastForecast(origin, datetime(2026, 6, 30, tzinfo=UTC), "1",
                        np.datetime64(origin) + np.arange(1, len(units) + 1), units, units - 2, units + 2,
                        np.array(naive), datetime(2026, 6, 30, tzinfo=UTC))


def history(*units: float) -> pd.DataFrame:
    return pd.DataFrame({"date": pd.date_range(FIRST, periods=len(units)), "demand": units})


def test_every_known_period_of_every_lead_counts() -> None:
    # Known are days 1 and 2 with 10 and 20 units; the origin is day 0, then day 1.
    measured = pooled_accuracy([past(0, [8.0, 24.0], [5.0, 10.0]), past(1, [20.0, 99.0], [15.0, 99.0])],
                               history(1.0, 10.0, 20.0))

    assert measured.wape == pytest.approx((2 + 4 + 0) / (10 + 20 + 20))
    assert measured.bias == pytest.approx((-2 + 4 + 0) / 50)
    assert measured.skill == pytest.approx(1 - 6 / (5 + 10 + 5))
    assert measured.coverage == pytest.approx(2 / 3)
    assert measured.periods == 2


def test_each_lead_is_told_apart() -> None:
    first, second, third = Judged.of(
        [past(0, [8.0, 24.0, 1.0], [5.0, 10.0, 1.0]), past(1, [20.0, 99.0, 1.0], [15.0, 99.0, 1.0])],
        history(1.0, 10.0, 20.0)).by_lead

    assert (first.wape, first.periods) == (pytest.approx(2 / 30), 2)
    assert (second.wape, second.bias, second.periods) == (pytest.approx(0.2), pytest.approx(0.2), 1)
    assert (third.wape, third.skill, third.coverage, third.periods) == (None, None, None, 0)


def test_unknown_demand_is_left_out() -> None:
    measured = pooled_accuracy([past(0, [8.0, 24.0], [5.0, 10.0])], history(1.0, float("nan"), 20.0))

    assert (measured.wape, measured.periods) == (pytest.approx(4 / 20), 1)


def test_skill_is_told_on_the_periods_that_seasonal_naive_knew() -> None:
    measured = pooled_accuracy([past(0, [8.0, 99.0], [5.0, float("nan")])], history(1.0, 10.0, 20.0))

    assert measured.skill == pytest.approx(1 - 2 / 5)


def test_without_sales_there_is_no_wape_but_a_number_of_periods() -> None:
    measured = pooled_accuracy([past(0, [1.0], [0.0])], history(1.0, 0.0))

    assert (measured.wape, measured.skill, measured.bias, measured.periods) == (None, None, None, 1)


def test_nothing_archived_or_nothing_known_yet_measures_nothing() -> None:
    assert pooled_accuracy([], history(1.0, 2.0)).periods == 0
    assert pooled_accuracy([past(1, [1.0], [1.0])], history(1.0, 2.0)).periods == 0
    assert Judged.of([], history(1.0)).by_lead == []
    assert pooled_accuracy([past(1, [1.0], [1.0])], history()).wape is None


def test_only_the_newest_origins_are_pooled() -> None:
    days = JUDGED_ORIGINS + 1
    wrong_long_ago = [past(0, [110.0], [10.0]), *(past(day, [10.0], [10.0]) for day in range(1, days))]

    assert pooled_accuracy(wrong_long_ago, history(*[10.0] * (days + 1))).wape == 0.0
    judged = Judged.of(wrong_long_ago, history(*[10.0] * (days + 1)))
    assert judged.by_lead[0].wape == pytest.approx(100 / (10 * days))


def test_region_items_are_judged_together_whatever_their_horizons() -> None:
    short = Judged.of([past(0, [8.0], [5.0])], history(1.0, 10.0))
    longer = Judged.of([past(0, [30.0, 24.0], [5.0, 10.0])], history(1.0, 20.0, 20.0))

    first, second = Judged.joined([short, longer]).by_lead

    assert (first.wape, first.forecasts, first.periods) == (pytest.approx(12 / 30), 2, 1)
    assert (second.wape, second.wape_seasonal_naive, second.forecasts) == (pytest.approx(0.2), pytest.approx(0.5), 1)
