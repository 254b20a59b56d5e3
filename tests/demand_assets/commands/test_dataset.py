"""``make dataset``: a file that works, or one line that says what is missing."""

import os
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from openpyxl import Workbook

from demand_assets.commands.check import main as check
from demand_assets.commands.dataset import main
from demand_assets.forecasting.contract.dataset_file import load_dataset
from demand_assets.proposals.looked_through import look_through


def test_a_german_file_is_described_written_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"{day:02}.{month:02}.2026;Nord;Tee;{1000 + day},5\n" for month in (3, 5) for day in range(1, 32))
    (tmp_path / "sales.csv").write_text("Datum;Filiale;Artikel;Menge\n" + rows)

    assert main(["--file", str(tmp_path / "sales.csv"), "--yes"]) == 0

    made = load_dataset(tmp_path / "sales.toml")
    assert (made.columns.date, made.columns.region, made.columns.item, made.columns.demand) == (
        "Datum", "Filiale", "Artikel", "Menge")
    assert made.columns.date_format == "%d.%m.%Y"
    assert check(["--dataset", str(tmp_path / "sales.toml")]) == 0
    assert main(["--file", str(tmp_path / "sales.csv"), "--yes"]) == 2
    assert "OVERWRITE" in capsys.readouterr().err


def test_a_file_that_is_named_from_another_folder_is_found_from_its_dataset_file(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sales.csv").write_bytes(_long("date,region,item,demand"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    assert main(["--file", "../sales.csv", "--yes"]) == 0

    assert 'path = "sales.csv"' in (tmp_path / "sales.toml").read_text()


def test_the_hole_in_the_sample_of_a_large_file_is_no_unknown_demand(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a file by date its first and last days are looked at: nothing is known between them, and nothing wrong."""
    days = [date(2018, 1, 1) + timedelta(place) for place in range(2000)]
    with (tmp_path / "sales.csv").open("w") as file:
        file.write("date,item,demand,note\n")
        file.writelines(f"{day},{item},{3 + place % 7},{'long ' * 1600}\n" for place, day in enumerate(days)
                        for item in ("tea", "coffee", "cocoa", "juice", "water"))

    assert main(["--file", str(tmp_path / "sales.csv"), "--yes"]) == 0

    assert "a sample of" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"date,region,item,demand\n", b"\x89PNG\r\n", b"<html><table></table></html>",
                                     b"only\n1\n2\n", b"date,item,demand\n2026-01-01,tea,3\n"])
def test_what_cannot_be_used_is_told_in_one_line(content: bytes, tmp_path: Path,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sales.csv").write_bytes(content)

    assert main(["--file", str(tmp_path / "sales.csv"), "--yes"]) == 2

    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "sales.toml").exists()


_DAYS = [date(2025, 1, 1) + timedelta(days=day) for day in range(90)]
_UNITS = [10 + day % 7 for day in range(90)]


def _long(header: str, date_format: str = "%Y-%m-%d", mark: str = ",", region: str = "Nord") -> bytes:
    rows = [mark.join((day.strftime(date_format), region, "Tee", str(units)))
            for day, units in zip(_DAYS, _UNITS, strict=True)]
    return "\n".join([header, *rows, ""]).encode()


def _zip_of_two() -> bytes:
    packed = BytesIO()
    with ZipFile(packed, "w") as archive:
        for region in ("north", "south"):
            archive.writestr(f"{region}.csv", _long("date,region,item,demand", region=region))
    return packed.getvalue()


def _workbook() -> bytes:
    book, kept = Workbook(), BytesIO()
    sheet = book.active
    assert sheet is not None
    sheet.append(["date", "region", "item", "demand"])
    for day, units in zip(_DAYS, _UNITS, strict=True):
        sheet.append([day, "Nord", "Tee", units])
    book.save(kept)
    return kept.getvalue()


_WIDE = "\n".join([",".join(("region", "item", *map(str, _DAYS))),
                   ",".join(("Nord", "Tee", *map(str, _UNITS))), ""]).encode()
_MANY = "\n".join([",".join(("date", "region", "item", "demand", *(f"x{number}" for number in range(36)))),
                   *(",".join((str(day), "Nord", "Tee", str(units), *["1"] * 36))
                     for day, units in zip(_DAYS, _UNITS, strict=True)), ""]).encode()


@pytest.mark.parametrize(("name", "content", "times"), [
    ("german.csv", _long("Datum;Filiale;Artikel;Menge", "%d.%m.%Y", ";"), 1),
    ("french.csv", _long("jour;magasin;produit;quantité", "%d/%m/%Y", ";"), 1),
    ("spanish.csv", _long("fecha;tienda;artículo;cantidad", "%d/%m/%Y", ";"), 1),
    ("japanese.csv", _long("日付,店舗,商品,数量", "%Y/%m/%d"), 1),
    ("wide.csv", _WIDE, 1),
    ("two.zip", _zip_of_two(), 2),
    ("book.xlsx", _workbook(), 1),
    ("a name with spaces.csv", _long("date,region,item,demand"), 1),
    ("marks.csv", _long('"the ""date""",region = [x],item # \\ \'y\',demand'), 1),
    ("many.csv", _MANY, 1),
], ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_written_reads_the_true_total(name: str, content: bytes, times: int, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)

    assert main(["--file", str(tmp_path / name), "--yes", "--to", str(tmp_path / "made.toml")]) == 0

    seen = look_through(load_dataset(tmp_path / "made.toml"))
    total = sum(one.demand["demand"].sum() for one in seen.usable if one.demand is not None)
    assert total == times * sum(_UNITS)


_SHARED = Path(__file__).parents[4] / "shared"
_DATA = Path(os.environ.get("REAL_DATA_DIR") or _SHARED / "data")
_GIVEN = [*sorted(_DATA.glob("*_original_head.csv")),
          *(file for file in sorted(_DATA.parent.glob("cases/*/*"))
            if file.suffix in {".csv", ".xlsx", ".txt", ".zip", ".parquet"})]


@pytest.mark.skipif(not _GIVEN, reason=f"the open data sets and the cases are not there: {_DATA} (REAL_DATA_DIR)")
@pytest.mark.parametrize("given", _GIVEN, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_data_from_the_world_gives_a_file_that_works_or_one_line(given: Path, tmp_path: Path,
                                                                 capsys: pytest.CaptureFixture[str]) -> None:
    made = tmp_path / "made.toml"

    status = main(["--file", str(given), "--yes", "--to", str(made)])

    if status == 0:
        assert look_through(load_dataset(made)).usable
    else:
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
        assert not made.exists()
