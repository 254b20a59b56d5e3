"""CSV and Parquet files as tables whose rows are fetched by their numbers."""

import codecs
import contextlib
import csv
import gzip
import lzma
import re
import unicodedata
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv
import pyarrow.parquet as pq
from fsspec import AbstractFileSystem

from demand_assets.forecasting.contract.dataset_file import Dataset, FileSource
from demand_assets.forecasting.contract.region_item import one_form
from demand_assets.forecasting.contract.source import BROKEN_LINE, STRAY_QUOTE, SourceError
from demand_assets.sources.catalogue import CatalogueBuilder, Numbers
from demand_assets.sources.columns import ColumnPlan
from demand_assets.sources.headers import LOOKED_THROUGH, fits, header_line, held, layout_of
from demand_assets.sources.unpacking import check_values, opened
from demand_assets.sources.written_numbers import (
    Evidence,
    Marks,
    as_numbers,
    evidence_of,
    numbers_or_text,
    read_objects,
    text,
)

Positions = npt.NDArray[np.int64]

DELIMITERS = ",;\t|"
MOST_COLUMNS = 10_000
LONGEST_HEADER = 2_000_000
"""Bytes of a CSV file's first line."""
LARGEST_FOOTER = 100_000_000
"""Bytes of what a Parquet file tells of its columns and row groups."""
_HEAD_BYTES = 1 << 18
"""In which the header is looked for."""
_EXACT_UP_TO = {pa.float16(): 2.0 ** 11, pa.float32(): 2.0 ** 24, pa.float64(): 2.0 ** 53}
"""Up to where numbers with a fraction hold all whole numbers."""
_COMPRESSED = (b"\x1f\x8b", b"BZh9", b"\xfd7zXZ")
_FEW_WRONG = 0.1
"""Of the letters beyond ASCII; in a text of another encoding nearly all are wrong."""
_FEW_ZEROS = 0.01
"""Of the bytes; as many and more make no text."""
_ENOUGH_TO_TELL = 50_000
"""Rows that mostly show which mark stands before decimals."""
_SEPARATOR_LINE = re.compile(r"sep=(.)", re.IGNORECASE)
_LINE_BREAK = re.compile(r"\r\n|\n|\r")
_CODED = pa.dictionary(pa.int32(), pa.string())
ROWS_A_PIECE = 1 << 19
"""Rows of a table that are looked through at a time."""
_CLUSTERED = 2
"""In so many pieces of a file region-items may have rows, in the mean, to be read from it when they are asked for."""
_PLACE_BITS = 32
_FEW_DISTINCT = 0.25
"""Of the values of a column."""
_BROKEN_QUOTE = f"{BROKEN_LINE} ({STRAY_QUOTE})"
_WESTERN = ("cp1252", "cp1250")
_ENCODINGS = (*_WESTERN, "cp1251", "cp1253", "cp932", "gb18030", "cp949", "cp1255", "cp1256", "cp874")
_WORDS_LOOKED_AT = 200
_READINGS = 5
_FEW_COLUMNS = 2
_LETTERS_OF_ONE_BYTE = 90
"""Of the upper 128, in an encoding with one byte a letter; some of its places are empty."""
_LINES_OF_A_VALUE = 100
"""From so many lines in one value on, its quotation mark is taken for a stray one."""


class Table(Protocol):
    """One file."""

    def evidence(self) -> dict[str, Evidence]:
        """What the columns that may hold numbers say about how these are written."""

    def settle(self, marks: Mapping[str, Marks]) -> None:
        """Take note of how the numbers of each column are written; before anything is scanned."""

    def scan(self, builder: CatalogueBuilder) -> Numbers:
        """The number of each row's region-item.

        Raises: SourceError: the file cannot be read or lacks a column.
        """

    def rows(self, positions: Positions) -> pd.DataFrame:
        """The wanted columns of rows, by ascending position from 0."""


