"""Files as the world writes them: encodings, lines above the header, empty values, zips, folders, wide tables."""

import codecs
import gzip
import re
import zipfile

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.sources import open_source
from demand_assets.sources.file_formats.file_table import ROWS_A_PIECE
from demand_assets.sources.file_formats.parquet_file import pieces_of
from tests.demand_assets.sources.shop import file_dataset

HEADER = ["shop", "article", "day", "sold"]
ROWS = [["Łódź", "świeca", f"2024-01-0{day}", 10 + day] for day in range(1, 10)]
SOLD = [row[3] for row in ROWS]
CANDLE = RegionItem("Łódź", "świeca")


def text(delimiter=";", end="\n", above=(), tail="", header_tail="", header=HEADER):
    lines = [*above, delimiter.join(header) + header_tail, *(delimiter.join(map(str, row)) + tail for row in ROWS)]
    return end.join(lines) + end


def source(path, columns=None, **more):
    return open_source(file_dataset(path, columns, drivers=False, **more))


def sold(path, columns=None, of=CANDLE, **more):
    table = source(path, columns, **more).read([of])
    return pd.to_numeric(table.sort_values("row")["demand"]).tolist()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8", "utf-8-sig"])
@pytest.mark.parametrize("declared", [None, "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_byte_order_mark_tells_the_encoding(tmp_path, encoding, declared, end):
    if declared and "16" not in encoding:
        return
    marks = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
    (tmp_path / "a.txt").write_bytes(marks.get(encoding, b"") + text("\t", end).encode(encoding))

    assert sold(tmp_path / "a.txt", **({"encoding": declared} if declared else {})) == SOLD


def test_a_byte_order_mark_counts_more_than_what_is_declared(tmp_path):
    (tmp_path / "a.csv").write_bytes(text().encode("utf-8-sig"))

    assert sold(tmp_path / "a.csv", encoding="cp1252") == SOLD


def test_without_one_the_advice_works(tmp_path):
    (tmp_path / "a.csv").write_bytes(text().encode("utf-16-le"))

    with pytest.raises(SourceError, match=r"source\.encoding to 'utf-16-le'"):
        sold(tmp_path / "a.csv")
    assert sold(tmp_path / "a.csv", encoding="utf-16-le") == SOLD


@pytest.mark.parametrize(("content", "declared", "words"), [
    (text().encode("utf-16")[:-1], "utf-8", "is damaged"), (text().encode("utf-16-le"), "utf-16", "utf-16-le"),
    (text().encode(), "klingon", "klingon"), (b"\x00\x01\x02" * 100, "utf-8", "no text")])
def test_what_cannot_be_decoded_is_one_line(tmp_path, content, declared, words):
    (tmp_path / "a.csv").write_bytes(content)

    with pytest.raises(SourceError, match=words):
        sold(tmp_path / "a.csv", encoding=declared)


def test_windows_1252_is_advised_and_read(tmp_path):
    rows = "shop;article;day;sold\nKöln;Käse €;2024-01-01;5\n"
    (tmp_path / "a.csv").write_bytes(rows.encode("cp1252"))

    with pytest.raises(SourceError) as refused:
        source(tmp_path / "a.csv").catalogue()
    encoding = re.search(r"as in '(\S+)'", str(refused.value)).group(1)
    assert source(tmp_path / "a.csv", encoding=encoding).catalogue().region_items == (RegionItem("Köln", "Käse €"),)
    with pytest.raises(SourceError, match=r"0x80 to 0x9F.*'cp1252'"):
        source(tmp_path / "a.csv", encoding="latin-1").catalogue()


@pytest.mark.parametrize("above", [
    ["Sales report;;;", "Printed 2026-11-27;;;", ";;;"], ["Sales report", ""], ["sep=;"],
    ["Title, with commas, and more"], ['"a title\nof two lines";;;']])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_above_the_header_are_left_out(tmp_path, above, end):
    (tmp_path / "a.csv").write_bytes(text(above=above, end=end).encode())

    assert sold(tmp_path / "a.csv") == SOLD


def test_so_many_lines_can_be_declared(tmp_path):
    (tmp_path / "a.csv").write_text(text(above=["shop;article;day;sold", ""]))

    assert sold(tmp_path / "a.csv", skip_lines=2) == SOLD


def test_a_line_names_the_delimiter(tmp_path):
    (tmp_path / "a.csv").write_text(text("^", above=["sep=^"]))

    assert sold(tmp_path / "a.csv") == SOLD


@pytest.mark.parametrize(("header_tail", "tail"), [("", ";"), (";", ";"), (";", ""), (";;;", ";"), ("", ";;;"),
                                                  ("", "; ;"), ("; ", ";\t")])
def test_empty_values_beyond_the_header_are_none(tmp_path, header_tail, tail):
    (tmp_path / "a.csv").write_text(text(tail=tail, header_tail=header_tail))

    assert sold(tmp_path / "a.csv") == SOLD


@pytest.mark.parametrize("tail", [";", "; "])
def test_a_delimiter_at_the_end_of_some_lines_only(tmp_path, tail):
    lines = text().splitlines()
    (tmp_path / "a.csv").write_text("\n".join(line + tail * (place % 2) for place, line in enumerate(lines)))

    assert sold(tmp_path / "a.csv") == SOLD


def test_a_value_beyond_the_header_makes_the_line_a_broken_one(tmp_path):
    (tmp_path / "a.csv").write_text(text(tail=";").replace(";14;", ";14;5"))

    table = source(tmp_path / "a.csv").read([CANDLE])

    assert [value for value in table["demand"] if str(value).startswith("broken line")]
    assert "14" not in table["demand"].tolist()


def test_line_breaks_in_the_header(tmp_path):
    (tmp_path / "a.csv").write_text(text(header=["shop", "article", "day", '"Units\nsold"']))

    assert sold(tmp_path / "a.csv", {"demand": "Units\nsold"}) == SOLD


def test_two_columns_of_one_name_are_told_and_the_advice_works(tmp_path):
    rows = "\n".join(";".join(map(str, [*row, 99])) for row in ROWS)
    (tmp_path / "a.csv").write_text(f"shop;article;day;sold;sold\n{rows}\n")

    with pytest.raises(SourceError, match=r"2 columns 'sold'") as refused:
        sold(tmp_path / "a.csv")
    first, second = re.findall(r"'(sold \(\d\))'", str(refused.value))
    assert sold(tmp_path / "a.csv", {"demand": first}) == SOLD
    assert sold(tmp_path / "a.csv", {"demand": second}) == [99] * 9


def test_a_compressed_file_with_lines_above_the_header(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text(above=["Report"]).encode()))

    assert sold(tmp_path / "a.csv.gz") == SOLD


def test_a_damaged_compressed_file_is_one_line(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text().encode() * 50)[:-20])

    with pytest.raises(SourceError):
        sold(tmp_path / "a.csv.gz")


