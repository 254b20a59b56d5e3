"""Attributes of items and regions: from the rows of demand or tables of their own, and how trouble is named."""

from datetime import date

import openpyxl
import pandas as pd
import pytest
import sqlalchemy as sa

from demand_assets.forecasting.contract.region_item import known_as
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.sources import open_source
from demand_assets.sources.beside_demand.attributes import AttributeReader

TEXT = {"name": "category", "of": "item"}


def demand(path, **columns):
    """Two items in two shops on two days, as CSV."""
    rows = pd.DataFrame([(shop, item, day, 1) for shop in ("north", "south") for item in ("7", "é")
                         for day in ("2024-01-01", "2024-01-02")], columns=["shop", "article", "day", "sold"])
    rows.assign(**columns).to_csv(path / "sales.csv", index=False)


def shop(path, attributes=(TEXT,), tables=None, **more):
    if not (path / "sales.csv").exists():
        demand(path)
    return Dataset.model_validate({
        "name": "shop", "frequency": "D", "source": {"kind": "file", "path": str(path / "sales.csv")},
        "columns": {"region": "shop", "item": "article", "date": "day", "demand": "sold"},
        "attributes": list(attributes), "attribute_tables": tables or {}, **more})


def read(dataset):
    return AttributeReader(dataset, open_source(dataset)).read()


def table(path, text, name="items.csv", encoding="utf-8"):
    (path / name).write_text(text, encoding=encoding)
    return {"item": {"key": "id", "source": {"kind": "file", "path": str(path / name)}}}


def test_all_kinds_of_a_table_are_read(tmp_path):
    tables = table(tmp_path, "id;category;fresh;size;launch\n7;Food;yes;1;31.01.2024\né;007;0;2,5;\n")
    found = read(shop(tmp_path, [TEXT, {"name": "fresh", "of": "item", "kind": "yes_no"},
                                 {"name": "size", "of": "item", "kind": "number"},
                                 {"name": "launch", "of": "item", "kind": "date", "date_format": "%d.%m.%Y"}], tables))

    assert found.items == {"7": {"category": "Food", "fresh": True, "size": 1.0, "launch": date(2024, 1, 31)},
                           "é": {"category": "007", "fresh": False, "size": 2.5}}
    assert found.regions == {}
    assert found.notices == ()


@pytest.mark.parametrize("written", ["e\u0301", " é ", "\u00e9\u00a0", "é\u200b"])
def test_ids_match_in_whichever_form_they_are_written(tmp_path, written):
    found = read(shop(tmp_path, tables=table(tmp_path, f"id,category\n7,Food\n{written},Tea\n")))

    assert found.items == {"7": {"category": "Food"}, "é": {"category": "Tea"}}


def test_rows_with_too_many_or_too_few_values_are_told_as_such(tmp_path):
    found = read(shop(tmp_path, tables=table(tmp_path, "id,category,size\n7,Food,1\né,Kitchen\n8,Food,3,4\n")))

    assert found.items == {"7": {"category": "Food"}}
    assert found.notices[0] == (
        "[attribute_tables.item]: row 2 is not used: its values stand under no column for certain "
        "(2 values, 3 columns): é,Kitchen; 1 more like it.")


def test_long_names_are_those_of_the_demand(tmp_path):
    long = "kettle of stainless steel " + "with a long description " * 12
    (tmp_path / "sales.csv").write_text(f"shop,article,day,sold\nnorth,{long},2024-01-01,1\n")
    found = read(shop(tmp_path, tables=table(tmp_path, f"id,category\n{long},Kitchen\n")))

    assert found.items == {known_as(long): {"category": "Kitchen"}}
    assert found.notices == ()


@pytest.mark.parametrize("frequency", ["D", "W", "M"])
@pytest.mark.parametrize("kind", ["csv", "sql"])
@pytest.mark.parametrize("ids", [["20240131", "7a", "8"], ["202405", "202406"], ["00123", "7"], ["1.234", "2.345"],
                                 ["2024-01-01", "x"], ["Total", "a", "b"], ["1.0", "2.0"], ["1,5", "2,5"],
                                 ["123456789012345678", "5"]], ids=lambda ids: ids[0])
