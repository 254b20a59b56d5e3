"""What tables stand in a file, a folder, a glob or a zip, with which columns; and which are read together."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any
from zipfile import BadZipFile

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec import AbstractFileSystem

from demand_assets.forecasting.contract.source import SourceError
from demand_assets.proposals.cannot_propose import CannotProposeError, one_line
from demand_assets.proposals.file_kinds import decoded, kind_of
from demand_assets.sources.column_names import called, known_words
from demand_assets.sources.file_formats.arrow_file import arrow_schema
from demand_assets.sources.file_formats.calamine_sheets import is_calamines, sheets_in
from demand_assets.sources.file_formats.csv_headers import DELIMITERS, SEPARATOR_LINE, first_records
from demand_assets.sources.file_formats.file_table import MOST_COLUMNS
from demand_assets.sources.file_formats.headers import LOOKED_THROUGH, put_together, unique_names
from demand_assets.sources.file_formats.json_file import json_rows
from demand_assets.sources.file_formats.unpacking import HIDDEN, PACKED, opened, packed_files
from demand_assets.sources.file_formats.workbooks import cells_of
from demand_assets.sources.files import columns_of_folders, format_of, not_read, not_read_beside, stem_of

WHOLE_UP_TO = 24_000_000
"""Bytes that are looked at whole; of more, a sample is."""
_MOSTLY_ALIKE = 0.6
"""Share of their columns that tables have in common which are read together."""
MAY_HOLD_DEMAND = "and may hold demand too"
"""Of a file that is left out though its columns are called so."""
_LARGE_WORKBOOK = 4_000_000
ROWS_OF_A_SHEET = 20_000
_HEAD = 1 << 17
_MOST_TITLES, _ENOUGH_KNOWN = 8, 2
_SURE = 3
"""Of the first name of a header, that it is that of a date."""
_COMPRESSED = 6
"""How many times larger a compressed file is taken to be."""
_NUMBER = re.compile(r"[-+]?[\d.,'\s]*\d[\d.,'\s]*%?")


@dataclass(frozen=True)
class Table:
    """One file, or one sheet of a workbook."""

    path: str
    kind: str
    """csv, parquet, arrow, json or excel, as the content is."""
    names: tuple[str, ...]
    """Of the columns, as they are called under ``[columns]``, with those that its folders give."""
    size: int
    """Bytes; rows of a sheet."""
    encoding: str = "utf-8"
    sheet: str | None = None
    delimiter: str = ""
    skipped: int = 0
    """Lines above the header."""
    is_by_name: bool = True
    """Whether the name says what the content is."""
    member: str = ""
    """Its name in the zip."""
    header_rows: int = 1


@dataclass(frozen=True)
class Group:
    """Tables with the same columns, which can be read together."""

    path: str
    """What reads them, and nothing else."""
    tables: tuple[Table, ...]
    source: dict[str, Any]
    """Further entries of ``[source]`` that they need."""
    others: tuple[str, ...] = ()
    """Of what is left out: name and why, to tell."""
    filesystem: AbstractFileSystem | None = field(default=None, compare=False)

    @property
    def are_named(self) -> bool:
        """Whether it has several files, or several sheets, whose names may say something."""
        return len({table.sheet if self.source.get("sheet") == "*" else table.member or table.path
                    for table in self.tables}) > 1

    @property
    def are_years(self) -> bool:
        """Whether the names of its files, or of its sheets, are years."""
        names = [table.sheet or "" if self.source.get("sheet") == "*" else stem_of(table.member or table.path)
                 for table in self.tables]
        return all(re.fullmatch(r"\d{4}", name) for name in names)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that all tables have, as the first has them."""
        return _in_all(self.tables)

    @property
    def is_large(self) -> bool:
        """Whether a sample has to do."""
        return sum(_weight(table) for table in self.tables if not table.sheet) > WHOLE_UP_TO or any(
            table.kind == "excel" and table.size > _LARGE_WORKBOOK for table in self.tables)


