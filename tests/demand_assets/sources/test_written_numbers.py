"""Numbers as text: the whole column settles which mark is which, or it is refused, and the advice works."""

import re

import pandas as pd
import pytest

from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.validation.written.values import read_numbers
from demand_assets.sources import open_source
from tests.demand_assets.sources.shop import NORTH_7, dataset, file_dataset


def written(folder, values, name="a.csv"):
    lines = [f"north;7;2024-01-{day:02};{value}" for day, value in enumerate(values, start=1)]
    (folder / name).write_text("\n".join(["shop;article;day;sold", *lines]), encoding="utf-8")
    return folder / name


def read(path, **source):
    return open_source(file_dataset(path, drivers=False, **source)).read([NORTH_7])["demand"].tolist()


@pytest.mark.parametrize("space", [" ", "\u00a0", "\u202f", "\u2009", "'", "\u2019"])
@pytest.mark.parametrize("mark", [".", ","])
@pytest.mark.parametrize("thousands", [None, " ", "'"])
def test_spaces_and_apostrophes_between_groups_of_three_digits_are_read(tmp_path, space, mark, thousands):
    path = written(tmp_path, [f"1{space}234{mark}5", f"12{space}345{space}678", "9", f"-2{space}000{mark}25"])

    assert read(path, thousands=thousands) == [1234.5, 12345678, 9, -2000.25]


@pytest.mark.parametrize(("values", "expected"), [
    (["1,234.5", "1,000"], [1234.5, 1000]), (["1.234,5", "1.000"], [1234.5, 1000]), (["12,5", "1.000"], [12.5, 1000]),
    (["1,234,567", "1,000"], [1234567, 1000]), (["0,250", "1,250"], [0.25, 1.25]), (["0.250", "1.250"], [0.25, 1.25]),
    (["1.5", "1,234"], [1.5, 1234]), (["12345,678", "1,234"], [12345.678, 1.234]), (["1.25", "1.375"], [1.25, 1.375])])
def test_one_value_settles_the_column(tmp_path, values, expected):
    assert read(written(tmp_path, values)) == expected


def test_one_file_settles_the_column_of_all(tmp_path):
    written(tmp_path, ["1.000", "2.000"], "1.csv")
    written(tmp_path, ["1.234,5"], "2.csv")

    assert read(tmp_path) == [1000, 2000, 1234.5]


@pytest.mark.parametrize(("mark", "other"), [(".", ","), (",", ".")])
def test_another_file_does_not_settle_a_file_of_another_country(tmp_path, mark, other):
    written(tmp_path, [f"5{mark}500", f"12{mark}250"], "1.csv")
    written(tmp_path, [f"5{other}5"], "2.csv")

    with pytest.raises(SourceError, match=re.escape(f"'5{mark}500' may be 5500 or 5.500")):
        read(tmp_path)
    assert read(tmp_path, thousands=mark) == [5500, 12250, 5.5]


def test_files_of_two_countries_are_read_where_every_value_is_clear(tmp_path):
    written(tmp_path, ["5.5", "1,234.5"], "1.csv")
    written(tmp_path, ["5,5", "1.234,25", "1.234.567"], "2.csv")

    assert list(map(float, read(tmp_path))) == [5.5, 1234.5, 5.5, 1234.25, 1234567]


@pytest.mark.parametrize("mark", [".", ","])
@pytest.mark.parametrize("others", [["503"], ["503", "abc"], []])
def test_what_may_be_either_is_refused_and_each_piece_of_advice_works(tmp_path, mark, others):
    path = written(tmp_path, [f"1{mark}365", *others])

    with pytest.raises(SourceError, match=re.escape(f"'1{mark}365' may be 1365 or 1.365")) as refused:
        read(path)
    advice = dict(re.findall(r"source\.(thousands|decimal) = '(.)'", str(refused.value)))

    assert float(read(path, thousands=advice["thousands"])[0]) == 1365
    assert float(read(path, decimal=advice["decimal"])[0]) == 1.365


def test_drivers_are_held_to_it_too(tmp_path):
    (tmp_path / "a.csv").write_text("shop,article,day,sold,price,offer\nnorth,7,2024-01-01,1,1.365,no\n"
                                    "north,7,2024-01-02,1,503,no\n")

    with pytest.raises(SourceError, match="column 'price'"):
        open_source(file_dataset(tmp_path / "a.csv")).catalogue()


