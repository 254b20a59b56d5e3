"""A total that grows one part at a time."""

import json

import numpy as np
import pytest

from demand_assets.forecasting.forecast.totals import Bounds, Part, RunningTotal, over_all
from demand_assets.forecasting.model.intervals import ErrorPaths

ORIGINS = tuple(f"2026-01-{day:02}" for day in range(1, 7))


def part(units: float, errors: list[float], origins: tuple[str, ...] = ORIGINS) -> Part:
    """Four leads; at each origin the same scaled error at each lead."""
    paths = tuple(np.full(4, error) for error in errors[:len(origins)])
    return Part(np.datetime64("2026-02-01") + np.arange(4), np.full(4, units), np.full(4, units), (-0.1, -0.2, -0.3),
                (0.1, 0.2, 0.3), ErrorPaths(origins, paths), 1.0)


def as_tuple(bounds: Bounds) -> tuple[float, float, float]:
    return bounds.forecast, bounds.lower, bounds.upper


def test_a_total_by_groups_is_the_total_at_once() -> None:
    rng = np.random.default_rng(0)
    parts = [part(float(units), rng.normal(size=6).tolist()) for units in range(5, 25)]
    parts.append(part(9.0, [], ()))
    total = RunningTotal()
    for some in (parts[:3], parts[3:]):
        group = RunningTotal()
        for each in some:
            group.add(each)
        total.merge(RunningTotal.from_json(json.loads(json.dumps(group.to_json()))))

    assert total.size == 21
    assert as_tuple(total.bounds()) == pytest.approx(as_tuple(over_all(parts)))


def test_errors_that_come_together_widen_the_interval_and_opposite_ones_narrow_it() -> None:
    errors = [1.0, -1.0, 1.0, -1.0, 1.0, -1.0]
    together = over_all([part(10.0, errors), part(10.0, errors)])
    opposite = over_all([part(10.0, errors), part(10.0, [-error for error in errors])])

    assert together.upper - together.forecast > 2 * (opposite.upper - opposite.forecast)
    # 8 distances of 2 units at 80 %; over six paths and six weights of expectation, errors together make
    # (6 x 8 + 6 x 1 x 2) / 12 of the variance of independent ones.
    assert together.upper == pytest.approx(80 + np.sqrt((6 * 8 + 6 * 2) / 12) * np.sqrt(8 * 2.0**2))


def test_without_common_origins_errors_count_as_independent() -> None:
    alone = over_all([part(10.0, [], ()), part(10.0, [], ())])

    assert alone.upper == pytest.approx(80 + np.sqrt(8 * 2.0**2))


def test_a_total_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="add at least one"):
        RunningTotal().bounds()
