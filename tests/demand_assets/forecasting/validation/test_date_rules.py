"""How dates are read: time zones, spellings, calendars of weeks and months."""

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from tests.demand_assets.forecasting.raw_demand import dataset, days, raw, validate


def weeks(count, start="2023-01-05"):
    return [str(day.date()) for day in pd.date_range(start, periods=count, freq="7D")]


def months(count, start="2021-01-01", freq="MS"):
    return [str(day.date()) for day in pd.date_range(start, periods=count, freq=freq)]


@pytest.mark.parametrize("spelling", [
    "2024-01-01", "20240101", 20240101, "2024/01/01", "2024.1.1", " 2024-01-01 ", "2024-01-01T00:00:00",
    "2024-01-01 13:45", "2024-01-01T23:30:00Z", "2024-01-01 00:30:00+09:00", "2024-01-01 10:00:00 UTC",
    date(2024, 1, 1), datetime(2024, 1, 1, 5), datetime(2024, 1, 1, 23, tzinfo=UTC), pd.Timestamp("2024-01-01"),
    np.datetime64("2024-01-01")])
def test_the_local_date_as_it_is_written_counts(spelling):
    validated = validate(raw([spelling], demand=5.0), dataset())

    assert validated.quarantine.empty
    assert validated.counts["periods"] == 1


def test_stamps_with_a_time_zone_keep_their_wall_clock_date():
    stamps = pd.date_range("2024-01-01 23:30", periods=60, tz="America/New_York")

    validated = validate(raw(list(range(60))).assign(date=stamps))

    assert validated.demand["date"].tolist() == list(pd.date_range("2024-01-01", periods=60))


def test_of_dates_with_and_without_a_time_zone_the_rarer_are_refused():
    validated = validate(raw([*days(59), "2024-02-29T00:00:00+01:00"]))

    assert validated.quarantine["rule"].tolist() == ["mixed_time_zones"]
    assert validated.counts["periods"] == 59


@pytest.mark.parametrize("spelling", [
    "yesterday", "31/01/2024", "2024-02-30", "2024-13-01", "", None, "0001-01-01", "9999-12-31", 45292, 1.5,
    "2024-01", datetime(9999, 12, 31)])
def test_what_is_no_date_is_refused(spelling):
    dates = pd.Series([*days(60), spelling], dtype=object)

    validated = validate(raw(list(range(61))).assign(date=dates))

    assert validated.quarantine["rule"].tolist() == ["unreadable_date"]
    assert validated.quarantine["row"].tolist() == [61]
    assert validated.problem == ""


def test_dates_outside_the_range_of_nanoseconds_are_refused():
    dates = np.array([*days(60), "9999-12-31"], dtype="datetime64[s]")

    assert validate(raw(list(range(61))).assign(date=dates)).quarantine["rule"].tolist() == ["unreadable_date"]


def test_another_spelling_is_read_when_the_dataset_file_names_it():
    dates = [day.strftime("%d/%m/%Y") for day in pd.date_range("2024-01-01", periods=60)]

    validated = validate(raw(dates), dataset(columns={"date_format": "%d/%m/%Y"}))

    assert validated.demand["date"].iloc[-1] == pd.Timestamp("2024-02-29")


@pytest.mark.parametrize("stray", ["1970-01-01", "2024-06-30"])
def test_a_row_years_away_from_all_others_is_refused(stray):
    validated = validate(raw([stray, *days(60, "2020-01-01")]))

    assert validated.quarantine["rule"].tolist() == ["stray_date"]
    assert validated.demand["date"].tolist() == list(pd.date_range("2020-01-01", periods=60))


def test_weeks_keep_the_weekday_of_the_data():
    validated = validate(raw(weeks(60)), dataset("W"))

    assert validated.demand["date"].dt.day_name().unique().tolist() == ["Thursday"]
    assert len(validated.demand) == 60


def test_a_date_on_another_weekday_is_refused():
    validated = validate(raw([*weeks(60), "2024-03-01"]), dataset("W"))

    assert validated.quarantine["rule"].tolist() == ["off_weekday"]
    assert "is a Friday" in validated.quarantine["message"].iloc[0]
    assert validated.problem == ""


