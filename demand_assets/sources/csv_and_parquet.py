"""CSV and Parquet files as tables whose rows are fetched by their numbers."""

import csv
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv
import pyarrow.parquet as pq
from fsspec import AbstractFileSystem

from demand_assets.forecasting.contract.dataset_file import FileSource
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.sources.catalogue import CatalogueBuilder, Numbers
from demand_assets.sources.columns import ColumnPlan

Positions = npt.NDArray[np.int64]

_MISSING = ["", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "<NA>"]
_DELIMITERS = ",;\t|"
MOST_COLUMNS = 10_000
LONGEST_HEADER = 2_000_000
"""Bytes of a CSV file's first line."""
LARGEST_FOOTER = 100_000_000
"""Bytes of what a Parquet file tells of its columns and row groups."""
_WITH_COMMA = r"^[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?$"


class Table(Protocol):
    """One file."""

    def scan(self, builder: CatalogueBuilder) -> Numbers:
        """The number of each row's region-item.

        Raises: SourceError: the file cannot be read or lacks a column.
        """

    def rows(self, positions: Positions) -> pd.DataFrame:
        """The wanted columns of rows, by ascending position from 0."""


class ParquetTable:
    """A Parquet file; only the columns and row groups that are needed are read."""

    def __init__(self, filesystem: AbstractFileSystem, path: str, plan: ColumnPlan) -> None:
        self._filesystem, self._path, self._plan = filesystem, path, plan
        self._metadata: pq.FileMetaData | None = None
        try:
            with filesystem.open(path, "rb") as file:
                _check_footer(file, path)
                parquet = pq.ParquetFile(file)
                self._metadata = parquet.metadata
                _check_columns(parquet.metadata.num_columns, path)
                schema = parquet.schema_arrow
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise SourceError(f"{path} is no readable Parquet file: {error}. Write it again, or set source.format to "
                              "what it is.") from error
        plan.check(schema.names, path)
        self._columns = plan.wanted(schema.names)
        self._dictionaries = [field.name for field in schema if field.name in (plan.plain("region"), plan.plain("item"))
                              and (pa.types.is_string(field.type) or pa.types.is_large_string(field.type))]
        ends = np.cumsum([0, *(self._metadata.row_group(group).num_rows
                               for group in range(self._metadata.num_row_groups))])
        self._starts: Positions = ends.astype(np.int64)

    def scan(self, builder: CatalogueBuilder) -> Numbers:
        """The number of each row's region-item."""
        keys = [name for name in self._columns if name in self._plan.key_columns()]
        with self._filesystem.open(self._path, "rb") as file:
            parquet = self._open(file)
            parts = [builder.add(_as_pandas(parquet.read_row_group(group, columns=keys)))
                     for group in range(parquet.num_row_groups)]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)

    def rows(self, positions: Positions) -> pd.DataFrame:
        """The wanted columns of rows, by ascending position from 0."""
        groups = np.unique(np.searchsorted(self._starts, positions, side="right") - 1)
        parts = []
        with self._filesystem.open(self._path, "rb") as file:
            parquet = self._open(file)
            for group in groups:
                start, stop = self._starts[group], self._starts[group + 1]
                inside = positions[(positions >= start) & (positions < stop)] - start
                parts.append(parquet.read_row_group(int(group), columns=self._columns).take(pa.array(inside)))
        return _as_pandas(pa.concat_tables(parts, promote_options="permissive")) if parts else pd.DataFrame(
            columns=self._columns)

    def _open(self, file: Any) -> pq.ParquetFile:
        return pq.ParquetFile(file, metadata=self._metadata, read_dictionary=self._dictionaries)


