"""Tables with a column for each year, and the month, quarter or week in the rows: read, or one line says why not."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from demand_assets.forecasting.dataset.dataset_file import Dataset
from tests.demand_assets.proposals.layouts.builders import proposed, read_units, refusal, sales, true_units, written

NAMES = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
SOLD = sales(["tea", "jug"], first="2023-01-01", periods=46, frequency="MS")
FROM_APRIL = [4, 5, 6, 7, 8, 9, 10, 11, 12, 1, 2, 3]


def table(rows: pd.DataFrame, period: "pd.Series[int]", year: "pd.Series[int]", called: str = "month",
          order: Sequence[int] = ()) -> pd.DataFrame:
    wide = rows.assign(**{called: period}, year=year).pivot(index=["region", "item", called], columns="year",
                                                           values="demand").reset_index()
    wide.columns = wide.columns.astype(str)
    places = {number: place for place, number in enumerate(order)}
    return wide.sort_values(["region", "item", called], key=lambda column: column.map(places) if (
        order and column.name == called) else column, ignore_index=True)


MONTHS = table(SOLD, SOLD["date"].dt.month, SOLD["date"].dt.year)


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet"])
@pytest.mark.parametrize("is_named", [False, True])
def test_months_in_rows(suffix: str, is_named: bool, tmp_path: Path) -> None:
    wide = MONTHS.assign(month=[NAMES[month - 1] for month in MONTHS["month"]]) if is_named else MONTHS

    _, dataset = proposed(written(wide, tmp_path / f"sales.{suffix}"))

    assert (dataset.frequency, dataset.source.layout) == ("M", "years")  # type: ignore[union-attr]
    assert read_units(dataset) == true_units(SOLD)


def test_quarters_and_weeks_in_rows(tmp_path: Path) -> None:
    quarters = sales(["tea", "jug"], first="2018-01-01", periods=30, frequency="QS")
    weeks = sales(["tea", "jug"], first="2023-01-02", periods=150, frequency="W-MON")
    calendar = weeks["date"].dt.isocalendar()
    by_quarter = table(quarters, quarters["date"].dt.quarter, quarters["date"].dt.year, "Q")
    by_week = table(weeks, calendar["week"].astype(int), calendar["year"].astype(int), "week")

    _, of_quarters = proposed(written(by_quarter.assign(Q=[f"Q{one}" for one in by_quarter["Q"]]), tmp_path / "q.csv"))
    _, of_weeks = proposed(written(by_week, tmp_path / "w.csv"))

    assert read_units(of_quarters) == true_units(quarters)
    assert read_units(of_weeks) == true_units(weeks)


def test_sums_beside_the_years_are_neither_demand_nor_drivers(tmp_path: Path) -> None:
    wide = MONTHS.assign(Total=MONTHS[["2023", "2024", "2025"]].sum(axis=1), Average=1.5)

    _, dataset = proposed(written(wide, tmp_path / "sales.csv"))

    assert read_units(dataset) == true_units(SOLD)
    assert not dataset.driver_names


@pytest.mark.parametrize(("fiscal_year", "later"), [("begins", 0), ("ends", 1)])
def test_rows_that_begin_with_april_are_refused_and_each_advice_works(fiscal_year: str, later: int, tmp_path: Path
                                                                      ) -> None:
    wide = table(SOLD, SOLD["date"].dt.month, SOLD["date"].dt.year - (SOLD["date"].dt.month < 4) + later,
                 order=FROM_APRIL)
    path = written(wide, tmp_path / "sales.csv")
    assert "source.layout = 'years' and source.fiscal_year" in refusal(path)

    by_hand = Dataset.model_validate({"name": "sales", "frequency": "M", "columns": {"date": "month"}, "source": {
        "kind": "file", "path": str(path), "layout": "years", "fiscal_year": fiscal_year}})
    assert read_units(by_hand) == true_units(SOLD)

    in_order = written(MONTHS.sample(frac=1, random_state=1).sort_values("month"), tmp_path / "again.csv")
    assert read_units(proposed(in_order)[1]) == true_units(SOLD)


def test_years_without_periods_are_one_line(tmp_path: Path) -> None:
    assert "demand by year is not forecast" in refusal(written(MONTHS.drop(columns="month").drop_duplicates(
        ["region", "item"]), tmp_path / "sales.csv"))
