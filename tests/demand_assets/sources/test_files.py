"""CSV and Parquet files as a source: what is read, what is cheap, and how trouble is named."""

import os

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demand_assets.forecasting.contract.region_item import RegionItem, known_as
from demand_assets.forecasting.contract.source import SourceError, written_out
from demand_assets.sources import open_source
from demand_assets.sources.files import not_read_beside
from tests.demand_assets.sources.shop import NORTH_7, SOUTH_7, SOUTH_ODD, file_dataset, sales


@pytest.fixture(params=["csv", "parquet"])
def file(request, tmp_path):
    path = tmp_path / f"sales.{request.param}"
    write(sales(), path)
    return path


def write(table, path):
    if path.suffix == ".parquet":
        table.to_parquet(path, row_group_size=3)
    else:
        table.to_csv(path, index=False)


def read(path, region_items=(NORTH_7,), **described):
    return open_source(file_dataset(path, **described)).read(list(region_items))


def test_the_catalogue_names_region_items_and_the_last_demand(file):
    catalogue = open_source(file_dataset(file)).catalogue()

    assert catalogue.region_items == (RegionItem("east", "8"), NORTH_7, SOUTH_7, SOUTH_ODD)
    assert catalogue.last_date == pd.Timestamp("2024-01-03")
    assert catalogue.refused == ()


@pytest.mark.parametrize(("names", "is_read"), [
    (["a.csv", "b.feather", "c.json", "d.xls", "e.ods"], "a.csv"), (["b.feather", "c.json", "d.ods"], "b.feather"),
    (["c.json", "d.jsonl.gz"], "c.json d.jsonl.gz"), (["c.json", "d.ods"], "d.ods"),
    (["a.parquet", "c.json"], "a.parquet"), (["a.xlsx", "d.xls"], "a.xlsx"),
    (["a.zip", "c.json", "README.md"], "a.zip")])
def test_what_stands_beside_files_that_were_always_read_is_not_read_too(names, is_read):
    beside = not_read_beside(names)

    assert " ".join(name for name in names if name not in beside and name != "README.md") == is_read
    assert all("name it in source.path if it is meant" in reason for reason in beside.values())


def test_files_of_other_kinds_beside_csv_files_are_named(tmp_path):
    write(sales(), tmp_path / "a.csv")
    sales().to_feather(tmp_path / "a.feather")
    (tmp_path / "meta.json").write_text('{"made": "by hand"}')

    catalogue = open_source(file_dataset(tmp_path)).catalogue()

    assert len(read(tmp_path)) == 4
    assert [name.rpartition("/")[2] for name, _ in catalogue.skipped] == ["a.feather", "meta.json"]
    assert len(read(tmp_path / "a.feather")) == 4  # as it is said


def test_only_the_region_items_asked_for_are_read_under_our_names(file):
    table = read(file, [SOUTH_ODD, NORTH_7])

    assert list(table.columns) == ["region", "item", "row", "date", "demand", "price", "promo"]
    assert table["row"].tolist() == [1, 2, 3, 4, 9, 10, 11, 12]
    assert table["item"].unique().tolist() == ["7", "a|b/c:d.é"]
    assert table["demand"].tolist()[:3] == [1, 2, 3]
    assert table["promo"].tolist()[:3] == ["no", "no", "yes"]
    assert pd.to_datetime(table["date"]).iloc[3] == pd.Timestamp("2024-01-04")


@pytest.mark.parametrize("form", ["csv", "parquet", "xlsx"])
def test_long_names_are_kept_beside_the_short_ones_that_stand_for_them(tmp_path, form):
    long, longer = "Teekanne, 茶壺: " * 12 + "!", "Teekanne, 茶壺: " * 12 + "?"
    table = sales()
    table["article"] = [[long, longer][n % 2] for n in range(len(table))]
    path = tmp_path / f"sales.{form}"
    table.to_excel(path, index=False) if form == "xlsx" else write(table, path)

    source = open_source(file_dataset(path))
    catalogue = source.catalogue()
    rows = source.read([one for one in catalogue.region_items if one.region == "north"])

    assert set(catalogue.long_names.values()) == {long, longer}
    assert {catalogue.long_names[one.item] for one in catalogue.region_items} == {long, longer}
    assert rows.groupby("item", observed=True)["demand"].sum().to_dict() == table[table["shop"] == "north"].assign(
        article=table["article"].map(known_as)).groupby("article")["sold"].sum().to_dict()
    assert not catalogue.refused


