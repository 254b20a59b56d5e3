"""What [[predecessors]] may say, and the words for what it may not."""

import datetime

import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import DatasetFileError, load_dataset
from demand_assets.forecasting.dataset.predecessors import Link, Predecessors

SHOP = 'frequency = "D"\n[source]\nkind = "file"\npath = "sales.csv"\n'


def load(tmp_path, *rows):
    file = tmp_path / "shop.toml"
    file.write_text(SHOP + "".join(f"[[predecessors]]\n{row}\n" for row in rows))
    return load_dataset(file).predecessors


def test_a_row_names_items_regions_a_scale_and_a_date(tmp_path):
    (one,) = load(tmp_path, 'item = "new"\nreplaces = "old"\nregions = ["n", "s"]\nscale = 0.8\ndate = 2024-05-01')

    assert [(link.region, link.scale, link.since) for link in one.links] == [
        ("n", 0.8, datetime.date(2024, 5, 1)), ("s", 0.8, datetime.date(2024, 5, 1))]
    assert str(one.links[0]) == "'new' replaces 'old' in 'n'"


@pytest.mark.parametrize(("rows", "words"), [
    (['item = "a"\nreplaces = "a"'], "'a' replaces 'a': an item cannot carry on its own demand"),
    (['item = "a"\nreplaces = " a\\u00a0"'], "an item cannot carry on its own demand"),
    (['item = "a"\nreplaces = "b"', 'item = "b"\nreplaces = "a"'], "closes a circle: 'b' → 'a' → 'b'"),
    (['item = "a"\nreplaces = "b"', 'item = "b"\nreplaces = "c"', 'item = "c"\nreplaces = "a"\nregions = ["n"]'],
     "closes a circle: 'c' → 'a' → 'b' → 'c'"),
    (['item = "a"\nsimilar = ["b"]', 'item = "b"\nreplaces = "a"'], "closes a circle"),
    (['item = "a"\nreplaces = "b"', 'item = "a"\nreplaces = "b"\nscale = 2'], "stands there more than once"),
    (['item = "a"\nreplaces = "b"', 'item = "a"\nsimilar = ["c"]'], "either from what it replaces or from similar"),
    (['item = "a"'], "give either replaces"), (['item = "a"\nreplaces = "b"\nsimilar = ["c"]'], "give either replaces"),
    (['item = ""\nreplaces = "b"'], "item is empty"),
    (['item = "a"\nreplaces = "b"\nscale = 0'], "the scale 0 is not possible"),
    (['item = "a"\nreplaces = "b"\nscale = -1'], "the scale -1 is not possible"),
    (['item = "a"\nreplaces = "b"\nscale = nan'], "the scale nan is not possible"),
    (['item = "a"\nreplaces = "b"\nscale = inf'], "the scale inf is not possible"),
    (['item = "a"\nreplaces = "b"\ndate = "soon"'], "date"),
    (['item = "a"\nreplaces = "b"\nold = "c"'], "predecessors.0.old")])
def test_what_cannot_be_is_refused_in_words(tmp_path, rows, words):
    with pytest.raises(DatasetFileError, match="is wrong") as caught:
        load(tmp_path, *rows)

    assert words in str(caught.value)


def test_each_fault_has_a_line(tmp_path):
    with pytest.raises(DatasetFileError) as caught:
        load(tmp_path, 'item = "a"\nreplaces = "a"', 'item = "b"\nreplaces = "b"')

    assert sum("cannot carry on its own demand" in line for line in str(caught.value).splitlines()) == 2


def test_chains_splits_and_two_items_in_one_are_allowed(tmp_path):
    assert len(load(tmp_path, 'item = "c"\nreplaces = "b"', 'item = "b"\nreplaces = "a"', 'item = "d"\nreplaces = "a"',
                    'item = "c"\nreplaces = "x"', 'item = "x"\nreplaces = "y"\nregions = ["n"]',
                    'item = "y"\nreplaces = "x"\nregions = ["s"]')) == 6


def test_a_region_of_its_own_counts_before_all_regions():
    found = Predecessors((Link("new", "old"), Link("new", "older", region="n")))

    assert [link.of for link in found.of(RegionItem("n", "new"))] == ["older"]
    assert [link.of for link in found.of(RegionItem("s", "new"))] == ["old"]
    assert found.of(RegionItem("s", "old")) == ()


def test_links_are_read_as_they_were_written():
    found = Predecessors((Link("new", "old", "similar", "n", 0.5, datetime.date(2024, 1, 1), "x"),), ("so",), "problem")

    assert Predecessors.from_json(found.to_json()) == found