def test_ids_are_no_dates_and_no_numbers_whatever_they_look_like(tmp_path, ids, kind, frequency):
    pd.DataFrame([("north", one, day, 1) for one in ids for day in ("2024-01-01", "2024-02-05")],
                 columns=["shop", "article", "day", "sold"]).to_csv(tmp_path / "sales.csv", index=False)
    rows = pd.DataFrame({"id": ids, "category": ids})
    if kind == "csv":
        source = table(tmp_path, rows.to_csv(index=False))["item"]["source"]
    else:
        engine = sa.create_engine(f"sqlite:///{tmp_path / 'items.db'}")
        rows.to_sql("items", engine, index=False)
        engine.dispose()
        source = {"kind": "sql", "url": f"sqlite:///{tmp_path / 'items.db'}", "table": "items"}
    found = read(shop(tmp_path, tables={"item": {"key": "id", "source": source}}, frequency=frequency))

    assert sorted(values["category"] for values in found.items.values()) == sorted(ids)
    assert found.notices == ()


def test_a_whole_number_without_its_fraction_is_the_same_id(tmp_path):
    found = read(shop(tmp_path, tables=table(tmp_path, "id,category\n7.0,Food\né,Tea\n,Cake\n")))

    assert found.items == {"7": {"category": "Food"}, "é": {"category": "Tea"}}
    assert found.notices == ()


def test_ids_that_do_not_match_are_told_both_ways(tmp_path):
    found = read(shop(tmp_path, tables=table(tmp_path, "id,category\n007,Food\né,Tea\n9,Tea\n")))

    assert found.items == {"é": {"category": "Tea"}}
    assert "2 items ('007', '9') are in the table but not in the demand" in found.notices[0]
    assert "1 item ('7') is in the demand but not in the table" in found.notices[1]


def test_an_id_that_stands_twice_with_two_values_has_none(tmp_path):
    found = read(shop(tmp_path, [TEXT, {"name": "size", "of": "item", "kind": "number"}],
                      table(tmp_path, "id,category,size\n7,Food,1\n7,Tea,1\né,Tea,\né,Tea,3\n")))

    assert found.items == {"7": {"size": 1.0}, "é": {"category": "Tea", "size": 3.0}}
    assert len(found.notices) == 1
    assert "of 1 item category stands there more than once" in found.notices[0]
    assert "'7': 'Food' and 'Tea'" in found.notices[0]


@pytest.mark.parametrize(("kind", "value"), [("number", "large"), ("number", "inf"), ("yes_no", "perhaps"),
                                            ("date", "31.31.2024"), ("text", "x" * 201)])
def test_a_value_of_another_kind_is_unknown_and_told(tmp_path, kind, value):
    found = read(shop(tmp_path, [{"name": "thing", "of": "item", "kind": kind}],
                      table(tmp_path, f"id,thing\n7,{value}\né,\n")))

    assert found.items == {}
    assert any("of 1 item it is not" in notice and value[:5] in notice for notice in found.notices)


@pytest.mark.parametrize(("text", "words"), [
    ("id,kind\n7,Food\n", "no column 'category' for the attribute category"),
    ("item,category\n7,Food\n", "no column 'id' for the item"),
    ("id,category\n", "no rows"), ("", "empty: 0 bytes"),
    ("id,category,category\n7,Food,Tea\n", "2 columns 'category'")])
def test_a_table_that_cannot_be_used_is_told_in_words(tmp_path, text, words):
    with pytest.raises(SourceError, match=r"^\[attribute_tables.item\]: ") as error:
        read(shop(tmp_path, tables=table(tmp_path, text)))

    assert words in str(error.value)


def test_a_missing_table_is_told_in_words(tmp_path):
    tables = {"item": {"key": "id", "source": {"kind": "file", "path": str(tmp_path / "none.csv")}}}

    with pytest.raises(SourceError, match=r"\[attribute_tables.item\]: no file matches .*none.csv"):
        read(shop(tmp_path, tables=tables))


def test_workbooks_parquet_and_databases_are_read_as_demand_is(tmp_path):
    pd.DataFrame({"id": ["7", "é"], "category": ["Food", "Tea"]}).to_parquet(tmp_path / "items.parquet")
    book = openpyxl.Workbook()
    for row in [("id", "category"), (7, "Food"), ("é", "Tea")]:
        book.active.append(row)
    book.save(tmp_path / "items.xlsx")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'items.db'}")
    pd.DataFrame({"id": ["7", "é"], "category": ["Food", "Tea"]}).to_sql("items", engine, index=False)
    engine.dispose()
    sources = [{"kind": "file", "path": str(tmp_path / name)} for name in ("items.parquet", "items.xlsx")]
    sources.append({"kind": "sql", "url": f"sqlite:///{tmp_path / 'items.db'}", "table": "items"})

    found = [read(shop(tmp_path, tables={"item": {"key": "id", "source": source}})) for source in sources]

    assert all(each.items == {"7": {"category": "Food"}, "é": {"category": "Tea"}} for each in found)
    assert [each.notices for each in found] == [(), (), ()]


