"""Where the header of a CSV file is, what stands between its names, and where its rows begin."""

import codecs
import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO

from fsspec import AbstractFileSystem

from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.demand.source_entries import FileSource
from demand_assets.sources.columns import ColumnPlan
from demand_assets.sources.file_formats.file_table import MOST_COLUMNS, check_columns
from demand_assets.sources.file_formats.headers import LOOKED_THROUGH, header_line, held, put_together
from demand_assets.sources.file_formats.unpacking import opened

DELIMITERS = ",;\t|"
SEPARATOR_LINE = re.compile(r"sep=(.)", re.IGNORECASE)
LONGEST_HEADER = 2_000_000
"""Bytes of a CSV file's first line."""
_HEAD_BYTES = 1 << 18
"""In which the header is looked for."""
_COMPRESSED = (b"\x1f\x8b", b"BZh9", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
_ZIP = b"PK\x03\x04"


@dataclass(frozen=True)
class Head:
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


def beginning_of(filesystem: AbstractFileSystem, path: str, source: FileSource) -> bytes:
    """The first bytes of the file, in which its header is.

    Raises: SourceError: its first line is too long, or it is packed in a way that its name does not tell.
    """
    with opened(filesystem, path, source.most_unpacked_gb) as file:
        begin = file.read(_HEAD_BYTES)
        if b"\n" not in begin and b"\r" not in begin:
            begin += file.read(LONGEST_HEADER + 1 - len(begin))
    if len(begin) > LONGEST_HEADER:
        raise SourceError(f"The first line of {path} has more than {LONGEST_HEADER:,} bytes; at most so many "
                          "are read. Check that its lines end, and leave out columns that are not needed.")
    if begin.startswith(_COMPRESSED):
        raise SourceError(f"{path} is compressed, and its name does not say how. Call it .csv.gz, .csv.bz2, "
                          ".csv.xz or .csv.zst.")
    if begin.startswith(_ZIP):
        raise SourceError(f"{path} is a zip or an Excel workbook, whatever its name says. Call it .zip, or "
                          "set source.format to 'excel'.")
    return begin


def head_of(begin: bytes, encoding: str, source: FileSource, plan: ColumnPlan,
            is_header: Callable[[Sequence[str]], bool], path: str) -> Head:
    """The header as it is found in the beginning of the file.

    Args:
        is_header: whether names are those of a header of the dataset's table.
    Raises: SourceError: it has too many columns. UnicodeError: the text is in another encoding.
    """
    mark = codecs.BOM_UTF8 if encoding == "utf-8" and begin.startswith(codecs.BOM_UTF8) else b""
    written = codecs.getincrementaldecoder(encoding)().decode(begin[len(mark):])
    written = written.removeprefix("\ufeff")
    lines = StringIO(written, newline="").readlines()
    skipped = source.skip_lines
    delimiter = source.delimiter
    if skipped < len(lines) and (declared := SEPARATOR_LINE.fullmatch(lines[skipped].strip('\r\n"'))):
        delimiter = delimiter or declared[1]
        skipped += 1
    found: Head | None = None
    widest = 0
    """Columns of what has too many of them to be looked at."""
    for mark_between in [delimiter] if delimiter else DELIMITERS:
        records = first_records(lines[skipped:], mark_between)
        names = put_together([[name.strip() for name in record] for record, _ in records], source.header_rows)
        if (columns := max(map(len, names), default=0)) > MOST_COLUMNS:
            widest = max(widest, columns)
            continue
        number = header_line(names, is_header, plan) if not source.skip_lines else header_line(names, any)
        number = min(max(number, source.header_rows - 1), max(len(names) - 1, 0))
        head = Head(names[number] if names else [], mark_between, 0, len(mark), 0)
        if names:
            below = [record for record, _ in records[number + 1:number + 20] if any(record)]
            while head.names and not head.names[-1] and len(head.names) > 1:
                head.names.pop()
            extra = max((len(record) - len(head.names) for record in below), default=0)
            is_trailing = below and all(not any(map(str.strip, record[len(head.names):])) for record in below)
            taken = sum(count for _, count in records[:number + 1])
            offset = sum(len(line) for line in lines[:skipped + taken])
            head = Head(head.names, mark_between, max(extra, 0) if is_trailing else 0, len(mark), offset,
                        written[:offset], skipped + taken - 1)
        if is_header(head.names):
            return head
        if found is None or held(head.names, plan) > held(found.names, plan):
            found = head
    check_columns(widest, path)
    return found or Head([], ",", 0, 0, 0)


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
