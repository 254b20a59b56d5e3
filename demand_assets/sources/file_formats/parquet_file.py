"""Parquet files as tables whose rows are fetched by their numbers."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from fsspec import AbstractFileSystem

from demand_assets.forecasting.contract.source import SourceError
from demand_assets.sources.catalogue import NOT_COUNTED, CatalogueBuilder, Numbers
from demand_assets.sources.columns import ColumnPlan
from demand_assets.sources.file_formats.distinct_values import is_bytes, is_text, without_nul
from demand_assets.sources.file_formats.file_table import ROWS_A_PIECE, Positions, check_columns
from demand_assets.sources.file_formats.unpacking import check_values
from demand_assets.sources.written_numbers import (
    Evidence,
    Marks,
    evidence_of,
    read_objects,
)

LARGEST_FOOTER = 100_000_000
"""Bytes of what a Parquet file tells of its columns and row groups."""
_EXACT_UP_TO = {pa.float16(): 2.0 ** 11, pa.float32(): 2.0 ** 24, pa.float64(): 2.0 ** 53}
"""Up to where numbers with a fraction hold all whole numbers."""
_CLUSTERED = 2
"""In so many pieces of a file region-items may have rows, in the mean, to be read from it when they are asked for."""
_PLACE_BITS = 32
_FEW_DISTINCT = 0.25
"""Of the values of a column."""


class ParquetTable:
    """A Parquet file; only the columns and row groups that are needed are read. Where region-items are scattered over
    the file, all of it is kept as short as it goes, for else it would be read for every few of them."""

    def __init__(self, filesystem: AbstractFileSystem, path: str, plan: ColumnPlan,
                 constant: Mapping[str, str | None] | None = None, most_gb: float | None = None,
                 rows_a_piece: int = ROWS_A_PIECE) -> None:
        self._filesystem, self._path, self._plan = filesystem, path, plan
        self._constant, self._marks = dict(constant or {}), dict[str, Marks]()
        self._names = plan.name_columns()
        self._metadata: pq.FileMetaData | None = None
        try:
            with filesystem.open(path, "rb") as file:
                check_footer(file, path)
                parquet = pq.ParquetFile(file)
                self._metadata = parquet.metadata
                check_columns(parquet.metadata.num_columns, path)
                schema = without_views(parquet.schema_arrow.empty_table()).schema
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise SourceError(f"{path} is no readable Parquet file: {error}. Write it again, or set source.format to "
                              "what it is.") from error
        available = [*schema.names, *(name for name in self._constant if name not in schema.names)]
        twice = [name for name in plan.wanted(dict.fromkeys(schema.names)) if schema.names.count(name) > 1]
        if twice:
            raise SourceError(f"{path} has {schema.names.count(twice[0])} columns {twice[0]!r}. Rename all but one of "
                              "them where the file is written.")
        plan.check(available, path)
        self._columns = plan.wanted(schema.names)
        check_values(path, self._metadata.num_rows * len(self._columns), most_gb)
        if nested := [field for field in schema if field.name in self._columns and pa.types.is_nested(field.type)]:
            raise SourceError(f"The column {nested[0].name!r} of {path} holds {nested[0].type}, not one value a row. "
                              "Write each value in a column of its own.")
        self._constant = {name: value for name, value in self._constant.items()
                          if name not in schema.names and name in plan.wanted(available)}
        texts = plan.text_columns() | self._names
        self._written = [field.name for field in schema if field.name in self._columns and field.name not in texts
                         and is_text(field.type)]
        self._dictionaries = [field.name for field in schema if field.name in (plan.plain("region"), plan.plain("item"))
                              and (pa.types.is_string(field.type) or pa.types.is_large_string(field.type))]
        self._pieces = pieces_of([self._metadata.row_group(group).num_rows
                                for group in range(self._metadata.num_row_groups)], rows_a_piece)
        ends = np.cumsum([0, *(size for _, size in self._pieces)])
        self._starts: Positions = ends.astype(np.int64)
        self._kept: dict[int, pa.Table] = {}
        self._schema = pa.schema([])
        self._is_scattered = False
        self._whole: pa.Table | None = None
        """All pieces as one, where region-items are scattered over them."""

    def evidence(self) -> dict[str, Evidence]:
        """What the columns of text that may hold numbers say about how these are written."""
        if not self._written:
            return {}
        with self._filesystem.open(self._path, "rb") as file:
            table = without_views(self._open(file).read(columns=self._written))
        return {name: evidence_of(pc.cast(as_text_in_utf_8(table[name]) if is_bytes(table[name].type) else table[name],
                                          pa.string())) for name in self._written}

    def settle(self, marks: Mapping[str, Marks]) -> None:
        """Take note of how the numbers in columns of text are written."""
        self._marks = {name: marks.get(name, Marks()) for name in self._written}

    def scan(self, builder: CatalogueBuilder) -> Numbers:
        """The number of each row's region-item."""
        keys = [name for name in self._columns if name in self._plan.key_columns()]
        with self._filesystem.open(self._path, "rb") as file:
            parquet = self._open(file)
            parts = [builder.add(self._made(without_views(parquet.read_row_groups(groups, columns=keys))))
                     for groups, _ in self._pieces]
        numbers = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)
        together = sum(np.count_nonzero(np.bincount(part[part != NOT_COUNTED])) for part in parts)
        self._is_scattered = together > _CLUSTERED * np.count_nonzero(
            np.bincount(numbers[numbers != NOT_COUNTED]))
        return numbers

    def rows(self, positions: Positions) -> pd.DataFrame:
        """The wanted columns of rows, by ascending position from 0."""
        if self._is_scattered:
            if self._whole is None:
                self._whole = self._all_pieces()
            return self._made(self._whole.take(pa.array(positions)).cast(self._schema))
        parts = []
        bounds = np.searchsorted(positions, self._starts)
        for number in np.flatnonzero(np.diff(bounds)).tolist():
            inside = positions[bounds[number]:bounds[number + 1]] - self._starts[number]
            parts.append(self._piece(number).take(pa.array(inside)).cast(self._schema))
        return self._made(pa.concat_tables(parts, promote_options="permissive")) if parts else pd.DataFrame(
            columns=[*self._columns, *self._constant])

    def _piece(self, number: int) -> pa.Table:
        """The wanted columns of some row groups, kept for the next time."""
        if number not in self._kept:
            while len(self._kept) >= _CLUSTERED:
                del self._kept[next(iter(self._kept))]
            self._kept[number] = self._read(number)
        return self._kept[number]

    def _read(self, number: int) -> pa.Table:
        with self._filesystem.open(self._path, "rb") as file:
            table = without_views(self._open(file).read_row_groups(self._pieces[number][0], columns=self._columns))
        self._schema = table.schema
        return _shortened(table)

    def _all_pieces(self) -> pa.Table:
        pieces, columns = [self._read(number).columns for number in range(len(self._pieces))], []
        for field in self._schema:
            parts = [of_piece.pop(0) for of_piece in pieces]  # so that no two columns are there twice
            if len({part.type for part in parts}) > 1:
                parts = [part.cast(field.type) for part in parts]
            column = pa.chunked_array([chunk for part in parts for chunk in part.chunks], parts[0].type)
            columns.append(column.unify_dictionaries().combine_chunks())
        return pa.table(columns, schema=pa.schema([field.with_type(column.type) for field, column in zip(
            self._schema, columns, strict=True)]))

    def _made(self, table: pa.Table) -> pd.DataFrame:
        """Rows with the numbers of columns of text read, and with what the path says."""
        made = with_numbers_read(as_pandas(table, self._names), self._written, self._marks)
        return made.assign(**{name: pd.Series([value] * len(made), index=made.index, dtype=object)
                              for name, value in self._constant.items()})

    def _open(self, file: Any) -> pq.ParquetFile:
        return pq.ParquetFile(file, metadata=self._metadata, read_dictionary=self._dictionaries)


