"""What is done before a server starts: its words are read once, and its failure names its log."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from deploy.processes import DATABASE, OLD_RUNS, Folders, environment, printed_by, runner_settings
from deploy.settings import RunSettings
from deploy.supervision.commands import CommandFailedError, Preparation
from deploy.supervision.runner import Runner
from tests.waiting import eventually

PARTS = ["http:", "", "localhost", "first-admin", "secret"]
LINK = "/".join(PARTS)


def test_it_is_read_once_and_a_failure_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = Folders(tmp_path / "state")
    folders.make()
    monkeypatch.chdir(folders.run)
    settings = runner_settings(RunSettings(), folders)
    for name, code in ((DATABASE, f"print('/'.join({PARTS}))"), (OLD_RUNS, "raise SystemExit('no such table')")):
        command = shlex.join((sys.executable, "-c", code))
        settings = re.sub(rf"(\[program:{name}\]\ncommand = ).*", lambda line, new=command: line[1] + new, settings)
    printed_by(DATABASE, folders).write_text("what an earlier start that was killed left\n")
    runner = Runner(folders.run, settings, environment(RunSettings(), folders))
    try:
        eventually(runner.answers, 30, lambda: "it does not answer")
        good, bad = (Preparation(name, runner, folders) for name in (DATABASE, OLD_RUNS))
        for one in (good, bad):
            eventually(lambda one=one: one.has_ended, 30, lambda: "it does not end")

        assert good.printed() == [LINK]
        with pytest.raises(CommandFailedError, match=rf"{OLD_RUNS} failed \(status 1\); its log is .*{OLD_RUNS}.log"):
            bad.printed()

        assert "no such table" in (folders.logs / f"{OLD_RUNS}.log").read_text()
        assert not any(LINK in file.read_text() for file in tmp_path.rglob("*.*") if file.is_file())
    finally:
        runner.stop()
        assert runner.wait(30)
