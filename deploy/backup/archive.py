"""A backup's file: a tar archive that ends with its own hash, so that one that was cut or damaged is known before use.

It is written under a temporary name and gets its own when it is whole and on the disk. It holds ordinary files only,
each with its hash in the manifest, which is the last of them.
"""

import contextlib
import fcntl
import hashlib
import io
import os
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Self, cast

from pydantic import BaseModel, ConfigDict, ValidationError

FORMAT = 1
"""Of the manifest; a higher one was made by a newer version of the product."""
MANIFEST = "manifest.json"
TRAILER = b"\nsha256 of all before this line: "
TRAILER_BYTES = len(TRAILER) + 64 + 1
PART = ".part"
"""How the name of an archive ends while it is written."""
CHUNK = 1 << 20
READ_AT_ONCE = 64 << 20
"""Bytes up to which a file is read before it is added."""


class BackupError(Exception):
    """A backup cannot be taken, or not be put back; the message says why, and what to do."""


class DamagedBackupError(BackupError):
    """The file is no whole backup."""


class KeptFile(BaseModel):
    """A file of a backup."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    size: int
    sha256: str


class Manifest(BaseModel):
    """What a backup says of itself."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int
    made_at: str
    """When it was begun; ISO, UTC."""
    product: str
    """Version of the product."""
    dataset: str
    artifacts: str
    """Where models' files were, as MLflow's database names them."""
    databases: dict[str, str]
    """Name in the backup -> ``sqlite`` or ``postgresql``."""
    revisions: dict[str, str]
    """web, mlflow, dagster -> revision of the tables; empty where there were none yet."""
    files: dict[str, KeptFile]


