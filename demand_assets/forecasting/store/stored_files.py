"""Files below one root, on local disk or in an object store.

Readers never see half a file: each is written under a temporary name and then renamed (an object store makes an
object visible only when it is whole). What is there and cannot be read is told apart from what is not there.
"""

import contextlib
import errno
import json
import os
import posixpath
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import fsspec

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.store.checksums import BLANK, is_sealed, sealed
from demand_assets.forecasting.store.object_store import object_store_errors

_ASIDE = ".aside"
"""How what was put aside ends: nobody reads it again, an engineer may."""
_OF_ONE_FILE = frozenset({errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EIO, errno.EACCES, errno.EPERM})


class NotInStoreError(LookupError):
    """Nothing is stored under that name yet."""


class DamagedFileError(NotInStoreError):
    """A file that is there and cannot be used: as good as not there, until it is made again.

    Args:
        name: of the file, below the store's root.
        why: what is wrong with it.
        region_item: of which it is; None of a file of the whole dataset.
    """

    def __init__(self, name: str, why: str, region_item: RegionItem | None = None) -> None:
        super().__init__(f"the file {name} in the demand store is damaged: {why}; it is made again from what there is")
        self.name, self.why, self.region_item = name, why, region_item

    def __reduce__(self) -> tuple[Any, ...]:
        """It comes out of another process as it was."""
        return DamagedFileError, (self.name, self.why, self.region_item)


class StoredFiles:
    """Files below one URL. Every method raises OSError when the disk or object store does not answer.

    Args:
        url: a local path or an fsspec URL (``s3://bucket/prefix``).
        options: passed to fsspec (endpoint, credentials …).
    """

    def __init__(self, url: str, options: dict[str, Any] | None = None) -> None:
        self._url, self._options = url, options or {}
        self._opened_by = 0
        self._is_local = "file" in self._filesystem.protocol

    @property
    def url(self) -> str:
        """Where it is: a local path or an fsspec URL."""
        return self._url

    @property
    def _filesystem(self) -> Any:
        """The file system of this process: an object store's client does not outlive a fork."""
        if self._opened_by != os.getpid():
            self._opened, self._root = fsspec.core.url_to_fs(self._url, **self._options)
            self._opened_by = os.getpid()
        return self._opened

    @object_store_errors()
    def write_bytes(self, name: str, content: bytes) -> None:
        """Write one file below the store's root, whole or not at all; whatever else is in its place is put aside."""
        path = self._path(name)
        if not self._is_local:
            self._filesystem.pipe_file(path, content)
            return
        place = Path(path)
        temporary = place.with_name(f"{place.name}.{uuid4().hex}.tmp")
        try:
            try:
                _write_whole(temporary, content)
                temporary.replace(place)
            except (FileExistsError, NotADirectoryError, IsADirectoryError):
                self._make_way(place)
                _write_whole(temporary, content)
                temporary.replace(place)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise

    def _make_way(self, place: Path) -> None:
        """Put aside a folder that is in the place of a file, or a file in the place of one of its folders."""
        wrong, root = place if _is_folder(place) else place.parent, Path(self._root)
        while wrong not in (place, root) and not os.path.lexists(wrong):
            wrong = wrong.parent
        if wrong == place or (wrong != root and not wrong.is_dir()):
            wrong.rename(f"{wrong}.{uuid4().hex[:8]}{_ASIDE}")

    @object_store_errors()
    def read_bytes(self, name: str) -> bytes:
        """One file below the store's root.

        Raises: NotInStoreError: it is not there; DamagedFileError: it is there and cannot be read.
        """
        return self._content(name)

    @object_store_errors()
    def _content(self, name: str, region_item: RegionItem | None = None) -> bytes:
        try:
            return bytes(self._filesystem.cat_file(self._path(name)))
        except FileNotFoundError:
            raise NotInStoreError(f"{name} is not in the demand store") from None
        except OSError as error:
            if not self._is_of_one_file(error):
                raise
            raise DamagedFileError(name, error.strerror or first_line(error), region_item) from error

    def _is_of_one_file(self, error: OSError) -> bool:
        """Whether the error is of the file alone, and not of the whole store."""
        if error.errno not in _OF_ONE_FILE:
            return isinstance(error, IsADirectoryError)
        if not self._is_local and error.errno == errno.EIO:  # what S3's client says of whatever it does not know
            return False
        try:
            if self._is_local:
                next(Path(self._root).iterdir(), None)  # not so where a file is in the store's own place
            else:
                self._filesystem.invalidate_cache(self._root)
                self._filesystem.ls(self._root, detail=False)
        except OSError:
            return False
        return True

    def _write_json(self, name: str, value: Any) -> None:
        text = json.dumps({"checksum": BLANK, "content": value}, ensure_ascii=False)
        self.write_bytes(name, sealed(name, text.encode()))

    @object_store_errors()
    def remove_bytes(self, name: str) -> None:
        """Remove one file below the store's root, if it is there; a folder in its place is put aside."""
        self._remove(name)

    @object_store_errors()
    def _remove(self, name: str) -> None:
        path = self._path(name)
        if self._is_local and _is_folder(Path(path)):
            self._make_way(Path(path))
        elif self._filesystem.exists(path):
            self._filesystem.rm_file(path)

    def local_folder(self, folder: str) -> Path | None:
        """Where a folder below the root is on this machine; None in an object store."""
        return Path(self._path(folder)) if self._is_local else None

    @object_store_errors()
    def changed(self, folder: str) -> object:
        """Another value whenever a file came into one folder below the root or went; in an object store always."""
        if not self._is_local:
            return object()
        try:
            return Path(self._path(folder)).stat().st_mtime_ns
        except OSError:
            return None

    @object_store_errors()
    def names(self, folder: str) -> Sequence[str]:
        """The names of the files in one folder below the root, sorted; empty when there is no such folder."""
        self._filesystem.invalidate_cache(self._path(folder))
        try:
            paths = self._filesystem.ls(self._path(folder), detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(name for path in paths if not (name := posixpath.basename(path)).endswith((".tmp", _ASIDE)))

    @object_store_errors()
    def sizes(self, folder: str) -> dict[str, int]:
        """Name -> bytes of the files in one folder below the root, sorted; empty when there is no such folder."""
        self._filesystem.invalidate_cache(self._path(folder))
        try:
            found = self._filesystem.ls(self._path(folder), detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        sizes = {posixpath.basename(each["name"]): int(each["size"] or 0) for each in found if each["type"] == "file"}
        return {name: sizes[name] for name in sorted(sizes) if not name.endswith((".tmp", _ASIDE))}

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


def json_in(name: str, content: bytes) -> Any:
    """The value in a sealed JSON file, or what an earlier version wrote bare.

    Args:
        name: below the root.
    Raises: ValueError: it is damaged.
    """
    is_whole, read = is_sealed(name, content), json.loads(content)
    return read["content"] if is_whole else read


def first_line(error: BaseException) -> str:
    """What the error says in its first line; its kind where it says nothing."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def _write_whole(place: Path, content: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)


def _is_folder(place: Path) -> bool:
    return place.is_dir() and not place.is_symlink()
