"""A database as a source, on SQLite: tables, queries, dirty values, and errors without passwords."""

from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.sources import open_source
from tests.demand_assets.sources.shop import NORTH_7, SOUTH_7, SOUTH_ODD, dataset, sales


@pytest.fixture
def url(tmp_path):
    url = f"sqlite:///{tmp_path}/shop.db"
    fill(url, sales())
    return url


def fill(url, table):
    engine = sa.create_engine(url)
    table.to_sql("sales", engine, index=False, if_exists="append")
    engine.dispose()


def source_of(url, columns=None, environment=None, drivers=True, **source):
    if "query" not in source:
        source.setdefault("table", "sales")
    return open_source(dataset({"kind": "sql", "url": url, **source}, columns, drivers), environment=environment)


def test_the_catalogue_names_region_items_and_the_last_demand(url):
    catalogue = source_of(url).catalogue()

    assert catalogue.region_items == (RegionItem("east", "8"), NORTH_7, SOUTH_7, SOUTH_ODD)
    assert catalogue.last_date == pd.Timestamp("2024-01-03")


def test_only_the_region_items_asked_for_are_read_under_our_names(url):
    table = source_of(url).read([SOUTH_ODD, NORTH_7])

    assert list(table.columns) == ["region", "item", "row", "date", "demand", "price", "promo"]
    assert sorted(table["item"].unique()) == ["7", "a|b/c:d.é"]
    assert table.loc[table["region"] == "north", "demand"].tolist()[:3] == [1, 2, 3]


def test_region_items_that_are_not_there_have_no_rows(url):
    table = source_of(url).read([RegionItem("west", "7")])

    assert len(table) == 0
    assert list(table.columns) == ["region", "item", "row", "date", "demand", "price", "promo"]


def test_a_query_and_an_expression(url):
    query = "SELECT shop, article, day, sold, price, offer, 10 AS pack FROM sales WHERE shop <> 'east';"

    source = source_of(url, query=query, columns={"expressions": {"demand": "sold * pack"}})

    assert len(source.catalogue().region_items) == 3
    assert source.read([NORTH_7])["demand"].tolist()[:3] == [10, 20, 30]


def test_a_table_without_a_region_item_that_can_be_used_is_refused(tmp_path):
    url = f"sqlite:///{tmp_path}/nameless.db"
    fill(url, sales().assign(article=""))

    with pytest.raises(SourceError, match="no region-item that can be used; the first is region"):
        source_of(url).catalogue()


def test_names_that_are_numbers(tmp_path):
    url = f"sqlite:///{tmp_path}/numbers.db"
    fill(url, sales().assign(shop=1, article=[7, 8] * 8))

    source = source_of(url)

    assert source.catalogue().region_items == (RegionItem("1", "7"), RegionItem("1", "8"))
    assert len(source.read([RegionItem("1", "7")])) == 8


def test_a_source_without_regions(url):
    source = source_of(url, columns={"region": ""})

    assert RegionItem("all", "8") in source.catalogue().region_items
    assert len(source.read([RegionItem("all", "7")])) == 8


def test_dirty_values_are_text_that_can_be_stored(url):
    fill(url, sales().head(1).assign(day="2024-01-09", sold="abc"))

    assert source_of(url).read([NORTH_7])["demand"].dropna().tolist() == ["1", "2", "3", "abc"]


def test_more_region_items_than_one_statement_takes(tmp_path):
    url = f"sqlite:///{tmp_path}/many.db"
    fill(url, pd.DataFrame([(f"shop {n}", "7", "2024-01-01", n) for n in range(230)]
                           + [("big", f"{n}", "2024-01-01", n) for n in range(1200)],
                           columns=["shop", "article", "day", "sold"]))
    source = source_of(url, drivers=False)

    assert len(source.read(source.catalogue().region_items)) == 1430


def test_the_fingerprint_changes_with_new_rows(url):
    source = source_of(url)
    before = source.fingerprint()
    assert source.fingerprint() == before

    fill(url, sales().head(1).assign(day="2024-01-05", article="new"))

    assert source.fingerprint() != before
    assert RegionItem("north", "new") in source.catalogue().region_items
    assert len(source.read([RegionItem("north", "new")])) == 1


