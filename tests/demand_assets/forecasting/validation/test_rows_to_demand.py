"""What the validation makes of rows: each rule, with a value that breaks it and one that does not."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.contract.calendar_events import Event
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.series.planned_drivers import future_drivers
from demand_assets.forecasting.validation.rows_to_demand import RawDemandError, validate_panel
from demand_assets.forecasting.validation.schemas import Quarantine, demand_schema
from tests.demand_assets.forecasting.raw_demand import (
    EVENT,
    KETTLE,
    PRICE,
    PROMO,
    TOASTER,
    TODAY,
    dataset,
    days,
    raw,
    validate,
)


def demand_on(validated, date):
    return validated.demand.set_index("date")["demand"][pd.Timestamp(date)]


def only_refusal(validated):
    assert len(validated.quarantine) == 1
    return validated.quarantine.iloc[0]


def test_clean_rows_become_demand_as_they_are():
    validated = validate(raw(days(60), demand=[float(n) for n in range(60)]))

    assert validated.problem == ""
    assert validated.demand["demand"].tolist() == [float(n) for n in range(60)]
    assert validated.demand["date"].tolist() == list(pd.date_range("2024-01-01", periods=60))
    assert validated.quarantine.empty
    assert (validated.counts["rows"], validated.counts["periods"]) == (60, 60)


def test_rows_are_sorted_by_date():
    rows = raw(days(60), demand=[float(n) for n in range(60)]).sample(frac=1, random_state=1)

    assert validate(rows).demand["demand"].tolist() == [float(n) for n in range(60)]


def test_rows_of_region_items_may_lie_mixed():
    """Each is judged as if it stood alone: its demand, what is refused of it and in which order, its units."""
    parts = [raw(days(60), demand=[-1.0, *[3.0] * 30, "see note", 900.0, *[float(n) for n in range(27)]]),
             raw(days(60), demand=[2.0] * 60, region_item=TOASTER)]
    alone = [validate_panel(part, dataset(), [one], None, TODAY)[0]
             for part, one in zip(parts, (KETTLE, TOASTER), strict=True)]

    rows = pd.concat(parts).sort_values("row", kind="stable")
    mixed = validate_panel(rows, dataset(), [TOASTER, KETTLE], None, TODAY)

    for found, expected in zip(mixed, reversed(alone), strict=True):
        assert (found.region_item, found.counts, found.units, found.problem, found.notices) == (
            expected.region_item, expected.counts, expected.units, expected.problem, expected.notices)
        pd.testing.assert_frame_equal(found.quarantine, expected.quarantine)
        pd.testing.assert_frame_equal(found.demand, expected.demand)


def test_demand_fits_its_schema_and_refusals_fit_theirs():
    of = dataset(drivers=(PRICE, PROMO, EVENT))
    rows = raw(days(60), demand=[-1.0, *[3.0] * 59], price=9.9, promo="yes", event="fair")

    validated = validate(rows, of)

    demand_schema(of).validate(validated.demand)
    Quarantine.validate(validated.quarantine)


@pytest.mark.parametrize(("value", "rule"), [
    ("abc", "not_a_number"), ("1,234", "not_a_number"), ("12 kg", "not_a_number"), ("1_000", "not_a_number"),
    ("-3", "negative"), ("inf", "infinite"), ("1e9", "absurd")])
def test_demand_that_breaks_a_rule_is_unknown_and_its_row_is_in_quarantine(value, rule):
    rows = raw(days(60), demand=[*["5"] * 9, value, *["5"] * 50])

    validated = validate(rows)

    refusal = only_refusal(validated)
    assert (refusal["row"], refusal["date"], refusal["column"]) == (10, "2024-01-10", "demand")
    assert (refusal["value"], refusal["rule"]) == (value, rule)
    assert np.isnan(demand_on(validated, "2024-01-10"))
    assert validated.counts["unknown_periods"] == 1
    assert validated.counts[f"quarantined:{rule}"] == 1


@pytest.mark.parametrize("value", [None, "", "  ", "NaN", "null", "N/A"])
def test_missing_demand_is_unknown_and_no_offence(value):
    validated = validate(raw(days(60), demand=["5", value, *["5"] * 58]))

    assert np.isnan(demand_on(validated, "2024-01-02"))
    assert validated.quarantine.empty


def test_drivers_of_a_row_with_refused_demand_stay():
    rows = raw(days(60), demand=[5.0, -1.0, *[5.0] * 58], price=[9.0, 8.0, *[9.0] * 58])

    validated = validate(rows, dataset(drivers=(PRICE,)))

    assert validated.demand["price"][1] == 8.0


def test_negative_demand_counts_as_zero_where_the_rules_say_so():
    validated = validate(raw(days(60), demand=[5.0, -1.0, *[5.0] * 58]), dataset(negative="zero"))

    assert demand_on(validated, "2024-01-02") == 0
    assert validated.counts["negative_as_zero"] == 1
    assert validated.quarantine.empty


def test_a_few_absurd_values_do_not_make_each_other_usual():
    validated = validate(raw(days(60), demand=[*[5.0] * 57, 1e6, 1e6, 1e6]))

    assert validated.quarantine["rule"].tolist() == ["absurd"] * 3


def test_large_demand_within_the_multiple_is_taken():
    validated = validate(raw(days(60), demand=[*[5.0] * 59, 249.0]), dataset(absurd_multiple=50))

    assert validated.quarantine.empty


def test_all_zero_is_demand():
    validated = validate(raw(days(60), demand=0.0))

    assert validated.problem == ""
    assert validated.demand["demand"].sum() == 0


def test_demand_after_today_is_refused_and_its_drivers_are_the_known_future():
    rows = raw(days(62, "2024-05-01"), demand=[*[5.0] * 60, None, 5.0], price=[*[9.0] * 61, 7.0])  # a day after today

    validated = validate(rows, dataset(drivers=(PRICE,)))

    assert only_refusal(validated)["rule"] == "future"
    assert np.isnan(demand_on(validated, "2024-07-01"))
    assert validated.demand["price"].iloc[-1] == 7.0
    assert validated.counts["periods"] == 60


def test_rows_beyond_the_last_demand_carry_known_future_drivers():
    rows = raw(days(67), demand=[*[5.0] * 60, *[None] * 7], promo=[*[0] * 60, *[1] * 7])

    validated = validate(rows, dataset(drivers=(PROMO,)))

    assert len(validated.demand) == 67
    assert validated.demand["promo"].tail(7).tolist() == [1.0] * 7
    assert (validated.counts["periods"], validated.counts["unknown_periods"]) == (60, 0)


def test_identical_rows_are_kept_once_and_counted():
    rows = pd.concat([raw(days(60)), raw(days(2))], ignore_index=True)

    validated = validate(rows)

    assert validated.counts["repeated"] == 2
    assert demand_on(validated, "2024-01-01") == 5
    assert validated.quarantine.empty


def test_rows_that_contradict_each_other_are_all_refused():
    rows = pd.concat([raw(days(60)), raw(days(1), demand=6.0).assign(row=61)], ignore_index=True)

    validated = validate(rows)

    assert validated.quarantine["row"].tolist() == [1, 61]
    assert validated.quarantine["rule"].tolist() == ["conflicting"] * 2
    assert validated.demand["date"].iloc[0] == pd.Timestamp("2024-01-02")


def test_gaps_are_unknown():
    validated = validate(raw([*days(30), *days(30, "2024-02-05")]))

    assert validated.counts["unknown_periods"] == 5
    assert np.isnan(demand_on(validated, "2024-02-01"))


def test_gaps_are_zero_where_the_rules_say_so_up_to_the_end_of_the_dataset():
    rows = raw([*days(30), *days(30, "2024-02-05")])  # ends on 5 March

    validated = validate(rows, dataset(gaps="zero"), last_date="2024-03-08")

    assert validated.counts["filled_zero"] == 5 + 3
    assert demand_on(validated, "2024-02-01") == 0
    assert validated.demand["date"].iloc[-1] == pd.Timestamp("2024-03-08")


def test_drivers_of_filled_gaps_are_as_they_would_have_been():
    """Left unknown, a model would learn that nothing is sold where the price is missing."""
    kept = [0, 1, 2, 5, 6, 9]
    dates = [days(12)[place] for place in kept]
    rows = raw(dates, price=[2.0, 2.0, 3.0, 3.0, 4.0, 4.0], promo=[1, 1, 1, 0, 1, 1], event=["fair", "fair", None] * 2)
    of = dataset(drivers=(PRICE, PROMO, EVENT), gaps="zero")

    validated = validate(rows, of, "2024-01-12")

    assert validated.counts["filled_zero"] == 6
    assert validated.demand["demand"].tolist() == [5, 5, 5, 0, 0, 5, 5, 0, 0, 5, 0, 0]
    assert validated.demand["price"].tolist() == [2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4]
    assert validated.demand["promo"].tolist() == [1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1]
    filled = [3, 4, 7, 8, 10, 11]
    assert (validated.demand["event"].iloc[filled] == "fair").all()
    assert validated.demand["event"].iloc[2] is None  # of a row that the source has, it stays unknown
    demand_schema(of).validate(validated.demand)


@pytest.mark.parametrize("driver", [PRICE, PROMO, EVENT])
def test_a_driver_that_is_missing_where_nothing_was_sold_is_told_and_completed(driver):
    demand = [0.0, 6.0, 7.0] * 14
    value = {"price": 2.0, "promo": 1, "event": "fair"}[driver["name"]]
    rows = raw(days(42), demand, **{driver["name"]: [None if units == 0 else value for units in demand]})

    validated = validate(rows, dataset(drivers=(driver,)))

    assert validated.problem == ""
    assert validated.counts[f"unknown:{driver['name']}"] == 14
    assert (validated.demand[driver["name"]] == value).all()
    assert f"{driver['name']} is missing in 14 days of which demand is known" in validated.notices[0]
    assert f"deliver the driver {driver['name']} for every day, sold or not" in validated.notices[0]


def test_a_default_that_contradicts_the_past_is_told_with_the_cure():
    promo = {**PROMO, "future": "given", "default": False}
    rows = raw(days(60), promo=["no", *["yes"] * 11] * 5)

    told, fits = (validate(rows, dataset(drivers=({**promo, "default": default},))).notices
                  for default in (False, True))

    assert fits == ()
    assert told[0].startswith("promo is planned as “no”, but 55 of its last 60 days were “yes”")
    assert "future = 'known'" in told[0]


def test_the_page_says_that_a_default_contradicts_the_past():
    promo = {**PROMO, "future": "given", "default": False}
    of = dataset(drivers=(promo,))
    validated = validate(raw(days(60), promo=["no", *["yes"] * 11] * 5), of)

    _, sentences = future_drivers(validated.demand, of, 7)

    assert sentences == ("promo: “no” is planned unless a scenario says otherwise, but 55 of its last 60 days were "
                         "“yes”.",)


def test_refused_demand_is_no_gap_to_be_filled():
    validated = validate(raw(days(60), demand=[5.0, -1.0, *[5.0] * 58]), dataset(gaps="zero"))

    assert np.isnan(demand_on(validated, "2024-01-02"))


def test_leading_periods_without_demand_are_left_out_and_counted():
    validated = validate(raw(days(60), demand=[None, None, *[5.0] * 58]))

    assert validated.demand["date"].iloc[0] == pd.Timestamp("2024-01-03")
    assert validated.counts["leading_unknown"] == 2


@pytest.mark.parametrize(("value", "expected"), [
    (1, 1.0), ("0", 0.0), (True, 1.0), ("false", 0.0), ("Yes", 1.0), ("no", 0.0), ("t", 1.0), ("F", 0.0), ("", np.nan)])
def test_yes_and_no_are_read_in_many_spellings(value, expected):
    rows = raw(days(60), promo=pd.Series([value, *["no"] * 59], dtype=object))

    validated = validate(rows, dataset(drivers=(PROMO,)))

    np.testing.assert_equal(validated.demand["promo"].iloc[0], expected)
    assert validated.quarantine.empty


@pytest.mark.parametrize(("driver", "value", "rule"), [
    (PROMO, "maybe", "driver_not_yes_no"), (PROMO, "0.5", "driver_not_yes_no"), (PRICE, "cheap", "driver_not_a_number"),
    (PRICE, "inf", "driver_infinite")])
def test_a_driver_that_cannot_be_read_is_unknown_and_demand_stays(driver, value, rule):
    rows = raw(days(60), **{driver["name"]: [value, *["1"] * 59]})

    validated = validate(rows, dataset(drivers=(driver,)))

    refusal = only_refusal(validated)
    assert (refusal["column"], refusal["rule"], refusal["value"]) == (driver["name"], rule, value)
    assert np.isnan(validated.demand[driver["name"]].iloc[0])
    assert validated.demand["demand"].iloc[0] == 5


def test_missing_drivers_stay_unknown_and_are_counted():
    validated = validate(raw(days(60), price=[np.nan, *[9.0] * 59]), dataset(drivers=(PRICE,)))

    assert np.isnan(validated.demand["price"].iloc[0])
    assert validated.counts["unknown:price"] == 1


def test_categories_stay_text():
    rows = raw(days(60), event=pd.Series([7, 7.0, " fair ", "", None, *["fair"] * 55], dtype=object))

    validated = validate(rows, dataset(drivers=(EVENT,)))

    assert validated.demand["event"].tolist()[:6] == ["7", "7", "fair", None, None, "fair"]


def test_one_bad_region_item_leaves_its_neighbour_alone():
    rows = pd.concat([raw(days(60), demand="rubbish"), raw(days(60), demand="5", region_item=TOASTER)])

    kettle, toaster = validate_panel(rows, dataset(), [KETTLE, TOASTER], None, TODAY)

    assert kettle.demand is None
    assert toaster.problem == ""
    assert toaster.demand["demand"].tolist() == [5.0] * 60


def test_outcomes_do_not_depend_on_who_else_is_in_the_panel():
    kettle, toaster = raw(days(60), demand=[9e9, *[3.0] * 59]), raw(days(50), demand=700.0, region_item=TOASTER)
    together = validate_panel(pd.concat([kettle, toaster]), dataset(), [KETTLE, TOASTER], None, TODAY)[0]

    alone = validate(kettle)

    pd.testing.assert_frame_equal(alone.demand, together.demand)
    pd.testing.assert_frame_equal(alone.quarantine, together.quarantine)


def test_raw_demand_without_a_declared_driver_names_the_cure():
    with pytest.raises(RawDemandError, match=r"price.*materialise `raw_demand` again"):
        validate(raw(days(60)), dataset(drivers=(PRICE,)))


def with_calendar(frequency: str = "D", drivers: tuple[dict[str, Any], ...] = (), **rules: Any) -> Dataset:
    """A dataset with German holidays and a fair in a table."""
    plain = dataset(frequency, drivers, **rules).model_dump(by_alias=True)
    return Dataset.model_validate(plain | {"calendar": {
        "holidays": "DE", "days_before": 0, "days_after": 0, "events": [{"name": "fair", "path": "fairs.csv"}]}})


class TestCalendar:
    """What a calendar makes stands in demand, as far as forecasts reach."""

    def test_known_one_horizon_ahead(self):
        """Of past and future, in the order of the drivers; other drivers stay unknown ahead."""
        of = with_calendar(drivers=(PRICE,))
        validated = validate(raw(days(80, "2024-01-05"), price=9.0), of)

        assert list(validated.demand.columns) == ["date", "demand", "price", "holiday", "fair"]
        assert len(validated.demand) == 80 + of.horizon
        assert validated.demand["demand"].notna().sum() == validated.demand["price"].notna().sum() == 80
        assert validated.demand.loc[validated.demand["holiday"] == 1, "date"].astype(str).tolist() == ["2024-03-29"]
        assert validated.demand["fair"].isna().all()
        assert future_drivers(validated.demand, of, of.horizon)[1] == (
            "price is not known for 7 of 7 periods: the last known value is repeated.",
            "fair is not known for 7 of 7 periods: “no” is assumed.")

    def test_events_that_were_read(self):
        """They are handed in."""
        tables = {"fair": (Event(date(2024, 1, 3), date(2024, 1, 4)),)}
        found = validate_panel(raw(days(60)), with_calendar(), [KETTLE], None, TODAY, tables)[0]

        assert found.demand["fair"].tolist() == [0, 0, 1, 1] + [0] * 63

    def test_gaps_and_rows_ahead(self):
        """A day without a row is what it is by the calendar; rows of the source further ahead stay."""
        planned = raw(days(100), [5.0] * 80 + [np.nan] * 20, price=9.0)
        found = validate(planned.drop(index=range(10, 20)), with_calendar(drivers=(PRICE,)))
        assert len(found.demand) == 100
        assert found.demand["holiday"].notna().all()
        filled = validate(raw(days(60)), with_calendar(gaps="zero"), last_date="2024-03-25")
        assert str(filled.demand["date"].iloc[-1].date()) == "2024-04-01"
        assert filled.demand["holiday"].tolist()[-4:] == [1, 0, 0, 1]
        assert filled.demand["demand"].notna().sum() == 85

    def test_not_sold_yet(self):
        """A planned region-item has its calendar from the first period on."""
        found = validate(raw(days(3, "2024-04-01"), np.nan, price=9.0), with_calendar(drivers=(PRICE,)), "2024-03-25")
        assert str(found.demand["date"].iloc[0].date()) == "2024-03-25"
        assert len(found.demand) == 10  # to the source's last row
        assert found.demand["holiday"].tolist()[:8] == [0, 0, 0, 0, 1, 0, 0, 1]

    @pytest.mark.parametrize(("frequency", "first", "holidays"), [
        ("W", "2024-01-03", [0, 0]), ("W", "2023-12-25", [2, 1]), ("M", "2023-12-01", [2, 1])])
    def test_weeks_and_months(self, frequency: str, first: str, holidays: list[float]):
        """Weeks as the region-item dates them."""
        step = {"W": "7D", "M": "MS"}[frequency]
        dates = [str(day.date()) for day in pd.date_range(first, periods=20 if frequency == "W" else 6, freq=step)]
        found = validate(raw(dates), with_calendar(frequency))
        assert found.demand["holiday"].tolist()[:2] == holidays
        assert len(found.demand) == len(dates) + 7
