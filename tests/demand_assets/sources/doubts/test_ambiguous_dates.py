import re
from datetime import date, datetime, timedelta

import pandas as pd
import pytest

from demand_assets.forecasting.contract.source import SourceError
from demand_assets.sources import open_source
from tests.demand_assets.sources.shop import file_dataset


class TestWeeksAndMonths:
    def source(self, path, dates, frequency, **columns):
        lines = [f"n,7,{day},{place}" for place, day in enumerate(dates)]
        path.write_text("\n".join(["shop,article,day,sold", *lines]))
        return open_source(file_dataset(path, columns, drivers=False, frequency=frequency))

    @pytest.mark.parametrize("form", ["{0}-{1:02}", "{0}{1:02}", "{0}-{1}", "{1:02}.{0}", "{0}/{1:02}", "{0} {1:02}"])
    def test_months_in_a_file_of_weeks_are_refused_and_each_piece_of_advice_works(self, tmp_path, form):
        dates = [form.format(year, month) for year in (2023, 2024) for month in range(1, 13)]
        path = tmp_path / "a.csv"

        with pytest.raises(SourceError, match="may be a month or a week") as refused:
            self.source(path, dates, "W").catalogue()
        month, week = re.search(r"frequency = 'M'(?: and columns.date_format = '([^']+)')? .*, or "
                                r"columns.date_format = '([^']+)'", str(refused.value)).groups()

        assert self.source(path, dates, "M", date_format=month).catalogue().last_date == pd.Timestamp("2024-12-01")
        assert self.source(path, dates, "W", date_format=week).catalogue().last_date == pd.Timestamp("2024-03-18")

    @pytest.mark.parametrize("form", ["{0}-{1:02}", "{0}{1:02}", "{1}.{0}"])
    def test_a_number_above_12_settles_it_and_one_slip_of_the_pen_does_not(self, tmp_path, form):
        weeks, months = ([form.format(2024, number) for number in range(1, last)] for last in (15, 13))

        assert self.source(tmp_path / "a.csv", weeks, "W").catalogue().last_date == pd.Timestamp("2024-04-01")
        with pytest.raises(SourceError, match="may be a month or a week"):
            self.source(tmp_path / "a.csv", [*months, form.format(2024, 22)], "W").catalogue()
        with pytest.raises(SourceError, match="they look like weeks"):
            self.source(tmp_path / "a.csv", weeks, "M").catalogue()
        assert self.source(tmp_path / "a.csv", [*months, form.format(2024, 22)], "M").catalogue().last_date == (
            pd.Timestamp("2024-12-01"))

    @pytest.mark.parametrize("form", ["{0}-{1:02}", "{0}{1:02}", "{1:02}.{0}"])
    @pytest.mark.parametrize("frequency", ["W", "M"])
    def test_thirteen_periods_in_each_year_are_refused(self, tmp_path, form, frequency):
        dates = [form.format(year, number) for year in (2022, 2023, 2024) for number in range(1, 14)]

        with pytest.raises(SourceError, match="periods of four weeks, no ") as refused:
            self.source(tmp_path / "a.csv", dates, frequency).catalogue()

        if frequency == "W":
            advice = re.search(r"date_format = '([^']+)'", str(refused.value))[1]
            assert self.source(tmp_path / "a.csv", dates, "W", date_format=advice).catalogue().last_date == (
                pd.Timestamp("2024-03-25"))

    def test_one_period_too_many_is_a_slip_of_the_pen(self, tmp_path):
        dates = [f"{year}-{month:02}" for year in (2022, 2023) for month in range(1, 13)]

        found = self.source(tmp_path / "a.csv", [*dates[:12], "2022-13", *dates[12:]], "M").catalogue()

        assert found.last_date == pd.Timestamp("2023-12-01")

    @pytest.mark.parametrize("form", ["{0}-{1}", "{0}/{1}", "{1}.{0}"])
    def test_quarters_without_a_q_are_no_months(self, tmp_path, form):
        dates = [form.format(year, quarter) for year in range(2020, 2025) for quarter in range(1, 5)]

        with pytest.raises(SourceError, match="may be a month or a quarter") as refused:
            self.source(tmp_path / "a.csv", dates, "M").catalogue()
        advice = re.search(r"date_format = '([^']+)'", str(refused.value))[1]

        assert self.source(tmp_path / "a.csv", dates, "M", date_format=advice).catalogue().last_date == (
            pd.Timestamp("2024-04-01"))
        as_quarters = [f"{year}-Q{quarter}" for year in range(2020, 2025) for quarter in range(1, 5)]
        assert self.source(tmp_path / "a.csv", as_quarters, "Q").catalogue().last_date == pd.Timestamp("2024-10-01")

    def test_first_months_of_years_are_months_where_they_are_written_so(self, tmp_path):
        for dates in ([f"{year}-{month:02}" for year in (2022, 2023, 2024) for month in range(1, 5)],
                      [f"{year}-{month}" for year in (2022, 2023, 2024) for month in range(1, 6)]):
            assert self.source(tmp_path / "a.csv", dates, "M").catalogue().last_date.year == 2024

    @pytest.mark.parametrize(("form", "written"), [
        ("{0}-W{1:02}", None), ("{0}{1:02}", None), ("{1:02}/{0}", None), ("{0}-{1:02}", "%G-%V")])
    def test_a_week_53_that_several_years_do_not_have_is_of_another_calendar(self, tmp_path, form, written):
        dates = [form.format(year, week) for year in (2022, 2023) for week in range(1, 54)]
        named = {"date_format": written} if written else {}

        with pytest.raises(SourceError, match="whose year 2022 has 52"):
            self.source(tmp_path / "a.csv", dates, "W", **named).catalogue()
        assert self.source(tmp_path / "a.csv", dates[:-1], "W", **named).catalogue().last_date == (
            pd.Timestamp("2023-12-25"))
        of_2020 = [form.format(year, week) for year in (2020, 2026) for week in range(1, 54)]
        assert self.source(tmp_path / "a.csv", of_2020, "W", **named).catalogue().region_items

    def test_weeks_that_say_so_are_read(self, tmp_path):
        dates = [f"2024-W{week:02}" for week in range(1, 9)]

        assert self.source(tmp_path / "a.csv", dates, "W").catalogue().last_date == pd.Timestamp("2024-02-19")

    def test_weeks_dated_on_their_last_day_are_shown_by_their_first(self, tmp_path):
        dates = [str(day.date()) for day in pd.date_range("2024-01-07", periods=9, freq="7D")]

        found = self.source(tmp_path / "a.csv", dates, "W", week_dated="last_day")

        assert found.catalogue().last_date == pd.Timestamp("2024-02-26")

    def test_days_and_months_in_two_orders_are_refused_and_one_slip_of_the_pen_is_not(self, tmp_path):
        days = [f"{day:02}/01/2024" for day in range(1, 32)]
        american = [f"02/{day:02}/2024" for day in range(1, 29)]

        with pytest.raises(SourceError, match=r"as '02/13/2024', are none as '%d/%m/%Y'.*date_format = '%m/%d/%Y'"):
            self.source(tmp_path / "a.csv", [*days, *american], "D", date_format="%d/%m/%Y").catalogue()
        assert self.source(tmp_path / "a.csv", american, "D", date_format="%m/%d/%Y").catalogue().last_date == (
            pd.Timestamp("2024-02-28"))
        assert self.source(tmp_path / "a.csv", [*days, "02/13/2024"], "D", date_format="%d/%m/%Y").catalogue(
            ).last_date == pd.Timestamp("2024-01-31")


