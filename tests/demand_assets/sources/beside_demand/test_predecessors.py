"""Which rows of a dataset file and of a table name predecessors that the demand has, and the words for the others."""

import openpyxl
import pandas as pd
import pytest

from demand_assets.forecasting.contract.region_item import known_as
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.sources import open_source
from demand_assets.sources.beside_demand.predecessors import read_predecessors

ITEMS = ("7", "é", "new one", "007")


def dataset(path, rows=(), table=None):
    """Four items in two shops, the last in one alone."""
    sales = pd.DataFrame([(shop, item, "2024-01-01", 1) for shop in ("north", "south") for item in ITEMS
                          if (shop, item) != ("north", "007")], columns=["region", "item", "date", "demand"])
    sales.to_csv(path / "sales.csv", index=False)
    return Dataset.model_validate({
        "name": "shop", "frequency": "D", "source": {"kind": "file", "path": str(path / "sales.csv")},
        "predecessors": list(rows), "predecessor_table": table})


def read(described):
    return read_predecessors(described, open_source(described).catalogue())


def table(path, text, **entries):
    (path / "pairs.csv").write_text(text, encoding="utf-8")
    return {"source": {"kind": "file", "path": str(path / "pairs.csv")}, **entries}


def told(found):
    return [(link.item, link.of, link.region, link.scale, str(link.since or "")) for link in found.links]


def test_rows_of_file_and_table_are_put_together(tmp_path):
    found = read(dataset(tmp_path, [{"item": "7", "replaces": "é", "regions": ["north"]}], table(
        tmp_path, "neu;alt;Faktor;ab;wo\nnew one;7;0,5;31.01.2024;\n007;7;;;south\n;;;;\n", item="neu", replaces="alt",
        scale="Faktor", date="ab", region="wo", date_format="%d.%m.%Y")))

    assert told(found) == [("7", "é", "north", 1.0, ""), ("new one", "7", "", 0.5, "2024-01-31"),
                           ("007", "7", "south", 1.0, "")]
    assert found.notices == ()


def test_dates_in_two_orders_are_not_read_as_one_of_them(tmp_path):
    """31/01 shows that 02/03 may be either."""
    rows = "item,replaces,ab\nnew one,7,01/31/2024\n007,7,02/03/2024\n7,é,04/04/2024\n"

    found = read(dataset(tmp_path, table=table(tmp_path, rows, date="ab", date_format="%d/%m/%Y")))

    assert told(found) == [("7", "é", "", 1.0, "2024-04-04")]
    assert "'02/03/2024' may have day and month in each other's place" in " ".join(found.notices)


def test_ids_of_a_workbook_are_texts(tmp_path):
    book = openpyxl.Workbook()
    for row in (("item", "replaces"), ("new one", 7), ("7", "e\u0301")):
        book.active.append(row)
    book.save(tmp_path / "pairs.xlsx")

    found = read(dataset(tmp_path, table={"source": {"kind": "file", "path": str(tmp_path / "pairs.xlsx")}}))

    assert [(link.item, link.of) for link in found.links] == [("new one", "7"), ("7", "é")]


@pytest.mark.parametrize("frequency", ["D", "W", "M", "Q"])
@pytest.mark.parametrize("ids", [("20240131", "7"), ("202405", "202406"), ("00123", "7"), ("1.234", "2.345"),
                                 ("2024-01-01", "x"), ("1,5", "2,5")], ids=lambda ids: ids[0])
def test_ids_are_no_dates_whatever_they_look_like(tmp_path, ids, frequency):
    pd.DataFrame([("north", item, "2024-01-01", 1) for item in ids],
                 columns=["region", "item", "date", "demand"]).to_csv(tmp_path / "sales.csv", index=False)
    found = read(Dataset.model_validate({
        "name": "shop", "frequency": frequency, "source": {"kind": "file", "path": str(tmp_path / "sales.csv")},
        "predecessor_table": table(tmp_path, pd.DataFrame([ids], columns=["item", "replaces"]).to_csv(index=False))}))

    assert [(link.item, link.of) for link in found.links] == [ids]
    assert found.notices == ()


