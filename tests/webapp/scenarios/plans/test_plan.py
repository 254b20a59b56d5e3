"""Plans of drivers as planners send them: what is read, and what is told of everything that cannot be."""

import io
import random
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from openpyxl import Workbook

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from tests.webapp.conftest import KETTLE, ODD
from webapp.scenarios.plans.plan import DriverPlan, PlanRow, named_region_items, plan_text, read_plan
from webapp.scenarios.plans.plan_files import MOST_BYTES, PlanFileError, text_of_rows, text_of_upload, value_of
from webapp.scenarios.plans.workbook import MOST_ROWS, cells_or_words

FIRST = date(2026, 7, 1)
DAYS = [FIRST + timedelta(days) for days in range(14)]
DATES = {KETTLE.key: DAYS, ODD.key: DAYS}


def read(dataset: Dataset, text: str, dates: dict[str, list[date]] = DATES) -> DriverPlan:
    return read_plan(text, dataset, dates)


def only_error(plan: DriverPlan) -> tuple[int, str, str]:
    assert len(plan.errors) == 1, plan.errors
    assert plan.rows == ()
    return plan.errors[0].line, plan.errors[0].column, plan.errors[0].problem


def excel(rows: Sequence[Sequence[Any]]) -> bytes:
    book, written = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(written)
    return written.getvalue()


@pytest.mark.parametrize("text", ["2026-Q3", "2026q3", "2026-07-01", "01.07.2026"])
def test_a_quarter_may_be_named(dataset: Dataset, text: str) -> None:
    quarterly = dataset.model_copy(update={"frequency": "Q"})

    [row] = read(quarterly, f"date,price\n{text},9\n", {KETTLE.key: [date(2026, 7, 1), date(2026, 10, 1)]}).rows

    assert (row.date, row.values) == (date(2026, 7, 1), {"price": 9.0})


@pytest.mark.parametrize("text", [
    "region,item,date,price,promo\nnorth,kettle,2026-07-02,9.90,yes\n",
    "\ufeffRegion;Item;Date;Price (€);Promo\r\nnorth;kettle;02.07.2026;9,90;1\r\n",
    "region\titem\tdate\tprice\tpromo\nNorth\tKETTLE\t2026-07-02\t9.90 €\tTRUE",
    '"region","item","date","price","promo"\n"north","kettle","2026-07-02","9,90","yes"\n',
    "region;item;date;price;promo\nnorth;kettle;02.07.2026;9,90;Oui\n",
    "\n\npromo,price,date,item,region,\n1,9.9,2026-07-02 00:00:00, kettle ,north,\n,,,,,\n",
    "region,item,date,price,promo\nnorth,kettle,2026-07-02,9.90,yes" + "\n,,,," * 500_000,
    "region,item,date,price,promo\nnorth,kettle,2026-07-02,9.90,yes" + "\n" + "," * 1_000_000,
])
def test_the_usual_spellings_mean_the_same(dataset: Dataset, text: str) -> None:
    plan = read(dataset, text)

    assert plan.errors == ()
    assert plan.rows == (PlanRow(KETTLE.key, date(2026, 7, 2), {"price": 9.9, "promo": True}),)
    assert plan.rows[0].values["promo"] is True


def test_excel_is_read_as_it_looks(dataset: Dataset) -> None:
    content = excel([["Region", "Item", "Date", "price", "promo", "shelf"],
                     ["north", "kettle", datetime(2026, 7, 2), 9.9, True, "front"], [],
                     [ODD.region, ODD.item, date(2026, 7, 3), 12, None, "=1+1"]])

    plan = read(dataset, text_of_upload(content, "plan.xlsx"))

    assert plan.errors == ()
    assert [row.values for row in plan.rows] == [
        {"price": 9.9, "promo": True, "shelf": "front"}, {"price": 12.0}]  # a formula that was never computed is blank
    assert [row.key for row in plan.rows] == [KETTLE.key, ODD.key]


def test_lines_of_excel_are_counted_as_excel_counts_them(dataset: Dataset) -> None:
    content = excel([["region", "item", "date", "price"], [], ["north", "kettle", "2026-07-02", "cheap"]])

    assert only_error(read(dataset, text_of_upload(content, "plan.xlsx")))[:2] == (3, "price")


def test_blank_cells_change_nothing(dataset: Dataset) -> None:
    plan = read(dataset, "region,item,date,price,promo\nnorth,kettle,2026-07-02,,no\nnorth,kettle,2026-07-03,,\n")

    assert plan.rows == (PlanRow(KETTLE.key, date(2026, 7, 2), {"promo": False}),)


