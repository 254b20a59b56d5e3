"""Tables with a row for each year: months, quarters and weeks are read where they are certain, or one line says why."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.demand_assets.proposals.layouts.builders import proposed, read_units, refusal, sales, true_units, written

ENGLISH = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
GERMAN = ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November",
          "Dezember"]
FRENCH = ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."]
FROM_APRIL = [4, 5, 6, 7, 8, 9, 10, 11, 12, 1, 2, 3]
SOLD = sales(["tea", "jug"], first="2023-01-01", periods=46, frequency="MS")


def table(names: Sequence[str] = ENGLISH, order: Sequence[int] = tuple(range(1, 13)), column: str = "year",
          year_of: Callable[[Any], Any] = lambda day: day.year) -> pd.DataFrame:
    """A row for each year, with its months in this order."""
    rows = SOLD.assign(month=SOLD["date"].dt.month, **{column: SOLD["date"].map(year_of)})
    wide = rows.pivot(index=["region", "item", column], columns="month", values="demand").reset_index()
    return wide[["region", "item", column, *order]].rename(columns=dict(zip(range(1, 13), names, strict=True)))


def by_year(rows: pd.DataFrame, names: Sequence[str], period: "pd.Series[int]", year: "pd.Series[int]") -> pd.DataFrame:
    wide = rows.assign(year=year, period=period).pivot(index=["region", "item", "year"], columns="period",
                                                       values="demand").reset_index()
    return wide.rename(columns=dict(enumerate(names, 1)))


@pytest.mark.parametrize("names", [
    ENGLISH, GERMAN, FRENCH, [name.upper() for name in ENGLISH], [str(month) for month in range(1, 13)],
    [f"{month:02}" for month in range(1, 13)], [f"M{month:02}" for month in range(1, 13)]],
    ids=["en", "de", "fr", "capitals", "1", "01", "M01"])
@pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet"])
def test_months_in_columns(names: list[str], suffix: str, tmp_path: Path) -> None:
    _, dataset = proposed(written(table(names), tmp_path / f"sales.{suffix}"))

    assert dataset.frequency == "M"
    assert read_units(dataset) == true_units(SOLD)


def test_sums_beside_the_months_are_neither_demand_nor_drivers(tmp_path: Path) -> None:
    wide = table()
    wide = wide.assign(Total=wide[ENGLISH].sum(axis=1), Q1=wide[ENGLISH[:3]].sum(axis=1), YTD=wide["Jan"])

    draft, dataset = proposed(written(wide, tmp_path / "sales.csv"))

    assert read_units(dataset) == true_units(SOLD)
    assert not dataset.driver_names
    assert {"Total", "Q1", "YTD"} <= {name for name, _ in draft.left}


@pytest.mark.parametrize("names", [["Q1", "Q2", "Q3", "Q4"], ["1. Quartal", "2. Quartal", "3. Quartal", "4. Quartal"],
                                   ["T1", "T2", "T3", "T4"], ["1Q", "2Q", "3Q", "4Q"]])
def test_quarters_in_columns(names: list[str], tmp_path: Path) -> None:
    sold = sales(["tea", "jug"], first="2018-01-01", periods=30, frequency="QS")

    _, dataset = proposed(written(by_year(sold, names, sold["date"].dt.quarter, sold["date"].dt.year),
                                  tmp_path / "sales.csv"))

    assert dataset.frequency == "Q"
    assert read_units(dataset) == true_units(sold)


@pytest.mark.parametrize("name", ["KW {}", "W{:02}", "{}", "Week {}"])
@pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet"])
def test_weeks_in_columns_and_the_week_that_not_every_year_has(name: str, suffix: str, tmp_path: Path) -> None:
    sold = sales(["tea", "jug"], first="2019-12-30", periods=150, frequency="W-MON")
    calendar = sold["date"].dt.isocalendar()
    wide = by_year(sold, [name.format(week) for week in range(1, 54)], calendar["week"].astype(int),
                   calendar["year"].astype(int))

    draft, dataset = proposed(written(wide, tmp_path / f"sales.{suffix}"))

    assert dataset.frequency == "W"
    assert read_units(dataset) == true_units(sold)
    assert "ISO calendar" in draft.notes[0]

    wide[name.format(53)] = 5
    assert f"{name.format(53)!r} holds demand in 2021" in refusal(written(wide, tmp_path / f"again.{suffix}"))


def test_years_of_books_that_begin_in_april_are_certain_where_both_years_are_named(tmp_path: Path) -> None:
    wide = table(order=FROM_APRIL, column="FY", year_of=lambda day: (
        f"{day.year}/{(day.year + 1) % 100}" if day.month > 3 else f"{day.year - 1}/{day.year % 100}"))

    draft, dataset = proposed(written(wide, tmp_path / "sales.csv"))

    assert read_units(dataset) == true_units(SOLD)
    assert not draft.notes


@pytest.mark.parametrize(("answer", "later"), [("begins", 0), ("ends", 1)])
def test_years_of_books_with_one_number_are_refused_and_each_advice_works(answer: str, later: int,
                                                                          tmp_path: Path) -> None:
    wide = table(order=FROM_APRIL, column="FY", year_of=lambda day: day.year - (day.month < 4) + later)

    said = refusal(written(wide, tmp_path / "sales.csv"))
    assert "begins or ends in" in said
    assert "write years as 2022/23" in said or "write years as 2023/24" in said

    _, dataset = proposed(tmp_path / "sales.csv", lambda question, answers, usual: (
        answer if answer in answers else usual))
    assert dataset.source.fiscal_year == answer  # type: ignore[union-attr]
    assert read_units(dataset) == true_units(SOLD)

    wide["FY"] = [f"{year - later}/{(year - later + 1) % 100}" for year in wide["FY"]]
    _, dataset = proposed(written(wide, tmp_path / "again.csv"))
    assert read_units(dataset) == true_units(SOLD)


def test_a_fiscal_year_that_begins_with_january_is_refused_and_the_advice_works(tmp_path: Path) -> None:
    wide = table(column="Fiscal Year")
    assert "call the column 'year'" in refusal(written(wide, tmp_path / "sales.csv"))

    _, dataset = proposed(written(wide.rename(columns={"Fiscal Year": "year"}), tmp_path / "again.csv"))
    assert read_units(dataset) == true_units(SOLD)


@pytest.mark.parametrize(("wide", "said"), [
    (table(column="Season", year_of=lambda day: f"{day.year}/{day.year % 100 + 1}"), "two years"),
    (table([f"P{month}" for month in range(1, 13)]), "periods of a year's books"),
    (table([str(month) for month in range(1, 13)]).assign(**{"13": 5}), "13 periods"),
    (table().drop_duplicates(["region", "item"]).drop(columns="year"), "no column says of which year"),
    (table().assign(Year=2020), "both hold years"),
    (table().assign(January=1), "'Jan' and 'January' are of one period")])
def test_what_is_not_certain_is_one_line(wide: pd.DataFrame, said: str, tmp_path: Path) -> None:
    assert said in refusal(written(wide, tmp_path / "sales.csv"))


def test_a_sheet_or_a_file_for_each_year(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    with pd.ExcelWriter(tmp_path / "sales.xlsx") as book:
        for year, rows in table().groupby("year"):
            rows.drop(columns="year").to_excel(book, sheet_name=str(year), index=False)
            rows.drop(columns="year").to_csv(tmp_path / "files" / f"{year}.csv", index=False)

    for path in (tmp_path / "sales.xlsx", tmp_path / "files"):
        _, dataset = proposed(path)
        assert read_units(dataset) == true_units(SOLD)