def with_numbers_read(rows: pd.DataFrame, written: Iterable[str], marks: Mapping[str, Marks]) -> pd.DataFrame:
    """The rows with the numbers read in those columns of text that may hold some.

    Args:
        rows: they are changed.
        written: these columns, as far as the rows have them.
        marks: how the numbers of each are written.
    """
    for name in written:
        if name in rows:
            rows[name] = pd.Series(read_objects(rows[name].astype(object), marks.get(name, Marks())),
                                   index=rows.index, dtype=object)
    return rows


def without_views(table: pa.Table) -> pa.Table:
    """The table with texts and bytes that are stored as views as plain ones, of which rows can be taken."""
    kinds = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}
    return table.cast(pa.schema([field.with_type(kinds.get(field.type, field.type)) for field in table.schema]))


def pieces_of(sizes: Sequence[int], most: int = ROWS_A_PIECE) -> list[tuple[list[int], int]]:
    """Row groups that are read together, and how many rows they have."""
    found: list[tuple[list[int], int]] = []
    for group, size in enumerate(sizes):
        if found and found[-1][1] + size <= most:
            found[-1] = ([*found[-1][0], group], found[-1][1] + size)
        else:
            found.append(([group], size))
    return found


def _shortened(table: pa.Table) -> pa.Table:
    """The table with each distinct value of its wide columns once, where there are few."""
    columns = []
    for column in table.columns:
        kind = column.type
        if pa.types.is_dictionary(kind):
            column = column.unify_dictionaries()
        elif is_text(kind) or (pa.types.is_primitive(kind) and kind.bit_width > _PLACE_BITS):
            encoded = column.dictionary_encode()
            if encoded.num_chunks and len(encoded.chunk(0).dictionary) < _FEW_DISTINCT * len(column):
                column = encoded
        columns.append(column.combine_chunks())
    return pa.table(columns, names=table.column_names)


