"""The gate, on contests small enough to be judged by eye."""

from dataclasses import replace

import numpy as np
import pytest

from demand_assets.forecasting.dataset.models.gate_margins import Gate
from demand_assets.forecasting.gate.gate import Contestant, judge
from demand_assets.forecasting.series.metrics import in_percent

ACTUAL = np.full((3, 4), 100.0)
NAIVE = np.full((3, 4), 130.0)
HONEST_ERRORS = np.array([[5, -5, 5, -5]] * 3, dtype=float)


def contestant(error: float | np.ndarray = HONEST_ERRORS, half_width: float = 6.0, data: str = "old",
               recipe: str = "a", trained_to: str = "2026-01-01") -> Contestant:
    forecast = ACTUAL + error
    inside = np.where(np.arange(12).reshape(3, 4) % 5 == 4, 0.0, half_width)
    return Contestant(forecast=forecast, lower_80=forecast - inside, upper_80=forecast + inside, data_hash=data,
                      recipe={"name": recipe}, trained_to=trained_to)


def test_a_first_model_is_promoted_when_it_beats_seasonal_naive() -> None:
    decision = judge(ACTUAL, contestant(), None, NAIVE)

    assert decision.verdict == "promote"
    assert decision.reason == "first model: WAPE 5.0 % against 30.0 % of seasonal naive"
    assert decision.numbers["wape"] == 0.05


def test_a_model_worse_than_seasonal_naive_is_kept_out() -> None:
    decision = judge(ACTUAL, contestant(20 * np.sign(HONEST_ERRORS)), None, np.full((3, 4), 110.0))

    assert (decision.verdict, decision.reason) == ("keep", "WAPE 20.0 % is worse than seasonal naive with 10.0 %")


WEAK = np.full((3, 4), 110.0)
"""Seasonal naive after a break: nothing has a better answer to it yet."""


def test_what_is_clearly_better_than_production_is_promoted_though_seasonal_naive_is_better_still() -> None:
    candidate = contestant(12 * np.sign(HONEST_ERRORS), half_width=30.0, data="new", trained_to="2026-02-01")
    broken = contestant(20 * np.sign(HONEST_ERRORS), recipe="b")

    decision = judge(ACTUAL, candidate, broken, WEAK)

    assert (decision.verdict, decision.reason) == (
        "promote", "WAPE 12.0 % against 20.0 % of the model in production; seasonal naive has 10.0 %, and trained on "
                   "newer demand (to 2026-02-01)")


@pytest.mark.parametrize("production", [
    None, contestant(12.05 * np.sign(HONEST_ERRORS), recipe="b"),
    contestant(np.where(np.arange(12).reshape(3, 4) == 0, 60.0, 10 * np.sign(HONEST_ERRORS)), recipe="b")],
    ids=["none", "within the margin", "better by one period"])
def test_what_is_not_clearly_better_than_production_must_be_better_than_seasonal_naive(
        production: Contestant | None) -> None:
    candidate = contestant(12 * np.sign(HONEST_ERRORS), half_width=30.0, data="new", trained_to="2026-02-01")

    decision = judge(ACTUAL, candidate, production, WEAK)

    assert (decision.verdict, decision.reason) == ("keep", "WAPE 12.0 % is worse than seasonal naive with 10.0 %")


def test_nor_does_it_pass_a_floor_that_the_dataset_file_names() -> None:
    candidate = contestant(12 * np.sign(HONEST_ERRORS), half_width=30.0, data="new", trained_to="2026-02-01")

    decision = judge(ACTUAL, candidate, contestant(20 * np.sign(HONEST_ERRORS)), WEAK, Gate(floor=0.05))

    assert decision.reason.endswith("as gate.floor wants")


@pytest.mark.parametrize(("half_width", "verdict"), [(40.0, "promote"), (0.5, "keep")])
def test_an_interval_that_is_too_wide_keeps_nothing_out_that_is_clearly_better_than_production(
        half_width: float, verdict: str) -> None:
    actual, errors = (np.tile(one, 7) for one in (ACTUAL + np.array([-20.0, 20.0, -20.0, 20.0]), HONEST_ERRORS))
    candidate, broken = (replace(
        contestant(), forecast=actual + error, lower_80=actual + error - width, upper_80=actual + error + width,
        trained_to=to, data_hash=to) for error, width, to in (
            (errors, half_width, "2026-02-01"), (5 * errors, 40.0, "2026-01-01")))

    assert judge(actual, candidate, broken, np.tile(NAIVE, 7)).verdict == verdict
    assert judge(actual, candidate, None, np.tile(NAIVE, 7)).verdict == "keep"


