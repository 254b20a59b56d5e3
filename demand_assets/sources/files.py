"""Demand in CSV, Parquet, Arrow or JSON files or workbooks: a path, a folder, a glob, a zip, or an object's URL."""

import csv
import hashlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from urllib.parse import unquote
from zipfile import BadZipFile

import fsspec
import numpy as np
import numpy.typing as npt
import pandas as pd
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import Catalogue, SourceError, as_text, written_out
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.source_entries import FileSource
from demand_assets.forecasting.store.uploads import NAME, stock_column, upload_source
from demand_assets.forecasting.store.uploads import settled as with_uploads
from demand_assets.sources.catalogue import CatalogueBuilder, Numbers, check_usable
from demand_assets.sources.columns import ColumnPlan
from demand_assets.sources.environment import Environment
from demand_assets.sources.file_formats.arrow_file import ArrowTable, arrow_in, holds_several, parquet_in
from demand_assets.sources.file_formats.csv_file import CsvTable
from demand_assets.sources.file_formats.file_table import Table
from demand_assets.sources.file_formats.json_file import json_table
from demand_assets.sources.file_formats.parquet_file import ParquetTable
from demand_assets.sources.file_formats.unpacking import HIDDEN, PACKED, packed_files
from demand_assets.sources.file_formats.workbooks import sheets_of
from demand_assets.sources.written_numbers import Evidence, settled

T = TypeVar("T")

_SUFFIXES = {"parquet": (".parquet", ".pq"), "arrow": (".feather", ".arrow", ".arrows", ".ipc"),
             "csv": tuple(text + packed for text in (".csv", ".tsv", ".txt") for packed in ("", *PACKED)),
             "json": tuple(text + packed for text in (".json", ".jsonl", ".ndjson") for packed in ("", *PACKED)),
             "excel": (".xlsx", ".xlsm", ".ods", ".xls"), "zip": (".zip",)}
_BESIDE_OTHERS = ((".feather", ".arrow", ".arrows", ".ipc"), (".ods", ".xls"), _SUFFIXES["json"])
"""Kinds of files that are read where there are none of those before them: beside CSV files, Parquet and workbooks they
mostly hold the same once more, or describe them."""
_NOT_READ = {".xlsb": "save it as .xlsx or CSV", ".numbers": "save it as .xlsx or CSV"}
_UNREAD = ("it is neither a CSV nor a Parquet, Arrow or JSON file, a workbook (.xlsx, .ods, .xls) or a zip of them by "
           "its name")
_EMPTY = "it is empty: 0 bytes"
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
"""In a path that gives columns, as Spark writes it."""
_CHANGE_MARKS = ("ETag", "etag", "LastModified", "last_modified", "mtime", "updated", "created", "md5Hash")
_UNDERSCORE = "its name begins with _, as of what no one means to be read; give it another name to have it read"


def name_says_hidden(within: PurePosixPath) -> bool:
    """Whether the file could be read by all but the ``_`` that its own name begins with."""
    return within.name.startswith("_") and format_of(within.name) is not None and not any(
        part.startswith(HIDDEN) for part in within.parts[:-1])


@dataclass(frozen=True)
class _Loaded:
    """What is known of the files of one fingerprint."""

    fingerprint: str
    today: pd.Timestamp
    """The day on which demand was looked for: of a later day is none known."""
    tables: tuple[Table, ...]
    catalogue: Catalogue
    numbers: Mapping[RegionItem, int]
    order: npt.NDArray[np.integer[Any]]
    """Row positions over all files, sorted by the number of the region-item."""
    starts: npt.NDArray[np.int64]
    """Where the rows of each number begin in ``order``, and at last the end."""
    ends: npt.NDArray[np.int64]
    """Row positions at which each file ends."""
    uploads_from: int
    """Row position from which on rows were uploaded."""


