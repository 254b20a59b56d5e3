"""Files as they are written once, or replaced whole: in a folder, or in an object store."""

import contextlib
import io
import os
import posixpath
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import fsspec

from demand_assets.forecasting.registry.version_files import local_path
from demand_assets.forecasting.store.object_store import object_store_errors
from deploy.backup.archive import CHUNK, ArchiveWriter, BackupError
from deploy.backup.databases import copy_sqlite, is_sqlite

NOT_KEPT = (".tmp", ".db-wal", ".db-shm", ".db-journal", ".lock", ".aside")
"""How the names end of what is half written, belongs to a running process, or was put aside: no backup has it. What a
database has beside it is in its copy."""


class Folder:
    """A folder of this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self) -> Iterator[str]:
        """The names of all files, below the folder, in order; links are not followed."""
        for folder, below, files in os.walk(self.root):
            below[:] = sorted(name for name in below if not name.startswith("."))
            for name in sorted(files):
                path = Path(folder) / name
                if not name.endswith(NOT_KEPT) and path.is_file() and not path.is_symlink():
                    yield _text(path.relative_to(self.root).as_posix())

    def add_to(self, archive: ArchiveWriter, name: str, kept_as: str) -> bool:
        """Whether the file was still there to be added; a database as it is at one moment."""
        path = self.root / name
        if not is_sqlite(path):
            return archive.add_path(kept_as, path)
        with archive.scratch() as copy:
            try:
                copy_sqlite(path, copy)
            except BackupError:
                if path.exists():
                    raise
                return False  # what expires may go meanwhile
            return archive.add_path(kept_as, copy)

    def is_empty(self) -> bool:
        """Whether there is no file."""
        return not any(True for _, _, files in os.walk(self.root) if files)

    def write(self, name: str, content: IO[bytes]) -> None:
        """Write a file, readable by its owner only."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            shutil.copyfileobj(content, file, CHUNK)


class Objects:
    """A folder of an object store, as in ``s3://bucket/folder``."""

    def __init__(self, url: str) -> None:
        with object_store_errors():
            self._files, self._root = fsspec.core.url_to_fs(url)
        self.url = url

    @object_store_errors()
    def _found(self) -> dict[str, Any]:
        self._files.invalidate_cache()
        try:
            found: dict[str, Any] = self._files.find(self._root, detail=True)
        except FileNotFoundError:
            return {}
        return {posixpath.relpath(path, self._root): told for path, told in found.items() if told["type"] == "file"}

    def names(self) -> Iterator[str]:
        """The names of all objects, below the folder, in order."""
        yield from sorted(self._found())

    @object_store_errors()
    def add_to(self, archive: ArchiveWriter, name: str, kept_as: str) -> bool:
        """Whether the object was still there to be added."""
        try:
            content = self._files.cat_file(posixpath.join(self._root, name))
        except FileNotFoundError:
            return False
        archive.add(kept_as, io.BytesIO(content), len(content))
        return True

    def is_empty(self) -> bool:
        """Whether there is no object."""
        return not self._found()

    @object_store_errors()
    def write(self, name: str, content: IO[bytes]) -> None:
        """Write an object."""
        with self._files.open(posixpath.join(self._root, name), "wb") as file:
            shutil.copyfileobj(content, file, CHUNK)

    @object_store_errors()
    def remove_others(self, kept: set[str]) -> int:
        """How many objects were removed, which are none of those."""
        others = [name for name in self._found() if name not in kept]
        for name in others:
            with contextlib.suppress(FileNotFoundError):
                self._files.rm_file(posixpath.join(self._root, name))
        return len(others)


def _text(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise BackupError(f"the file {name!a} has a name that is no text; none of ours has: remove it") from error
    return name


def place_of(url: str) -> Folder | Objects:
    """The place that a path or URL names."""
    local = local_path(url)
    return Folder(local) if local is not None and not urlsplit(url).netloc else Objects(url)