@pytest.mark.parametrize(("frequency", "texts", "lost"), [
    ("M", ["2023.9", "2023.1", "2023.11", "2023.12", "2024.1"], "2023.1"),
    ("W", ["2024.8", "2024.9", "2024.1", "2024.11", "2024.13", "2024.14"], "2024.1")])
def test_months_and_weeks_that_have_lost_a_zero_are_refused(tmp_path, frequency, texts, lost):
    """2024.10 as a number is 2024.1, as January is."""
    def write(values):
        lines = [f"{text},north,7,{place}" for place, text in enumerate(values)]
        (tmp_path / "a.csv").write_text("\n".join(["day,shop,article,sold", *lines]))
        return open_source(file_dataset(tmp_path / "a.csv", drivers=False, frequency=frequency))

    with pytest.raises(SourceError, match=f"'{lost}' may be {lost} or {lost}0"):
        write(texts).catalogue()
    assert write([text.replace(".", "-") for text in texts]).catalogue().region_items
    assert write(["2023.51", "2023.52", "2024.1"] if frequency == "W" else ["2023.11", "2024.1", "2024.2"]).catalogue()


class TestMonthsTakenForDays:
    """As a spreadsheet program of another country does it: what it can take for a date becomes one, the rest stays."""

    def half_taken(self, count, as_cell):
        days = [date(2024, 1, 1) + timedelta(days=place * 37 % count) for place in range(count)]  # in no order
        return [as_cell(datetime(2024, day.day, day.month)) if day.day <= 12 else f"{day:%m/%d/%Y}" for day in days]

    def source(self, path, dates, date_format, frequency="D"):
        table = pd.DataFrame({"shop": "n", "article": "7", "day": pd.Series(dates, dtype=object),
                              "sold": range(1, len(dates) + 1)})
        (table.to_excel if path.suffix == ".xlsx" else table.to_csv)(path, index=False)
        return open_source(file_dataset(path, {"date_format": date_format} if date_format else {}, drivers=False,
                                        frequency=frequency))

    @pytest.mark.parametrize("date_format", [None, "%m/%d/%Y", "%d.%m.%Y"])
    @pytest.mark.parametrize(("name", "as_cell"), [
        ("a.xlsx", lambda cell: cell), ("a.csv", lambda cell: f"{cell:%d.%m.%Y}"), ("a.csv", str),
        ("a.csv", lambda cell: f"{cell:%Y-%m-%d}")])
    def test_it_is_told(self, tmp_path, name, as_cell, date_format):
        dates = self.half_taken(60, as_cell)

        with pytest.raises(SourceError, match="has taken months for days"):
            self.source(tmp_path / name, dates, date_format).catalogue()

    def test_dates_that_are_written_in_two_ways_are_none(self, tmp_path):
        days = [date(2024, 1, 1) + timedelta(days=place) for place in range(60)]
        dates = [str(day) if place % 2 else f"{day:%m/%d/%Y}" for place, day in enumerate(days)]

        assert self.source(tmp_path / "a.csv", dates, "%m/%d/%Y").catalogue().last_date == pd.Timestamp("2024-02-29")

    def test_months_that_are_dated_on_their_first_and_on_their_last_day_are_none(self, tmp_path):
        dates = [f"2024-{month:02}-01" for month in range(1, 9)] + ["30.09.2024", "31.10.2024"]

        assert self.source(tmp_path / "a.csv", dates, "%d.%m.%Y", "M").catalogue().last_date == (
            pd.Timestamp("2024-10-01"))
