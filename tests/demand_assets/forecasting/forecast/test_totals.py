"""A total that grows one part at a time."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.forecast.totals import (
    Bounds,
    Deciles,
    Part,
    RunningTotal,
    SummedParts,
    by_date,
    forecast_of,
    over_all,
    span_of,
    total_deciles,
)
from demand_assets.forecasting.model.intervals import DECILE_NAMES, DECILES, ErrorPaths, Spread

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


def spread_of(errors: np.ndarray, is_zero: np.ndarray) -> Spread:
    return Spread.of(errors, is_zero, 1e9)


def with_spreads(parts: list[Part]) -> list[Part]:
    """Each with errors of another skewness."""
    rng = np.random.default_rng(5)
    return [replace(one, spread=spread_of(0.3 * (rng.gamma(shape, 1 / shape, 400) - 1), np.zeros(400, dtype=bool)))
            for one, shape in zip(parts, rng.uniform(0.3, 9, len(parts)), strict=True)]


def assert_same_deciles(summed: Deciles | None, of_parts: Deciles | None) -> None:
    assert summed is not None
    assert of_parts is not None
    pd.testing.assert_frame_equal(summed.by_date, of_parts.by_date, rtol=1e-7, atol=1e-9)
    assert summed.over_all == pytest.approx(of_parts.over_all, rel=1e-7)


class TestDeciles:
    def test_a_single_part_has_its_own(self) -> None:
        one = with_spreads([part(10.0, [1.0, -2.0, 3.0, -1.0, 2.0, -3.0])])[0]
        own = one.deciles()
        assert own is not None

        told, summed = total_deciles([one]), SummedParts.of([one]).deciles()

        assert told is not None
        assert summed is not None
        assert (told.by_date[list(DECILE_NAMES)].to_numpy() == own).all()
        np.testing.assert_allclose(summed.by_date[list(DECILE_NAMES)].to_numpy(), own, rtol=1e-9)
        only = total_deciles([first(one, 1)])
        assert only is not None
        assert only.over_all == pytest.approx(own[0])

    def test_sums_by_lead_tell_what_the_parts_tell(self) -> None:
        parts = with_spreads(various())
        summed = SummedParts()
        for some in (parts[:7], parts[7:20], parts[20:]):
            summed.add(SummedParts.of(some))

        assert_same_deciles(summed.deciles(), total_deciles(parts))
        assert_same_deciles(summed.first(3).deciles(), total_deciles([first(one, 3) for one in parts]))
        stored = [one.to_bytes() for one in parts]
        assert_same_deciles(SummedParts.of_bytes(stored).deciles(),
                            total_deciles([Part.from_bytes(content) for content in stored]))
        header, arrays = summed.packed()
        header, numbers = json.loads(json.dumps(header)), iter([*arrays, *summed.packed_spread()])
        again = SummedParts.unpacked(header, lambda *_: next(numbers))
        again.take_spread(header, lambda *_: next(numbers))
        assert_same_deciles(again.deciles(), total_deciles(parts))
        summed.add(SummedParts.of(parts[:9]), -1)
        assert_same_deciles(summed.deciles(), total_deciles(parts[9:]))

    def test_of_what_is_lacking_in_one_part_nothing_is_told(self) -> None:
        """Also of sums that an earlier release stored, which knew nothing of deciles."""
        whole = with_spreads(various())
        parts = [*whole[:-1], replace(whole[-1], spread=None)]
        summed = SummedParts.of(parts)

        assert total_deciles(parts) is None
        assert summed.deciles() is None
        assert SummedParts.of_bytes([one.to_bytes() for one in parts]).deciles() is None
        header, arrays = summed.packed()
        del header["lacking"]
        before = iter(arrays)
        old = SummedParts.unpacked(header, lambda *_: next(before))
        old.take_spread(header, lambda *_: next(before))
        assert old.deciles() is None
        assert_alike(old, parts)
        old.add(SummedParts.of(parts[:3]), -1)
        assert old.deciles() is None
        summed.add(SummedParts.of(parts[-1:]), -1)
        assert_same_deciles(summed.deciles(), total_deciles(parts[:-1]))

    def test_what_is_stored_without_deciles_has_none(self) -> None:
        assert Part.from_bytes(part(3.0, [1.0] * 6).to_bytes()).deciles() is None
        one = with_spreads([part(3.0, [1.0] * 6)])[0]
        assert Part.from_bytes(one.to_bytes()).spread == one.spread

    def test_a_difference_of_nothing_is_nothing_and_its_deciles_never_fall(self) -> None:
        plan, smaller = (with_spreads([part(units, [1.0, -2.0] * 3), part(2 * units, [1.0, 2.0] * 3)])
                         for units in (10.0, 4.0))

        nothing = total_deciles([one.minus(one) for one in plan], signed=True)
        less = total_deciles([one.minus(other) for one, other in zip(smaller, plan, strict=True)], signed=True)

        assert nothing is not None
        assert less is not None
        assert nothing.over_all == (0.0,) * 9
        assert (np.diff(less.over_all) > 0).all()
        assert less.over_all[8] < 0

    @pytest.mark.parametrize("size", [2, 5, 40])
    @pytest.mark.parametrize("kind", ["smooth", "heavy tails", "sparse"])
    @pytest.mark.parametrize("common", [False, True])
    def test_fresh_sums_lie_as_often_at_a_decile_or_below_as_it_says(self, size: int, kind: str, common: bool) -> None:
        rng = np.random.default_rng(7)

        def drawn(count: int) -> np.ndarray:
            """Of each region-item, for 100 units a period; with what moves all of them alike."""
            units = {"smooth": lambda: 100 * rng.gamma(20, 1 / 20, (count, size)),
                     "heavy tails": lambda: 100 + 15 * np.clip(rng.standard_t(4, (count, size)), -6, 6),
                     "sparse": lambda: (rng.random((count, size)) < 0.3) * 100 * rng.gamma(2, 1 / 0.6, (count, size))
                     }[kind]()
            return units * (1 + 0.1 * np.clip(rng.normal(0, 1, (count, 1)), -3, 3)) if common else units

        past, fresh = drawn(20_000), drawn(20_000).sum(axis=1)
        origins = tuple(str(day) for day in np.datetime64("2020-01-01") + np.arange(400))
        parts = [Part(np.array(["2026-02-01"], dtype="datetime64[D]"), np.full(1, 100.0), np.full(1, 100.0),
                      (0.0,) * 3, (0.0,) * 3, ErrorPaths(origins, tuple(own[:400, None] / 100 - 1)), 1.0,
                      spread_of(own / 100 - 1, own == 0)) for own in past.T]

        told = total_deciles(parts)

        assert told is not None
        found = told.by_date[list(DECILE_NAMES)].to_numpy()[0]
        below, at_or_below = (fresh[:, None] < found).mean(axis=0), (fresh[:, None] <= found).mean(axis=0)
        most = 0.035 if kind == "sparse" else 0.02
        assert (below - DECILES).max() <= most
        assert (DECILES - at_or_below).max() <= most
