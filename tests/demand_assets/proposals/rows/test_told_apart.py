"""What is proposed for rows of one period that files, sheets, versions or other columns tell apart; or one line."""

import csv
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from openpyxl import Workbook

from demand_assets.forecasting.dataset.dataset_file import Dataset, load_dataset
from demand_assets.proposals.cannot_propose import CannotProposeError
from demand_assets.proposals.proposal import propose_for_files
from demand_assets.proposals.terminal_questions import default_answers
from demand_assets.proposals.trial_reading import LookedThrough, look_through

DAYS = [date(2026, 6, 1) + timedelta(days=day) for day in range(84)]
ROWS = [(day, region, item, 20 + (place * 7 + 3 * (region == "Ulm")) % 31) for place, day in enumerate(DAYS)
        for region in ("Ulm", "Bonn") for item in ("tea", "jug")]
UNITS = sum(row[3] for row in ROWS)
Row = Sequence[Any]


def write(path: Path, header: str, rows: Iterable[Row]) -> Path:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header.split(","), *rows])
    return path


def proposed(path: Path, folder: Path) -> tuple[Dataset, LookedThrough]:
    """The dataset file that is written for data, and what is read by it."""
    draft, _ = propose_for_files(str(path), "data", default_answers, None)
    (folder / "made.toml").write_text(draft.text())
    made = load_dataset(folder / "made.toml")
    return made, look_through(made)


def refusal(path: Path) -> str:
    with pytest.raises(CannotProposeError) as raised:
        propose_for_files(str(path), "data", default_answers, None)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def read(seen: LookedThrough) -> dict[str, float]:
    """The units of each region-item."""
    return {str(one.region_item): float(one.demand["demand"].sum()) for one in seen.usable if one.demand is not None}


def sold(rows: Iterable[Row] = ROWS) -> dict[str, float]:
    found: dict[str, float] = {}
    for _, region, item, units in rows:
        found[f"{region} · {item}"] = found.get(f"{region} · {item}", 0) + units
    return found


@pytest.mark.parametrize("kind", ["files", "zip", "sheets"])
def test_a_file_or_a_sheet_for_each_region_is_told_by_its_name(kind: str, tmp_path: Path) -> None:
    of_each = {region: [(str(day), item, units) for day, its, item, units in ROWS if its == region]
               for region in ("Ulm", "Bonn")}
    path = tmp_path / "sales"
    for region, rows in of_each.items():
        write(path / f"{region}.csv", "date,item,demand", rows)
    if kind == "zip":
        path = tmp_path / "sales.zip"
        with ZipFile(path, "w") as packed:
            for region in of_each:
                packed.write(tmp_path / "sales" / f"{region}.csv", f"{region}.csv")
    if kind == "sheets":
        path, book = tmp_path / "sales.xlsx", Workbook()
        for place, (region, rows) in enumerate(of_each.items()):
            sheet = book.active if place == 0 else book.create_sheet()
            sheet.title = region
            for row in (("date", "item", "demand"), *rows):
                sheet.append(row)
        book.save(path)

    made, seen = proposed(path, tmp_path)

    assert read(seen) == sold()
    assert made.rules.several_rows is None


def test_lines_of_tills_in_a_file_for_each_shop_stay_apart(tmp_path: Path) -> None:
    for region in ("Ulm", "Bonn"):
        write(tmp_path / "sales" / f"{region}.csv", "date,item,demand", [
            (day, item, 1) for day, its, item, units in ROWS if its == region for _ in range(units % 5 + 1)])

    made, seen = proposed(tmp_path / "sales", tmp_path)

    assert made.rules.several_rows == "sum"
    assert read(seen) == sold((*row[:3], row[3] % 5 + 1) for row in ROWS)


def test_versions_of_one_file_are_no_regions(tmp_path: Path) -> None:
    for place, name in enumerate(("sales old", "sales new")):
        write(tmp_path / "sales" / f"{name}.csv", "date,item,demand", [
            (day, item, units + place) for day, region, item, units in ROWS if region == "Ulm"])

    assert "Keep one file of each period" in refusal(tmp_path / "sales")