def test_nothing_is_written(url):
    source = source_of(url, query="DELETE FROM sales RETURNING *")

    with pytest.raises(SourceError):
        source.catalogue()

    assert len(source_of(url).read([NORTH_7])) == 4


@pytest.mark.parametrize(("source", "columns", "words"), [
    ({"table": "nothing"}, {}, "has no table 'nothing'; it has sales"),
    ({"query": "SELEKT 1"}, {}, "cannot be read: .*syntax error"),
    ({"table": "sales"}, {"demand": "units"}, "has no column 'units' for demand; it has 'shop'"),
    ({"table": "sales"}, {"expressions": {"date": "shop + 1"}}, "compute it in source.query"),
    ({"query": "SELECT * FROM sales WHERE sold > 99"}, {}, "has no rows")])
def test_trouble_is_named(url, source, columns, words):
    with pytest.raises(SourceError, match=words):
        source_of(url, columns, **source).catalogue()


def test_a_database_that_is_not_there(tmp_path):
    with pytest.raises(SourceError, match="cannot be read: unable to open database file"):
        source_of(f"sqlite:///{tmp_path}/nothing/shop.db").fingerprint()


@pytest.mark.parametrize("url", ["nosuchdatabase://x", "rubbish"])
def test_a_url_that_cannot_be_used(url):
    with pytest.raises(SourceError, match="cannot be opened"):
        source_of(url)


def test_the_password_comes_from_the_environment_and_stays_out_of_messages():
    url = "postgresql://demand:${DB_PASSWORD}@localhost:1/shop"

    source = source_of(url, environment={"DB_PASSWORD": "s3cret"})
    with pytest.raises(SourceError) as caught:
        source.catalogue()

    assert "s3cret" not in str(caught.value)
    assert "cannot be read" in str(caught.value)
    with pytest.raises(SourceError, match="DB_PASSWORD, which is not set"):
        source_of(url, environment={})


def test_a_password_in_the_url_stays_out_of_messages(tmp_path):
    with pytest.raises(SourceError) as caught:
        source_of("postgresql://demand:s3cret@localhost:1/shop").catalogue()

    assert "s3cret" not in str(caught.value)