def test_texts_that_occur_often_stay_as_the_file_keeps_them_and_are_written_out_as_they_were(tmp_path):
    table = pd.concat([sales()] * 3, ignore_index=True)
    write(table, tmp_path / "sales.csv")

    rows = read(tmp_path / "sales.csv")

    assert [name for name in rows if rows[name].dtype == "category"] == ["region", "item", "date", "promo"]
    texts = written_out(rows)
    assert not [name for name in texts if texts[name].dtype == "category"]
    mine = table[(table["shop"] == "north") & (table["article"] == "7")]
    assert (texts["date"].tolist(), texts["promo"].tolist()) == (mine["day"].tolist(), mine["offer"].tolist())


def test_region_items_that_are_not_there_have_no_rows(file):
    table = read(file, [RegionItem("west", "7")])

    assert len(table) == 0
    assert list(table.columns) == ["region", "item", "row", "date", "demand", "price", "promo"]


def test_a_glob_reads_all_files_and_counts_rows_through(tmp_path):
    for shop, rows in sales().groupby("shop"):
        rows.to_csv(tmp_path / f"{shop}.csv", index=False)

    assert len(open_source(file_dataset(tmp_path / "*.csv")).catalogue().region_items) == 4
    assert read(tmp_path / "*.csv")["row"].tolist() == [5, 6, 7, 8]
    assert read(tmp_path)["row"].tolist() == [5, 6, 7, 8]


def test_an_object_stores_url_is_read():
    sales().to_csv("memory://shop/sales.csv", index=False)

    assert len(read("memory://shop/*.csv")) == 4


def test_numbers_and_dates_of_parquet_keep_their_types(tmp_path):
    table = sales().assign(day=pd.to_datetime(sales()["day"]).dt.date, article=[7] * 16)
    table.to_parquet(tmp_path / "sales.parquet")

    dates = read(tmp_path / "sales.parquet")["date"]

    assert pd.api.types.is_datetime64_dtype(dates)


@pytest.mark.parametrize("articles", [[7, 8], [7.0, 8.0], ["7", "8"], ["7.0", "8.0"], [" 7", "8 "]])
def test_numbers_as_names_are_text_without_a_fraction(tmp_path, articles):
    table = pd.DataFrame({"shop": "north", "article": articles * 2, "day": ["2024-01-01"] * 2 + ["2024-01-02"] * 2,
                          "sold": 1})
    for path in (tmp_path / "a.csv", tmp_path / "a.parquet"):
        write(table, path)
        catalogue = open_source(file_dataset(path, drivers=False)).catalogue()
        assert catalogue.region_items == (NORTH_7, RegionItem("north", "8"))


@pytest.mark.parametrize("kind", [pa.string_view(), pa.large_string(), pa.binary_view()], ids=str)
def test_names_are_read_in_whatever_way_parquet_stores_text(tmp_path, kind):
    table = pa.Table.from_pandas(sales(), preserve_index=False)
    for name in ("shop", "day"):
        table = table.set_column(table.column_names.index(name), name, pa.array(table[name].to_pylist(), kind))
    pq.write_table(table, tmp_path / "sales.parquet")

    assert read(tmp_path / "sales.parquet")["demand"].tolist()[:3] == [1, 2, 3]


def test_leading_zeros_and_the_name_na_stay(tmp_path):
    (tmp_path / "a.csv").write_text("shop,article,day,sold\nNA,007,2024-01-01,1\n")

    catalogue = open_source(file_dataset(tmp_path / "a.csv", drivers=False)).catalogue()

    assert catalogue.region_items == (RegionItem("NA", "007"),)


def test_dirty_values_reach_the_quarantine_as_they_are(tmp_path):
    lines = ["shop,article,day,sold", "north,7,2024-01-01,5", "north,7,2024-01-02,abc", 'north,7,2024-01-03,"1,23"',
             "north,7,soon,NaN"]
    (tmp_path / "a.csv").write_text("\n".join(lines))

    table = read(tmp_path / "a.csv", drivers=False)

    assert table["demand"].tolist() == ["5", "abc", "1.23", "NaN"]
    assert table["date"].tolist()[3] == "soon"


def test_a_line_with_too_many_or_too_few_values_is_one_dirty_row_in_its_place(tmp_path):
    lines = ["shop,article,day,note,sold", "north,7,2024-01-01,x,5", "north,7,2024-01-02,x,1,234", "",
             "north,7,2024-01", "north,7,2024-01-04,x,6"]
    (tmp_path / "a.csv").write_text("\n".join(lines))

    table = read(tmp_path / "a.csv", drivers=False)

    assert table["row"].tolist() == [1, 2, 3, 4]
    assert table["demand"].tolist() == [
        "5", "broken line (6 values, 5 columns): north,7,2024-01-02,x,1,234",
        "broken line (3 values, 5 columns): north,7,2024-01", "6"]
    assert table["date"].tolist() == ["2024-01-01", "2024-01-02", "2024-01", "2024-01-04"]