def test_files_by_month_give_no_region(tmp_path: Path) -> None:
    for month in (6, 7, 8):
        write(tmp_path / "sales" / f"2026-{month:02}.csv", "date,item,demand",
              [(day, item, units) for day, region, item, units in ROWS if region == "Ulm" and day.month == month])

    made, seen = proposed(tmp_path / "sales", tmp_path)

    assert made.source.model_dump().get("name_column") is None
    assert read(seen) == {name.replace("Ulm", "all"): units for name, units in sold().items() if "Ulm" in name}


def test_files_that_overlap_with_other_values_are_not_added_up(tmp_path: Path) -> None:
    write(tmp_path / "sales" / "1.csv", "date,region,item,demand", [
        (*row[:3], row[3] + 100 * (row[0] >= DAYS[38])) for row in ROWS if row[0] < DAYS[42]])
    write(tmp_path / "sales" / "2.csv", "date,region,item,demand", [row for row in ROWS if row[0] >= DAYS[38]])

    made, seen = proposed(tmp_path / "sales", tmp_path)

    assert made.rules.several_rows is None
    assert read(seen) == sold([row for row in ROWS if not DAYS[38] <= row[0] < DAYS[42]])


def test_files_that_all_tell_of_the_same_periods_are_refused(tmp_path: Path) -> None:
    for place, name in enumerate(("first", "second")):
        write(tmp_path / "sales" / f"{name}.csv", "date,region,item,demand", [
            (*row[:3], row[3] + place) for row in ROWS])

    assert "share their period with one of another file" in refusal(tmp_path / "sales")


@pytest.mark.parametrize(("name", "old", "new"), [
    ("version", 1, 2), *((name, "2026-09-01", "2026-09-05") for name in (
        "updated_at", "exported_at", "As of date", "load_date", "Datenstand"))])
def test_of_versions_the_newest_holds(name: str, old: Any, new: Any, tmp_path: Path) -> None:
    rows = [line for place, row in enumerate(ROWS) for line in (
        [(*row[:3], row[3] + 500, old), (*row, new)] if place % 9 == 0 else [(*row, old)])]

    made, seen = proposed(write(tmp_path / "sales.csv", f"date,region,item,demand,{name}", rows), tmp_path)

    assert made.rules.several_rows == "last"
    assert not made.drivers
    assert read(seen) == sold()


def test_a_table_that_was_exported_twice_counts_once(tmp_path: Path) -> None:
    rows = [(*row, day) for day in ("2026-09-01", "2026-09-05") for row in ROWS]

    made, seen = proposed(write(tmp_path / "sales.csv", "date,region,item,demand,exported_at", rows), tmp_path)

    assert made.rules.several_rows == "last"
    assert read(seen) == sold()


def test_versions_that_are_not_in_order_are_told(tmp_path: Path) -> None:
    rows = [line for place, row in enumerate(ROWS) for line in (
        [(*row, 2), (*row[:3], row[3] + 500, 1)] if place % 9 == 0 else [(*row, 1)])]

    assert "sort the rows by it, the newest last" in refusal(
        write(tmp_path / "sales.csv", "date,region,item,demand,version", rows))


@pytest.mark.parametrize(("name", "usual", "other"), [
    ("status", "completed", "cancelled"), ("Belegart", "Verkauf", "Storno"), ("type", "Sale", "Return"),
    ("is_return", "no", "yes")])
def test_rows_that_were_not_sold_are_told(name: str, usual: str, other: str, tmp_path: Path) -> None:
    rows = [line for place, row in enumerate(ROWS) for line in (
        [(*row, usual), (*row[:3], 2, other)] if place % 9 == 0 else [(*row, usual)])]
    header = f"date,region,item,demand,{name}"

    assert f"as {other!r}, and" in refusal(write(tmp_path / "sales.csv", header, rows))
    netted = [(*row[:3], -row[3] if row[4] == other else row[3], row[4]) for row in rows]
    _, seen = proposed(write(tmp_path / "netted.csv", header, netted), tmp_path)
    assert read(seen) == sold(row[:4] for row in netted)


