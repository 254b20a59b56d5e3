"""A file whose age says whether the web app's background process looks after its loops: it has no port to be asked."""

import time
from contextlib import suppress
from pathlib import Path

NAME = "sync.alive"
SILENT_SECONDS = 60.0


def beat(folder: Path) -> None:
    """Say that the process lives; what cannot be written on a read-only disk is left out."""
    with suppress(OSError):
        (folder / NAME).touch()


def is_beating(folder: Path) -> bool:
    """Whether the process said so lately."""
    try:
        return abs(time.time() - (folder / NAME).stat().st_mtime) < SILENT_SECONDS
    except OSError:
        return False
