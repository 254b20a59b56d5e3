"""Packed files of a source, unpacked up to a limit: some kilobytes may stand for more than the machine's memory."""

import re
import zipfile
from dataclasses import dataclass
from io import BufferedIOBase, BytesIO
from pathlib import PurePosixPath
from typing import IO, Any, cast

import pyarrow as pa
from fsspec import AbstractFileSystem
from fsspec.compression import compr
from fsspec.implementations.zip import ZipFileSystem
from fsspec.utils import infer_compression

from demand_assets.forecasting.contract.source import SourceError

MOST_GB = 8.0
"""What one file of a source may hold once unpacked, unless ``source.most_unpacked_gb`` says otherwise."""
LARGEST_RATIO = 250
"""Of a file's unpacked size to its packed one; demand that was really observed packs to a third up to a fiftieth. Not
looked at where ``source.most_unpacked_gb`` is given."""
ANY_RATIO_UP_TO = 100_000_000
"""Bytes that a file may unpack to whatever the ratio."""
BYTES_OF_A_VALUE = 8
"""Of a number or a date in memory, at least."""
PACKED = (".gz", ".bz2", ".xz", ".zst")
"""What the names of packed text files end with."""
_ZSTANDARD = ".zst"
HIDDEN = ("_", ".", "~$")
"""What names of files begin with that no one means to be read: _SUCCESS, .crc, the lock of an open workbook."""
_DEEPEST = 4
"""Zips in one another."""
_GB = 10 ** 9
_AT_ONCE = 1 << 20


def opened(filesystem: AbstractFileSystem, path: str, most_gb: float | None = None) -> IO[bytes]:
    """A file as bytes, unpacked where its name says that it is packed.

    Args:
        most_gb: what it may hold once unpacked, in GB.
    Raises (when it is read): SourceError: it holds more.
    """
    file = filesystem.open(path, "rb")
    if path.lower().endswith(_ZSTANDARD):  # fsspec needs another package for it, or a newer Python
        return cast(IO[bytes], _Limited(file, pa.CompressedInputStream(file, "zstd"), path, most_gb))
    kind = infer_compression(path)
    return cast(IO[bytes], file if kind is None else _Limited(file, compr[kind](file, mode="rb"), path, most_gb))


def check_unpacked(path: str, unpacked: int, packed: int, most_gb: float | None = None) -> None:
    """Whether a file of so many packed bytes may hold so many once unpacked.

    Raises: SourceError: it may not.
    """
    if unpacked <= _most(packed, most_gb):
        return
    if most_gb is None and unpacked <= MOST_GB * _GB:
        raise SourceError(f"{path} unpacks to more than {LARGEST_RATIO} times its size, as hardly any demand does, so "
                          "it is not read. If it is right, give source.most_unpacked_gb, the GB that it may hold once "
                          "unpacked.")
    raise SourceError(f"{path} holds more than {most_gb or MOST_GB:g} GB once unpacked; at most so much is read. Split "
                      "it, or raise source.most_unpacked_gb if the machine has the memory.")


def check_values(path: str, count: int, most_gb: float | None = None) -> None:
    """Whether so many values of a file may be read; Parquet holds any number of equal ones in a few bytes, and a sheet
    has a place for each empty one.

    Raises: SourceError: they may not.
    """
    if count * BYTES_OF_A_VALUE > (most_gb or MOST_GB) * _GB:
        most = (most_gb or MOST_GB) * _GB / BYTES_OF_A_VALUE
        raise SourceError(f"{path} has more than {most:,.0f} values, which are "
                          f"{most_gb or MOST_GB:g} GB once unpacked; at most so much is read. Split it, or raise "
                          "source.most_unpacked_gb if the machine has the memory.")


