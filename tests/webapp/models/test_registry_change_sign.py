"""No change of the registry's database goes unseen, and while there is none nobody is asked."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from webapp.models import registry_change_sign as change_sign
from webapp.models.registry_change_sign import ChangeSign


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A writer of a database that is written ahead, as MLflow's is, and long ago."""
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE models (name)")
        connection.commit()
        age(tmp_path)
        yield connection


def age(folder: Path) -> None:
    """Let the last write be an hour ago."""
    before = time.time() - 3600
    for file in folder.glob("mlflow.db*"):
        os.utime(file, (before, before))


def promote(writer: sqlite3.Connection) -> None:
    writer.execute("INSERT INTO models VALUES ('tea')")
    writer.commit()


def test_only_a_change_is_a_reason_to_ask(writer: sqlite3.Connection, tmp_path: Path) -> None:
    sign = ChangeSign(tmp_path / "mlflow.db")
    assert [sign.must_be_asked() for _ in range(3)] == [True, False, False]

    assert not sign.has_changed
    promote(writer)
    assert sign.has_changed
    assert sign.must_be_asked()
    assert not sign.has_changed

    age(tmp_path)
    assert [sign.must_be_asked() for _ in range(2)] == [True, False]  # the time of its files is another


def test_what_is_written_at_the_moment_of_a_look_is_seen_by_the_next(
        writer: sqlite3.Connection, tmp_path: Path) -> None:
    sign = ChangeSign(tmp_path / "mlflow.db")
    promote(writer)

    assert [sign.must_be_asked() for _ in range(3)] == [True] * 3


def test_a_change_that_was_written_back_is_one(writer: sqlite3.Connection, tmp_path: Path) -> None:
    promote(writer)
    age(tmp_path)
    sign = ChangeSign(tmp_path / "mlflow.db")
    sign.must_be_asked()

    writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    assert sign.must_be_asked()


def test_nothing_is_seen_of_what_nobody_asked_about_or_is_elsewhere(tmp_path: Path) -> None:
    assert not ChangeSign(tmp_path / "mlflow.db").has_changed
    elsewhere = ChangeSign(None)
    assert elsewhere.must_be_asked()
    assert not elsewhere.has_changed


def test_what_was_not_answered_is_asked_again(writer: sqlite3.Connection, tmp_path: Path) -> None:
    sign = ChangeSign(tmp_path / "mlflow.db")
    sign.must_be_asked()
    sign.forget()

    assert [sign.must_be_asked() for _ in range(2)] == [True, False]


def test_after_a_while_everybody_asks(writer: sqlite3.Connection, tmp_path: Path,
                                      monkeypatch: pytest.MonkeyPatch) -> None:
    sign = ChangeSign(tmp_path / "mlflow.db")
    sign.must_be_asked()
    monkeypatch.setattr(change_sign, "LONGEST_SECONDS", 0.0)

    assert sign.must_be_asked()


@pytest.mark.parametrize("database", [None, Path("not/there/mlflow.db")])
def test_who_sees_no_file_asks_as_often_as_ever(database: Path | None) -> None:
    sign = ChangeSign(database)

    assert [sign.must_be_asked() for _ in range(3)] == [True] * 3
