"""Plans as files or pasted text: rows of cells (CSV in the usual spellings, and Excel), and what a cell means;
what can mean two things is not guessed."""

import csv
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from demand_assets.forecasting.contract.dataset_file import Dataset
from demand_assets.forecasting.contract.drivers import Driver
from demand_assets.forecasting.contract.region_item import one_form
from webapp.pages.typed_numbers import TypedNumberError, read_number

MOST_ROWS = 20_000
MOST_COLUMNS = 60
MOST_BYTES = 5_000_000
MOST_UNPACKED = 100_000_000
"""Bytes that an Excel file may hold once unpacked."""
_BROKEN = (InvalidFileException, zipfile.BadZipFile, zlib.error, struct.error, SyntaxError, ValueError, TypeError,
           AttributeError, LookupError, ArithmeticError, AssertionError, EOFError, OSError, RuntimeError)
"""What openpyxl raises on files that are damaged, locked or made by hand; it has no error of its own for them."""

LARGEST_NUMBER = 1e12
LONGEST_CATEGORY = 200
_WRITTEN_DATE = re.compile(r"\d{4}-\d\d?-\d\d?|\d\d?\.\d\d?\.\d{4}|\d{4}/\d\d?/\d\d?")
_YES, _NO = ("1", "1.0", "yes", "true", "y", "ja"), ("0", "0.0", "no", "false", "n", "nein")

Value = float | bool | str


class PlanFileError(ValueError):
    """A file that cannot be read at all; the message says what is allowed."""


@dataclass(frozen=True)
class Cells:
    """A table as it was written."""

    rows: tuple[tuple[int, tuple[str, ...]], ...]
    """Line number and cells; lines without any are left out."""
    delimiter: str


def text_of_upload(content: bytes, name: str) -> str:
    """An uploaded file as the text that could have been pasted in its place; line numbers stay.

    Raises: PlanFileError: it is too large, or neither CSV nor Excel.
    """
    if len(content) > MOST_BYTES:
        raise PlanFileError(f"{name} has {len(content) / 1e6:.1f} MB; at most {MOST_BYTES / 1e6:g} MB are read. "
                            "Leave out columns and rows that change nothing.")
    if content[:4] == b"\xd0\xcf\x11\xe0":
        raise PlanFileError(f"{name} is an old or an encrypted Excel file. Save it as .xlsx without a password, or as "
                            "CSV.")
    if content[:2] == b"PK":
        return text_of_rows(_sheet(content, name))
    return _decoded(content, name)


