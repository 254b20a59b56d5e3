"""Clocks of single processes, put forward and back while they run."""

import os
import subprocess
import sys
import time

import pytest

from tests.chaos.stepped_clock import SteppedClock

TELL = """
import sys, time
from datetime import datetime
for _ in sys.stdin:
    print(time.time() - time.clock_gettime(time.CLOCK_TAI), datetime.now().timestamp() - time.time(), flush=True)
"""


def test_only_the_clock_of_that_process_is_stepped_while_it_runs(tmp_path):
    clock = SteppedClock(tmp_path / "clock")
    if not clock.is_there:
        pytest.skip("no C compiler on this machine (Debian: apt install gcc)")
    telling = {name: subprocess.Popen([sys.executable, "-c", TELL], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True, env={**os.environ, **clock.environment(), "DEMAND_PROCESS": name})
               for name in ("web", "web-sync")}

    def ahead() -> dict[str, int]:
        told = {}
        for name, process in telling.items():
            print(file=process.stdin, flush=True)
            wall, both = map(float, process.stdout.readline().split())
            assert abs(both) < 1
            told[name] = round(wall - (time.time() - time.clock_gettime(time.CLOCK_TAI)))
        return told

    try:
        assert ahead() == {"web": 0, "web-sync": 0}
        clock.step("web", 90)
        assert ahead() == {"web": 90, "web-sync": 0}
        clock.step("web-sync", -200)
        assert ahead() == {"web": 90, "web-sync": -200}
        clock.right()
        assert ahead() == {"web": 0, "web-sync": 0}
    finally:
        for process in telling.values():
            process.communicate()
