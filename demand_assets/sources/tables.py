"""CSV and Parquet files as tables whose rows are fetched by their numbers."""

import csv
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec import AbstractFileSystem
from pandas.errors import EmptyDataError, ParserError

from demand_assets.forecasting.dataset import FileSource
from demand_assets.sources.catalogue import CatalogueBuilder, Numbers
from demand_assets.sources.columns import ColumnPlan
from demand_assets.sources.source import SourceError

Positions = npt.NDArray[np.int64]

_MISSING = ["", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "<NA>"]
_DELIMITERS = ",;\t|"


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
                parquet = pq.ParquetFile(file)
                self._metadata = parquet.metadata
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


@dataclass(frozen=True)
class CsvTable:
    """A CSV file, read whole: a column is numbers if every value is one, else text as it stands."""

    frame: pd.DataFrame

    @classmethod
    def read(cls, filesystem: AbstractFileSystem, path: str, plan: ColumnPlan, source: FileSource) -> "CsvTable":
        """Read the file's wanted columns.

        Raises: SourceError: it cannot be read or lacks a column.
        """
        header, delimiter = _header(filesystem, path, source)
        plan.check([name.strip() for name in header], path)
        wanted = set(plan.wanted([name.strip() for name in header]))
        names = {plan.plain("region"), plan.plain("item")}
        plain_texts = [name for name in header if name.strip() in names]
        settings: dict[str, Any] = {
            "sep": delimiter, "decimal": source.decimal, "encoding": _with_mark(source.encoding),
            "usecols": lambda name: name.strip() in wanted, "dtype": dict.fromkeys(plain_texts, "category"),
            "keep_default_na": False,
            "na_values": {name: [""] if name in plain_texts else _MISSING for name in header}}
        try:
            with filesystem.open(path, "rb", compression="infer") as file:
                frame = pd.read_csv(file, low_memory=False, **settings)
        except ParserError:
            frame = _read_with_broken_lines(filesystem, path, settings, header, plan.plain("demand"))
        except (UnicodeDecodeError, LookupError) as error:
            raise SourceError(f"{path} is no {source.encoding} text: {error}. Set source.encoding, as in 'latin-1'."
                              ) from error
        except EmptyDataError:
            frame = pd.DataFrame(columns=header)
        return cls(frame.rename(columns=str.strip))

    def scan(self, builder: CatalogueBuilder) -> Numbers:
        """The number of each row's region-item."""
        return builder.add(self.frame)

    def rows(self, positions: Positions) -> pd.DataFrame:
        """The wanted columns of rows, by ascending position from 0."""
        return self.frame.iloc[positions]


def _header(filesystem: AbstractFileSystem, path: str, source: FileSource) -> tuple[list[str], str]:
    """The names in the first line, and what stands between them."""
    try:
        with filesystem.open(path, "rt", compression="infer", encoding=_with_mark(source.encoding),
                             newline="") as file:
            line = file.readline()
    except (UnicodeDecodeError, LookupError) as error:
        raise SourceError(f"{path} is no {source.encoding} text: {error}. Set source.encoding, as in 'latin-1'."
                          ) from error
    delimiter = source.delimiter or max(_DELIMITERS, key=line.count)
    names = next(csv.reader([line.rstrip("\r\n")], delimiter=delimiter), [])
    if "\0" in line:
        raise SourceError(f"{path} is no CSV file: its first line holds bytes that are no text. Set source.format to "
                          "what it is.")
    return names, delimiter


def _with_mark(encoding: str) -> str:
    """The encoding that also reads the mark which spreadsheets write at the beginning."""
    return "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding


def _read_with_broken_lines(filesystem: AbstractFileSystem, path: str, settings: dict[str, Any], header: list[str],
                            demand: str | None) -> pd.DataFrame:
    """Read a file some of whose lines have too many values: such a line stands whole in the column of demand, where
    the validation refuses it."""
    place = next((n for n, name in enumerate(header) if name.strip() == demand), None)

    def repair(values: list[str]) -> list[str]:
        kept = values[:len(header)]
        if place is not None:
            kept[place] = f"broken line: {settings['sep'].join(values)}"
        return kept

    try:
        with filesystem.open(path, "rb", compression="infer") as file:
            return cast(pd.DataFrame, pd.read_csv(file, engine="python", on_bad_lines=repair, **settings))
    except (ParserError, csv.Error) as error:
        raise SourceError(f"{path} is no readable CSV file: {error}. Correct the line, or set source.delimiter."
                          ) from error


def _as_pandas(table: pa.Table) -> pd.DataFrame:
    return cast(pd.DataFrame, table.to_pandas(date_as_object=False, ignore_metadata=True))