def change(url: str, statement: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()


@pytest.mark.parametrize("statement", [
    "UPDATE sales SET sold = 5 WHERE day = '2024-01-04'",
    "UPDATE sales SET sold = 5 WHERE day = '2024-01-04' AND shop = 'north'",
    "UPDATE sales SET sold = 0 WHERE day = '2024-01-04' AND shop = 'north'",
    "UPDATE sales SET sold = 7 WHERE day = '2024-01-02' AND shop = 'north'",
    "UPDATE sales SET sold = NULL WHERE day = '2024-01-03' AND shop = 'north'",
    "UPDATE sales SET sold = CASE shop WHEN 'north' THEN NULL ELSE 3 END WHERE day IN ('2024-01-03', '2024-01-04')",
    "DELETE FROM sales WHERE shop = 'east' AND day = '2024-01-01'",
])
@pytest.mark.parametrize("source", [{"table": "sales"}, {"query": "SELECT * FROM sales"}], ids=["table", "query"])
def test_whatever_becomes_of_demand_changes_the_fingerprint(url: str, source: dict[str, str], statement: str) -> None:
    asked = source_of(url, **source)
    before = asked.fingerprint()

    change(url, statement)

    assert asked.fingerprint() != before
    assert asked.fingerprint() == asked.fingerprint()


def test_demand_that_arrives_in_planned_rows_moves_the_last_date_of_a_source_that_stays_open(url: str) -> None:
    source = source_of(url)
    before = source.catalogue().last_date

    change(url, "UPDATE sales SET sold = 5 WHERE day = '2024-01-04'")

    assert (before, source.catalogue().last_date) == (pd.Timestamp("2024-01-03"), pd.Timestamp("2024-01-04"))


def test_demand_of_text_that_arrives_in_planned_rows_is_noticed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/text.db"
    fill(url, sales().assign(sold=[text if text != "nan" else "" for text in sales()["sold"].astype(str)]))
    source = source_of(url)
    before = source.fingerprint()

    change(url, "UPDATE sales SET sold = '5.0' WHERE day = '2024-01-04' AND shop = 'north'")

    assert source.fingerprint() != before


def test_the_last_date_moves_with_the_day_while_nothing_else_changes(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = source_of(url)
    seen = []
    for today in ("2024-01-02", "2024-01-03"):
        monkeypatch.setattr(source, "today", lambda today=today: pd.Timestamp(today))
        seen.append(source.catalogue().last_date)

    assert seen == [pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-02")]


def test_long_numbers_keep_their_digits_beside_a_null(tmp_path):
    url = f"sqlite:///{tmp_path}/numbers.db"
    fill(url, pd.DataFrame({"shop": "EU", "article": pd.array([100200300400500601, 100200300400500602, None], "Int64"),
                            "day": "2024-01-01", "sold": 1, "price": 1.0, "offer": "no"}))

    source = source_of(url)
    found = source.catalogue()

    assert [one.item for one in found.region_items] == ["100200300400500601", "100200300400500602"]
    assert [rows for *_, rows in found.refused] == [1]
    assert len(source.read(found.region_items)) == 2


def test_text_that_may_be_two_numbers_is_refused_and_the_advice_works(tmp_path):
    url = f"sqlite:///{tmp_path}/texts.db"
    fill(url, sales().assign(sold=["1.365", "503", "12", None] * 4))

    with pytest.raises(SourceError, match=r"'1\.365' may be 1365 or 1\.365") as refused:
        source_of(url).read([NORTH_7])
    number = str(refused.value).split("as in ")[1].removesuffix(".")
    query = f"SELECT shop, article, day, {number} AS sold, price, offer FROM sales"
    assert source_of(url, query=query).read([NORTH_7])["demand"].tolist()[:3] == [1365, 503, 12]


@pytest.mark.parametrize(("values", "is_told"), [
    (["1.234", "1,5"], True), (["1.234", "1,5", "2.5"], True), (["1.234", "2.5"], False), (["1.5", "7"], False)])
def test_a_point_that_another_value_shows_to_group_thousands_is_no_decimal_mark(tmp_path, values, is_told):
    url = f"sqlite:///{tmp_path}/shop.db"
    fill(url, pd.DataFrame({"shop": "north", "article": "7", "day": [f"2024-01-0{day}" for day in range(1, 10)][
        :len(values)], "sold": values}))
    source = source_of(url, drivers=False)

    if is_told:
        with pytest.raises(SourceError, match=r"'1\.234' may be 1234 or 1\.234"):
            source.read([NORTH_7])
    else:
        assert source.read([NORTH_7])["demand"].tolist() == values


@pytest.mark.parametrize(("values", "numbers", "decimal"), [
    (["1,5", "2,25", "7", None], [1.5, 2.25, 7], ","), (["1.234,5", "12", "2.000,0"], [1234.5, 12, 2000], ","),
    (["1,234.5", "12", "7,000.0"], [1234.5, 12, 7000], "."), (["1 234", "12", "7"], [1234, 12, 7], ".")])
def test_text_that_is_written_as_people_write_numbers_is_refused_and_the_advice_works(tmp_path, values, numbers,
                                                                                      decimal):
    url = f"sqlite:///{tmp_path}/shop.db"
    fill(url, pd.DataFrame({"shop": "north", "article": "7", "day": [f"2024-01-0{day}" for day in range(1, 5)][
        :len(values)], "sold": values}))

    with pytest.raises(SourceError, match=rf"which is {numbers[0]}\. Set source\.decimal = '\{decimal}'") as refused:
        source_of(url, drivers=False).read([NORTH_7])

    read = source_of(url, drivers=False, decimal=decimal).read([NORTH_7])["demand"].tolist()
    assert [float(value) for value in read[:len(numbers)]] == numbers
    if " " not in values[0]:
        number = str(refused.value).split("as in ")[1].removesuffix(".")
        query = f"SELECT shop, article, day, {number} AS sold FROM sales"
        assert source_of(url, drivers=False, query=query).read([NORTH_7])["demand"].tolist()[:len(numbers)] == numbers
