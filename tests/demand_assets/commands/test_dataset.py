"""``make dataset``: a file that works, or one line that says what is missing."""

import gzip
import os
import re
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from demand_assets.commands.check import main as check
from demand_assets.commands.dataset import main
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset, load_dataset
from demand_assets.proposals.trial_reading import look_through
from demand_assets.sources import open_source
from demand_assets.sources.beside_demand.attributes import AttributeReader


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


def proposed(path: Path) -> tuple[Dataset, float]:
    """What ``make dataset`` writes for a file, and the units that are read by it."""
    assert main(["--file", str(path), "--yes"]) == 0
    made = load_dataset(path.with_suffix(".toml"))
    return made, sum(float(one.demand["demand"].sum()) for one in look_through(made).usable if one.demand is not None)


def test_one_week_that_the_iso_calendar_has_not_makes_it_no_other(tmp_path: Path) -> None:
    weeks = [date(2022, 1, 3) + timedelta(weeks=week) for week in range(150)]
    lines = [f"{week:%G-W%V},tea,{10 + place}" for place, week in enumerate(weeks)]
    (tmp_path / "sales.csv").write_text("\n".join(["date,item,demand", *lines, "2023-W53,tea,500"]))

    made, units = proposed(tmp_path / "sales.csv")

    assert made.columns.date_format is None
    assert units == sum(10 + place for place in range(150))


@pytest.mark.parametrize("written", ["{year}-Q{quarter}", "Q{quarter} {year}", "{quarter}. Quartal {year}",
                                     "{year}-{first:02}-01", "01.{first:02}.{year}"])
def test_quarters_are_told_by_their_names_and_by_their_dates(written: str, tmp_path: Path) -> None:
    quarters = [written.format(year=year, quarter=quarter, first=3 * quarter - 2)
                for year in range(2015, 2026) for quarter in (1, 2, 3, 4)]
    (tmp_path / "sales.csv").write_text("\n".join(
        ["period,item,demand", *(f"{when},tea,{50 + place}" for place, when in enumerate(quarters))]))

    made, units = proposed(tmp_path / "sales.csv")

    assert (made.frequency, made.season_lengths, made.horizon) == ("Q", (4,), 4)
    assert units == sum(50 + place for place in range(44))


def test_decimals_of_parquet_are_numbers_and_its_lists_are_none_of_demand(tmp_path: Path) -> None:
    pq.write_table(pa.table({
        "date": _DAYS, "item": pa.array(["tea"] * 90).dictionary_encode(), "tags": [["a"]] * 90,
        "demand": pa.array([Decimal(units) for units in _UNITS], pa.decimal128(20, 3))}), tmp_path / "sales.parquet")

    assert proposed(tmp_path / "sales.parquet")[1] == sum(_UNITS)


def _measures(*names: str, column: str = "kind") -> bytes:
    """A table in which one column says what the number of a row is."""
    rows = [f"2026-{month:02}-01;{item};{name};{month + place}" for month in range(1, 11) for item in ("tea", "jug")
            for place, name in enumerate(names)]
    return "\n".join([f"date;item;{column};value", *rows, ""]).encode()


def _wide_measures() -> bytes:
    """A table with a column for each month, and a row for each measure of an item."""
    months = [f"2026-{month:02}" for month in range(1, 11)]
    rows = [";".join((item, measure, *(str(7 + place + len(measure)) for place in range(10))))
            for item in ("tea", "jug") for measure in ("Units", "Sales EUR")]
    return "\n".join([";".join(("item", "measure", *months)), *rows, ""]).encode()


