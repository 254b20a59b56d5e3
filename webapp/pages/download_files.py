"""Tables as files to download: CSV and Excel. The same for every reader, and harmless in a spreadsheet.

Numbers have a decimal point and dates are ISO 8601 in CSV, whatever the reader's locale; Excel gets real numbers and
dates. A text that a spreadsheet would take for a formula stays a text.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import chain, islice
from math import floor, isfinite, log10
from tempfile import TemporaryFile
from typing import IO, Any, Literal

from flask import Response, abort, send_file
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from werkzeug.datastructures import MultiDict

from webapp.http.choices import one_of
from webapp.language.translations import gettext as _
from webapp.pages.long_names import in_full

Format = Literal["csv", "xlsx"]
Cell = str | int | float | date | datetime | None
"""Moments carry their time zone and are written in UTC. None and NaN are left empty."""


class Exact(float):
    """A number that is rounded already, as money is to the smallest unit of its currency: it stays as it is."""


def exact(value: float | None) -> Exact | None:
    """The cell of a number that is rounded already; None where it is not known."""
    return None if value is None else Exact(value)


FORMATS: dict[Format, str] = {"csv": "CSV", "xlsx": "Excel"}
MIME_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
MOST_EXCEL_ROWS = 250_000
"""Excel itself opens a million; more than this takes it, and us, minutes."""

_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
_CELL = re.compile(r"[^;\r\n]+")
"""What is a cell to a spreadsheet that takes semicolons for what separates cells, as many do outside English."""
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*([eE][+-]?\d+)?")
_WIDTHS = (10, 48)


@dataclass(frozen=True)
class Sheet:
    """One table of an Excel file."""

    title: str
    columns: Sequence[str]
    rows: Iterable[Sequence[Cell]]


def requested_format(fields: MultiDict[str, str]) -> Format | None:
    """The file format that a URL asks for with ``format``; None when a page is meant. An error page for any other."""
    asked = fields.get("format", "")
    return one_of("format", asked, FORMATS) if asked else None


def file_of(form: Format, name: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Response:
    """A table as a file to download, built whole before it is sent.

    Args:
        name: of the file, without its ending; what file systems do not take is replaced.
        columns: the headings; say units and currency in them.
        rows: one cell for each column.
    An error page: more than ``MOST_EXCEL_ROWS`` rows are asked as Excel.
    """
    return _sent(form, name, _csv(columns, rows) if form == "csv" else _xlsx([Sheet("Data", columns, rows)]))


def spooled_file_of(form: Format, name: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Response:
    """As ``file_of``, of a table that does not fit into memory: rows are written to a file on the disk as they come."""
    if form == "xlsx":
        return file_of(form, name, columns, rows)
    written = TemporaryFile()  # noqa: SIM115  # closed when it is sent
    try:
        write_csv(written, columns, rows)
        written.seek(0)
    except BaseException:
        written.close()
        raise
    return _sent_from(form, name, written)


def book_of(name: str, sheets: Sequence[Sheet]) -> Response:
    """Some tables as one Excel file to download, a sheet for each.

    An error page: one has more than ``MOST_EXCEL_ROWS`` rows.
    """
    return _sent("xlsx", name, _xlsx(sheets))


def _sent(form: Format, name: str, content: bytes) -> Response:
    return _sent_from(form, name, io.BytesIO(content))


def _sent_from(form: Format, name: str, content: IO[bytes]) -> Response:
    return send_file(content, mimetype=MIME_TYPES[form], as_attachment=True,
                     download_name=safe_name(name, form), max_age=0)


def safe_name(name: str, form: Format) -> str:
    """The name of a file that every file system takes, with its ending."""
    safe = re.sub(r"[^\w.()-]+", "-", name).strip("-.") or "table"
    return f"{safe}.{form}"


@lru_cache(maxsize=5000)  # the same names stand in row after row
def is_formula(text: str) -> bool:
    """Whether a spreadsheet that opens this text may compute something; a plain number is none."""
    return bool(_FORMULA.match(text)) and not _NUMBER.fullmatch(text)


@lru_cache(maxsize=5000)
def disarmed(text: str) -> str:
    """A text for a cell of CSV, with an apostrophe before what would be a formula, also behind a semicolon or a line
    break."""
    inner = _CELL.sub(lambda cell: f"'{cell[0]}" if is_formula(cell[0]) else cell[0], text)
    return f"'{inner}" if is_formula(inner) else inner


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    written = io.BytesIO()
    write_csv(written, columns, rows)
    return written.getvalue()


def write_csv(file: IO[bytes], columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Write a table row by row, as UTF-8 with its mark, by which Excel knows it; an apostrophe disarms what would be a
    formula."""
    text = io.TextIOWrapper(file, "utf-8-sig", errors="replace", newline="")
    writer = csv.writer(text)
    for row in chain((columns,), rows):
        writer.writerow([disarmed(value) if isinstance(value, str) else value for value in map(_plain, row)])
    text.detach()  # writes what waits, and leaves the file open