def test_what_the_selection_has_one_of_may_be_left_out(dataset: Dataset) -> None:
    plan = read(dataset, "date,price\n2026-07-02,9\n", {KETTLE.key: DAYS})

    assert plan.rows[0].key == KETTLE.key


def test_a_plan_written_as_text_is_read_as_it_was(dataset: Dataset) -> None:
    rows = (PlanRow(KETTLE.key, DAYS[0], {"price": 9.125, "promo": False}),
            PlanRow(ODD.key, DAYS[1], {"shelf": 'top "left"', "price": 1234.567}))

    assert read(dataset, plan_text(rows)).rows == rows


@pytest.mark.parametrize(("cells", "column", "words"), [
    ("south,kettle,2026-07-02,9,,", "region", "The selection has no such region"),
    ("north,toaster,2026-07-02,9,,", "item", "It has kettle. Write one of them"),
    (f"north,{ODD.item},2026-07-02,9,,", "item", "not in the selection"),
    ("north,kettle,2026-06-30,9,,", "date", "runs from 2026-07-01 to 2026-07-14"),
    ("north,kettle,2026-07-15,9,,", "date", "runs from 2026-07-01 to 2026-07-14"),
    ("north,kettle,07/02/2026,9,,", "date", "Write the date as 2026-01-31"),
    ("north,kettle,,9,,", "date", "Write the date as 2026-01-31"),
    ("north,kettle,2026-07-02,cheap,,", "price", "Write a number"),
    ("north,kettle,2026-07-02,-4,,", "price", "Write a price above 0"),
    ("north,kettle,2026-07-02,nan,,", "price", "Write a number"),
    ("north,kettle,2026-07-02,inf,,", "price", "Write a number"),
    ("north,kettle,2026-07-02,1e99,,", "price", "at most 1,000,000,000,000"),
    ("north,kettle,2026-07-02,1_000,,", "price", "Write a number"),
    ('north,kettle,2026-07-02,"1,234",,', "price", "could mean 1234 or 1.2340"),
    ("north,kettle,2026-07-02,,maybe,", "promo", "Write yes or no"),
    (f"north,kettle,2026-07-02,,,{'x' * 201}", "shelf", "at most 200 characters"),
    ("north,kettle,2026-07-02,9,90,front,more", "", "The line has 7 cells, the first line 6"),
])
def test_each_wrong_cell_is_told_with_what_is_allowed(dataset: Dataset, cells: str, column: str, words: str) -> None:
    line, told, problem = only_error(read(dataset, f"region,item,date,price,promo,shelf\n{cells}\n"))

    assert (line, told) == (2, column)
    assert words in problem


@pytest.mark.parametrize(("delimiter", "cell", "value"), [
    (",", '"1,234.50"', 1234.5), (";", "1.234,50", 1234.5), (";", "1,2340", 1.234), ("\t", "0,125", 0.125),
    ("\t", "1 234 567", 1234567.0), (",", ".5", 0.5), ("\t", "1.2340", 1.234),
])
def test_numbers_with_marks_are_read_where_they_can_mean_one_thing(dataset: Dataset, delimiter: str, cell: str,
                                                                 value: float) -> None:
    lines = [["region", "item", "date", "price"], ["north", "kettle", "2026-07-02", cell]]
    plan = read(dataset, "\n".join(delimiter.join(line) for line in lines))

    assert plan.rows[0].values == {"price": value}


@pytest.mark.parametrize("delimiter", [";", "\t"])
@pytest.mark.parametrize(("cells", "values"), [
    (["1.365", "12.5"], [1.365, 12.5]), (["1.365", "1.234,5"], [1365.0, 1234.5]), (["1,365", "0,99"], [1.365, 0.99]),
    (["1.365", "2.000.000"], [1365.0, 2000000.0]), (["1,365 €", "0,99 €"], [1.365, 0.99]),
    (["1,365", "9.5"], [1365.0, 9.5])])
def test_the_whole_column_settles_which_mark_stands_before_decimals(dataset: Dataset, delimiter: str, cells: list[str],
                                                                   values: list[float]) -> None:
    lines = [["region", "item", "date", "price"],
             *(["north", "kettle", f"2026-07-0{day}", cell] for day, cell in enumerate(cells, 2))]
    plan = read(dataset, "\n".join(delimiter.join(line) for line in lines))

    assert [row.values["price"] for row in plan.rows] == values


