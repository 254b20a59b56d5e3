"""Intervals cover what they say: by class, by lead, at zero, and in totals."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.forecast import totals
from demand_assets.forecasting.model.intervals import (
    DECILES,
    Calibration,
    ErrorPaths,
    Errors,
    PanelCalibration,
    Spread,
)

HORIZON = 10


def errors_of(noise: np.ndarray, forecast: float = 100.0) -> Errors:
    """Errors of forecasts of 100 at a level of 100, a row a path of ten leads."""
    leads = np.tile(np.arange(1, HORIZON + 1), len(noise) // HORIZON)
    return Errors(noise, np.full(len(noise), forecast), np.full(len(noise), 100.0), leads, np.arange(len(noise)))


def covered(calibration: Calibration, fresh: np.ndarray, level: float = 0.8, forecast: float = 100.0) -> np.ndarray:
    """Whether each fresh error lies inside, shape (paths, horizon)."""
    leads = np.arange(1, HORIZON + 1)
    lower, upper = calibration.interval(np.full(HORIZON, forecast), np.full(HORIZON, 100.0), leads, level)
    actual = np.maximum(forecast + fresh.reshape(-1, HORIZON), 0.0)
    return (actual >= lower) & (actual <= upper)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_fresh_errors_are_covered_as_often_as_said(level: float) -> None:
    rng = np.random.default_rng(0)
    calibration = Calibration.from_errors(errors_of(rng.normal(0, 10, 4000)), HORIZON)

    assert covered(calibration, rng.normal(0, 10, 20_000), level).mean() == pytest.approx(level, abs=0.02)


def test_errors_that_grow_with_the_lead_get_intervals_that_grow() -> None:
    rng = np.random.default_rng(0)
    growth = np.linspace(1, 3, HORIZON)
    calibration = Calibration.from_errors(errors_of((rng.normal(0, 5, (400, HORIZON)) * growth).ravel()), HORIZON)

    inside = covered(calibration, (rng.normal(0, 5, (2000, HORIZON)) * growth).ravel()).mean(axis=0)

    assert inside.min() > 0.74
    assert inside.max() < 0.86


def test_a_noisy_region_item_gets_wider_intervals_than_a_calm_one() -> None:
    rng = np.random.default_rng(0)
    calm, noisy = errors_of(rng.normal(0, 5, 200)), errors_of(rng.normal(0, 20, 200))
    panel = PanelCalibration.from_errors([calm, noisy], ["smooth", "smooth"], HORIZON)

    widths = [Calibration.of(panel, own, "smooth").upper[1] for own in (calm, noisy)]

    assert widths[1] / widths[0] == pytest.approx(4, rel=0.15)


def test_without_errors_of_its_own_the_usual_size_is_taken() -> None:
    rng = np.random.default_rng(0)
    panel = PanelCalibration.from_errors([errors_of(rng.normal(0, 10, 2000))], ["smooth"], HORIZON)

    inside = covered(Calibration.of(panel, None, "smooth"), rng.normal(0, 10, 20_000))

    assert inside.mean() == pytest.approx(0.8, abs=0.03)


def test_whose_own_size_of_error_is_not_known_is_covered_as_often_as_said_over_all() -> None:
    rng = np.random.default_rng(0)
    sizes = np.exp(rng.normal(2, 1, 80))  # most are small, some are large
    panel = PanelCalibration.from_errors([errors_of(rng.normal(0, size, 100)) for size in sizes], ["smooth"] * 80,
                                         HORIZON)

    fresh = np.concatenate([rng.normal(0, size, 100) for size in sizes])
    assert covered(Calibration.of(panel, None, "smooth"), fresh).mean() == pytest.approx(0.8, abs=0.03)
    nothing = errors_of(np.full(HORIZON, np.nan))
    assert Calibration.of(panel, nothing, "smooth") == Calibration.of(panel, None, "smooth")


def test_shapes_of_before_have_one_way_for_all() -> None:
    rng = np.random.default_rng(0)
    panel = PanelCalibration.from_errors([errors_of(rng.normal(0, 10, 200))], ["smooth"], HORIZON)
    fields = panel.to_json()
    assert PanelCalibration.from_json(fields) == panel
    for shape in fields["shapes"].values():
        del shape["lower_of_unknown"], shape["upper_of_unknown"]

    before = PanelCalibration.from_json(fields)

    shape = before.shape("smooth")
    assert Calibration.of(before, None, "smooth").lower == tuple(shape.size * value for value in shape.lower)


@pytest.mark.parametrize(("common", "widened"), [(0.0, False), (1.0, True)])
def test_few_periods_widen_intervals_more_where_they_bring_the_same_to_all(common: float, widened: bool) -> None:
    rng = np.random.default_rng(0)
    region_items, periods = 60, 10
    noise = common * rng.normal(0, 10, periods) + (1 - common) * rng.normal(0, 10, (region_items, periods))
    errors = [Errors(row, np.full(periods, 100.0), np.full(periods, 100.0), np.ones(periods, dtype=np.int64),
                     np.arange(periods)) for row in noise]

    shape = PanelCalibration.from_errors(errors, ["smooth"] * region_items, 1).shape("smooth")

    low, high = shape.size * shape.lower[1] - 1e-9, shape.size * shape.upper[1] + 1e-9
    inside = np.mean((noise / 100 >= low) & (noise / 100 <= high))
    assert bool(inside > 0.85) is widened


def test_where_zero_is_common_the_interval_still_covers_four_fifths() -> None:
    rng = np.random.default_rng(0)
    sold = rng.poisson(0.4, 8000).astype(float)
    errors = Errors(sold[:4000] - 0.4, np.full(4000, 0.4), np.full(4000, 0.4), np.tile(np.arange(1, 11), 400),
                    np.arange(4000))
    calibration = Calibration.from_errors(errors, HORIZON)

    lower, upper = calibration.interval(np.full(HORIZON, 0.4), np.full(HORIZON, 0.4), np.arange(1, 11))
    inside = ((sold[4000:].reshape(-1, 10) >= lower) & (sold[4000:].reshape(-1, 10) <= upper)).mean()

    assert (lower == 0).all()
    assert 0.8 <= inside < 0.95  # counts are coarse: 67 % are 0, 94 % are 0 or 1


def test_errors_not_known_yet_are_left_out() -> None:
    errors = errors_of(np.arange(20.0))

    assert errors.known(until=4).difference.tolist() == [0, 1, 2, 3, 4]


class TestTotals:
    """Two region-items, 100 units a day each, half-width 12.8 (standard deviation 10)."""

    @staticmethod
    def part(scaled: np.ndarray, **more: float) -> totals.Part:
        dates = pd.date_range("2026-01-01", periods=HORIZON)
        origins = tuple(str(day.date()) for day in pd.date_range("2025-01-01", periods=len(scaled)))
        return totals.Part(
            dates.to_numpy().astype("datetime64[D]"), np.full(HORIZON, 100.0), np.full(HORIZON, 10.0),
            (-0.67, -1.28, -1.96), (0.67, 1.28, 1.96),
            ErrorPaths(origins, tuple(tuple(path) for path in scaled)), **more)

    def test_independent_errors_add_as_roots_of_squares(self) -> None:
        rng = np.random.default_rng(0)
        parts = [self.part(rng.normal(0, 1, (400, HORIZON))) for _ in range(2)]

        summed = totals.by_date(parts)

        assert summed["forecast"].tolist() == [200.0] * HORIZON
        assert (summed["upper"] - 200).iloc[0] == pytest.approx(np.sqrt(2) * 12.8, rel=0.05)

    def test_errors_that_come_together_add_in_full(self) -> None:
        same = np.random.default_rng(0).normal(0, 1, (50, HORIZON))

        summed = totals.by_date([self.part(same), self.part(same)])

        assert (summed["upper"] - 200).iloc[0] == pytest.approx(2 * 12.8, rel=0.01)

    def test_a_sum_over_days_covers_when_errors_last(self) -> None:
        rng = np.random.default_rng(0)
        lasting = np.repeat(rng.normal(0, 1, (300, 1)), HORIZON, axis=1)

        total = totals.over_all([self.part(lasting)])

        assert total.forecast == 1000
        fresh = 1000 + 10 * HORIZON * rng.normal(0, 1, 5000)
        assert ((fresh >= total.lower) & (fresh <= total.upper)).mean() == pytest.approx(0.8, abs=0.03)

    def test_too_few_common_paths_count_as_independent(self) -> None:
        parts = [self.part(np.ones((3, HORIZON))) for _ in range(2)]

        assert (totals.by_date(parts)["upper"] - 200).iloc[0] == pytest.approx(np.sqrt(2) * 12.8)

    def test_one_region_items_total_is_its_own_interval(self) -> None:
        assert totals.by_date([self.part(np.ones((9, HORIZON)))])["upper"].tolist() == [112.8] * HORIZON

    def test_some_without_paths_are_as_unsure_together_as_the_others(self) -> None:
        same = np.random.default_rng(0).normal(0, 1, (50, HORIZON))
        alike, new = self.part(same), self.part(same[:0])

        with_one = totals.by_date([alike, alike, new])

        assert (with_one["upper"] - 300).iloc[0] == pytest.approx(np.sqrt(2) * np.sqrt(3) * 12.8, rel=0.01)

    def test_wider_levels_hold_narrower_ones(self) -> None:
        part = self.part(np.random.default_rng(0).normal(0, 1, (50, HORIZON)))
        narrow, usual, wide = (totals.over_all([part, part], level) for level in (0.5, 0.8, 0.95))

        assert wide.lower < usual.lower < narrow.lower < narrow.forecast < narrow.upper < usual.upper < wide.upper

    def test_a_part_survives_its_compact_form(self) -> None:
        part = self.part(np.random.default_rng(0).normal(0, 1, (5, HORIZON)))

        again = totals.Part.from_bytes(part.to_bytes())

        assert again.dates.tolist() == part.dates.tolist()
        assert again.paths.origins == part.paths.origins
        assert totals.over_all([again, again]).upper == pytest.approx(totals.over_all([part, part]).upper, rel=1e-5)


def test_a_forecast_that_was_absurd_once_does_not_widen_intervals_hundreds_of_times() -> None:
    """One path of ten errors among two hundred is ten thousand times as wrong as all others."""
    rng = np.random.default_rng(0)
    ordinary = [errors_of(rng.normal(0, 10, 200)) for _ in range(9)]
    noise = rng.normal(0, 10, 200)
    absurd = errors_of(np.where(np.arange(200) < HORIZON, 1e4, 1.0) * noise)
    plain = PanelCalibration.from_errors([*ordinary, errors_of(noise)], ["smooth"] * 10, HORIZON)

    panel = PanelCalibration.from_errors([*ordinary, absurd], ["smooth"] * 10, HORIZON)

    usual = Calibration.of(plain, ordinary[0], "smooth").upper[1]
    assert Calibration.of(panel, ordinary[0], "smooth").upper[1] == pytest.approx(usual, rel=0.1)
    assert usual < Calibration.of(panel, absurd, "smooth").upper[1] < 3 * usual


class TestDeciles:
    """Which share of fresh actuals lies at each decile or below; where zero is frequent, the told share lies between
    what is strictly below and what is at or below."""

    @staticmethod
    def shares(calibration: Calibration, actual: np.ndarray, forecast: np.ndarray, level: np.ndarray,
               leads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        deciles = calibration.deciles(forecast, level, leads)
        assert deciles is not None
        assert (deciles >= 0).all()
        assert (np.diff(deciles, axis=1) >= 0).all()
        return (actual[:, None] < deciles).mean(axis=0), (actual[:, None] <= deciles).mean(axis=0)

    @staticmethod
    def panel(draw: Callable[[np.random.Generator, np.ndarray], np.ndarray], seed: int, size: int = 40) -> tuple[
            list[Errors], list[np.ndarray]]:
        """Of each region-item, of another size, 200 forecasts that are right on average: errors and actuals."""
        rng = np.random.default_rng(seed)
        means = np.exp(np.random.default_rng(1).normal(0, 1, size))
        errors, actuals = [], []
        for mean in means:
            forecast = mean * np.exp(rng.normal(0, 0.3, 200))
            actual = draw(rng, forecast)
            errors.append(Errors(actual - forecast, forecast, np.full(200, mean), np.tile(np.arange(1, 11), 20),
                                 np.arange(200)))
            actuals.append(actual)
        return errors, actuals

    DRAWS: ClassVar[dict[str, Callable[[np.random.Generator, np.ndarray], np.ndarray]]] = {
        "heavy tails": lambda rng, mean: mean * np.exp(0.5 * rng.standard_t(4, len(mean))) / 1.2,
        "counts": lambda rng, mean: rng.poisson(mean).astype(float),
        "sparse": lambda rng, mean: (rng.random(len(mean)) < 0.3) * rng.gamma(1.5, mean / 0.45),
        "closed one day in seven": lambda rng, mean: np.where(np.arange(len(mean)) % 7 == 0, 0.0,
                                                              mean * rng.lognormal(-0.08, 0.4, len(mean))),
    }

    @pytest.mark.parametrize("draw", DRAWS)
    @pytest.mark.parametrize("known", [True, False])
    def test_fresh_actuals_lie_as_often_at_a_decile_or_below_as_it_says(self, draw: str, known: bool) -> None:
        errors, _ = self.panel(self.DRAWS[draw], 2)
        fresh, actuals = self.panel(self.DRAWS[draw], 3)
        panel = PanelCalibration.from_errors(errors, ["any"] * len(errors), HORIZON)

        below, at_or_below = (np.mean(each, axis=0) for each in zip(*(
            self.shares(Calibration.of(panel, own if known else None, "any"), actual, new.forecast, new.level, new.lead)
            for own, new, actual in zip(errors, fresh, actuals, strict=True)), strict=True))

        told = np.array(DECILES)
        assert (below - told).max() <= 0.02
        assert (told - at_or_below).max() <= 0.02

    def test_the_median_is_not_the_forecast_where_few_periods_sell_much(self) -> None:
        errors, _ = self.panel(self.DRAWS["sparse"], 2)
        calibration = Calibration.from_errors(Errors.joined(errors), HORIZON)

        deciles = calibration.deciles(np.ones(1), np.ones(1), np.ones(1, dtype=np.int64))

        assert deciles is not None
        assert deciles[0, 4] == 0  # nothing is sold in seven periods of ten
        assert deciles[0, 8] > 1

    def test_a_region_item_has_no_part_in_its_own_spread(self) -> None:
        """One whose errors are ten times as large has deciles ten times as far apart, not a shape of its own."""
        rng = np.random.default_rng(0)
        calm, noisy = errors_of(rng.normal(0, 2, 400)), errors_of(rng.normal(0, 20, 400))
        panel = PanelCalibration.from_errors([calm, noisy], ["smooth"] * 2, HORIZON)

        spreads = [Calibration.of(panel, own, "smooth").spread for own in (calm, noisy)]

        assert spreads[0] is not None
        assert spreads[1] is not None
        ratios = np.array(spreads[1].numbers[:9]) / np.array(spreads[0].numbers[:9])
        assert np.ptp(ratios) < 1e-6 * ratios[0]
        assert ratios[0] == pytest.approx(10, rel=0.15)

    def test_without_errors_deciles_are_not_known(self) -> None:
        calibration = Calibration.from_errors(errors_of(np.full(HORIZON, np.nan)), HORIZON)

        assert calibration.spread is None
        assert calibration.deciles(np.ones(1), np.ones(1), np.ones(1, dtype=np.int64)) is None

    def test_models_of_before_have_none_and_keep_their_intervals(self) -> None:
        rng = np.random.default_rng(0)
        errors = errors_of(rng.normal(0, 10, 200))
        panel = PanelCalibration.from_errors([errors], ["smooth"], HORIZON)
        own = Calibration.of(panel, errors, "smooth")
        assert Calibration.from_json(json.loads(json.dumps(asdict(own)))) == own
        assert PanelCalibration.from_json(json.loads(json.dumps(panel.to_json()))) == panel
        fields, own_fields = panel.to_json(), asdict(own)
        for shape in fields["shapes"].values():
            del shape["spread"], shape["spread_of_unknown"]
        del own_fields["spread"]

        before, own_before = PanelCalibration.from_json(fields), Calibration.from_json(own_fields)

        assert not before.has_deciles
        assert own_before.spread is None
        assert Calibration.of(before, None, "smooth").spread is None
        assert (own_before.lower, own_before.upper, own_before.scaling) == (own.lower, own.upper, own.scaling)

    def test_by_hand(self) -> None:
        plain = Spread.of(np.arange(1.0, 5.0), np.zeros(4, dtype=bool), 1e9)
        # two of four sold nothing, where all of a forecast was missed: nothing says what lies lower than that
        half = Spread.of(np.array([-1.0, 4, -1, 2]), np.array([True, False, True, False]), 1e9)

        assert plain.deciles == pytest.approx([1, 1.3, 1.7, 2.1, 2.5, 2.9, 3.3, 3.7, 4])
        assert half.deciles[:4] == (-1, -1, -1, -1)
        assert half.deciles[5:] == pytest.approx([2, 2.6, 3.4, 4])
        assert half.deviation == pytest.approx(np.sqrt(22 / 4))
        assert (plain.zeros, half.zeros) == (0.0, 0.5)
        assert half.skew == pytest.approx(np.cbrt((-8 - 8 + 1 + 27) / 4))  # off their mean, which is 1
