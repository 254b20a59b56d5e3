"""Processes are told apart, and known to be gone."""

import os
import subprocess
import sys

import pytest

from webapp.http.process_names import is_gone, this_process

NAME_ITSELF = """\
import sys
from webapp.http.process_names import this_process
print(this_process(), flush=True)
sys.stdin.read()
"""


def test_this_process_lives() -> None:
    assert not is_gone(this_process())


def test_a_process_that_was_killed_is_gone_also_before_anybody_asked_how_it_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", NAME_ITSELF], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert not is_gone(name)

        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

        assert is_gone(name)
    assert is_gone(name)


def test_another_process_with_the_same_id_is_another() -> None:
    machine, _, rest = this_process().rpartition("|")
    pid, _, began = rest.partition(":")

    assert is_gone(f"{machine}|{pid}:{int(began) + 1}")


@pytest.mark.parametrize("unknown", ["", "another machine|1:1"])
def test_of_what_cannot_be_known_nothing_is_said(unknown: str) -> None:
    assert not is_gone(unknown)
