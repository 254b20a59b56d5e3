"""Files of every kind are proposed as what they hold, whatever their names say, and read as it was sold."""

import json
from datetime import datetime
from pathlib import Path
from zipfile import ZipFile

import pandas as pd
import pytest

from tests.demand_assets.proposals.layouts.builders import proposed, read_units, refusal, sales, true_units, written
from tests.demand_assets.sources.file_formats.builders import write_ods

SOLD = sales(["tea", "jug"])
PIVOT = SOLD.pivot(index=["date", "region"], columns="item", values="demand").reset_index()


def of_kind(table: pd.DataFrame, path: Path) -> Path:
    texts = table.assign(date=table["date"].dt.strftime("%Y-%m-%d"))
    match path.suffix:
        case ".ods":
            rows = [[value.date() if isinstance(value, datetime) else value for value in row]
                    for row in table.itertuples(index=False)]
            return write_ods(path, {"Notes": [["made by hand"]], "Sales": [["Report"], [None], list(table), *rows]})
        case ".feather":
            table.to_feather(path)
        case ".json":
            texts.to_json(path, orient="records")
        case ".jsonl" | ".gz":
            texts.to_json(path, orient="records", lines=True)
        case _:
            return written(table, path)
    return path


@pytest.mark.parametrize("name", ["a.ods", "a.feather", "a.json", "a.jsonl", "a.jsonl.gz"])
@pytest.mark.parametrize("table", [SOLD, PIVOT], ids=["rows", "items"])
def test_a_file_of_another_kind(name: str, table: pd.DataFrame, tmp_path: Path) -> None:
    _, dataset = proposed(of_kind(table, tmp_path / name))

    assert read_units(dataset) == true_units(SOLD)


@pytest.mark.parametrize("name", ["a.ods", "a.feather", "a.json"])
def test_what_no_name_tells_is_told_by_the_content(name: str, tmp_path: Path) -> None:
    draft, dataset = proposed(of_kind(SOLD, tmp_path / name).rename(tmp_path / "export"))

    assert draft.source["format"][0] in ("excel", "arrow", "json")
    assert read_units(dataset) == true_units(SOLD)


def test_of_a_zip_what_is_wrong_with_a_file_in_it_is_told_and_notes_beside_the_demand(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "damaged.zip", "w") as packed:
        packed.writestr("a.xlsx", b"PK\x03\x04[Content_Types].xml")
    with ZipFile(tmp_path / "noted.zip", "w") as packed:
        packed.writestr("a.csv", SOLD.to_csv(index=False))
        packed.writestr("note.txt", "as of today")
        packed.extractall(tmp_path / "noted")

    assert refusal(tmp_path / "damaged.zip").startswith("a.xlsx is no Excel workbook")
    assert "give FILE= the folder" in refusal(tmp_path / "noted.zip")
    assert read_units(proposed(tmp_path / "noted")[1]) == true_units(SOLD)


def test_text_that_is_called_an_old_workbook(tmp_path: Path) -> None:
    SOLD.to_csv(tmp_path / "a.xls", sep="\t", index=False)

    draft, dataset = proposed(tmp_path / "a.xls")

    assert draft.source["format"][0] == "csv"
    assert read_units(dataset) == true_units(SOLD)


def test_files_of_other_kinds_beside_csv_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "sales").mkdir()
    written(SOLD, tmp_path / "sales" / "a.csv")
    SOLD.to_feather(tmp_path / "sales" / "a.feather")
    (tmp_path / "sales" / "meta.json").write_text(json.dumps({"made": "by hand"}))

    draft, dataset = proposed(tmp_path / "sales")

    assert read_units(dataset) == true_units(SOLD)
    assert sum(line.startswith("not read: ") and "beside .csv files" in line for line in draft.seen) == 2


def test_json_of_columns_is_refused_and_the_advice_works(tmp_path: Path) -> None:
    table = SOLD.assign(date=SOLD["date"].astype(str))
    table.to_json(tmp_path / "a.json")
    assert "orient='records'" in refusal(tmp_path / "a.json")

    table.to_json(tmp_path / "a.json", orient="records")
    assert read_units(proposed(tmp_path / "a.json")[1]) == true_units(SOLD)


@pytest.mark.parametrize("suffix", ["json", "feather"])
def test_of_a_large_file_a_sample_is_looked_at(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demand_assets.proposals.tables.WHOLE_UP_TO", 1000)

    draft, dataset = proposed(of_kind(SOLD, tmp_path / f"a.{suffix}"))

    assert "a sample of" in draft.looked_at
    assert read_units(dataset) == true_units(SOLD)


@pytest.mark.parametrize("title", ["January 1, 2026 - April 30, 2026", "Sales, 2026, of the north", "Printed,1,of,3"])
def test_a_title_with_the_mark_between_columns_is_no_header(title: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"Kite Ltd\n{title}\n\n{SOLD.to_csv(index=False)}")

    assert read_units(proposed(tmp_path / "a.csv")[1]) == true_units(SOLD)


def test_a_file_that_keeps_a_folder_from_being_read_is_named(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv", "c.csv"):
        (tmp_path / name).write_text(SOLD.to_csv(index=False))
    (tmp_path / "b.csv").write_text("")

    assert "b.csv is empty: 0 bytes; put them into a folder of their own" in refusal(tmp_path)


def test_of_files_with_other_columns_one_of_each_kind_is_named(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "a.zip", "w") as packed:
        for month in range(1, 6):
            packed.writestr(f"{month}.csv", SOLD.to_csv(index=False))
        packed.writestr("readme.txt", "made by hand")

    assert "(1.csv: date, region, item, demand; readme.txt: made by hand)" in refusal(tmp_path / "a.zip")
