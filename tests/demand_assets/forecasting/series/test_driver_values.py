"""Missing values of drivers, and defaults that contradict the past."""

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.series.driver_values import carried, contradicted_default, tells_demand

PRICE = Driver(name="price", kind="number", future="repeat_last")
WEATHER = Driver(name="weather", kind="number", future="repeat_season")
PROMO = Driver(name="promo", kind="yes_no")
EVENT = Driver(name="event", kind="category")
X = np.nan


def texts(*values: str | None) -> np.ndarray:
    return np.array(values, dtype=object)


@pytest.mark.parametrize(("driver", "values", "expected"), [
    (PRICE, [2.0, X, X, 3.0, X], [2.0, 2.0, 2.0, 3.0, 3.0]),
    (PRICE, [X, X, 3.0, X, 4.0], [3.0, 3.0, 3.0, 3.0, 4.0]),
    (PRICE, [X, X, X, X, X], [X, X, X, X, X]),
    (PROMO, [0.0, 0.0, 1.0, X, 1.0], [0.0, 0.0, 1.0, 0.0, 1.0]),  # a promo is not carried where most had none
    (PROMO, [1.0, 1.0, 0.0, X, 0.0], [1.0, 1.0, 0.0, 1.0, 0.0]),
    (PROMO, [0.0, 1.0, X, X, 1.0], [0.0, 1.0, 1.0, 1.0, 1.0]),  # as often one as the other: the newer
    (WEATHER, [20.0, 21.0, 19.0, 5.0, X], [20.0, 21.0, 19.0, 5.0, 21.0])])  # three periods before
@pytest.mark.parametrize("frequency", ["D", "W", "M", "Q"])
def test_what_a_filled_period_would_have_had(driver, values, expected, frequency):
    values = np.array(values)

    completed = carried(values, np.isnan(values), driver, frequency, year_length=3)

    np.testing.assert_array_equal(completed, expected)


def test_a_category_of_a_filled_period_is_the_usual_one():
    values = texts("fair", "none", "none", None, "fair")

    assert carried(values, pd.isna(values), EVENT, "D", 364).tolist() == ["fair", "none", "none", "none", "fair"]


def test_only_filled_periods_are_completed():
    values = np.array([2.0, X, X, 3.0])

    np.testing.assert_array_equal(carried(values, np.array([False, False, True, False]), PRICE, "D", 364),
                                  [2.0, X, 2.0, 3.0])


def given(kind: str, default) -> Driver:
    return Driver(name="driver", kind=kind, future="given", default=default)


@pytest.mark.parametrize(("driver", "values", "says"), [
    (given("yes_no", False), [1.0] * 46 + [0.0] * 4, "46 of its last 50 weeks were “yes”"),
    (given("yes_no", True), [0.0] * 30 + [1.0] * 22, "30 of its last 52 weeks were “no”"),
    (given("yes_no", False), [X] * 40 + [1.0] * 12, "12 of its last 12 weeks were “yes”"),
    (given("category", ""), texts(*["fair"] * 9), "9 of its last 9 weeks were “fair”"),
    (given("number", 0), [0.3] * 40, "0.3 to 0.3 is usual in its last 40 weeks"),
    (given("number", 12.5), list(range(30, 60)), "32.9 to 56.1 is usual in its last 30 weeks")])
def test_a_default_that_the_last_year_contradicts_is_told(driver, values, says):
    assert contradicted_default(np.asarray(values), driver, "W", 52) == says


@pytest.mark.parametrize(("driver", "values"), [
    (given("yes_no", False), [1.0] * 26 + [0.0] * 26),
    (given("yes_no", False), [1.0] * 7),  # too few
    (given("yes_no", False), [1.0] * 100 + [0.0] * 52),  # once, but no longer
    (given("category", ""), texts(*[None] * 30, *["fair"] * 9)),  # nothing is a value too
    (given("category", "none"), texts(*["a", "b", "c"] * 10)),  # none is usual
    (given("number", 0), [0.0] * 40 + [0.4] * 12),
    (given("number", 15), list(range(30))),
    (Driver(name="driver", kind="yes_no", future="repeat_last"), [1.0] * 52)])
def test_a_default_that_fits_is_not(driver, values):
    assert contradicted_default(np.asarray(values), driver, "W", 52) == ""


def test_a_driver_that_is_missing_where_nothing_is_sold_tells_demand():
    demand = np.where(np.arange(60) % 3, 10.0, 0.0)
    price = np.where(demand > 0, 2.0, X)

    assert tells_demand(demand, price)
    assert tells_demand(10 - demand, price)  # missing where more is sold
    assert tells_demand(demand, np.where(demand > 0, "fair", None).astype(object))
    assert not tells_demand(demand, np.where(np.arange(60) % 4, 2.0, X))  # missing for other reasons
    assert not tells_demand(demand, np.full(60, X))
    assert not tells_demand(np.append(np.zeros(30), demand), np.append(np.full(30, X), np.full(60, 2.0)))  # came later


def test_a_few_missing_values_of_slow_demand_tell_nothing():
    demand = np.zeros(100)
    demand[::4] = 1.0
    price = np.full(100, 2.0)
    price[[5, 9, 13, 17, 21]] = X

    assert not tells_demand(demand, price)
