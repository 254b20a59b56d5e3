"""Folders that only their owner reads: they hold password hashes, e-mail addresses and the audit log beside demand."""

import os
import stat
from pathlib import Path

OTHERS = 0o077
"""What group and others may do."""


def private_files() -> None:
    """Make what this process, and those that it starts, write from now on readable by its owner only."""
    os.umask(OTHERS)


def keep_private(folder: Path) -> bool:
    """Whether group or others could enter the folder until now; it is made where it is missing, and closed to them.

    Raises: OSError: it cannot be made, or it is another user's and open.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    mode = stat.S_IMODE(folder.stat().st_mode)
    if not mode & OTHERS:
        return False
    folder.chmod(mode & ~OTHERS)
    return True