def test_line_breaks_inside_quotes_belong_to_the_value(tmp_path):
    (tmp_path / "a.csv").write_text('shop,article,day,note,sold\nnorth,7,2024-01-01,"x\ny",5\n')

    assert read(tmp_path / "a.csv", drivers=False)["demand"].tolist() == [5]


def test_spreadsheets_in_other_countries(tmp_path):
    text = "\ufeffshop; article ;day;sold\nnörd;7;01.02.2024;1,5\n"
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")

    table = read(tmp_path / "a.csv", [RegionItem("nörd", "7")], drivers=False, decimal=",",
                 columns={"date_format": "%d.%m.%Y"})

    assert table["demand"].tolist() == [1.5]


def test_one_dirty_value_leaves_the_numbers_with_a_decimal_comma_alone(tmp_path):
    values = ["1,5", "abc", "1.234", "12.5", "1.234,5", "", "-2"]
    lines = [f"north;7;2024-01-{day:02};{value}" for day, value in enumerate(values, start=1)]
    (tmp_path / "a.csv").write_text("\n".join(["shop;article;day;sold", *lines]))

    table = read(tmp_path / "a.csv", drivers=False, decimal=",")

    assert table["demand"].tolist() == ["1.5", "abc", "1234", "12.5 (the decimal mark is ,)", "1234.5", None, "-2"]


def test_another_encoding_must_be_named(tmp_path):
    (tmp_path / "a.csv").write_text("shop,article,day,sold\nnörd,7,2024-01-01,5\n", encoding="latin-1")

    with pytest.raises(SourceError, match=r"no utf-8 text.*Set source.encoding"):
        read(tmp_path / "a.csv", drivers=False)
    assert len(read(tmp_path / "a.csv", [RegionItem("nörd", "7")], drivers=False, encoding="latin-1")) == 1


def test_a_source_without_region_and_item(tmp_path):
    (tmp_path / "a.csv").write_text("month,passengers\n1949-01,112\n1949-02,118\n")
    columns = {"region": "", "item": "", "date": "month", "demand": "passengers"}
    described = {"columns": columns, "drivers": False, "frequency": "M"}

    catalogue = open_source(file_dataset(tmp_path / "a.csv", **described)).catalogue()

    assert catalogue.region_items == (RegionItem("all", "all"),)
    assert catalogue.last_date == pd.Timestamp("1949-02-01")
    assert read(tmp_path / "a.csv", [RegionItem("all", "all")], **described)["demand"].tolist() == [112, 118]


def test_demand_dated_in_the_future_does_not_move_the_end_of_the_dataset(tmp_path):
    table = pd.concat([sales(), sales().head(1).assign(day="2199-01-01")])
    write(table, tmp_path / "a.csv")

    assert open_source(file_dataset(tmp_path / "a.csv")).catalogue().last_date == pd.Timestamp("2024-01-03")


def test_a_few_rows_dated_later_than_the_rest_do_not_move_the_end_of_the_dataset(tmp_path):
    write(pd.concat([sales(), sales().head(1).assign(day="2024-05-01")]), tmp_path / "a.csv")

    assert open_source(file_dataset(tmp_path / "a.csv")).catalogue().last_date == pd.Timestamp("2024-01-03")


def test_columns_whose_names_differ_in_capitals_only_are_read(tmp_path):
    rows = sales()
    rows[rows["shop"] == "north"].to_csv(tmp_path / "1.csv", index=False)
    rows[rows["shop"] == "south"].rename(columns={"sold": "Sold", "day": "DAY"}).to_csv(tmp_path / "2.csv", index=False)

    assert read(tmp_path, [NORTH_7, SOUTH_7])["demand"].tolist()[:3] * 2 == [1, 2, 3, 1, 2, 3]
    assert open_source(file_dataset(tmp_path)).catalogue().region_items == (NORTH_7, SOUTH_7, SOUTH_ODD)


def test_names_that_cannot_be_used_are_refused_with_the_reason(tmp_path):
    (tmp_path / "a.csv").write_text("shop,article,day,sold\nnorth,7,2024-01-01,5\nnorth,,2024-01-01,5\n")

    catalogue = open_source(file_dataset(tmp_path / "a.csv", drivers=False)).catalogue()

    assert catalogue.region_items == (NORTH_7,)
    assert catalogue.refused == (("north", "", "item '' is empty", 1),)


def test_the_fingerprint_changes_with_the_file(file):
    source = open_source(file_dataset(file))
    before = source.fingerprint()
    assert source.fingerprint() == before

    write(pd.concat([sales(), sales().head(1).assign(day="2024-01-05"), sales()[8:9].assign(day="2024-01-05")]), file)
    os.utime(file, (1, 1))

    assert source.fingerprint() != before
    assert source.catalogue().last_date == pd.Timestamp("2024-01-05")
    assert len(source.read([NORTH_7])) == 5