def groups_in(given: str) -> list[Group]:
    """The groups of tables that stand in a file, a folder, a glob or a zip, the largest first.

    Raises: CannotProposeError: there is none.
    """
    try:
        filesystem, path = fsspec.core.url_to_fs(given)
        files, is_folder = _listed(filesystem, path, given)
    except (ImportError, ValueError, OSError) as error:
        raise CannotProposeError(f"{given} cannot be opened: {error}") from error
    beside = not_read_beside(files)
    tables, others = list[Table](), list[tuple[str, str]](beside.items())
    for name, info in files.items():
        if name in beside:
            continue
        try:
            tables += _tables_of(filesystem, name, int(info.get("size") or 0), is_alone=not is_folder)
        except (CannotProposeError, SourceError) as error:
            if not is_folder:
                raise CannotProposeError(one_line(error)) from error
            others.append((name, one_line(error)))
        except OSError as error:
            raise CannotProposeError(f"{name} cannot be read: {error}") from error
    if not tables:
        why = "; ".join(reason for _, reason in others[:3])
        raise CannotProposeError(f"{given} has no file that can be read" + (f": {why}" if why else ""))
    return _grouped(filesystem, given, tables, others, is_folder)


def _listed(filesystem: AbstractFileSystem, path: str, given: str) -> tuple[dict[str, dict[str, Any]], bool]:
    """The files by name, and whether there may be several."""
    if filesystem.exists(path):
        info = filesystem.info(path)
        if info["type"] != "directory":
            return {path: info}, False
        root, found = path.rstrip("/"), filesystem.find(path, detail=True)
    elif any(mark in path for mark in "*?["):
        root, found = "", filesystem.glob(path, detail=True)
    else:
        raise CannotProposeError(f"{given} is not there. Give FILE= a file, a folder, a glob or a zip")
    files = {}
    for name, info in sorted(found.items()):
        within = PurePosixPath(name.removeprefix(root).lstrip("/") if root else PurePosixPath(name).name)
        is_read = not any(part.startswith(HIDDEN) for part in within.parts) and all(
            "=" in folder for folder in within.parts[:-1])
        if info["type"] == "file" and is_read:
            files[name] = info
    if not files:
        raise CannotProposeError(f"{given} holds no files" + (" of its own" if found else ""))
    return files, True


def _tables_of(filesystem: AbstractFileSystem, path: str, size: int, is_alone: bool,
               constant: Mapping[str, str | None] | None = None, member: str = "") -> list[Table]:
    """The tables in one file. Raises: CannotProposeError, SourceError."""
    shown = member or path
    if size == 0:
        raise CannotProposeError(f"{shown} is empty: 0 bytes")
    constant = {**(constant or {}), **columns_of_folders(path)}
    by_name = format_of(path)
    with filesystem.open(path, "rb") as file:
        begin = file.read(_HEAD)
    if why := not_read(shown):
        raise CannotProposeError(f"{shown} is not read: {why}")
    kind = kind_of(begin, by_name, shown)
    if not is_alone and by_name is None:
        raise CannotProposeError(f"{shown} is no table by its name")
    if kind == "zip" and by_name != "zip":
        raise CannotProposeError(f"{shown} is a zip, whatever its name says; call it .zip, or unpack it")
    if kind == "zip":
        return _packed(filesystem, path, constant)
    is_by_name = kind == by_name
    if kind == "parquet":
        with filesystem.open(path, "rb") as file:
            try:
                schema = pq.read_schema(file)
                nested = [field.name for field in schema if pa.types.is_nested(field.type)]
                names = [name for name in schema.names if name not in nested]
                if told := [name for name in nested if known_words(name)]:
                    raise CannotProposeError(f"the column {told[0]!r} of {shown} holds lists or structures, not one "
                                             "value a row; write each value in a column of its own")
            except (pa.ArrowInvalid, OSError) as error:
                raise CannotProposeError(f"{shown} is no readable Parquet file: {error}") from error
        return [Table(path, kind, _with(unique_names(names), constant), size, is_by_name=is_by_name)]
    if kind == "arrow":
        schema = arrow_schema(filesystem, path)
        names = [field.name for field in schema if not pa.types.is_nested(field.type)]
        return [Table(path, kind, _with(unique_names(names), constant), size, is_by_name=is_by_name)]
    if kind == "json":
        names, _ = json_rows(filesystem, path)
        return [Table(path, kind, _with(unique_names(names), constant), size, is_by_name=is_by_name)]
    if kind == "excel":
        return _sheets_of(filesystem, path, size, constant, is_by_name, shown)
    return [_csv_of(filesystem, path, size, constant, is_by_name, shown)]


