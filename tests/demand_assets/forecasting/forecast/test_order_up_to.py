"""Order-up-to quantities: numbers checked by hand, what may never happen, and what is not told."""

from collections.abc import Sequence

import numpy as np
import pytest

from demand_assets.forecasting.forecast.order_up_to import (
    ErrorsByPeriods,
    NotKnownError,
    OrderUpToError,
    TotalErrors,
    checked_periods,
)
from demand_assets.forecasting.forecast.totals import Part
from demand_assets.forecasting.model.intervals import ErrorPaths
from demand_assets.forecasting.series.gapped import Floats

ERRORS = (-3.0, -1.0, -1.0, 1.0, 1.0, 3.0)


def part(paths: Sequence[Sequence[float]] | Floats, units: float = 10.0, scale: float = 1.0) -> Part:
    """As many days as a path has, of so many units each; its past begins on as many days in a row."""
    days = len(paths[0]) if len(paths) else 4
    origins = tuple(str(np.datetime64("2026-01-01") + at) for at in range(len(paths)))
    return Part(np.datetime64("2026-06-01") + np.arange(days), np.full(days, units), np.full(days, scale),
                (-1.0, -2.0, -3.0), (1.0, 2.0, 3.0),
                ErrorPaths(origins, tuple(np.array(path, dtype=float) for path in paths)))


def alike(count: int = 30) -> list[Part]:
    """Region-items whose errors were the same in each of four days, as ERRORS."""
    return [part([[error] * 4 for error in ERRORS])] * count


def of_chance(seed: int, parts: int = 40, days: int = 6, origins: int = 14, together: float = 0.5) -> list[Part]:
    """Region-items of all sizes whose errors of neighbouring days have something in common."""
    rng = np.random.default_rng(seed)
    found = []
    for units in np.exp(rng.normal(1.0, 1.5, parts)):
        common = rng.normal(size=(origins, 1)) * together
        errors = common + rng.gamma(1.0, 1.0, (origins, days)) - 1.0
        found.append(part(errors, float(units), float(np.sqrt(units))))
    return found


def test_a_quantity_by_hand() -> None:
    told = TotalErrors.of(alike(), 2)
    # Two days of 10 units; past totals were off by 2 x 3, 2 x 1, ... units: 2 x 10/6 on average, which is expected.
    # The last, 6, stands against what the four expect that do not overlap with it, as two windows, and 10/3 as four.
    largest = 6 / ((2 * 2 * 1.5 + 4 * 10 / 3) / 6)
    next_to_it = 2 / ((1.5 * 2 * 5 / 3 + 4 * 10 / 3) / 5.5)

    assert told.order_up_to(alike(1)[0], 90.0) == pytest.approx(20 + largest * 10 / 3)
    assert told.order_up_to(alike(1)[0], 80.0) == pytest.approx(20 + next_to_it * 10 / 3) == pytest.approx(22.0)


def test_what_cancels_over_the_periods_needs_no_stock() -> None:
    told = TotalErrors.of([part([[sign, -sign] * 2 for sign in (2.0, -2.0) * 3])] * 30, 2)

    assert told.order_up_to(part([[2.0, -2.0] * 2]), 95.0) == 20.0


def test_errors_of_the_same_sign_need_more_than_errors_that_are_independent() -> None:
    rng = np.random.default_rng(0)
    together = [part(np.repeat(rng.normal(size=(14, 1)), 6, axis=1)) for _ in range(40)]
    alone = [part(rng.normal(size=(14, 6))) for _ in range(40)]

    more, less = (TotalErrors.of(parts, 6).order_up_to(parts[0], 95.0) - 60 for parts in (together, alone))
    assert more > 1.5 * less


