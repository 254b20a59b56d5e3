"""The catalogue of a source: totals among its rows are seen, and left out where the dataset file says so."""

import pandas as pd
import pytest

from demand_assets.forecasting.contract.source import SourceError
from demand_assets.sources import open_source
from tests.demand_assets.sources.shop import file_dataset, write_items


def table(regions, items, total_region=None, total_item=None):
    rows = pd.DataFrame([(region, item, f"2024-01-0{day}", 10 * place + 7 * other + day)
                         for place, region in enumerate(regions, 1) for other, item in enumerate(items, 1)
                         for day in (1, 2, 3)], columns=["shop", "article", "day", "sold"])
    if total_item:
        rows = pd.concat([rows, rows.groupby(["shop", "day"], as_index=False)["sold"].sum().assign(article=total_item)])
    if total_region:
        rows = pd.concat([rows, rows.groupby(["article", "day"], as_index=False)["sold"].sum().assign(
            shop=total_region)])
    return rows


def catalogue(path, rows, **rules):
    rows.to_csv(path / "a.csv", index=False)
    dataset = file_dataset(path / "a.csv", drivers=False)
    return open_source(dataset.model_copy(update={"rules": dataset.rules.model_copy(update=rules)})).catalogue()


@pytest.mark.parametrize("name", ["Total", "TOTAL", "Gesamt", "Grand total", "All items"])
def test_a_total_over_items_is_told(tmp_path, name):
    found = catalogue(tmp_path, table(["a", "b"], ["x", "y"], total_item=name))

    notices = found.notices
    assert found.totals == {("item", name)}
    assert len(notices) == 1
    assert f"The item {name!r} is the sum of the others" in notices[0]
    assert f"rules.leave_out_items = [{name!r}]" in notices[0]


def test_a_total_over_regions_is_told(tmp_path):
    notices = catalogue(tmp_path, table(["a", "b"], ["x", "y"], total_region="All")).notices

    assert [notice.split(",")[0] for notice in notices] == ["The region 'All' is the sum of the others"]


def test_a_total_by_another_name_is_told_where_it_can_be_no_chance(tmp_path):
    notices = catalogue(tmp_path, table(["a"], ["v", "w", "x", "y"], total_item="9999")).notices

    assert "The item '9999'" in notices[0]


def test_the_advice_leaves_it_out(tmp_path):
    rows = table(["a", "b"], ["x", "y"], total_region="All", total_item="Total")

    found = catalogue(tmp_path, rows, leave_out_items=("Total",), leave_out_regions=("All",))

    assert found.notices == ()
    assert [one.key for one in found.region_items] == ["a|x", "a|y", "b|x", "b|y"]


def test_rules_that_leave_out_every_item_are_said(tmp_path):
    with pytest.raises(SourceError, match=r"no region-item left: rules\.leave_out_regions and"):
        catalogue(tmp_path, table(["a"], ["x", "y"]), leave_out_items=("x", "y"))


def test_names_to_leave_out_have_one_form_and_those_that_are_none_are_told(tmp_path):
    rows = table(["a", "b"], ["x", "Caf\u00e9"])

    found = catalogue(tmp_path, rows, leave_out_items=("Cafe\u0301 ", "Totl"), leave_out_regions=("c",))

    assert [one.key for one in found.region_items] == ["a|x", "b|x"]
    assert [notice.split(",")[0] for notice in found.notices] == [
        "rules.leave_out_regions names 'c'", "rules.leave_out_items names 'Totl'"]


def test_a_brand_that_is_called_total_is_none(tmp_path):
    assert catalogue(tmp_path, table(["a", "b"], ["x", "y", "Total cereal"])).notices == ()


def test_lines_below_the_table_are_no_region_items(tmp_path):
    write_items(tmp_path / "a.csv", *["7"] * 9)
    with (tmp_path / "a.csv").open("a") as file:
        file.write("\nTotal,all of them,,45\nSource: till,,,\n")

    found = open_source(file_dataset(tmp_path / "a.csv", drivers=False)).catalogue()

    assert [one.item for one in found.region_items] == ["7"]
    assert any("looks like a line below or above the table" in reason for *_, reason, _ in found.refused)


def test_headers_among_the_rows_are_no_region_item(tmp_path):
    part = "shop,article,day,sold\nnorth,7,2024-01-0{0},{0}\n"
    (tmp_path / "a.csv").write_text("".join(part.format(day) for day in range(1, 7)))

    catalogue = open_source(file_dataset(tmp_path / "a.csv", drivers=False)).catalogue()

    assert [one.key for one in catalogue.region_items] == ["north|7"]
    assert [reason for *_, reason, rows in catalogue.refused if rows == 5] == [
        "it is the header among the rows, as of files that were joined"]
