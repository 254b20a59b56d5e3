"""Plans as files or pasted text: rows of cells (CSV in the usual spellings, and Excel), and what a cell means;
what can mean two things is not guessed."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from demand_assets.forecasting.contract.periods import Frequency
from demand_assets.forecasting.contract.region_item import one_form
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.validation.written.values import said_yes
from webapp.language.translations import gettext as _
from webapp.pages.reader_locale import number
from webapp.pages.typed_numbers import Mark, TypedNumberError, decimal_mark_of, read_number
from webapp.scenarios.plans.workbook import MOST_CHARACTERS, MOST_COLUMNS, MOST_ROWS, WorkbookError, read_workbook

MOST_BYTES = 5_000_000
LARGEST_NUMBER = 1e12
LONGEST_CATEGORY = 200
_QUARTER = re.compile(r"(\d{4})-?Q([1-4])", re.IGNORECASE)
_WRITTEN_DATE = re.compile(r"\d{4}-\d\d?-\d\d?|\d\d?\.\d\d?\.\d{4}|\d{4}/\d\d?/\d\d?")
MOST_LINES = 10 * MOST_ROWS
"""With the blank ones between the rows."""
_BLANK = " \t\r\n\f;,\xa0"
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f]")

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
        raise PlanFileError(_("%(name)s has %(size)s MB; at most %(most)s MB are read. Leave out columns and rows that "
                              "change nothing.", name=name, size=f"{len(content) / 1e6:.1f}",
                              most=f"{MOST_BYTES / 1e6:g}"))
    if content[:4] == b"\xd0\xcf\x11\xe0":
        raise PlanFileError(_("%(name)s is an old or an encrypted Excel file. Save it as .xlsx without a password, or "
                              "as CSV.", name=name))
    if content[:2] == b"PK":
        try:
            return text_of_rows(read_workbook(content, name))
        except WorkbookError as error:
            raise PlanFileError(str(error)) from error
    if content[:4] == b"PAR1":
        raise PlanFileError(_("%(name)s is a Parquet file; plans are read as CSV or Excel. Save it as CSV (UTF-8) or "
                              "as .xlsx.", name=name))
    return _decoded(content, name)


def cells_of(text: str) -> Cells:
    """The cells of pasted text: tabs, semicolons or commas between them, whichever its first line has most.

    Raises: PlanFileError: it is too long, has too many rows or columns, or a cell without end.
    """
    if len(text) > MOST_CHARACTERS:
        raise PlanFileError(_("The plan has %(num)s characters; at most %(most)s are read. Leave out rows and columns "
                              "that change nothing, or make several scenarios.", num=number(len(text)),
                              most=number(MOST_CHARACTERS)))
    lines = _without_blank_end(text.removeprefix("\ufeff"))
    header = next((line for line in lines.splitlines() if line.strip()), "")
    delimiter = max("\t;,", key=header.count)
    rows: list[tuple[int, tuple[str, ...]]] = []
    reader = csv.reader(io.StringIO(lines, newline=""), delimiter=delimiter)
    try:
        for count, row in enumerate(reader, 1):
            if count > MOST_LINES:
                raise PlanFileError(_("At most %(most)s lines are read, blank ones included; there are more. Remove "
                                      "the blank ones.", most=number(MOST_LINES)))
            if len(row) > MOST_COLUMNS and any(map(str.strip, row)):
                raise PlanFileError(_("Line %(line)s has %(num)s columns; at most %(most)s are read. Leave out those "
                                      "that name no driver.", line=reader.line_num, num=number(len(row)),
                                      most=MOST_COLUMNS))
            cells = tuple(one_form(cell) for cell in row)
            if not any(cells):
                continue
            if len(rows) > MOST_ROWS:
                raise PlanFileError(_("At most %(most)s rows are read; there are more. Split it into two "
                                      "scenarios.", most=number(MOST_ROWS)))
            rows.append((reader.line_num, cells))
    except csv.Error as error:
        raise PlanFileError(_("Line %(line)s cannot be read: %(problem)s. Shorten its cells, and look for an unclosed "
                              "quote.", line=reader.line_num, problem=error)) from error
    return Cells(tuple(rows), delimiter)


def _without_blank_end(text: str) -> str:
    """The text up to the end of its last line with a cell: spreadsheets write many lines of delimiters alone."""
    end = text.find("\n", len(text.rstrip(_BLANK)))
    return text if end < 0 else text[:end + 1]


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
        if not _CONTROLS.search(text):
            return text
        break
    raise PlanFileError(_("%(name)s is neither text nor an Excel file (.xlsx). Save it as CSV (UTF-8) or as .xlsx.",
                          name=name))


class CellError(ValueError):
    """What is allowed in a cell, as a sentence."""


def date_of(text: str, frequency: Frequency) -> date:
    """A date as 2026-01-31 or 31.01.2026; of months as 2026-01 too, of quarters as 2026-Q1.

    Raises: CellError: it is written in another way, or is no day of the calendar.
    """
    text = text.removesuffix(" 00:00:00").removesuffix("T00:00:00")
    for form in ("%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d", *(("%Y-%m",) if frequency == "M" else ())):
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    if frequency == "Q" and (quarter := _QUARTER.fullmatch(text)):
        return date(int(quarter[1]), 3 * int(quarter[2]) - 2, 1)
    if _WRITTEN_DATE.fullmatch(text):
        raise CellError(_("There is no such date in the calendar. Correct it."))
    shorter = {"M": "2026-01, ", "Q": "2026-Q1, "}.get(frequency, "")
    raise CellError(_("Write the date as %(example)s or 31.01.2026.", example=f"{shorter}2026-01-31"))


def mark_of(texts: Iterable[str], driver: Driver, dataset: Dataset) -> Mark | None:
    """The decimal mark of a driver's column; None where nothing in it settles which one it is."""
    return decimal_mark_of(_without_unit(text, driver, dataset) for text in texts) if driver.kind == "number" else None


def value_of(text: str, driver: Driver, dataset: Dataset, mark: Mark | None) -> Value:
    """The value of a cell for that driver.

    Args:
        mark: that stands before decimals in its column, as ``mark_of`` tells.
    Raises: CellError.
    """
    if driver.kind == "yes_no":
        if (said := said_yes(text)) is None:
            raise CellError(_("Write yes or no (or 1 or 0)."))
        return said
    if driver.kind == "category":
        if len(text) > LONGEST_CATEGORY:
            raise CellError(_("A category has at most %(most)s characters.", most=LONGEST_CATEGORY))
        return text
    try:
        value = read_number(_without_unit(text, driver, dataset), mark, is_settled=mark is not None)
    except TypedNumberError as error:
        raise CellError(str(error)) from error
    if abs(value) > LARGEST_NUMBER:
        raise CellError(_("Write a number of at most %(most)s.", most=number(LARGEST_NUMBER)))
    if driver.name == dataset.price_driver and value <= 0:
        raise CellError(_("Write a price above 0."))
    return value


def _without_unit(text: str, driver: Driver, dataset: Dataset) -> str:
    number = text.replace("−", "-")
    for unit in {dataset.currency, driver.unit} - {""}:
        number = number.removesuffix(unit).removeprefix(unit).strip()
    return number
