"""What a scenario gives: sums that add up, differences with their doubt, revenue, honesty."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from flask import Flask

from demand_assets.forecasting.forecast.totals import Part, by_date, over_all
from demand_assets.forecasting.model.intervals import ErrorPaths
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.whatif.scenario import ScenarioError
from tests.webapp.conftest import KETTLE, ODD, REGION_ITEMS, Background, demand_of
from tests.webapp.fakes import FakeRegistry
from webapp.region_items.labels import selection_words
from webapp.scenarios.compute import compute
from webapp.scenarios.plans.plan import PlanRow
from webapp.scenarios.request import ScenarioRequest, ScopedDriverChange, asked_words
from webapp.scenarios.result import Finding, Result, Summary
from webapp.services import Services

BASELINE = REGION_ITEMS[1]
FIRST, LAST = date(2026, 7, 1), date(2026, 7, 14)
CUT = ScopedDriverChange("price", "percent", -20.0, FIRST, LAST)


@pytest.fixture
def promoted(background: Background, registry: FakeRegistry, model: ForecastModel) -> FakeRegistry:
    registry.promote(KETTLE, model, {})
    registry.promote(ODD, model, {})
    background.watch()
    return registry


def result_of(app: Flask, services: Services, asked: ScenarioRequest) -> Result:
    with app.app_context():
        return compute(services, asked)


def test_sums_add_up_and_what_is_not_touched_stays(app: Flask, services: Services, promoted: FakeRegistry) -> None:
    asked = ScenarioRequest((KETTLE.key, ODD.key, BASELINE.key), 14,
                            (replace(CUT, regions=("north",), items=("kettle",)),))
    result = result_of(app, services, asked)
    kettle, odd, baseline = result.lines

    assert [line.is_changed for line in result.lines] == [True, False, False]
    assert kettle.units.difference.forecast > 0
    assert odd.units.difference.forecast == baseline.units.difference.forecast == 0
    assert result.units.difference.forecast == pytest.approx(kettle.units.difference.forecast)
    assert sum(line.units.plan.forecast for line in result.lines) == pytest.approx(result.units.plan.forecast)
    assert sum(period.units.scenario.forecast for period in result.periods) == pytest.approx(
        result.units.scenario.forecast)
    assert [line.served_by for line in result.lines] == ["1", "1", ""]


def test_revenue_is_units_times_the_price_of_plan_and_scenario(app: Flask, services: Services,
                                                              promoted: FakeRegistry) -> None:
    result = result_of(app, services, ScenarioRequest((KETTLE.key,), 14, (CUT,)))
    line = result.lines[0]

    assert line.plan_prices == (10.0,) * 14  # the last known price goes on
    assert line.scenario_prices == (8.0,) * 14
    assert line.revenue is not None
    assert result.revenue is not None
    assert line.revenue.plan.forecast == pytest.approx(10 * line.units.plan.forecast)
    assert result.revenue.difference.forecast == pytest.approx(
        8 * line.units.scenario.forecast - 10 * line.units.plan.forecast)


def test_the_difference_adds_up_by_driver_and_comes_from_the_changed_one(app: Flask, services: Services,
                                                                         promoted: FakeRegistry) -> None:
    result = result_of(app, services, ScenarioRequest((KETTLE.key, ODD.key), 14, (CUT,)))

    assert sum(result.why.values()) == pytest.approx(result.units.difference.forecast, abs=0.2)
    assert max(result.why, key=lambda group: result.why[group]) == "price"
    assert result.lines[0].reasons[0][0] == "price"
    assert result.exact


def test_a_price_rise_by_a_plan_never_raises_a_forecast(app: Flask, services: Services, promoted: FakeRegistry) -> None:
    chance = np.random.default_rng(3)
    days = [FIRST + timedelta(days) for days in range(14)]
    rows = tuple(PlanRow(one.key, day, {"price": float(10 + chance.uniform(0, 8))})
                 for one in (KETTLE, ODD) for day in days)
    result = result_of(app, services, ScenarioRequest((KETTLE.key, ODD.key), 14, (), rows))

    for line in result.lines:
        assert line.is_changed
        assert all(after <= before + 1e-9 for before, after in zip(line.plan, line.scenario, strict=True))
    assert result.units.difference.forecast < 0


def test_a_plan_counts_before_the_changes(app: Flask, services: Services, promoted: FakeRegistry) -> None:
    plan = (PlanRow(KETTLE.key, FIRST, {"price": 9.5}), PlanRow(KETTLE.key, date(2026, 7, 3), {"promo": True}))
    result = result_of(app, services, ScenarioRequest((KETTLE.key,), 14, (CUT,), plan))

    assert result.lines[0].scenario_prices[:2] == (9.5, 8.0)


def test_findings_that_differ_in_numbers_only_are_told_as_one() -> None:
    found = (Finding("price is outside (1 to 2)", ("a",), "price above anything seen"),
             Finding("price is outside (3 to 4)", ("b",), "price above anything seen"), Finding("of old", ("c",)))

    assert Result.by_short(found) == {"price above anything seen": [*found[:2]], "of old": [found[2]]}


def test_prices_never_seen_are_flagged_and_the_nearest_past_days_shown(app: Flask, services: Services,
                                                                      promoted: FakeRegistry) -> None:
    result = result_of(app, services, ScenarioRequest((KETTLE.key, ODD.key), 14, (
        ScopedDriverChange("price", "set", 30.0, date(2026, 7, 2), date(2026, 7, 2), items=("kettle",)),)))

    assert [told.keys for told in result.flags] == [(KETTLE.key,)]
    assert "outside what the model has seen (8 to 10) in 1 of 14 periods" in result.flags[0].sentence
    assert list(result.by_short(result.flags)) == ["price above anything seen"]
    assert [(like.key, like.date, len(like.past)) for like in result.likenesses] == [(KETTLE.key, date(2026, 7, 2), 3)]
    past = result.likenesses[0].past[0]
    known = demand_of(12.0).set_index("date")["demand"]
    assert past.demand == known[str(past.date)]


def test_the_baseline_is_moved_by_no_driver_and_the_result_says_so(app: Flask, services: Services) -> None:
    result = result_of(app, services, ScenarioRequest((BASELINE.key,), 7, (CUT,)))

    assert result.units.difference.forecast == 0
    assert (result.unexplained, result.why) == (1, {})
    assert result.revenue is not None
    assert result.revenue.difference.forecast == pytest.approx(-2 * result.units.plan.forecast)


def test_what_cannot_be_forecast_is_named_and_left_out(app: Flask, services: Services, promoted: FakeRegistry) -> None:
    services.store.remove("demand", ODD)
    result = result_of(app, services, ScenarioRequest((KETTLE.key, ODD.key, "gone|gone"), 14, (CUT,)))

    assert [line.key for line in result.lines] == [KETTLE.key]
    assert {told.keys for told in result.missing} == {(ODD.key,), ("gone|gone",)}


def test_changes_that_touch_nothing_are_refused_with_the_dates_that_would(app: Flask, services: Services) -> None:
    past = ScopedDriverChange("price", "percent", -5.0, date(2026, 6, 1), date(2026, 6, 30))

    with pytest.raises(ScenarioError, match="run from 2026-07-01 to 2026-07-07"):
        result_of(app, services, ScenarioRequest((KETTLE.key,), 7, (past,)))


def test_a_change_that_has_passed_is_left_out_and_said_so(app: Flask, services: Services,
                                                         promoted: FakeRegistry) -> None:
    past = ScopedDriverChange("price", "percent", 50.0, date(2026, 6, 1), date(2026, 6, 30))
    result = result_of(app, services, ScenarioRequest((KETTLE.key,), 7, (past, CUT)))

    assert result.lines[0].scenario_prices == (8.0,) * 7
    assert any("no longer counts: price +50 % from 2026-06-01 to 2026-06-30." in notice for notice in result.notices)


def test_progress_is_told(app: Flask, services: Services) -> None:
    told: list[int] = []
    with app.app_context():
        compute(services, ScenarioRequest(tuple(one.key for one in REGION_ITEMS), 7, (CUT,)), told.append)

    assert told == sorted(told)
    assert (told[0], told[-1]) == (0, len(REGION_ITEMS))


def test_results_and_questions_are_kept_as_they_are(app: Flask, services: Services, promoted: FakeRegistry) -> None:
    changes = (CUT, ScopedDriverChange("promo", "set", True, FIRST, LAST, items=("kettle",)),
               ScopedDriverChange("shelf", "set", "front", FIRST, FIRST))
    asked = ScenarioRequest((KETTLE.key, ODD.key), 14, changes,
                            (PlanRow(KETTLE.key, FIRST, {"price": 9.5, "promo": False, "shelf": "back"}),), 2)
    result = result_of(app, services, asked)

    assert ScenarioRequest.from_json(asked.to_json()) == asked
    assert Result.from_json(result.to_json()) == result
    assert Summary.from_json(result.summary.to_json()) == result.summary
    assert ScenarioRequest.from_json(asked.to_json()).changes[1].value is True


@pytest.mark.parametrize(("content"), [{}, {"keys": ["a|b"], "horizon": "many"}, {"keys": "a|b", "horizon": 7}])
def test_what_is_kept_is_checked_when_it_is_read(content: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        ScenarioRequest.from_json(content)


def part(forecast: list[float], scale: list[float], paths: list[list[float]]) -> Part:
    return Part(np.array(["2026-07-01", "2026-07-02"], dtype="datetime64[D]"), np.array(forecast), np.array(scale),
                (-0.5, -1.0, -2.0), (0.5, 1.0, 2.0), ErrorPaths(tuple(str(place) for place in range(len(paths))),
                                                            tuple(np.array(path) for path in paths)))


def test_what_strikes_plan_and_scenario_alike_cancels_out_of_the_difference() -> None:
    plan, scenario = part([10, 10], [4, 4], []), part([15, 15], [5, 5], [])
    difference = by_date([scenario.minus(plan)], signed=True)

    assert difference["forecast"].tolist() == [5, 5]
    assert difference["lower"].tolist() == [4, 4]  # the scale of the difference is 1, the quantiles are 1
    assert difference["upper"].tolist() == [6, 6]


def test_the_same_scenario_has_no_doubt_about_the_difference() -> None:
    plan = part([10, 10], [4, 4], [[1, 1], [-1, 1], [1, -1], [0.5, 0.5]])

    assert over_all([plan.minus(plan)], signed=True).lower == over_all([plan.minus(plan)], signed=True).upper == 0


def test_differences_may_be_below_zero_and_their_doubt_too() -> None:
    plan, scenario = part([10, 10], [4, 4], []), part([6, 6], [3, 3], [])
    total = over_all([scenario.minus(plan)], signed=True)

    assert total.forecast == -8
    assert total.lower == pytest.approx(-8 - 2**0.5)  # two independent errors of 1
    assert total.upper == pytest.approx(-8 + 2**0.5)


def test_differences_that_go_against_each_other_keep_errors_that_came_together_apart() -> None:
    together = [[1.0, 1.0], [-1.0, -1.0], [1.0, 1.0], [-1.0, -1.0]]
    up = part([15, 15], [5, 5], together).minus(part([10, 10], [4, 4], together))
    down = part([10, 10], [4, 4], together).minus(part([15, 15], [5, 5], together))

    assert over_all([up, up], signed=True).upper > 10 + 3.9  # 2 region-items and 2 periods, all struck together
    both = by_date([up, down], signed=True)
    assert both["upper"].tolist() == both["lower"].tolist() == [0, 0]  # what one gains the other loses


def test_selections_and_changes_in_words(services: Services) -> None:
    keys = [one.key for one in REGION_ITEMS]

    assert selection_words([KETTLE.key]) == "north · kettle"
    assert selection_words(keys[:29]) == "29 items in north"
    assert selection_words([KETTLE.key, "south|kettle"]) == "kettle in north, south"
    assert selection_words([*keys[:3], ODD.key]) == "4 region-items of 4 items in north, süd/west"
    dataset = services.dataset
    assert asked_words(CUT, dataset) == "price −20 % from 2026-07-01 to 2026-07-14"
    assert asked_words(ScopedDriverChange("promo", "set", False, FIRST, FIRST, ("north",), ("kettle",)), dataset) == (
        "promo = no on 2026-07-01, only of kettle in north")
    assert asked_words(ScopedDriverChange("price", "add", 1.5, FIRST, FIRST), dataset) == "price +1.5 € on 2026-07-01"


def test_the_price_is_the_driver_of_that_name_or_the_one_in_the_currency(services: Services) -> None:
    price, promo, _ = services.dataset.drivers

    assert services.dataset.price_driver == "price"
    assert services.dataset.model_copy(update={"drivers": (
        promo, price.model_copy(update={"name": "shelf_price"}))}).price_driver == "shelf_price"
    assert services.dataset.model_copy(update={"drivers": (promo,)}).price_driver is None
