"""Columns with demand in them, declared by source.layout: a column for each item or region, a row for each year."""

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.store.uploads import (
    NoUploadsError,
    Uploaded,
    put_staged,
    stage_uploads,
    uploads_folder,
)
from demand_assets.forecasting.validation.written.dates import read_dates
from demand_assets.sources import open_source
from demand_assets.sources.beside_demand.attributes import AttributeReader
from demand_assets.sources.file_formats.spread_columns import period_numbers

ITEMS = pd.DataFrame({"date": ["2024-01-01", "2024-01-02", "2024-01-02"], "region": ["n", "n", "s"],
                      "tea": [1, 3, 5], "jug": [2.5, 4, 6], "price": [9, 9, 8]})
YEARS = pd.DataFrame({"item": ["tea", "tea"], "year": [2023, 2024], "Apr": [1, 4], "Dec": [2, 5], "Jan": [3, 6],
                      "Sum": [6, 15]})
Read = dict[str, dict[str, float]]


def declared(path: Path, layout: str, frequency: str = "D", columns: dict[str, Any] | None = None,
             **entries: Any) -> Dataset:
    source = {"kind": "file", "path": str(path), "layout": layout, **entries.pop("source", {})}
    return Dataset.model_validate({"name": "sales", "frequency": frequency, "source": source,
                                   "columns": columns or {}, **entries})


def written(table: pd.DataFrame, folder: Path, suffix: str) -> Path:
    path = folder / f"sales.{suffix}"
    match suffix:
        case "csv":
            table.to_csv(path, index=False)
        case "xlsx":
            table.to_excel(path, index=False)
        case "parquet":
            table.to_parquet(path, index=False)
        case _:
            table.to_feather(path)
    return path


def units(dataset: Dataset) -> Read:
    source = open_source(dataset)
    return {str(one): {str(day)[:10]: float(sold) for day, sold in source.read([one])[["date", "demand"]].itertuples(
        index=False) if sold == sold} for one in source.catalogue().region_items}


ALL = pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet", "feather"])
SOLD = {"n · tea": {"2024-01-01": 1.0, "2024-01-02": 3.0}, "s · tea": {"2024-01-02": 5.0},
        "n · jug": {"2024-01-01": 2.5, "2024-01-02": 4.0}, "s · jug": {"2024-01-02": 6.0}}
PRICE = {"drivers": [{"name": "price", "kind": "number"}]}


@ALL
def test_a_column_for_each_item_beside_a_driver(suffix: str, tmp_path: Path) -> None:
    dataset = declared(written(ITEMS, tmp_path, suffix), "items", **PRICE)

    assert units(dataset) == SOLD
    source = open_source(dataset)
    assert {one.region: float(source.read([one])["price"].iloc[-1]) for one in source.catalogue().region_items} == {
        "n": 9.0, "s": 8.0}


@ALL
def test_items_called_alike_each_with_a_price(suffix: str, tmp_path: Path) -> None:
    table = ITEMS.drop(columns="price").rename(columns={"tea": "tea sold", "jug": "jug sold"}).assign(
        **{"tea price": [7, 7, 6], "jug price": [3, 3, 2], "sold": 99})
    dataset = declared(written(table, tmp_path, suffix), "items", columns={
        "demand": "{item} sold", "drivers": {"price": "{item} price"}}, **PRICE)

    assert units(dataset) == SOLD
    source = open_source(dataset)
    assert {str(one): float(source.read([one])["price"].iloc[-1]) for one in source.catalogue().region_items} == {
        "n · tea": 7.0, "s · tea": 6.0, "n · jug": 3.0, "s · jug": 2.0}


@ALL
def test_a_column_for_each_region(suffix: str, tmp_path: Path) -> None:
    table = ITEMS.drop(columns=["price"]).rename(columns={"region": "item", "tea": "Ulm", "jug": "Bonn"})

    assert units(declared(written(table, tmp_path, suffix), "regions"))["Bonn · n"] == SOLD["n · jug"]


