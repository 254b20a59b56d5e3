"""Sheets of workbooks as tables; openpyxl reads those of Excel, calamine others."""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from fsspec import AbstractFileSystem
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.source_entries import FileSource
from demand_assets.sources.catalogue import CatalogueBuilder, Numbers
from demand_assets.sources.columns import ColumnPlan
from demand_assets.sources.file_formats.calamine_sheets import is_calamines, sheets_in
from demand_assets.sources.file_formats.filled_down import columns_to_fill, filled_down
from demand_assets.sources.file_formats.headers import (
    LOOKED_THROUGH,
    Layout,
    check_other_header,
    fits,
    header_line,
    layout_of,
    put_together,
)
from demand_assets.sources.file_formats.spread_columns import unpivoted_cells
from demand_assets.sources.file_formats.unpacking import check_values, check_zip
from demand_assets.sources.written_numbers import Evidence, Marks, evidence_of, read_objects

ALL_SHEETS = "*"
UNSTORED = "(its value is not in the file; open the workbook in Excel and save it)"
"""What follows the formula in a cell that has nothing else, so that it is refused and told."""
_UNSTORED = re.compile(rb"<c(?:\s+(?!t=\"str\")[\w:]+=\"[^\"]*\")*\s*>\s*<f\b[^>]*?(?:/>|>[^<]*</f>)"
                       rb"\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>")
"""A cell with a formula and no value; a formula may have an empty text for one, which is a value."""
_SHEETS = re.compile(r"xl/worksheets/[^/]+\.xml", re.IGNORECASE)
_LINE_BREAK = re.compile(r"\s*[\r\n]+\s*")
_BEGIN = 200
"""Bytes that tell what kind of workbook a file is."""
_LONGEST_NUMBER = 10 ** 15
"""From which on Excel keeps no longer all digits."""
_BROKEN = (InvalidFileException, zipfile.BadZipFile, zlib.error, struct.error, SyntaxError, ValueError, TypeError,
           AttributeError, LookupError, ArithmeticError, AssertionError, EOFError, RuntimeError)
"""What openpyxl raises on files that are damaged, locked or made by hand; it has no error of its own for them."""


@dataclass(frozen=True)
class Book:
    """The values of a workbook."""

    sheets: Mapping[str, list[tuple[Any, ...]]]
    """The rows of each sheet by its name, without the empty rows and columns after the last value."""
    hidden: frozenset[str] = frozenset()
    """Sheets that Excel does not show."""

    @property
    def shown(self) -> dict[str, list[tuple[Any, ...]]]:
        """The sheets that Excel shows."""
        return {name: rows for name, rows in self.sheets.items() if name not in self.hidden}