def check_footer(file: Any, path: str) -> None:
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


def as_text_in_utf_8(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Bytes as the text that they are in UTF-8. Raises: pa.ArrowInvalid: they are none."""
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    return pc.cast(pc.cast(column, pa.large_binary()), pa.large_string())


def as_pandas(table: pa.Table, names: Collection[str | None] = ()) -> pd.DataFrame:
    """The table; whole numbers that are names are text, for a null beside them would make them fractions.

    Args:
        names: of the columns that hold names.
    Raises: SourceError: bytes are no text, or names are written as numbers that no longer have all their digits.
    """
    for place, field in enumerate(table.schema):
        if is_bytes(field.type):
            try:
                table = table.set_column(place, field.name, as_text_in_utf_8(table[field.name]))
            except pa.ArrowInvalid as error:
                raise SourceError(f"The column {field.name!r} holds bytes that are no text in UTF-8. Write it as text."
                                  ) from error
        if is_text(table.schema.field(place).type):
            table = table.set_column(place, field.name, without_nul(table[place]))
        if field.name in names and pa.types.is_floating(field.type):
            largest = pc.max(pc.abs(table[field.name])).as_py()
            if largest is not None and largest > _EXACT_UP_TO[field.type]:
                raise SourceError(f"The column {field.name!r} holds names as numbers with a fraction as large as "
                                  f"{largest:g}, which no longer have all their digits. Write it as text or as whole "
                                  "numbers.")
        if field.name in names and (pa.types.is_integer(field.type) or pa.types.is_decimal(field.type)):
            table = table.set_column(place, field.name, pc.cast(table[field.name], pa.string()))
    return cast(pd.DataFrame, table.to_pandas(date_as_object=False, ignore_metadata=True))
