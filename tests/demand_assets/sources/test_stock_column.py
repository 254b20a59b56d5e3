"""The column that says which periods are out of stock, from every kind of source."""

import pandas as pd
import pytest
import sqlalchemy as sa

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.demand.stock_entries import AT_LEAST
from demand_assets.forecasting.validation.rows_to_demand import validate_panel
from demand_assets.sources import open_source
from tests.demand_assets.sources.shop import dataset, file_dataset

KETTLE = RegionItem("north", "kettle")


def table(**stock):
    """Thirty days; of the tenth and the twentieth something is said."""
    days = pd.date_range("2024-01-01", periods=30).strftime("%Y-%m-%d")
    return pd.DataFrame({"day": days, "shop": "north", "article": "kettle", "sold": 5, **stock})


def out_of_stock(of):
    """The days of the month that are out of stock."""
    source = open_source(of)
    raw = source.read([KETTLE])
    found = validate_panel(raw, of, [KETTLE], source.catalogue().last_date, pd.Timestamp("2024-06-01"))[0]
    assert found.problem == ""
    return found.demand.loc[found.demand[AT_LEAST].notna(), "date"].dt.day.tolist()


def written(tmp_path, columns, name="a.csv", of=None, **options):
    """The dataset of the table in a file."""
    content = table(**columns) if of is None else of
    getattr(content, {"csv": "to_csv", "parquet": "to_parquet", "xlsx": "to_excel"}[name.rpartition(".")[2]])(
        tmp_path / name, index=False, **options)
    return tmp_path / name


LEFT = [0 if day in (10, 20) else 4 for day in range(1, 31)]
SAID = ["no" if day in (10, 20) else "yes" for day in range(1, 31)]


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.xlsx"])
@pytest.mark.parametrize(("entry", "values"), [("stock", LEFT), ("available", SAID), ("available", [
    0.5 if left == 0 else 1.0 for left in LEFT])])
def test_files(tmp_path, name, entry, values):
    path = written(tmp_path, {"on hand": values}, name)

    assert out_of_stock(file_dataset(path, {entry: "on hand"}, drivers=False)) == [10, 20]


def test_decimal_commas_and_grouped_thousands(tmp_path):
    content = table(stock=["0,00" if left == 0 else "1.204,50" for left in LEFT])

    path = written(tmp_path, {}, of=content, sep=";")
    assert out_of_stock(file_dataset(path, {"stock": "stock"}, drivers=False, delimiter=";")) == [10, 20]


@pytest.mark.parametrize(("entry", "text", "values"), [
    ("stock", "opening - sold", [5 if left == 0 else 9 for left in LEFT]),
    ("available", "1 - opening", [1 if left == 0 else 0 for left in LEFT]),
    ("available", "where(opening == 'out', 0, 1)", ["out" if left == 0 else "in" for left in LEFT]),
    ("available", "opening / 100", [60 if left == 0 else 100 for left in LEFT])])
def test_expressions(tmp_path, entry, text, values):
    path = written(tmp_path, {"opening": values})

    assert out_of_stock(file_dataset(path, {"expressions": {entry: text}}, drivers=False)) == [10, 20]


def test_a_database(tmp_path):
    url = f"sqlite:///{tmp_path}/shop.db"
    engine = sa.create_engine(url)
    table(on_hand=LEFT).to_sql("sales", engine, index=False)
    engine.dispose()

    of = {"kind": "sql", "url": url}
    assert out_of_stock(dataset(of | {"table": "sales"}, {"stock": "on_hand"}, drivers=False)) == [10, 20]
    assert out_of_stock(dataset(of | {"query": "SELECT *, on_hand > 0 AS there FROM sales"}, {"available": "there"},
                                drivers=False)) == [10, 20]
    with pytest.raises(SourceError, match=r"no column 'gone' for stock.*columns in the dataset file, as in: stock"):
        open_source(dataset(of | {"table": "sales"}, {"stock": "gone"}, drivers=False)).catalogue()


def test_a_file_without_the_column_says_what_to_do(tmp_path):
    path = written(tmp_path, {})

    with pytest.raises(SourceError, match=r"no column 'on_hand' for stock; .* under columns in the dataset file"):
        open_source(file_dataset(path, {"stock": "on_hand"}, drivers=False)).catalogue()


@pytest.mark.parametrize("layout", ["auto", "wide"])
@pytest.mark.parametrize("stock", [{}, {"on_hand": 0}])
@pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
def test_a_wide_table_has_no_place_for_it(tmp_path, layout, stock, name):
    days = {f"2024-01-{day:02}": [5] for day in range(1, 31)}
    path = written(tmp_path, {}, name, of=pd.DataFrame({"shop": ["north"], "article": ["kettle"], **{
        key: [value] for key, value in stock.items()}, **days}))

    with pytest.raises(SourceError, match=r"wide table no column can say .* leave columns\.stock out"):
        open_source(file_dataset(path, {"stock": "on_hand"}, drivers=False, layout=layout)).catalogue()


def test_nothing_to_read_has_the_column_too(tmp_path):
    of = file_dataset(written(tmp_path, {"on_hand": LEFT}), {"stock": "on_hand"}, drivers=False)

    assert "stock" in open_source(of).read([RegionItem("south", "kettle")]).columns
