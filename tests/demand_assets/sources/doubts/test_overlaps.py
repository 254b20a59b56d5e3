"""Rows that stand in several files and would count several times."""

import pytest

from demand_assets.sources import open_source
from tests.demand_assets.sources.shop import NORTH_7, file_dataset


def notices(folder, several_rows="sum"):
    dataset = file_dataset(folder, drivers=False)
    rules = dataset.rules.model_copy(update={"several_rows": several_rows})
    source = open_source(dataset.model_copy(update={"rules": rules}))
    assert NORTH_7 in source.catalogue().region_items
    return [notice for notice in source.catalogue().notices if "stand in several files" in notice]


def written(folder, name, days, units):
    rows = [f"2024-{1 + day // 28:02}-{1 + day % 28:02},north,7,{units(day)}" for day in days]
    (folder / name).write_text("\n".join(["day,shop,article,sold", *rows]))


@pytest.mark.parametrize("begin", [0, 30])
def test_files_that_overlap_or_are_copies_are_told_where_rows_add_up(tmp_path, begin):
    written(tmp_path, "1.csv", range(60), lambda day: 5 + day * 7 % 31)
    written(tmp_path, "2.csv", range(begin, 90 if begin else 60), lambda day: 5 + day * 7 % 31)

    (told,) = notices(tmp_path)

    assert told.startswith(f"{60 - begin} rows stand in several files, as in '1.csv' and '2.csv'")
    assert notices(tmp_path, several_rows=None) == []


def test_tills_of_one_shop_are_none(tmp_path):
    written(tmp_path, "1.csv", range(60), lambda day: 1 + day % 3)
    written(tmp_path, "2.csv", range(60), lambda day: 1 + day % 4)

    assert notices(tmp_path) == []


def test_files_of_days_of_their_own_are_none(tmp_path):
    written(tmp_path, "1.csv", range(60), lambda day: day)
    written(tmp_path, "2.csv", range(60, 90), lambda day: day)

    assert notices(tmp_path) == []


def test_a_short_file_under_two_names_is_told(tmp_path):
    written(tmp_path, "1.csv", range(5), lambda day: 1 + day % 3)
    written(tmp_path, "1 (copy).csv", range(5), lambda day: 1 + day % 3)
    written(tmp_path, "2.csv", range(5, 9), lambda day: 1 + day % 3)

    (told,) = notices(tmp_path)

    assert told.startswith("5 rows stand in several files, '1 (copy).csv' and '1.csv' in all of their rows")


def test_a_week_that_two_exports_have_is_told(tmp_path):
    written(tmp_path, "1.csv", range(60), lambda day: 5 + day * 7 % 31)
    written(tmp_path, "2.csv", range(53, 90), lambda day: 5 + day * 7 % 31)

    (told,) = notices(tmp_path)

    assert told.startswith("7 rows stand in several files, as in '1.csv' and '2.csv'")


def test_a_week_in_which_a_day_differs_is_none(tmp_path):
    written(tmp_path, "1.csv", range(60), lambda day: 5 + day * 7 % 31)
    written(tmp_path, "2.csv", range(52, 90), lambda day: 5 + day * 7 % 31 + (day == 55))

    assert notices(tmp_path) == []