class SheetTable:
    """The rows of one sheet below its header, without those that are empty."""

    def __init__(self, cells: Sequence[Sequence[Any]], layout: Layout, plan: ColumnPlan,
                 constant: Mapping[str, str | None], fill_down: Sequence[str] = (), where: str = "") -> None:
        self._plan, self._layout = plan, layout
        self._texts = plan.text_columns() | plan.name_columns()
        width = len(layout.names)
        rows = [(*row, *(None,) * (width - len(row)))[:width] for row in cells
                if any(value is not None and value != "" for value in row[:width])]
        table = pd.DataFrame(rows, columns=pd.Index(range(width)), dtype=object)
        names = columns_to_fill(fill_down, layout.names, where)
        beside = {name: table[place] for place, name in enumerate(layout.names)
                  if names and name in {*names, *plan.name_columns()}}
        for name, column in filled_down(beside, names).items():
            table[layout.names.index(name)] = column
        places = {name: layout.names.index(name) for name in [*layout.wanted, *layout.spread.columns]}
        columns = {name: table[place] for name, place in places.items()}
        columns |= {name: pd.Series([value] * len(table), dtype=object) for name, value in constant.items()
                    if name not in columns and name in plan.wanted([name])}
        if layout.spread:
            columns = unpivoted_cells(columns, layout.spread, plan.plain(layout.spread.ours) or layout.spread.ours,
                                      plan.plain("demand") or "demand", where.removesuffix(","))
        self._table = pd.DataFrame({name: column.astype(object) for name, column in columns.items()})
        for name in sorted(plan.date_columns() & set(self._table.columns)):
            for place in np.flatnonzero((self._table[name] == name).to_numpy(dtype=bool)).tolist():
                check_other_header(self._table.iloc[place].tolist(), list(map(str, self._table.columns)), place + 1,
                                   where.removesuffix(","))
        for name in plan.name_columns() & set(self._table.columns):
            self._table[name] = pd.Series([value if value is None else _id(value) for value in self._table[name]],
                                          dtype=object)  # map() would make fractions of long numbers beside a null
            if unstored := next((value for value in self._table[name] if str(value).endswith(UNSTORED)), None):
                raise SourceError(f"The column {name!r} has formulas whose values are not in the file, as {unstored}.")

    def evidence(self) -> dict[str, Evidence]:
        """What the texts in columns that may hold numbers say about how these are written."""
        found = {}
        for name, column in self._table.items():
            if isinstance(name, str) and name not in self._texts:
                texts = pa.array([value for value in column if isinstance(value, str)], pa.string())
                is_bare = any(value for value in column if isinstance(value, int | float))
                found[name] = evidence_of(pa.chunked_array([texts])).with_more(Evidence(has_bare=is_bare))
        return found

    def settle(self, marks: Mapping[str, Marks]) -> None:
        """Read the texts that are numbers, now that it is known how they are written."""
        for name in self._table.columns:
            if name not in self._texts:
                values = pd.Series(read_objects(self._table[name], marks.get(name, Marks())), dtype=object)
                self._table[name] = values.infer_objects()

    def scan(self, builder: CatalogueBuilder) -> Numbers:
        """The number of each row's region-item."""
        return builder.add(self._table)

    def rows(self, positions: npt.NDArray[np.int64]) -> pd.DataFrame:
        """The wanted columns of rows, by ascending position from 0."""
        return self._table.iloc[positions].reset_index(drop=True)


def _id(value: Any) -> Any:
    """A cell of a column of names, in one line, yes and no as Excel shows them; a number of which Excel kept 15 digits
    only as Excel shows it, to be refused."""
    if isinstance(value, str):
        return _LINE_BREAK.sub(" ", value)
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float) and abs(value) >= _LONGEST_NUMBER and float(f"{value:.15g}") == value:
        return f"{value:.15g}" if "e" in f"{value:.15g}" else f"{value:.14e}"
    return value


def sheets_of(filesystem: AbstractFileSystem, path: str, plan: ColumnPlan, dataset: Dataset, source: FileSource,
              constant: Mapping[str, str | None]) -> tuple[list[SheetTable], list[tuple[str, str]]]:
    """The tables of a workbook, and its sheets that are not read: name, and why.

    Raises: SourceError: it cannot be read, has no sheet of the name or with the columns, or more than one.
    """
    book = cells_of(filesystem, path, source.most_unpacked_gb)
    sheets = book.sheets
    if source.sheet not in (None, ALL_SHEETS) and source.sheet not in sheets:
        raise SourceError(f"{path} has no sheet {source.sheet!r}; it has {', '.join(map(repr, sheets))}. Correct "
                          "source.sheet.")
    is_header = fits(plan, dataset, list(constant))
    found, headers = dict[str, int](), dict[str, list[list[str]]]()
    for name, cells in sheets.items():
        below = cells[source.skip_lines:]
        headers[name] = put_together([_texts(row) for row in below[:LOOKED_THROUGH]], source.header_rows)
        number = header_line(headers[name], is_header)
        if below and is_header(headers[name][number]):
            found[name] = source.skip_lines + number
    found = {name: number for name, number in found.items() if name not in book.hidden} or found
    if source.sheet not in (None, ALL_SHEETS):
        chosen = [str(source.sheet)]
    elif len(found) > 1 and source.sheet is None:
        raise SourceError(f"{path} has the wanted columns on {len(found)} sheets: {', '.join(map(repr, found))}. Name "
                          f"one, as in source.sheet = {next(iter(found))!r}, or source.sheet = '{ALL_SHEETS}' to read "
                          "all.")
    else:
        chosen = list(found) or [next((name for name, cells in sheets.items() if cells), next(iter(sheets), ""))]
    tables = []
    for name in chosen:
        cells, where = sheets.get(name, []), f"{path}, sheet {name!r},"
        start = found.get(name, source.skip_lines + source.header_rows - 1)
        if not cells[start:]:
            raise SourceError(f"{where} is empty. Write it again, or name another with source.sheet.")
        layout = layout_of(headers[name][start - source.skip_lines], plan, dataset, where, list(constant))
        of_sheet = {source.name_column: name} if source.name_column and source.sheet == ALL_SHEETS else {}
        tables.append(SheetTable(cells[start + 1:], layout, plan, {**constant, **of_sheet}, source.fill_down, where))
    others = [(f"{path}, sheet {name!r}", "it is hidden; name it in source.sheet if it is meant"
               if name in book.hidden else "it is not the sheet that is read") for name, cells in sheets.items()
              if name not in chosen and cells]
    return tables, others


