"""The demand store: one Parquet file for each region-item and stage, on local disk or in an object store.

Readers never see half a file: each is written under a temporary name and then renamed (an object store makes an
object visible only when it is whole). Beside the tables stand the catalogue and the journal.
"""

import contextlib
import io
import json
import os
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal, cast
from uuid import uuid4

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.store import adjustments
from demand_assets.forecasting.store.object_store import object_store_errors

Stage = Literal["raw_demand", "demand", "demand_features", "quarantine"]

LISTED_FROM = 100
"""Region-items from which on one listing is quicker than a question for each."""


class NotInStoreError(LookupError):
    """Nothing is stored under that name yet."""


class DemandStore:
    """Tables of region-items under one URL. Every method raises OSError when the disk or object store does not answer.

    Args:
        url: a local path or an fsspec URL (``s3://bucket/prefix``).
        options: passed to fsspec (endpoint, credentials …).
    """

    def __init__(self, url: str, options: dict[str, Any] | None = None) -> None:
        self._url, self._options = url, options or {}
        self._opened_by = 0
        self._is_local = "file" in self._filesystem.protocol

    @property
    def _filesystem(self) -> Any:
        """The file system of this process: an object store's client does not outlive a fork."""
        if self._opened_by != os.getpid():
            self._opened, self._root = fsspec.core.url_to_fs(self._url, **self._options)
            self._opened_by = os.getpid()
        return self._opened

    def write(self, stage: Stage, region_item: RegionItem, table: pd.DataFrame) -> None:
        """Replace the region-item's table of that stage."""
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pandas(table, preserve_index=False), buffer, compression="zstd")
        self.write_bytes(self._table(stage, region_item), buffer.getvalue())

    @object_store_errors()
    def read(self, stage: Stage, region_item: RegionItem) -> pd.DataFrame:
        """The region-item's table of that stage; demand with planners' adjustments beside it, if there are any.

        Raises: NotInStoreError: the stage has not been materialised for it. AdjustmentsError: as ``adjustments``.
        """
        try:
            content = self._filesystem.cat_file(self._path(self._table(stage, region_item)))
        except FileNotFoundError:
            raise NotInStoreError(f"{region_item} has no stored {stage}. Materialise `{stage}` for partition "
                                  f"{region_item.key!r}.") from None
        whole = pq.read_table(pa.BufferReader(content), use_threads=False)  # threads cost more than so small a table
        table = cast(pd.DataFrame, whole.to_pandas(use_threads=False))
        return adjustments.beside(table, self.adjustments(region_item)) if stage == "demand" else table

    @object_store_errors()
    def has(self, stage: Stage, region_item: RegionItem) -> bool:
        """Whether that stage is stored for the region-item."""
        return bool(self._filesystem.exists(self._path(self._table(stage, region_item))))

    @object_store_errors()
    def stored(self, stage: Stage, among: Sequence[RegionItem]) -> list[RegionItem]:
        """Those of the region-items that have that stage stored, in their order; many are found by one listing."""
        if len(among) < LISTED_FROM:
            return [one for one in among if self.has(stage, one)]
        folder = self._path(stage)
        self._filesystem.invalidate_cache(folder)
        present = {posixpath.relpath(path, folder) for path in self._filesystem.find(folder)}
        return [one for one in among if f"{one.path}.parquet" in present]

    @object_store_errors()
    def remove(self, stage: Stage, region_item: RegionItem) -> None:
        """Remove the region-item's table of that stage, if there is one."""
        self.remove_bytes(self._table(stage, region_item))

    def adjustments(self, region_item: RegionItem) -> dict[date, float]:
        """Date -> units that planners put in place of what was sold; empty where they did not.

        Raises: AdjustmentsError: the file is damaged.
        """
        try:
            return adjustments.from_bytes(self.read_bytes(adjustments.file_of(region_item)))
        except NotInStoreError:
            return {}

    def write_adjustments(self, region_item: RegionItem, units: Mapping[date, float]) -> None:
        """Replace the region-item's adjustments; without any, there is no file."""
        if units:
            self.write_bytes(adjustments.file_of(region_item), adjustments.to_bytes(units))
        else:
            self.remove_bytes(adjustments.file_of(region_item))

    def write_catalogue(self, region_items: Iterable[RegionItem]) -> None:
        """Record which region-items the source has, region-major."""
        entries = [[entry.region, entry.item] for entry in sorted(region_items)]
        self.write_bytes("catalogue.json", json.dumps(entries, ensure_ascii=False).encode())

    def read_catalogue(self) -> list[RegionItem]:
        """The region-items of the source, region-major; empty before the first look at the source."""
        try:
            content = self.read_bytes("catalogue.json")
        except NotInStoreError:
            return []
        return [RegionItem(region, item) for region, item in json.loads(content)]

    @object_store_errors()
    def write_bytes(self, name: str, content: bytes) -> None:
        """Write one file below the store's root, whole or not at all."""
        path = self._path(name)
        if not self._is_local:
            self._filesystem.pipe_file(path, content)
            return
        self._filesystem.makedirs(posixpath.dirname(path), exist_ok=True)
        temporary = f"{path}.{uuid4().hex}.tmp"
        self._filesystem.pipe_file(temporary, content)
        self._filesystem.mv(temporary, path)

    @object_store_errors()
    def read_bytes(self, name: str) -> bytes:
        """One file below the store's root.

        Raises: NotInStoreError: it is not there.
        """
        try:
            return bytes(self._filesystem.cat_file(self._path(name)))
        except FileNotFoundError:
            raise NotInStoreError(f"{name} is not in the demand store") from None

    @object_store_errors()
    def remove_bytes(self, name: str) -> None:
        """Remove one file below the store's root, if it is there."""
        path = self._path(name)
        if self._filesystem.exists(path):
            self._filesystem.rm_file(path)

    @object_store_errors()
    def names(self, folder: str) -> Sequence[str]:
        """The names of the files in one folder below the root, sorted; empty when there is no such folder."""
        self._filesystem.invalidate_cache(self._path(folder))
        try:
            paths = self._filesystem.ls(self._path(folder), detail=False)
        except FileNotFoundError:
            return []
        return sorted(name for path in paths if not (name := posixpath.basename(path)).endswith(".tmp"))

    @object_store_errors()
    def sizes(self, folder: str) -> dict[str, int]:
        """Name -> bytes of the files in one folder below the root, sorted; empty when there is no such folder."""
        self._filesystem.invalidate_cache(self._path(folder))
        try:
            found = self._filesystem.ls(self._path(folder), detail=True)
        except FileNotFoundError:
            return {}
        sizes = {posixpath.basename(each["name"]): int(each["size"] or 0) for each in found if each["type"] == "file"}
        return {name: sizes[name] for name in sorted(sizes) if not name.endswith(".tmp")}

    @object_store_errors()
    def remove_files(self, folder: str, names: Iterable[str]) -> None:
        """Remove files of one folder below the root, those that are there; the folder too when nothing is left in it.

        What is written there at the same moment stays.
        """
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                self._filesystem.rm_file(self._path(posixpath.join(folder, name)))
        if self._is_local:
            with contextlib.suppress(OSError):  # something is left in it, or it is gone already
                Path(self._path(folder)).rmdir()

    def remove_half_written(self, before: float) -> tuple[int, int]:
        """How many files, and bytes, were removed that a writer which was killed left half written.

        Args:
            before: seconds since 1970; younger ones may still be written. An object store has none.
        """
        if not self._is_local:
            return 0, 0
        removed, size = 0, 0
        for path in Path(self._path("")).rglob("*.tmp"):
            with contextlib.suppress(FileNotFoundError):
                found = path.stat()
                if found.st_mtime < before:
                    path.unlink()
                    removed, size = removed + 1, size + found.st_size
        return removed, size

    def _path(self, name: str) -> str:
        return posixpath.join(self._root, name)

    @staticmethod
    def _table(stage: Stage, region_item: RegionItem) -> str:
        return f"{stage}/{region_item.path}.parquet"
