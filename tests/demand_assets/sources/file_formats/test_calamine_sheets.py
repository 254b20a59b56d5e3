"""OpenDocument spreadsheets and workbooks of Excel 97: read as sheets of Excel are."""

from datetime import date
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.sources import open_source
from tests.demand_assets.sources.file_formats.builders import write_excel_97, write_ods

HEADER = ["date", "region", "item", "demand"]
ROWS = [HEADER, [date(2024, 1, 1), "Ulm", "007", 3.5], [date(2024, 1, 2), "Ulm", 7, 4]]
READ = {"Ulm · 007": {"2024-01-01": 3.5}, "Ulm · 7": {"2024-01-02": 4.0}}


def values(path: Path, **source: Any) -> dict[str, dict[str, float]]:
    opened = open_source(Dataset.model_validate({"name": "sales", "frequency": "D", "source": {
        "kind": "file", "path": str(path), **source}}))
    return {str(one): {str(day)[:10]: float(sold) for day, sold in opened.read([one])[["date", "demand"]].itertuples(
        index=False)} for one in opened.catalogue().region_items}


def test_a_spreadsheet_with_a_title_and_a_sheet_beside(tmp_path: Path) -> None:
    path = write_ods(tmp_path / "sales.ods", {"Notes": [["made by hand"]], "Sales": [["Report"], [None], *ROWS]})

    assert values(path) == READ


def test_a_hidden_sheet_is_read_when_it_is_named(tmp_path: Path) -> None:
    other = [HEADER, [date(2024, 1, 1), "Bonn", "tea", 1]]
    path = write_ods(tmp_path / "sales.ods", {"Sales": ROWS, "Old": other}, hidden=["Old"])

    assert values(path) == values(path, sheet="*") == READ
    assert values(path, sheet="Old") == {"Bonn · tea": {"2024-01-01": 1.0}}


def test_a_column_for_each_date_or_item(tmp_path: Path) -> None:
    dates = write_ods(tmp_path / "dates.ods", {"Sales": [["region", "item", date(2024, 1, 1), date(2024, 1, 2)],
                                                         ["Ulm", "tea", 1, 2]]})
    items = write_ods(tmp_path / "items.ods", {"Sales": [["date", "region", "tea"], [date(2024, 1, 1), "Ulm", 1],
                                                         [date(2024, 1, 2), "Ulm", 2]]})

    assert values(dates) == values(items, layout="items") == {"Ulm · tea": {"2024-01-01": 1.0, "2024-01-02": 2.0}}


def test_a_workbook_of_excel_97(tmp_path: Path) -> None:
    assert values(write_excel_97(tmp_path / "sales.xls")) == READ


def test_a_workbook_in_a_zip(tmp_path: Path) -> None:
    write_excel_97(tmp_path / "sales.xls")
    with ZipFile(tmp_path / "sales.zip", "w") as packed:
        packed.write(tmp_path / "sales.xls", "sales.xls")

    assert values(tmp_path / "sales.zip") == READ


@pytest.mark.parametrize(("name", "content", "said"), [
    ("a.xls", b"\xd0\xcf\x11\xe0" + bytes(600), "an old or an encrypted Excel workbook that cannot be read"),
    ("a.xls", b"date\tregion\titem\tdemand\n", "no Excel workbook that can be read"),
    ("a.ods", b"PK\x03\x04mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "can be read")])
def test_what_is_no_workbook_is_one_line(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(SourceError, match=said):
        values(tmp_path / name)


def test_a_spreadsheet_that_unpacks_to_far_too_much_is_refused(tmp_path: Path) -> None:
    path = write_ods(tmp_path / "sales.ods", {"Sales": [*ROWS, ["x" * 150_000_000]]})

    with pytest.raises(SourceError, match="times its size"):
        values(path)


def test_cells_that_are_repeated_far_too_often_are_refused_before_they_are_made(tmp_path: Path) -> None:
    path = write_ods(tmp_path / "sales.ods", {"Sales": ROWS})
    with ZipFile(path) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    row = b'<table:table-row table:number-rows-repeated="1000000">'
    cell = b'<table:table-cell table:number-columns-repeated="9" office:value-type="float" office:value="1"/>'
    with ZipFile(path, "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, content.replace(b"</table:table>", row + cell + b"</table:table-row></table:table>"))

    with pytest.raises(SourceError, match="times its size"):
        values(path)