def test_weeks_of_the_iso_calendar_are_read():
    dates = [f"2023-W{week:02}" for week in range(1, 53)]

    assert validate(raw(dates), dataset("W")).demand["date"].iloc[0] == pd.Timestamp("2023-01-02")


@pytest.mark.parametrize("dates", [
    months(30), months(30, freq="ME"), [text[:7] for text in months(30)], [text[:7].replace("-", "") for text in
                                                                         months(30)],
    [int(text[:7].replace("-", "")) for text in months(30)]])
def test_months_are_dated_on_their_first_day(dates):
    validated = validate(raw(dates), dataset("M"))

    assert validated.demand["date"].tolist() == list(pd.date_range("2021-01-01", periods=30, freq="MS"))


@pytest.mark.parametrize(("dates", "frequency", "words"), [
    (days(100), "W", "look like daily"), (days(100), "M", "look like daily"), (weeks(60), "D", "look like weekly"),
    (weeks(60), "M", "look like weekly"), (months(30), "D", "look like monthly"),
    (months(30), "W", "look like monthly")])
def test_another_frequency_than_the_datasets_is_named(dates, frequency, words):
    validated = validate(raw(dates), dataset(frequency))

    assert words in validated.problem
    assert validated.demand is None


def half_swapped(dates):
    """The dates as a spreadsheet of another country reads them: with day and month changed where they can be."""
    return [f"{date[:4]}-{date[8:]}-{date[5:7]}" if int(date[8:]) <= 12 else date for date in dates]


@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("count", [60, 400])
def test_dates_of_which_half_have_day_and_month_changed_are_told(in_order, count):
    dates = days(count, "2023-01-05")[::1 if in_order else -1]

    assert "Day and month have changed places in its dates up to the 12th" in validate(raw(half_swapped(dates))).problem
    assert validate(raw(dates)).problem == ""


def test_dates_in_no_order_are_no_swapped_ones():
    shuffled = sorted(days(200, "2023-01-05"), key=lambda date: date[::-1])

    assert validate(raw(shuffled)).problem == ""


def test_hours_are_named():
    stamps = [str(stamp) for stamp in pd.date_range("2024-01-01", periods=24 * 40, freq="h")]

    problem = validate(raw(stamps)).problem

    assert "several rows a day" in problem
    assert "Sum demand to daily values" in problem
    assert "set rules.several_rows = 'sum'" in problem


def test_hours_are_put_together_where_that_is_declared_also_where_clocks_change():
    hours = pd.date_range("2024-03-01", "2024-04-09 23:00", freq="h", tz="Europe/Berlin")

    validated = validate(raw([stamp.isoformat() for stamp in hours]), dataset(several_rows="sum"))

    assert validated.problem == ""
    assert validated.demand.set_index("date")["demand"].loc[["2024-03-30", "2024-03-31", "2024-04-01"]].tolist() == [
        5.0 * 24, 5.0 * 23, 5.0 * 24]


def test_working_days_are_daily_demand_with_gaps():
    dates = [str(day.date()) for day in pd.bdate_range("2024-01-01", periods=80)]

    validated = validate(raw(dates))

    assert validated.problem == ""
    assert validated.counts["unknown_periods"] == validated.counts["periods"] - 80


@pytest.mark.parametrize(("longer", "times"), [(months(12, "2022-01-01"), 30), (weeks(12, "2023-01-02"), 7)])
def test_sums_of_longer_periods_among_days_are_told(longer, times):
    """As of a file of another frequency in the folder."""
    rows = raw([*longer, *days(200, "2024-01-01")], [*(5.0 * times for _ in longer), *[5.0] * 200])
    alike = raw([*longer, *days(200, "2024-01-01")], 5.0)
    settings = {"gaps": "zero", "unknown_share": 1.0}

    problem = validate(rows, dataset(**settings)).problem

    assert f"and are {times} times as large as those of single days: sums of longer periods" in problem
    assert validate(alike, dataset(**settings)).problem == ""


def test_a_stall_that_was_open_on_saturdays_alone_has_days_and_no_weeks():
    rows = raw([*weeks(20, "2023-08-05"), *days(200, "2024-01-01")], [*[20.0] * 20, *[5.0] * 200])

    assert validate(rows, dataset(gaps="zero", unknown_share=1.0)).problem == ""
