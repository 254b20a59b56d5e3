"""The gate's benchmark: its contests are what they say, its rates are counted rightly, and what it writes."""

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import gate
from benchmarks.support.gate_contests import (
    DATA,
    GAINS,
    KINDS,
    Forecaster,
    Market,
    Truth,
    contests,
    seasonal_naive,
    wandering,
)


def test_it_writes_rates_of_every_rule(tmp_path, capsys):
    assert gate.main(["--contests", "45", "--seed", "3", "--json", str(tmp_path / "gate.json")]) == 0

    found = json.loads((tmp_path / "gate.json").read_text())
    assert (found["seed"], found["contests"], "cpu" in found["machine"]) == (3, 45, True)
    assert [(entry["data"], entry["kind"], entry["gain"], entry["contests"]) for entry in found["classes"]] == [
        (data, kind, gain, 1) for data in DATA for kind in KINDS for gain in GAINS]
    assert 0 < found["share_of_oracle_gain"] <= 1
    assert 0 <= found["costly_false_promotions"] <= found["rules"]["always promote"]["all"]["false_promotions"]
    rules = found["rules"]
    assert set(rules) == {"gate", "gate at chance 0", "always promote", "never promote", "oracle"}
    assert set(rules["gate"]) == {"all", *DATA, *KINDS}
    assert rules["always promote"]["all"]["false_promotions"] == 1.0
    assert rules["never promote"]["all"]["missed_promotions"] == 1.0
    assert rules["never promote"]["all"]["wape_change"] == 0.0
    assert rules["oracle"]["all"]["wape_change"] <= rules["gate"]["all"]["wape_change"]
    assert "first model, intermittent" in capsys.readouterr().out


def test_the_truth_of_each_contest_is_of_its_class():
    for contest in contests(45, seed=5):
        low, high = GAINS[contest.gain_class]
        assert low - 0.01 <= contest.gain <= high + 0.01
        assert (contest.production is None) == (contest.data == "first model")
        assert contest.actual.shape == contest.candidate.forecast.shape == contest.seasonal_naive.shape == (3, 28)


def test_the_same_seed_gives_the_same_contests():
    one, again, other = (next(contests(1, seed)) for seed in (1, 1, 2))

    np.testing.assert_array_equal(one.actual, again.actual)
    assert (one.actual != other.actual).any()


def test_the_truth_of_counts_is_what_arithmetic_says():
    """Poisson counts of 100: a mean absolute error of the root of 200 / pi, 7.98; of two draws, 1.41 times that."""
    truth = Truth(Market("smooth", np.full(28 * 17, 100.0), shape=1e9), np.random.default_rng(0))

    assert truth.floor == pytest.approx(0.0798, rel=0.02)
    assert truth.seasonal_naive == pytest.approx(0.1128, rel=0.03)
    assert truth.wape(Forecaster(0.0, bias=np.log(1.5))) == pytest.approx(0.5, rel=0.02)


def test_seasonal_naive_repeats_the_last_week_before_each_window():
    forecast = seasonal_naive(np.arange(28 * 4.0))

    assert forecast.shape == (3, 28)
    assert list(forecast[0, :8]) == [21, 22, 23, 24, 25, 26, 27, 21]
    assert forecast[2, 0] == 77


def test_distortions_wander_with_unit_variance():
    walks = wandering((4000, 28), np.random.default_rng(0))

    assert walks.std(axis=0) == pytest.approx(np.ones(28), abs=0.05)
    assert np.corrcoef(walks[:, 10], walks[:, 11])[0, 1] == pytest.approx(0.93, abs=0.02)


def test_a_rate_counts_only_the_contests_it_is_of():
    played = [contest for contest in contests(45, seed=5) if contest.data == "newer demand"]
    worth = gate.worth(played, [contest.gain <= 0 for contest in played])

    assert worth["all"]["false_promotions"] == 1.0
    assert worth["all"]["missed_promotions"] == 1.0
    assert worth["first model"]["missed_promotions"] is None


def test_worth_beside_the_oracle():
    """The oracle gains 2 + 3 + 10 %; who takes the best, the worst and one that hardly differs loses 2.5 % in all."""
    played = [contest for contest in contests(45, seed=5) if contest.data == "newer demand"][:5]
    five = [replace(contest, gain=gain) for contest, gain in zip(played, (-0.12, -0.005, 0.02, 0.03, 0.1), strict=True)]

    assert gate.of_oracle(five, [True, True, False, False, True]) == {
        "share_of_oracle_gain": pytest.approx(-0.025 / 0.15, abs=1e-5),
        "costly_false_promotions": pytest.approx(1 / 3, abs=1e-5)}
    assert gate.of_oracle(five, [contest.gain > 0 for contest in five]) == {
        "share_of_oracle_gain": 1.0, "costly_false_promotions": 0.0}
    assert gate.of_oracle(five, [False] * 5) == {"share_of_oracle_gain": 0.0, "costly_false_promotions": None}