def test_the_margin_decides_on_the_same_demand() -> None:
    production = contestant(recipe="b")

    by_half_a_percent = judge(ACTUAL, contestant(0.995 * HONEST_ERRORS), production, NAIVE)
    by_two_percent = judge(ACTUAL, contestant(0.98 * HONEST_ERRORS), production, NAIVE)

    assert by_half_a_percent.verdict == "keep"
    assert "margin" in by_half_a_percent.reason
    assert by_two_percent.verdict == "promote"


def test_an_advantage_no_larger_than_its_standard_error_is_chance_on_the_same_demand() -> None:
    """Five units better on one day and two worse on another: three of 1,200, plus or minus five and a half."""
    errors = HONEST_ERRORS.copy()
    errors[0, 0], errors[1, 1] = 0.0, -7.0

    same = judge(ACTUAL, contestant(errors), contestant(recipe="b"), NAIVE)
    newer = judge(ACTUAL, contestant(errors, data="new", trained_to="2026-02-01"), contestant(), NAIVE)

    assert (same.verdict, same.numbers["wape"], same.numbers["wape_difference_error"]) == ("keep", 0.0475, 0.0046)
    assert same.reason.endswith("on the same demand: a difference of 0.2 % may be chance, up to 0.5 %")
    assert newer.verdict == "promote"


def test_equal_accuracy_on_newer_demand_is_promoted() -> None:
    decision = judge(ACTUAL, contestant(data="new", trained_to="2026-02-01"), contestant(), NAIVE)

    assert decision.verdict == "promote"
    assert "newer demand (to 2026-02-01)" in decision.reason


def test_the_same_demand_and_recipe_is_nothing_new() -> None:
    decision = judge(ACTUAL, contestant(), contestant(), NAIVE)

    assert decision.verdict == "keep"
    assert decision.reason.startswith("nothing new")


def test_a_worse_model_on_newer_demand_is_kept_out() -> None:
    decision = judge(ACTUAL, contestant(1.1 * HONEST_ERRORS, data="new", trained_to="2026-02-01"), contestant(), NAIVE)

    assert decision.verdict == "keep"
    assert decision.reason.endswith(": worse, though trained on newer demand (to 2026-02-01)")


def test_a_biased_candidate_is_kept_out_unless_production_is_worse() -> None:
    biased = contestant(np.full((3, 4), 26.0), half_width=30.0)  # by as much everywhere, so none of it is noise

    first = judge(ACTUAL, biased, None, NAIVE)
    against_a_worse_one = judge(ACTUAL, biased, contestant(np.full((3, 4), 29.0), recipe="b"), NAIVE)

    assert (first.verdict, first.reason) == (
        "keep", "its forecasts are too high by 26.0 % of demand; at most 25.0 % is allowed")
    assert against_a_worse_one.verdict == "promote"


@pytest.mark.parametrize(("half_width", "share"), [(1.0, "0.0 %"), (1000.0, "100.0 %")])
def test_collapsed_and_boundless_intervals_are_kept_out(half_width: float, share: str) -> None:
    everywhere = contestant(half_width=half_width)
    everywhere = replace(everywhere, lower_80=everywhere.forecast - half_width,
                         upper_80=everywhere.forecast + half_width)

    decision = judge(ACTUAL, everywhere, None, NAIVE)

    assert decision.verdict == "keep"
    assert f"held {share} of the actuals" in decision.reason


def test_nothing_sold_keeps_the_baseline() -> None:
    zeros = np.zeros((3, 4))

    decision = judge(zeros, contestant(), None, zeros)

    assert decision.verdict == "keep"
    assert "nothing was sold" in decision.reason
    assert decision.numbers["wape"] is None


def test_unknown_actuals_are_left_out() -> None:
    actual = ACTUAL.copy()
    actual[0, 0] = np.nan

    assert judge(actual, contestant(), None, NAIVE).numbers["wape"] == 0.05