class TestFolders:
    @pytest.mark.parametrize("kind", ["csv", "parquet"])
    @pytest.mark.parametrize("pattern", ["", "*/*"])
    def test_names_in_the_path_are_columns(self, tmp_path, kind, pattern):
        for shop in ("north", "sout h"):
            folder = tmp_path / "sales" / f"shop={shop.replace(' ', '%20')}"
            folder.mkdir(parents=True)
            table = pd.DataFrame(ROWS, columns=HEADER).drop(columns="shop")
            if kind == "csv":
                table.to_csv(folder / "part-0.csv", index=False)
            else:
                table.to_parquet(folder / "part-0.parquet")
            (folder / "_SUCCESS").touch()

        path = tmp_path / "sales" / pattern if pattern else tmp_path / "sales"
        found = source(path).catalogue()

        assert [one.region for one in found.region_items] == ["north", "sout h"]
        assert found.skipped == ()
        assert sold(path, of=RegionItem("sout h", "świeca")) == SOLD

    def test_what_is_not_read_is_named(self, tmp_path):
        folder = tmp_path / "exports"
        (folder / "old").mkdir(parents=True)
        (folder / "a.csv").write_text(text())
        (folder / "b.xls").write_bytes(b"\xd0\xcf\x11\xe0")
        (folder / "notes.docx").write_bytes(b"PK")
        (folder / "old" / "c.csv").write_text(text())
        (folder / "empty.csv").touch()
        (folder / "_north.csv").write_text(text())
        (folder / "_SUCCESS").touch()

        skipped = {name.rsplit("/", 1)[1]: reason for name, reason in source(folder).catalogue().skipped}

        assert set(skipped) == {"b.xls", "notes.docx", "c.csv", "empty.csv", "_north.csv"}
        assert "stands beside .csv files" in skipped["b.xls"]

    def test_a_zip_of_several_files(self, tmp_path):
        rows = text().splitlines()
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
            packed.writestr("1.csv", "\n".join(rows[:5]))
            packed.writestr("folder/2.csv", "\n".join([rows[0], *rows[5:]]))
            packed.writestr("readme.pdf", "hello")

        found = source(tmp_path / "a.zip").catalogue()

        assert sold(tmp_path / "a.zip") == SOLD
        assert [name.split(", ")[1] for name, _ in found.skipped] == ["readme.pdf"]

    def test_a_broken_zip_is_one_line(self, tmp_path):
        (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 no zip")

        with pytest.raises(SourceError, match="no zip that can be read"):
            sold(tmp_path / "a.zip")


def workbook(path, sheets):
    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


CELLS = [HEADER, *[[shop, item, pd.Timestamp(day).to_pydatetime(), units] for shop, item, day, units in ROWS]]


class TestWorkbooks:
    def test_the_sheet_with_the_columns_is_read_and_the_others_are_named(self, tmp_path):
        path = workbook(tmp_path / "a.xlsx", {"Notes": [["hello"]], "Sales": [["Report"], [], *CELLS, [], [None]]})

        found = source(path).catalogue()

        assert sold(path) == SOLD
        assert ["sheet 'Notes'" in name for name, _ in found.skipped] == [True]

    def test_several_sheets_with_them_are_told_and_the_advice_works(self, tmp_path):
        path = workbook(tmp_path / "a.xlsx", {"2023": CELLS[:4], "2024": [HEADER, *CELLS[4:]]})

        with pytest.raises(SourceError, match="'2023', '2024'"):
            sold(path)
        assert sold(path, sheet="2023") == SOLD[:3]
        assert sold(path, sheet="*") == SOLD
        with pytest.raises(SourceError, match="no sheet '2022'"):
            sold(path, sheet="2022")

    def test_text_that_is_numbers_is_read_as_in_csv(self, tmp_path):
        cells = [HEADER, ["Łódź", "świeca", "2024-01-01", "1.234,5"], ["Łódź", "świeca", "2024-01-02", 7]]

        assert sold(workbook(tmp_path / "a.xlsx", {"a": cells})) == [1234.5, 7]

    @pytest.mark.parametrize("content", [b"PK\x03\x04 broken", b"\xd0\xcf\x11\xe0 old", b"text"])
    def test_what_is_none_is_one_line(self, tmp_path, content):
        (tmp_path / "a.xlsx").write_bytes(content)

        with pytest.raises(SourceError, match="CSV"):
            sold(tmp_path / "a.xlsx")


class TestWideTables:
    @pytest.mark.parametrize("kind", ["csv", "xlsx"])
    def test_each_date_is_a_period(self, tmp_path, kind):
        rows = [["shop", "article", "note", *(row[2] for row in ROWS)], ["Łódź", "świeca", "x", *SOLD],
                ["Łódź", "lampa", "y", *[1] * 9]]
        path = tmp_path / f"a.{kind}"
        if kind == "csv":
            path.write_text("\n".join(",".join(map(str, row)) for row in rows))
        else:
            workbook(path, {"a": rows})

        table = source(path).read([CANDLE])

        assert sold(path) == SOLD
        assert pd.to_datetime(table["date"]).dt.strftime("%Y-%m-%d").tolist() == [row[2] for row in ROWS]

    def test_months_are_read_as_their_format_says(self, tmp_path):
        (tmp_path / "a.csv").write_text("shop;article;01.2024;02.2024;03.2024\nŁódź;świeca;1,5;2;3\n")

        assert sold(tmp_path / "a.csv", {"date_format": "%m.%Y"}, frequency="M") == [1.5, 2, 3]

    @pytest.mark.parametrize(("header", "words"), [
        ("shop;article;2024-01-01;2024-01-01;2024-01-02", "2 columns '2024-01-01'"),
        ("article;2024-01-01;2024-01-02;2024-01-03", "no column 'shop' for region")])
    def test_what_keeps_one_from_being_read_is_told(self, tmp_path, header, words):
        (tmp_path / "a.csv").write_text(f"{header}\nŁódź;świeca;1;2;3\n")

        with pytest.raises(SourceError, match=words):
            sold(tmp_path / "a.csv")

    def test_a_long_table_that_is_called_wide_is_refused(self, tmp_path):
        (tmp_path / "a.csv").write_text(text())

        with pytest.raises(SourceError, match="columns whose names are dates"):
            sold(tmp_path / "a.csv", layout="wide")


class TestNames:
    def test_long_numbers_keep_their_digits_beside_a_null(self, tmp_path):
        ids = [100200300400500601, 100200300400500602, None]
        table = pd.DataFrame({"shop": "EU", "article": pd.array(ids, dtype="Int64"), "day": "2024-01-01", "sold": 1})
        table.to_parquet(tmp_path / "a.parquet", row_group_size=2)

        found = source(tmp_path / "a.parquet").catalogue()

        assert [one.item for one in found.region_items] == ["100200300400500601", "100200300400500602"]
        assert [rows for *_, rows in found.refused] == [1]

    def test_long_numbers_that_have_lost_digits_are_told(self, tmp_path):
        table = pd.DataFrame({"shop": "EU", "article": [1.0e17, 2.0e17], "day": "2024-01-01", "sold": 1})
        table.to_parquet(tmp_path / "a.parquet")

        with pytest.raises(SourceError, match="no longer have all their digits"):
            source(tmp_path / "a.parquet").catalogue()

    @pytest.mark.parametrize("other", ["Cafe\u0301 noir", "Caf\u00e9\u00a0noir", " Caf\u00e9\u202fnoir",
                                       "Caf\u00e9 noir\u200b"])
    def test_have_one_form(self, tmp_path, other):
        (tmp_path / "a.csv").write_text("shop,article,day,sold\nn,Caf\u00e9 noir,2024-01-01,1\n"
                                        f"n,{other},2024-01-02,2\n")

        found = source(tmp_path / "a.csv").catalogue()

        assert found.region_items == (RegionItem("n", "Caf\u00e9 noir"),)
        assert sold(tmp_path / "a.csv", of=found.region_items[0]) == [1, 2]

    @pytest.mark.parametrize("broken", ["Łódź,bolt, small,1,2,3,4", "Łódź,bolt,1,5,2,3,4", "Łódź,bolt,1,2"])
    def test_of_a_broken_line_of_a_wide_table_no_value_is_read(self, tmp_path, broken):
        (tmp_path / "a.csv").write_text("\n".join([
            "shop,article,2024-01-01,2024-01-02,2024-01-03,2024-01-04", "Łódź,świeca,11,12,13,14", broken]))
        found = source(tmp_path / "a.csv")

        assert sold(tmp_path / "a.csv") == [11, 12, 13, 14]
        for one in set(found.catalogue().region_items) - {CANDLE}:
            assert all(str(value).startswith("broken line") for value in found.read([one])["demand"])


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_ids_that_a_fraction_cannot_hold_are_refused(tmp_path, kind):
    table = pd.DataFrame(ROWS, columns=HEADER).assign(article=[123456789 if kind == "float32" else 10 ** 17] * 9)
    table.astype({"article": kind}).to_parquet(tmp_path / "a.parquet")

    with pytest.raises(SourceError, match="no longer have all their digits"):
        source(tmp_path / "a.parquet").catalogue()


NOTED = ["shop", "article", "day", "note", "sold", "price"]


def noted(path, lines):
    path.write_text("\n".join([",".join(NOTED), *lines]), encoding="utf-8")
    return source(path)


def line(day, note="x", article="7", sold=None):
    return f"n,{article},2024-01-{day:02},{note},{10 + day if sold is None else sold},{day}.5"


class TestQuotationMarks:
    @pytest.mark.parametrize("end", [line(5, '"x', "8"), line(5, 'x "quoted" y', "8"), None])
    def test_one_without_a_twin_sets_aside_the_lines_that_it_takes_in_and_says_so(self, tmp_path, end):
        lines = [line(1), line(2, '"x'), line(3), "", line(4, article="9"), end or line(5, article="8"), line(6)]
        found = noted(tmp_path / "a.csv", lines)

        tables = [found.read([RegionItem("n", article)]) for article in "789"]

        table = pd.concat(tables)
        told = table[table["demand"].astype(str).str.startswith("broken line (a quotation mark without its twin)")]
        read = sorted(pd.to_numeric(table["demand"], errors="coerce").dropna())
        assert {"2024-01-02", "2024-01-03", "2024-01-04"} <= set(told["date"].astype(str))
        assert len(told) + len(read) == 6
        assert set(read) <= {11, 15, 16}
        assert 11 in read

    def test_a_value_of_several_lines_is_one(self, tmp_path):
        found = noted(tmp_path / "a.csv", [line(1), line(2, '"one, two\nthree, four\n\nfive"'), "", line(3), ""])

        assert found.read([RegionItem("n", "7")])["demand"].tolist() == [11, 12, 13]

    def test_one_that_takes_in_very_many_lines_is_told_with_its_line(self, tmp_path):
        lines = [line(1), line(2, '"x'), *[line(3, "x" * 2000)] * 2000]

        found = noted(tmp_path / "a.csv", lines)

        with pytest.raises(SourceError, match="a quotation mark in line 3 opens a value that does not end"):
            found.catalogue()

    @pytest.mark.parametrize("article", ["7", "8"])
    def test_of_a_wide_table_too(self, tmp_path, article):
        (tmp_path / "a.csv").write_text("\n".join([
            "shop,article,note,2024-01-01,2024-01-02,2024-01-03", "n,6,x,1,2,3", 'n,7,"x,4,5,6', "n,8,x,7,8,9",
            'n,9,"x,10,11,12']))

        found = source(tmp_path / "a.csv").read([RegionItem("n", article)])

        assert all(str(value).startswith("broken line") for value in found["demand"])
        assert len(found) == 3


@pytest.mark.parametrize("expression", ["sold * 2", "where(note == 'x', 1, 0)", "where(sold > 0, sold, 0)"])
@pytest.mark.parametrize("broken", ["n,7,2024-01-02,x,1,234,9.99,no", "n,7,2024-01-02,x"])
def test_a_broken_line_is_refused_where_demand_is_calculated_and_its_drivers_are_unknown(tmp_path, expression, broken):
    (tmp_path / "a.csv").write_text("\n".join([",".join([*NOTED, "offer"]), line(1) + ",no", broken, line(3) + ",no"]))
    table = open_source(file_dataset(tmp_path / "a.csv", {"expressions": {"demand": expression}})).read(
        [RegionItem("n", "7")])

    assert str(table["demand"].iloc[1]).startswith("broken line")
    assert pd.isna(table["price"].iloc[1])
    assert table["price"].tolist()[::2] == [1.5, 3.5]


class TestIds:
    IDS = ("007", "100200300400500601", "100200300400500602")

    @pytest.mark.parametrize("expression", ["text(article)", "'a' + article", "article + '/' + text(article)"])
    @pytest.mark.parametrize("kind", ["csv", "xlsx", "parquet"])
    def test_within_expressions_are_never_numbers(self, tmp_path, expression, kind):
        rows = [("n", one, f"2024-01-0{day}", day) for day, one in enumerate(self.IDS, 1)]
        path = tmp_path / f"a.{kind}"
        if kind == "csv":
            pd.DataFrame([*rows, ("n", None, "2024-01-04", 1)], columns=HEADER).to_csv(path, index=False)
        elif kind == "xlsx":
            workbook(path, {"a": [HEADER, *rows]})
        else:
            ids = pd.array([int(one) for one in self.IDS[1:]] + [None], dtype="Int64")
            pd.DataFrame({"shop": "n", "article": ids, "day": "2024-01-01", "sold": 1}).to_parquet(path)
        made = {"'a' + article": "a{0}", "text(article)": "{0}"}.get(expression, "{0}/{0}")

        found = source(path, {"expressions": {"item": expression}}).catalogue()

        assert {made.format(one) for one in self.IDS[kind == "parquet":]} <= {one.item for one in found.region_items}

    def test_compared_with_text_keep_their_zeros(self, tmp_path):
        (tmp_path / "a.csv").write_text("shop,article,day,sold,code\nn,7,2024-01-01,5,007\nn,7,2024-01-02,6,008\n")

        table = source(tmp_path / "a.csv", {"expressions": {"demand": "where(code == '007', sold, 0)"}}).read(
            [RegionItem("n", "7")])

        assert table["demand"].tolist() == [5, 0]

    def test_that_excel_has_cut_to_15_digits_are_left_out_and_told(self, tmp_path):
        path = workbook(tmp_path / "a.xlsx", {"a": [HEADER, ["n", 100200300400500000, "2024-01-01", 1],
                                                    ["n", "100200300400500601", "2024-01-01", 1]]})

        found = source(path).catalogue()

        assert [one.item for one in found.region_items] == ["100200300400500601"]
        assert "spreadsheet has kept some digits only" in found.refused[0][2]


class TestEncodings:
    ROWS = "shop;article;day;sold\nKöln;Käse €;2024-01-0{};5\n"

    def test_files_of_two_encodings_in_one_folder_have_one_name(self, tmp_path):
        (tmp_path / "a.csv").write_bytes(self.ROWS.format(1).encode("cp1252"))
        (tmp_path / "b.csv").write_bytes(self.ROWS.format(2).encode())
        (tmp_path / "c.csv").write_bytes(self.ROWS.format(3).encode("utf-16"))
        begin, row = self.ROWS.format(4).splitlines()
        (tmp_path / "d.csv").write_text("\n".join([begin, *["n;7;2024-01-01;5"] * 20_000, row]), encoding="utf-8")

        with pytest.raises(SourceError, match="'cp1252', which reads 'K"):
            source(tmp_path).catalogue()
        found = source(tmp_path, encoding="cp1252")

        assert found.catalogue().region_items == (RegionItem("Köln", "Käse €"), RegionItem("n", "7"))
        assert len(found.read([RegionItem("Köln", "Käse €")])) == 4

    @pytest.mark.parametrize(("encoding", "name"), [("cp1251", "Москва"), ("cp932", "東京"), ("gb18030", "北京"),
                                                    ("cp1250", "Łódź"), ("cp1253", "Αθήνα"), ("cp1252", "Köln")])
    def test_the_advice_names_one_that_reads_the_names(self, tmp_path, encoding, name):
        content = f"shop;article;day;sold\n{name};7;2024-01-01;5\n".encode(encoding)
        (tmp_path / "a.csv").write_bytes(content)

        with pytest.raises(SourceError) as refused:
            source(tmp_path / "a.csv").catalogue()
        advised = re.search(r"as in '(\S+)', which reads '(\S+)'", str(refused.value))

        assert advised.group(2) == name
        assert source(tmp_path / "a.csv", encoding=advised.group(1)).catalogue().region_items[0].region == name

    def test_names_that_were_damaged_before_are_left_out_and_told(self, tmp_path):
        (tmp_path / "a.csv").write_text(self.ROWS.format(1) + "KÃ¶ln;Käse €;2024-01-02;5\n", encoding="utf-8")

        found = source(tmp_path / "a.csv").catalogue()

        assert found.region_items == (RegionItem("Köln", "Käse €"),)
        assert "is 'Köln', written in UTF-8 and read as something else" in found.refused[0][2]

    def test_utf_16_in_the_other_order_without_a_mark(self, tmp_path):
        (tmp_path / "a.csv").write_bytes(text().encode("utf-16-be"))

        with pytest.raises(SourceError, match=r"source\.encoding to 'utf-16-be'"):
            sold(tmp_path / "a.csv")
        assert sold(tmp_path / "a.csv", encoding="utf-16-be") == SOLD


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_headers_have_one_form(tmp_path, kind):
    header = ["shop", "article", "day", "Gro\u0308ße\u00a0(Stück)"]
    path = tmp_path / f"a.{kind}"
    if kind == "csv":
        path.write_text(text(header=header), encoding="utf-8")
    else:
        workbook(path, {"a": [header, *ROWS]})

    assert sold(path, {"demand": "Größe (Stück)"}) == SOLD
    assert sold(path, {"expressions": {"demand": "`Gro\u0308ße (Stu\u0308ck)` + 0"}}) == SOLD


@pytest.mark.parametrize("delimiter", [";", ","])
def test_of_a_misspelt_column_below_a_title_the_header_is_told(tmp_path, delimiter):
    (tmp_path / "a.csv").write_text(text(delimiter, above=["Sales report", f"printed{delimiter}today"],
                                         header=["shop", "article", "day", "sld"]))

    with pytest.raises(SourceError, match=r"has no column 'sold'.*'shop', 'article', 'day', 'sld'.*mean 'sld'"):
        sold(tmp_path / "a.csv")


def test_an_empty_file_in_a_zip_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("1.csv", "")
        packed.writestr("2.csv", text())
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as packed:
        packed.writestr("1.csv", "")

    assert sold(tmp_path / "a.zip") == SOLD
    assert "0 bytes" in source(tmp_path / "a.zip").catalogue().skipped[0][1]
    with pytest.raises(SourceError, match="nothing but files that are empty"):
        sold(tmp_path / "b.zip")


def test_cells_that_are_dates_beside_text_in_another_format(tmp_path):
    cells = [HEADER, ["Łódź", "świeca", pd.Timestamp("2024-01-13").to_pydatetime(), 1],
             ["Łódź", "świeca", "14.01.2024", 2], ["Łódź", "świeca", pd.Timestamp("2024-02-01").to_pydatetime(), 3]]
    path = workbook(tmp_path / "a.xlsx", {"a": cells})
    last = source(path, {"date_format": "%d.%m.%Y"}).catalogue().last_date

    assert last == pd.Timestamp("2024-02-01")


def test_joined_files_with_their_columns_in_another_order_are_refused(tmp_path):
    more = "\ufeffarticle;shop;day;sold\nświeca;Łódź;2024-02-01;5\n"
    (tmp_path / "a.csv").write_text(text() + more, encoding="utf-8")
    (tmp_path / "b.csv").write_text(text() + text(), encoding="utf-8")

    with pytest.raises(SourceError, match=r"Row 10 of .* is a header with its columns in another order"):
        source(tmp_path / "a.csv").catalogue()
    assert source(tmp_path / "b.csv").catalogue().region_items == (CANDLE,)


def test_a_compressed_file_by_another_name_is_told_what_to_call_it(tmp_path):
    (tmp_path / "a.csv").write_bytes(gzip.compress(text().encode()))

    with pytest.raises(SourceError, match=r"is compressed.*Call it \.csv\.gz"):
        sold(tmp_path / "a.csv")
    (tmp_path / "a.csv").rename(tmp_path / "a.csv.gz")
    assert sold(tmp_path / "a.csv.gz") == SOLD


def test_a_zero_byte_among_text_is_told_with_its_line(tmp_path):
    content = text().encode()
    (tmp_path / "a.csv").write_bytes(content.replace(b";13", b";13\0"))

    with pytest.raises(SourceError, match=r"holds 1 zero bytes, the first in line 4.*take them out"):
        sold(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_bytes(content.replace(b"\0", b""))
    assert sold(tmp_path / "a.csv") == SOLD


@pytest.mark.parametrize("kind", ["binary", "large", "dictionary", "fixed"])
def test_bytes_in_parquet_are_text(tmp_path, kind):
    made = {}
    for place, name in enumerate(HEADER):
        values = [str(row[place]).encode() for row in ROWS]
        size = len(values[0]) if kind == "fixed" else -1
        array = pa.array(values, pa.large_binary() if kind == "large" else pa.binary(size))
        made[name] = array.dictionary_encode() if kind == "dictionary" else array
    table = pa.table(made)
    pq.write_table(table, tmp_path / "a.parquet")

    assert sold(tmp_path / "a.parquet") == SOLD


def test_bytes_that_are_no_text_are_one_line(tmp_path):
    columns = {name: [str(row[place]) for row in ROWS] for place, name in enumerate(HEADER)}
    pq.write_table(pa.table(columns | {"article": [b"\xff\xfe"] * 9}), tmp_path / "a.parquet")

    with pytest.raises(SourceError, match="'article' holds bytes that are no text in UTF-8"):
        source(tmp_path / "a.parquet").catalogue()


def test_a_line_of_another_encoding_in_utf_8_is_told_and_no_encoding_advised(tmp_path):
    lines = text().encode().split(b"\n")
    lines[4] = lines[4].replace("Ł".encode(), b"\xa3")
    (tmp_path / "a.csv").write_bytes(b"\n".join(lines))

    with pytest.raises(SourceError, match=r"is UTF-8 but for 1 bytes, the first in line 5: .*Correct them there"):
        sold(tmp_path / "a.csv")


def test_lists_and_structures_in_parquet_are_one_line(tmp_path):
    table = pa.Table.from_pylist([dict(zip(HEADER, row, strict=True)) | {"article": {"id": 7}} for row in ROWS])
    pq.write_table(table, tmp_path / "a.parquet")

    with pytest.raises(SourceError, match=r"'article' .* holds struct<id: int64>, not one value a row"):
        source(tmp_path / "a.parquet").catalogue()


def with_sheets(path, **sheets):
    """A workbook with the rows, and on each further sheet the same with other demand."""
    book = Workbook()
    for number, title in enumerate(["data", *sheets]):
        sheet = book.active if not number else book.create_sheet(title)
        sheet.title = title
        sheet.sheet_state = sheets.get(title, "visible")
        for row in [HEADER, *ROWS]:
            sheet.append([*row[:3], row[3] if number == 0 or row is HEADER else 1000 * number])
    book.save(path)


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
@pytest.mark.parametrize("sheet", [None, "*"])
def test_sheets_that_excel_does_not_show_are_not_read_unless_named(tmp_path, state, sheet):
    with_sheets(tmp_path / "a.xlsx", old=state)

    assert sold(tmp_path / "a.xlsx", sheet=sheet) == SOLD
    [(name, reason)] = source(tmp_path / "a.xlsx", sheet=sheet).catalogue().skipped
    assert name.endswith("sheet 'old'")
    assert "hidden" in reason
    assert sold(tmp_path / "a.xlsx", sheet="old") == [1000] * len(ROWS)


def test_a_formula_without_a_value_is_never_nothing(tmp_path):
    book = Workbook()
    for row in [HEADER, *ROWS]:
        book.active.append([*row[:3], f"={row[3]}+0" if row[3] in (11, 12) else row[3]])
    book.save(tmp_path / "a.xlsx")

    demand = source(tmp_path / "a.xlsx").read([CANDLE]).sort_values("row")["demand"].astype(str).tolist()
    assert demand[0].startswith("=11+0 (its value is not in the file; open the workbook in Excel")
    assert demand[2:] == [str(units) for units in SOLD[2:]]


def test_formulas_for_names_are_one_line(tmp_path):
    book = Workbook()
    for row in [HEADER, *ROWS]:
        book.active.append([row[0], row[1] if row is HEADER else f'="{row[1]}"', *row[2:]])
    book.save(tmp_path / "a.xlsx")

    with pytest.raises(SourceError, match="'article' has formulas whose values are not in the file"):
        source(tmp_path / "a.xlsx").catalogue()


class TestRowsByDate:
    """Region-items scattered over a file: each is read whole, whatever lies between its rows."""

    ROWS = pd.DataFrame([(shop, article, f"2024-01-{day:02}", None if day == 3 else float(100 * place + day))
                         for day in range(1, 21) for place, (shop, article) in enumerate(
                             [("n", "x"), ("n", "y"), ("s", "x"), ("s", "z")])], columns=HEADER)

    @pytest.mark.parametrize("rows_a_group", [3, 7, 80])
    @pytest.mark.parametrize("kind", ["object", "category"])
    def test_of_parquet_in_any_row_groups(self, tmp_path, rows_a_group, kind):
        table = self.ROWS.astype({"article": kind}).assign(sold=self.ROWS["sold"].astype("Int64"))
        table.to_parquet(tmp_path / "a.parquet", row_group_size=rows_a_group)
        opened = source(tmp_path / "a.parquet")

        self.check(opened)

    def test_of_csv(self, tmp_path):
        self.ROWS.to_csv(tmp_path / "a.csv", index=False)

        self.check(source(tmp_path / "a.csv"))

    def test_small_row_groups_are_read_together(self):
        assert pieces_of([ROWS_A_PIECE - 4, 4, 1, ROWS_A_PIECE + 1, 2]) == [
            ([0, 1], ROWS_A_PIECE), ([2], 1), ([3], ROWS_A_PIECE + 1), ([4], 2)]

    def check(self, opened):
        expected = self.ROWS.assign(row=range(1, len(self.ROWS) + 1))
        region_items = opened.catalogue().region_items
        for some in (region_items, region_items[2:], region_items[:1], [region_items[3], region_items[0]]):
            read = opened.read(some).sort_values("row")
            wanted = expected[[RegionItem(shop, article) in some for shop, article in zip(
                expected["shop"], expected["article"], strict=True)]]
            assert read["row"].tolist() == wanted["row"].tolist()
            assert read["region"].tolist() == wanted["shop"].tolist()
            assert read["item"].tolist() == wanted["article"].tolist()
            assert pd.to_datetime(read["date"]).tolist() == pd.to_datetime(wanted["day"]).tolist()
            assert read["demand"].isna().tolist() == wanted["sold"].isna().tolist()
            assert read["demand"].dropna().tolist() == wanted["sold"].dropna().tolist()


def test_what_is_written_in_two_ways_and_read_alike_is_one_value(tmp_path):
    """A column that stays text, since one of its values is no number: its others are read all the same."""
    (tmp_path / "a.csv").write_text("shop;article;day;sold\n" + "".join(
        f"n;x;2024-01-0{day};{sold}\n" for day, sold in enumerate(
            ["1,5", " 1,5", "1,50", "see note", "", " ", "2,25"], 1)))
    opened = source(tmp_path / "a.csv")

    read = opened.read(opened.catalogue().region_items)["demand"]

    assert [value if isinstance(value, str) else None for value in read] == [
        "1.5", "1.5", "1.50", "see note", None, None, "2.25"]


def test_a_date_counts_where_it_has_known_demand_only(tmp_path):
    (tmp_path / "a.csv").write_text("shop;article;day;sold\n" + "".join(
        f"n;{item};2024-01-0{day};{day if day < 4 else ''}\n" for day in range(1, 7) for item in "xy"))

    assert source(tmp_path / "a.csv").catalogue().last_date == pd.Timestamp("2024-01-03")


def test_a_line_of_too_few_values_stays_in_its_place_among_coded_ones(tmp_path):
    lines = [f"n;x;2024-01-{day:02};{day}" for day in range(1, 21)]
    lines[6] = "n;x;2024-01-07"
    (tmp_path / "a.csv").write_text("\n".join(["shop;article;day;sold", *lines]))
    opened = source(tmp_path / "a.csv")

    read = opened.read(opened.catalogue().region_items).sort_values("row")

    assert read["date"].tolist() == [f"2024-01-{day:02}" for day in range(1, 21)]
    assert read["demand"].iloc[6].startswith("broken line")
    assert read["demand"].drop(index=6).tolist() == [str(day) for day in range(1, 21) if day != 7]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_another_table_below_is_refused_and_the_header_of_each_page_is_not(tmp_path, kind):
    def write(name, rows):
        if kind == "xlsx":
            return workbook(tmp_path / f"{name}.xlsx", {"a": rows})
        (tmp_path / f"{name}.csv").write_text("".join(";".join(map(str, row)) + "\n" for row in rows), encoding="utf-8")
        return tmp_path / f"{name}.csv"

    rows = [["Łódź", "świeca", f"2024-01-{day:02}", day] for day in range(1, 9)]
    other = [[*HEADER[:2], "day", "stock"], *([*row[:3], 500] for row in rows)]

    assert len(source(write("pages", [HEADER, *rows[:4], HEADER, *rows[4:]])).catalogue().region_items) == 1
    with pytest.raises(SourceError, match=r"Row 9 of .* is the header of another table: 'stock' stands there where"):
        source(write("tables", [HEADER, *rows, *other])).catalogue()