def cells_of(text: str) -> Cells:
    """The cells of pasted text: tabs, semicolons or commas between them, whichever its first line has most.

    Raises: PlanFileError: it has too many rows or columns, or a cell without end.
    """
    lines = text.removeprefix("\ufeff")
    header = next((line for line in lines.splitlines() if line.strip()), "")
    delimiter = max("\t;,", key=header.count)
    rows: list[tuple[int, tuple[str, ...]]] = []
    reader = csv.reader(io.StringIO(lines, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            cells = tuple(one_form(cell) for cell in row)
            if not any(cells):
                continue
            if len(cells) > MOST_COLUMNS:
                raise PlanFileError(f"Line {reader.line_num} has {len(cells)} columns; at most {MOST_COLUMNS} are "
                                    "read. Leave out those that name no driver.")
            if len(rows) > MOST_ROWS:
                raise PlanFileError(f"There are more than {MOST_ROWS:,} rows; at most so many are read. Make two "
                                    "scenarios of it.")
            rows.append((reader.line_num, cells))
    except csv.Error as error:
        raise PlanFileError(f"Line {reader.line_num} cannot be read: {error}. Shorten its cells, and look for a quote "
                            "that nothing closes.") from error
    return Cells(tuple(rows), delimiter)


def text_of_rows(rows: Sequence[Sequence[str]]) -> str:
    """Rows as text that ``cells_of`` reads."""
    written = io.StringIO(newline="")
    csv.writer(written, delimiter="\t", lineterminator="\n").writerows(rows)
    return written.getvalue()


def _decoded(content: bytes, name: str) -> str:
    marks = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
    for encoding in (marks.get(content[:2], "utf-8-sig"), "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not any(ord(character) < 32 and character not in "\t\r\n\f" for character in text):
            return text
        break
    raise PlanFileError(f"{name} is neither text nor an Excel file (.xlsx). Save it as CSV (UTF-8) or as .xlsx.")


def _sheet(content: bytes, name: str) -> list[list[str]]:
    """The cells of the first sheet, as text."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            unpacked = sum(part.file_size for part in packed.infolist())
        if unpacked > MOST_UNPACKED:
            raise PlanFileError(f"{name} holds {unpacked / 1e6:.0f} MB once unpacked; at most {MOST_UNPACKED / 1e6:g} "
                                "MB are read. Save its first sheet as CSV.")
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        rows = [[_cell(value) for value in row] for row in _rows(book.worksheets[0].iter_rows(
            values_only=True, max_col=MOST_COLUMNS + 1), name)]
        width = max((place for row in rows for place, cell in enumerate(row, 1) if cell), default=0)
        return [row[:width] for row in rows]  # each was filled up to the last column that is read
    except PlanFileError:
        raise
    except _BROKEN as error:
        raise PlanFileError(f"{name} is no Excel file that can be read (.xlsx): {type(error).__name__}. Open it in "
                            "Excel and save it again, or save it as CSV.") from error


def _rows(rows: Iterator[tuple[object, ...]], name: str) -> Iterator[tuple[object, ...]]:
    """Not more rows and columns than are read; blank ones at the end are cut off, as Excel keeps many."""
    blank: list[tuple[object, ...]] = []
    count = 0
    for row in rows:
        count += 1
        if count > 10 * MOST_ROWS:
            return
        if all(value is None or value == "" for value in row):
            blank.append(())
            continue
        if count > MOST_ROWS + 1:
            raise PlanFileError(f"{name} has more than {MOST_ROWS:,} rows; at most so many are read.")
        yield from blank
        blank.clear()
        yield row[:MOST_COLUMNS + 1]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == datetime.min.time() else value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return " ".join(str(value).split())


class CellError(ValueError):
    """What is allowed in a cell, as a sentence."""


def date_of(text: str, monthly: bool) -> date:
    """A date as 2026-01-31 or 31.01.2026; of months as 2026-01 too."""
    text = text.removesuffix(" 00:00:00").removesuffix("T00:00:00")
    for form in ("%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d", *(("%Y-%m",) if monthly else ())):
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    if _WRITTEN_DATE.fullmatch(text):
        raise CellError("The calendar has no such day. Write one that it has.")
    raise CellError(f"Write the date as {'2026-01, ' if monthly else ''}2026-01-31 or 31.01.2026.")


def value_of(text: str, driver: Driver, dataset: Dataset, delimiter: str) -> Value:
    """The value of a cell for that driver."""
    if driver.kind == "yes_no":
        if text.casefold() not in _YES + _NO:
            raise CellError("Write yes or no (or 1 or 0).")
        return text.casefold() in _YES
    if driver.kind == "category":
        if len(text) > LONGEST_CATEGORY:
            raise CellError(f"A category has at most {LONGEST_CATEGORY} characters.")
        return text
    number = text.replace("−", "-")
    for unit in {dataset.currency, driver.unit} - {""}:
        number = number.removesuffix(unit).removeprefix(unit).strip()
    try:
        value = read_number(number, "," if delimiter == ";" else ".")
    except TypedNumberError as error:
        raise CellError(str(error)) from error
    if abs(value) > LARGEST_NUMBER:
        raise CellError(f"Write a number of at most {LARGEST_NUMBER:,.0f}.")
    if driver.name == dataset.price_driver and value <= 0:
        raise CellError("Write a price above 0.")
    return value
