"""The gate where the truth is known: simulated demand, and forecasters that are the expected demand gone wrong."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset, load_dataset
from demand_assets.forecasting.gate.contest import contest
from demand_assets.forecasting.gate.gate import Contestant, judge
from demand_assets.forecasting.series.gapped import Floats
from demand_assets.forecasting.series.metrics import wape
from demand_assets.sources.simulated.source import Simulation
from tests.demand_assets.forecasting.conftest import KETTLES, trained, weekly_demand

SIMULATED = Path(__file__).parents[4] / "datasets" / "simulated.toml"
WINDOWS, HORIZON = 3, 28
ORIGINS = ("2025-10-08", "2025-11-05", "2025-12-03")
BLENDERS = RegionItem("north", "blender")
"""34 a day."""
MIXERS = RegionItem("north", "mixer")
"""5 a day."""
ICE_MAKERS = RegionItem("south", "ice maker")
"""One in eight days."""


class Truth:
    """The last three windows of a region-item: what was sold, what was to be expected, what seasonal naive forecast."""

    def __init__(self, region_item: RegionItem) -> None:
        dataset = load_dataset(SIMULATED)
        simulation = Simulation(dataset.model_copy(
            update={"source": dataset.source.model_copy(update={"today": "2026-01-01"})}))
        table = simulation.read([region_item])
        table = table[table["demand"].notna()]
        sold = table["demand"].to_numpy()
        self.actual, self.expected = (days[-WINDOWS * HORIZON:].reshape(WINDOWS, HORIZON)
                                      for days in (sold, simulation.truth(region_item, table)))
        before = sold[-(WINDOWS + 1) * HORIZON:-HORIZON].reshape(WINDOWS, HORIZON)
        self.seasonal_naive = np.tile(before[:, -7:], 4)


def forecaster(forecast: Floats, trained_to: str = "2025-12-31", width: float = 1.0, name: str = "a") -> Contestant:
    """Intervals are 80 % of normal errors as large as counts have them, times the width."""
    half = 1.28 * width * np.sqrt(1.5 * forecast + 0.05 * forecast**2)
    return Contestant(forecast, np.maximum(forecast - half, 0.0), forecast + half, trained_to, data_hash=trained_to,
                      recipe={"name": name})


@pytest.fixture(scope="module")
def blenders() -> Truth:
    return Truth(BLENDERS)


@pytest.fixture(scope="module")
def mixers() -> Truth:
    return Truth(MIXERS)


@pytest.fixture(scope="module")
def ice_makers() -> Truth:
    return Truth(ICE_MAKERS)


def test_the_truth_is_promoted_and_no_leak(blenders: Truth, mixers: Truth) -> None:
    for truth in (blenders, mixers):
        decision = judge(truth.actual, forecaster(truth.expected), None, truth.seasonal_naive)

        assert (decision.verdict, decision.reason[:16]) == ("promote", "first model: WAP"), decision.reason


def test_a_fit_that_has_seen_a_window_is_a_leak(blenders: Truth) -> None:
    honest = replace(forecaster(blenders.expected), origins=ORIGINS, seen_to=ORIGINS)
    leaking = replace(honest, seen_to=("2025-10-08", "2025-11-06", "2025-12-03"))

    assert judge(blenders.actual, honest, None, blenders.seasonal_naive).verdict == "promote"
    decision = judge(blenders.actual, leaking, None, blenders.seasonal_naive)
    assert (decision.verdict, decision.reason) == (
        "keep", "a leak: its forecasts of what follows 2025-11-05 come from a fit that has seen demand to 2025-11-06")


def test_errors_smaller_than_chance_are_a_leak(blenders: Truth) -> None:
    peeking = forecaster(0.8 * blenders.actual + 0.2 * blenders.expected)

    decision = judge(blenders.actual, peeking, forecaster(blenders.expected, "2025-10-01"), blenders.seasonal_naive)

    assert decision.verdict == "keep"
    assert decision.reason == "a leak: WAPE 3.3 % is smaller than chance allows for counts, 13.6 % at best"
    assert decision.numbers["wape_production"] == 0.1634  # of the expected demand itself


def test_demand_more_regular_than_chance_is_no_leak() -> None:
    """Standing orders of 20, and 21 on Sundays; counts of chance would make errors of 0.178 at best."""
    orders = np.tile([20.0] * 6 + [21.0], (WINDOWS, 4))
    bounds = np.where(np.arange(HORIZON) % 5 > 0, 1.0, 0.1)
    forecast = orders - 0.2
    candidate = replace(forecaster(forecast), lower_80=forecast - bounds, upper_80=forecast + bounds)

    assert judge(orders, candidate, None, np.full(orders.shape, 20.0)).reason.startswith("WAPE 1.0 % is worse than")
    assert judge(orders, candidate, None, np.full(orders.shape, 21.0)).verdict == "promote"


def test_a_lucky_candidate_is_kept_out(ice_makers: Truth) -> None:
    """Two forecasters of the same quality in truth, told apart by chance alone, 300 times over."""
    generator = np.random.default_rng(0)
    lucky = promoted = 0
    for _ in range(300):
        actual = generator.poisson(ice_makers.expected).astype(float)
        last = np.tile(generator.poisson(ice_makers.expected)[:, -7:], 4).astype(float)
        one, other = (ice_makers.expected * np.exp(0.4 * generator.standard_normal((WINDOWS, 1)) - 0.08)
                      for _ in range(2))
        decision = judge(actual, forecaster(one), forecaster(other, name="b"), last)
        numbers = decision.numbers
        lucky += numbers["wape_totals"] < 0.99 * numbers["wape_totals_production"]
        promoted += decision.verdict == "promote"

    assert lucky > 120  # better by more than the margin, in nearly half of the contests
    assert promoted < 66


def test_the_truth_of_slow_demand_is_promoted(ice_makers: Truth) -> None:
    """On single days its WAPE of 1.78 is worse than the baseline's 1.6, and that of a forecast of zero would be 1."""
    truth = judge(ice_makers.actual, forecaster(ice_makers.expected), None, ice_makers.seasonal_naive)
    zero = judge(ice_makers.actual, forecaster(0 * ice_makers.expected), forecaster(ice_makers.expected, "2025-10-01"),
                 ice_makers.seasonal_naive)

    assert (truth.verdict, truth.reason) == (
        "promote", "first model: WAPE 17.4 % of totals of 28 periods against 40.0 % of seasonal naive")
    assert truth.numbers["wape"] == 1.7835
    assert (zero.verdict, zero.reason) == (
        "keep", "WAPE 100.0 % of totals of 28 periods is worse than seasonal naive with 40.0 %")