@pytest.mark.parametrize(("name", "content", "words"), [
    ("sales.csv", gzip.compress(b"date,item,demand\n"), "call it .csv.gz"),
    ("sales.numbers", b"PK\3\4Index/Document.iwa", "save it as .xlsx or CSV"),
    ("sales.csv", b"date,item,demand\n2026-01-01,tea,3\0\n" + b"2026-01-02,tea,3\n" * 20,
     "zero bytes, the first in line 2"),
    ("sales.csv", b"KW;item;demand\n" + b"".join(b"%d;tea;3%d\n" % (week % 52 + 1, week) for week in range(120)),
     "no column says the year"),
    ("sales.csv", _measures("Units", "Orders", "Price"), "'kind' says what the number of a row is, as 'Units' and"),
    ("sales.csv", _measures("Brutto", "Netto"), "keep the rows of demand only"),
    ("sales.csv", _measures("A", "B", column="KPI"), "'KPI' says what the number of a row is"),
    ("sales.csv", b"Jahr;KW;item;demand\n" + b"".join(
        b"%d;%d;tea;%d\n" % (day.year, day.isocalendar()[1], 30 + week % 7) for week in range(120)
        for day in [date(2024, 7, 1) + timedelta(weeks=week)]), "is not that of the ISO calendar"),
    ("sales.csv", "Geschäftsjahr;Periode;item;demand\n".encode() + b"".join(
        b"%d;%d;tea;%d\n" % (2022 + month // 12, month % 12 + 1, 30 + month) for month in range(40)),
     "is called fiscal"),
    ("sales.csv", b"date,item,demand\n" + b"".join(b"%d,tea,3%d\n" % (year, year) for year in range(1970, 2020)),
     "'1970' cannot be read as one"),
    ("sales.csv", b"date,item,demand\n" + "2026-01-02,Käse,3\n".encode() * 20 + b"2026-02-02,K\xe4se,3\n",
     "the first in line 22"),
    ("sales.csv", b"date,item,demand\n" + b"2026-01-02,tea,3 ooo\n" * 20, "write numbers alone there, without units")],
    ids=["compressed", "numbers", "zero", "weeks alone", "measures", "gross or net", "named measures",
         "years of weeks", "fiscal years", "years", "two encodings", "units"])
def test_the_cure_is_told(name: str, content: bytes, words: str, tmp_path: Path,
                          capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).write_bytes(content)

    assert main(["--file", str(tmp_path / name), "--yes"]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(("content", "column", "units"), [
    (_measures("Units", "Price"), "kind", 2 * sum(range(1, 11))),
    (_measures("Ist", "Plan"), "kind", 2 * sum(range(1, 11))),
    (_measures("Qty Sold", "Net Rev", column="KPI"), "KPI", 2 * sum(range(1, 11))),
    (_wide_measures(), "measure", 2 * sum(range(12, 22)))], ids=["measures", "versions", "named", "wide"])
def test_what_is_no_demand_by_its_measure_is_left_out(content: bytes, column: str, units: float,
                                                      tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_bytes(content)

    made, read = proposed(tmp_path / "sales.csv")

    assert list(made.rules.only_rows) == [column]
    assert read == units


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


@pytest.mark.parametrize(("header", "is_read"), [
    ("date,region,item,demand,note", True), ("Date,Region,Item,Demand", True), ("date,region,item,sold", False)])
def test_files_of_a_folder_with_other_columns_are_read_or_told(header: str, is_read: bool, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "1.csv").write_bytes(_long("date,region,item,demand"))
    rows = [f"{day},Süd,Tee,{units}{',x' * header.count('note')}" for day, units in zip(_DAYS, _UNITS, strict=True)]
    (tmp_path / "data" / "2.csv").write_text("\n".join([header, *rows, ""]))

    assert main(["--file", str(tmp_path / "data"), "--yes", "--to", str(tmp_path / "made.toml")]) == 0

    found = _units(load_dataset(tmp_path / "made.toml"))
    assert sum(sum(units.values()) for units in found.values()) == (1 + is_read) * sum(_UNITS)
    assert ("LOOK AT THIS" in (tmp_path / "made.toml").read_text()) is not is_read


_MONTHS = {"pl": ["sty", "lut", "mar", "kwi", "maj", "cze", "lip", "sie", "wrz", "paź", "lis", "gru"],
           "tr": ["Ocak", "Şubat", "Mart", "NİSAN", "Mayıs", "Haziran", "Temmuz", "Ağustos", "Eylül", "Ekim", "KASIM",
                  "Aralık"],
           "pt": ["jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez"],
           "es": ["enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre",
                  "noviembre", "diciembre"],
           "ru": ["янв", "фев", "март", "апр", "май", "июнь", "июль", "авг", "сент", "окт", "нояб", "дек"]}


@pytest.mark.parametrize("form", [
    "{0:%m/%d/%Y}", "{0:%d/%m/%Y}", "{0:%m/%y}", "{pl} {0:%Y}", "{tr} {0:%Y}", "{ru} {0:%y}", "{0:%d}-{pl}-{0:%y}",
    "{pt}/{0:%y}", "{pt}/{0:%Y}", "{es} de {0:%Y}", "{0:%b}'{0:%y}", "{0:%b} '{0:%y}", "{0:%B}, {0:%Y}"])
def test_months_of_several_years_are_told_by_their_dates(form: str, tmp_path: Path) -> None:
    """01/11/2024 is no 11 January where all dates would be of January."""
    months = [date(2023 + place // 12, place % 12 + 1, 1) for place in range(36)]
    written = [form.format(month, **{key: names[month.month - 1] for key, names in _MONTHS.items()})
               for month in months]
    rows = [f"{text};Tee;{place + 5}" for place, text in enumerate(written)]
    (tmp_path / "sales.csv").write_text("\n".join(["date;item;demand", *rows, ""]))

    assert main(["--file", str(tmp_path / "sales.csv"), "--yes"]) == 0

    dataset = load_dataset(tmp_path / "sales.toml")
    assert dataset.frequency == "M"
    assert [*_units(dataset).values()] == [{f"{month} 00:00:00": place + 5 for place, month in enumerate(months)}]


@pytest.mark.parametrize(("name", "is_last"), [
    ("Week Ending", True), ("week_end_date", True), ("W/E", True), ("WeekEnding", True), ("Woche bis", True),
    ("Week", False), ("Week beginning", False), ("Wochentag", False), ("Legende", False)])
def test_weeks_that_are_called_by_their_end_are_dated_on_their_last_day(name: str, is_last: bool, tmp_path: Path
                                                                        ) -> None:
    sundays = [date(2025, 2, 9) + timedelta(weeks=week) for week in range(40)]
    rows = [f"{day:%m/%d/%Y};Tee;{place + 5}" for place, day in enumerate(sundays)]
    (tmp_path / "sales.csv").write_text("\n".join([f"{name};item;demand", *rows, ""]))

    assert main(["--file", str(tmp_path / "sales.csv"), "--yes"]) == 0

    (found,) = _units(load_dataset(tmp_path / "sales.toml")).values()
    back = timedelta(days=6 if is_last else 0)
    assert found == {f"{day - back} 00:00:00": place + 5 for place, day in enumerate(sundays)}


def test_a_date_that_alone_tells_the_order_of_day_and_month_is_named(tmp_path: Path,
                                                                     capsys: pytest.CaptureFixture[str]) -> None:
    days = [date(2025, month, day) for month in range(1, 13) for day in range(1, 13)]
    rows = [f"{day:%m/%d/%Y},Tee,{place}" for place, day in enumerate([*days, date(2026, 1, 13)])]
    (tmp_path / "sales.csv").write_text("\n".join(["date,item,demand", *rows[:-1], ""]))
    assert main(["--file", str(tmp_path / "sales.csv"), "--yes"]) == 2
    assert "nothing in the column settles it" in capsys.readouterr().err

    (tmp_path / "sales.csv").write_text("\n".join(["date,item,demand", *rows, ""]))
    assert main(["--file", str(tmp_path / "sales.csv"), "--yes"]) == 2
    assert "'01/13/2026' alone says which; write them as 2024-01-31" in capsys.readouterr().err


def test_a_date_that_alone_tells_the_order_counts_where_it_is_the_next_after_the_others(tmp_path: Path) -> None:
    days = [date(2025, month, day) for month in range(1, 13) for day in range(1, 13)]
    rows = [f"{day:%m/%d/%Y},Tee,{place}" for place, day in enumerate([*days, date(2025, 12, 13)])]
    (tmp_path / "sales.csv").write_text("\n".join(["date,item,demand", *rows, ""]))

    assert main(["--file", str(tmp_path / "sales.csv"), "--yes"]) == 0

    dataset = load_dataset(tmp_path / "sales.toml")
    assert dataset.columns.date_format == "%m/%d/%Y"
    assert "'12/13/2025' can be nothing else and is the next after the others" in (tmp_path / "sales.toml").read_text()
    (found,) = _units(dataset).values()
    assert (found["2025-01-02 00:00:00"], found["2025-12-13 00:00:00"]) == (1, 144)


@pytest.mark.parametrize(("header", "form", "frequency"), [
    ("year;month", "{0:%Y};{pl}", "M"), ("Jahr;Monat", "{0:%Y};{tr}", "M"), ("year;quarter", "{0:%Y};Q{1}", "Q"),
    ("year;quarter", "{0:%Y};{1}", "Q")])
def test_a_year_and_a_period_in_columns_of_their_own_are_put_together(header: str, form: str, frequency: str,
                                                                      tmp_path: Path) -> None:
    step = 3 if frequency == "Q" else 1
    months = [date(2021 + place * step // 12, place * step % 12 + 1, 1) for place in range(22)]
    named = [{key: names[month.month - 1] for key, names in _MONTHS.items()} for month in months]
    rows = [f"{form.format(month, (month.month + 2) // 3, **names)};Tee;{place + 5}"
            for place, (month, names) in enumerate(zip(months, named, strict=True))]
    (tmp_path / "sales.csv").write_text("\n".join([f"{header};item;demand", *rows, ""]))

    assert main(["--file", str(tmp_path / "sales.csv"), "--yes"]) == 0

    dataset = load_dataset(tmp_path / "sales.toml")
    assert dataset.frequency == frequency
    assert [*_units(dataset).values()] == [{f"{month} 00:00:00": place + 5 for place, month in enumerate(months)}]


@pytest.mark.parametrize("items", [("1.1", "1.10"), ("7.5", "8"), ("2026-03-01", "2026-03-02")])
def test_a_column_that_is_called_item_is_one_whatever_stands_in_it(items: tuple[str, ...], tmp_path: Path) -> None:
    rows = [f"{day};{item};{units}" for item in items for day, units in zip(_DAYS, _UNITS, strict=True)]
    (tmp_path / "sales.csv").write_text("\n".join(["date;item;demand", *rows, ""]))

    assert main(["--file", str(tmp_path / "sales.csv"), "--yes"]) == 0

    assert {one.item for one in _units(load_dataset(tmp_path / "sales.toml"))} == set(items)


@pytest.mark.parametrize(("names", "encodings"), [
    (("Łódź", "Gdańsk", "Świeca"), ("cp1250", "iso8859_2", "cp852")),
    (("Zürich", "Genève", "Käse"), ("cp1252", "mac_roman", "cp850")),
    (("Köln",), ("cp1252", "cp850")), (("Nîmes", "Orléans"), ("cp1252", "mac_roman", "cp850")),
    (("İzmir", "Eskişehir", "Kağıt", "Çay"), ("cp1254",)), (("Plzeň", "Čaj", "Káva"), ("cp1250", "cp852")),
    (("Москва", "Чай"), ("cp1251", "koi8_r", "cp866")), (("Győr", "Tű"), ("cp1250",)),
    (("São Paulo", "Maçã"), ("cp1252",)),
    (("東京", "お茶"), ("shift_jis",)), (("Αθήνα", "τσάι"), ("cp1253",))], ids=lambda value: value[0])
def test_the_encoding_is_told_by_the_letters_of_the_names(names: tuple[str, ...], encodings: tuple[str, ...],
                                                          tmp_path: Path) -> None:
    rows = [f"{day};{name};Tee;{units}" for name in names for day, units in zip(_DAYS, _UNITS, strict=True)]
    for encoding in encodings:
        (tmp_path / "sales.csv").write_bytes("\n".join(["date;region;item;demand", *rows, ""]).encode(encoding))

        assert main(["--file", str(tmp_path / "sales.csv"), "--yes", "--overwrite"]) == 0

        assert {one.region for one in _units(load_dataset(tmp_path / "sales.toml"))} == set(names)


def test_rows_that_stand_in_two_files_count_once(tmp_path: Path) -> None:
    for name, some in (("1", slice(0, 70)), ("2", slice(40, 90))):
        rows = [f"{day};Tee;{units}" for day, units in list(zip(_DAYS, _UNITS, strict=True))[some]]
        (tmp_path / f"{name}.csv").write_text("\n".join(["date;item;demand", *rows, ""]))

    assert main(["--file", str(tmp_path), "--yes", "--to", str(tmp_path / "made.toml")]) == 0

    (found,) = _units(load_dataset(tmp_path / "made.toml")).values()
    assert sum(found.values()) == sum(_UNITS)
    assert "30 rows stand in several files" in " ".join((tmp_path / "made.toml").read_text().replace("#", "").split())


def test_names_of_which_something_else_is_told_are_no_totals(tmp_path: Path) -> None:
    """A number that is written in two ways, a date that was a name, and UTF-8 that was misread."""
    misread = "Käse".encode().decode("cp1252")
    rows = [f"{day};{item};{units}" for place, (day, units) in enumerate(zip(_DAYS, _UNITS, strict=True))
            for item in ("10" if place % 2 else "10.0", "Tee", "2026-03-01 00:00:00", misread)]
    (tmp_path / "sales.csv").write_text("\n".join(["date;item;demand", *rows, ""]))

    assert main(["--file", str(tmp_path / "sales.csv"), "--yes"]) == 0

    found = _units(load_dataset(tmp_path / "sales.toml"))
    assert {one.item: sum(units.values()) for one, units in found.items()} == dict.fromkeys(
        ("10", "Tee", "2026-03-01 00:00:00", misread), sum(_UNITS))


def test_files_of_two_countries_are_refused_where_numbers_may_be_either(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, form in (("1", "{0}.500"), ("2", "{0},5")):
        rows = [f"{day};{name};Tee;{form.format(units)}" for day, units in zip(_DAYS, _UNITS, strict=True)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["date;region;item;demand", *rows, ""]))

    assert main(["--file", str(tmp_path), "--yes", "--to", str(tmp_path / "made.toml")]) == 2
    assert "may be 10500 or 10.500" in capsys.readouterr().err


_SHARED = Path(__file__).parents[4] / "shared"
_DATA = Path(os.environ.get("REAL_DATA_DIR") or _SHARED / "data")
_GIVEN = [*sorted(_DATA.glob("*_original_head.csv")),
          *(file for file in sorted(_DATA.parent.glob("cases/*/*"))
            if file.suffix in {".csv", ".xlsx", ".txt", ".zip", ".parquet"})]


def _units(dataset: Dataset) -> dict[RegionItem, dict[str, float]]:
    """Region-item -> date -> units, of those that can be used."""
    return {one.region_item: {str(row.date): row.demand for row in one.demand.dropna(subset=["demand"]).itertuples()}
            for one in look_through(dataset).usable if one.demand is not None}


def _described_by_hand(file: Path, proposed: Dataset) -> dict[RegionItem, dict[str, float]]:
    """What the case's own dataset file reads, which says nothing of several rows for a period; nothing where there is
    none, or the case is that it cannot be read so."""
    if not file.exists():
        return {}
    dataset = load_dataset(file)
    rules = dataset.rules.model_copy(update={"several_rows": proposed.rules.several_rows})
    try:
        return _units(dataset.model_copy(update={"rules": rules}))
    except SourceError:
        return {}


@pytest.mark.skipif(not _GIVEN, reason=f"the open data sets and the cases are not there: {_DATA} (REAL_DATA_DIR)")
@pytest.mark.parametrize("given", _GIVEN, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_data_from_the_world_gives_a_file_that_works_or_one_line(given: Path, tmp_path: Path,
                                                                 capsys: pytest.CaptureFixture[str]) -> None:
    made = tmp_path / "made.toml"

    status = main(["--file", str(given), "--yes", "--to", str(made)])

    if status == 0:
        found = _units(load_dataset(made))
        assert found
        truth = _described_by_hand(given.parent / "data.toml", load_dataset(made))
        assert not truth or found == truth
    else:
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
        assert not made.exists()


@pytest.mark.parametrize("mostly", [0, 1])
def test_the_default_that_is_proposed_fits_the_past_and_another_is_told(mostly: int, tmp_path: Path,
                                                                         capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{day},Nord,Tee,{units},{mostly if place % 9 else 1 - mostly}"
            for place, (day, units) in enumerate(zip(_DAYS, _UNITS, strict=True))]
    (tmp_path / "sales.csv").write_text("\n".join(["date,region,item,demand,promo", *rows, ""]))

    assert main(["--file", str(tmp_path / "sales.csv"), "--yes"]) == 0

    made = tmp_path / "sales.toml"
    promo = load_dataset(made).driver("promo")
    assert (promo.future, promo.default) == ("given", bool(mostly))
    capsys.readouterr()
    assert check(["--dataset", str(made)]) == 0
    assert "is planned as" not in capsys.readouterr().out
    written = made.read_text().replace(f"default = {str(bool(mostly)).lower()}", f"default = {str(not mostly).lower()}")
    made.write_text(written)
    assert check(["--dataset", str(made)]) == 0
    assert f"promo is planned as “{'no' if mostly else 'yes'}”, but 80 of its last 90 days" in capsys.readouterr().out


def test_what_is_the_same_of_an_item_or_a_region_is_proposed_as_an_attribute_and_read(tmp_path: Path) -> None:
    items = {"Tee": "Heiß;4711;ja;01.02.2020;12,5;Tee grün", "Saft": "Kalt;0815;nein;03.04.2021;7,25;Saft rot",
             "Milch": "Kalt;4711;nein;05.06.2022;9;Milch weiß"}
    lines = [f"{day.strftime('%d.%m.%Y')};{region};{item};{units};{item_columns};{size}"
             for region, size in (("Nord", 120), ("Süd", 80)) for item, item_columns in items.items()
             for day, units in zip(_DAYS, _UNITS, strict=True)]
    (tmp_path / "sales.csv").write_text("\n".join([
        "Datum;Filiale;Artikel;Menge;Warengruppe;Klasse;Bio;Name;Gewicht;Bezeichnung;Fläche", *lines, ""]))

    assert main(["--file", str(tmp_path / "sales.csv"), "--yes"]) == 0

    made = load_dataset(tmp_path / "sales.toml")
    assert [(one.name, one.of, one.kind) for one in made.attributes] == [
        ("warengruppe", "item", "text"), ("klasse", "item", "text"), ("bio", "item", "yes_no"),
        ("item_name", "item", "date"), ("gewicht", "item", "number"), ("flache", "region", "number")]
    found = AttributeReader(made, open_source(made)).read()
    assert found.items["Saft"] == {"warengruppe": "Kalt", "klasse": "0815", "bio": False, "gewicht": 7.25,
                                   "item_name": date(2021, 4, 3)}
    assert found.regions == {"Nord": {"flache": 120.0}, "Süd": {"flache": 80.0}}
    assert found.notices == ()
    assert made.driver_names == ()


@pytest.mark.parametrize(("yes", "no"), [("ja", "nein"), ("Oui", "Non"), ("SÍ", "NO"), ("si\u0301", "no"),
                                         ("sim", "não"), ("WAHR", "FALSCH"), ("да", "нет"), ("EVET", "HAYIR"),
                                         ("Evet", "Hayır"), ("igen", "nem"), ("Kyllä", "ei"), ("DA", "NU")])
def test_yes_and_no_are_read_in_other_languages(yes: str, no: str, tmp_path: Path) -> None:
    lines = [f"{day},Tee,{units},{yes if day.day % 3 else no}" for day, units in zip(_DAYS, _UNITS, strict=True)]
    (tmp_path / "sales.csv").write_text("\n".join(["date,item,demand,promo", *lines, ""]))

    assert main(["--file", str(tmp_path / "sales.csv"), "--yes"]) == 0

    seen = look_through(load_dataset(tmp_path / "sales.toml"))
    assert [driver.kind for driver in seen.dataset.drivers] == ["yes_no"]
    demand = seen.usable[0].demand
    assert demand is not None
    assert demand["promo"].sum() == sum(day.day % 3 > 0 for day in _DAYS)


def test_what_is_said_of_a_mark_for_yes_works(tmp_path: Path) -> None:
    lines = [f"{day},Tee,{units},{'x' if day.day % 3 else ''}" for day, units in zip(_DAYS, _UNITS, strict=True)]
    (tmp_path / "sales.csv").write_text("\n".join(["date,item,demand,on offer", *lines, ""]))

    assert main(["--file", str(tmp_path / "sales.csv"), "--yes"]) == 0

    made = tmp_path / "sales.toml"
    (advice,) = re.findall(r'columns\.expressions: "(.*?)"', " ".join(made.read_text().replace("#", "").split()))
    made.write_text(made.read_text().replace("[rules]", f'[columns.expressions]\noffer = "{advice}"\n\n[rules]', 1) + (
        '[[drivers]]\nname = "offer"\nkind = "yes_no"\n'))
    demand = look_through(load_dataset(made)).usable[0].demand
    assert demand is not None
    assert demand["offer"].tolist() == [float(day.day % 3 > 0) for day in _DAYS]


def test_make_check_looks_at_attributes_and_tables_of_events(tmp_path: Path,
                                                             capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sales.csv").write_bytes(_long("date,region,item,demand"))
    (tmp_path / "items.csv").write_text("id,category\nTee,Food\nSaft,Food\n")
    (tmp_path / "fairs.csv").write_text("from,to,region\n2025-02-01,,\n")
    (tmp_path / "shop.toml").write_text("""frequency = "D"
[source]
kind = "file"
path = "sales.csv"
[[calendar.events]]
name = "fair"
path = "fairs.csv"
[[attributes]]
name = "category"
of = "item"
[attribute_tables.item]
key = "id"
source = { kind = "file", path = "items.csv" }
[predecessor_table]
source = { kind = "file", path = "pairs.csv" }
""")
    (tmp_path / "pairs.csv").write_text("item,replaces\nTee,Kaffee\n")

    assert check(["--dataset", str(tmp_path / "shop.toml")]) == 0

    told = capsys.readouterr().out
    assert "[predecessor_table]: 'Tee'" in told
    assert "has no item 'Kaffee'" in told
    assert "1 item ('Saft') is in the table but not in the demand" in told
    assert "driver fair: unknown" not in told
    (tmp_path / "pairs.csv").write_text("new,replaces\nTee,Kaffee\n")
    assert check(["--dataset", str(tmp_path / "shop.toml")]) == 2
    assert "[predecessor_table]: " in capsys.readouterr().err
    (tmp_path / "items.csv").unlink()
    assert check(["--dataset", str(tmp_path / "shop.toml")]) == 2
    assert "[attribute_tables.item]: no file matches" in capsys.readouterr().err
