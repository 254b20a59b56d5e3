"""What is proposed where a column says what the number of a row is: actual or plan, units or money, sold or bought."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from demand_assets.forecasting.dataset.dataset_file import Dataset, load_dataset
from demand_assets.proposals.cannot_propose import CannotProposeError
from demand_assets.proposals.proposal import propose_for_files
from demand_assets.proposals.terminal_questions import default_answers
from demand_assets.proposals.trial_reading import LookedThrough, look_through

DAYS = [date(2026, 6, 1) + timedelta(days=day) for day in range(84)]
ROWS = [(day, item, 20 + (place * 7 + 3 * (item == "jug")) % 31) for place, day in enumerate(DAYS)
        for item in ("tea", "jug")]
TRUTH = {item: float(sum(units for _, its, units in ROWS if its == item)) for item in ("tea", "jug")}


def write(folder: Path, header: str, rows: Iterable[Sequence[Any]], name: str = "sales.csv") -> Path:
    (folder / name).write_text("\n".join([header, *(",".join(map(str, row)) for row in rows), ""]))
    return folder / name


def of_kinds(folder: Path, column: str, values: Sequence[str]) -> Path:
    """Rows of which each stands there once for each of these values, with another number for each."""
    return write(folder, f"date,item,{column},quantity", [
        (day, item, value, units + 17 * place) for day, item, units in ROWS for place, value in enumerate(values)])


def proposed(path: Path, folder: Path, answer: str = "") -> tuple[Dataset, LookedThrough]:
    draft, _ = propose_for_files(str(path), "data", lambda question, answers, default: answer if (
        answer in answers) else default)
    (folder / "made.toml").write_text(draft.text())
    made = load_dataset(folder / "made.toml")
    return made, look_through(made)


def units_of(seen: LookedThrough) -> dict[str, float]:
    """Of each item, over all regions."""
    found: dict[str, float] = {}
    for one in seen.usable:
        assert one.demand is not None
        found[one.region_item.item] = found.get(one.region_item.item, 0) + float(one.demand["demand"].sum())
    return found


@pytest.mark.parametrize(("column", "values"), [
    ("Type", ["Actual", "Budget"]), ("Type", ["Regular", "Forecast"]), ("Szenario", ["Ist", "Plan", "Vorjahr"]),
    ("Version", ["Actual", "Forecast Jan", "Forecast Feb"]), ("区分", ["実績", "計画"]), ("Kind", ["Units", "Price"]),
    ("KPI", ["Qty Sold", "Net Rev"]), ("measure", ["Units", "Sales EUR"]),
    ("Entry Type", ["Sale", "Purchase", "Positive Adjmt."])], ids=lambda value: value if isinstance(value, str) else "")
def test_rows_that_are_no_demand_are_left_out_and_told(column: str, values: Sequence[str], tmp_path: Path) -> None:
    made, seen = proposed(of_kinds(tmp_path, column, values), tmp_path)

    assert made.rules.only_rows == {column: (values[0],)}
    assert units_of(seen) == TRUTH
    assert f"LOOK AT THIS: the column {column!r} says" in " ".join(
        (tmp_path / "made.toml").read_text().replace("\n#", " ").split())
    told = next(notice for notice in seen.catalogue.notices if f"no demand by the column {column!r}" in notice)
    assert all(f"{value!r} ({len(ROWS)})" in told for value in values[1:])


def test_a_forecast_that_goes_on_from_the_actuals_is_left_out(tmp_path: Path) -> None:
    rows = [(day, item, "Actual" if day < DAYS[70] else "Forecast", units) for day, item, units in ROWS]

    made, seen = proposed(write(tmp_path, "date,item,Scenario,quantity", rows), tmp_path)

    assert made.rules.only_rows == {"Scenario": ("Actual",)}
    assert units_of(seen) == {item: float(sum(units for day, its, units in ROWS if its == item and day < DAYS[70]))
                              for item in TRUTH}


def test_the_plan_beside_actuals_is_left_out_of_a_table_with_a_column_for_each_day(tmp_path: Path) -> None:
    rows = [(kind, item, *(units + 40 * (kind == "Budget") for _, its, units in ROWS if its == item))
            for kind in ("Actual", "Budget") for item in TRUTH]

    made, seen = proposed(write(tmp_path, ",".join(["Version", "Item", *map(str, DAYS)]), rows), tmp_path)

    assert made.rules.only_rows == {"Version": ("Actual",)}
    assert units_of(seen) == TRUTH


@pytest.mark.parametrize(("column", "values", "words"), [
    ("Basis", ["Gross", "Net"], "whether it is 'Gross' or 'Net', which count the same sales"),
    ("Wertart", ["Brutto", "Netto"], "which count the same sales"),
    ("Doc", ["Sales Order", "Invoice"], "'Sales Order' or 'Invoice', which may both count the same sales"),
    ("SHKZG", ["S", "H"], "says on which side of the books a row is"),
    ("Movement Type", ["601", "101"], "says which movement of stock a row is, as '601' and '101'")])
def test_where_it_cannot_be_told_which_rows_are_demand_it_is_asked(column: str, values: Sequence[str], words: str,
                                                                   tmp_path: Path) -> None:
    path = of_kinds(tmp_path, column, values)

    with pytest.raises(CannotProposeError) as refused:
        propose_for_files(str(path), "data", default_answers)
    assert words in str(refused.value)
    assert f'only_rows = {{ {column if column.isalpha() else f"{chr(34)}{column}{chr(34)}"} = ["' in str(refused.value)
    made, seen = proposed(path, tmp_path, answer=values[0])
    assert (made.rules.only_rows, units_of(seen)) == ({column: (values[0],)}, TRUTH)


def test_planned_drivers_are_no_plan_of_demand(tmp_path: Path) -> None:
    rows = [(day, item, "actual", units, 9 + place % 3) for place, (day, item, units) in enumerate(ROWS)]
    rows += [(DAYS[-1] + timedelta(days=ahead), item, "plan", "", 8) for ahead in range(1, 15) for item in TRUTH]

    made, seen = proposed(write(tmp_path, "date,item,type,demand,price", rows), tmp_path)

    assert (made.rules.only_rows, units_of(seen)) == ({}, TRUTH)


@pytest.mark.parametrize(("column", "values"), [
    ("tier", ["Budget", "Premium"]), ("tier", ["Starter", "Pro plan"]),
    ("channel", ["Online", "Retail"]), ("component", ["Baseline", "Uplift"]),
    ("channel", ["In-store sales", "Delivery"]), ("size", ["M", "L"]), ("status", ["open", "closed"])])
def test_other_columns_say_nothing_of_what_rows_are(column: str, values: Sequence[str], tmp_path: Path) -> None:
    made, seen = proposed(of_kinds(tmp_path, column, values), tmp_path)

    assert made.rules.only_rows == {}
    assert sum(units_of(seen).values()) == 2 * sum(TRUTH.values()) + 17 * len(ROWS)


def test_files_of_which_one_is_a_plan_are_no_regions(tmp_path: Path) -> None:
    (tmp_path / "sales").mkdir()
    for name in ("Actual", "Budget"):
        rows = [(*row[:2], row[2] + len(name)) for row in ROWS]
        write(tmp_path / "sales", "date,item,quantity", rows, f"{name}.csv")

    with pytest.raises(CannotProposeError, match="the names of the files say what their numbers are"):
        propose_for_files(str(tmp_path / "sales"), "data", default_answers)


def test_numbers_that_are_mostly_below_0_are_refused_with_an_expression_that_works(tmp_path: Path) -> None:
    path = write(tmp_path, "date,item,quantity", [(day, item, -units) for day, item, units in ROWS])

    with pytest.raises(CannotProposeError, match="most numbers of the column 'quantity' are below 0") as refused:
        propose_for_files(str(path), "data", default_answers)
    entry = str(refused.value).partition("under [columns], ")[2]
    (tmp_path / "by_hand.toml").write_text(
        f'frequency = "D"\n[source]\nkind = "file"\npath = "sales.csv"\n[columns]\nregion = ""\n{entry}\n')
    assert units_of(look_through(load_dataset(tmp_path / "by_hand.toml"))) == TRUTH


@pytest.mark.parametrize(("number", "units"), [
    ("Movement", "Sales quantity"), ("Movement type", "Qty in unit of entry")])
def test_the_number_of_a_movement_is_no_demand(number: str, units: str, tmp_path: Path) -> None:
    rows = [(day, item, 601, sold) for day, item, sold in ROWS]

    made, seen = proposed(write(tmp_path, f"date,item,{number},{units}", rows), tmp_path)

    assert (made.columns.demand, units_of(seen)) == (units, TRUTH)


def test_formulas_without_values_are_told_and_no_other_columns_taken(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["Item", "Date", "A", "B", "Qty"], *([item, day, units, 5, f"=C{place}+D{place}"]
                                                    for place, (day, item, units) in enumerate(ROWS, 2))):
        sheet.append(row)
    book.save(tmp_path / "sales.xlsx")

    with pytest.raises(CannotProposeError, match=r"'Qty' should be the demand and holds formulas, as =C2\+D2"):
        propose_for_files(str(tmp_path / "sales.xlsx"), "data", default_answers)


def test_days_as_numbers_beside_cells_that_are_dates_are_all_seen(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Item", "Date", "Qty"])
    for place, (day, item, units) in enumerate(ROWS):
        sheet.append([item, (day - date(1899, 12, 30)).days if place % 3 == 0 else day, units])
    book.save(tmp_path / "sales.xlsx")

    made, seen = proposed(tmp_path / "sales.xlsx", tmp_path)

    assert (made.rules.gaps, units_of(seen)) == ("unknown", TRUTH)
