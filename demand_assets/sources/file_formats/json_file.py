"""JSON files as tables: a list of records, or a record a line."""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from lzma import LZMAError
from typing import Any

from fsspec import AbstractFileSystem

from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.source_entries import FileSource
from demand_assets.sources.columns import ColumnPlan
from demand_assets.sources.file_formats.distinct_values import NUL_SHOWN
from demand_assets.sources.file_formats.file_table import check_columns
from demand_assets.sources.file_formats.headers import layout_of
from demand_assets.sources.file_formats.unpacking import check_values, opened
from demand_assets.sources.file_formats.workbooks import SheetTable

Record = Mapping[str, Any]
_KIND = ("a list of records, as in [{\"date\": \"2024-01-31\", \"item\": \"tea\", \"demand\": 3}, …], or a record a "
         "line; pandas writes that with orient='records'")


def json_table(filesystem: AbstractFileSystem, path: str, plan: ColumnPlan, dataset: Dataset, source: FileSource,
               constant: Mapping[str, str | None]) -> SheetTable:
    """The table in a JSON file. Raises: SourceError: it cannot be read, or lacks a column."""
    names, rows = json_rows(filesystem, path, source.most_unpacked_gb)
    layout = layout_of(names, plan, dataset, path, list(constant))
    return SheetTable(rows, layout, plan, constant, source.fill_down, path)


def json_rows(filesystem: AbstractFileSystem, path: str, most_gb: float | None = None
              ) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The names of all records, in the order in which they come, and the values of each; None where it has none.

    Records within records are columns too, as in ``item.name``.

    Raises: SourceError: it is no JSON of records, or holds too much.
    """
    try:
        with opened(filesystem, path, most_gb) as file:
            text = file.read()
        records = _records(text.decode(json.detect_encoding(text)).removeprefix("\ufeff"), path)
        places: dict[str, int] = {}
        made, values = [], 0
        for record in records:
            flat = dict(_flat(record, ""))
            for name in flat:
                places.setdefault(name, len(places))
            check_columns(len(places), path)
            values += len(places)
            check_values(path, values, most_gb)
            row: list[Any] = [None] * len(places)
            for name, value in flat.items():
                row[places[name]] = value
            made.append(row)
    except (zlib.error, EOFError, LZMAError) as error:
        raise SourceError(f"{path} is damaged: {error}. Write it again.") from error
    except (ValueError, RecursionError) as error:  # also of bytes that are no text
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{path} is no JSON that can be read: {error}. Write it again, or set source.format to what "
                          "it is.") from error
    if not made:
        raise SourceError(f"{path} has no records. Write it again.")
    return list(places), [(*row, *(None,) * (len(places) - len(row))) for row in made]


def _records(text: str, path: str) -> Iterable[Record]:
    """The records of a list, of lines, or of the one list that stands under a name."""
    begin = text.lstrip()[:1]
    lines = text.split("\n") if begin == "{" else []
    if len(lines) > 1 and _is_record(lines[0]):
        return _of_lines(lines, path)
    whole = _read(text)
    if isinstance(whole, dict):
        lists = [value for value in whole.values() if isinstance(value, list)]
        is_one = not any(isinstance(value, list | dict) for value in whole.values())
        whole = [whole] if is_one else lists[0] if len(lists) == 1 else None
    if not isinstance(whole, list) or not all(isinstance(record, dict) for record in whole):
        raise SourceError(f"{path} holds JSON that is no table. Write {_KIND}.")
    return whole


def _is_record(line: str) -> bool:
    try:
        return isinstance(_read(line), dict)
    except ValueError:
        return False


def _of_lines(lines: Iterable[str], path: str) -> Iterator[Record]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = _read(line)
        except ValueError as error:
            raise SourceError(f"Line {number} of {path} is no JSON that can be read: {error}. Correct it.") from error
        if not isinstance(record, dict):
            raise SourceError(f"Line {number} of {path} is no record. Write {_KIND}.")
        yield record


def _read(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_once, parse_constant=lambda name: None if name == "NaN" else float(name))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A record. Raises: ValueError: it has two values of one name."""
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"a record has two values of the name {twice!r}")
    return record


def _flat(record: Record, within: str) -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{within}{name}.")
        else:
            shown = json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
            yield f"{within}{name}", shown.replace("\0", NUL_SHOWN) if isinstance(shown, str) else shown
