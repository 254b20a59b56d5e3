"""Processes by names that no other process ever has, so that what one of them left unfinished is known to be free."""

import os
import socket
from pathlib import Path

PROC = Path("/proc")


def this_process() -> str:
    """The name of this process: machine, its start, process id and when it began; empty where the system says none."""
    return _name_of(os.getpid())


def is_gone(holder: str) -> bool:
    """Whether the process of that name has ended. False where that cannot be known: on another machine, or no name."""
    machine, _, rest = holder.rpartition("|")
    if not machine or machine != _machine():
        return False
    return _name_of(int(rest.partition(":")[0])) != holder


def _name_of(pid: int) -> str:
    try:
        # Behind the command's name, which may hold anything; the 22nd field is when it began, in ticks since the boot.
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    is_dead = fields[0] in "ZX"  # it has ended, and its parent has not asked how
    return "" if is_dead else f"{_machine()}|{pid}:{fields[19]}"


def _machine() -> str:
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
    return f"{socket.gethostname()}/{boot}"
