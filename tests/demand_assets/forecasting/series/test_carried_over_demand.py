"""What an item carries over from others: which periods, how many units, and whose they stay."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.dataset.demand.stock_entries import AT_LEAST
from demand_assets.forecasting.dataset.predecessors import Link
from demand_assets.forecasting.series.adjusted_demand import ADJUSTED, CARRIED, known_periods, learned
from demand_assets.forecasting.series.carried_over_demand import CARRIED_FROM, Other, why_nothing, with_carried

NAN = float("nan")


def days(first, units, **drivers):
    dates = pd.date_range(first, periods=len(units), freq=drivers.pop("freq", "D"))
    return pd.DataFrame({"date": dates, "demand": np.array(units, dtype=float), **drivers})


def link(of="old", **more):
    return Link("new", of, **more)


def carried(table):
    return {str(at.date()): units for at, units in zip(table["date"], table[CARRIED], strict=True) if units == units}


def test_demand_before_the_first_own_sale_is_the_other_items_scaled():
    table = with_carried(days("2024-01-03", [5, 6]), [Other(link(scale=0.5), days("2024-01-01", [2, 4, 8, 8]))])

    assert carried(table) == {"2024-01-01": 1.0, "2024-01-02": 2.0}
    assert learned(table).tolist() == [1.0, 2.0, 5.0, 6.0]
    assert table["demand"].isna().tolist() == [True, True, False, False]
    assert known_periods(table) == 4
    assert table.attrs[CARRIED_FROM] == "0.5 × old"


def test_own_demand_wins_wherever_both_were_sold():
    own = days("2024-01-02", [5, NAN, 0, 7])
    table = with_carried(own, [Other(link(), days("2024-01-01", [1, 1, 1, 1, 1]))])

    assert carried(table) == {"2024-01-01": 1.0}
    assert table["demand"].iloc[1:].tolist()[::3] == [5.0, 7.0]
    assert np.isnan(learned(table)[2])  # unknown of its own: nobody's demand stands in for it
    assert learned(table)[3] == 0


def test_zeros_before_the_first_sale_are_the_time_before_it():
    table = with_carried(days("2024-01-01", [0, 0, 0, 4, 0]), [Other(link(), days("2024-01-01", [3, 2, 1, 1, 1]))])

    assert learned(table).tolist() == [3.0, 2.0, 1.0, 4.0, 0.0]
    assert table["demand"].isna().tolist() == [True, True, True, False, False]


def test_zeros_from_its_day_on_are_its_own():
    table = with_carried(days("2024-01-01", [0, 0, 0, 4]),
                         [Other(link(since=date(2024, 1, 2)), days("2024-01-01", [3, 2, 1, 1]))])

    assert learned(table).tolist() == [3.0, 0.0, 0.0, 4.0]


def test_nothing_of_its_day_or_later_is_carried_over():
    table = with_carried(days("2024-01-05", [9]),
                         [Other(link(since=date(2024, 1, 3)), days("2024-01-01", [1, 2, 3, 4, 5]))])

    assert carried(table) == {"2024-01-01": 1.0, "2024-01-02": 2.0}
    assert table["date"].diff().dropna().eq(pd.Timedelta(days=1)).all()


def test_the_zeros_of_an_end_are_not_carried_over():
    table = with_carried(days("2024-01-06", [9]), [Other(link(), days("2024-01-01", [1, 0, 2, 0, 0, 0, 0]))])

    assert carried(table) == {"2024-01-01": 1.0, "2024-01-02": 0.0, "2024-01-03": 2.0}
    assert np.isnan(learned(table)[3:5]).all()


def test_of_two_items_that_are_replaced_the_sum_counts():
    table = with_carried(days("2024-01-05", [9]), [
        Other(link("a", scale=2), days("2024-01-01", [1, NAN, 1])),
        Other(link("b", scale=0.5), days("2024-01-02", [4, 4, 4]))])

    units = learned(table)
    assert units[[0, 2, 3]].tolist() == [2.0, 4.0, 2.0]
    assert np.isnan(units[1])  # one of them sold an unknown number
    assert table.attrs[CARRIED_FROM] == "2 × a, 0.5 × b"


def test_of_similar_items_the_mean_counts():
    table = with_carried(days("2024-01-05", [9]), [
        Other(link("a", kind="similar"), days("2024-01-01", [1, NAN, 1])),
        Other(link("b", kind="similar"), days("2024-01-02", [4, 4, 4]))])

    assert learned(table).tolist() == [1.0, 4.0, 2.5, 4.0, 9.0]


def test_an_item_that_was_never_sold_is_forecast_from_where_the_dataset_ends():
    own = days("2024-01-06", [NAN, NAN, NAN])  # the first is the origin, the others are planned
    still_sold = with_carried(own, [Other(link(), days("2024-01-01", [1, 2, 3, 4, 5, 6]))])
    ended = with_carried(own, [Other(link(), days("2024-01-01", [1, 2, 3, 0, 0, 0]))])

    assert known_periods(still_sold) == known_periods(ended) == 6
    assert learned(still_sold)[:6].tolist() == [1, 2, 3, 4, 5, 6]
    assert learned(ended)[:3].tolist() == [1, 2, 3]
    assert np.isnan(learned(ended)[3:]).all()


def test_an_item_with_zeros_only_is_forecast_from_where_they_end():
    table = with_carried(days("2024-01-01", [0, 0, 0, 0]), [Other(link(), days("2024-01-01", [3, 2, 0, 0]))])

    assert known_periods(table) == 4
    assert learned(table)[:2].tolist() == [3.0, 2.0]
    assert np.isnan(learned(table)[2:]).all()


def test_adjustments_of_the_other_item_are_carried_over_and_own_ones_stay():
    old = days("2024-01-01", [1, 50]).assign(**{ADJUSTED: [NAN, 2.0]})
    own = days("2024-01-03", [5, 60]).assign(**{ADJUSTED: [NAN, 6.0]})

    assert learned(with_carried(own, [Other(link(), old)])).tolist() == [1.0, 2.0, 5.0, 6.0]


def test_drivers_of_the_time_before_are_the_other_items():
    old = days("2024-01-01", [1, 2], price=[8.0, 9.0], shelf=np.array(["a", None], dtype=object))
    own = days("2024-01-03", [3, 4], price=[5.0, 6.0], shelf=np.array(["b", "c"], dtype=object), own_only=[1.0, 1.0])
    table = with_carried(own, [Other(link(), old)])

    assert table["price"].tolist() == [8.0, 9.0, 5.0, 6.0]
    assert table["shelf"].tolist() == ["a", None, "b", "c"]
    assert np.isnan(table["own_only"].iloc[0])
    assert table.columns[:2].tolist() == ["date", "demand"]


@pytest.mark.parametrize(("freq", "first", "own_first"), [
    ("7D", "2024-01-01", "2024-01-17"),  # Mondays before, Wednesdays now
    ("7D", "2024-01-03", "2024-01-15"), ("MS", "2024-01-01", "2024-03-01")])
def test_weeks_that_begin_on_another_day_and_months_fit(freq, first, own_first):
    table = with_carried(days(own_first, [9, 9], freq=freq), [Other(link(), days(first, [1, 2], freq=freq))])

    assert learned(table).tolist() == [1.0, 2.0, 9.0, 9.0]
    assert table["date"].iloc[2] == pd.Timestamp(own_first)
    if freq == "7D":
        assert table["date"].dt.weekday.nunique() == 1


@pytest.mark.parametrize(("more", "old", "why"), [
    ({"since": date(2024, 1, 1)}, days("2024-01-01", [1, 2]), "its date 2024-01-01 is not after 2024-01-01"),
    ({"since": date(1999, 1, 1)}, days("2024-01-01", [1, 2]), "its date 1999-01-01 is not after 2024-01-01"),
    ({}, days("2024-01-03", [1, 2]), "its own demand begins on 2024-01-03, not after that of 'old' (2024-01-03)"),
    ({}, days("2024-01-01", [NAN, NAN]), "no demand of 'old' is known"),
    ({}, days("2024-01-01", [0, 0]), "'old' sold nothing before its own demand begins")])
def test_where_nothing_can_be_carried_over_all_stays_as_it_is(more, old, why):
    own = days("2024-01-03", [5, 6])
    one = link(**more)

    assert with_carried(own, [Other(one, old)]) is own
    assert why_nothing(own, [(one, old)]).startswith(why)


def test_quarters_follow_quarters():
    table = with_carried(days("2024-07-01", [5, 6], freq="QS"),
                         [Other(link(), days("2023-10-01", [1, 2, 3, 4], freq="QS"))])

    assert carried(table) == {"2023-10-01": 1.0, "2024-01-01": 2.0, "2024-04-01": 3.0}
    assert learned(table).tolist() == [1.0, 2.0, 3.0, 5.0, 6.0]


def test_what_was_sold_out_of_stock_is_its_own_sale_and_before_it_nothing_was_out_of_stock():
    own = days("2024-01-02", [NAN, NAN, 4, NAN], **{AT_LEAST: [0.0, 3.0, NAN, 2.0]})
    other = days("2024-01-01", [1, 2, 3, 4, 5], **{AT_LEAST: [NAN] * 5})

    table = with_carried(own, [Other(link(), other)])

    assert carried(table) == {"2024-01-01": 1.0, "2024-01-02": 2.0}
    assert table[AT_LEAST].tolist()[2::2] == [3.0, 2.0]
    assert table[AT_LEAST].isna().tolist() == [True, True, False, True, False]
    assert known_periods(table) == 5
    assert np.isnan(learned(table)[[2, 4]]).all()


def test_the_others_last_sales_out_of_stock_are_not_known_of_the_sum():
    parts = [Other(link("a"), days("2024-01-01", [5, NAN, NAN], **{AT_LEAST: [NAN, 3.0, 0.0]})),
             Other(link("b"), days("2024-01-01", [1, 1, 1], **{AT_LEAST: [NAN] * 3}))]
    table = with_carried(days("2024-01-04", [9], **{AT_LEAST: [NAN]}), parts)

    assert carried(table) == {"2024-01-01": 6.0, "2024-01-03": 1.0}


def test_why_nothing_is_carried_over_knows_sales_out_of_stock():
    own = days("2024-01-01", [NAN, 4], **{AT_LEAST: [2.0, NAN]})

    assert "its own demand begins on 2024-01-01" in why_nothing(own, [(link(), days("2024-01-01", [1, 2]))])
