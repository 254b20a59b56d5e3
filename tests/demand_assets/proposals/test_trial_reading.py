"""Ordinary files are read whole: what is on guard against odd ones leaves them alone."""

import csv
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from demand_assets.forecasting.dataset.dataset_file import load_dataset
from demand_assets.proposals.trial_reading import LookedThrough, look_through

HEADER = ("date", "region", "item", "demand")
DAYS = [date(2026, 6, 1) + timedelta(days=day) for day in range(84)]
ROWS = [(day, region, item, 5 + place % 7) for place, day in enumerate(DAYS) for region in ("north", "south")
        for item in ("tea", "milk")]
Rows = Sequence[Sequence[Any]]


def renamed(tea: str, milk: str) -> Rows:
    return [(day, region, {"tea": tea, "milk": milk}[item], units) for day, region, item, units in ROWS]


def with_units(units: int, every: int) -> Rows:
    return [(*row[:3], units if place % every == 0 else row[3]) for place, row in enumerate(ROWS)]


def dated(dates: Sequence[object]) -> Rows:
    return [(when, "north", "tea", 10 + place) for place, when in enumerate(dates)]


def looked_through(folder: Path, rows: Rows, entries: str = "", header: Sequence[str] = HEADER,
                   frequency: str = "D") -> LookedThrough:
    with (folder / "sales.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    (folder / "sales.toml").write_text(
        f'frequency = "{frequency}"\n[source]\nkind = "file"\npath = "sales.csv"\n{entries}\n')
    return look_through(load_dataset(folder / "sales.toml"))


def units_of(seen: LookedThrough) -> float:
    return sum(float(one.demand["demand"].sum()) for one in seen.usable if one.demand is not None)


@pytest.mark.parametrize(("rows", "items"), [
    (ROWS, 4),
    (renamed("All purpose flour", "Total 0% yoghurt"), 4),
    (renamed("Summer", "Sumatra"), 4),
    (renamed("1E5", "2E5"), 4),
    (renamed("007", "7"), 4),
    (renamed('Pipe 3"', 'Pipe 5"'), 4),
    (with_units(999, 9), 4),
    ([(day, region, "tea", units) for place, day in enumerate(DAYS) for region, units in (
        ("a", 10 + place % 7), ("b", 5 + place % 3), ("capital", 15 + place % 7 + place % 3 + (place % 5 == 0)))], 3),
    ([(*row[:3], row[3] + 0.5) for row in ROWS], 4),
], ids=["twelve weeks", "total in names", "names like totals", "codes like powers", "zeros before", "inches",
        "real 999", "a large region", "halves"])
def test_daily_files(rows: Rows, items: int, tmp_path: Path) -> None:
    seen = looked_through(tmp_path, rows)

    assert units_of(seen) == sum(row[3] for row in rows)
    assert len(seen.usable) == items
    assert seen.summary["names_left_out"] == []


@pytest.mark.parametrize(("frequency", "dates"), [
    ("W", [date(2026, 1, 5) + timedelta(weeks=week) for week in range(30)]),
    ("W", [f"2026-W{week:02}" for week in range(1, 40)]),
    ("M", [f"{year}-{month:02}" for year in (2024, 2025) for month in range(1, 13)]),
    ("M", [date(year, month, 1) - timedelta(days=1) for year in (2024, 2025) for month in range(1, 13)]),
    ("Q", [f"{year}-Q{quarter}" for year in range(2018, 2026) for quarter in (1, 2, 3, 4)]),
    ("Q", [date(year, month, 1) - timedelta(days=1) for year in range(2018, 2026) for month in (1, 4, 7, 10)]),
], ids=["Mondays", "ISO weeks", "months", "ends of months", "quarters", "ends of quarters"])
def test_weeks_months_and_quarters(frequency: str, dates: Sequence[object], tmp_path: Path) -> None:
    rows = dated(dates)

    assert units_of(looked_through(tmp_path, rows, frequency=frequency)) == sum(row[3] for row in rows)


@pytest.mark.parametrize("mark", ["\u200e", "\u200f", "\u2066"])
def test_marks_of_direction_make_no_other_region(mark: str, tmp_path: Path) -> None:
    rows = [(day, mark + region if place % 2 else region, item, units)
            for place, (day, region, item, units) in enumerate(ROWS)]
    seen = looked_through(tmp_path, rows)

    assert units_of(seen) == sum(row[3] for row in rows)
    assert {one.region_item.region for one in seen.usable} == {"north", "south"}
    assert "is also written" in " ".join(seen.catalogue.notices)


def test_a_mark_in_all_spellings_of_a_name_stays(tmp_path: Path) -> None:
    seen = looked_through(tmp_path, renamed("\u200fשלום", "milk"))

    assert {one.region_item.item for one in seen.usable} == {"\u200fשלום", "milk"}


def test_names_that_are_written_as_formulas_are_what_the_formula_says(tmp_path: Path) -> None:
    seen = looked_through(tmp_path, renamed('="007"', '="012"'))

    assert {one.region_item.item for one in seen.usable} == {"007", "012"}
    assert units_of(seen) == sum(row[3] for row in ROWS)
    assert "2 items are written as formulas, as '=\"007\"', and read as '007'." in seen.catalogue.notices


def test_names_that_stand_in_the_first_row_of_a_block_only_are_told(tmp_path: Path) -> None:
    ordered = sorted(ROWS, key=lambda row: row[2])
    rows = [(*row[:2], "" if before and before[2] == row[2] else row[2], row[3])
            for before, row in zip([None, *ordered[:-1]], ordered, strict=True)]

    assert "334 of 336 rows have no item: names stand in the first row" in " ".join(
        looked_through(tmp_path, rows).catalogue.notices)


def test_a_mark_of_joined_files_before_a_date_is_none_of_it(tmp_path: Path) -> None:
    rows = [("\ufeff" + str(row[0]) if place == 20 else row[0], *row[1:]) for place, row in enumerate(ROWS)]

    assert units_of(looked_through(tmp_path, rows)) == sum(row[3] for row in rows)


def test_returns_count_as_zero_where_that_is_declared(tmp_path: Path) -> None:
    rows = with_units(-1, 40)

    assert units_of(looked_through(tmp_path, rows, '[rules]\nnegative = "zero"')) == sum(max(row[3], 0) for row in rows)


def test_notes_with_quotes_and_line_breaks_are_part_of_their_row(tmp_path: Path) -> None:
    rows = [(*row, 'he said "yes"\nand left, twice' if place % 5 == 0 else "ok") for place, row in enumerate(ROWS)]

    assert units_of(looked_through(tmp_path, rows, header=(*HEADER, "note"))) == sum(row[3] for row in rows)


def test_many_units_are_told_with_all_their_digits(tmp_path: Path) -> None:
    rows = [(*row[:3], row[3] * 100_003_007) for row in ROWS]

    assert f"{sum(row[3] for row in rows):,} units" in next(looked_through(tmp_path, rows).lines())


def test_days_ahead_that_a_calendar_knows_are_no_days_of_demand(tmp_path: Path) -> None:
    first = next(looked_through(tmp_path, ROWS, '[calendar]\nholidays = "DE"').lines())

    assert f"{DAYS[0]} to {DAYS[-1]}," in first
