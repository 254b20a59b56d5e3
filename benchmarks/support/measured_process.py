"""A command run to its end, with what it took: wall and processor seconds, and the memory of its tree of processes."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import psutil

PROJECT = Path(__file__).resolve().parents[2]
LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Measured:
    """What a command took."""

    seconds: float
    cpu_seconds: float
    """Of it and all its children that ended."""
    peak_memory_mib: float
    """Proportional set size: what processes share is counted once."""
    status: int


def measured(arguments: Sequence[str], log: Path, python: str = sys.executable) -> Measured:
    """Run ``python -m ARGUMENTS`` from the project's root; what it prints goes to the log."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT)}
    with log.open("a") as output:
        process = subprocess.Popen([python, "-m", *arguments], cwd=PROJECT, env=environment, stdout=output,
                                   stderr=subprocess.STDOUT)
        ended, peaks = Event(), [0.0]
        sampler = Thread(target=_sample, args=(process.pid, ended, peaks), daemon=True)
        sampler.start()
        status = process.wait()
        seconds = time.monotonic() - started
        ended.set()
        sampler.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(seconds, spent, max(peaks) / 2**20, status)


def bytes_in(folder: Path) -> int:
    """Bytes of all files below the folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _sample(pid: int, ended: Event, peaks: list[float]) -> None:
    while not ended.wait(LOOK_SECONDS):
        try:
            tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        total = 0.0
        for process in tree:
            try:
                total += process.memory_full_info().pss
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        peaks.append(total)
