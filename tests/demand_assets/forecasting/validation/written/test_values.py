"""Values as they are written, read once for each distinct one."""

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.validation.written.dates import read_dates
from demand_assets.forecasting.validation.written.values import distinct_values, read_numbers


def texts(*values):
    return pd.Series(list(values), dtype=object)


def test_a_number_and_its_text_are_read_each_for_itself():
    read = read_dates(texts(20240131, "20240131", 20240131.5, True, None), "D")

    assert [str(day) for day in read.days] == ["2024-01-31", "2024-01-31", "NaT", "NaT", "NaT"]
    assert read.problem[4] == "is missing"


def test_categories_are_read_as_the_values_that_they_stand_for():
    column = pd.Series(pd.Categorical.from_codes([1, -1, 0, 1], ["x", "7", "never there"]))

    numbers, unreadable = read_numbers(column)

    np.testing.assert_array_equal(numbers, [7.0, np.nan, np.nan, 7.0])
    assert unreadable.tolist() == [False, False, True, False]
    places, distinct = distinct_values(column)
    assert [distinct[place] if place >= 0 else None for place in places] == ["7", None, "x", "7"]


@pytest.mark.parametrize(("value", "number"), [
    ("5 %", 5.0), ("5%", 5.0), (" 12.5 % ", 12.5), ("5,5\u00a0%", 5.5), ("5,5\u202f%", 5.5), ("-3 %", -3.0),
    ("\u22123 %", -3.0), ("%5", 5.0), ("100.00%", 100.0), ("0,125 %", 0.125), ("7", 7.0), ("", np.nan), ("n/a", np.nan),
    ("1,234 %", None), ("1.234 %", None), ("5 % off", None), ("%", None), ("5 %%", None), ("1_0 %", None),
    ("٥ %", None), ("5 pct", None)])
def test_a_percent_is_a_number_where_it_may_stand(value, number):
    (read,), (wrong,) = read_numbers(texts(value), percents=True)

    assert wrong == (number is None)
    np.testing.assert_equal(read, np.nan if number is None else number)
    if "%" in value:
        assert read_numbers(texts(value))[1].all()  # of demand and of money it is none


def test_percents_beside_numbers_without_the_sign_are_no_numbers():
    """0.1 beside 10 % may be the same."""
    assert read_numbers(pd.Series(["10 %", "0", "5,5 %"]), percents=True)[0].tolist() == [10, 0, 5.5]
    numbers, is_other = read_numbers(pd.Series(["10 %", "0", "0.1"]), percents=True)
    assert is_other.tolist() == [True, False, False]
    assert numbers[2] == 0.1