def test_a_column_that_is_an_attribute_is_no_item(tmp_path: Path) -> None:
    table = ITEMS.assign(country=["DE", "DE", "FR"])
    dataset = declared(written(table, tmp_path, "csv"), "items", **PRICE,
                       attributes=[{"name": "country", "of": "region", "kind": "text"}])

    assert units(dataset) == SOLD
    assert AttributeReader(dataset, open_source(dataset)).read().regions == {
        "n": {"country": "DE"}, "s": {"country": "FR"}}


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_numbers_of_rows_that_pandas_has_written_are_no_item(suffix: str, tmp_path: Path) -> None:
    table = ITEMS.drop(columns="price").assign(**{"__index_level_0__" if suffix == "parquet" else "Unnamed: 0": 7})

    assert units(declared(written(table, tmp_path, suffix), "items")) == SOLD


@pytest.mark.parametrize(("header", "said"), [
    ("date,region,tea,tea", "has 2 columns 'tea'; each item has one"),
    ("date,region,item,demand", "has a column 'item', and source.layout = 'items'"),
    ("date,region", "has no columns beside 'date', 'region'"),
    ("day,region,tea", "has no column 'date'")])
def test_a_table_that_has_no_column_for_each_item_is_refused(header: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text(f"{header}\n2024-01-01,n,1,2\n")

    with pytest.raises(SourceError, match=said):
        open_source(declared(tmp_path / "sales.csv", "items")).catalogue()


@pytest.mark.parametrize(("year", "fiscal_year", "april", "january"), [
    ("2023/24", None, "2023-04", "2024-01"), ("2023-2024", None, "2023-04", "2024-01"),
    (2023, "begins", "2023-04", "2024-01"), (2024, "ends", "2023-04", "2024-01")])
@ALL
def test_the_calendar_year_of_months_that_begin_with_april(suffix: str, year: Any, fiscal_year: str | None, april: str,
                                                           january: str, tmp_path: Path) -> None:
    dataset = declared(written(YEARS.head(1).assign(year=[year]), tmp_path, suffix), "periods", "M",
                       {"date": "year", "region": ""}, source={"fiscal_year": fiscal_year})

    assert units(dataset) == {"all · tea": {april: 1.0, "2023-12": 2.0, january: 3.0}}


@ALL
def test_a_year_with_one_number_that_begins_with_april_is_refused_until_it_is_said(suffix: str, tmp_path: Path) -> None:
    dataset = declared(written(YEARS, tmp_path, suffix), "periods", "M", {"date": "year", "region": ""})

    with pytest.raises(SourceError, match=r"whether the year begins or ends in 2023 is not said. Set source.fiscal"):
        open_source(dataset).catalogue()


@pytest.mark.parametrize(("year", "said"), [("FY23", "which is no year"), ("2023/25", ""), ("2023/24", "two years")])
def test_a_year_that_is_none_is_refused(year: str, said: str, tmp_path: Path) -> None:
    table = YEARS[["item", "year", "Jan", "Apr", "Dec"]].assign(year=[year, "2022"] if not said else [year] * 2)
    dataset = declared(written(table, tmp_path, "csv"), "periods", "M", {"date": "year", "region": ""})

    if said:
        with pytest.raises(SourceError, match=said):
            open_source(dataset).catalogue()
    else:  # one line of a table in the quarantine
        assert set(units(dataset)["all · tea"]) == {"2023/25", "2022-01", "2022-04", "2022-12"}


def test_lines_above_the_header_and_a_footnote_below_it(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("Report of sales\n;;\nitem;year;Jan;Feb;Mar\ntea;2023;1;2;3\n;;;;\n")
    dataset = declared(tmp_path / "sales.csv", "periods", "M", {"date": "year", "region": ""})

    assert units(dataset)["all · tea"] == {"2023-01": 1.0, "2023-02": 2.0, "2023-03": 3.0}


@ALL
def test_an_empty_value_is_a_missing_row_where_missing_rows_are_zero(suffix: str, tmp_path: Path) -> None:
    table = ITEMS.drop(columns="price").assign(tea=[1, None, None], jug=[2.5, 4, None])
    path = written(table, tmp_path, suffix)

    def rows(gaps: str) -> dict[str, int]:
        source = open_source(declared(path, "items", rules={"gaps": gaps}))
        return {str(one): len(source.read([one])) for one in source.catalogue().region_items}

    assert rows("unknown") == {"n · tea": 2, "n · jug": 2, "s · tea": 1, "s · jug": 1}
    assert rows("zero") == {"n · tea": 1, "n · jug": 2, "s · tea": 1, "s · jug": 1}  # a day without any is a plan


@pytest.mark.parametrize(("frequency", "names", "numbers"), [
    ("M", ["Jan", "März", "maerz", "Mrz.", "févr.", "fevrier", "Dez", "agosto", "M07", "08", "Sept"],
     [1, 3, 3, 3, 2, 2, 12, 8, 7, 8, 9]),
    ("Q", ["Q1", "2. Quartal", "T3", "Quarter 4", "4Q"], [1, 2, 3, 4, 4]),
    ("W", ["KW 5", "W05", "5", "Week 53", "S12"], [5, 5, 5, 53, 12]),
    ("M", ["Total", "Q1", "Jan 2024", "W5", "P1", "H1", "2024", ""], []),
    ("M", [str(number) for number in range(1, 14)], []), ("W", ["54"], []), ("D", ["1"], [])])
def test_names_of_the_periods_of_a_year(frequency: Any, names: list[str], numbers: list[int]) -> None:
    assert list(period_numbers(names, frequency).values()) == numbers


@pytest.mark.parametrize(("layout", "frequency", "columns", "said"), [
    ("items", "D", {"item": ""}, "leave columns.item out"),
    ("regions", "D", {"expressions": {"region": "upper(shop)"}}, "leave columns.region out"),
    ("periods", "D", {}, "set frequency to 'M', 'Q' or 'W'"),
    ("periods", "M", {"date_format": "%Y"}, "leave columns.date_format out")])
def test_entries_that_leave_no_room_for_the_layout(layout: str, frequency: str, columns: dict[str, Any], said: str,
                                                   tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=said):
        declared(tmp_path / "sales.csv", layout, frequency, columns)


@pytest.mark.parametrize(("layout", "header", "line", "day", "columns"), [
    ("items", "date,region,tea", "2024-01-01,n,1", "2024-02-01", {}),
    ("wide", "region,item,2024-01-01,2023-12-01", "n,tea,1,", "2024-02-01", {"date_format": "%Y-%m-%d"}),
    ("periods", "region,item,year,Jan,Nov,Dec", "n,tea,2024,1,,", "2024-02-01", {"date": "year"}),
    ("years", "region,item,month,2023,2024", "n,tea,Jan,,1", "2024-02-01", {"date": "month"})])
def test_what_is_uploaded_is_read_beside_such_a_table(layout: str, header: str, line: str, day: str,
                                                      columns: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text(f"{header}\n{line}\n")
    dataset = declared(tmp_path / "sales.csv", layout, "M", columns, source={"uploads": str(tmp_path / "uploads")})
    tea = RegionItem("n", "tea")

    put_staged(dataset, stage_uploads(dataset, {(tea, date.fromisoformat(day)): Uploaded(7.0, {})}))

    read = open_source(dataset).read([tea])
    days = read_dates(read["date"], "M").days.astype(str)
    known = read["demand"].notna().to_numpy()
    assert dict(zip(days[known], read["demand"][known].astype(float), strict=True)) == {
        "2024-01-01": 1.0, "2024-02-01": 7.0}


def test_columns_whose_names_hold_the_item_take_no_uploads(tmp_path: Path) -> None:
    dataset = declared(tmp_path / "sales.csv", "items", "M", {"demand": "{item} sold"},
                       source={"uploads": str(tmp_path / "uploads")})

    with pytest.raises(NoUploadsError, match="Complete the source"):
        uploads_folder(dataset)