def write_xlsx(file: IO[bytes], title: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Write a table as an Excel file.

    An error page: it has more than ``MOST_EXCEL_ROWS`` rows.
    """
    file.write(_xlsx([Sheet(title, columns, rows)]))


def _plain(cell: Cell) -> str | int | float:
    if cell is None or (isinstance(cell, float) and not isfinite(cell)):
        return ""
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, str):
        return in_full(cell)
    if isinstance(cell, Exact):
        return float(cell)
    return rounded(cell) if isinstance(cell, float) else cell


def rounded(value: float) -> float:
    """A number as files have it: six digits, and at least two decimals; what follows them is noise."""
    if not value or not isfinite(value):
        return float(value)
    return round(float(value), max(2, 5 - floor(log10(abs(value)))))


def _xlsx(sheets: Sequence[Sheet]) -> bytes:
    """Sheets with their headings kept in sight and a filter on them; every text is typed as text."""
    taken = [list(islice(sheet.rows, MOST_EXCEL_ROWS + 1)) for sheet in sheets]
    if any(len(rows) > MOST_EXCEL_ROWS for rows in taken):
        abort(422, _("An Excel file takes at most %(most_excel_rows)s rows here, and these are more. Filter the "
                     "list, or take it as CSV.", most_excel_rows=f"{MOST_EXCEL_ROWS:,}"))
    book = Workbook(write_only=True)
    for each, rows in zip(sheets, taken, strict=True):
        _fill(book.create_sheet(each.title), each.columns, rows)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _fill(sheet: Any, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    sheet.freeze_panes = "A2"
    for place, title in enumerate(columns, start=1):
        sheet.column_dimensions[get_column_letter(place)].width = min(max(len(title) + 3, _WIDTHS[0]), _WIDTHS[1])
    headings = [excel_cell(sheet, title) for title in columns]
    for heading in headings:
        heading.font = Font(bold=True)
    sheet.append(headings)
    for row in rows:
        sheet.append([excel_cell(sheet, cell) for cell in row])
    sheet.auto_filter.ref = f"A1:{get_column_letter(max(len(columns), 1))}{len(rows) + 1}"


def excel_cell(sheet: Any, cell: Cell) -> Any:
    """A cell of a sheet that is written row by row; a text is typed as text, whatever it looks like."""
    if isinstance(cell, str):
        made = WriteOnlyCell(sheet, value=ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", in_full(cell)))
        made.data_type = "s"  # else "=1" would be a formula and "#N/A" an error
        made.quotePrefix = is_formula(cell)
        return made
    if isinstance(cell, datetime):
        return WriteOnlyCell(sheet, value=cell.astimezone(UTC).replace(tzinfo=None))
    if isinstance(cell, Exact):
        return WriteOnlyCell(sheet, value=float(cell))
    if isinstance(cell, float):
        return WriteOnlyCell(sheet, value=rounded(cell) if isfinite(cell) else None)
    return WriteOnlyCell(sheet, value=cell)