class ParquetTable:
    """A Parquet file; only the columns and row groups that are needed are read. Where region-items are scattered over
    the file, all of it is kept as short as it goes, for else it would be read for every few of them."""

    def __init__(self, filesystem: AbstractFileSystem, path: str, plan: ColumnPlan,
                 constant: Mapping[str, str | None] | None = None, most_gb: float | None = None) -> None:
        self._filesystem, self._path, self._plan = filesystem, path, plan
        self._constant, self._marks = dict(constant or {}), dict[str, Marks]()
        self._names = plan.name_columns()
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
                         and _is_text(field.type)]
        self._dictionaries = [field.name for field in schema if field.name in (plan.plain("region"), plan.plain("item"))
                              and (pa.types.is_string(field.type) or pa.types.is_large_string(field.type))]
        self._pieces = pieces_of([self._metadata.row_group(group).num_rows
                                for group in range(self._metadata.num_row_groups)])
        ends = np.cumsum([0, *(size for _, size in self._pieces)])
        self._starts: Positions = ends.astype(np.int64)
        self._kept: dict[int, pa.Table] = {}
        self._schema = pa.schema([])
        self._most_kept = 1

    def evidence(self) -> dict[str, Evidence]:
        """What the columns of text that may hold numbers say about how these are written."""
        if not self._written:
            return {}
        with self._filesystem.open(self._path, "rb") as file:
            table = self._open(file).read(columns=self._written)
        return {name: evidence_of(pc.cast(_as_text(table[name]) if _is_bytes(table[name].type) else table[name],
                                          pa.string())) for name in self._written}

    def settle(self, marks: Mapping[str, Marks]) -> None:
        """Take note of how the numbers in columns of text are written."""
        self._marks = {name: marks.get(name, Marks()) for name in self._written}

    def scan(self, builder: CatalogueBuilder) -> Numbers:
        """The number of each row's region-item."""
        keys = [name for name in self._columns if name in self._plan.key_columns()]
        with self._filesystem.open(self._path, "rb") as file:
            parquet = self._open(file)
            parts = [builder.add(self._made(parquet.read_row_groups(groups, columns=keys)))
                     for groups, _ in self._pieces]
        together = sum(len(np.unique(part)) for part in parts)
        if parts and together > _CLUSTERED * len(np.unique(np.concatenate(parts))):
            self._most_kept = len(parts)
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)

    def rows(self, positions: Positions) -> pd.DataFrame:
        """The wanted columns of rows, by ascending position from 0."""
        parts = []
        for number in np.unique(np.searchsorted(self._starts, positions, side="right") - 1).tolist():
            start, stop = self._starts[number], self._starts[number + 1]
            inside = positions[(positions >= start) & (positions < stop)] - start
            parts.append(self._piece(number).take(pa.array(inside)).cast(self._schema))
        return self._made(pa.concat_tables(parts, promote_options="permissive")) if parts else pd.DataFrame(
            columns=[*self._columns, *self._constant])

    def _piece(self, number: int) -> pa.Table:
        """The wanted columns of some row groups, kept for the next time."""
        if number not in self._kept:
            while len(self._kept) >= self._most_kept:
                del self._kept[next(iter(self._kept))]
            with self._filesystem.open(self._path, "rb") as file:
                table = self._open(file).read_row_groups(self._pieces[number][0], columns=self._columns)
            self._schema = table.schema
            self._kept[number] = _shortened(table)
        return self._kept[number]

    def _made(self, table: pa.Table) -> pd.DataFrame:
        """Rows with the numbers of columns of text read, and with what the path says."""
        made = _as_pandas(table, self._names)
        for name in self._written:
            if name in made:
                made[name] = pd.Series(read_objects(made[name].astype(object), self._marks.get(name, Marks())),
                                       index=made.index, dtype=object)
        return made.assign(**{name: pd.Series([value] * len(made), index=made.index, dtype=object)
                              for name, value in self._constant.items()})

    def _open(self, file: Any) -> pq.ParquetFile:
        return pq.ParquetFile(file, metadata=self._metadata, read_dictionary=self._dictionaries)


