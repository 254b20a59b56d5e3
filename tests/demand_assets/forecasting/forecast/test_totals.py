"""A total that grows one part at a time."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.forecast.totals import (
    Bounds,
    Part,
    RunningTotal,
    SummedParts,
    by_date,
    forecast_of,
    over_all,
    span_of,
)
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


def various(size: int = 40) -> list[Part]:
    """Parts as thousands are: other sizes, other last dates, some without paths, one that is not sold any more."""
    rng = np.random.default_rng(3)
    found = [part(float(units), rng.normal(size=6).tolist(), ORIGINS if place % 5 else ORIGINS[1:])
             for place, units in enumerate(rng.uniform(0.5, 90, size))]
    found = [replace(one, dates=one.dates - place % 2, forecast=one.forecast * rng.random(4),
                     horizon_inflation=float(rng.random()) + 0.5) for place, one in enumerate(found)]
    return [*found, part(9.0, [], ()), replace(part(3.0, [1.0] * 6), forecast=np.zeros(4), scale=np.zeros(4))]


def assert_alike(summed: SummedParts, parts: list[Part]) -> None:
    for coverage in (0.5, 0.8, 0.95):
        pd.testing.assert_frame_equal(summed.by_date(coverage), by_date(parts, coverage), rtol=1e-9)
        assert as_tuple(summed.over_all(coverage)) == pytest.approx(as_tuple(over_all(parts, coverage)), rel=1e-9)


def first(one: Part, periods: int) -> Part:
    return replace(one, dates=one.dates[:periods], forecast=one.forecast[:periods], scale=one.scale[:periods])


def test_sums_by_lead_tell_what_the_parts_tell_at_any_coverage_and_horizon() -> None:
    parts = various()
    summed = SummedParts()
    for some in (parts[:7], parts[7:20], parts[20:]):
        summed.add(SummedParts.of(some))

    assert_alike(summed, parts)
    for periods in (1, 3):
        assert_alike(summed.first(periods), [first(one, periods) for one in parts])
    assert_alike(summed, parts)  # what was asked of it changed nothing


def test_sums_by_lead_of_stored_parts_are_those_of_the_parts() -> None:
    stored = [one.to_bytes() for one in various()]
    parts = [Part.from_bytes(content) for content in stored]

    assert_alike(SummedParts.of_bytes(stored), parts)
    assert [forecast_of(content)[0] for content in stored] == [span_of(one.dates) for one in parts]
    assert [forecast_of(content)[1].tolist() for content in stored] == [one.forecast.tolist() for one in parts]


def test_a_date_that_one_part_alone_reaches_has_its_interval() -> None:
    """Errors of three come together, so that their sum has a wider interval than independent ones had; a fourth whose
    demand ends earlier stands alone on its first date."""
    together = [part(units, [1.0, -2.0, 3.0, -1.0, 2.0, -3.0]) for units in (10.0, 20.0, 30.0)]
    early = replace(part(5.0, [1.0, -2.0, 3.0, -1.0, 2.0, -3.0]), dates=np.datetime64("2026-01-31") + np.arange(4))
    header, arrays = SummedParts.of([*together, early]).packed()
    numbers = iter(arrays)

    for table in (by_date([*together, early]), SummedParts.of([*together, early]).by_date(),
                  SummedParts.unpacked(json.loads(json.dumps(header)), lambda *_: next(numbers)).by_date()):
        alone, shared, *_, last = table[["forecast", "lower", "upper"]].to_numpy().tolist()
        assert alone == pytest.approx([5.0, 4.0, 6.0])  # as ``part`` says, 20 % either way
        assert (shared[0] - shared[1], last[0] - last[1]) == pytest.approx((13.0, 12.0), rel=0.12)  # not their roots


def test_what_is_taken_out_of_a_sum_is_no_longer_in_it() -> None:
    parts = various()
    larger = [replace(one, forecast=one.forecast * 3, scale=one.scale * 3) for one in parts[:9]]
    summed = SummedParts.of(parts)
    summed.add(SummedParts.of(parts[:9]), -1)
    summed.add(SummedParts.of(larger))

    assert_alike(summed, [*larger, *parts[9:]])


def test_sums_by_lead_go_to_arrays_and_back() -> None:
    summed = SummedParts.of(various())
    header, arrays = summed.packed()
    numbers = iter(arrays)

    def take(rows: int, columns: int) -> np.ndarray:
        array = next(numbers)
        assert array.shape == (rows, columns)
        return array

    assert_alike(SummedParts.unpacked(json.loads(json.dumps(header)), take), various())


def test_a_sum_by_lead_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="add at least one"):
        SummedParts().by_date()
    with pytest.raises(ValueError, match="add at least one"):
        SummedParts().over_all()
