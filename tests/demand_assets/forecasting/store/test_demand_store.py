"""The demand store, on a local disk and in an object store (fsspec's memory file system)."""

from uuid import uuid4

import pandas as pd
import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.store.demand_store import DemandStore, NotInStoreError

KETTLE = RegionItem("north", "kettle")
ODD = RegionItem("Süd/West", "a|b:c. ")
DEMAND = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=3), "demand": [1.0, None, 3.0],
                       "event": ["fair", None, "Ostern"]})


@pytest.fixture(params=["disk", "object store"])
def store(request, tmp_path):
    return DemandStore(str(tmp_path) if request.param == "disk" else f"memory://{uuid4().hex}")


@pytest.mark.parametrize("region_item", [KETTLE, ODD])
def test_a_table_comes_back_as_it_was_written(store, region_item):
    store.write("demand", region_item, DEMAND)

    pd.testing.assert_frame_equal(store.read("demand", region_item), DEMAND)


def test_stages_and_region_items_are_kept_apart(store):
    store.write("demand", KETTLE, DEMAND)

    assert not store.has("quarantine", KETTLE)
    assert not store.has("demand", ODD)
    with pytest.raises(NotInStoreError, match=r"Materialise `quarantine` for partition 'north\|kettle'"):
        store.read("quarantine", KETTLE)


def test_writing_again_replaces(store):
    store.write("demand", KETTLE, DEMAND)
    store.write("demand", KETTLE, DEMAND.head(1))

    assert len(store.read("demand", KETTLE)) == 1


def test_removing_twice_is_no_error(store):
    store.write("demand", KETTLE, DEMAND)
    store.remove("demand", KETTLE)
    store.remove("demand", KETTLE)

    assert not store.has("demand", KETTLE)


def test_the_catalogue_is_region_major_and_empty_at_first(store):
    assert store.read_catalogue() == []

    store.write_catalogue([ODD, KETTLE])

    assert store.read_catalogue() == sorted([KETTLE, ODD])


def test_files_half_written_are_not_listed(store):
    store.write_bytes("journal/1.jsonl", b"one")
    store.write_bytes("journal/2.jsonl.1234.tmp", b"half")

    assert store.names("journal") == ["1.jsonl"]
    assert store.names("nothing here") == []


def test_the_disk_holds_no_temporary_file_after_writing(tmp_path):
    DemandStore(str(tmp_path)).write("demand", KETTLE, DEMAND)

    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["kettle.parquet"]


@pytest.mark.parametrize("count", [3, 150])
def test_what_is_stored_is_found_among_few_and_many(tmp_path, count):
    store = DemandStore(str(tmp_path))
    ones = [RegionItem("Süd/West", f"a|b:{number}") for number in range(count)]
    for one in ones[::2]:
        store.write("demand", one, pd.DataFrame({"demand": [1.0]}))

    assert store.stored("demand", ones) == ones[::2]
    assert store.stored("quarantine", ones) == []
