"""Loops that are woken when what they look at is written."""

import errno
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from demand_assets.forecasting.store import file_events
from demand_assets.forecasting.store.file_events import FileEvents, Wake, together
from demand_assets.forecasting.store.written_since import files_of_database
from tests.waiting import eventually

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
    eventually(lambda: wake.begin() and not wake.wait(0.1), LONG, lambda: "it was woken again and again")


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
    eventually(lambda: not wake.begin(), LONG, lambda: "the folder is still watched")
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