def _packed(filesystem: AbstractFileSystem, path: str, constant: Mapping[str, str | None]) -> list[Table]:
    """The tables in the files of a zip. Raises: CannotProposeError: there is none, or their columns differ."""
    found, problems = list[Table](), list[str]()
    try:
        packed = packed_files(filesystem, path)
        beside = not_read_beside([one.name for one in packed])
        for one in packed:
            if one.name in beside:
                continue
            of_one = {**constant, **columns_of_folders(one.name)}
            try:
                its = _tables_of(one.filesystem, one.path, one.size, False, of_one, one.name)
            except CannotProposeError as error:
                if format_of(one.name) is not None:
                    raise CannotProposeError(f"{path}: {error}") from error
                problems.append(str(error))
                continue
            found += [replace(table, path=path, is_by_name=True, member=one.name) for table in its]
    except SourceError:  # of a file in it
        raise
    except (BadZipFile, NotImplementedError, RuntimeError) as error:
        raise CannotProposeError(f"{path} is no zip that can be read: {error}") from error
    if not found:
        raise CannotProposeError(f"{path} holds no table" + (f": {problems[0]}" if problems else ""))
    if len({frozenset(table.names) for table in found}) > 1:
        raise CannotProposeError(f"{path} holds tables with different columns ({_listing(found)}); unpack it and give "
                                 "FILE= the folder, of which those with demand are read, or one of them")
    return found


