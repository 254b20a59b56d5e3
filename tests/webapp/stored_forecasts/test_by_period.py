"""Units by period of one region-item, and summed over several."""

from datetime import date

import numpy as np
import pytest

from webapp.accuracy.judged_forecasts import JUDGED_ORIGINS, Judged
from webapp.stored_forecasts.by_period import RunningSums, SumByPeriod, UnitsByPeriod

ORIGIN = date(2026, 6, 30)
AHEAD = np.array(["2026-07-01", "2026-07-02"], dtype="datetime64[D]")


def judged(sold: float, forecast: float) -> Judged:
    """Two origins whose forecasts of the last day are judged, and one whose day is not known."""
    dates = np.array([["2026-06-30", "2026-07-01"], ["2026-06-30", "2026-07-02"]], dtype="datetime64[D]")
    actual = np.array([[sold, np.nan], [sold, np.nan]])
    return Judged(dates, actual, *(np.full((2, 2), forecast) for _ in range(4)))


def units(sold: float, forecast: float, last_year: list[float]) -> UnitsByPeriod:
    made = UnitsByPeriod.of(np.array(last_year), judged(sold, forecast), ORIGIN, "D")
    return UnitsByPeriod.from_bytes(made.to_bytes())


def test_errors_of_all_origins_are_added_up_at_their_day() -> None:
    found = units(10.0, 7.0, [1.0, 2.0])

    assert found.behind.shape == (2, JUDGED_ORIGINS)
    assert found.behind[:, -1].tolist() == [20.0, 6.0]
    assert np.isnan(found.behind[:, :-1]).all()


def test_a_last_year_that_is_known_in_part_is_not_known() -> None:
    assert np.isnan(units(1.0, 1.0, [1.0, np.nan]).last_year).all()


def test_sums_hold_what_is_known_and_compare_like_with_like() -> None:
    running = RunningSums("D")
    running.add(AHEAD, np.array([5.0, 6.0]), units(10.0, 7.0, [1.0, 2.0]), str(ORIGIN))
    running.add(AHEAD, np.array([3.0, 4.0]), units(1.0, 2.0, [np.nan, np.nan]), str(ORIGIN))
    running.add(AHEAD, np.array([1.0, 1.0]), None, str(ORIGIN))

    total = SumByPeriod.from_json(running.summed().to_json())

    assert total.column("forecast") == {"2026-07-01": 9.0, "2026-07-02": 11.0}
    assert total.column("compared") == {"2026-07-01": 5.0, "2026-07-02": 6.0}
    assert total.column("last_year") == {"2026-07-01": 1.0, "2026-07-02": 2.0}
    assert (total.column("sold"), total.column("error")) == ({"2026-06-30": 22.0}, {"2026-06-30": 8.0})
    assert total.judged_size == 2


def test_two_sums_are_one() -> None:
    one = SumByPeriod(1, {"2026-07-01": [5.0, None, None]}, {"2026-06-30": [10.0, 1.0]})
    one.add(SumByPeriod(2, {"2026-07-01": [1.0, 1.0, 2.0], "2026-07-02": [4.0, None, None]}, {}))

    assert one.judged_size == 3
    assert one.ahead == {"2026-07-01": [6.0, 1.0, 2.0], "2026-07-02": [4.0, None, None]}
    assert one.column("error") == pytest.approx({"2026-06-30": 1.0})
    assert SumByPeriod.from_json(None).column("forecast") == {}
