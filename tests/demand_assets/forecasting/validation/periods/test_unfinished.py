import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.validation.rows_to_demand import validate_panel
from tests.demand_assets.forecasting.raw_demand import KETTLE, PRICE, dataset, days, raw, validate


def weeks(count, start):
    return [str(day.date()) for day in pd.date_range(start, periods=count, freq="7D")]


def units(validated):
    return validated.demand["demand"].tolist()


class TestAPeriodThatIsNotOver:
    """Today is Sunday, 30 June 2024."""

    @pytest.mark.parametrize(("frequency", "dates"), [
        ("D", days(20, "2024-06-11")), ("W", weeks(20, "2024-02-12")), ("W", weeks(20, "2024-02-18")),
        ("M", [f"{month:%Y-%m}" for month in pd.date_range("2022-11-01", periods=20, freq="MS")])])
    def test_is_not_known_demand_and_its_drivers_stay(self, frequency, dates):
        table = raw(dates, [*[100.0] * 19, 20.0], price=[*[2.0] * 19, 3.0])

        validated = validate(table, dataset(frequency, drivers=(PRICE,)))

        assert units(validated)[:19] == [100.0] * 19
        assert np.isnan(units(validated)[19])
        assert validated.demand["price"].iloc[19] == 3.0
        assert validated.quarantine["rule"].tolist() == ["unfinished"]
        assert validated.counts["periods"] == 19
        final = validate(table, dataset(frequency, drivers=(PRICE,), unfinished="final"))
        assert units(final)[19] == 20.0

    def test_one_that_ended_yesterday_is_over(self):
        for frequency, dates in (("D", days(20, "2024-06-10")), ("W", weeks(20, "2024-02-11"))):
            assert validate(raw(dates), dataset(frequency)).quarantine.empty


def test_a_quarter_that_is_not_over_is_set_aside():
    dates = [f"{year}-Q{quarter}" for year in range(2019, 2025) for quarter in (1, 2, 3, 4)]
    validated = validate_panel(raw(dates), dataset("Q", horizon=4), [KETTLE], None, pd.Timestamp("2024-12-31"))[0]

    assert validated.quarantine["rule"].tolist() == ["unfinished"]
    assert validated.demand.dropna(subset=["demand"])["date"].iloc[-1] == pd.Timestamp("2024-07-01")


def test_a_month_dated_on_its_last_day_is_taken_where_the_source_is_final():
    dates = [str(day.date()) for day in pd.date_range("2023-07-31", "2024-06-30", freq="ME")]
    rows = raw(dates)

    validated = validate_panel(rows, dataset("M", unfinished="final"), [KETTLE], None, pd.Timestamp("2024-06-20"))[0]

    assert validated.quarantine.empty
    assert units(validated) == [5.0] * 12


def test_a_week_dated_on_its_last_day_is_over_the_day_after_it():
    rows = raw(weeks(20, "2024-02-04"))
    today = pd.Timestamp("2024-06-17")

    first, last = (validate_panel(rows, dataset("W", columns=columns), [KETTLE], None, today)[0]
                   for columns in ({}, {"week_dated": "last_day"}))

    assert "columns.week_dated = 'last_day'" in first.quarantine["message"].iloc[0]
    assert last.quarantine.empty
    assert last.demand["date"].iloc[-1] == pd.Timestamp("2024-06-10")
