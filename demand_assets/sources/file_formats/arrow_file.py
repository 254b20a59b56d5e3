"""Tables that are held as Arrow has them: Arrow and Feather files, and Parquet files with several columns of demand."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from fsspec import AbstractFileSystem

from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.sources.catalogue import CatalogueBuilder, Numbers
from demand_assets.sources.columns import ColumnPlan
from demand_assets.sources.file_formats.distinct_values import is_bytes, is_text
from demand_assets.sources.file_formats.file_table import ROWS_A_PIECE, Positions, check_columns
from demand_assets.sources.file_formats.headers import layout_of
from demand_assets.sources.file_formats.parquet_file import (
    as_pandas,
    as_text_in_utf_8,
    check_footer,
    with_numbers_read,
    without_views,
)
from demand_assets.sources.file_formats.spread_columns import unpivoted
from demand_assets.sources.file_formats.unpacking import check_values
from demand_assets.sources.written_numbers import Evidence, Marks, evidence_of

_FILE, _OLD_FEATHER = b"ARROW1", b"FEA1"
"""What Arrow files, and Feather files of before 2020, begin with; what begins otherwise is a stream."""


class ArrowTable:
    """A table in memory.

    Args:
        constant: columns with one value in all rows: the names in the file's path.
    Raises: SourceError: a column is missing, or holds no single values.
    """

    def __init__(self, table: pa.Table, path: str, plan: ColumnPlan, dataset: Dataset,
                 constant: Mapping[str, str | None] | None = None) -> None:
        self._names, self._marks = plan.name_columns(), dict[str, Marks]()
        self._keys = plan.key_columns()
        check_columns(table.num_columns, path)
        layout = layout_of(table.column_names, plan, dataset, path, list(constant or {}))
        table = without_views(table.rename_columns(layout.names).select([*layout.wanted, *layout.spread.columns]))
        if nested := [field for field in table.schema if pa.types.is_nested(field.type)]:
            raise SourceError(f"The column {nested[0].name!r} of {path} holds {nested[0].type}, not one value a row. "
                              "Write each value in a column of its own.")
        for name, value in (constant or {}).items():
            if name not in layout.names and name in plan.wanted([name]):
                table = table.append_column(name, pa.chunked_array([pa.repeat(pa.scalar(value, pa.string()),
                                                                              len(table))]))
        if layout.spread:
            table = unpivoted(table, layout.spread, plan.plain(layout.spread.ours) or layout.spread.ours,
                              plan.plain("demand") or "demand", path)
        self._table = table
        texts = plan.text_columns() | self._names
        self._written = [field.name for field in table.schema if field.name not in texts and is_text(field.type)]

    def evidence(self) -> dict[str, Evidence]:
        """What the columns of text that may hold numbers say about how these are written."""
        found = {}
        for name in self._written:
            column = self._table[name]
            found[name] = evidence_of(pc.cast(as_text_in_utf_8(column) if is_bytes(column.type) else column,
                                              pa.string()))
        return found

    def settle(self, marks: Mapping[str, Marks]) -> None:
        """Take note of how the numbers in columns of text are written."""
        self._marks = {name: marks.get(name, Marks()) for name in self._written}

    def scan(self, builder: CatalogueBuilder) -> Numbers:
        """The number of each row's region-item."""
        keys = self._table.select([name for name in self._table.column_names if name in self._keys])
        parts = [builder.add(self._made(keys.slice(start, ROWS_A_PIECE)))
                 for start in range(0, len(keys), ROWS_A_PIECE)]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)

    def rows(self, positions: Positions) -> pd.DataFrame:
        """The wanted columns of rows, by ascending position from 0."""
        return self._made(self._table.take(pa.array(positions)))

    def _made(self, table: pa.Table) -> pd.DataFrame:
        return with_numbers_read(as_pandas(table, self._names), self._written, self._marks)


def arrow_in(filesystem: AbstractFileSystem, path: str, most_gb: float | None = None) -> pa.Table:
    """What an Arrow or a Feather file holds. Raises: SourceError: it cannot be read, or holds too much."""
    try:
        with filesystem.open(path, "rb") as file:
            reader, batches, values = _reader(file, path), [], 0
            is_file = isinstance(reader, pa.ipc.RecordBatchFileReader)
            for batch in (map(reader.get_batch, range(reader.num_record_batches)) if is_file else reader):
                values += batch.num_rows * batch.num_columns
                check_values(path, values, most_gb)
                batches.append(batch)
            return pa.Table.from_batches(batches, schema=reader.schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise SourceError(f"{path} is no readable Arrow or Feather file: {error}. Write it again, or set source.format "
                          "to what it is.") from error


def arrow_schema(filesystem: AbstractFileSystem, path: str) -> pa.Schema:
    """The columns of an Arrow or a Feather file. Raises: SourceError: it cannot be read."""
    try:
        with filesystem.open(path, "rb") as file:
            return _reader(file, path).schema
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise SourceError(f"{path} is no readable Arrow or Feather file: {error}. Write it again.") from error


def _reader(file: Any, path: str) -> Any:
    begin = file.read(len(_FILE))
    file.seek(0)
    if begin.startswith(_OLD_FEATHER):
        raise SourceError(f"{path} is a Feather file of the first version, which Arrow no longer reads. Write it again "
                          "in the second, or as Parquet.")
    return pa.ipc.open_file(file) if begin == _FILE else pa.ipc.open_stream(file)


def parquet_in(filesystem: AbstractFileSystem, path: str, plan: ColumnPlan, dataset: Dataset,
               constant: Mapping[str, str | None], most_gb: float | None = None) -> ArrowTable:
    """A Parquet file of which several columns hold demand. Raises: SourceError: it cannot be read, or is none."""
    try:
        with filesystem.open(path, "rb") as file:
            check_footer(file, path)
            parquet: Any = pq.ParquetFile(file)
            check_columns(parquet.metadata.num_columns, path)
            layout_of(parquet.schema_arrow.names, plan, dataset, path, list(constant))
            check_values(path, parquet.metadata.num_rows * parquet.metadata.num_columns, most_gb)
            table = parquet.read()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SourceError(f"{path} is no readable Parquet file: {error}. Write it again, or set source.format to "
                          "what it is.") from error
    return ArrowTable(table, path, plan, dataset, constant)


def holds_several(filesystem: AbstractFileSystem, path: str, plan: ColumnPlan, dataset: Dataset,
                  constant: Mapping[str, str | None]) -> bool:
    """Whether several columns of a Parquet file hold demand, each of a date."""
    try:
        with filesystem.open(path, "rb") as file:
            check_footer(file, path)
            return bool(layout_of(pq.read_schema(file).names, plan, dataset, path, list(constant)).spread)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, SourceError):
        return False
