import csv
import io
from datetime import UTC, date, datetime

import pytest
from flask import Flask, Response
from openpyxl import load_workbook
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import UnprocessableEntity

from webapp.pages import download_files
from webapp.pages.download_files import Cell, file_of, requested_format

COLUMNS = ("Region", "Units", "Date", "Told at (UTC)")
AT = datetime(2026, 11, 23, 12, 30, 5, tzinfo=UTC)


def csv_rows(response: Response) -> list[list[str]]:
    response.direct_passthrough = False
    return list(csv.reader(io.StringIO(response.data.decode("utf-8-sig"))))


def sheet_of(response: Response) -> list[list[object]]:
    response.direct_passthrough = False
    return [list(row) for row in load_workbook(io.BytesIO(response.data)).active.iter_rows(values_only=True)]


@pytest.fixture(autouse=True)
def _request(app: Flask) -> object:
    with app.test_request_context("/", headers={"Accept-Language": "de"}):
        yield


def test_csv_has_iso_dates_decimal_points_and_empty_cells_for_what_is_unknown() -> None:
    response = file_of("csv", "demand", COLUMNS, [
        ("süd", 1234.5, date(2026, 6, 30), AT), ("x", float("nan"), None, None)])

    assert csv_rows(response) == [
        list(COLUMNS), ["süd", "1234.5", "2026-06-30", "2026-11-23T12:30:05Z"], ["x", "", "", ""]]
    assert response.mimetype == "text/csv"


def test_excel_gets_numbers_and_dates_as_such() -> None:
    response = file_of("xlsx", "demand", COLUMNS, [
        ("süd", 1234.5, date(2026, 6, 30), AT), ("x", float("nan"), 3, None)])

    heading, first, second = sheet_of(response)
    assert heading == list(COLUMNS)
    assert first == ["süd", 1234.5, datetime(2026, 6, 30), AT.replace(tzinfo=None)]
    assert second == ["x", None, 3, None]


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", " =1+1", "\t=1+1", "＝1+1"])
def test_what_a_spreadsheet_would_compute_stays_a_text(text: str) -> None:
    assert csv_rows(file_of("csv", "x", ("a",), [(text,)]))[1] == [f"'{text}"]

    response = file_of("xlsx", "x", ("a",), [(text,)])
    response.direct_passthrough = False
    cell = load_workbook(io.BytesIO(response.data)).active["A2"]
    assert (cell.data_type, cell.value, cell.quotePrefix) == ("s", text, True)


@pytest.mark.parametrize(("text", "written"), [
    ("a;=1+1", "a;'=1+1"), ("a; @SUM(A1);b", "a;' @SUM(A1);b"), ("a\n=1+1", "a\n'=1+1"), ("a\r\n+1+1", "a\r\n'+1+1"),
    ("=1;=2", "'=1;'=2"), ("-5;-6", "'-5;-6"), ("a;-5;b = c", "a;-5;b = c"), ("\r=1", "'\r'=1")])
def test_nor_does_what_stands_behind_what_separates_cells_elsewhere(text: str, written: str) -> None:
    assert csv_rows(file_of("csv", "x", ("a", "b"), [("north", text)]))[1] == ["north", written]


def test_a_heading_is_disarmed_too() -> None:
    assert csv_rows(file_of("csv", "x", ("=1+1",), []))[0] == ["'=1+1"]


@pytest.mark.parametrize("text", ["-5", "+3,5", "-1.5e3", "a=b", "north · kettle"])
def test_numbers_and_plain_words_are_left_as_they_are(text: str) -> None:
    assert csv_rows(file_of("csv", "x", ("a",), [(text,)]))[1] == [text]


def test_control_characters_do_not_break_an_excel_file() -> None:
    assert sheet_of(file_of("xlsx", "x", ("a",), [("a\x00b\x0bc",)]))[1] == ["a�b�c"]


def test_the_file_name_holds_nothing_that_a_file_system_refuses() -> None:
    response = file_of("csv", "../quarantine north/kettle: 50 %", ("a",), [])

    assert response.headers["Content-Disposition"] == "attachment; filename=quarantine-north-kettle-50.csv"


def test_more_rows_than_excel_takes_are_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_files, "MOST_EXCEL_ROWS", 2)
    rows: list[tuple[Cell]] = [(1,), (2,), (3,)]

    with pytest.raises(UnprocessableEntity, match="nehmen Sie CSV"):
        file_of("xlsx", "x", ("a",), rows)
    assert len(csv_rows(file_of("csv", "x", ("a",), rows))) == 4


def test_an_unknown_format_is_refused_with_those_there_are() -> None:
    assert requested_format(MultiDict()) is None
    assert requested_format(MultiDict({"format": "xlsx"})) == "xlsx"
    with pytest.raises(UnprocessableEntity, match="csv, xlsx"):
        requested_format(MultiDict({"format": "pdf"}))
