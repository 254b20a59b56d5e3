import pandas as pd

from demand_assets.sources import open_source
from tests.demand_assets.sources.shop import file_dataset, write_items


def test_names_that_a_spreadsheet_has_shortened_are_left_out_and_told(tmp_path):
    write_items(tmp_path / "a.csv", "1.002E+17", "2E+11", "1E10", "7")

    found = open_source(file_dataset(tmp_path / "a.csv", drivers=False)).catalogue()

    assert [one.item for one in found.region_items] == ["1E10", "7"]
    assert all("Give the column the format text" in reason for *_, reason, _ in found.refused)


def test_names_of_a_workbook_in_two_lines_are_read_and_dates_among_them_are_told(tmp_path):
    rows = [("north", name, f"2024-01-0{day}", day) for day in range(1, 4)
            for name in ("tea\n500 g", pd.Timestamp("2026-03-01"))]
    pd.DataFrame(rows, columns=["shop", "article", "day", "sold"]).to_excel(tmp_path / "a.xlsx", index=False)

    catalogue = open_source(file_dataset(tmp_path / "a.xlsx", drivers=False)).catalogue()

    assert [one.item for one in catalogue.region_items] == ["2026-03-01 00:00:00", "tea 500 g"]
    assert any("'2026-03-01 00:00:00' is a date in a spreadsheet" in notice for notice in catalogue.notices)


def test_names_that_look_like_misread_utf_8_are_told_and_taken_as_they_stand(tmp_path):
    names = ["Köln".encode().decode("cp1252"), "Süd".encode().decode("cp1252"), "NESCAFÉ®", "Genève"]
    write_items(tmp_path / "a.csv", *names)

    found = open_source(file_dataset(tmp_path / "a.csv", drivers=False)).catalogue()

    assert {one.item for one in found.region_items} == set(names)
    (told,) = [notice for notice in found.notices if "written in UTF-8" in notice]
    assert told.startswith(f"The item {names[0]!r} may be 'Köln'")
    assert "So may 1 more be." in told
