"""Loops see what another process wrote into the app's database, and never rest where they cannot see it."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from webapp.db.written_since import rest_of


def test_what_another_connection_commits_ends_the_rest(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'app.db'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (a)"))
    rest = rest_of(url)
    assert [rest.is_over() for _ in range(3)] == [True, True, False]

    with engine.begin() as connection:
        connection.execute(text("INSERT INTO t VALUES (1)"))

    assert [rest.is_over() for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize("url", ["postgresql+psycopg2://app@db/app", "sqlite://", "sqlite:///:memory:"])
def test_what_is_no_file_here_is_asked_each_time(url: str) -> None:
    rest = rest_of(url)

    assert all(rest.is_over() for _ in range(10))