@pytest.mark.parametrize("delimiter", [";", "\t"])
@pytest.mark.parametrize(("cell", "others"), [("1.365", ["503"]), ("1,365", []), ("1.365", ["0.5", "2,5"])])
def test_what_the_column_does_not_settle_is_refused_and_each_reading_is_read(
        dataset: Dataset, delimiter: str, cell: str, others: list[str]) -> None:
    def text(*cells: str) -> str:
        lines = [["region", "item", "date", "price"],
                 *(["north", "kettle", f"2026-07-0{day}", one] for day, one in enumerate(cells, 2))]
        return "\n".join(delimiter.join(line) for line in lines)

    problem = read(dataset, text(cell, *others)).errors[0].problem

    assert "could mean 1365 or 1.3650" in problem
    for word, value in (("1365", 1365.0), ("1.3650", 1.365)):
        assert read(dataset, text(word, *others)).rows[0].values == {"price": value}


def test_a_plan_that_was_read_is_written_so_that_it_reads_the_same(dataset: Dataset) -> None:
    plan = read(dataset, "region\titem\tdate\tprice\nnorth\tkettle\t2026-07-02\t1.3650\n")

    assert read(dataset, plan_text(plan.rows)).rows == plan.rows


@pytest.mark.parametrize("text", ["-3", "−3"])
def test_what_is_no_price_may_be_below_zero(dataset: Dataset, text: str) -> None:
    temperature = dataset.driver("price").model_copy(update={"name": "temperature"})

    assert value_of(text, temperature, dataset, ",") == -3.0


def test_the_same_cell_set_twice_is_refused_and_says_where(dataset: Dataset) -> None:
    plan = read(dataset, "region,item,date,price\nnorth,kettle,2026-07-02,9\nnorth,kettle,2026-07-02,8\n")

    assert [(error.line, error.column) for error in plan.errors] == [(3, "price")]
    assert "Line 2 sets it already" in plan.errors[0].problem
    assert (len(plan.rows), plan.refused) == (1, 1)


def test_good_rows_are_kept_apart_from_wrong_ones(dataset: Dataset) -> None:
    plan = read(dataset, "region,item,date,price,promo\nnorth,kettle,2026-07-02,9,\nnorth,kettle,2026-07-03,x,y z\n")

    assert [row.date for row in plan.rows] == [date(2026, 7, 2)]
    assert (len(plan.errors), plan.refused) == (2, 1)


def test_an_unknown_column_is_told_and_the_others_can_be_used(dataset: Dataset) -> None:
    plan = read(dataset, "region,item,date,price,weather\nnorth,kettle,2026-07-02,9,sun\n")

    assert (plan.errors[0].line, plan.errors[0].column) == (1, "weather")
    assert "Allowed are region, item, date, price, promo, shelf" in plan.errors[0].problem
    assert len(plan.rows) == 1


@pytest.mark.parametrize(("text", "words"), [
    ("region,item,price\nnorth,kettle,9\n", "lacks the column date"),
    ("date,price\n2026-07-02,9\n", "lacks the columns region and item"),
    ("region,item,date\nnorth,kettle,2026-07-02\n", "lacks a column for a driver"),
    ("region,item,date,price,Price (€)\nnorth,kettle,2026-07-02,9,9\n", "mean the same"),
    ("north;kettle;2026-07-02;9,90\n", "The first line must name the columns"),
    ("region,item,date,price\n" + "north,kettle,2026-07-02,9\n" * (MOST_ROWS + 1), "At most 20,000 rows"),
    ("region," * 61 + "\n", "at most 60 are read"),
    ('region,item,date,price\n"' + "x" * 200_000, "cannot be read"),
    ("region,item,date,price\n" + '""\n' * 1_000_000, "At most 200,000 lines"),
    ("region,item,date,price\n" + "\n" * 1_000_000 + "north,kettle,2026-07-02,9\n", "At most 200,000 lines"),
    ("region,item,date,price\n" + "," * 1_000_000 + "9\n", "1,000,001 columns"),
    ("region" + ",region" * 1_000_000 + "\n", "at most 60 are read"),
])
def test_a_plan_without_columns_to_go_by_is_refused(dataset: Dataset, text: str, words: str) -> None:
    with pytest.raises(PlanFileError, match=words):
        read(dataset, text)


