"""Periods out of stock: their demand is at least what was sold, whatever the source says of stock and however."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.stock_entries import AT_LEAST
from demand_assets.forecasting.validation.rows_to_demand import Validated, validate_panel
from tests.demand_assets.forecasting.raw_demand import KETTLE, PRICE, TODAY, dataset, days, raw, validate

STOCK, AVAILABLE = {"stock": "on_hand"}, {"available": "in_stock"}


def stocked(stock: Any, demand: Any = 5.0, count: int = 60, **rules: Any) -> Validated:
    """The outcome of days with units on hand at their ends."""
    return validate(raw(days(count), demand, stock=stock), dataset(columns=STOCK, **rules))


def least(validated: Validated) -> dict[int, float]:
    """Place -> units of the periods out of stock, whose demand is null."""
    assert validated.demand is not None
    units = validated.demand[AT_LEAST].to_numpy()
    places = np.flatnonzero(~np.isnan(units))
    assert validated.demand["demand"].iloc[places].isna().all()
    return {int(place): float(units[place]) for place in places}


def test_a_period_that_ends_with_nothing_on_hand_is_at_least_what_was_sold():
    validated = stocked([0.0 if n in (10, 20) else 3.0 for n in range(60)],
                        [0.0 if n == 10 else 5.0 for n in range(60)])

    assert validated.problem == ""
    assert least(validated) == {10: 0.0, 20: 5.0}
    assert (validated.counts["censored_periods"], validated.counts["unknown_periods"]) == (2, 0)
    assert validated.demand["demand"].notna().sum() == 58


@pytest.mark.parametrize(("value", "is_out"), [
    (-4.0, True), ("0", True), ("-2", True), (0.5, False), ("12", False), (None, False), (np.nan, False), ("", False),
    ("n/a", False)])
def test_stock_is_units_and_what_is_not_told_says_nothing(value, is_out):
    validated = stocked([value if n == 30 else 3.0 for n in range(60)])

    assert (30 in least(validated)) is is_out
    assert validated.quarantine.empty


@pytest.mark.parametrize(("value", "is_out"), [
    ("no", True), ("yes", False), (False, True), (True, False), (0, True), (1, False), (0.75, True), ("0.5", True),
    ("1.0", False), (None, False), ("Y", False), ("f", True)])
def test_availability_is_yes_or_no_or_a_share(value, is_out):
    told = validate(raw(days(60), available=pd.Series([value if n == 30 else "yes" for n in range(60)], dtype=object)),
                    dataset(columns=AVAILABLE))

    assert (30 in least(told)) is is_out
    assert told.quarantine.empty


@pytest.mark.parametrize(("entry", "value"), [
    ("stock", "plenty"), ("stock", np.inf), ("stock", "1_000"), ("available", "75 %"), ("available", 75.0),
    ("available", -0.1), ("available", "maybe"), ("available", 1.01)])
def test_stock_that_cannot_be_read_is_told_and_demand_stands(entry, value):
    told = validate(raw(days(60), **{entry: pd.Series([value if n == 30 else 1 for n in range(60)], dtype=object)}),
                    dataset(columns={entry: "s"}))

    assert least(told) == {}
    assert told.demand["demand"].iloc[30] == 5.0
    assert (told.quarantine["rule"].tolist(), told.quarantine["column"].tolist()) == (["stock_unclear"], [entry])


def test_percents_are_refused_as_a_whole_with_the_cure():
    told = validate(raw(days(60), available=[100.0 if n % 7 else 40.0 for n in range(60)]), dataset(columns=AVAILABLE))

    assert told.demand is None
    assert "percent / 100" in told.problem


def test_without_the_entry_a_column_of_that_name_says_nothing():
    plain = validate(raw(days(60)))
    beside = validate(raw(days(60), stock=0.0, available="no"))

    pd.testing.assert_frame_equal(plain.demand, beside.demand)
    assert AT_LEAST not in plain.demand
    assert plain.counts == beside.counts
    assert "censored_periods" not in plain.counts


@pytest.mark.parametrize(("columns", "drivers", "words"), [
    ({"stock": "a", "available": "b"}, (), "both say"),
    ({"stock": "a", "expressions": {"available": "1 - oos"}}, (), "both say"),
    ({"stock": "on_hand"}, ({"name": "stock", "kind": "number"},), "name of a driver"),
    ({"stock": ""}, (), "at least 1 character")])
def test_entries_that_contradict_each_other_are_refused(columns, drivers, words):
    with pytest.raises(ValidationError, match=words):
        dataset(columns=columns, drivers=drivers)


def test_an_old_file_may_have_a_driver_called_stock():
    of = dataset(drivers=({"name": "stock", "kind": "number"},), columns={"drivers": {"stock": "on hand"}})

    assert of.stock_entry is None
    assert dataset(drivers=({"name": "available", "kind": "yes_no"},), columns={
        "expressions": {"available": "open * 1"}}).stock_entry is None


def test_the_last_periods_out_of_stock_are_the_past():
    told = stocked([3.0] * 55 + [0.0] * 5, [5.0] * 55 + [2.0] * 5)

    assert told.problem == ""
    assert (told.counts["periods"], told.counts["newest_censored"]) == (60, 5)
    assert len(told.demand) == 60
    assert list(least(told)) == [55, 56, 57, 58, 59]


def test_planned_rows_without_a_flag_stay_the_future():
    rows = raw(days(70), [5.0] * 60 + [np.nan] * 10, stock=[3.0] * 59 + [0.0] + [np.nan] * 5 + [0.0] * 5, price=2.0)
    told = validate(rows, dataset(columns=STOCK, drivers=(PRICE,)))

    assert list(least(told)) == [59]
    assert told.counts["periods"] == 60
    assert told.demand["price"].notna().all()


def test_first_seen_out_of_stock_begins_with_the_first_known_demand():
    told = stocked([0.0] * 20 + [4.0] * 40, [0.0] * 20 + [5.0] * 40)

    assert told.problem == ""
    assert told.demand["date"].iloc[0] == pd.Timestamp("2024-01-21")
    assert told.counts["leading_unknown"] == 20
    assert least(told) == {}


def test_never_in_stock_is_a_region_item_that_was_not_sold_yet():
    rows = raw(days(6, "2024-06-20"), 0.0, stock=0.0)
    told = validate(rows, dataset(columns=STOCK), last_date="2024-06-29")

    assert told.problem == ""
    assert told.demand["date"].tolist() == [pd.Timestamp("2024-06-29")]
    assert told.demand["demand"].isna().all()


def test_a_whole_history_out_of_stock_in_which_much_was_sold_is_another_column():
    told = validate(raw(days(60), 5.0, stock=0.0), dataset(columns=STOCK), last_date="2024-02-29")

    assert told.demand is None
    assert "out of stock in all of its 60 days, in which 300 units were sold" in told.problem
    assert "columns.stock" in told.problem


def test_stock_that_is_0_on_most_days_with_sales_is_told():
    told = stocked([0.0 if n % 5 else 3.0 for n in range(100)], count=100, unknown_share=0.9)

    assert told.problem == ""
    assert any("80 of the 100 days with a sale" in notice for notice in told.notices)


def test_out_of_stock_in_too_many_periods_says_so():
    told = stocked([0.0 if n % 5 else 3.0 for n in range(100)], count=100)

    assert told.demand is None
    assert "out of stock in 80 of its 100 days" in told.problem


def test_out_of_stock_for_longer_than_is_allowed_has_ended():
    rows = raw(days(180), [5.0] * 60 + [0.0] * 120, stock=[3.0] * 60 + [0.0] * 120)
    told = validate(rows, dataset(columns=STOCK, unknown_share=1.0), last_date="2024-06-28")

    assert told.demand is None
    assert "out of stock since 2024-02-29" in told.problem


def test_a_gap_after_a_period_that_ended_with_nothing_is_out_of_stock_too():
    dates = [day for n, day in enumerate(days(60)) if n not in (20, 21, 40)]
    stock = [0.0 if day == days(60)[19] else 7.0 for day in dates]
    told = validate(raw(dates, 5.0, stock=stock), dataset(columns=STOCK, gaps="zero"))

    assert least(told) == {19: 5.0, 20: 0.0, 21: 0.0}
    assert told.demand["demand"].iloc[40] == 0.0
    assert told.counts["filled_zero"] == 1


def test_availability_of_one_period_says_nothing_of_a_gap_after_it():
    dates = [day for n, day in enumerate(days(60)) if n not in (20, 21)]
    told = validate(raw(dates, 5.0, available=["no" if day == days(60)[19] else "yes" for day in dates]),
                    dataset(columns=AVAILABLE, gaps="zero"))

    assert least(told) == {19: 5.0}
    assert told.counts["filled_zero"] == 2


def test_any_part_out_of_stock_makes_the_sum_at_least_so_much():
    dates = [day for day in days(60) for _ in range(3)]
    told = validate(raw(dates, 2.0, stock=[0.0 if n in (31, 90) else 3.0 for n in range(180)]),
                    dataset(columns=STOCK, several_rows="sum"))

    assert least(told) == {10: 6.0, 30: 6.0}


@pytest.mark.parametrize(("rule", "stock", "is_out"), [
    ("mean", (0.0, 3.0), True), ("last", (0.0, 3.0), False), ("last", (3.0, 0.0), True), (None, (0.0, np.nan), True),
    (None, (0.0, 0.0), True)])
def test_several_rows_of_a_period(rule, stock, is_out):
    rows = raw([*days(60), "2024-01-31"], 5.0, stock=[stock[0] if n == 30 else 3.0 for n in range(60)] + [stock[1]])
    told = validate(rows, dataset(columns=STOCK, **({"several_rows": rule} if rule else {})))

    assert (30 in least(told)) is is_out


def test_rows_that_contradict_each_other_on_stock_are_refused():
    rows = raw([*days(60), "2024-01-31"], 5.0, stock=[0.0 if n == 30 else 3.0 for n in range(61)])
    told = validate(rows, dataset(columns=STOCK))

    assert set(told.quarantine["rule"]) == {"conflicting"}
    assert np.isnan(told.demand["demand"].iloc[30])
    assert least(told) == {}


def test_refused_demand_is_unknown_and_not_at_least_anything():
    told = stocked([0.0 if n in (10, 11) else 3.0 for n in range(60)], [-5.0 if n == 10 else 5.0 for n in range(60)])

    assert least(told) == {11: 5.0}
    assert (told.counts["unknown_periods"], told.counts["censored_periods"]) == (1, 1)


def test_calendar_drivers_stand_beside_it():
    of = Dataset.model_validate(dataset(columns=STOCK).model_dump() | {"calendar": {"holidays": "DE"}})
    told = validate_panel(raw(days(60), stock=[0.0, *[3.0] * 58, 0.0]), of, [KETTLE], None, TODAY)[0]

    assert told.problem == ""
    assert list(told.demand.columns[:2]) == ["date", "demand"]
    assert told.demand["demand"].iloc[:58].notna().all()
    assert least(told) == {58: 5.0}


def test_weekdays_that_are_always_out_of_stock_and_never_sell_are_told_to_be_closed():
    is_sunday = [n % 7 == 6 for n in range(84)]  # 2024-01-01 is a Monday
    on_hand, sold = [0.0 if closed else 3.0 for closed in is_sunday], [0.0 if closed else 5.0 for closed in is_sunday]

    (told,) = stocked(on_hand, sold, 84).notices

    assert told.startswith("On Sundays it is always out of stock and never sells.")
    assert stocked([3.0 if n == 6 else stock for n, stock in enumerate(on_hand)], sold, 84).notices == ()
    assert stocked(on_hand, [2.0 if n == 6 else units for n, units in enumerate(sold)], 84).notices == ()