def test_new_region_items_are_found(file):
    source = open_source(file_dataset(file))
    source.catalogue()
    write(pd.concat([sales(), sales().head(1).assign(article="new")]), file)

    assert RegionItem("north", "new") in source.catalogue().region_items


def test_columns_that_are_not_needed_are_not_read(tmp_path):
    write(sales().assign(note="x"), tmp_path / "a.parquet")

    assert "note" not in read(tmp_path / "a.parquet").columns


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_missing_column_is_named_with_those_there_are(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    write(sales().rename(columns={"sold": "Sold_"}), path)

    with pytest.raises(SourceError) as caught:
        open_source(file_dataset(path)).catalogue()

    assert "has no column 'sold' for demand; it has 'shop', 'article', 'day', 'Sold" in str(caught.value)
    assert "Did you mean" in str(caught.value)


@pytest.mark.parametrize(("name", "content", "words"), [
    ("a.csv", b"", "is empty: 0 bytes"), ("a.parquet", b"", "is empty: 0 bytes"),
    ("a.csv", b"shop,article,day,sold,price,offer\n", "has a header and no rows"),
    ("a.parquet", b"no parquet", "is no readable Parquet file"), ("a.csv", b"PAR1\0\1\2", "is no CSV file"),
    ("a.xlsx", b"PK", "no Excel workbook that can be read"), ("a.docx", b"PK", "nor an Excel workbook by its name"),
    ("a.csv", b"shop,article,day,sold,price,offer\n,,2024-01-01,1,1,no\n", "no region-item that can be used")])
def test_files_that_cannot_be_read_say_why(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(SourceError, match=words):
        open_source(file_dataset(tmp_path / name)).catalogue()


def test_no_file_matches(tmp_path):
    with pytest.raises(SourceError, match=r"no file matches .*nothing-\*.csv"):
        open_source(file_dataset(tmp_path / "nothing-*.csv")).fingerprint()


def test_a_protocol_that_nothing_here_speaks():
    with pytest.raises(SourceError, match=r"(?i)cannot be opened: .*protocol"):
        open_source(file_dataset("nosuch://bucket/a.csv")).catalogue()


def test_paths_take_names_from_the_environment(tmp_path):
    write(sales(), tmp_path / "a.csv")
    described = file_dataset("${SALES_DIR}/a.csv")

    assert len(open_source(described, environment={"SALES_DIR": str(tmp_path)}).read([NORTH_7])) == 4
    with pytest.raises(SourceError, match="needs the environment variable SALES_DIR, which is not set"):
        open_source(described, environment={})


def test_secrets_stay_out_of_messages():
    described = file_dataset("file:///nothing/${STORE_TOKEN}/a.csv")

    with pytest.raises(SourceError) as caught:
        open_source(described, environment={"STORE_TOKEN": "s3cret"}).catalogue()

    assert "s3cret" not in str(caught.value)
    assert "${STORE_TOKEN}" in str(caught.value)


def test_the_last_date_moves_with_the_day_while_no_file_changes(file, monkeypatch):
    source = open_source(file_dataset(file))
    seen = []
    for today in ("2024-01-02", "2024-01-03"):
        monkeypatch.setattr(source, "today", lambda today=today: pd.Timestamp(today))
        seen.append(source.catalogue().last_date)

    assert seen == [pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-02")]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_file_of_very_many_columns_is_refused_before_it_is_read(tmp_path, suffix):
    path = tmp_path / f"sales.{suffix}"
    if suffix == "csv":
        path.write_text(",".join(f"c{number}" for number in range(200_000)) + "\n")
    else:
        pq.write_table(pa.table({f"c{number}": [1] for number in range(10_001)}), path)

    with pytest.raises(SourceError, match=r"columns; at most 10,000 are read"):
        read(path)


def test_a_first_line_without_end_is_refused(tmp_path):
    (tmp_path / "sales.csv").write_text("x" * 3_000_000)

    with pytest.raises(SourceError, match=r"first line of .* more than 2,000,000 bytes"):
        read(tmp_path / "sales.csv")


def test_a_footer_that_tells_very_much_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "sales.parquet"
    with path.open("wb") as file:
        file.truncate(300_000_000)  # takes no room on disk
        file.seek(300_000_000 - 8)
        file.write((250_000_000).to_bytes(4, "little") + b"PAR1")

    with pytest.raises(SourceError, match=r"250,000,000 bytes; at most 100,000,000"):
        read(path)