@pytest.mark.parametrize("seed", range(5))
def test_a_higher_level_and_a_longer_lead_time_never_need_less(seed: int) -> None:
    parts = of_chance(seed)
    told = ErrorsByPeriods(parts)

    for each in parts:
        by_level = [told.over(4).order_up_to(each, level) for level in (50.0, 80.0, 90.0, 95.0, 98.0)]
        assert by_level == sorted(by_level)
        by_lead = [told.order_up_to(each, periods, 95.0) for periods in range(1, 7)]
        assert by_lead == sorted(by_lead)


@pytest.mark.parametrize("level", [90.0, 95.0, 98.0])
def test_as_many_new_totals_are_covered_as_is_said(level: float) -> None:
    before, after = of_chance(1, parts=400), of_chance(2, parts=400)
    told = TotalErrors.of(before, 3)
    covered = [told.order_up_to(each, level) >= each.forecast[:3].sum() + path[:3].sum() * each.scale[0]
               for each, new in zip(before, after, strict=True) for path in new.paths.table]

    assert 100 * np.mean(covered) == pytest.approx(level, abs=1.0)


def test_overrides_move_the_quantity_with_the_forecast() -> None:
    told, plan = ErrorsByPeriods(alike()), alike(1)[0]
    more, less = (plan.forecast + np.array([units, 0.0, 100.0, 0.0]) for units in (5.0, -5.0))
    before = told.order_up_to(plan, 2, 90.0)

    assert told.order_up_to(plan, 2, 90.0, more) - before == pytest.approx(5.0)
    assert told.order_up_to(plan, 2, 90.0, less) - before == pytest.approx(-5.0)
    assert told.order_up_to(plan, 2, 90.0, np.array([-90.0, 0.0, 0.0, 0.0])) == 0.0


def test_demand_is_never_below_zero() -> None:
    told = TotalErrors.of([part([[-5.0] * 4 for _ in ERRORS])] * 30, 2)

    assert told.order_up_to(part([[-5.0] * 4]), 50.0) == pytest.approx(10 * 2 - 10.0)
    assert told.order_up_to(part([[-5.0] * 4], units=1.0), 50.0) == 0.0


def test_without_any_demand_there_is_a_number_and_it_is_finite() -> None:
    dead = [part(np.zeros((6, 4)), units=0.0)] * 30

    assert TotalErrors.of(dead, 2).order_up_to(dead[0], 95.0) == 0.0
    assert TotalErrors.of(alike(), 2).order_up_to(part(np.zeros((6, 4)), 0.0, 0.0), 95.0) == 0.0


@pytest.mark.parametrize(("parts", "of", "periods", "level", "words"), [
    (alike(), alike(1)[0], 5, 90.0, "ends after 4 periods"),
    (alike(), part([]), 2, 90.0, "no past forecast"),
    (alike(), alike(1)[0], 2, 99.9, "past windows on"),
    (alike(1), alike(1)[0], 2, 90.0, "told from 20 past windows on; there are 3"),
    ([], alike(1)[0], 2, 90.0, "hold 0 windows"),
    ([part([[1.0] * 4] * 2)] * 500, part([[1.0] * 4] * 2), 2, 90.0, "hold 1 windows")], ids=str)
def test_what_is_not_known_is_not_told(parts: list[Part], of: Part, periods: int, level: float, words: str) -> None:
    told = TotalErrors.of(parts, periods)

    with pytest.raises(NotKnownError, match=words):
        told.order_up_to(of, level)


@pytest.mark.parametrize("level", [0.0, 100.0, -1.0, 49.9, 99.95, float("nan")])
def test_levels_that_promise_nothing_or_everything_are_refused(level: float) -> None:
    with pytest.raises(OrderUpToError, match=r"50 to 99\.9"):
        TotalErrors.of(alike(), 2).order_up_to(alike(1)[0], level)


def test_what_comes_at_once_is_covered_for_the_review_period_alone() -> None:
    assert checked_periods(0, 1) == 1
    for lead_time, review_period in ((-1, 1), (0, 0), (401, 1), (1, 401)):
        with pytest.raises(OrderUpToError, match="not possible"):
            checked_periods(lead_time, review_period)