def test_parquet_with_numbers_as_text_is_held_to_it(tmp_path):
    table = pd.DataFrame({"shop": "north", "article": "7", "day": ["2024-01-01", "2024-01-02"], "sold": ["1.365", "5"]})
    table.to_parquet(tmp_path / "a.parquet")

    with pytest.raises(SourceError, match="column 'sold'"):
        read(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", thousands=".") == ["1365", "5"]


def test_a_mark_cannot_be_both():
    with pytest.raises(ValueError, match="only one of them"):
        dataset({"kind": "file", "path": "a.csv", "decimal": ",", "thousands": ","})


def test_where_both_are_decimal_marks_what_may_be_either_is_no_number(tmp_path):
    assert read(written(tmp_path, ["1.5", "2,5", "1.234"])) == [
        "1.5", "2.5", "1.234 (may be two numbers: point and comma both stand before decimals here)"]


@pytest.mark.parametrize("sign", ["-", "\u2212", "+"])
def test_a_sign_settles_nothing(tmp_path, sign):
    with pytest.raises(SourceError, match="nothing in the column settles it"):
        read(written(tmp_path, [f"{sign}1.234", "9"]))


@pytest.mark.parametrize("form", ["-{0}", "−{0}", "–{0}", "- {0}", "{0}-", "{0} −", "({0})"])
@pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet"])
def test_a_minus_is_read_wherever_it_is_written(tmp_path, form, suffix):
    path = tmp_path / f"a.{suffix}"
    values = ["1.500,00", "12", "7,5", "3"]
    table = pd.DataFrame({"shop": "north", "article": "7", "day": [f"2024-01-0{day}" for day in range(1, 8)],
                          "sold": [*map(form.format, values), *values[:3]]})
    {"csv": table.to_csv, "xlsx": table.to_excel, "parquet": table.to_parquet}[suffix](path, index=False)

    assert list(map(float, read(path))) == [-1500, -12, -7.5, -3, 1500, 12, 7.5]


@pytest.mark.parametrize(("values", "expected"), [
    (["12,-", "7,50"], [12, 7.5]), (["12.–", "7.50"], [12, 7.5]), (["12,--", "1.234,-"], [12, 1234]),
    (["12,- €", "-7,50 €"], [12, -7.5]), (["CHF 12.–", "CHF 7.50"], [12, 7.5]), (["12,- Stk", "7"], [12, 7]),
    (["-12,-", "12,50-"], [-12, -12.5])])
def test_a_dash_in_place_of_decimals_is_no_minus(tmp_path, values, expected):
    assert read(written(tmp_path, values)) == expected


@pytest.mark.parametrize("form", ["{0} €", "€{0}", "{0}EUR", "CHF {0}", "R$ {0}", "{0} zł", "₺{0}", "Rs. {0}",
                                  "{0}\u202f$"])
@pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet"])
def test_amounts_of_one_currency_are_numbers(tmp_path, form, suffix):
    path = tmp_path / f"a.{suffix}"
    values = ["1.500,00", "12", "7,5", "-3,20", "0"]
    table = pd.DataFrame({"shop": "north", "article": "7", "day": [f"2024-01-0{day}" for day in range(1, 7)],
                          "sold": 1, "offer": "no", "price": [*map(form.format, values), "8,10"]})
    {"csv": table.to_csv, "xlsx": table.to_excel, "parquet": table.to_parquet}[suffix](path, index=False)

    prices = open_source(file_dataset(path)).read([NORTH_7])["price"]

    assert list(map(float, prices)) == [1500, 12, 7.5, -3.2, 0, 8.1]


def test_amounts_of_two_currencies_are_refused(tmp_path):
    written(tmp_path, ["9,90 €", "8,50 EUR"], "1.csv")
    assert read(tmp_path) == [9.9, 8.5]

    written(tmp_path, ["$9.90"], "2.csv")
    with pytest.raises(SourceError, match=r"column 'sold' holds amounts in 2 currencies \(EUR, USD\)"):
        read(tmp_path)


def test_what_is_no_number_in_brackets_stays_as_it_is(tmp_path):
    assert read(written(tmp_path, ["(a)", "3-4", "12-x", "-", "()"])) == ["(a)", "3-4", "12-x", "-", "()"]


def test_text_that_is_stored_once_for_many_rows_is_text_all_the_same(tmp_path):
    table = pd.DataFrame({"shop": "north", "article": "7", "day": pd.date_range("2024-01-01", periods=3),
                          "sold": pd.Categorical(["1.234", "9", "9"])})
    table.to_parquet(tmp_path / "a.parquet")

    with pytest.raises(SourceError, match="nothing in the column settles it"):
        read(tmp_path / "a.parquet")
    assert list(map(float, read(tmp_path / "a.parquet", thousands="."))) == [1234, 9, 9]


def test_both_marks_before_three_digits_are_told_with_what_each_entry_makes_of_them(tmp_path):
    path = written(tmp_path, ["1.234", "2,345"])

    with pytest.raises(SourceError) as refused:
        read(path)
    advice = re.findall(r"thousands = '(.)'[^']*if they are (\S+) and ([\d.]+\d)", str(refused.value))

    assert [mark for mark, *_ in advice] == [".", ","]
    for mark, one, other in advice:
        assert read(path, thousands=mark) == [float(one), float(other)]


def test_a_column_that_cannot_have_the_declared_thousands_has_decimals(tmp_path):
    (tmp_path / "a.csv").write_text("shop;article;day;sold;price;offer\nnorth;7;2024-01-01;1.234;9.99;no\n"
                                    "north;7;2024-01-02;5;12.5;no\nnorth;7;2024-01-03;7;1.365;no\n")

    table = open_source(file_dataset(tmp_path / "a.csv", thousands=".")).read([NORTH_7])

    assert table["demand"].tolist() == [1234, 5, 7]
    assert [str(value) for value in table["price"]][:2] == ["9.99", "12.5"]
    assert "may be two numbers" in str(table["price"].iloc[2])


def test_groups_of_two_digits_as_in_india_are_read(tmp_path):
    assert read(written(tmp_path, ["1,23,456", "12,345", "1,23,45,678.50"])) == [123456, 12345, 12345678.5]


@pytest.mark.parametrize(("values", "expected"), [
    (["١٢٣٤", "٥"], [1234, 5]), (["۱٬۲۳۴٫۵", "۶"], [1234.5, 6]), (["１，２３４．５", "７"], [1234.5, 7]),
    (["१२", "१३.५"], [12, 13.5]),
    (['"=""12"""', '"=""1.234,5"""'], [12, 1234.5])])
@pytest.mark.parametrize("is_parquet", [False, True])
def test_digits_of_other_scripts_and_numbers_written_as_formulas_are_read(tmp_path, values, expected, is_parquet):
    path = written(tmp_path, values)
    if is_parquet:
        table = pd.read_csv(path, sep=";", dtype=str)
        path = tmp_path / "a.parquet"
        table.to_parquet(path)

    assert [float(value) for value in read(path)] == expected


def test_what_is_no_number_keeps_its_digits(tmp_path):
    assert read(written(tmp_path, ["٣ kettles", "4"])) == ["3 kettles", "4"]


@pytest.mark.parametrize("written_so", [
    "0x10", "0XFF", "-0x10", "nan(1)", "1_000", "0b11", "½", "²", "①", "Ⅻ", "--5", "+-5", "1.2.3", "1e", "12+", "<5",
    "ca. 12", "1/2", "1:30", "12k", "TRUE", "12 %", "1f"])
@pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet", "json"])
def test_what_is_no_number_in_one_reader_is_none_in_any(tmp_path, written_so, suffix):
    path = tmp_path / f"a.{suffix}"
    table = pd.DataFrame({"shop": "north", "article": "7", "day": [f"2024-01-0{day}" for day in range(1, 4)],
                          "sold": ["5", written_so, "7"]})
    {"csv": lambda: table.to_csv(path, index=False), "xlsx": lambda: table.to_excel(path, index=False),
     "parquet": lambda: table.to_parquet(path), "json": lambda: table.to_json(path, orient="records")}[suffix]()

    numbers, is_none = read_numbers(pd.Series(read(path), dtype=object))

    assert is_none.tolist() == [False, True, False]
    assert numbers[[0, 2]].tolist() == [5, 7]


@pytest.mark.parametrize(("grouped", "decimals", "mark"), [
    (["740", "1.517", "2.183"], ["41.25", "7.5"], "."), (["1,517"], ["41,25", "7"], ",")])
def test_a_file_with_three_digits_behind_the_mark_alone_is_not_read_by_the_decimals_of_others(
        tmp_path, grouped, decimals, mark):
    written(tmp_path, grouped, "a.csv")
    written(tmp_path, decimals, "b.csv")

    with pytest.raises(SourceError, match="before three digits only") as refused:
        read(tmp_path)
    advice = re.search(r"source\.decimal = '(.)'", str(refused.value))[1]

    assert advice == mark
    assert read(tmp_path, decimal=advice)[:len(grouped)] == [float(value.replace(",", ".")) for value in grouped]


@pytest.mark.parametrize("others", [["0.250", "7.5"], ["1.125", "7.5"], ["7.125", "8.3333"]])
def test_three_decimals_that_other_files_have_too_are_decimals(tmp_path, others):
    written(tmp_path, ["1.517", "2"], "a.csv")
    written(tmp_path, others, "b.csv")

    assert read(tmp_path) == [1.517, 2, *map(float, others)]
