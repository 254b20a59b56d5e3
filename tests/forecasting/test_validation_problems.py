"""When a region-item's demand cannot be trusted as a whole, and how the reason is worded."""

import pytest

from demand_assets.forecasting.validation import minimum_periods
from tests.forecasting.raw_demand import PROMO, dataset, days, raw, validate


def problem_of(rows, of=None, last_date=None):
    validated = validate(rows, of, last_date)
    assert validated.demand is None
    return validated.problem


@pytest.mark.parametrize(("frequency", "needed"), [("D", 42), ("W", 22), ("M", 20)])
def test_the_least_history_is_the_warm_up_and_two_horizons(frequency, needed):
    assert minimum_periods(dataset(frequency, horizon=7)) == needed


def test_three_rows_are_too_few():
    assert problem_of(raw(days(3))).startswith("It has 3 days of known demand; forecasting 7 ahead needs 42.")


def test_just_enough_rows_are_enough():
    assert validate(raw(days(42))).problem == ""


def test_no_rows():
    assert problem_of(raw([])).startswith("The source has no rows for it.")


def test_rows_without_any_demand():
    assert "None of its 60 rows has demand" in problem_of(raw(days(60), demand=None))


def test_all_rows_refused():
    problem = problem_of(raw(days(60), demand="abc"))

    assert problem.startswith("Nothing of its 60 rows can be used")
    assert "'abc' is no number" in problem


def test_more_refused_than_allowed():
    problem = problem_of(raw(days(100), demand=[*[-1.0] * 31, *[5.0] * 69]))

    assert problem.startswith("31 of its 100 rows are in quarantine, more than the allowed 30%")
    assert "negative" in problem


def test_as_many_refused_as_allowed():
    assert validate(raw(days(100), demand=[*[-1.0] * 30, *[5.0] * 70])).problem == ""


def test_unreadable_drivers_count_as_refused():
    rows = raw(days(60), promo="X")

    assert "driver_not_yes_no" in problem_of(rows, dataset(drivers=(PROMO,)))


def test_more_unknown_than_allowed_names_the_rule_for_gaps():
    problem = problem_of(raw(days(240, "2023-06-01")[::4]))

    assert problem.startswith("Demand is unknown in 177 of its 237 days, more than the allowed 60%")
    assert "rules.gaps = 'zero'" in problem


def test_demand_that_ended_a_year_early():
    problem = problem_of(raw(days(100, "2023-01-01")), last_date="2024-06-29")

    assert problem.startswith("Its demand ends on 2023-04-10, 446 days before the dataset's (2024-06-29)")


def test_demand_that_ended_a_week_early_is_trusted():
    assert validate(raw(days(100)), last_date="2024-04-16").problem == ""


def test_the_quarantine_of_a_problem_can_be_looked_at():
    assert len(validate(raw(days(60), demand="abc")).quarantine) == 60
