"""``make dataset``: a file that works, or one line that says what is missing."""

from pathlib import Path

import pytest

from demand_assets.commands.check import main as check
from demand_assets.commands.dataset import main
from demand_assets.forecasting.contract.dataset_file import load_dataset


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


@pytest.mark.parametrize("content", [b"", b"date,region,item,demand\n", b"\x89PNG\r\n", b"<html><table></table></html>",
                                     b"only\n1\n2\n", b"date,item,demand\n2026-01-01,tea,3\n"])
def test_what_cannot_be_used_is_told_in_one_line(content: bytes, tmp_path: Path,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sales.csv").write_bytes(content)

    assert main(["--file", str(tmp_path / "sales.csv"), "--yes"]) == 2

    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "sales.toml").exists()
