"""How our columns are made of a source's: expressions, a column for each item, counted periods."""

import re

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.validation.rows_to_demand import validate_panel
from demand_assets.sources import open_source
from demand_assets.sources.expressions import Expression
from tests.demand_assets.sources.shop import NORTH_7, file_dataset

TABLE = pd.DataFrame({"a": [1.0, 2.0], "b": ["3", "4"], "dirty": ["5", "abc"], "kind": ["x", "0"], "Unit Price": 2,
                      "year": [2024, 2024], "month": [1, 12]})


def value(text):
    return Expression(text, "demand").evaluate(TABLE).tolist()


@pytest.mark.parametrize(("text", "expected"), [
    ("a + b", [4.0, 6.0]), ("exp(log(a))", [1.0, 2.0]), ("a * `Unit Price` - 1", [1.0, 3.0]), ("-a ** 2", [-1.0, -4.0]),
    ("where(a > 1, 10, 20)", [20.0, 10.0]), ("maximum(a, 1.5)", [1.5, 2.0]), ("a // 2 + a % 2", [1.0, 1.0]),
    ("kind != '0'", [True, False]), ("a == 1 and not kind == '0'", [True, False]), ("7", [7.0, 7.0]),
    ("text(year) + '-' + text(month)", ["2024-1", "2024-12"]), ("log(a - 1)", [-np.inf, 0.0])])
def test_expressions_are_computed(text, expected):
    assert value(text) == pytest.approx(expected) if isinstance(expected[0], float) else value(text) == expected


def test_text_where_a_number_is_needed_is_handed_on():
    assert value("dirty * 2") == [10.0, "abc"]


@pytest.mark.parametrize("text", [
    "__import__('os').system('true')", "a.values", "a[0]", "open('x')", "lambda: 1", "[x for x in a]", "(a := 1)",
    "f'{a}'", "eval('1')", "exp(a, out=a)", "{'a': 1}", "a if a else b", "*a", "a < b < 3"])
def test_nothing_but_arithmetic_is_allowed(text):
    with pytest.raises(SourceError, match=r"Correct columns\.expressions"):
        value(text)


@pytest.mark.parametrize("text", ["a +", "", "a b", "(" * 300, "a" * 501, "9 ** 'x'"])
def test_what_cannot_be_read_or_computed_is_named(text):
    with pytest.raises(SourceError, match="expression"):
        value(text)


def test_an_expression_names_the_columns_it_needs():
    assert Expression("exp(a) * `Unit Price`", "demand").columns == {"a", "Unit Price"}


def source_of(tmp_path, table, **entries):
    table.to_csv(tmp_path / "a.csv", index=False)
    return open_source(Dataset.model_validate({
        "name": "shop", "frequency": "W", "source": {"kind": "file", "path": str(tmp_path / "a.csv")}, **entries}))


def test_counted_weeks_a_logarithm_and_a_price_column_for_each_brand(tmp_path):
    table = pd.DataFrame({"store": [2, 2, 2], "brand": [1, 1, 2], "week": [40, 41, 41], "logmove": np.log([10, 30, 20]),
                          "price1": [1.5, 1.6, 1.6], "price2": [2.5, 2.6, 2.6]})
    source = source_of(tmp_path, table, drivers=[{"name": "price", "kind": "number"}], columns={
        "date": "week", "date_start": "1989-09-07", "region": "store", "item": "brand",
        "expressions": {"demand": "exp(logmove)"}, "drivers": {"price": "price{item}"}})

    rows = source.read([RegionItem("2", "1"), RegionItem("2", "2")]).sort_values(["item", "date"])

    assert rows["date"].tolist() == list(pd.to_datetime(["1990-06-14", "1990-06-21", "1990-06-21"]))
    assert rows["demand"].tolist() == pytest.approx([10, 30, 20])
    assert rows["price"].tolist() == [1.5, 1.6, 2.6]
    assert source.catalogue().last_date == pd.Timestamp("1990-06-21")


def test_an_item_without_a_column_of_its_own_has_unknown_values(tmp_path):
    table = pd.DataFrame({"region": "n", "item": ["1", "3"], "date": "2024-01-01", "demand": 1, "price1": 2.0})
    source = source_of(tmp_path, table, drivers=[{"name": "price", "kind": "number"}],
                       columns={"drivers": {"price": "price{item}"}})

    rows = source.read([RegionItem("n", "1"), RegionItem("n", "3")])

    assert rows.set_index("item")["price"].to_dict() == pytest.approx({"1": 2.0, "3": np.nan}, nan_ok=True)


def test_no_column_at_all_for_a_template_is_named(tmp_path):
    table = pd.DataFrame({"region": "n", "item": ["1"], "date": "2024-01-01", "demand": 1})

    with pytest.raises(SourceError, match=r"has no column 'price\{item\}' for price"):
        source_of(tmp_path, table, drivers=[{"name": "price", "kind": "number"}],
                  columns={"drivers": {"price": "price{item}"}}).catalogue()


def test_items_can_be_made_of_two_columns(tmp_path):
    table = pd.DataFrame({"region": "n", "dept": [4, 4], "sku": ["x", "y"], "date": "2024-01-01", "demand": 1})

    source = source_of(tmp_path, table, columns={"expressions": {"item": "text(dept) + '/' + sku"}})

    assert source.catalogue().region_items == (RegionItem("n", "4/x"), RegionItem("n", "4/y"))


def test_periods_that_are_no_whole_numbers_reach_the_quarantine(tmp_path):
    table = pd.DataFrame({"region": "n", "item": "i", "date": ["1", "2.5", "x"], "demand": 1})

    rows = source_of(tmp_path, table, columns={"date_start": "2024-01-01"}).read([RegionItem("n", "i")])

    assert rows["date"].tolist() == ["2024-01-08", "2.5", "x"]


@pytest.mark.parametrize("written", ["46146,0", "46146.0", " 46146 ", "46146"])
@pytest.mark.parametrize("date_format", [None, "%d.%m.%Y"])
def test_the_advice_on_a_day_as_spreadsheets_count_it_works(tmp_path, written, date_format):
    other = "05.05.2026" if date_format else "2026-05-05"
    (tmp_path / "a.csv").write_text(f"shop;article;day;sold\nnorth;7;{written};3\nnorth;7;{other};4\n")
    columns = {"date_format": date_format} if date_format else {}

    dataset = file_dataset(tmp_path / "a.csv", columns, drivers=False)
    refused = validate_panel(open_source(dataset).read([NORTH_7]), dataset, [NORTH_7], None,
                             pd.Timestamp("2026-06-01"))[0].quarantine["message"].iloc[0]
    start = re.search(r"as spreadsheets count them .*date_start = '([^']+)'", refused)[1]
    dataset = file_dataset(tmp_path / "a.csv", {**columns, "date_start": start}, drivers=False)
    (read,) = validate_panel(open_source(dataset).read([NORTH_7]), dataset, [NORTH_7], None,
                             pd.Timestamp("2026-06-01"))

    assert read.demand.set_index(read.demand["date"].astype(str))["demand"].to_dict() == {
        "2026-05-04": 3, "2026-05-05": 4}
