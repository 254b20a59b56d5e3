"""The catalogue of a source: totals among its rows are seen, and left out where the dataset file says so."""

import re

import pandas as pd
import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.sources import open_source
from tests.demand_assets.sources.shop import file_dataset


def table(regions, items, total_region=None, total_item=None):
    rows = pd.DataFrame([(region, item, f"2024-01-0{day}", 10 * place + 7 * other + day)
                         for place, region in enumerate(regions, 1) for other, item in enumerate(items, 1)
                         for day in (1, 2, 3)], columns=["shop", "article", "day", "sold"])
    if total_item:
        rows = pd.concat([rows, rows.groupby(["shop", "day"], as_index=False)["sold"].sum().assign(article=total_item)])
    if total_region:
        rows = pd.concat([rows, rows.groupby(["article", "day"], as_index=False)["sold"].sum().assign(
            shop=total_region)])
    return rows


def catalogue(path, rows, **rules):
    rows.to_csv(path / "a.csv", index=False)
    dataset = file_dataset(path / "a.csv", drivers=False)
    return open_source(dataset.model_copy(update={"rules": dataset.rules.model_copy(update=rules)})).catalogue()


@pytest.mark.parametrize("name", ["Total", "TOTAL", "Gesamt", "Grand total", "All items"])
def test_a_total_over_items_is_told(tmp_path, name):
    notices = catalogue(tmp_path, table(["a", "b"], ["x", "y"], total_item=name)).notices

    assert len(notices) == 1
    assert f"The item {name!r} is the sum of the others" in notices[0]
    assert f"rules.leave_out_items = [{name!r}]" in notices[0]


def test_a_total_over_regions_is_told(tmp_path):
    notices = catalogue(tmp_path, table(["a", "b"], ["x", "y"], total_region="All")).notices

    assert [notice.split(",")[0] for notice in notices] == ["The region 'All' is the sum of the others"]


def test_a_total_by_another_name_is_told_where_it_can_be_no_chance(tmp_path):
    notices = catalogue(tmp_path, table(["a"], ["v", "w", "x", "y"], total_item="9999")).notices

    assert "The item '9999'" in notices[0]


def test_the_advice_leaves_it_out(tmp_path):
    rows = table(["a", "b"], ["x", "y"], total_region="All", total_item="Total")

    found = catalogue(tmp_path, rows, leave_out_items=("Total",), leave_out_regions=("All",))

    assert found.notices == ()
    assert [one.key for one in found.region_items] == ["a|x", "a|y", "b|x", "b|y"]


def test_names_to_leave_out_have_one_form_and_those_that_are_none_are_told(tmp_path):
    rows = table(["a", "b"], ["x", "Caf\u00e9"])

    found = catalogue(tmp_path, rows, leave_out_items=("Cafe\u0301 ", "Totl"), leave_out_regions=("c",))

    assert [one.key for one in found.region_items] == ["a|x", "b|x"]
    assert [notice.split(",")[0] for notice in found.notices] == [
        "rules.leave_out_regions names 'c'", "rules.leave_out_items names 'Totl'"]


def test_a_brand_that_is_called_total_is_none(tmp_path):
    assert catalogue(tmp_path, table(["a", "b"], ["x", "y", "Total cereal"])).notices == ()


class TestNames:
    def written(self, path, *items):
        path.write_text("\n".join(["shop,article,day,sold", *(f"n,{item},2024-01-{day:02},{day}"
                                                              for day, item in enumerate(items, 1))]))

    @pytest.mark.parametrize("other", ["10.0", "10.00"])
    def test_a_number_is_one_name_however_its_files_write_it(self, tmp_path, other):
        self.written(tmp_path / "a.csv", other, "abc")
        self.written(tmp_path / "b.csv", "11", "12", "10")

        source = open_source(file_dataset(tmp_path, drivers=False))

        assert [one.item for one in source.catalogue().region_items] == ["10", "11", "12", "abc"]
        assert source.read([RegionItem("n", "10")])["demand"].tolist() == [1, 3]
        assert source.catalogue().notices == (f"The item '10' is also written {other!r}; both are read as '10'.",)

    def test_names_that_a_spreadsheet_has_shortened_are_left_out_and_told(self, tmp_path):
        self.written(tmp_path / "a.csv", "1.002E+17", "2E+11", "1E10", "7")

        found = open_source(file_dataset(tmp_path / "a.csv", drivers=False)).catalogue()

        assert [one.item for one in found.region_items] == ["1E10", "7"]
        assert all("Give the column the format text" in reason for *_, reason, _ in found.refused)

    def test_names_that_differ_in_zeros_or_capitals_only_are_told(self, tmp_path):
        self.written(tmp_path / "a.csv", "007", "7", "Pear", "PEAR", "apple")

        notice = open_source(file_dataset(tmp_path / "a.csv", drivers=False)).catalogue().notices[0]

        assert "'007' and '7'; 'PEAR' and 'Pear'." in notice

    def test_lines_below_the_table_are_no_region_items(self, tmp_path):
        self.written(tmp_path / "a.csv", *["7"] * 9)
        with (tmp_path / "a.csv").open("a") as file:
            file.write("\nTotal,all of them,,45\nSource: till,,,\n")

        found = open_source(file_dataset(tmp_path / "a.csv", drivers=False)).catalogue()

        assert [one.item for one in found.region_items] == ["7"]
        assert any("looks like a line below or above the table" in reason for *_, reason, _ in found.refused)


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


def test_headers_among_the_rows_are_no_region_item(tmp_path):
    part = "shop,article,day,sold\nnorth,7,2024-01-0{0},{0}\n"
    (tmp_path / "a.csv").write_text("".join(part.format(day) for day in range(1, 7)))

    catalogue = open_source(file_dataset(tmp_path / "a.csv", drivers=False)).catalogue()

    assert [one.key for one in catalogue.region_items] == ["north|7"]
    assert [reason for *_, reason, rows in catalogue.refused if rows == 5] == [
        "it is the header among the rows, as of files that were joined"]


def test_names_of_a_workbook_in_two_lines_are_read_and_dates_among_them_are_told(tmp_path):
    rows = [("north", name, f"2024-01-0{day}", day) for day in range(1, 4)
            for name in ("tea\n500 g", pd.Timestamp("2026-03-01"))]
    pd.DataFrame(rows, columns=["shop", "article", "day", "sold"]).to_excel(tmp_path / "a.xlsx", index=False)

    catalogue = open_source(file_dataset(tmp_path / "a.xlsx", drivers=False)).catalogue()

    assert [one.item for one in catalogue.region_items] == ["2026-03-01 00:00:00", "tea 500 g"]
    assert any("'2026-03-01 00:00:00' is a date in a spreadsheet" in notice for notice in catalogue.notices)
