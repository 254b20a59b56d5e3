import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.validation.written.dates import read_dates


def texts(*values):
    return pd.Series(list(values), dtype=object)


def test_a_text_is_read_by_the_frequency_each_time():
    found = {frequency: str(read_dates(texts("2024-05"), frequency).days[0]) for frequency in ("D", "W", "M", "D")}

    assert found == {"D": "NaT", "W": "2024-01-29", "M": "2024-05-01"}


def test_a_text_is_read_by_the_format_and_the_zone_each_time():
    assert str(read_dates(texts("03/04/2024"), "D", "%d/%m/%Y").days[0]) == "2024-04-03"
    assert str(read_dates(texts("03/04/2024"), "D", "%m/%d/%Y").days[0]) == "2024-03-04"
    assert str(read_dates(texts("2024-01-01T23:30Z"), "D").days[0]) == "2024-01-01"
    assert str(read_dates(texts("2024-01-01T23:30Z"), "D", time_zone="Europe/Berlin").days[0]) == "2024-01-02"


@pytest.mark.parametrize("value", ["1900-01-01", "1969-12-31", "1970-01-01", "2200-12-31"])
def test_days_far_from_today_are_what_they_are(value):
    assert str(read_dates(texts(value), "D").days[0]) == value


@pytest.mark.parametrize("written", ["KW 05/2024", "KW5 2024", "W05-2024", "S05-2024", "Sem. 5 2024", "Week 5, 2024",
                                     "Semana 5 de 2024", "Semaine 05/2024", "Woche 5 2024", "Uke 5 2024", "2024 KW 05",
                                     "2024-S05", "2024 Week 5", "v.5 2024", "2024v05", "Tydz. 5/2024"])
def test_weeks_with_a_word_before_their_number_are_read(written):
    assert str(read_dates(texts(written), "W").days[0]) == "2024-01-29"


@pytest.mark.parametrize(("written", "date_format"), [
    ("Mo, 03.03.2025", "%a, %d.%m.%Y"), ("Mo. 03.03.25", "%a %d.%m.%y"), ("Montag 03.03.2025", "%A %d.%m.%Y"),
    ("lun. 3 mars 2025", "%a %d %B %Y"), ("lunes 3 de marzo de 2025", "%A %d de %B de %Y"),
    ("mar. 04 mars 2025", "%a %d %B %Y"), ("Mon 03.03.2025", "%a %d.%m.%Y")])
def test_weekdays_before_a_date_are_read_over_in_other_languages(written, date_format):
    assert str(read_dates(texts(written), "D", date_format).days[0]) in ("2025-03-03", "2025-03-04")


def test_a_word_before_a_date_that_is_no_weekday_is_no_date():
    assert np.isnat(read_dates(texts("bis 03.03.2025"), "D", "%a %d.%m.%Y").days[0])


@pytest.mark.parametrize(("written", "frequency"), [("20240131.0", "D"), ("202401.0", "M"),
                                                    ("2024-01-31 00:00 +0000 UTC", "D"),
                                                    ("2024-01-31 00:00:00 UTC", "D")])
def test_dates_as_programs_write_them(written, frequency):
    assert str(read_dates(texts(written), frequency).days[0])[:7] == "2024-01"


@pytest.mark.parametrize("value", [1704067200, "1704067200", 1704067200000, "1704067200000", "1704067200000.0"])
def test_seconds_and_milliseconds_since_1970_are_stamps_in_utc(value):
    read = read_dates(texts(value), "D")

    assert str(read.days[0]) == "2024-01-01"
    assert read.has_zone[0]
    assert not read.has_time[0]
    assert str(read_dates(texts(1704063600000), "D", time_zone="Europe/Berlin").days[0]) == "2024-01-01"


@pytest.mark.parametrize("value", ["2024010100", "999999999", "1900000000", "17040672000", 1.5e9 + 0.5])
def test_other_long_numbers_are_no_stamps(value):
    assert str(read_dates(texts(value), "D").days[0]) == "NaT"


@pytest.mark.parametrize(("written", "date_format"), [
    ("2024-01-31 24:00", None), ("2024-01-31T24:00:00", None), ("20240131 24:00", None),
    ("31.01.2024 24:00", "%d.%m.%Y %H:%M"), ("31/01/2024 24.00.00", "%d/%m/%Y %H.%M.%S")])
def test_the_end_of_a_day_counts_for_it(written, date_format):
    read = read_dates(texts(written), "D", date_format)

    assert str(read.days[0]) == "2024-01-31"
    assert not read.has_time[0]


@pytest.mark.parametrize("written", ["2024-01-31 24:01", "2024-01-31 25:00", "2024-01-31 24:00:01"])
def test_other_times_that_no_clock_shows_are_none(written):
    assert str(read_dates(texts(written), "D").days[0]) == "NaT"


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Tongatapu", "Europe/Berlin"])
@pytest.mark.parametrize("kind", ["text", "text by a format", "cells", "stamps"])
def test_the_hour_at_midnight_in_utc_counts_on_the_day_that_it_is_there(zone, kind):
    """Over the days on which clocks change in America."""
    stamps = pd.date_range("2024-03-08", periods=96, freq="h")
    column = {"text": stamps.astype(str).to_series().astype(object),
              "text by a format": stamps.strftime("%d.%m.%Y %H.%M").to_series().astype(object),
              "cells": pd.Series(stamps.to_pydatetime(), dtype=object), "stamps": pd.Series(stamps)}[kind]

    found = read_dates(column, "D", "%d.%m.%Y %H.%M" if kind == "text by a format" else None, time_zone=zone).days

    assert found.tolist() == [stamp.date() for stamp in stamps.tz_localize("UTC").tz_convert(zone)]