@pytest.mark.parametrize(("content", "words"), [
    (b"\x00\x01\x02\x03", "neither text nor an Excel file"),
    (b"\x89PNG\r\n\x1a\n\x00\x00", "neither text nor an Excel file"),
    (b"\xd0\xcf\x11\xe0" + b"\x00" * 600, "old or an encrypted Excel file"),
    (b"PK\x03\x04broken", "no Excel file that can be read"),
    (b"PAR1" + b"\x00" * 20 + b"PAR1", "a Parquet file; plans are read as CSV or Excel"),
    (b"x" * (MOST_BYTES + 1), "at most 5 MB are read"),
])
def test_a_file_of_another_kind_is_refused_in_words(content: bytes, words: str) -> None:
    with pytest.raises(PlanFileError, match=words):
        text_of_upload(content, "plan.bin")


def test_a_file_that_unpacks_to_very_much_is_not_unpacked() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("xl/worksheets/sheet1.xml", b"0" * 110_000_000)

    with pytest.raises(PlanFileError, match="110 MB once unpacked"):
        text_of_upload(packed.getvalue(), "plan.xlsx")


def test_text_in_other_encodings_is_read(dataset: Dataset) -> None:
    text = f"region;item;date;price\n{ODD.region};{ODD.item};2026-07-02;9\n"

    for encoding in ("utf-8", "utf-8-sig", "cp1252", "utf-16"):
        assert read(dataset, text_of_upload(text.encode(encoding), "plan.csv")).rows[0].key == ODD.key