def check_zip(file: Any, path: str, most_gb: float | None = None) -> None:
    """Whether the parts of a workbook may be unpacked; the file is where it was afterwards.

    Raises: SourceError: they may not. zipfile.BadZipFile: it is none.
    """
    at = file.tell()
    with zipfile.ZipFile(file) as parts:
        for one in parts.infolist():
            check_unpacked(path, one.file_size, one.compress_size, most_gb)
        check_unpacked(path, sum(one.file_size for one in parts.infolist()),
                       sum(one.compress_size for one in parts.infolist()), most_gb)
    file.seek(at)


@dataclass(frozen=True)
class PackedFile:
    """A file in a zip, or in a zip within it."""

    filesystem: AbstractFileSystem
    path: str
    """Where it is in that file system."""
    name: str
    """In the outermost zip, as in ``north.zip/sales.csv``."""
    size: int


def packed_files(filesystem: AbstractFileSystem, path: str, most_gb: float | None = None) -> list[PackedFile]:
    """The files in a zip and in the zips in it, by their names; without those that are hidden.

    Raises: SourceError: they hold too much. zipfile.BadZipFile, NotImplementedError, RuntimeError: one cannot be read.
    """
    with filesystem.open(path, "rb") as file:
        check_zip(file, path, most_gb)
        content = file.read()
    return _files_in(content, "", path, [0, len(content)], most_gb, 1)


def _files_in(content: bytes, within: str, outermost: str, sizes: list[int], most_gb: float | None, depth: int
              ) -> list[PackedFile]:
    """The files in a zip.

    Args:
        sizes: what was unpacked of all zips so far, which grows, and the size of the outermost one: a zip of zips may
            hold no more than one zip.
    """
    packed, found = ZipFileSystem(BytesIO(content)), list[PackedFile]()
    for name, info in sorted(packed.find("", detail=True).items()):
        if any(part.startswith(HIDDEN) for part in PurePosixPath(name).parts):
            continue
        if not name.lower().endswith(".zip") or not info["size"] or depth == _DEEPEST:
            found.append(PackedFile(packed, name, f"{within}{name}", int(info["size"])))
            continue
        inner = packed.cat_file(name)
        with zipfile.ZipFile(BytesIO(inner)) as parts:
            sizes[0] += sum(one.file_size for one in parts.infolist())
        check_unpacked(outermost, sizes[0], sizes[1], most_gb)
        found += _files_in(inner, f"{within}{name}/", outermost, sizes, most_gb, depth + 1)
    return found


class _Limited(BufferedIOBase):
    """A stream of unpacked bytes that ends with an error where it has given too many."""

    def __init__(self, packed: Any, unpacked: Any, path: str, most_gb: float | None) -> None:
        self._packed, self._unpacked, self._path, self._most_gb = packed, unpacked, path, most_gb
        self._given = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """So many bytes, all that are left unless told. Raises: SourceError: there are too many."""
        wanted = size if size is not None and size >= 0 else None
        pieces = list[bytes]()
        while wanted is None or wanted > 0:
            piece = self._piece(min(_AT_ONCE, wanted or _AT_ONCE))
            if not piece:
                break
            pieces.append(piece)
            self._given += len(piece)
            wanted = None if wanted is None else wanted - len(piece)
            check_unpacked(self._path, self._given, self._packed.tell(), self._most_gb)
        return b"".join(pieces)

    def _piece(self, size: int) -> bytes:
        """The next bytes. Raises: EOFError: of zstd, as other formats raise it, where the file is damaged."""
        try:
            return bytes(self._unpacked.read(size))
        except OSError as error:
            if re.search("ZSTD|Truncated compressed", str(error)):
                raise EOFError(str(error)) from error
            raise

    def read1(self, size: int = -1, /) -> bytes:
        """As ``read``."""
        return self.read(size)

    def close(self) -> None:
        """Close the file."""
        self._unpacked.close()
        self._packed.close()
        super().close()


def _most(packed: int, most_gb: float | None) -> int:
    most = int((most_gb or MOST_GB) * _GB)
    return most if most_gb is not None else min(most, max(ANY_RATIO_UP_TO, LARGEST_RATIO * packed))