@pytest.mark.parametrize("as_read", [lambda days: days.astype(str).to_series().astype(object), pd.Series])
def test_days_among_which_one_has_a_time_of_the_day_stay_days(as_read):
    days = pd.date_range("2024-01-01", periods=20).insert(20, pd.Timestamp("2024-01-21 03:00"))

    found = read_dates(as_read(days), "D", time_zone="America/New_York").days

    assert found.tolist() == [*(day.date() for day in days[:20]), pd.Timestamp("2024-01-20").date()]


@pytest.mark.parametrize(("written", "date_format", "day"), [
    ("2020-W53", "%Y-W%W", "NaT"), ("202053", "%Y%U", "NaT"), ("53/2020", "%W/%Y", "NaT"), ("2020-W52", "%Y-W%W",
     "2020-12-28"), ("2018-W53", "%Y-W%W", "2018-12-31"), ("2021-W00", "%Y-W%W", "2020-12-28")])
def test_a_week_that_its_year_has_not_is_not_the_first_of_the_next(written, date_format, day):
    assert str(read_dates(texts(written), "W", date_format).days[0]) == day


@pytest.mark.parametrize(("written", "frequency", "date_format", "day"), [
    ("٢٠٢٤-٠١-٣١", "D", None, "2024-01-31"), ("۲۰۲۴/۱/۳۱", "D", None, "2024-01-31"),
    ("２０２４／０１／３１", "D", None, "2024-01-31"),
    ("\u200f٣١/٠١/٢٠٢٤", "D", "%d/%m/%Y", "2024-01-31"), ("३१-०१-२०२४", "D", "%d-%m-%Y", "2024-01-31"),
    ("٢٠٢٤-٠٥", "M", None, "2024-05-01"), ("２０２４年５月", "M", "%Y年%m月", "2024-05-01"),
    ("٢٠٢٤-W٠٥", "W", None, "2024-01-29"), ("2024-01-31T２３：００", "D", None, "2024-01-31")])
def test_digits_of_any_script_are_read(written, frequency, date_format, day):
    assert str(read_dates(texts(written), frequency, date_format).days[0]) == day


@pytest.mark.parametrize(("written", "date_format"), [
    ("2024-01-31 9:30", None), ("2024-01-31T9:30:15", None), ("31 يناير 2024", "%d %B %Y"),
    ("Jan 31, 2024 9:15:00 AM PDT", "%b %d, %Y %I:%M:%S %p %Z"), ("31 Jan 2024 23:15:00 CET", "%d %b %Y %H:%M:%S %Z")])
def test_hours_of_one_digit_arabic_months_and_letters_of_a_zone_are_read(written, date_format):
    assert str(read_dates(texts(written), "D", date_format).days[0]) == "2024-01-31"


@pytest.mark.parametrize("written", ["2024-01-3²", "２０２４-½-01", "Ⅳ/2024"])
def test_what_is_no_digit_is_no_part_of_a_date(written):
    assert str(read_dates(texts(written), "D").days[0]) == "NaT"


@pytest.mark.parametrize(("written", "frequency", "said"), [
    ("2024-01-01/2024-01-07", "W", "is a span of days"), ("01.01.2024 - 07.01.2024", "W", "is a span of days"),
    ("01.–07.01.2024", "W", "is a span of days"), ("29.12.–04.01.2025", "W", "is a span of days"),
    ("2024-01-01 to 2024-01-31", "M", "is a span of days"),
    ("令和6年1月31日", "D", "years of an era"), ("R6.1.31", "D", "years of an era"),
    ("民國113/01/31", "D", "of an era"),
    ("2567-01-31", "D", "543 more"), ("31/01/2567", "D", "543 more"), ("1445/07/19", "D", "Persian calendars")])
@pytest.mark.parametrize("date_format", [None, "%d.%m.%Y"])
def test_what_no_format_reads_is_not_advised_to_have_one(written, frequency, said, date_format):
    read = read_dates(texts(written), frequency, date_format)

    assert said in read.problem[0]
    assert "date_format" not in read.problem[0]


@pytest.mark.parametrize("written", ["9999-12-31", "0001-01-01"])
def test_placeholders_are_of_no_other_calendar(written):
    assert "leave it empty" in read_dates(texts(written), "D").problem[0]


@pytest.mark.parametrize("written", ["31.01.2024", "01/31/2024", "2024年1月31日", "w/c 29/01/2024", "001.2024"])
def test_what_a_format_reads_is_advised_to_have_one(written):
    assert "columns.date_format" in read_dates(texts(written), "D").problem[0]


def test_milliseconds_as_services_of_microsoft_write_them_are_read():
    assert str(read_dates(texts("/Date(1706659200000)/"), "D").days[0]) == "2024-01-31"
