"""What disks and people do to files, for the tests of whatever reads them."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def cut(content: bytes) -> bytes:
    """The first half."""
    return content[: len(content) // 2]


def empty(_content: bytes) -> bytes:
    """Nothing, as a power cut leaves it."""
    return b""


def zeros(content: bytes) -> bytes:
    """As long as it was."""
    return bytes(len(content))


def zeros_at_the_end(content: bytes) -> bytes:
    """The second half never reached the disk."""
    half = len(content) // 2
    return content[:half] + bytes(len(content) - half)


def flipped(content: bytes, bit: int | None = None) -> bytes:
    """One bit; in the middle unless given."""
    bit = len(content) * 4 + 3 if bit is None else bit
    place = bit // 8
    return content[:place] + bytes([content[place] ^ 1 << bit % 8]) + content[place + 1:]


def foreign(_content: bytes) -> bytes:
    """A picture."""
    return b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4


def longer(content: bytes) -> bytes:
    """Written twice, one behind the other."""
    return content + content[:100]


CONTENTS: tuple[Callable[[bytes], bytes], ...] = (cut, empty, zeros, zeros_at_the_end, flipped, foreign, longer)
"""Kinds of damage to what a file holds."""


def make_folder(path: Path) -> None:
    """Put a folder with something in it in the file's place."""
    path.unlink()
    path.mkdir()
    (path / "lost+found").write_text("?")


def make_loop(path: Path) -> None:
    """Put a link to itself in the file's place."""
    path.unlink()
    path.symlink_to(path.name)


def make_file_of_folder(path: Path) -> None:
    """Put a file in the place of the folder that the file is in."""
    shutil.rmtree(path.parent)
    path.parent.write_text("?")


PLACES: tuple[Callable[[Path], None], ...] = (make_folder, make_loop, make_file_of_folder)
"""Kinds of damage to where a file is."""


@contextmanager
def as_nobody() -> Iterator[None]:
    """The block runs without the rights of root, for whom no file is out of reach."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
