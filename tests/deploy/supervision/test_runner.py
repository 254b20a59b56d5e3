"""The process runner starts wherever the state is."""

import resource
import sys
from pathlib import Path

import psutil
import pytest

from deploy.processes import Folders, environment, runner_settings
from deploy.settings import read_settings
from deploy.state_directory.ownership import is_runner
from deploy.supervision.runner import Runner
from tests.waiting import eventually


@pytest.mark.parametrize("name", ["short", "a state directory with a very long name " * 4])
def test_it_answers_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    folders = Folders(tmp_path / name)
    folders.make()
    monkeypatch.chdir(folders.run)
    runner = Runner(folders.run, runner_settings(read_settings(), folders), environment(read_settings(), folders))
    try:
        eventually(runner.answers, 30, lambda: "it does not answer")
        assert "mlflow" in runner.states()
        assert is_runner(psutil.Process(runner.pid))  # by which the next launcher ends it first
    finally:
        runner.stop()
        assert runner.wait(30)


CHATTY = """
import time
with open("told", "ab", buffering=0) as told:
    while True:
        print("what a server says " * 20, flush=True)
        told.write(b".")
        time.sleep(0.01)
"""


def test_it_goes_on_when_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = Folders(tmp_path / "state")
    folders.make()
    monkeypatch.chdir(folders.run)
    (tmp_path / "chatty.py").write_text(CHATTY)
    settings = runner_settings(read_settings(), folders) + f"""
[program:chatty]
command = {sys.executable} {tmp_path}/chatty.py
directory = {tmp_path}
autorestart = true
startsecs = 0
redirect_stderr = true
stdout_logfile = ../logs/chatty.log
"""
    runner = Runner(folders.run, settings, environment(read_settings(), folders))
    told, log = tmp_path / "told", folders.logs / "chatty.log"

    def say_more(lines: int) -> None:
        wanted = told.stat().st_size + lines
        eventually(lambda: told.stat().st_size >= wanted, 30, lambda: "it says nothing any more")

    try:
        eventually(runner.answers, 30, lambda: "it does not answer")
        eventually(lambda: told.exists() and log.exists() and log.stat().st_size, 30, lambda: "it did not start")
        pid = runner.states()["chatty"]["pid"]
        _, most = resource.prlimit(runner.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(runner.pid, resource.RLIMIT_FSIZE, (0, most))  # a full disk, for this process alone
        say_more(100)
        resource.prlimit(runner.pid, resource.RLIMIT_FSIZE, (most, most))
        written = log.stat().st_size
        say_more(100)

        assert runner.is_alive
        assert runner.states()["chatty"]["pid"] == pid
        eventually(lambda: log.stat().st_size > written, 30, lambda: "its log ends where the disk was full")
    finally:
        runner.stop()
        assert runner.wait(30)