class CsvTable:
    """A CSV file, read whole: a column is numbers if every value is one, else text as it stands.

    A line with too many or too few values is a row whose demand is the whole line, for the validation to refuse.
    """

    def __init__(self, filesystem: AbstractFileSystem, path: str, plan: ColumnPlan, source: FileSource) -> None:
        self._filesystem, self._path, self._source = filesystem, path, source
        try:
            self._header, self._delimiter = self._first_line()
            plan.check(self._header, path)
            self._wanted = plan.wanted(self._header)
            self._places = {name: str(self._header.index(name)) for name in self._wanted}
            self._names = {plan.plain("region"), plan.plain("item")}
            self._texts = plan.text_columns()
            self._demand = plan.plain("demand")
            self._keys = [name for name in self._wanted if name in plan.key_columns()]
            broken: list[pv.InvalidRow] = []
            table = self._read(broken, in_order=False)
            if broken:
                broken.clear()
                table = self._read(broken, in_order=True)
        except (UnicodeDecodeError, LookupError) as error:
            raise self._wrong_encoding(error) from error
        except pa.ArrowInvalid as error:
            if "UTF8" in str(error):
                raise self._wrong_encoding(error) from error
            raise SourceError(f"{path} is no readable CSV file: {error}. Correct the file, or set source.delimiter."
                              ) from error
        self._table = self._with_broken(table, broken)

    def scan(self, builder: CatalogueBuilder) -> Numbers:
        """The number of each row's region-item."""
        return builder.add(_as_pandas(self._table.select(self._keys)))

    def rows(self, positions: Positions) -> pd.DataFrame:
        """The wanted columns of rows, by ascending position from 0."""
        return _as_pandas(self._table.take(pa.array(positions)))

    def _first_line(self) -> tuple[list[str], str]:
        """The names in the first line, and what stands between them."""
        with self._filesystem.open(self._path, "rb", compression="infer") as file:
            line = file.readline(LONGEST_HEADER + 1).decode(self._source.encoding).removeprefix("\ufeff")
        if "\0" in line:
            raise SourceError(f"{self._path} is no CSV file: its first line holds bytes that are no text. Set "
                              "source.format to what it is.")
        if len(line) > LONGEST_HEADER:
            raise SourceError(f"The first line of {self._path} has more than {LONGEST_HEADER:,} bytes; at most so many "
                              "are read. Check that its lines end, and leave out columns that are not needed.")
        delimiter = self._source.delimiter or max(_DELIMITERS, key=line.count)
        _check_columns(line.count(delimiter) + 1, self._path)
        return [name.strip() for name in next(csv.reader([line.rstrip("\r\n")], delimiter=delimiter), [])], delimiter

    def _read(self, broken: list[pv.InvalidRow], in_order: bool) -> pa.Table:
        """The wanted columns as text; lines with too many or too few values are left out and collected.

        Args:
            in_order: read by one thread, so that it is known where the broken lines stand.
        """
        def collect(row: pv.InvalidRow) -> str:
            broken.append(row)
            return "skip"

        columns = list(self._places.values())
        with self._filesystem.open(self._path, "rb", compression="infer") as file:
            return pv.read_csv(
                file, pv.ReadOptions(column_names=[str(place) for place in range(len(self._header))], skip_rows=1,
                                     use_threads=not in_order, encoding=self._source.encoding),
                pv.ParseOptions(delimiter=self._delimiter, newlines_in_values=True, invalid_row_handler=collect),
                pv.ConvertOptions(include_columns=columns, column_types=dict.fromkeys(columns, pa.string()),
                                  strings_can_be_null=False))

    def _with_broken(self, table: pa.Table, broken: list[pv.InvalidRow]) -> pa.Table:
        """All rows in the file's order, under the file's names, numbers as numbers."""
        table = table.rename_columns(self._wanted)
        if broken:
            rows = [self._repaired(line) for line in broken]
            table = pa.concat_tables([table, pa.Table.from_pylist(rows, schema=table.schema)])
            at = np.array([line.number - 2 for line in broken])  # the header is row 1
            whole = np.setdiff1d(np.arange(len(table)), at)
            table = table.take(pa.array(np.argsort(np.concatenate([whole, at]), kind="stable")))
        columns = [table[name].dictionary_encode() if name in self._names
                   else _text(table[name]) if name in self._texts
                   else _numbers_or_text(table[name], self._source.decimal) for name in self._wanted]
        return pa.table(dict(zip(self._wanted, columns, strict=True)))

    def _repaired(self, line: pv.InvalidRow) -> dict[str, str]:
        values = next(csv.reader([line.text], delimiter=self._delimiter), [])
        row = {name: values[int(place)] if int(place) < len(values) else "" for name, place in self._places.items()}
        return row | ({self._demand: f"broken line: {line.text}"} if self._demand else {})

    def _wrong_encoding(self, error: Exception) -> SourceError:
        return SourceError(f"{self._path} is no {self._source.encoding} text: {error}. Set source.encoding, as in "
                           "'latin-1'.")


def _check_footer(file: Any, path: str) -> None:
    """Look at how much a Parquet file tells of itself, before that is read. Raises: SourceError."""
    size = file.seek(0, 2)
    if size < 8:
        return  # no Parquet file, as its reader says
    file.seek(size - 8)
    footer = int.from_bytes(file.read(4), "little")
    file.seek(0)
    if LARGEST_FOOTER < footer < size:
        raise SourceError(f"What {path} tells of its columns has {footer:,} bytes; at most {LARGEST_FOOTER:,} are "
                          "read. Leave out columns that are not needed, and write larger row groups.")


def _check_columns(count: int, path: str) -> None:
    if count > MOST_COLUMNS:
        raise SourceError(f"{path} has {count:,} columns; at most {MOST_COLUMNS:,} are read. Leave out those that are "
                          "not needed.")


def _numbers_or_text(column: pa.ChunkedArray, decimal: str) -> pa.ChunkedArray:
    """Numbers if every value is one or missing; else text, null where nothing stands."""
    written = pc.utf8_trim_whitespace(column)
    if decimal == ",":
        written = _with_point(written)
    numbers = pc.if_else(pc.is_in(written, pa.array(_MISSING)), pa.scalar(None, pa.string()), written)
    for kind in (pa.int64(), pa.float64()):
        try:
            return pc.cast(numbers, kind)
        except pa.ArrowInvalid:
            continue
    return _text(written)


def _with_point(written: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers written as 1.234,5 rewritten as 1234.5; other values with a point are marked, to be read as no number."""
    plain = pc.replace_substring(pc.replace_substring(written, ".", ""), ",", ".")
    marked = pc.binary_join_element_wise(written, "(the decimal mark is ,)", " ")
    others = pc.if_else(pc.match_substring(written, "."), marked, written)
    return pc.if_else(pc.match_substring_regex(written, _WITH_COMMA), plain, others)


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values as they stand; null where nothing stands."""
    return pc.if_else(pc.equal(pc.utf8_trim_whitespace(column), ""), pa.scalar(None, pa.string()), column)


def _as_pandas(table: pa.Table) -> pd.DataFrame:
    return cast(pd.DataFrame, table.to_pandas(date_as_object=False, ignore_metadata=True))
