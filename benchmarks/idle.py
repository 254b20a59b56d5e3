"""What the product costs to start, and while nobody uses it.

    python -m benchmarks.idle [--minutes 2] [--region-items 8] [--json out.json]

The whole product is started twice on one scratch state with simulated demand: the first time its databases are made and
its first training is carried out. When that is over and all is quiet, it is looked at for some minutes. Processor time
is that of all its processes, those that ended included; memory is the proportional set size, which counts once what
processes share.
"""

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.support.machine import described
from benchmarks.support.measured_process import PROJECT
from benchmarks.support.product import free_ports

ANSWERS = "all servers answer"
DECIDED = r"first training: (\d+ of \d+ decided|nothing is missing)"
PATIENCE_SECONDS = 900
STOP_SECONDS = 150
LOOK_SECONDS = 0.1
QUIET_SECONDS, LONGEST_UNREST_SECONDS = 90, 900
"""All is quiet when for so long no run went on and nobody made stored forecasts."""
AT_WORK = ("run_process", "loky")
"""In the command lines of the processes that do so."""
REGIONS = 2


@dataclass(frozen=True)
class Spent:
    """What the processes of one product have cost, at one moment."""

    at: float
    """Seconds of the monotonic clock."""
    cpu_seconds: float
    """Of those that live, and of their children that ended."""
    resident_mib: float
    by_process: Mapping[str, tuple[float, float]]
    """Name -> CPU seconds, MiB, of the processes that live."""


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2.0, help="for so long it is looked at when it is quiet")
    parser.add_argument("--region-items", type=int, default=8)
    parser.add_argument("--json", type=Path, help="where the result is written")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # told to end, it stops all that it started
    result = {"machine": described(), "region_items": given.region_items, **measured(given.region_items, given.minutes)}
    _print(result)
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n")


def measured(region_items: int, minutes: float) -> dict[str, Any]:
    """The figures of two starts and of the quiet between them."""
    with tempfile.TemporaryDirectory(prefix="idle-") as folder:
        dataset = Path(folder) / "idle.toml"
        text = (PROJECT / "datasets" / "simulated.toml").read_text()
        dataset.write_text(text.replace("regions = 4", f"regions = {REGIONS}").replace(
            "items = 12", f"items = {region_items // REGIONS}"))
        environment = {**os.environ, **free_ports(), "DATASET": str(dataset), "STATE": f"{folder}/var"}
        output = Path(folder) / "output"
        with _Started(environment, output) as product:
            first = product.spent_when(ANSWERS)
            product.spent_when(DECIDED)
            product.wait_until_quiet()
            before = product.spent()
            time.sleep(60 * minutes)
            after = product.spent()
            began = product.began
        with _Started(environment, output) as product:
            second = product.spent_when(ANSWERS)
            return figures((began, first), (before, after), (product.began, second))


def figures(first: tuple[float, Spent], quiet: tuple[Spent, Spent], second: tuple[float, Spent]) -> dict[str, Any]:
    """What is reported.

    Args:
        first, second: when the product was started, and what it had cost when all servers answered.
        quiet: what it had cost at the beginning and at the end of the quiet.
    """
    before, after = quiet
    a_minute = 60 / (after.at - before.at)
    return {
        "cpu_seconds_per_minute": round((after.cpu_seconds - before.cpu_seconds) * a_minute, 2),
        "resident_mib": round(after.resident_mib),
        "resident_mib_at_start": round(first[1].resident_mib),
        "seconds_to_all_servers": round(first[1].at - first[0], 1),
        "seconds_to_all_servers_second_start": round(second[1].at - second[0], 1),
        "cpu_seconds_to_start": round(first[1].cpu_seconds, 1),
        "cpu_seconds_to_start_second_start": round(second[1].cpu_seconds, 1),
        "processes": {name: {"cpu_seconds_per_minute": round((cpu - before.by_process[name][0]) * a_minute, 2)
                             if name in before.by_process else None, "resident_mib": round(memory)}
                      for name, (cpu, memory) in sorted(after.by_process.items())},
    }


def spent_by(processes: Sequence[psutil.Process]) -> Spent:
    """What these have cost until now; one that ends meanwhile is in its parent's time."""
    at, cpu_seconds, resident = time.monotonic(), 0.0, 0.0
    by_process: dict[str, tuple[float, float]] = {}
    for process in processes:
        try:
            times, memory = process.cpu_times(), process.memory_full_info().pss / 2**20
            name = f"{_named(process.cmdline())} {process.pid}"
        except psutil.Error:
            continue
        own = times.user + times.system
        cpu_seconds += own + times.children_user + times.children_system
        resident += memory
        by_process[name] = own, memory
    return Spent(at, cpu_seconds, resident, by_process)


def _named(command: Sequence[str]) -> str:
    """What a process is, from its command line: the module or file that it runs."""
    words = [word for word in command[1:] if word]
    if "-m" in words[:-1]:
        return words[words.index("-m") + 1]
    return next((Path(word).name for word in words if not word.startswith("-")), " ".join(command))[:60]


class _Started:
    """A product that is being started, and is stopped at the end."""

    def __init__(self, environment: Mapping[str, str], output: Path) -> None:
        self._output = output
        self.began = time.monotonic()
        with output.open("w") as file:
            self._process = psutil.Popen([sys.executable, "-m", "deploy.run"], cwd=PROJECT, env=dict(environment),
                                         stdout=file, stderr=subprocess.STDOUT, start_new_session=True)

    def __enter__(self) -> "_Started":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(STOP_SECONDS)

    def wait_until_quiet(self) -> None:
        """Return when what follows from the first training is done.

        Raises: RuntimeError: that never comes.
        """
        began = busy = time.monotonic()
        while time.monotonic() - busy < QUIET_SECONDS:
            if time.monotonic() - began > LONGEST_UNREST_SECONDS:
                raise RuntimeError(f"something goes on after {LONGEST_UNREST_SECONDS} s")
            for process in self._process.children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    if any(word in part for part in process.cmdline() for word in AT_WORK):
                        busy = time.monotonic()
            time.sleep(1)

    def spent(self) -> Spent:
        """What it has cost until now."""
        return spent_by([self._process, *self._process.children(recursive=True)])

    def spent_when(self, pattern: str) -> Spent:
        """What it had cost when it said so.

        Raises: RuntimeError: it ended, or did not say so in time.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not re.search(pattern, self._output.read_text()):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{pattern!r} did not appear:\n{self._output.read_text()}")
            time.sleep(LOOK_SECONDS)
        return self.spent()


def _print(result: dict[str, Any]) -> None:
    console = Console(width=120)
    console.print(", ".join(f"{name} {value}" for name, value in result["machine"].items()))
    table = Table("", "")
    for name, value in result.items():
        if name not in ("machine", "processes"):
            table.add_row(name.replace("_", " "), str(value))
    console.print(table)
    table = Table("process, quiet", "CPU s a minute", "MiB")
    for name, figures_of_it in result["processes"].items():
        table.add_row(name, *(str(value) for value in figures_of_it.values()))
    console.print(table)


if __name__ == "__main__":
    main()