class Files:
    """The file source. Keeps what it learned of the files until they change, so that reading the next chunk is cheap.

    Args:
        dataset: its source is of kind file.
        environment: values of ``${NAME}`` in the path and options; the process's unless given.
    Raises: SourceError: a name in the path is not set, or an expression cannot be read.
    """

    def __init__(self, dataset: Dataset, environment: Mapping[str, str] | None = None) -> None:
        if not isinstance(dataset.source, FileSource):
            raise SourceError(f"dataset {dataset.name} has a source of kind {dataset.source.kind!r}, not 'file'")
        self._dataset, self._source = dataset, dataset.source
        self._plan = ColumnPlan(dataset)
        self._environment = Environment(environment)
        self._options = self._environment.expand_options(dataset.source.options)
        self._path = self._environment.expand(dataset.source.path)
        self._loaded: _Loaded | None = None
        self._skipped: list[tuple[str, str]] = []

    def today(self) -> pd.Timestamp:
        """The real local date."""
        return pd.Timestamp.now().normalize()

    def fingerprint(self) -> str:
        """Changes when a file is added, removed, or written again."""
        return self._reached(lambda: _fingerprint(self._files()[1] | self._uploaded()))

    def catalogue(self) -> Catalogue:
        """The region-items of all files together."""
        return self._reached(self._load).catalogue

    def read(self, region_items: Sequence[RegionItem]) -> pd.DataFrame:
        """The rows of these region-items; ``row`` counts the rows below the header over all files by name."""
        return self._reached(lambda: self._read(region_items))

    def _read(self, region_items: Sequence[RegionItem]) -> pd.DataFrame:
        loaded = self._load()
        numbers = [loaded.numbers[entry] for entry in set(region_items) if entry in loaded.numbers]
        positions = np.sort(np.concatenate([np.zeros(0, dtype=np.int64), *(
            loaded.order[loaded.starts[number]:loaded.starts[number + 1]] for number in numbers)]), kind="stable")
        starts = [0, *loaded.ends.tolist()]
        bounds = np.searchsorted(positions, starts)
        parts = []
        for number in np.flatnonzero(np.diff(bounds)).tolist():
            inside = positions[bounds[number]:bounds[number + 1]]
            parts.append(self._plan.canonical(loaded.tables[number].rows(inside - starts[number]), inside + 1))
        if not parts:
            entry = self._dataset.stock_entry
            names = ["region", "item", "row", "date", "demand", *([entry] if entry else []),
                     *self._dataset.driver_names]
            return pd.DataFrame({name: np.zeros(0, dtype=np.int64 if name == "row" else object) for name in names})
        joined, is_uploaded = _joined(parts), positions >= loaded.uploads_from
        return with_uploads(written_out(joined), is_uploaded, self._dataset) if is_uploaded.any() else joined

    def _load(self) -> _Loaded:
        filesystem, files = self._files()
        uploaded = self._uploaded()
        fingerprint = _fingerprint(files | uploaded)
        today = self.today()
        if self._loaded is not None and (self._loaded.fingerprint, self._loaded.today) == (fingerprint, today):
            return self._loaded
        skipped = list(self._skipped)
        if all(info["size"] == 0 for info in files.values()):
            raise SourceError(f"{self._shown} is empty: 0 bytes. Write the file again.")
        opened = [(f"{path}, table {number}" if number > 1 else path, table)
                  for path, info in files.items() if info["size"] != 0
                  for number, table in enumerate(self._open(filesystem, path, skipped, columns_of_folders(path)), 1)]
        tables = [table for _, table in opened]
        skipped += [(path, _EMPTY) for path, info in files.items() if info["size"] == 0]
        builder = CatalogueBuilder(self._dataset, self._plan, today)
        count = len(tables)
        unsaid = {name: "" for name in [stock_column(self._dataset)] if name}  # of uploads of before it was declared
        source = upload_source(self._source)
        of_uploads = self._dataset.model_copy(update={"source": source})
        tables += [CsvTable(LocalFileSystem(), path, self._plan, of_uploads, source,
                            unsaid | self._not_asked_then(path)) for path in uploaded]
        self._settle(tables[:count], self._source)
        self._settle(tables[count:], source)
        for ours in ("region", "item"):
            self._plan.rename(ours, {})
        scanned = [table.scan(builder) for table in tables]
        owner = np.concatenate(scanned)
        if not len(owner):
            raise SourceError(f"{self._shown} has a header and no rows. Write the file again.")
        one_number = builder.put_together()
        owner = np.append(one_number, np.int32(len(one_number)))[owner]  # NOT_COUNTED, -1, takes the last, of no one
        catalogue, numbers = builder.catalogue()
        overlap = builder.marks.overlap([path for path, _ in opened], [*map(len, scanned[:count])]) if (
            builder.marks is not None and count == len(scanned)) else None
        if overlap is not None:
            catalogue = replace(catalogue, notices=(*catalogue.notices, overlap.notice),
                                overlap=(overlap.rows, overlap.names))
        catalogue = replace(catalogue, skipped=tuple(
            (self._environment.without_secrets(name), reason) for name, reason in skipped))
        check_usable(catalogue, self._shown)
        self._loaded = _Loaded(fingerprint, today, tuple(tables), catalogue, numbers, _by_number(owner),
                               np.concatenate([[0], np.cumsum(np.bincount(owner))]),
                               np.cumsum([len(part) for part in scanned]), sum(map(len, scanned[:count])))
        return self._loaded

    def _files(self) -> tuple[AbstractFileSystem, dict[str, dict[str, Any]]]:
        """The file system, and each file's details by its path."""
        try:
            filesystem, path = fsspec.core.url_to_fs(self._path, **self._options)
        except (ImportError, ValueError) as error:
            raise SourceError(f"{self._shown} cannot be opened: {error}. Correct source.path, or install the package "
                              "that its protocol needs.") from error
        filesystem.invalidate_cache()
        self._skipped = []
        root = ""
        if filesystem.exists(path):
            info = filesystem.info(path)
            if info["type"] != "directory":
                return filesystem, {path: info}
            root = path.rstrip("/")
        found = (filesystem.find(root, detail=True) if root else
                 filesystem.glob(path, detail=True) if any(mark in path for mark in "*?[") else {})
        files = {}
        for name, info in sorted(found.items()):
            if info["type"] != "file":
                continue
            within = PurePosixPath(name.removeprefix(root).lstrip("/") if root else PurePosixPath(name).name)
            if any(part.startswith(HIDDEN) for part in within.parts) or self._is_upload(name):
                if name_says_hidden(within):
                    self._skipped.append((name, _UNDERSCORE))
                continue
            if any("=" not in folder for folder in within.parts[:-1]):
                self._skipped.append((name, "it stands in a folder of its own; of those only folders named "
                                            "column=value are read, as in region=north"))
            elif self._source.format == "auto" and not format_of(name):
                self._skipped.append((name, _NOT_READ.get(within.suffix.lower(), _UNREAD)))
            else:
                files[name] = info
        if self._source.format == "auto":
            beside = not_read_beside(files)
            self._skipped += beside.items()
            files = {name: info for name, info in files.items() if name not in beside}
        if not files and self._skipped:
            name, reason = self._skipped[0]
            raise SourceError(f"{self._shown} has no file that can be read; of {name}: {reason}.")
        if not files:
            raise SourceError(f"no file matches {self._shown}. Correct source.path in the dataset file; a relative "
                              "path is taken from the dataset file's folder.")
        return filesystem, files

    def _uploaded(self) -> dict[str, dict[str, Any]]:
        """The file of what programs uploaded, with its details; nothing where they did not."""
        path = self._dataset.uploads / NAME if self._dataset.uploads else None
        return {str(path): LocalFileSystem().info(str(path))} if path and path.exists() else {}

    def _not_asked_then(self, path: str) -> dict[str, str | None]:
        """The columns of drivers, prices and costs that the dataset file did not name when this was uploaded, and those
        that say which rows count, as all of these do."""
        with Path(path).open(encoding="utf-8", newline="") as file:
            there = next(csv.reader(file), [])
        names = [self._dataset.columns.drivers.get(name, name) for name in self._dataset.driver_names]
        only = self._dataset.rules.only_rows
        return {name: None for name in names if name not in there} | {
            name: values[0] for name, values in only.items() if name not in there}

    def _is_upload(self, name: str) -> bool:
        return self._dataset.uploads is not None and Path(name).is_relative_to(self._dataset.uploads)

    def _settle(self, tables: Sequence[Table], source: FileSource) -> None:
        """Settle by all files together how the numbers of each column are written. Raises: SourceError."""
        found: dict[str, Evidence] = {}
        each = [table.evidence() for table in tables]
        for of_table in each:
            for name, evidence in of_table.items():
                found[name] = found[name].with_more(evidence) if name in found else evidence
        if source.decimal is None and source.thousands is None:
            for name, evidence in (pair for of_table in each for pair in of_table.items()):
                if example := evidence.unsettled_by(found[name]):
                    mark = "." if "." in example else ","
                    whole, fraction = example.replace(mark, ""), example.replace(mark, ".")
                    raise SourceError(
                        f"{self._shown}, column {name!r}: {example!r} may be {whole} or {fraction}. Its file does not "
                        "settle it: all its numbers are written so, while another file has the other mark before "
                        f"decimals. Set source.thousands = {mark!r} in the dataset file if it is {whole}; if it is "
                        f"{fraction}, write the decimals of all files with one mark.")
                if example := evidence.unlike([of_table[name] for of_table in each if name in of_table]):
                    mark = "." if "." in example else ","
                    whole, fraction = example.replace(mark, ""), example.replace(mark, ".")
                    raise SourceError(
                        f"{self._shown}, column {name!r}: {example!r} may be {whole} or {fraction}. Its file has the "
                        f"{'point' if mark == '.' else 'comma'} before three digits only, other files before "
                        f"decimals, never three. Set source.decimal = {mark!r} in the dataset file if it is {fraction}"
                        f"; if it is {whole}, write the numbers of its file without separators of thousands.")
        marks = {name: settled(evidence, source, f"{self._shown}, column {name!r}") for name, evidence in found.items()}
        for table in tables:
            table.settle(marks)

    def _open(self, filesystem: AbstractFileSystem, path: str, skipped: list[tuple[str, str]],
              constant: dict[str, str | None]) -> list[Table]:
        """The tables in a file; what of it is not read is noted."""
        is_by_name = self._source.format == "auto" or path.lower().endswith(".zip")
        kind = format_of(path) if is_by_name else self._source.format
        if kind != "zip" and self._source.name_column is not None:
            constant = {self._source.name_column: stem_of(path), **constant}
        if kind in ("parquet", "arrow") and self._source.fill_down:
            raise SourceError(f"{path} is {'a Parquet' if kind == 'parquet' else 'an Arrow'} file, in which "
                              "source.fill_down fills nothing: its rows have no order. Fill the columns where it is "
                              "written, and leave source.fill_down out.")
        if kind == "parquet":
            return [self._parquet(filesystem, path, constant)]
        if kind == "arrow":
            return [ArrowTable(arrow_in(filesystem, path, self._source.most_unpacked_gb), path, self._plan,
                               self._dataset, constant)]
        if kind == "csv":
            return [CsvTable(filesystem, path, self._plan, self._dataset, self._source, constant)]
        if kind == "json":
            return [json_table(filesystem, path, self._plan, self._dataset, self._source, constant)]
        if kind == "excel":
            sheets, others = sheets_of(filesystem, path, self._plan, self._dataset, self._source, constant)
            skipped += others
            return list(sheets)
        if kind == "zip":
            return self._unpacked(filesystem, path, skipped, constant)
        if why := not_read(path):
            raise SourceError(f"{path} is not read: {why}.")
        raise SourceError(f"{path} is neither a CSV nor a Parquet file, nor an Excel workbook by its name. Set "
                          "source.format to 'csv', 'parquet', 'excel', 'arrow' or 'json'.")

    def _parquet(self, filesystem: AbstractFileSystem, path: str, constant: dict[str, str | None]) -> Table:
        """A Parquet file, of which only what is needed is held, unless several of its columns hold demand."""
        most_gb = self._source.most_unpacked_gb
        if self._source.layout in ("auto", "long"):
            try:
                return ParquetTable(filesystem, path, self._plan, constant, most_gb)
            except SourceError:
                if self._source.layout == "long" or not holds_several(filesystem, path, self._plan, self._dataset,
                                                                      constant):
                    raise
        return parquet_in(filesystem, path, self._plan, self._dataset, constant, most_gb)

    def _unpacked(self, filesystem: AbstractFileSystem, path: str, skipped: list[tuple[str, str]],
                  constant: dict[str, str | None]) -> list[Table]:
        """The tables in the files of a zip."""
        tables: list[Table] = []
        try:
            packed = packed_files(filesystem, path, self._source.most_unpacked_gb)
            beside = not_read_beside([one.name for one in packed])
            skipped += [(f"{path}, {name}", reason) for name, reason in beside.items()]
            for one in packed:
                if one.name in beside:
                    continue
                if format_of(one.name) in (None, "zip"):
                    reason = _NOT_READ.get(PurePosixPath(one.name).suffix.lower(), _UNREAD)
                    skipped.append((f"{path}, {one.name}", reason))
                elif one.size == 0:
                    skipped.append((f"{path}, {one.name}", _EMPTY))
                else:
                    of_one = constant | columns_of_folders(one.name)
                    tables += self._open(one.filesystem, one.path, skipped, of_one)
        except (BadZipFile, NotImplementedError) as error:
            raise SourceError(f"{path} is no zip that can be read: {error}. Pack it again.") from error
        except RuntimeError as error:
            if isinstance(error, SourceError):
                raise
            raise SourceError(f"{path} is no zip that can be read: {error}. Pack it without a password.") from error
        if not tables:
            if any(reason == _EMPTY for name, reason in skipped if name.startswith(f"{path}, ")):
                raise SourceError(f"{path} holds nothing but files that are empty, with 0 bytes. Write and pack them "
                                  "again.")
            raise SourceError(f"{path} holds no file that can be read. Pack CSV, Parquet, Arrow or JSON "
                              "files, or workbooks (.xlsx, .ods, .xls).")
        return tables

    @property
    def _shown(self) -> str:
        return self._environment.without_secrets(self._path)

    def _reached(self, ask: Callable[[], T]) -> T:
        """What ``ask`` gives, with the errors of disks and networks in words."""
        try:
            return ask()
        except _connection_errors() as error:
            raise SourceError(f"{self._shown} cannot be read: "
                              f"{self._environment.without_secrets(str(error) or type(error).__name__)}. Check that it "
                              "is there, that it may be read, and source.options.") from error


