"""Names that stand beside the rows: in the names of files and sheets, and above the rows that they stand for."""

from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.sources.files import Files

ROWS = [("2024-01-01", "tea", 1), ("2024-01-02", "tea", 2), ("2024-01-01", "jug", 3)]


def dataset(path: Path, frequency: str = "D", **source: Any) -> Dataset:
    return Dataset.model_validate({"name": "named", "frequency": frequency,
                                   "source": {"kind": "file", "path": str(path), **source}})


def units(path: Path, **source: Any) -> dict[str, list[float]]:
    """What is read of each region-item."""
    files = Files(dataset(path, **source))
    return {str(one): list(files.read([one])["demand"].astype(float)) for one in files.catalogue().region_items}


def write(path: Path, rows: list[tuple[Any, ...]], header: str = "date,item,demand") -> Path:
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]))
    return path


def book(path: Path, sheets: dict[str, list[tuple[Any, ...]]]) -> Path:
    made = Workbook()
    for place, (name, rows) in enumerate(sheets.items()):
        sheet = made.active if place == 0 else made.create_sheet()
        sheet.title = name
        for row in rows:
            sheet.append(row)
    made.save(path)
    return path


def test_the_name_of_each_file_is_the_region_of_its_rows(tmp_path: Path) -> None:
    write(tmp_path / "Köln Nord.csv", ROWS)
    write(tmp_path / "Ulm.2024.csv", ROWS[:1])

    assert units(tmp_path, name_column="region") == {
        "Köln Nord · jug": [3], "Köln Nord · tea": [1, 2], "Ulm.2024 · tea": [1]}


def test_the_name_of_each_sheet_is_the_region_of_its_rows(tmp_path: Path) -> None:
    path = book(tmp_path / "sales.xlsx", {name: [("date", "item", "demand"), *ROWS] for name in ("Ulm", "Bonn")})

    assert units(path, sheet="*", name_column="region") == {
        f"{region} · {item}": sold for region in ("Bonn", "Ulm") for item, sold in (("jug", [3]), ("tea", [1, 2]))}


def test_a_column_of_that_name_counts_before_the_name_of_the_file(tmp_path: Path) -> None:
    write(tmp_path / "Ulm.csv", [("2024-01-01", "Bonn", "tea", 1)], "date,region,item,demand")

    assert units(tmp_path, name_column="region") == {"Bonn · tea": [1]}


BLOCKS = [("Ulm", "tea", "2024-01-01", 1), ("", "", "2024-01-02", 2), ("", "jug", "2024-01-01", 3),
          ("Bonn", "tea", "2024-01-01", 4), (" ", "", "2024-01-02", 5), ("Total", "", "2024-01-01", 8)]
READ = {"Bonn · tea": [4, 5], "Ulm · jug": [3], "Ulm · tea": [1, 2]}


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_names_stand_for_the_rows_below_but_not_for_totals(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", BLOCKS, "region,item,date,demand") if kind == "csv" else book(
        tmp_path / "a.xlsx", {"A": [("region", "item", "date", "demand"), *(
            tuple(value or None for value in row) for row in BLOCKS)]})

    assert units(path, fill_down=["region", "item"]) == READ
    refused = Files(dataset(path, fill_down=["region", "item"])).catalogue().refused
    assert [row[:2] for row in refused] == [("Total", "")]


def test_totals_beside_names_that_stand_in_every_row_take_no_item_from_above(tmp_path: Path) -> None:
    rows = [("Ulm", "tea", "2024-01-01", 1), ("Ulm", "", "2024-01-02", 2), ("Total", "", "2024-01-01", 8)]
    path = write(tmp_path / "a.csv", rows, "region,item,date,demand")

    assert units(path, fill_down=["item"]) == {"Ulm · tea": [1, 2]}


def test_the_advice_for_merged_cells_works(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [("Ulm", "tea", "2024-01-01", 1), *(
        ("", "tea", f"2024-01-{day:02}", day) for day in range(2, 6))], "region,item,date,demand")

    notice = Files(dataset(path)).catalogue().notices[0]

    assert "set source.fill_down = ['region']" in notice
    assert units(path, fill_down=["region"]) == {"Ulm · tea": [1, 2, 3, 4, 5]}


def test_a_column_to_fill_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", BLOCKS, "region,item,date,demand")

    with pytest.raises(SourceError, match=r"has no column 'Regio', which source.fill_down names"):
        Files(dataset(path, fill_down=["Regio"])).catalogue()


def test_a_name_of_several_lines_is_one_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [("2024-01-01", "n", '"Kettle\nof  steel"', 1),
                                      ("2024-01-02", "n", '"Kettle \r\n of  steel"', 2)], "date,region,item,demand")

    assert units(path) == {"n · Kettle of  steel": [1, 2]}


def test_yes_and_no_as_names_are_as_excel_shows_them(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", {"A": [("date", "region", "item", "demand"), ("2024-01-01", "n", True, 1)]})

    assert Files(dataset(path)).catalogue().region_items == (RegionItem("n", "TRUE"),)


def test_utf_32_is_read_by_its_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("date,region,item,demand\n2024-01-01,Köln,tea,1".encode("utf-32"))

    assert units(tmp_path / "a.csv") == {"Köln · tea": [1]}
