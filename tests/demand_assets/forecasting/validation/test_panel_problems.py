"""When a region-item's demand cannot be trusted as a whole, and how the reason is worded."""

import pandas as pd

from tests.demand_assets.forecasting.raw_demand import PROMO, dataset, days, raw, validate


def problem_of(rows, of=None, last_date=None):
    validated = validate(rows, of, last_date)
    assert validated.demand is None
    return validated.problem


def test_a_short_history_is_taken():
    validated = validate(raw(days(3)))

    assert validated.problem == ""
    assert validated.demand["demand"].notna().sum() == 3


def test_an_item_that_is_only_planned_begins_at_the_datasets_end():
    rows = raw(days(65)[60:], demand=None)

    validated = validate(rows, last_date=days(60)[-1])

    assert validated.problem == ""
    assert len(validated.demand) == 6
    assert validated.demand["demand"].isna().all()
    assert validated.demand["date"].iloc[0] == pd.Timestamp(days(60)[-1])


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

    assert "a driver is neither yes nor no" in problem_of(rows, dataset(drivers=(PROMO,)))


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