def _connection_errors() -> tuple[type[Exception], ...]:
    """What file systems raise when a file cannot be reached; a package that is not loaded raises nothing."""
    errors: list[type[Exception]] = [OSError]
    for module, name in (("botocore.exceptions", "BotoCoreError"), ("botocore.exceptions", "ClientError"),
                         ("aiohttp", "ClientError")):
        if module in sys.modules:
            errors.append(getattr(sys.modules[module], name))
    return tuple(errors)


def _fingerprint(files: Mapping[str, Mapping[str, Any]]) -> str:
    marks = [(path, info["size"], *(str(info.get(mark)) for mark in _CHANGE_MARKS)) for path, info in files.items()]
    return hashlib.sha256(repr(marks).encode()).hexdigest()[:32]


def format_of(path: str) -> str | None:
    """What a file is by its name: csv, parquet, arrow, json, excel or zip; None where it is none of them."""
    return next((kind for kind, suffixes in _SUFFIXES.items() if path.lower().endswith(suffixes)), None)


def not_read_beside(names: Iterable[str]) -> dict[str, str]:
    """Those of several files that are not read beside the others, and why."""
    def rank(name: str) -> int:
        return next((place for place, suffixes in enumerate(_BESIDE_OTHERS, 1) if name.lower().endswith(suffixes)), 0)

    ranks = {name: rank(name) for name in names if format_of(name) is not None}
    first = min(ranks.values(), default=0)
    shown = next((PurePosixPath(name).suffix for name, place in ranks.items() if place == first), "")
    return {name: f"it stands beside {shown} files, which are read; name it in source.path if it is meant"
            for name, place in ranks.items() if place > first}


