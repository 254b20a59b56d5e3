"""A look is left out only while nothing was written, and never for long."""

import sqlite3
from contextlib import closing
from pathlib import Path

from demand_assets.forecasting.store.written_since import Rest, files_of_database, written


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_two_looks_follow_a_change_and_then_none() -> None:
    state, clock = ["a"], Clock()
    rest = Rest(lambda: state[0], 10.0, clock)

    assert [rest.is_over() for _ in range(4)] == [True, True, False, False]
    state[0] = "b"
    assert [rest.is_over() for _ in range(4)] == [True, True, False, False]


def test_a_look_is_due_after_a_while_whatever_the_sign_says() -> None:
    clock = Clock()
    rest = Rest(lambda: "same", 10.0, clock)
    assert [rest.is_over() for _ in range(3)] == [True, True, False]

    clock.now = 9.9
    assert not rest.is_over()
    clock.now = 10.0
    assert [rest.is_over() for _ in range(2)] == [True, False]


def test_who_left_something_open_looks_again() -> None:
    rest = Rest(lambda: "same", 10.0, Clock())
    while rest.is_over():
        pass

    rest.end()

    assert rest.is_over()


def test_what_another_commits_is_seen_in_whichever_mode_the_database_is(tmp_path: Path) -> None:
    for mode in ("wal", "delete"):
        file = tmp_path / f"{mode}.db"
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA journal_mode={mode}")
            connection.execute("CREATE TABLE t (a)")
            sign = written(files_of_database(file))
            before = sign()
            connection.execute("SELECT * FROM t")
            assert sign() == before

            connection.execute("INSERT INTO t VALUES (1)")

            assert sign() != before


def test_files_that_are_not_there_yet_are_news_when_they_come(tmp_path: Path) -> None:
    sign = written([tmp_path / "later"])
    before = sign()

    (tmp_path / "later").touch()

    assert before != sign()
