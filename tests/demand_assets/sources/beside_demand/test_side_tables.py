"""Tables beside the demand: what of them is noticed when it changes, and how often a database is read for it."""

import pandas as pd
import pytest
import sqlalchemy as sa

from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.demand.source_entries import SqlSource
from demand_assets.sources.beside_demand import side_tables
from demand_assets.sources.beside_demand.side_tables import SideTable

ROWS = [("7", "Food"), ("8", "Tea")]


@pytest.fixture
def database(tmp_path):
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'items.db'}")
    yield engine
    engine.dispose()


def filled(engine, rows):
    table = pd.DataFrame(rows, columns=["id", "category"], dtype=object)
    table.to_sql("items", engine, index=False, if_exists="replace")


def opened(engine):
    source = SqlSource(kind="sql", url=str(engine.url), table="items")
    called = {"key": ("the item", "Name it, as in: key"), "category": ("it", "Name it, as in: column")}
    return SideTable(source, {"key": "id", "category": "category"}, called, ["key"])


def test_a_value_that_changes_in_a_database_is_noticed_after_some_minutes_and_a_row_at_once(database, monkeypatch):
    filled(database, ROWS)
    seconds = iter(range(0, 10_000, 100))
    monkeypatch.setattr(side_tables, "monotonic", lambda: next(seconds))
    table = opened(database)
    marks = [table.fingerprint()]
    filled(database, [("7", "Drinks"), ("8", "Tea")])

    marks += [table.fingerprint() for _ in range(8)]

    assert len(set(marks)) == 2
    assert marks[0] == marks[1] != marks[-1]
    filled(database, [("7", "Drinks"), ("8", "Tea"), ("9", "Tea")])
    assert table.fingerprint() != marks[-1]
    assert list(table.rows()["key"]) == ["7", "8", "9"]


def test_the_order_of_rows_says_nothing(database):
    filled(database, ROWS)
    before = opened(database).fingerprint()
    filled(database, ROWS[::-1])

    assert opened(database).fingerprint() == before


def test_a_table_without_rows_is_told(database):
    filled(database, [])

    with pytest.raises(SourceError, match="has no rows"):
        opened(database).rows()


def test_large_ids_keep_their_digits_beside_a_missing_one(database):
    filled(database, [(123456789012345678, "Food"), (None, "Tea")])

    assert list(opened(database).rows()["key"].dropna()) == ["123456789012345678"]