def test_a_stale_champion_loses_and_does_not_come_back(mixers: Truth) -> None:
    """Demand has halved; the champion still expects twice as much."""
    refit, stale = forecaster(mixers.expected), forecaster(2 * mixers.expected, "2025-10-01")

    replaced = judge(mixers.actual, refit, stale, mixers.seasonal_naive)
    back = judge(mixers.actual, replace(stale, trained_to="2026-01-01"), refit, 3 * mixers.seasonal_naive)

    assert (replaced.verdict, replaced.reason) == (
        "promote", "WAPE 33.6 % against 93.0 % of the model in production, and trained on newer demand (to 2025-12-31)")
    assert back.verdict == "keep"
    assert back.reason.startswith("its forecasts are too high by 91.4 % of demand")


def test_a_champion_that_a_break_made_stale_loses_to_a_refit(weekly: Dataset) -> None:
    """Promos doubled demand for 100 weeks, and do nothing since."""
    demand = weekly_demand(150, future=4)
    since = demand.index >= 100
    demand.loc[since & (demand["promo"] == 1), "demand"] /= 2
    stale, refit = trained(demand.iloc[:104].assign(demand=demand["demand"].where(~since)), weekly), trained(
        demand, weekly)

    decision = contest(demand, weekly, refit, stale, KETTLES)

    assert decision.verdict == "promote", decision.reason
    assert "trained on newer demand" in decision.reason
    assert decision.numbers["wape"] < 0.8 * decision.numbers["wape_production"]
    assert decision.numbers["windows_compared"] == 3


def test_a_recorded_leak_reaches_the_gate(weekly: Dataset) -> None:
    demand = weekly_demand(130, future=4)
    model = trained(demand, weekly)
    leaking = replace(model, backtest={**model.backtest, "seen_to": [model.card.trained_to] * 3})

    assert contest(demand, weekly, model, None, KETTLES).verdict == "promote"
    assert contest(demand, weekly, leaking, None, KETTLES).reason.startswith("a leak: its forecasts of what follows")


@pytest.mark.parametrize(("factor", "words"), [
    (1.5, "its forecasts are too high by 43.6 % of demand; at most 29.9 % is allowed"),
    (0.6, "its forecasts are too low by 42.6 % of demand; at most 29.9 % is allowed")])
def test_a_biased_candidate_is_kept_out(mixers: Truth, factor: float, words: str) -> None:
    decision = judge(mixers.actual, forecaster(factor * mixers.expected), None, mixers.seasonal_naive)

    assert (decision.verdict, decision.reason) == ("keep", words)


def test_a_bias_within_the_noise_of_a_few_sales_is_allowed(ice_makers: Truth) -> None:
    """Ten were sold in 84 days; 13 forecast are three too many, and chance alone makes it ten plus or minus three."""
    decision = judge(ice_makers.actual, forecaster(1.26 * ice_makers.expected), None, ice_makers.seasonal_naive)

    assert decision.verdict == "promote", decision.reason
    assert (decision.numbers["bias"], decision.numbers["bias_error"]) == (0.3012, 0.2979)


@pytest.mark.parametrize(("width", "share"), [(0.1, "13.1 %"), (0.3, "36.9 %"), (3.0, "100.0 %"), (1000.0, "100.0 %")])
def test_collapsed_and_boundless_intervals_are_kept_out(blenders: Truth, width: float, share: str) -> None:
    decision = judge(blenders.actual, forecaster(blenders.expected, width=width), None, blenders.seasonal_naive)

    assert (decision.verdict, decision.reason) == (
        "keep", f"its 80 % interval held {share} of the actuals; 49.6 % to 98.9 % is allowed")


def test_all_of_a_few_inside_is_chance_unless_the_interval_is_boundless(blenders: Truth) -> None:
    """Of twelve actuals, an honest 80 % interval holds all in one of fifteen cases."""
    few = [table[:, ::7] for table in (blenders.actual, blenders.expected, blenders.seasonal_naive)]
    wide, boundless = (judge(few[0], forecaster(few[1], width=width), None, few[2]) for width in (2.0, 10.0))

    assert (wide.verdict, wide.numbers["coverage_80"]) == ("promote", 1.0)
    assert boundless.reason == (
        "its 80 % interval held 100.0 % of the actuals and is more than 2 times as wide as they range")


def test_unknown_days_count_for_nothing(blenders: Truth, ice_makers: Truth) -> None:
    for truth in (blenders, ice_makers):
        actual = truth.actual.copy()
        actual[0, 5] = np.nan
        wild = truth.expected.copy()
        wild[0, 5] = 1e6

        assert judge(actual, forecaster(wild), None, truth.seasonal_naive).numbers["wape"] == round(
            wape(actual, truth.expected), 4)
        assert judge(actual, forecaster(wild), None, truth.seasonal_naive).verdict == "promote"
