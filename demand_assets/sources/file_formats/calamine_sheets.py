"""Workbooks that openpyxl does not read, OpenDocument (.ods) and Excel of before 2007 (.xls); calamine reads them."""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO
from zipfile import ZipFile

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from demand_assets.forecasting.contract.source import SourceError
from demand_assets.sources.file_formats.unpacking import check_unpacked, check_values, check_zip

OLD_EXCEL = b"\xd0\xcf\x11\xe0"
"""What Excel workbooks of before 2007 begin with, and those of today that have a password."""
_OPEN_DOCUMENT = b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet"
_BEGIN = 200
_CONTENT = "content.xml"
_ROW = re.compile(rb"<table:table-row\b([^>]*)>(.*?)</table:table-row>", re.DOTALL)
_CELL = re.compile(rb"<table:(?:covered-)?table-cell\b([^>]*?)(/?)>")
"""With its attributes, and whether it ends there."""
_ROWS, _COLUMNS = (re.compile(rb'table:number-%s-repeated="(\d+)"' % name) for name in (b"rows", b"columns"))
_BYTES_OF_A_CELL = 160
"""In memory, as measured of cells of text."""

Row = tuple[Any, ...]


def is_calamines(begin: bytes) -> bool:
    """Whether a file that begins so is a workbook of these kinds."""
    return begin.startswith(OLD_EXCEL) or _OPEN_DOCUMENT in begin[:_BEGIN]


def sheets_in(file: BinaryIO, path: str, most_gb: float | None = None) -> tuple[dict[str, list[Row]], frozenset[str]]:
    """The rows of each sheet, None where a cell is empty, and the names of those that are hidden.

    Raises: SourceError: it cannot be read, has a password, or holds too much.
    """
    is_old = file.read(len(OLD_EXCEL)) == OLD_EXCEL
    file.seek(0)
    if not is_old:
        check_zip(file, path, most_gb)
        _check_repeated(file, path, most_gb)
    try:
        book = CalamineWorkbook.from_filelike(file)
        known = [sheet for sheet in book.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
        sheets, values = dict[str, list[Row]](), 0
        for sheet in known:
            its = book.get_sheet_by_name(sheet.name)
            values += its.total_height * its.total_width
            check_values(path, values, most_gb)
            sheets[sheet.name] = list(_rows(its.to_python(skip_empty_area=False)))
    except PasswordError as error:
        raise SourceError(f"{path} has a password. Save it without one, or as CSV.") from error
    except CalamineError as error:
        if is_old:
            raise SourceError(f"{path} is an old or an encrypted Excel workbook that cannot be read: {error}. Save it "
                              "as .xlsx without a password, or as CSV (UTF-8).") from error
        raise SourceError(f"{path} is no OpenDocument spreadsheet that can be read: {error}. Open it and save it "
                          "again, or save it as CSV (UTF-8).") from error
    return sheets, frozenset(sheet.name for sheet in known if sheet.visible != SheetVisibleEnum.Visible)


def _check_repeated(file: BinaryIO, path: str, most_gb: float | None) -> None:
    """Whether the cells may be read that the file says are repeated, which calamine fills in before it tells how many
    there are; the file is at its beginning afterwards.

    Raises: SourceError: they may not. zipfile.BadZipFile: it is none.
    """
    with ZipFile(file) as packed:
        content = packed.read(_CONTENT) if _CONTENT in packed.namelist() else b""
    file.seek(0)
    written, repeated = 1, 0
    for row in _ROW.finditer(content):
        cells = [_times(_COLUMNS, cell[1]) for cell in _CELL.finditer(row[2]) if not cell[2] or b"office:" in cell[1]]
        written += len(cells)
        repeated += _times(_ROWS, row[1]) * sum(cells)
    check_unpacked(path, repeated * _BYTES_OF_A_CELL, written * _BYTES_OF_A_CELL, most_gb)


def _times(pattern: re.Pattern[bytes], attributes: bytes) -> int:
    found = pattern.search(attributes)
    return int(found[1]) if found else 1


def _rows(rows: list[list[Any]]) -> Iterator[Row]:
    for row in rows:
        yield tuple(None if value == "" else value for value in row)
