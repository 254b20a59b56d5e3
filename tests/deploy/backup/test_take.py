"""``make backup``: what is in it, taken while everything goes on."""

import os
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import pytest

from deploy.backup.archive import Archive, BackupError
from deploy.backup.contents import Contents
from deploy.backup.take import main, take
from tests.deploy.backup.kills import exit_status_with, killed_at_each_step
from tests.deploy.backup.states import FILES, NAME, NOT_KEPT, contents, database, hashes, make_state, names_in, rows

NOW = datetime(2026, 11, 28, 10, tzinfo=UTC)
DATABASES = {"web/app.db", "mlflow/mlflow.db", "dagster/history/runs.db", "dagster/history/runs/1.db",
             "dagster/schedules/schedules.db"}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory with something of all that is kept."""
    make_state(tmp_path / "var")
    return tmp_path / "var"


def taken(what: Contents, target: Path) -> Archive:
    return Archive(take(what, NAME, target, NOW)[0])


def order(archive: Archive) -> list[str]:
    found = []
    for name, content in archive.members():
        content.read()
        found.append(name)
    return found


def test_it_holds_all_that_is_kept_and_nothing_else(state: Path) -> None:
    archive = taken(contents(state), state.parent / "a.tar")

    assert set(archive.manifest.files) == {*FILES, *DATABASES, "dataset.toml"}
    assert not {*NOT_KEPT} & set(archive.manifest.files)
    assert archive.manifest.revisions == {"web": "0019", "dagster": "29b539ebc72a", "mlflow": "dc11669786a5"}


def test_whoever_tells_others_comes_after_those_whom_it_tells(state: Path) -> None:
    names = order(taken(contents(state), state.parent / "a.tar"))

    wanted = ["demand/adjustments/north/kettle.json", "web/app.db", "dagster/schedules/schedules.db",
              "dagster/history/runs.db", "dagster/history/runs/1.db", "demand/journal/20261128/1.jsonl",
              "mlflow/mlflow.db", next(name for name in FILES if name.startswith("mlflow/"))]
    assert [name for name in names if name in wanted] == wanted


def test_the_state_is_not_touched(state: Path) -> None:
    before = hashes(state)

    taken(contents(state), state.parent / "a.tar")

    assert hashes(state) == before


def test_databases_are_as_they_were_at_one_moment_while_others_write(state: Path) -> None:
    """Two rows are written in each transaction: never one of them is in the backup."""
    path, stop = state / NAME / "web" / "app.db", Event()
    database(path, "CREATE TABLE pair (number INTEGER)")

    def write() -> None:
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            number = 0
            while not stop.is_set():
                number += 1
                with connection:
                    connection.executemany("INSERT INTO pair VALUES (?)", [(number,), (number,)])

    writer = Thread(target=write)
    writer.start()
    try:
        counts = []
        for attempt in range(8):
            archive = taken(contents(state), state.parent / f"{attempt}.tar")
            copy = state.parent / f"{attempt}.db"
            for name, content in archive.members():
                whole = content.read()
                if name == "web/app.db":
                    copy.write_bytes(whole)
            counts.append(rows(copy, "SELECT count(*), count(DISTINCT number), max(number) FROM pair")[0])
            assert rows(copy, "PRAGMA integrity_check") == [("ok",)]
    finally:
        stop.set()
        writer.join()
    assert all(count == 2 * distinct and (last or 0) == distinct for count, distinct, last in counts)
    assert counts[-1][0] > counts[0][0]


def test_a_file_that_comes_or_goes_meanwhile_does_not_break_it(state: Path) -> None:
    journal, stop = state / NAME / "demand" / "journal" / "20261128", Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            (journal / f"new-{number}.jsonl").write_text("entry")
            (journal / f"new-{number - 20}.jsonl").unlink(missing_ok=True)

    writer = Thread(target=write)
    writer.start()
    try:
        for attempt in range(8):
            order(taken(contents(state), state.parent / f"{attempt}.tar"))
    finally:
        stop.set()
        writer.join()


def test_a_database_that_is_just_being_made_is_no_hindrance(state: Path) -> None:
    (state / NAME / "dagster" / "history" / "runs" / "new.db").touch()

    assert "dagster/history/runs/new.db" in taken(contents(state), state.parent / "a.tar").manifest.files


def test_a_file_whose_name_is_no_text_is_named(state: Path) -> None:
    (Path(os.fsdecode(bytes(state / NAME / "demand") + b"/\xff.json"))).touch()

    with pytest.raises(BackupError, match=r"udcff\.json.*no text"):
        take(contents(state), NAME, state.parent / "a.tar", NOW)


def test_links_are_not_followed(state: Path) -> None:
    (state / NAME / "demand" / "link.json").symlink_to("/etc/passwd")
    (state / NAME / "demand" / "round").symlink_to(state / NAME / "demand")

    names = set(taken(contents(state), state.parent / "a.tar").manifest.files)

    assert not any("link" in name or "round" in name for name in names)


def test_a_damaged_database_is_told_and_no_backup_is_made(state: Path) -> None:
    path = state / NAME / "web" / "app.db"
    content = bytearray(path.read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    path.write_bytes(content)

    with pytest.raises(BackupError, match=r"app\.db"):
        take(contents(state), NAME, state.parent / "to" / "a.tar", NOW)
    assert names_in(state.parent / "to") == []


def test_a_model_in_use_without_files_is_told(state: Path) -> None:
    model = next(state / NAME / name for name in FILES if name.startswith("mlflow/"))
    assert take(contents(state), NAME, state.parent / "a.tar", NOW)[1] == []
    model.unlink()

    _, lost = take(contents(state), NAME, state.parent / "b.tar", NOW)

    assert lost == ["version 1 of shop.north.kettle has no files, neither there nor in this backup"]


def test_a_state_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="is not there"):
        take(contents(tmp_path / "var"), NAME, tmp_path / "a.tar", NOW)
    assert not (tmp_path / "a.tar").exists()


def test_killed_at_any_step_it_leaves_no_backup_and_the_next_one_clears_up(state: Path) -> None:
    folder = state.parent / "to"
    before, count = hashes(state), 0
    for _ in killed_at_each_step(lambda: take(contents(state), NAME, folder / "a.tar", NOW), state.parent, every=2):
        count += 1
        left = [name for name in names_in(folder) if not name.startswith(".")] if folder.exists() else []
        if left:  # killed after it was whole
            Archive(folder / "a.tar")
            (folder / "a.tar").unlink()
    assert count > 10
    (folder / "a.tar").unlink()

    taken(contents(state), folder / "b.tar")

    assert names_in(folder) == ["b.tar"]
    assert hashes(state) == before


@pytest.mark.parametrize("most", [4_000, 20_000, 100_000])
def test_on_a_full_disk_nothing_is_left_and_it_is_said(state: Path, most: int, monkeypatch: pytest.MonkeyPatch,
                                                       capfd: pytest.CaptureFixture[str]) -> None:
    (state / NAME / "demand" / "large.bin").write_bytes(bytes(200_000))
    (state.parent / "shop.toml").write_text(DATASET)
    for name, value in {"CALLED_FROM": state.parent, "DATASET": "shop.toml", "STATE": "var", "TO": "to"}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.delenv("PROFILE", raising=False)

    assert exit_status_with(most, main) == 1

    assert names_in(state.parent / "to") == []
    assert "the backup was not taken, and nothing is left of it" in capfd.readouterr().err
    assert main() == 0
    (made,) = (state.parent / "to").iterdir()
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert Archive(made).manifest.dataset == NAME


DATASET = """
name = "shop"
frequency = "W"
horizon = 4

[source]
kind = "simulated"
regions = 1
items = 1
years = 2
"""
