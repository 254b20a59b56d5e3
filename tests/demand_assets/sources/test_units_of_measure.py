"""A unit beside numbers is read over where all have the same; amounts in two units are refused."""

from pathlib import Path

import openpyxl
import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.sources.files import Files
from demand_assets.sources.units_of_measure import unit_named


def dataset(path: Path, **source: str) -> Dataset:
    return Dataset.model_validate({
        "name": "units", "frequency": "D", "source": {"kind": "file", "path": str(path), **source},
        "columns": {"region": "", "item": ""}})


def read(folder: Path, *values: str, name: str = "sales.csv", **source: str) -> list[object]:
    (folder / name).write_text("\n".join(["date;demand", *(
        f"2024-01-{day:02};{value}" for day, value in enumerate(values, 1))]))
    return list(Files(dataset(folder / name, **source)).read([RegionItem("all", "all")])["demand"])


@pytest.mark.parametrize(("values", "expected"), [
    (["12 pcs", "3 pcs.", "0"], [12, 3, 0]), (["12 Stk.", "3", "1.250 Stück"], [12, 3, 1250]),
    (["3,5 kg", "12,25kg", "0"], [3.5, 12.25, 0]), (["1 250,5 KG", "2 kg"], [1250.5, 2]),
    (["(2 pcs)", "-3 ea", "4- EA"], [-2, -3, -4]), (["5 m", "2.5 m"], [5, 2.5]), (["3 шт.", "4 шт"], [3, 4]),
    (["12個", "3個"], [12, 3])])
def test_a_unit_that_all_numbers_have_is_read_over(tmp_path: Path, values: list[str], expected: list[float]) -> None:
    thousands = {"thousands": "."} if "1.250 Stück" in values else {}

    assert read(tmp_path, *values, **thousands) == expected


@pytest.mark.parametrize(("values", "words"), [
    (["500 g", "1 kg"], "amounts in 2 units (g, kg), and nothing is converted"),
    (["3 kg", "5"], "numbers in kg beside numbers without a unit"),
    (["2 boxes", "12 pcs"], "amounts in 2 units (boxes, pieces)")])
def test_amounts_in_two_units_are_refused(tmp_path: Path, values: list[str], words: str) -> None:
    with pytest.raises(SourceError) as raised:
        read(tmp_path, *values)

    assert words in str(raised.value)


def test_a_file_without_units_beside_one_with_them_is_refused(tmp_path: Path) -> None:
    read(tmp_path, "5", "6", name="a.csv")
    read(tmp_path, "3 kg", "4 kg", name="b.csv")

    with pytest.raises(SourceError, match="without a unit"):
        Files(dataset(tmp_path / "*.csv")).catalogue()


def test_numbers_of_a_workbook_beside_texts_with_a_unit_are_refused(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["date", "demand"], ["2024-01-01", "3 kg"], ["2024-01-02", 5]):
        book.active.append(row)
    book.save(tmp_path / "sales.xlsx")

    with pytest.raises(SourceError, match="without a unit"):
        Files(dataset(tmp_path / "sales.xlsx")).catalogue()


@pytest.mark.parametrize("value", ["5t", "5m", "5k", "3 Mio", "3 x", "<5 pcs", "3 kg 200 g"])
def test_what_may_be_a_multiple_or_is_no_unit_is_no_number(tmp_path: Path, value: str) -> None:
    assert read(tmp_path, value, "7") == [value, "7"]


@pytest.mark.parametrize(("text", "unit"), [("PCE", "pieces"), ("Stk.", "pieces"), ("KG", "kg"), ("tea", None)])
def test_a_unit_that_stands_alone_is_known(text: str, unit: str | None) -> None:
    assert unit_named(text) == unit
