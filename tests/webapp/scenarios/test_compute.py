"""What is computed of a scenario: the sums of its periods."""

from demand_assets.forecasting.forecast.totals import Bounds
from webapp.scenarios.compute import of_period

PLAN, OTHER = Bounds(932.0, 542.0, 1777.0), Bounds(932.0, 537.0, 1787.0)


def test_a_period_that_is_not_touched_has_the_plans_interval() -> None:
    assert of_period(PLAN, OTHER, Bounds(0.0, 0.0, 0.0)).scenario == PLAN


def test_one_whose_changes_cancel_out_has_its_own() -> None:
    assert of_period(PLAN, OTHER, Bounds(0.0, -5.0, 5.0)).scenario == OTHER
