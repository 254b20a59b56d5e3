"""A smaller copy of tables that are too large to be looked at whole: the beginning and the end of each file."""

import json
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec import AbstractFileSystem

from demand_assets.proposals.file_kinds import WIDE, decoded
from demand_assets.proposals.tables import ROWS_OF_A_SHEET, WHOLE_UP_TO, Group, Table, first_rows
from demand_assets.sources.file_formats.arrow_file import arrow_in
from demand_assets.sources.file_formats.json_file import json_rows
from demand_assets.sources.file_formats.unpacking import PACKED, opened, packed_files
from demand_assets.sources.files import format_of

_MOST_FILES = 24
"""Of a sample."""
_TAIL = 0.15
"""Share of a sample that is taken from the end of each file."""
_SAMPLE_ROWS = 300_000
"""Of a Parquet file."""


def sampled(group: Group, folder: Path) -> str:
    """The path of a smaller copy of the group's tables: the beginning and the end of each file, of some of many."""
    assert group.filesystem is not None
    files = list(dict.fromkeys(table.path for table in group.tables))
    first = {table.path: table for table in group.tables}
    if files and group.tables[0].member:
        packed = {one.name: one for one in packed_files(group.filesystem, files[0])}
        members = {table.member: table for table in group.tables}
        for place, name in enumerate(some := _some(list(members))):
            one = packed[name]
            _sample_of(one.filesystem, one.path, members[name], folder / f"{place:03}_{PurePosixPath(name).name}",
                       WHOLE_UP_TO // len(some))
        return str(folder)
    some = _some(files)
    for place, name in enumerate(some):
        hive = [part for part in PurePosixPath(name).parts[:-1] if "=" in part]
        target = folder.joinpath(*hive, f"{place:03}_{PurePosixPath(name).name}")
        target.parent.mkdir(parents=True, exist_ok=True)
        _sample_of(group.filesystem, name, first[name], target, WHOLE_UP_TO // len(some))
    return str(folder)


def _some(files: list[str]) -> list[str]:
    step = max(1, -(-len(files) // _MOST_FILES))
    return list(dict.fromkeys([*files[::step], files[-1]]))


def _sample_of(filesystem: AbstractFileSystem, path: str, table: Table, target: Path, size: int) -> None:
    if table.kind == "parquet":
        _sample_parquet(filesystem, path, target.with_suffix(".parquet"), size)
    elif table.kind == "arrow":
        pq.write_table(_ends(arrow_in(filesystem, path), size), target.with_suffix(".parquet"))
    elif table.kind == "json":
        names, rows = json_rows(filesystem, path)
        some = [*rows[:_SAMPLE_ROWS], *rows[_SAMPLE_ROWS:][-int(_TAIL * _SAMPLE_ROWS):]]
        target.with_suffix(".jsonl").write_text("\n".join(json.dumps(dict(zip(names, row, strict=True)))
                                                          for row in some))
    elif table.kind == "excel":
        _sample_workbook(filesystem, path, target.with_suffix(".xlsx"))
    else:
        _sample_text(filesystem, path, target.with_suffix(".csv"), size)


def _sample_text(filesystem: AbstractFileSystem, path: str, target: Path, size: int) -> None:
    """The beginning and the end of a text file, of whole lines."""
    with opened(filesystem, path) as file:
        head = file.read(size)
        is_utf16 = head.startswith(WIDE)
        end = b"\n" if b"\n" in head else b"\r"
        if is_utf16 or len(head) < size:
            if is_utf16:
                head = decoded(head, path)[1].encode()
            target.write_bytes(head[:head.rfind(end) + 1] or head)
            return
        tail = b""
        if format_of(path) == "csv" and not path.lower().endswith(PACKED):
            file.seek(0, 2)
            length = file.tell()
            file.seek(max(size, length - int(_TAIL * size)))
            tail = file.read()
            tail = tail[tail.find(end) + 1:]
    target.write_bytes(head[:head.rfind(end) + 1] + tail)


def _sample_parquet(filesystem: AbstractFileSystem, path: str, target: Path, size: int) -> None:
    rows = max(1000, min(_SAMPLE_ROWS, size // 40))
    with filesystem.open(path, "rb") as file:
        parquet = pq.ParquetFile(file)
        with pq.ParquetWriter(target, parquet.schema_arrow) as writer:
            taken = 0
            for batch in parquet.iter_batches(min(rows, 65_536)):
                writer.write_batch(batch)
                taken += len(batch)
                if taken >= rows:
                    break
            groups = parquet.num_row_groups
            if groups > 1:
                last = parquet.read_row_group(groups - 1)
                writer.write_table(last.slice(max(0, len(last) - rows // 5)))


def _ends(table: pa.Table, size: int) -> pa.Table:
    """The beginning and the end of a table."""
    rows = max(1000, min(_SAMPLE_ROWS, size // 40))
    return table if len(table) <= rows else pa.concat_tables([table.slice(0, rows), table.slice(
        max(rows, len(table) - rows // 5))])


def _sample_workbook(filesystem: AbstractFileSystem, path: str, target: Path) -> None:
    from openpyxl import Workbook

    with filesystem.open(path, "rb") as file:
        sheets = first_rows(file, ROWS_OF_A_SHEET)
    book = Workbook(write_only=True)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(target)
