"""The process runner starts wherever the state is."""

import os
from pathlib import Path

import pytest

from deploy.processes import Folders, runner_settings
from deploy.runner import Runner
from deploy.settings import read_settings
from tests.waiting import eventually


@pytest.mark.parametrize("name", ["short", "a state directory with a very long name " * 4])
def test_it_answers_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    folders = Folders(tmp_path / name)
    folders.make()
    monkeypatch.chdir(folders.run)
    runner = Runner(folders.run, runner_settings(read_settings(), folders), dict(os.environ))
    try:
        eventually(runner.answers, 30, lambda: "it does not answer")
        assert "mlflow" in runner.states()
    finally:
        runner.stop()
        assert runner.wait(30)