@pytest.mark.parametrize(("candidate", "production", "words"), [
    ({"trained_to": "2026-02-01", "sold_hash": "b"}, {"sold_hash": "a"}, "trained on newer demand (to 2026-02-01)"),
    ({"sold_hash": "a", "adjustments": 1}, {"sold_hash": "a"}, "trained on adjusted demand"),
    ({"sold_hash": "a", "adjustments": 2}, {"sold_hash": "a", "adjustments": 2}, "trained on adjusted demand"),
    ({"sold_hash": "a"}, {"sold_hash": "a", "adjustments": 1}, "trained on adjusted demand"),
    ({"sold_hash": "b"}, {"sold_hash": "a"}, "trained on demand or drivers that were corrected since (to 2026-01-01)"),
    ({"sold_hash": "b", "adjustments": 1}, {"sold_hash": "a"},
     "trained on demand or drivers that were corrected since (to 2026-01-01)"),
    ({"sold_hash": "b", "adjustments": 1}, {}, "trained on adjusted demand"),
])
def test_the_reason_names_what_is_new_in_the_demand(candidate: dict[str, object], production: dict[str, object],
                                                    words: str) -> None:
    decision = judge(ACTUAL, replace(contestant(data="new"), **candidate),  # type: ignore[arg-type]
                     replace(contestant(), **production), NAIVE)  # type: ignore[arg-type]

    assert decision.verdict == "promote"
    assert decision.reason == f"WAPE 5.0 % against 5.0 % of the model in production, and {words}"


@pytest.mark.parametrize("production", [contestant(), contestant(np.nan)])
def test_the_same_forecasts_are_no_promotion(production: Contestant) -> None:
    newer = contestant(data="new", trained_to="2026-02-01")

    decision = judge(ACTUAL, newer, replace(production, is_same=True, has_same_interval=True), NAIVE)

    assert decision.verdict == "keep"
    assert decision.reason.startswith("the same forecasts: ")


@pytest.mark.parametrize(("candidate", "growth", "words"), [
    ({"trained_to": "2026-02-01"}, 0.1234, "becomes 12.3 % wider, measured on newer demand (to 2026-02-01)"),
    ({"trained_to": "2026-02-01"}, -0.05, "becomes 5.0 % narrower, measured on newer demand (to 2026-02-01)"),
    ({"trained_to": "2026-02-01"}, 0.00004, "is as wide, in another place, measured on newer demand (to 2026-02-01)"),
    ({"adjustments": 1}, 0.01, "becomes 1.0 % wider, measured on adjusted demand"),
])
@pytest.mark.parametrize("errors", [HONEST_ERRORS, np.nan])
def test_the_same_forecasts_with_another_interval_say_what_changes(candidate: dict[str, object], growth: float,
                                                                   words: str, errors: object) -> None:
    serves = replace(contestant(errors), is_same=True, interval_growth=growth)

    decision = judge(ACTUAL, replace(contestant(data="new"), **candidate), serves, NAIVE)  # type: ignore[arg-type]

    assert decision.verdict == "promote"
    assert decision.reason.startswith("the same forecasts: ")
    assert decision.reason.endswith(f"; only the 80 % interval {words}")


@pytest.mark.parametrize("candidate", [{"data_hash": "same", "recipe": {"pooled_version": 2}},
                                       {"data_hash": "new", "trained_to": "2025-12-01"}])
def test_another_interval_of_no_newer_demand_is_no_promotion(candidate: dict[str, object]) -> None:
    serves = replace(contestant(data="same"), is_same=True, interval_growth=0.5)

    decision = judge(ACTUAL, replace(contestant(), **candidate), serves, NAIVE)  # type: ignore[arg-type]

    assert (decision.verdict, decision.reason[:18]) == ("keep", "the same forecasts")


def test_words_and_numbers_round_alike() -> None:
    """Errors whose WAPE lies at and beside the edges between two decimals of a percent."""
    for error in (5.549, 5.5499, 5.55, 5.5501, 5.551, 6.45, 6.35, 2.025, 2.0249, 20.25, 20.35):
        errors = error * np.sign(HONEST_ERRORS)
        decision = judge(ACTUAL, contestant(errors, half_width=error + 1), None, NAIVE)
        assert in_percent(decision.numbers["wape"]) in decision.reason


def test_a_floor_wants_more_than_seasonal_naive() -> None:
    """26 % against 30 %: better by 13 %."""
    candidate = contestant(26 * np.sign(HONEST_ERRORS), half_width=30.0)

    refused = judge(ACTUAL, candidate, None, NAIVE, Gate(floor=0.2))
    promoted = judge(ACTUAL, candidate, None, NAIVE, Gate(floor=0.1))

    assert refused.verdict == "keep"
    assert refused.reason == (
        "WAPE 26.0 % is not better than seasonal naive with 30.0 % by 20.0 %, as gate.floor wants")
    assert promoted.verdict == "promote"


def test_a_largest_wape_holds_whatever_seasonal_naive_has() -> None:
    decision = judge(ACTUAL, contestant(), None, NAIVE, Gate(most_wape=0.04))

    assert (decision.verdict, decision.reason) == ("keep", "WAPE 5.0 % is larger than gate.most_wape allows, 4.0 %")
    assert judge(ACTUAL, contestant(), None, NAIVE, Gate(most_wape=0.05)).verdict == "promote"