@pytest.mark.parametrize("in_table", [False, True])
def test_long_names_are_those_of_the_demand(tmp_path, in_table):
    new, old = (f"the {age} kettle of stainless steel " + "with a long description " * 12 for age in ("new", "old"))
    pd.DataFrame([("north", item, "2024-01-01", 1) for item in (new, old)],
                 columns=["region", "item", "date", "demand"]).to_csv(tmp_path / "sales.csv", index=False)
    pair = {"item": new, "replaces": old}
    found = read(Dataset.model_validate({
        "name": "shop", "frequency": "D", "source": {"kind": "file", "path": str(tmp_path / "sales.csv")},
        "predecessors": [] if in_table else [pair],
        "predecessor_table": table(tmp_path, f"item,replaces\n{new},{old}\n") if in_table else None}))

    assert [(link.item, link.of) for link in found.links] == [(known_as(new), known_as(old))]
    assert found.notices == ()


@pytest.mark.parametrize(("row", "words"), [
    ({"item": "new one", "replaces": "old one"}, "the demand has no item 'old one', so nothing is carried over"),
    ({"item": "newone", "replaces": "7"}, "no item 'newone', so nothing is carried over. It is used as soon as the "
                                          "demand has it. Perhaps 'new one' is meant"),
    ({"item": "7", "replaces": "new one", "regions": ["nord"]}, "no region 'nord', so nothing is carried over. Per"),
    ({"item": "new one", "replaces": "007", "regions": ["north"]}, "no region has both")])
def test_what_the_demand_has_not_is_told_in_a_line_and_not_used(tmp_path, row, words):
    found = read(dataset(tmp_path, [row, {"item": "é", "replaces": "7"}]))

    assert [(link.item, link.of) for link in found.links] == [("é", "7")]
    assert len(found.notices) == 1
    assert found.notices[0].startswith("[[predecessors]]: ")
    assert words in found.notices[0]


@pytest.mark.parametrize(("line", "words"), [
    ("7,,,", "row 1 is not used: replaces is empty"), (",7,,", "row 1 is not used: item is empty"),
    ("7,7,,", "an item cannot carry on its own demand"), ("é,7,many,", "scale is 'many' and no number"),
    ("é,7,0,", "the scale 0 is not possible"), ("é,7,inf,", "the scale inf is not possible"),
    ("é,7,1,soon", "date is 'soon' and no date"), ("é,7,1,2024-13-01", "date is '2024-13-01' and no date"),
    ("é,7", "row 1 is not used: its values stand under no column for certain"),
    ("new one,é,,", "closes a circle: 'new one' → 'é' → 'new one'"),
    ("é,new one,2,", "stands there more than once")])
def test_each_row_of_a_table_that_cannot_be_used_has_a_line(tmp_path, line, words):
    rows = f"item,replaces,scale,date\n{line}\né,new one,,\n"
    if "circle" in words or "once" in words:
        rows = f"item,replaces,scale,date\né,new one,,\n{line}\n"

    found = read(dataset(tmp_path, table=table(tmp_path, rows, scale="scale", date="date")))

    assert [(link.item, link.of) for link in found.links] == [("é", "new one")]
    assert len(found.notices) == 1
    assert words in found.notices[0]


def test_the_dataset_file_counts_before_its_table(tmp_path):
    found = read(dataset(tmp_path, [{"item": "7", "replaces": "é"}], table(tmp_path, "item,replaces\né,7\n")))

    assert [(link.item, link.of) for link in found.links] == [("7", "é")]
    assert "[predecessor_table]: 'é' replaces '7', which closes a circle" in found.notices[0]


def test_many_faults_do_not_fill_the_page(tmp_path):
    rows = "".join(f"7,none {number}\n" for number in range(80))

    found = read(dataset(tmp_path, table=table(tmp_path, f"item,replaces\n{rows}")))

    assert len(found.notices) == 51
    assert found.notices[-1] == "Predecessors: 30 more rows are not used."


@pytest.mark.parametrize("text", ["item,other\n7,é\n", ""])
def test_a_table_that_cannot_be_read_is_named(tmp_path, text):
    with pytest.raises(SourceError, match=r"\[predecessor_table\]"):
        read(dataset(tmp_path, table=table(tmp_path, text)))