def _csv_of(filesystem: AbstractFileSystem, path: str, size: int, constant: Mapping[str, str | None], is_by_name: bool,
            shown: str) -> Table:
    with opened(filesystem, path) as file:
        begin = file.read(_HEAD)
    encoding, written = decoded(begin, shown)
    lines = written.splitlines(keepends=True)
    if len(begin) == _HEAD and len(lines) > 1:
        lines.pop()
    skipped, declared = 0, ""
    if lines and (match := SEPARATOR_LINE.fullmatch(lines[0].strip('\r\n"'))):
        skipped, declared = 1, match[1]
    best: tuple[float, str, int, list[str]] | None = None
    for mark in [declared] if declared else DELIMITERS:
        records = [record for record, _ in first_records(lines[skipped:], mark)]
        if max(map(len, records), default=0) > MOST_COLUMNS:
            raise CannotProposeError(f"{shown} has more than {MOST_COLUMNS:,} columns; leave out what is not needed")
        widths = [_filled(record) for record in records if any(cell.strip() for cell in record)]
        if not widths:
            continue
        usual = Counter(widths[-max(1, len(widths) // 2):]).most_common(1)[0][0]
        wide = max(usual, max(len(record) for record in records[-1:]))
        number = next((place for place, record in enumerate(records[:LOOKED_THROUGH])
                       if sum(bool(cell.strip()) for cell in record) >= max(1 if usual == 1 else 2, 0.6 * usual)), 0)
        agree = sum(width >= 0.6 * usual for width in widths) / len(widths)
        score = agree * min(usual, wide)
        if best is None or score > best[0]:
            best = (score, mark, number, records[number])
    if best is None:
        raise CannotProposeError(f"{shown} holds no line with anything in it")
    _, delimiter, number, header = best
    lines_read = [record for record, _ in first_records(lines[skipped:], delimiter)]
    number += _below_title(lines_read[number:LOOKED_THROUGH])
    header = lines_read[number]
    while header and not header[-1].strip() and len(header) > 1:
        header = header[:-1]
    names, rows = _with_row_above(lines_read[:number + 1], header)
    _check_header(names, shown)
    return Table(path, "csv", _with(names, constant), size, encoding, None, delimiter, number + skipped, is_by_name,
                 header_rows=rows)


def _below_title(records: Sequence[Sequence[str]]) -> int:
    """How many lines of a title with the mark between columns in it, as in January 1, 2026, stand above the header: the
    line below them that is filled as well, and has more words that columns are called, and no digits, as they have."""
    first = records[0]
    known = known_words(" ".join(first))
    if not any(re.search(r"\d", cell) for cell in first):
        return 0
    for place, record in enumerate(records[1:_MOST_TITLES], 1):
        filled = [cell.strip() for cell in record if cell.strip()]
        if len(filled) >= sum(bool(cell.strip()) for cell in first) and len(set(filled)) == len(filled) and (
                known_words(" ".join(filled)) >= known + _ENOUGH_KNOWN) and not re.search(r"\d", "".join(filled)):
            return place
    return 0


def _with_row_above(lines: Sequence[Sequence[str]], header: Sequence[str]) -> tuple[tuple[str, ...], int]:
    """The names of the columns, and of how many rows they are made: of two where names are repeated, and those above
    them, which stand for the columns to their right too, tell them apart.

    Args:
        lines: the header, and those above it.
    """
    names = unique_names(header)
    if len(lines) < 2 or len(set(map(str.strip, header))) == len(header):
        return names, 1
    filled = [cell for cell in lines[-2] if cell.strip()]
    both = put_together([*lines[:-1], header], 2)[-1]
    is_told = len(filled) >= 2 and all(re.search(r"\d", cell) for cell in filled[-2:]) and len(set(both)) == len(both)
    return (unique_names(both), 2) if is_told else (names, 1)


def _check_header(names: Sequence[str], shown: str) -> None:
    """Nothing, where the first line holds names. Raises: CannotProposeError."""
    named = [name for name in names if name.strip()]
    if not named:
        raise CannotProposeError(f"{shown} has no line with the names of its columns")
    if called(named[0], "date") == _SURE:
        return
    numbers = [name for name in named if _NUMBER.fullmatch(name.strip()) and not re.search(r"\d{4}", name)]
    if len(numbers) > 0 and len(numbers) + sum(bool(re.search(r"\d{4}", name)) for name in named) >= 0.4 * len(
            named) and len(named) < 12:
        raise CannotProposeError(f"{shown} has no header: its first line is {', '.join(named[:6])!r}. Write a line "
                                 "with the names of the columns above it, as in date,region,item,demand")


def _sheets_of(filesystem: AbstractFileSystem, path: str, size: int, constant: Mapping[str, str | None],
               is_by_name: bool, shown: str) -> list[Table]:
    if size > _LARGE_WORKBOOK:
        with filesystem.open(path, "rb") as file:
            sheets = first_rows(file, 2 * LOOKED_THROUGH)
    else:
        book = cells_of(filesystem, path)
        sheets = book.shown if any(book.shown.values()) else dict(book.sheets)
    found = []
    for name, cells in sheets.items():
        widths = [sum(value not in (None, "") for value in row) for row in cells]
        if not any(widths):
            continue
        usual = Counter(width for width in widths if width).most_common(1)[0][0]
        number = next(place for place, width in enumerate(widths) if width >= max(1 if usual == 1 else 2, 0.6 * usual)
                      ) if max(widths) >= min(2, usual) else 0
        above = [["" if value is None else value.date().isoformat() if hasattr(value, "date") else str(value)
                  for value in row] for row in cells[:number + 1]]
        names, header_rows = _with_row_above(above, above[number])
        if not any(names):
            continue
        rows = sum(map(bool, widths)) - number - 1
        found.append(Table(path, "excel", _with(names, constant), max(rows, 1) if size <= _LARGE_WORKBOOK else size,
                           sheet=name, skipped=number, is_by_name=is_by_name, header_rows=header_rows))
    if not found:
        raise CannotProposeError(f"{shown} has no sheet with anything on it")
    return found


def first_rows(file: Any, rows: int) -> dict[str, list[tuple[Any, ...]]]:
    """The first rows of each sheet, without reading the others."""
    from openpyxl import load_workbook

    begin = file.read(_HEAD)
    file.seek(0)
    if is_calamines(begin):
        sheets, hidden = sheets_in(file, getattr(file, "path", "the workbook"))
        return {name: cells[:rows] for name, cells in sheets.items()
                if name not in hidden or len(hidden) == len(sheets)}
    try:
        book = load_workbook(file, read_only=True, data_only=True)
        shown = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        return {sheet.title: [tuple(row) for row in sheet.iter_rows(values_only=True, max_row=rows)]
                for sheet in shown or book.worksheets}
    except (BadZipFile, KeyError, ValueError, TypeError) as error:
        raise CannotProposeError(f"no Excel workbook that can be read: {error}") from error


def _grouped(filesystem: AbstractFileSystem, given: str, tables: list[Table], unread: list[tuple[str, str]],
             is_folder: bool) -> list[Group]:
    made, apart = [], 0
    for its in _alike(tables):
        files = sorted({table.path for table in its})
        rest = [(table.path if table.sheet is None else f"{table.path}, sheet {table.sheet!r}",
                 "it has other columns" + (f", {MAY_HOLD_DEMAND}" if _has_demand(table.names) else ""))
                for table in tables if table not in its]
        common = {name.casefold() for name in _in_all(its)}
        rest += [(f"the column {name!r}", "not all files have it") for name in dict.fromkeys(
            name for table in its for name in table.names if name.casefold() not in common)]
        source: dict[str, Any] = {}
        kinds = {table.kind for table in its}
        if not all(table.is_by_name for table in its):
            source["format"] = its[0].kind if len(kinds) == 1 else "auto"
        encodings = {table.encoding for table in its if table.kind == "csv"} or {"utf-8"}
        if len(encodings) > 1:
            others = sorted(encodings - {"utf-8"}, key=lambda one: -sum(table.encoding == one for table in its))
            kept = {"utf-8", others[0]}  # files in UTF-8 beside those of the declared encoding are read as such
            rest += [(table.path, f"it is written as {table.encoding}, and others as {' and '.join(sorted(kept))}, "
                                  f"{MAY_HOLD_DEMAND}") for table in its if table.encoding not in kept]
            its = [table for table in its if table.encoding in kept]
            files, encodings = sorted({table.path for table in its}), {others[0]}
        if encodings != {"utf-8"}:
            source["encoding"] = encodings.pop()
        if len(rows := {table.header_rows for table in its}) == 1 and rows != {1}:
            source["header_rows"] = rows.pop()
        sheets = [table for table in its if table.sheet is not None]
        if sheets and len(files) == 1 and sum(table.path == files[0] for table in tables) > 1:
            source["sheet"] = sheets[0].sheet if len(sheets) == 1 else "*"
        reads = _path_of(filesystem, given, files, tables, unread, is_folder)
        others = tuple(f"{name}: {reason}" for name, reason in [*rest, *unread])
        if reads is None:
            apart = max(apart, len(files))
            continue
        made.append(Group(reads, tuple(its), source, others, filesystem))
    if not made and len({frozenset(table.names) for table in tables}) == 1:
        why = f", for {unread[0][1]}" if unread else ""
        raise CannotProposeError(f"no one path reads {apart} of the files of {given} and nothing else{why}; put them "
                                 "into a folder of their own")
    if not made:
        raise CannotProposeError(f"{given} holds tables with different columns ({_listing(tables)}); put those with "
                                 "demand into a folder of their own, or give FILE= one of them")
    return made


def _alike(tables: Sequence[Table]) -> list[list[Table]]:
    """The tables that can be read together, the largest group first: those with the same columns, and those that have
    nearly the same, with the date and demand of the others."""
    by_names: dict[frozenset[str], list[Table]] = {}
    for table in tables:
        by_names.setdefault(frozenset(name.casefold() for name in table.names), []).append(table)
    found: list[list[Table]] = []
    for names, its in sorted(by_names.items(), key=lambda pair: -sum(one.size for one in pair[1])):
        beside = next((group for group in found if _fits(frozenset(map(str.casefold, _in_all(group))), names)), None)
        if beside is None:
            found.append(list(its))
        else:
            beside += its
    return sorted(found, key=lambda ones: -sum(one.size for one in ones))


def _fits(names: frozenset[str], others: frozenset[str]) -> bool:
    """Whether tables with these columns hold the same as tables with those."""
    both = names & others
    if len(both) < _MOSTLY_ALIKE * max(len(names), len(others)):
        return False
    told = {kind: {name for name in names | others if called(name, kind) >= 2} for kind in ("date", "demand")}
    return all(its and its <= both for its in told.values())


def _has_demand(names: Sequence[str]) -> bool:
    return all(any(called(name, kind) >= 2 for name in names) for kind in ("date", "demand"))


def _in_all(tables: Sequence[Table]) -> tuple[str, ...]:
    common = frozenset.intersection(*(frozenset(map(str.casefold, table.names)) for table in tables))
    return tuple(name for name in tables[0].names if name.casefold() in common)


def _path_of(filesystem: AbstractFileSystem, given: str, files: Sequence[str], tables: Sequence[Table],
             unread: Sequence[tuple[str, str]], is_folder: bool) -> str | None:
    """A path or a glob that reads these files and nothing else; None where there is none."""
    is_read_too = {name for name, _ in unread if format_of(name) is not None} - set(
        not_read_beside([*files, *(name for name, _ in unread)]))
    if not is_folder or ({table.path for table in tables} == set(files) and not is_read_too):
        return given
    head = f"{given.split('://')[0]}://" if "://" in given else ""
    if len(files) == 1:
        return head + files[0]
    folder = PurePosixPath(files[0]).parent
    if any(PurePosixPath(name).parent != folder for name in files):
        return None
    names = [PurePosixPath(name).name for name in files]
    start = _common(names)
    end = _common([name[len(start):][::-1] for name in names])[::-1]
    glob = f"{folder}/{start}*{end}"
    return head + glob if sorted(filesystem.glob(glob)) == list(files) else None


def _common(names: Sequence[str]) -> str:
    shortest = min(names, key=len)
    return next((shortest[:place] for place in range(len(shortest))
                 if len({name[place] for name in names}) > 1), shortest)


def _weight(table: Table) -> int:
    is_packed = table.path.lower().endswith((*PACKED, ".zip", ".parquet", ".pq")) and not table.member
    return table.size * (_COMPRESSED if is_packed else 1)


def _with(names: Sequence[str], constant: Mapping[str, str | None]) -> tuple[str, ...]:
    return (*names, *(name for name in constant if name not in names))


def _filled(record: Sequence[str]) -> int:
    return max((place for place, cell in enumerate(record, 1) if cell.strip()), default=0)


def _listing(tables: Sequence[Table]) -> str:
    each = [*{frozenset(table.names): table for table in reversed(tables)}.values()][::-1]  # one of each kind
    shown = [f"{PurePosixPath(table.member or table.path).name}: {', '.join(table.names[:4])}" for table in each[:3]]
    return "; ".join(shown) + (" …" if len(each) > 3 else "")