def test_damaged_files_are_never_more_than_refused(dataset: Dataset) -> None:
    whole = excel([["region", "item", "date", "price"]] + [["north", "kettle", day, 9.5] for day in DAYS])
    chance = random.Random(7)

    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(chance.choice((1, 3, 30))):
            damaged[chance.randrange(4, len(damaged))] = chance.randrange(256)
        size = chance.choice((len(damaged), len(damaged) // 2))
        found = cells_or_words(bytes(damaged[:size]))  # any error fails
        if isinstance(found, str):
            continue
        with suppress(PlanFileError):
            plan = read(dataset, text_of_rows(found))
            assert len(plan.rows) + plan.refused <= len(DAYS)


def test_any_text_is_either_read_or_refused(dataset: Dataset) -> None:
    chance = random.Random(11)
    pieces = ["region", "item", "date", "price", "promo", "north", "kettle", "2026-07-02", '"', ",", ";", "\t", "\n",
              "\r", "=1+1", "−", "\x0c", "9,9", "1e400", "ß", "\u2028", "''", "0", "yes", "\ufeff"]

    for _ in range(500):
        text = "".join(chance.choice(pieces) for _ in range(chance.randrange(60)))
        header = "region,item,date,price\n" if chance.random() < 0.5 else ""
        with suppress(PlanFileError):  # any other error fails
            plan = read(dataset, header + text)
            assert all(row.values for row in plan.rows)


HEADER = "region,item,date,price,promo,shelf"


@pytest.mark.parametrize(("wrong", "told", "mended"), [
    ("south,kettle,2026-07-02,9,,", "Write one of them", "north,kettle,2026-07-02,9,,"),
    ("north,toaster,2026-07-02,9,,", "It has kettle. Write one of them", "north,kettle,2026-07-02,9,,"),
    (f"north,{ODD.item},2026-07-02,9,,\nnorth,kettle,2026-07-02,9,,", "The dataset has no such region-item",
     "north,kettle,2026-07-02,9,,"),
    ("north,kettle,2026-06-30,9,,", "runs from 2026-07-01 to 2026-07-14", "north,kettle,2026-07-01,9,,"),
    ("north,kettle,2026-07-15,9,,", "runs from 2026-07-01 to 2026-07-14", "north,kettle,2026-07-14,9,,"),
    ("north,kettle,07/02/2026,9,,", "as 2026-01-31 or 31.01.2026", "north,kettle,02.07.2026,9,,"),
    ("north,kettle,2026-02-30,9,,", "There is no such date", "north,kettle,2026-07-02,9,,"),
    ("north,kettle,31.06.2026,9,,", "There is no such date", "north,kettle,02.07.2026,9,,"),
    ("north,kettle,2026-07-02,cheap,,", "a number such as 9.90 or 9,90", 'north,kettle,2026-07-02,"9,90",,'),
    ("north,kettle,2026-07-02,-4,,", "Write a price above 0", "north,kettle,2026-07-02,0.01,,"),
    ("north,kettle,2026-07-02,1e99,,", "at most 1,000,000,000,000", "north,kettle,2026-07-02,1000000000000,,"),
    ('north,kettle,2026-07-02,"1,234",,', "could mean 1234 or 1.2340", "north,kettle,2026-07-02,1.2340,,"),
    ('north,kettle,2026-07-02,"1,234",,', "could mean 1234 or 1.2340", "north,kettle,2026-07-02,1234,,"),
    ("north,kettle,2026-07-02,,maybe,", "Write yes or no (or 1 or 0)", "north,kettle,2026-07-02,,0,"),
    (f"north,kettle,2026-07-02,,,{'x' * 201}", "at most 200 characters", f"north,kettle,2026-07-02,,,{'x' * 200}"),
    ("north,kettle,2026-07-02,9,90,front,more", "Put cells that contain a delimiter in quotes",
     'north,kettle,2026-07-02,"9,90",,front'),
    ("north,kettle,2026-07-02,9,,\nnorth,kettle,2026-07-02,8,,", "leave one of them out",
     "north,kettle,2026-07-02,8,,"),
])
def test_what_a_message_about_a_cell_advises_works(dataset: Dataset, wrong: str, told: str, mended: str) -> None:
    def is_in_dataset(key: str) -> bool:
        return key != RegionItem("north", ODD.item).key

    first = read_plan(f"{HEADER}\n{wrong}\n", dataset, DATES, is_in_dataset)
    then = read_plan(f"{HEADER}\n{mended}\n", dataset, DATES, is_in_dataset)

    assert told in first.errors[0].problem
    assert then.errors == ()
    assert len(then.rows) == 1


@pytest.mark.parametrize(("wrong", "told", "mended"), [
    ("region,item,price\nnorth,kettle,9", "it lacks the column date",
     "region,item,date,price\nnorth,kettle,2026-07-02,9"),
    ("date,price\n2026-07-02,9", "it lacks the columns region and item",
     "region,item,date,price\nnorth,kettle,2026-07-02,9"),
    ("region,item,date,colour\nnorth,kettle,2026-07-02,red", "it lacks a column for a driver that is changed",
     "region,item,date,shelf\nnorth,kettle,2026-07-02,red"),
    ("region,item,date,price,Price\nnorth,kettle,2026-07-02,9,9", "mean the same; leave one out",
     "region,item,date,price\nnorth,kettle,2026-07-02,9"),
    ("north,kettle,2026-07-02,9", "The first line must name the columns",
     "region,item,date,price\nnorth,kettle,2026-07-02,9"),
    (",".join(["region,item,date,price", *map(str, range(60))]), "Leave out those that name no driver",
     "region,item,date,price\nnorth,kettle,2026-07-02,9"),
    (f"{HEADER}\n" + "north,kettle,2026-07-02,9,,\n" * (MOST_ROWS + 1), "Split it into two scenarios",
     f"{HEADER}\nnorth,kettle,2026-07-02,9,,\n"),
    (f"{HEADER}\nnorth,kettle,2026-07-02,9,,\"{'x' * 140_000}", "an unclosed quote",
     f"{HEADER}\nnorth,kettle,2026-07-02,9,,\n"),
])
def test_what_a_message_about_a_whole_plan_advises_works(dataset: Dataset, wrong: str, told: str, mended: str) -> None:
    with pytest.raises(PlanFileError) as error:
        read(dataset, wrong)

    assert told in str(error.value)
    assert read(dataset, mended).errors == ()
    assert len(read(dataset, mended).rows) == 1


def test_an_unknown_column_is_told_and_the_plan_works_without_it(dataset: Dataset) -> None:
    wrong = read(dataset, "region,item,date,price,colour\nnorth,kettle,2026-07-02,9,red\n")

    assert "Without it, the other columns can be used" in wrong.errors[0].problem
    assert read(dataset, "region,item,date,price\nnorth,kettle,2026-07-02,9\n").errors == ()


@pytest.mark.parametrize(("text", "expected"), [
    ("region,item,date,price\nNorth,KETTLE,2026-07-02,9\n", [KETTLE.key]),
    (f'Item;Price;Region;Date\n"{ODD.item}";9;{ODD.region};2026-07-02\nkettle;9;north;2026-07-02\n',
     [ODD.key, KETTLE.key]),
    ("region,item,date,price\nnorth,toaster,2026-07-02,9\n", []),
    ("date,price\n2026-07-02,9\n", []),
    ("region,item,date\n\u00a0north\u200b,kettle\u202f,2026-07-02\n", [KETTLE.key]),
    ("region,item\n", []),
])
def test_a_plan_names_its_region_items(dataset: Dataset, text: str, expected: list[str]) -> None:
    assert named_region_items(text, dataset, [KETTLE.key, ODD.key]) == expected


def test_where_the_dataset_has_one_region_or_item_a_plan_need_not_name_it(dataset: Dataset) -> None:
    assert named_region_items("date,price\n2026-07-02,9\n", dataset, [KETTLE.key]) == [KETTLE.key]
