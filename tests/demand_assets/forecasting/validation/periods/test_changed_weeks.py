import pandas as pd
import pytest

from tests.demand_assets.forecasting.raw_demand import dataset, raw, validate


def weeks(count, start):
    return [str(day.date()) for day in pd.date_range(start, periods=count, freq="7D")]


def units(validated):
    return validated.demand["demand"].tolist()


class TestWeeksThatChangeTheirFirstDay:
    @pytest.mark.parametrize(("before", "after"), [
        (weeks(40, "2023-07-02"), weeks(8, "2024-04-08")), (weeks(40, "2023-07-03"), weeks(8, "2024-04-07")),
        (weeks(10, "2023-11-25"), weeks(18, "2024-02-05"))])
    def test_go_on_one_after_the_other_dated_as_the_newest(self, before, after):
        rows = raw([*before, *after], [*[100.0] * len(before), *[200.0] * len(after)])

        validated = validate(rows, dataset("W", gaps="zero"))

        assert units(validated) == [100.0] * len(before) + [200.0] * len(after)
        assert validated.demand["date"].iloc[-1] == pd.Timestamp(after[-1])
        assert validated.quarantine.empty

    def test_a_slip_of_the_pen_is_none(self):
        dates = weeks(20, "2024-01-01")
        dates[7] = "2024-02-21"

        assert validate(raw(dates), dataset("W")).quarantine["rule"].tolist() == ["off_weekday"]