def cells_of(filesystem: AbstractFileSystem, path: str, most_gb: float | None = None) -> Book:
    """The values of a workbook. Raises: SourceError: it cannot be read, or holds too much."""
    try:
        with filesystem.open(path, "rb") as file:
            begin = file.read(_BEGIN)
            file.seek(0)
            if is_calamines(begin):
                found, not_shown = sheets_in(file, path, most_gb)
                return Book({name: _filled(rows) for name, rows in found.items()}, not_shown)
            check_zip(file, path, most_gb)
            book = load_workbook(file, read_only=True, data_only=True)
            sheets = {sheet.title: _rows(sheet, path, most_gb) for sheet in book.worksheets}
            if _has_unstored(file):
                for sheet in load_workbook(file, read_only=True).worksheets:
                    sheets[sheet.title] = _with_formulas(sheets[sheet.title], sheet.iter_rows(values_only=True))
            hidden = frozenset(sheet.title for sheet in book.worksheets if sheet.sheet_state != "visible")
            return Book({name: _filled(rows) for name, rows in sheets.items()}, hidden)
    except SourceError:
        raise
    except _BROKEN as error:
        raise SourceError(f"{path} is no Excel workbook that can be read (.xlsx): {type(error).__name__}. Open it in "
                          "Excel and save it again, or save it as CSV (UTF-8).") from error


def _rows(sheet: Any, path: str, most_gb: float | None) -> list[tuple[Any, ...]]:
    """All rows, each as wide as the widest; empty ones are one and the same, which takes no memory."""
    rows, values = list[tuple[Any, ...]](), 0
    for row in sheet.iter_rows(values_only=True):
        if not rows or row is not rows[-1]:
            values += len(row)
            check_values(path, values, most_gb)
        rows.append(tuple(row))
    return rows


def _has_unstored(file: BinaryIO) -> bool:
    """Whether a cell has a formula and no value, as programs write them that do not calculate."""
    file.seek(0)
    with zipfile.ZipFile(file) as packed:
        return any(_UNSTORED.search(packed.read(name)) for name in packed.namelist() if _SHEETS.fullmatch(name))


def _with_formulas(values: list[tuple[Any, ...]], formulas: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """The rows, with its formula in each cell that has nothing else."""
    return [tuple(f"{text} {UNSTORED}" if value is None and isinstance(
        text := getattr(formula, "text", formula), str) and text.startswith("=") else value
        for value, formula in zip(row, made, strict=True)) for row, made in zip(values, formulas, strict=True)]


def _filled(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    last = max((number for number, row in enumerate(rows, 1) if any(value is not None for value in row)), default=0)
    width = max((place for row in rows for place, value in enumerate(row, 1) if value is not None), default=0)
    return [row[:width] for row in rows[:last]]


def _texts(row: Sequence[Any]) -> list[str]:
    """A row as a header; dates as ISO 8601 writes them."""
    return [value.date().isoformat() if isinstance(value, datetime) else value.isoformat() if isinstance(value, date)
            else "" if value is None else str(value) for value in row]