@pytest.mark.parametrize(("name", "values", "words"), [
    ("type", ("Sale", "Return"), "as 'Return', and"), ("Beleg", ("Rechnung", "Gutschrift"), "as 'Gutschrift', and"),
    ("kind", ("Invoice", "Credit note"), "as 'Credit note', and"), ("UoM", ("ST", "KAR"), "convert them to one")])
def test_what_tells_rows_apart_is_no_region_where_it_says_what_they_are(name: str, values: Sequence[str], words: str,
                                                                         tmp_path: Path) -> None:
    rows = [(row[0], *row[2:], value) for row in ROWS if row[1] == "Ulm" for value in values]

    assert words in refusal(write(tmp_path / "sales.csv", f"date,item,demand,{name}", rows))


@pytest.mark.parametrize(("days", "word"), [(DAYS, "month"), (
    [date(2021 + month // 12, month % 12 + 1, 1) for month in range(40)], "year")])
def test_numbers_that_count_up_are_no_demand(days: Sequence[date], word: str, tmp_path: Path) -> None:
    rows, so_far = [], 0
    for place, day in enumerate(days):
        so_far = 5 + place % 7 + (0 if getattr(day, {"month": "day", "year": "month"}[word]) == 1 else so_far)
        rows.append((day, "tea", so_far))

    assert f"grows within each {word} and begins anew" in refusal(write(tmp_path / "a.csv", "date,item,units", rows))
    single = [(day, item, 5 + place % 7) for place, (day, item, _) in enumerate(rows)]
    assert proposed(write(tmp_path / "b.csv", "date,item,units", single), tmp_path)[0].columns.demand == "units"


def test_amounts_in_several_units_of_measure_are_told(tmp_path: Path) -> None:
    rows = [(*row, "PCE" if row[0].day % 2 else "CAR") for row in ROWS]

    assert "convert them to one" in refusal(write(tmp_path / "sales.csv", "date,region,item,demand,uom", rows))


def test_shops_that_are_numbered_anew_in_each_country_are_told_apart(tmp_path: Path) -> None:
    rows = [(day, country, shop, item, units) for day, country, item, units in ROWS for shop in (1, 2)]

    _, seen = proposed(write(tmp_path / "sales.csv", "date,country,store,item,demand", rows), tmp_path)

    assert read(seen) == sold((day, f"{country}/{shop}", item, units) for day, country, shop, item, units in rows)


def test_parts_of_a_report_that_nothing_tells_apart_are_refused(tmp_path: Path) -> None:
    rows = [(row[0], row[2], row[3]) for region in ("Ulm", "Bonn") for row in ROWS if row[1] == region]

    assert "no column tells them apart" in refusal(write(tmp_path / "sales.csv", "date,item,demand", rows))


def test_two_tables_side_by_side_are_told(tmp_path: Path) -> None:
    rows = [(day, 10 + place % 7, "", day, 20 + place % 5) for place, day in enumerate(DAYS)]

    assert "stand side by side" in refusal(write(tmp_path / "sales.csv", "date,demand,,date,demand", rows))


def test_units_count_before_money_of_as_clear_a_name(tmp_path: Path) -> None:
    rows = [(*row[:3], f"{row[3] * 9.99:.2f}", row[3]) for row in ROWS]

    made, seen = proposed(write(tmp_path / "sales.csv", "date,region,item,sales,units_sold", rows), tmp_path)

    assert made.columns.demand == "units_sold"
    assert read(seen) == sold()


@pytest.mark.parametrize("value", [-1, 999999])
def test_a_number_that_means_not_known_is_declared(value: int, tmp_path: Path) -> None:
    rows = [(*row[:3], value) if row[1:3] == ("Ulm", "tea") and 20 <= place < 48 else row
            for place, row in enumerate(ROWS)]

    made, seen = proposed(write(tmp_path / "sales.csv", "date,region,item,demand", rows), tmp_path)

    assert made.rules.placeholders == (value,)
    assert made.rules.negative == "quarantine"
    assert read(seen) == sold(row for row in rows if row[3] != value)


def test_lines_of_returns_are_no_placeholders(tmp_path: Path) -> None:
    rows = [line for row in ROWS for line in (row, (*row[:3], -1))]

    made, seen = proposed(write(tmp_path / "sales.csv", "date,region,item,demand", rows), tmp_path)

    assert (made.rules.placeholders, made.rules.several_rows) == (None, "sum")
    assert read(seen) == sold(rows)


def test_numbers_of_documents_are_no_drivers_of_lines_that_add_up(tmp_path: Path) -> None:
    rows = [(*row[:3], units, 4000 + (place * 7919 + part) % 5003) for place, row in enumerate(ROWS)
            for part, units in enumerate((row[3] - 5, 5))]

    made, seen = proposed(write(tmp_path / "sales.csv", "date,region,item,demand,invoice", rows), tmp_path)

    assert made.rules.several_rows == "sum"
    assert not made.drivers
    assert read(seen) == sold()


def test_a_day_without_a_line_is_a_day_on_which_nothing_was_sold(tmp_path: Path) -> None:
    rows = [(*row[:3], 1) for place, row in enumerate(ROWS) if place % 90 for _ in range(place % 5 + 2)]

    made, _ = proposed(write(tmp_path / "sales.csv", "date,region,item,demand", rows), tmp_path)

    assert (made.rules.several_rows, made.rules.gaps) == ("sum", "zero")


def test_names_in_the_first_row_of_each_block_are_filled_down(tmp_path: Path) -> None:
    ordered = sorted(ROWS, key=lambda row: (row[1], row[2]))
    rows, last = [], ("", "")
    for day, region, item, units in ordered:
        rows.append(("" if region == last[0] else region, "" if (region, item) == last else item, day, units))
        last = region, item

    _, seen = proposed(write(tmp_path / "sales.csv", "region,item,date,demand", rows), tmp_path)

    assert read(seen) == sold()


def test_names_are_filled_down_on_sheets_of_which_each_is_a_region(tmp_path: Path) -> None:
    book = Workbook()
    for place, region in enumerate(("Ulm", "Bonn")):
        sheet = book.active if place == 0 else book.create_sheet()
        sheet.title, last = region, ""
        sheet.append(["date", "item", "demand"])
        for day, _, item, units in sorted((row for row in ROWS if row[1] == region), key=lambda row: row[2]):
            sheet.append([day, None if item == last else item, f"{units} pcs"])
            last = item
    book.save(tmp_path / "sales.xlsx")

    assert read(proposed(tmp_path / "sales.xlsx", tmp_path)[1]) == sold()


def test_files_in_two_encodings_are_all_read(tmp_path: Path) -> None:
    for region, encoding in (("Köln", "cp1252"), ("Łódź", "utf-8")):
        lines = [f"{day};{region};{item};{units}" for day, its, item, units in ROWS if its == "Ulm"]
        (tmp_path / "sales").mkdir(exist_ok=True)
        (tmp_path / "sales" / f"{encoding}.csv").write_bytes(
            "\n".join(["date;region;item;demand", *lines]).encode(encoding))

    _, seen = proposed(tmp_path / "sales", tmp_path)

    assert {one.region_item.region for one in seen.usable} == {"Köln", "Łódź"}


def test_weeks_whose_year_is_not_that_of_the_iso_calendar_are_told(tmp_path: Path) -> None:
    weeks = [date(2020, 10, 5) + timedelta(weeks=week) for week in range(240)]
    rows = [((week + timedelta(6)).year, week.isocalendar().week, "tea", 10 + place)
            for place, week in enumerate(weeks)]

    assert "turn of a year" in refusal(write(tmp_path / "sales.csv", "year,week,item,demand", rows))


def test_thirteen_periods_of_a_year_are_no_weeks(tmp_path: Path) -> None:
    rows = [(f"{2022 + place // 13}{place % 13 + 1:02}", "tea", 100 + place) for place in range(60)]

    assert "periods of four weeks" in refusal(write(tmp_path / "sales.csv", "period,item,demand", rows))


def test_months_of_a_fiscal_year_are_told(tmp_path: Path) -> None:
    rows = [(f"{2020 + place // 12}{place % 12 + 1:02}", "tea", 100 + place) for place in range(60)]

    draft, _ = propose_for_files(str(write(tmp_path / "sales.csv", "fiscal_period,item,demand", rows)), "data",
                                 default_answers, None)

    assert "is called fiscal" in draft.notes[0]


def test_weeks_of_a_fiscal_year_are_told_and_the_advice_works(tmp_path: Path) -> None:
    rows = [(2024 + week // 52, week % 52 + 1, "tea", 10 + week % 7) for week in range(110)]
    assert "is called fiscal" in refusal(write(tmp_path / "a.csv", "fiscal_year,fiscal_week,item,demand", rows))

    made, seen = proposed(write(tmp_path / "b.csv", "year,week,item,demand", rows), tmp_path)
    assert made.frequency == "W"
    assert read(seen) == {"all · tea": float(sum(row[3] for row in rows))}


def test_amounts_in_two_units_are_told(tmp_path: Path) -> None:
    rows = [(day, "tea", f"{place + 1} kg" if place % 2 else f"{place + 1} g") for place, day in enumerate(DAYS)]

    assert "holds amounts in 2 units (g, kg)" in refusal(write(tmp_path / "a.csv", "date,item,demand", rows))


@pytest.mark.parametrize("unit", [1, 1000])
def test_stamps_since_1970_are_dates_and_ids_that_are_as_long_are_none(unit: int, tmp_path: Path) -> None:
    rows = [((day - date(1970, 1, 1)).days * 86_400 * unit, *rest) for day, *rest in ROWS]
    _, seen = proposed(write(tmp_path / "a.csv", "date,region,item,demand", rows), tmp_path)
    assert read(seen) == sold()
    assert {str(one.demand["date"].iloc[0].date()) for one in seen.usable if one.demand is not None} == {"2026-06-01"}

    ids = [(day, region, {"tea": "1734567890123", "jug": "1234567890123"}[item], units)
           for day, region, item, units in ROWS]
    made, seen = proposed(write(tmp_path / "b.csv", "day,region,number,demand", ids), tmp_path)
    assert made.columns.date == "day"
    assert read(seen) == sold(ids)


def test_amounts_in_several_currencies_are_told(tmp_path: Path) -> None:
    rows = [(*row, 4.5 if row[1] == "Ulm" else 49, "EUR" if row[1] == "Ulm" else "SEK") for row in ROWS]
    mixed = [(*row[:4], 4.5, "€" if row[0].day % 2 else "USD") for row in ROWS]
    header = "date,region,item,demand,price,Currency"

    _, seen = proposed(write(tmp_path / "sales.csv", header, rows), tmp_path)

    assert read(seen) == sold()
    told = " ".join((tmp_path / "made.toml").read_text().replace("\n#", " ").split())
    assert "'price' is not to be compared, or summed, between them" in told
    assert "'price' of one item is in several; convert it to one" in refusal(write(tmp_path / "b.csv", header, mixed))
    of_units = write(tmp_path / "c.csv", "date,region,item,demand,Currency", [(*row[:4], row[5]) for row in mixed])
    assert proposed(of_units, tmp_path)[0].columns.demand == "demand"


def test_decimal_commas_among_commas_are_told(tmp_path: Path) -> None:
    rows = [(*row, 5) for row in ROWS]

    told = refusal(write(tmp_path / "sales.csv", "date,region,item,demand", rows))

    assert f"{len(ROWS):,} of {len(ROWS):,} lines have more or fewer values than the header has names, 4" in told
    assert "Where a comma stands in the numbers" in told