def test_of_columns_of_the_demand_the_newest_known_value_counts_and_deviations_are_told(tmp_path):
    demand(tmp_path, group=["Tea", "Food", "", "Tea", "Tea", "Food", "Tea", None],
           area=["1,5", "", "1,5", "1,5", "20", "20", "20", "20"])
    found = read(shop(tmp_path, [TEXT | {"column": "group"}, {"name": "area", "of": "region", "kind": "number"}]))

    assert found.items == {"7": {"category": "Food"}, "é": {"category": "Tea"}}
    assert found.regions == {"north": {"area": 1.5}, "south": {"area": 20.0}}
    assert len(found.notices) == 1
    assert "of 1 item category is not the same in all rows; the newest counts" in found.notices[0]
    assert "'7': 'Tea' and 'Food'" in found.notices[0]


def test_a_column_that_the_demand_lacks_is_told_in_words(tmp_path):
    with pytest.raises(SourceError, match="no column 'category' for the attribute category"):
        read(shop(tmp_path))


def test_a_level_with_two_parents_is_refused_in_words(tmp_path):
    tables = table(tmp_path, "id,department,category\n7,Kitchen,Other\né,Garden,Other\n")
    attributes = [TEXT, {"name": "department", "of": "item"}]

    with pytest.raises(SourceError, match="the category 'Other' has two parents, the department 'Kitchen'"):
        read(shop(tmp_path, attributes, tables, hierarchies={"item": ["department", "category"]}))
    assert read(shop(tmp_path, attributes, tables, hierarchies={"item": ["category", "department"]})).items


@pytest.mark.parametrize(("rows", "words"), [
    (["7,Home,,Other", "é,Garden,,Other"], "the category 'Other' has two parents, the area 'Home'"),
    (["7,Home,,Other", "é,,Pots,Other", "8,Garden,Pots,Pans"], "the department 'Pots' has two")])
def test_a_level_with_two_parents_is_refused_across_levels_that_are_not_given(tmp_path, rows, words):
    (tmp_path / "sales.csv").write_text("shop,article,day,sold\n" + "".join(
        f"north,{one},2024-01-0{day},1\n" for one in ("7", "8", "é") for day in (1, 2)))
    lines = "".join(f"{line}\n" for line in rows)
    tables = table(tmp_path, f"id,area,department,category\n{lines}")

    with pytest.raises(SourceError, match=words):
        read(shop(tmp_path, [TEXT, {"name": "department", "of": "item"}, {"name": "area", "of": "item"}], tables,
                  hierarchies={"item": ["area", "department", "category"]}))


def test_a_parent_that_is_not_known_is_that_of_others_of_the_same_value(tmp_path):
    tables = table(tmp_path, "id,area,department,category\n7,Home,Kitchen,Other\né,,,Other\n")

    found = read(shop(tmp_path, [TEXT, {"name": "department", "of": "item"}, {"name": "area", "of": "item"}], tables,
                      hierarchies={"item": ["area", "department", "category"]}))

    assert found.items["é"] == {"category": "Other", "department": "Kitchen", "area": "Home"}
    assert any("1 item ('é') is without a known area; it is taken from others of the same category" in notice
               for notice in found.notices)


def test_a_parent_that_no_other_has_stays_unknown(tmp_path):
    tables = table(tmp_path, "id,department,category\n7,Kitchen,Pans\né,,Other\n")

    found = read(shop(tmp_path, [TEXT, {"name": "department", "of": "item"}], tables,
                      hierarchies={"item": ["department", "category"]}))

    assert found.items["é"] == {"category": "Other"}
    assert found.notices == ()


def test_the_state_changes_with_the_table_and_with_what_is_declared(tmp_path):
    tables = table(tmp_path, "id,category\n7,Food\n")
    dataset = shop(tmp_path, tables=tables)
    reader = AttributeReader(dataset, open_source(dataset))
    first = reader.state()

    assert reader.state() == first == AttributeReader(dataset, open_source(dataset)).state() == read(dataset).state
    (tmp_path / "items.csv").write_text("id,category\n7,Drinks\n")
    second = reader.state()
    other = shop(tmp_path, [TEXT | {"label": "Group"}], tables)
    assert len({first, second, AttributeReader(other, open_source(other)).state()}) == 3
