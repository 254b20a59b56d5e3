"""Loops that are woken when what they look at is written."""

import errno
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask

from demand_assets.forecasting.store.changes import files_of_database
from tests.webapp.background.supervised import supervised, until
from webapp.background import file_events, supervision
from webapp.background.file_events import FileEvents, Wake, together
from webapp.background.pacing import QUIET
from webapp.background.supervision import Loop

LONG = 30.0


def wake_of(*places: Path) -> Wake:
    return FileEvents().wake(lambda: places)


def test_a_commit_of_another_connection_wakes(tmp_path: Path) -> None:
    database = tmp_path / "app.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE things (id)")
        connection.commit()
        wake = wake_of(*files_of_database(database))
        assert wake.begin()
        connection.execute("INSERT INTO things VALUES (1)")
        connection.commit()
        assert wake.wait(LONG)


def test_a_file_that_is_renamed_into_a_folder_wakes(tmp_path: Path) -> None:
    wake = wake_of(tmp_path / "day")
    (tmp_path / "day").mkdir()
    assert wake.begin()
    (tmp_path / "other.tmp").write_text("x")
    (tmp_path / "other.tmp").rename(tmp_path / "day" / "entry")
    assert wake.wait(LONG)


def test_what_is_written_beside_it_wakes_nobody(tmp_path: Path) -> None:
    events = FileEvents()
    mine, others = events.wake(lambda: [tmp_path / "app.db"]), events.wake(lambda: [tmp_path / "beat"])
    assert mine.begin()
    assert others.begin()
    (tmp_path / "beat").write_text("x")
    assert others.wait(LONG)  # so the event was told
    assert not mine.wait(0)


def test_what_was_written_before_it_began_wakes_nobody(tmp_path: Path) -> None:
    wake = wake_of(tmp_path / "app.db")
    assert wake.begin()
    (tmp_path / "app.db").write_text("x")
    assert wake.wait(LONG)
    until(lambda: wake.begin() and not wake.wait(0.1))


def test_a_folder_that_comes_later_is_watched_from_then_on(tmp_path: Path) -> None:
    day = tmp_path / "journal" / "20260101"
    wake = wake_of(day.parent, day)
    assert not wake.begin()  # so nobody waits for what nobody tells
    day.parent.mkdir()
    assert wake.begin()
    day.mkdir()
    assert wake.wait(LONG)
    assert wake.begin()
    (day / "entry").write_text("x")
    assert wake.wait(LONG)


def test_a_folder_that_was_made_anew_is_watched_again(tmp_path: Path) -> None:
    folder = tmp_path / "web"
    folder.mkdir()
    wake = wake_of(folder / "app.db")
    assert wake.begin()
    shutil.rmtree(folder)
    assert wake.wait(LONG)
    until(lambda: not wake.begin())
    folder.mkdir()
    assert wake.begin()
    (folder / "app.db").write_text("x")
    assert wake.wait(LONG)


def test_what_is_not_on_this_machine_is_not_told(tmp_path: Path) -> None:
    assert together([tmp_path], None) is None
    assert together([tmp_path], [tmp_path / "day"]) == [tmp_path, tmp_path / "day"]
    assert not FileEvents().wake(lambda: None).begin()


def test_without_room_in_the_kernel_nobody_is_told_and_that_is_logged(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def no_room(_folder: Path) -> None:
        raise OSError(errno.EMFILE, "inotify instance limit reached")

    monkeypatch.setattr(file_events, "_inotify", no_room)
    wake = wake_of(tmp_path / "app.db")
    assert not wake.begin()
    assert not wake.begin()
    assert [record.message for record in caplog.records] == [
        "the kernel does not tell of files, so loops look for themselves: [Errno 24] inotify instance limit reached"]


class Quiet:
    """What a loop does that finds nothing; what it is told to do at its next turn comes first."""

    def __init__(self) -> None:
        self.turns = 0
        self.writes: Path | None = None

    def __call__(self) -> float:
        self.turns += 1
        if self.writes is not None:
            self.writes.write_text("x")
            self.writes = None
        return QUIET


def test_a_quiet_loop_takes_its_next_step_when_something_is_written(
        app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "QUIET_SECONDS", 600.0)
    step, file = Quiet(), tmp_path / "app.db"
    quiet = Loop("store", lambda: step, 0.01, wake=FileEvents().wake(lambda: [file]))
    with supervised(app, quiet):
        until(lambda: step.turns == 1)
        file.write_text("x")
        until(lambda: step.turns >= 2)
        step.writes = file
        file.write_text("y")  # in the turn after this one it writes itself, as another process might just then
        until(lambda: step.writes is None)
        until(lambda: step.turns >= 4)


def test_a_quiet_loop_whom_nobody_tells_turns_as_ever(
        app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "QUIET_SECONDS", 600.0)
    monkeypatch.setattr(supervision, "UNTOLD_SECONDS", 0.01)
    step = Quiet()
    quiet = Loop("store", lambda: step, 0.01, wake=FileEvents().wake(lambda: None))
    with supervised(app, quiet, Loop("audit", lambda: Quiet(), 0.01)):
        until(lambda: step.turns > 5)