def columns_of_folders(path: str) -> dict[str, str | None]:
    """The columns that the folders of a path give, as in region=north."""
    pairs = (folder.partition("=") for folder in PurePosixPath(path).parts[:-1])
    return {name: None if value == _NO_VALUE else unquote(value) for name, mark, value in pairs if mark and name}


def stem_of(path: str) -> str:
    """The name of a file without its folders and without the ending that says what it is."""
    name = PurePosixPath(path).name
    endings = [suffix for suffixes in _SUFFIXES.values() for suffix in suffixes if name.lower().endswith(suffix)]
    return name[:len(name) - len(max(endings, key=len))] if endings else PurePosixPath(name).stem


def _by_number(owner: Numbers) -> npt.NDArray[np.integer[Any]]:
    """Row positions by the number of the region-item, in the file's order within each; small numbers sort faster, and
    small positions are held in half the memory."""
    order = np.argsort(owner.astype(np.uint16) if owner.max() <= np.iinfo(np.uint16).max else owner, kind="stable")
    return order.astype(np.min_scalar_type(-len(order)), copy=False)


def not_read(path: str) -> str:
    """Why a table is not read that is a workbook of another kind by its name; empty of all others."""
    suffix = PurePosixPath(path).suffix.lower()
    return _NOT_READ.get(suffix, "")


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """The rows of all files; a column that is text in one file is text in all."""
    if len(parts) == 1:
        return parts[0]
    parts = [written_out(part) for part in parts]
    for name in parts[0].columns:
        if len({part[name].dtype for part in parts}) > 1 and any(part[name].dtype == object for part in parts):
            for part in parts:
                part[name] = part[name].map(as_text, na_action="ignore").astype(object)
    return pd.concat(parts, ignore_index=True)
