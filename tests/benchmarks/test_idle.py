"""The benchmark of a start: what it makes of what processes have cost."""

import subprocess
import sys

import psutil
import pytest

from benchmarks.idle import Spent, figures, spent_by
from tests.waiting import eventually


def test_figures_are_of_a_minute_and_from_the_start() -> None:
    first = Spent(112.0, 14.0, 900.0, {"web 1": (2.0, 90.0)})
    before = Spent(200.0, 30.0, 800.0, {"web 1": (3.0, 90.0)})
    after = Spent(320.0, 46.0, 850.4, {"web 1": (5.0, 91.6), "run 2": (7.0, 50.0)})
    second = Spent(509.0, 12.0, 900.0, {})

    result = figures((100.0, first), (before, after), (500.0, second))

    assert result == {
        "cpu_seconds_per_minute": 8.0, "resident_mib": 850, "resident_mib_at_start": 900,
        "seconds_to_all_servers": 12.0, "seconds_to_all_servers_second_start": 9.0, "cpu_seconds_to_start": 14.0,
        "cpu_seconds_to_start_second_start": 12.0, "processes": {
            "web 1": {"cpu_seconds_per_minute": 1.0, "resident_mib": 92},
            "run 2": {"cpu_seconds_per_minute": None, "resident_mib": 50}}}


@pytest.mark.parametrize(("arguments", "name"), [(("-c", "input()"), "input()"), (("-m", "code", "-q"), "code")])
def test_processes_are_counted_by_what_they_run(arguments: tuple[str, ...], name: str) -> None:
    with subprocess.Popen([sys.executable, *arguments], stdin=subprocess.PIPE) as process:
        started = psutil.Process(process.pid)
        eventually(started.cmdline, 30, lambda: "it does not run")  # until then it has none
        spent = spent_by([started])
        assert process.stdin is not None
        process.stdin.close()

    assert list(spent.by_process) == [f"{name} {process.pid}"]
    assert spent.resident_mib > 0
