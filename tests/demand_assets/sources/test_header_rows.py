"""Tables whose names of columns stand in two rows, one below the other."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from demand_assets.forecasting.dataset.dataset_file import Dataset, load_dataset
from demand_assets.proposals.proposal import propose_for_files
from demand_assets.proposals.terminal_questions import default_answers
from demand_assets.sources.file_formats.headers import put_together
from demand_assets.sources.files import Files

MONTHS = [date(2022 + place // 12, place % 12 + 1, 1) for place in range(36)]
NAMES = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
ITEMS = {"tea": 10, "jug": 200}
UNITS = {f"all · {item}": {str(month): float(least + place) for place, month in enumerate(MONTHS)}
         for item, least in ITEMS.items()}
Rows = list[list[Any]]


def years_over_months() -> Rows:
    return [["", *(month.year if month.month == 1 else "" for month in MONTHS), ""],
            ["item", *(NAMES[month.month - 1] for month in MONTHS), "Total"],
            *([item, *range(least, least + 36), 9999] for item, least in ITEMS.items())]


def dates_over_measures(is_workbook: bool) -> Rows:
    return [["", *(text for month in MONTHS for text in (month if is_workbook else f"{month:%Y-%m}", ""))],
            ["item", *(["Units", "Price"] * 36)],
            *([item, *(value for units in range(least, least + 36) for value in (units, 9.5))]
              for item, least in ITEMS.items())]


def written(folder: Path, rows: Rows, suffix: str) -> Path:
    path = folder / f"sales.{suffix}"
    if suffix == "csv":
        path.write_text("Report;;;\n;;;\n" + "\n".join(";".join(map(str, row)) for row in rows))
    else:
        book = Workbook()
        for row in [["Report"], [], *rows]:
            book.active.append([None if value == "" else value for value in row])
        book.save(path)
    return path


def units(dataset: Dataset) -> dict[str, dict[str, float]]:
    files = Files(dataset)
    return {str(one): {str(day)[:10]: float(sold) for day, sold in files.read([one])[["date", "demand"]].itertuples(
        index=False)} for one in files.catalogue().region_items}


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
@pytest.mark.parametrize(("kind", "date_format"), [("years", "%Y %b"), ("measures", "%Y-%m Units")])
def test_a_wide_table_with_two_rows_of_names_is_proposed_and_read(kind: str, date_format: str, suffix: str,
                                                                  tmp_path: Path) -> None:
    is_workbook = suffix == "xlsx"
    rows = years_over_months() if kind == "years" else dates_over_measures(is_workbook)

    draft, _ = propose_for_files(str(written(tmp_path, rows, suffix)), "sales", default_answers, None)
    (tmp_path / "made.toml").write_text(draft.text())
    made = load_dataset(tmp_path / "made.toml")

    assert made.columns.date_format == (
        date_format.replace("%m", "%m-%d") if is_workbook and kind == "measures" else date_format)
    assert not made.money.by_row
    assert not made.drivers
    read = units(made)
    assert {item: list(of_each.values()) for item, of_each in read.items()} == {
        item: list(of_each.values()) for item, of_each in UNITS.items()}


def test_upper_names_stand_for_the_columns_to_their_right() -> None:
    assert put_together([["Report", ""], ["", "2023", "", "2024"], ["item", "Nov", "Dec", "Jan"]], 2) == [
        [], ["Report", "Report 2023", "Report", "Report 2024"], ["item", "2023 Nov", "2023 Dec", "2024 Jan"]]


def test_names_in_quotation_marks_after_a_space_are_the_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('date,region,item,demand\n2024-01-01, "Ulm", "tea", 3\n2024-01-02, "Ulm", "tea", 4')
    source = {"kind": "file", "path": str(tmp_path / "a.csv")}

    files = Files(Dataset.model_validate({"name": "quoted", "frequency": "D", "source": source}))

    assert [str(one) for one in files.catalogue().region_items] == ["Ulm · tea"]