class HashedFile:
    """A file that is written, or read from front to back, and hashed meanwhile."""

    def __init__(self, file: IO[bytes], limit: int | None = None) -> None:
        self._file, self._left = file, limit
        self.sha256, self.size = hashlib.sha256(), 0

    def write(self, content: bytes) -> int:
        """Write all of it."""
        self._file.write(content)
        self._count(content)
        return len(content)

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes; none at the end."""
        if self._left is not None:
            size = self._left if size < 0 else min(size, self._left)
            self._left -= size
        content = self._file.read(size)
        self._count(content)
        return content

    def _count(self, content: bytes) -> None:
        self.sha256.update(content)
        self.size += len(content)


class ArchiveWriter:
    """Writes a backup; leave it with ``with``. It is there only when ``finish`` was called.

    Args:
        target: the archive, which must not be there yet; its folder is made.
    Raises: BackupError: it is there.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._part = target.with_name(f".{target.name}.{os.getpid()}{PART}")
        self.files: dict[str, KeptFile] = {}

    def __enter__(self) -> Self:
        if self._target.exists():
            raise BackupError(f"{self._target} is there already; name another file, or a folder: make backup TO=…")
        if not self._target.parent.is_dir():
            self._target.parent.mkdir(parents=True, mode=0o700)
        _remove_abandoned(self._target.parent)
        descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._hashed = HashedFile(self._file)
        self._tar = tarfile.open(fileobj=cast(IO[bytes], self._hashed), mode="w|", format=tarfile.PAX_FORMAT)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        for each in (self._tar, self._file):
            with contextlib.suppress(OSError):  # the disk is full: what was buffered cannot be written
                each.close()
        self._part.unlink(missing_ok=True)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A place on the archive's disk for a file that is added afterwards."""
        place = self._part.with_name(f"{self._part.name.removesuffix(PART)}.scratch{PART}")
        os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        try:
            yield place
        finally:
            place.unlink(missing_ok=True)

    def add(self, name: str, content: IO[bytes], size: int) -> None:
        """Add a file.

        Raises: OSError: it ends before so many bytes.
        """
        told = tarfile.TarInfo(name)
        told.size, told.mode, told.mtime = size, 0o600, int(time.time())
        read = HashedFile(content, size)
        self._tar.addfile(told, cast(IO[bytes], read))
        self.files[name] = KeptFile(size=read.size, sha256=read.sha256.hexdigest())

    def add_path(self, name: str, path: Path) -> bool:
        """Whether the file was still there to be added."""
        try:
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_size > READ_AT_ONCE:
                    self.add(name, file, os.fstat(file.fileno()).st_size)
                else:  # a log may become shorter while it is read
                    content = file.read()
                    self.add(name, io.BytesIO(content), len(content))
        except FileNotFoundError:
            return False
        return True

    def finish(self, manifest: Manifest) -> Path:
        """The archive, whole and on the disk.

        Raises: BackupError: a file of its name came to be meanwhile.
        """
        content = manifest.model_dump_json(indent=1).encode()
        told = tarfile.TarInfo(MANIFEST)
        told.size, told.mode = len(content), 0o600
        self._tar.addfile(told, io.BytesIO(content))
        self._tar.close()
        self._file.write(TRAILER + self._hashed.sha256.hexdigest().encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        try:
            os.link(self._part, self._target)  # unlike a renaming, never in place of another
        except FileExistsError as error:
            raise BackupError(f"{self._target} came to be meanwhile; name another file: make backup TO=…") from error
        sync_folder(self._target.parent)
        return self._target


class Archive:
    """A backup that was found whole.

    Args:
        path: the file.
    Raises: BackupError: it cannot be read; DamagedBackupError: it is no backup, cut, damaged, or holds what no backup
        of ours does.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                _require_whole(path, file)
            self.manifest = self._looked_through()
        except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
            raise BackupError(f"{path} cannot be read: {error.strerror}; name a file that `make backup` wrote: "
                              "make restore FROM=…") from error
        except (tarfile.TarError, EOFError, ValidationError) as error:
            raise DamagedBackupError(f"{path} is no backup of this product: {error}") from error

    def members(self) -> Iterator[tuple[str, IO[bytes]]]:
        """Name and content of every file but the manifest, in the order in which they were added.

        A content must be read before the next is asked for. Raises: DamagedBackupError: one is not what it was when
        the backup was found whole.
        """
        with tarfile.open(self.path, "r|") as tar:
            for told in tar:
                if told.name == MANIFEST:
                    return
                content = tar.extractfile(told)
                kept = self.manifest.files.get(told.name)
                if content is None or kept is None:
                    raise DamagedBackupError(f"{self.path} changed while it was read")
                read = HashedFile(content)
                yield told.name, cast(IO[bytes], read)
                if (read.size, read.sha256.hexdigest()) != (kept.size, kept.sha256):
                    raise DamagedBackupError(f"{told.name} in {self.path} is not what the manifest says")

    def _looked_through(self) -> Manifest:
        """The manifest, when the archive holds exactly the files that it names, each of them once."""
        manifest: Manifest | None = None
        names: list[str] = []
        with tarfile.open(self.path, "r|") as tar:
            for told in tar:
                if not told.isreg():
                    raise DamagedBackupError(f"{self.path} holds {told.name!r}, which is no ordinary file: no backup "
                                             "of this product does")
                if not is_safe(told.name):
                    raise DamagedBackupError(f"{self.path} holds a file of the name {told.name!r}, which leads out of "
                                             "the folder that it is restored to: no backup of this product does")
                names.append(told.name)
                if told.name == MANIFEST:
                    content = tar.extractfile(told)
                    manifest = Manifest.model_validate_json(content.read() if content else b"")
        if manifest is None or sorted(names) != sorted([*manifest.files, MANIFEST]):
            raise DamagedBackupError(f"{self.path} does not hold the files that its manifest names")
        return manifest


def is_safe(name: str) -> bool:
    """Whether a file's name stays below the folder that it is written to."""
    parts = PurePosixPath(name).parts
    return bool(parts) and not name.startswith("/") and ".." not in parts and str(PurePosixPath(name)) == name and (
        "\0" not in name)


def sync_folder(folder: Path) -> None:
    """Have what was renamed in the folder on the disk before we go on."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _require_whole(path: Path, file: IO[bytes]) -> None:
    """Nothing, when the file ends with the hash of all that is before it."""
    size = os.fstat(file.fileno()).st_size
    if size < TRAILER_BYTES:
        raise DamagedBackupError(f"{path} is no backup, or it was cut off: it has {size} bytes")
    read = HashedFile(file, size - TRAILER_BYTES)
    while read.read(CHUNK):
        pass
    trailer = file.read()
    if not trailer.startswith(TRAILER):
        raise DamagedBackupError(f"{path} is no backup, or it was cut off: it does not end as one does; use another")
    if trailer != TRAILER + read.sha256.hexdigest().encode() + b"\n":
        raise DamagedBackupError(f"{path} is damaged: its content is not what was written; use another")


def _remove_abandoned(folder: Path) -> None:
    """Remove what backups left half written that were killed; those that go on hold a lock."""
    for part in folder.glob(f".*.tar.*{PART}"):
        of_whom = part.with_name(part.name.removesuffix(PART).removesuffix(".scratch") + PART)
        with contextlib.suppress(FileNotFoundError, BlockingIOError, PermissionError):
            if of_whom.exists():
                with of_whom.open("rb") as held:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()
