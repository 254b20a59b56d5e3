"""The what-if benchmark on a world small enough for a test."""

import json

import pandas as pd
import pytest

from benchmarks import scenarios
from benchmarks.scenarios import Answer, WhatIfCase
from demand_assets.forecasting.contract.region_item import RegionItem

KETTLE = RegionItem("north", "kettle")
PLAN = pd.DataFrame({"date": pd.date_range("2026-06-15", periods=4), "promo": [1.0, 0.0, 0.0, 0.0]})


def test_a_question_changes_the_first_days_that_differ():
    scenario = WhatIfCase("promo on 2 days", "promo", "set", 1.0, days=2).scenario(PLAN)

    assert [change.first.day for change in scenario.changes] == [16, 17]


def test_nothing_to_change_is_no_scenario():
    assert WhatIfCase("no promo", "promo", "set", 0.0).scenario(PLAN.iloc[1:]).changes == ()


def test_scores_of_two_answers():
    """True +30 and -10 on 100 units each; estimated +36 and +4: 40 beside 20 in total, and one wrong sign."""
    answers = [Answer(KETTLE, 36.0, 30.0, 100.0, False), Answer(RegionItem("north", "urn"), 4.0, -10.0, 100.0, True)]

    found = scenarios.scores(scenarios.QUESTIONS[0], answers)

    assert found["error_total"] == pytest.approx(1.0)
    assert found["sign_right"] == 0.5
    assert found["wrong_signs"] == ["north|urn"]
    assert found["median_error_region_item"] == pytest.approx((0.2 + 1.4) / 2)


def test_json(tmp_path):
    file = tmp_path / "out.json"

    code = scenarios.main(["--seed", "3", "--regions", "2", "--items", "2", "--years", "1.2", "--json", str(file)])

    written = json.loads(file.read_text())
    assert code == 0
    for world in (written, written["confounded"]):
        assert {"median_error_total", "sign_right", "against_declared"} <= set(world)
        assert world["median_error_total"] >= 0
        assert 0 <= world["sign_right"] <= 1
        assert world["against_declared"] == 0
        assert {entry["scenario"] for entry in world["scenarios"]} >= {"price -20 %", "5 °C warmer"}
    assert written["seed"] == 3
    assert written["machine"]["python"]