class CsvTable:
    """A CSV file, read whole: a column is numbers if every value is one, else text as it stands. Each distinct text of
    a column is kept and read once; a row holds its place among them.

    A line with too many or too few values is a row whose demand is the whole line, for the validation to refuse, and
    whose drivers are unknown; values beyond the header that are all empty are none. So is each line that a quotation
    mark without its twin takes into a value.

    Args:
        constant: columns with one value in all rows: the names in the file's path.
    Raises: SourceError: the file cannot be read or lacks a column.
    """

    def __init__(self, filesystem: AbstractFileSystem, path: str, plan: ColumnPlan, dataset: Dataset,
                 source: FileSource, constant: Mapping[str, str | None] | None = None) -> None:
        self._filesystem, self._path, self._source = filesystem, path, source
        self._constant, self._encoding = dict(constant or {}), source.encoding
        self._plain: dict[str, pa.ChunkedArray] = {}
        """Of columns that are numbers as they stand, the distinct ones, until they are settled."""
        try:
            head = self._head(plan, dataset)
            layout = self._layout = layout_of(head.names, plan, dataset, path, list(self._constant))
            self._delimiter, self._width, self._skipped = head.delimiter, len(layout.names), head.skipped
            self._extra = head.extra
            self._wanted = [*layout.wanted, *layout.dates]
            self._places = {name: str(layout.names.index(name)) for name in self._wanted}
            self._names = plan.name_columns()
            self._texts = plan.text_columns()
            self._demand = plan.plain("demand")
            self._keys_of_rows = plan.key_columns() - plan.demand_columns()
            self._spoilt = list(layout.dates) or [name for name in self._wanted if name in plan.demand_columns()]
            self._dated = [str(layout.names.index(name)) for name in plan.date_columns() if name in layout.names]
            broken: list[pv.InvalidRow] = []
            columns = [*self._places.values(), *(str(self._width + number) for number in range(self._extra))]
            table, lines = self._read(head, columns, broken, in_order=False)
            swallowed: list[tuple[int, list[str]]] = []
            if broken or lines != len(table):
                broken.clear()
                table, lines = self._read(head, columns, broken, in_order=True)
                if lines != len(table) + len(broken):
                    swallowed = self._swallowed(head)
        except (UnicodeError, LookupError) as error:
            raise self._wrong_encoding(error) from error
        except (zlib.error, EOFError, lzma.LZMAError, gzip.BadGzipFile) as error:
            raise SourceError(f"{path} is damaged: {error}. Write it again.") from error
        except (pa.ArrowInvalid, csv.Error) as error:
            if "UTF8" in str(error):
                raise self._wrong_encoding(error) from error
            if line := self._unended(head):
                raise SourceError(f"{path}: a quotation mark in line {line} opens a value that does not end within "
                                  f"{_LINES_OF_A_VALUE} lines. Take it out, or write it twice inside quotation marks."
                                  ) from error
            raise SourceError(f"{path} is no readable CSV file: {error}. Correct the file, or set source.delimiter."
                              ) from error
        table = self._with_broken(table, broken, swallowed)
        self._check_headers(table, layout.names)
        table = self._with_dates(table, plan)
        for name, value in self._constant.items():
            if name not in table.column_names:
                table = table.append_column(name, pa.chunked_array([pa.repeat(pa.scalar(value, pa.string()),
                                                                              len(table))]))
        self._size, columns = len(table), dict(zip(table.column_names, table.columns, strict=True))
        del table
        self._columns = _coded(columns)
        self._keys = [name for name in self._columns if name in plan.key_columns()]
        self._in_pieces = self._names | plan.plain_columns()

    def evidence(self) -> dict[str, Evidence]:
        """What the columns that may hold numbers say about how these are written."""
        found = {}
        for name in self._number_columns():
            distinct = self._columns[name].distinct
            numbers = as_numbers(pc.utf8_trim_whitespace(distinct))
            if numbers is None:
                found[name] = evidence_of(distinct)
                continue
            self._plain[name] = numbers
            if not pa.types.is_integer(numbers.type):  # only points then, of which the first mostly tell enough
                some = evidence_of(distinct.slice(0, _ENOUGH_TO_TELL))
                found[name] = some if some.point_decimal else evidence_of(distinct)
        return found

    def settle(self, marks: Mapping[str, Marks]) -> None:
        """Read the numbers, now that it is known how they are written."""
        numbers = set(self._number_columns())
        for name, column in self._columns.items():
            if name in numbers:
                self._columns[name] = column.read_as(self._numbers(name, marks.get(name, Marks())))
            elif name not in self._names:
                self._columns[name] = column.read_as(text(column.distinct))
        self._plain.clear()

    def _numbers(self, name: str, marks: Marks) -> pa.ChunkedArray:
        plain = self._plain.get(name)
        if plain is not None and (pa.types.is_integer(plain.type) or marks == Marks(".", marks.thousands)):
            return plain
        return numbers_or_text(self._columns[name].distinct, marks)

    def scan(self, builder: CatalogueBuilder) -> Numbers:
        """The number of each row's region-item."""
        most = max((len(column.distinct) for column in self._columns.values()), default=0)
        size = max(ROWS_A_PIECE, most)  # what is known of distinct values is looked at for each piece
        parts = [builder.add(pd.DataFrame({name: self._columns[name].at(slice(start, start + size), self._is_kept(name))
                                           for name in self._keys}, index=range(min(size, self._size - start))))
                 for start in range(0, self._size, size)]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)

    def rows(self, positions: Positions) -> pd.DataFrame:
        """The wanted columns of rows, by ascending position from 0."""
        return pd.DataFrame({name: column.at(positions, name in self._names) for name, column in self._columns.items()})

    def _is_kept(self, name: str) -> bool:
        """Whether a column is looked through as it is kept: text that is no part of an expression."""
        return name in self._in_pieces and _is_text(self._columns[name].distinct.type)

    def _number_columns(self) -> list[str]:
        return [name for name in self._columns if name not in self._names and name not in self._texts]

    def _head(self, plan: ColumnPlan, dataset: Dataset) -> "_Head":
        """Where the header is, what stands between its names, and where the rows begin."""
        with opened(self._filesystem, self._path, self._source.most_unpacked_gb) as file:
            begin = file.read(_HEAD_BYTES)
            if b"\n" not in begin and b"\r" not in begin:
                begin += file.read(LONGEST_HEADER + 1 - len(begin))
        if len(begin) > LONGEST_HEADER:
            raise SourceError(f"The first line of {self._path} has more than {LONGEST_HEADER:,} bytes; at most so many "
                              "are read. Check that its lines end, and leave out columns that are not needed.")
        if begin.startswith(_COMPRESSED):
            raise SourceError(f"{self._path} is compressed, and its name does not say how. Call it .csv.gz, .csv.bz2 "
                              "or .csv.xz.")
        self._encoding = self._encoding_of(begin)
        if b"\0" in begin and not self._encoding.lower().startswith(("utf-16", "utf_16", "utf16", "utf-32")):
            order = "be" if begin[::2].count(0) > begin[1::2].count(0) else "le"
            if (stray := stray_zeros(begin)) is not None:
                raise SourceError(f"{self._path} {stray}.")
            kind = ("an Excel workbook: set source.format to 'excel'" if begin.startswith(b"PK") else
                    "no CSV file, or UTF-16 without a byte order mark: set source.format to what it is, or "
                    f"source.encoding to 'utf-16-{order}'")
            raise SourceError(f"{self._path} holds bytes that are no text; it is {kind}.")
        mark = codecs.BOM_UTF8 if self._encoding == "utf-8" and begin.startswith(codecs.BOM_UTF8) else b""
        written = codecs.getincrementaldecoder(self._encoding)().decode(begin[len(mark):])
        written = written.removeprefix("\ufeff")
        lines = StringIO(written, newline="").readlines()
        skipped = self._source.skip_lines
        delimiter = self._source.delimiter
        if skipped < len(lines) and (declared := _SEPARATOR_LINE.fullmatch(lines[skipped].strip('\r\n"'))):
            delimiter = delimiter or declared[1]
            skipped += 1
        found: _Head | None = None
        widest = 0
        """Columns of what has too many of them to be looked at."""
        for mark_between in [delimiter] if delimiter else DELIMITERS:
            records = first_records(lines[skipped:], mark_between)
            names = [[name.strip() for name in record] for record, _ in records]
            if (columns := max(map(len, names), default=0)) > MOST_COLUMNS:
                widest = max(widest, columns)
                continue
            is_header = fits(plan, dataset, list(self._constant))
            number = header_line(names, is_header, plan) if not self._source.skip_lines else header_line(names, any)
            head = _Head(names[number] if names else [], mark_between, 0, len(mark), 0)
            if names:
                below = [record for record, _ in records[number + 1:number + 20] if any(record)]
                while head.names and not head.names[-1] and len(head.names) > 1:
                    head.names.pop()
                extra = max((len(record) - len(head.names) for record in below), default=0)
                is_trailing = below and all(not any(record[len(head.names):]) for record in below)
                taken = sum(count for _, count in records[:number + 1])
                offset = sum(len(line) for line in lines[:skipped + taken])
                head = _Head(head.names, mark_between, max(extra, 0) if is_trailing else 0, len(mark), offset,
                             written[:offset], skipped + taken - 1)
            if is_header(head.names):
                return head
            if found is None or held(head.names, plan) > held(found.names, plan):
                found = head
        _check_columns(widest, self._path)
        return found or _Head([], ",", 0, 0, 0)

    def _encoding_of(self, begin: bytes) -> str:
        """How the file is written; UTF-16 shows itself by its byte order mark, and UTF-8 beside files in the declared
        encoding by its bytes."""
        if begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and not begin.startswith(codecs.BOM_UTF32_LE):
            return "utf-16"
        declared = codecs.lookup(self._source.encoding).name
        if begin.startswith(codecs.BOM_UTF8) or declared in ("utf-8", "utf-8-sig"):
            return "utf-8"
        if declared.startswith(("utf-16", "utf-32", "utf-7")):
            return self._source.encoding
        with opened(self._filesystem, self._path, self._source.most_unpacked_gb) as file:
            whole = file.read()
        return "utf-8" if _is_utf_8(whole, declared) else self._source.encoding

    def _read(self, head: "_Head", columns: Sequence[str], broken: list[pv.InvalidRow],
              in_order: bool) -> tuple[pa.Table, int]:
        """Columns as text, each distinct one of a block once, and how many lines that are not blank the file has below
        its header; lines with too many or too few values are left out and collected.

        Args:
            in_order: read by one thread, so that it is known where the broken lines stand.
        """
        def collect(row: pv.InvalidRow) -> str:
            broken.append(row)
            return "skip"

        with opened(self._filesystem, self._path, self._source.most_unpacked_gb) as file:
            if self._encoding == "utf-8":
                file.read(head.mark + len(head.above.encode()))
                content = _Counted(file.read(1), file)
            else:
                whole = file.read().decode(self._encoding).removeprefix("\ufeff")[head.offset:].encode()
                content = _Counted(whole[:1], BytesIO(whole[1:]))
            if not content.first:
                return pa.table({name: pa.array([], _CODED) for name in columns}), 0
            try:
                table = pv.read_csv(
                    pa.PythonFile(content, mode="r"),
                    pv.ReadOptions(column_names=[str(place) for place in range(self._width + self._extra)],
                                   use_threads=not in_order),
                    pv.ParseOptions(delimiter=self._delimiter, newlines_in_values=True, invalid_row_handler=collect),
                    pv.ConvertOptions(include_columns=columns, column_types=dict.fromkeys(columns, _CODED),
                                      strings_can_be_null=False))
            finally:
                if content.problem is not None:
                    raise content.problem
            return table, content.lines

    def _swallowed(self, head: "_Head") -> list[tuple[int, list[str]]]:
        """Places of the records, from 0, in which a value holds lines of the table, which a quotation mark without its
        twin does; and the lines of each."""
        broken: list[pv.InvalidRow] = []
        names = [str(place) for place in range(self._width + self._extra)]
        table = _written_out(self._read(head, names, broken, in_order=True)[0])
        at = np.array([line.number - 1 for line in broken], dtype=np.int64)
        numbers = np.setdiff1d(np.arange(len(table) + len(at)), at)
        has_breaks = np.zeros(len(table), dtype=bool)
        for name in names:
            has_breaks |= pc.match_substring_regex(table[name], "[\r\n]").to_numpy(zero_copy_only=False)
        several = table.filter(pa.array(has_breaks)).to_pylist()
        joined = [self._delimiter.join(row.values()) for row in several]
        texts = [*zip(numbers[has_breaks].tolist(), joined, strict=True),
                 *((line.number - 1, line.text) for line in broken)]
        records = [(place, [line for line in _LINE_BREAK.split(text) if line.strip()]) for place, text in sorted(texts)]
        whole = table.filter(pa.array(~has_breaks))
        dates = self._dated or [str(self._layout.names.index(name)) for name in self._layout.dates]
        shapes = {_shape(value) for name in dates for value in pc.unique(whole[name]).to_pylist()}
        shapes |= {_shape(values[int(name)]) for _, lines in records for name in dates
                   if len(values := self._split(lines[0])) > int(name)}
        shapes -= {""}
        least = 1 if self._dated else max(1, len(dates) // 2)

        def is_of_table(line: str) -> bool:
            values = line.split(self._delimiter)
            return len(values) >= max(2, self._width // 2) and sum(_shape(value) in shapes for value in values) >= least

        return [(place, lines) for place, lines in records if any(is_of_table(line) for line in lines[1:])]

    def _with_broken(self, table: pa.Table, broken: Sequence[pv.InvalidRow],
                     swallowed: Sequence[tuple[int, list[str]]]) -> pa.Table:
        """All rows in the file's order, under the file's names."""
        beyond = [table[str(self._width + number)] for number in range(self._extra)]
        table = table.select(list(self._places.values())).rename_columns(self._wanted)
        has_more = np.zeros(len(table), dtype=bool)
        for column in beyond:
            has_more |= pc.not_equal(pc.utf8_trim_whitespace(pc.cast(column, pa.string())), "").to_numpy()
        if has_more.any() or swallowed:
            table = _written_out(table)
        if has_more.any():
            words = f"{BROKEN_LINE}: more values than the {self._width} columns of the header"
            is_broken = pa.chunked_array([pa.array(has_more)])
            for name in set(self._wanted) - self._keys_of_rows:
                said = pa.scalar(words if name in self._spoilt else "")
                table = table.set_column(table.column_names.index(name), name, pc.if_else(is_broken, said, table[name]))
        if not broken and not swallowed:
            return table
        places = {place for place, _ in swallowed}
        rows = [(line.number - 1, self._repaired(line.text)) for line in broken if line.number - 1 not in places]
        rows += [(place, self._refused(self._split(line), f"{_BROKEN_QUOTE}: {line}"))
                 for place, lines in swallowed for line in lines]
        at = np.setdiff1d(np.arange(len(table) + len(broken)), [line.number - 1 for line in broken])
        is_kept = ~np.isin(at, sorted(places))
        if swallowed:
            table = table.filter(pa.array(is_kept))
        mended = pa.Table.from_pylist([row for _, row in rows], schema=pa.schema([(name, pa.string())
                                                                                  for name in self._wanted]))
        table = pa.concat_tables([table, mended.cast(table.schema)]).unify_dictionaries()
        order = np.concatenate([at[is_kept], np.array([place for place, _ in rows], dtype=np.int64)])
        return table.take(pa.array(np.argsort(order, kind="stable")))

    def _check_headers(self, table: pa.Table, names: Sequence[str]) -> None:
        """Nothing, where no row is a header with its columns in another order, as of files that were joined. Raises:
        SourceError."""
        known = pa.array([written for name in names if name for written in (name, f"\ufeff{name}")])
        is_header = np.ones(len(table), dtype=bool)
        for name in self._wanted:
            if not is_header.any():
                return
            is_header &= _is_in(table[name], known)
        for place in np.flatnonzero(is_header).tolist():
            row = [one_form(table[name][place].as_py()) for name in self._wanted]
            if len(row) > _FEW_COLUMNS and row != self._wanted:
                raise SourceError(f"Row {place + 1} of {self._path} is a header with its columns in another order "
                                  f"({', '.join(map(repr, row))} where the first has "
                                  f"{', '.join(map(repr, self._wanted))}), as of two files that were joined. Split "
                                  "them, or write the columns of both in one order.")

    def _repaired(self, text: str) -> dict[str, str]:
        """The row of a line with too many or too few values."""
        values = self._split(text)
        if len(values) >= self._width and not any(values[self._width:]):
            return {name: values[int(place)] for name, place in self._places.items()}
        return self._refused(values, f"{BROKEN_LINE} ({len(values)} values, {self._width} columns): {text}")

    def _refused(self, values: Sequence[str], said: str) -> dict[str, str]:
        """A row whose demand is what is said, and of which nothing is known but its names and its date."""
        keys = {name: values[int(place)] for name, place in self._places.items()
                if name in self._keys_of_rows and int(place) < len(values)}
        return dict.fromkeys(self._wanted, "") | keys | dict.fromkeys(self._spoilt, said)

    def _split(self, line: str) -> list[str]:
        return next(csv.reader([line], delimiter=self._delimiter), [])

    def _unended(self, head: "_Head") -> int:
        """The line, from 1, in which a value of very many lines begins; 0 where there is none."""
        with opened(self._filesystem, self._path, self._source.most_unpacked_gb) as file:
            lines = StringIO(file.read().decode(self._encoding, errors="replace"), newline="").readlines()
        del lines[:head.skipped]
        before = taken = 0
        reader = csv.reader(lines, delimiter=self._delimiter)
        with contextlib.suppress(csv.Error):
            for _ in reader:
                before, taken = taken, reader.line_num
                if taken - before > _LINES_OF_A_VALUE:
                    return head.skipped + before + 1
            return 0
        return head.skipped + taken + 1

    def _with_dates(self, table: pa.Table, plan: ColumnPlan) -> pa.Table:
        """A row a period, of a table that has a column for each; rows of one date stand together."""
        dates = self._layout.dates
        if not dates:
            return table
        kind = table[dates[0]].type
        columns = {name: pa.chunked_array([chunk for _ in dates for chunk in table[name].chunks], kind)
                   for name in table.column_names if name not in dates}
        columns[plan.plain("date") or "date"] = pa.DictionaryArray.from_arrays(
            np.repeat(np.arange(len(dates), dtype=np.int32), len(table)), pa.array(dates, pa.string()))
        columns[self._demand or "demand"] = pa.chunked_array(
            [chunk for name in dates for chunk in table[name].chunks], kind)
        return pa.table(columns)

    def _wrong_encoding(self, error: Exception) -> SourceError:
        if self._encoding == "utf-16" and "BOM" not in str(error):
            return SourceError(f"{self._path} begins as utf-16 text and is damaged: {error}. Write it again.")
        if "BOM" in str(error):
            return SourceError(f"{self._path} has no byte order mark. Set source.encoding to 'utf-16-le' or "
                               "'utf-16-be', or to 'utf-8' if it is no UTF-16.")
        if self._source.encoding not in ("utf-8", "utf-8-sig"):
            return SourceError(f"{self._path} is no {self._source.encoding} text: {error}. Set source.encoding, as in "
                               "'utf-8'.")
        with opened(self._filesystem, self._path, self._source.most_unpacked_gb) as file:
            content = file.read()
        if spoilt := nearly_utf_8(content):
            return SourceError(f"{self._path} {spoilt}.")
        readings = _readings(content)
        return SourceError(f"{self._path} is no utf-8 text: {error}. Set source.encoding, as in {readings}; files in "
                           "UTF-8 beside it are read as such.")


@dataclass(frozen=True)
class _Head:
    """The beginning of a CSV file."""

    names: list[str]
    delimiter: str
    extra: int
    """Values of each row beyond the header, all of them empty."""
    mark: int
    """Bytes of the byte order mark."""
    offset: int
    """Characters up to the first row."""
    above: str = ""
    """The text up to the first row."""
    skipped: int = 0
    """Lines above the header."""


def pieces_of(sizes: Sequence[int]) -> list[tuple[list[int], int]]:
    """Row groups that are read together, and how many rows they have."""
    found: list[tuple[list[int], int]] = []
    for group, size in enumerate(sizes):
        if found and found[-1][1] + size <= ROWS_A_PIECE:
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
        elif _is_text(kind) or (pa.types.is_primitive(kind) and kind.bit_width > _PLACE_BITS):
            encoded = column.dictionary_encode()
            if encoded.num_chunks and len(encoded.chunk(0).dictionary) < _FEW_DISTINCT * len(column):
                column = encoded
        columns.append(column.combine_chunks())
    return pa.table(columns, names=table.column_names)


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


class _Counted:
    """A stream of which the first byte was read already, that counts the lines with something in them."""

    closed = False

    def __init__(self, first: bytes, rest: Any) -> None:
        self.first, self._rest, self._is_begun = first, rest, False
        self._breaks = self._returns = self._blank = 0
        self._end = b""
        self.problem: Exception | None = None
        """Why it ended before its end. It is not raised among the threads that read, which would go on at the process's
        end."""

    @property
    def lines(self) -> int:
        """Lines so far; blank ones in a row may count."""
        is_open = self._end[-1:] not in (b"\n", b"\r", b"")
        return (self._breaks or self._returns) - self._blank + is_open

    def read(self, size: int = -1) -> bytes:
        """So many bytes, all that are left unless told; none any more after a problem."""
        if self.problem is not None:
            return b""
        begin = b"" if self._is_begun else self.first
        self._is_begun = True
        try:
            left = size - len(begin) if size > 0 else size
            found = begin + (bytes(self._rest.read(left)) if left else b"")
        except Exception as error:  # noqa: BLE001  # raised by who reads, once all threads are done
            self.problem = error
            return b""
        seen = self._end + found
        self._breaks += found.count(b"\n")
        self._returns += found.count(b"\r")
        self._blank += seen.count(b"\n\n") + seen.count(b"\n\r\n")
        self._end = seen[-1:]
        return found

    def close(self) -> None:
        """Nothing: the file is closed by who opened it."""


def _readings(content: bytes) -> str:
    """How a word of the file would be read in some encodings, the likeliest first, as words."""
    words = re.findall(rb"[^\s,;|\"]*[\x80-\xff][^\s,;|\"]*", content[:_HEAD_BYTES])[:_WORDS_LOOKED_AT]
    word = max(words or [b"\x80"], key=lambda one: sum(byte > 127 for byte in one))
    is_foreign = sum(byte > 127 for byte in word) > len(word) / 2  # in the west few letters of a word have accents
    found = []
    for encoding in _ENCODINGS:
        try:
            content.decode(encoding)
            found.append((encoding, word.decode(encoding)))
        except UnicodeDecodeError:
            continue
    found.sort(key=lambda one: (not _is_word(one[1]), is_foreign and one[0] in _WESTERN))
    told = [f"{encoding!r} reads {read!r}" if place else f"{encoding!r}, which reads {read!r}"
            for place, (encoding, read) in enumerate(one for one in found if _is_shown(one[1]))]
    return "; ".join(told[:_READINGS]) or "'cp1252'"


def _is_shown(text: str) -> bool:
    """Whether every letter can be shown."""
    return text.isprintable() and not any(unicodedata.category(letter) == "Co" for letter in text)


def _is_word(text: str) -> bool:
    """Whether a text is made of letters of one script, capitals where they stand in words."""
    scripts = {unicodedata.name(letter, "?").split()[0] for letter in text}
    is_cased = text in (text.lower(), text.upper(), text.capitalize())
    return text.isalpha() and is_cased and len(scripts - {"HALFWIDTH"}) == 1


def _is_utf_8(content: bytes, declared: str) -> bool:
    """Whether a file is UTF-8 and not what is declared: text in an encoding of one byte a letter is hardly ever UTF-8
    by chance; one of several is taken for what is declared if it can be."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    known = 0
    for byte in range(128, 256):
        with contextlib.suppress(UnicodeDecodeError):
            known += bool(bytes([byte]).decode(declared))
    if known >= _LETTERS_OF_ONE_BYTE:
        return True
    try:
        content.decode(declared)
    except UnicodeDecodeError:
        return True
    return False


def _shape(value: str) -> str:
    """A value with the same sign for all digits and for all letters."""
    return re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", value.strip()))


def first_records(lines: Sequence[str], delimiter: str) -> list[tuple[list[str], int]]:
    """The first records of a CSV file with the number of lines that each takes; one that does not end, or that is too
    long, is left out with all that follow."""
    taken = 0

    def counted() -> Iterator[str]:
        nonlocal taken
        for line in lines:
            taken += 1
            yield line

    reader, found, before = csv.reader(counted(), delimiter=delimiter), list[tuple[list[str], int]](), 0
    try:
        for record in reader:
            found.append((record, taken - before))
            before = taken
            if len(found) > 2 * LOOKED_THROUGH:
                break
    except csv.Error:
        pass
    return found


@dataclass(frozen=True)
class _Coded:
    """A column of which each distinct value is kept once."""

    distinct: pa.ChunkedArray
    places: npt.NDArray[np.int32]
    """Of each row's value among them; -1 where none stands."""

    def read_as(self, values: pa.ChunkedArray) -> "_Coded":
        """The column with these values in place of the distinct ones."""
        if not _is_text(values.type):
            return _Coded(values, self.places)
        encoded = values.dictionary_encode().combine_chunks()  # what is written in two ways may be read alike
        places = encoded.indices.fill_null(-1).to_numpy()
        return _Coded(pa.chunked_array([encoded.dictionary]), np.append(places, np.int32(-1))[self.places])

    def at(self, rows: Positions | slice, as_kept: bool) -> "pd.Series[Any]":
        """The values of some rows.

        Args:
            as_kept: text as categories, of which there may be more than those rows have.
        """
        places = self.places[rows]
        if as_kept:
            categories = pd.Index(self.distinct.to_pandas(), dtype=object)
            return pd.Series(pd.Categorical.from_codes(places, categories, validate=False))
        if _is_text(self.distinct.type) and len(self.distinct) <= len(places):
            return pd.Series(np.append(self.distinct.to_pandas().to_numpy(dtype=object), None)[places], dtype=object)
        return cast("pd.Series[Any]", self.distinct.take(pa.array(places, mask=places < 0)).to_pandas())


def _places(chunk: pa.DictionaryArray) -> npt.NDArray[np.int32]:
    """Of each row's value among the distinct ones; -1 where none stands."""
    return chunk.indices.fill_null(-1).to_numpy()


def _coded(columns: dict[str, pa.ChunkedArray]) -> dict[str, _Coded]:
    """These columns of text, which are taken out of where they are, so that no two of them are there twice."""
    found = {}
    for name in list(columns):
        column = columns.pop(name)
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        column = column.unify_dictionaries()
        distinct = column.chunk(0).dictionary if column.num_chunks else pa.array([], pa.string())
        places = [_places(chunk) for chunk in column.chunks]
        found[name] = _Coded(pa.chunked_array([distinct]), np.concatenate([np.zeros(0, dtype=np.int32), *places]))
        del column, places
        pa.default_memory_pool().release_unused()
    return found


def _written_out(table: pa.Table) -> pa.Table:
    """The table with each row's own text."""
    return table.cast(pa.schema([(name, pa.string()) for name in table.column_names]))


def _is_in(column: pa.ChunkedArray, known: pa.Array) -> npt.NDArray[np.bool_]:
    """Which rows of a column of text hold one of these."""
    if not pa.types.is_dictionary(column.type):
        return np.asarray(pc.is_in(column, known).to_numpy(zero_copy_only=False))
    parts = [np.append(pc.is_in(chunk.dictionary, known).to_numpy(zero_copy_only=False), False)[_places(chunk)]
             for chunk in column.chunks if len(chunk)]
    return np.concatenate([np.zeros(0, dtype=bool), *parts])


def nearly_utf_8(content: bytes) -> str | None:
    """What is wrong with a text that is UTF-8 but for a few bytes, which no other encoding would read right; None of
    any other. What may be cut off at its end is left aside."""
    wrong = content[:-3].decode("utf-8", errors="replace")
    few = wrong.count("\ufffd") - content.count(b"\xef\xbf\xbd")
    many = sum(1 for letter in wrong if ord(letter) > 127) - few
    if not 0 < few <= _FEW_WRONG * many:
        return None
    line = wrong[:wrong.index("\ufffd")].count("\n") + 1
    return (f"is UTF-8 but for {few} bytes, the first in line {line}: lines of another encoding were put into it. "
            "Correct them there, or write the whole file as UTF-8")


def stray_zeros(begin: bytes) -> str | None:
    """What is wrong with a text in which some bytes are zero; None where it is none, or in UTF-16."""
    count = begin.count(0)
    if not count or count > _FEW_ZEROS * len(begin) or begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return None
    line = begin[:begin.index(0)].count(b"\n") + 1
    return (f"holds {count} zero bytes, the first in line {line}: it was damaged, or cut off while it was written. "
            "Write it again, or take them out, as with tr -d '\\000'")


def _is_text(kind: pa.DataType) -> bool:
    """Whether a column's values are text, also where each is stored once."""
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or _is_bytes(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    """Whether a column's values are bytes, as some programs write text."""
    if pa.types.is_dictionary(kind):
        return _is_bytes(kind.value_type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Bytes as the text that they are in UTF-8. Raises: pa.ArrowInvalid: they are none."""
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    return pc.cast(pc.cast(column, pa.large_binary()), pa.large_string())


def _as_pandas(table: pa.Table, names: Collection[str | None] = ()) -> pd.DataFrame:
    """The table; whole numbers that are names are text, for a null beside them would make them fractions."""
    for place, field in enumerate(table.schema):
        if _is_bytes(field.type):
            try:
                table = table.set_column(place, field.name, _as_text(table[field.name]))
            except pa.ArrowInvalid as error:
                raise SourceError(f"The column {field.name!r} holds bytes that are no text in UTF-8. Write it as text."
                                  ) from error
        if field.name in names and pa.types.is_floating(field.type):
            largest = pc.max(pc.abs(table[field.name])).as_py()
            if largest is not None and largest > _EXACT_UP_TO[field.type]:
                raise SourceError(f"The column {field.name!r} holds names as numbers with a fraction as large as "
                                  f"{largest:g}, which no longer have all their digits. Write it as text or as whole "
                                  "numbers.")
        if field.name in names and (pa.types.is_integer(field.type) or pa.types.is_decimal(field.type)):
            table = table.set_column(place, field.name, pc.cast(table[field.name], pa.string()))
    return cast(pd.DataFrame, table.to_pandas(date_as_object=False, ignore_metadata=True))
