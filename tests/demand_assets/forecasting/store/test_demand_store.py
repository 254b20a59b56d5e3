"""The demand store, on a local disk and in an object store (fsspec's memory file system)."""

import io
import json
import pickle
import tempfile
from datetime import date
from pathlib import Path
from uuid import uuid4

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.attributes import Attributes
from demand_assets.forecasting.series.adjusted_demand import ADJUSTED as UNITS
from demand_assets.forecasting.store.demand_store import CATALOGUE, DemandStore
from demand_assets.forecasting.store.stored_files import DamagedFileError, NotInStoreError
from tests.demand_assets.damage import CONTENTS, PLACES, as_nobody, flipped

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


# Damage. Each kind, on a disk and in an object store, leaves the neighbours alone and ends with the next write.

TABLE, ADJUSTED = f"demand/{KETTLE.path}.parquet", f"adjustments/{KETTLE.path}.json"


def old_table(table: pd.DataFrame) -> bytes:
    """A table as it was written before files had checksums."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), buffer, compression="zstd")
    return buffer.getvalue()


@pytest.fixture
def two(store):
    for one in (KETTLE, ODD):
        store.write("demand", one, DEMAND)
    store.write_adjustments(KETTLE, {date(2024, 1, 1): 7.0})
    store.write_catalogue([KETTLE, ODD])
    return store


@pytest.mark.parametrize("damage", CONTENTS)
def test_a_damaged_table_is_as_good_as_missing_until_it_is_written_again(two, damage):
    two.write_bytes(TABLE, damage(two.read_bytes(TABLE)))

    with pytest.raises(DamagedFileError, match=r"the file demand/north/kettle\.parquet in the demand store is damaged"):
        two.read("demand", KETTLE)
    with pytest.raises(NotInStoreError):
        two.read("demand", KETTLE)
    pd.testing.assert_frame_equal(two.read("demand", ODD), DEMAND)
    two.write("demand", KETTLE, DEMAND)
    assert len(two.read("demand", KETTLE)) == 3


@pytest.mark.parametrize("damage", CONTENTS)
def test_a_table_of_before_there_were_checksums_that_is_damaged_is_never_an_error_of_another_kind(two, damage):
    before = old_table(DEMAND)
    two.write_bytes(TABLE, damage(before))

    if damage is flipped:  # which nobody can tell, where it is in a value
        two.write_bytes(TABLE, flipped(before, 8 * len(before) - 30))
    with pytest.raises(DamagedFileError):
        two.read("demand", KETTLE)


def test_no_flipped_bit_of_a_table_goes_unseen(tmp_path):
    store = DemandStore(str(tmp_path))
    store.write("demand", KETTLE, DEMAND)
    whole = store.read_bytes(TABLE)
    seen = 0
    for bit in range(0, 8 * len(whole), 97):
        (tmp_path / TABLE).write_bytes(flipped(whole, bit))
        try:
            pd.testing.assert_frame_equal(store.read("demand", KETTLE), DEMAND)
        except DamagedFileError:
            seen += 1

    assert seen > 0.9 * len(whole) * 8 / 97


def test_no_flipped_bit_of_a_table_of_before_raises_anything_else(tmp_path):
    store = DemandStore(str(tmp_path))
    (tmp_path / TABLE).parent.mkdir(parents=True)
    whole = old_table(DEMAND)
    refused = 0
    for bit in range(0, 8 * len(whole), 97):
        (tmp_path / TABLE).write_bytes(flipped(whole, bit))
        try:
            store.read("demand", KETTLE)
        except DamagedFileError:
            refused += 1

    assert refused


@pytest.mark.parametrize("stage", ["demand", "raw_demand", "quarantine", "demand_features"])
def test_another_region_items_file_in_the_place_of_ones_own_is_damage(store, stage):
    store.write(stage, ODD, DEMAND)
    store.write_bytes(f"{stage}/{KETTLE.path}.parquet", store.read_bytes(f"{stage}/{ODD.path}.parquet"))

    with pytest.raises(DamagedFileError, match="checksum"):
        store.read(stage, KETTLE)


@pytest.mark.parametrize(("stage", "table"), [
    ("demand", pd.DataFrame({"name": ["x"]})), ("quarantine", pd.DataFrame({"date": ["x"]})),
    ("demand", pd.DataFrame({"date": ["soon", "later"], "demand": [1.0, 2.0]})),
    ("demand", pd.DataFrame({"date": pd.to_datetime(["2024-01-02", "2024-01-01"]), "demand": [1.0, 2.0]})),
    ("demand", pd.DataFrame({"date": pd.to_datetime(["2024-01-02"]), "demand": ["many"]})),
    ("raw_demand", pd.DataFrame({"region": ["north"], "item": ["pan"], "date": ["x"], "demand": [1.0]}))])
def test_a_foreign_table_without_a_checksum_is_damage(store, stage, table):
    store.write_bytes(f"{stage}/{KETTLE.path}.parquet", old_table(table))

    with pytest.raises(DamagedFileError):
        store.read(stage, KETTLE)


def test_files_of_before_there_were_checksums_are_read_as_ever(store):
    store.write_bytes(TABLE, old_table(DEMAND))
    store.write_bytes(ADJUSTED, json.dumps({"2024-01-01": 7.0}).encode())
    store.write_bytes(CATALOGUE, json.dumps([["north", "kettle"]]).encode())

    assert store.read("demand", KETTLE)[UNITS].tolist()[0] == 7.0
    assert store.read_catalogue() == [KETTLE]


def test_a_table_with_a_checksum_is_a_parquet_file_like_any_other(store):
    store.write("demand", KETTLE, DEMAND)

    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(store.read_bytes(TABLE))), DEMAND)


@pytest.mark.parametrize("damage", CONTENTS)
@pytest.mark.parametrize("name", [ADJUSTED, CATALOGUE])
def test_a_damaged_json_file_is_told_and_ends_with_the_next_write(two, name, damage):
    two.write_bytes(name, damage(two.read_bytes(name)))
    read = two.read_catalogue if name == CATALOGUE else lambda: two.read("demand", KETTLE)

    with pytest.raises(DamagedFileError, match=name):
        read()
    assert len(two.read("demand", ODD)) == 3
    two.write_catalogue([KETTLE])
    two.write_adjustments(KETTLE, {date(2024, 1, 1): 8.0})
    read()


@pytest.mark.parametrize("damage", PLACES)
@pytest.mark.parametrize("name", [TABLE, ADJUSTED, CATALOGUE])
def test_what_stands_in_a_files_place_is_damage_and_put_aside_by_the_next_write(tmp_path, name, damage):
    store = DemandStore(str(tmp_path / "store"))
    store.write("demand", KETTLE, DEMAND)
    store.write_adjustments(KETTLE, {date(2024, 1, 1): 7.0})
    store.write_catalogue([KETTLE])
    if damage.__name__ == "make_file_of_folder" and name == CATALOGUE:
        pytest.skip("the store's own folder")
    damage(tmp_path / "store" / name)

    with pytest.raises(DamagedFileError):
        store.read_catalogue() if name == CATALOGUE else store.read("demand", KETTLE)
    store.write("demand", KETTLE, DEMAND)
    store.write_adjustments(KETTLE, {date(2024, 1, 1): 7.0})
    store.write_catalogue([KETTLE])
    assert store.read("demand", KETTLE)[UNITS].tolist()[0] == 7.0
    assert store.read_catalogue() == [KETTLE]
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_folder_in_the_place_of_adjustments_is_put_aside_when_there_are_none(tmp_path):
    store = DemandStore(str(tmp_path))
    store.write("demand", KETTLE, DEMAND)
    (tmp_path / ADJUSTED).mkdir(parents=True)

    store.write_adjustments(KETTLE, {})

    assert UNITS not in store.read("demand", KETTLE)


@pytest.fixture
def open_folder():
    """A folder that users other than root reach too."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def test_one_file_that_may_not_be_read_is_damage_and_a_whole_store_is_none(open_folder):
    store = DemandStore(str(open_folder))
    with as_nobody():
        store.write("demand", KETTLE, DEMAND)
        store.write("demand", ODD, DEMAND)
        (open_folder / TABLE).chmod(0)

        with pytest.raises(DamagedFileError, match="Permission denied"):
            store.read("demand", KETTLE)
        assert len(store.read("demand", ODD)) == 3
        store.write("demand", KETTLE, DEMAND)
        assert len(store.read("demand", KETTLE)) == 3
        open_folder.joinpath("demand").chmod(0o777)
    open_folder.chmod(0)
    with as_nobody(), pytest.raises(PermissionError):
        store.read("demand", KETTLE)
    open_folder.chmod(0o777)


def test_what_is_damaged_is_noted_once_until_it_is_made_again(two):
    for name in (TABLE, CATALOGUE):
        two.write_bytes(name, b"")
    for read in (lambda: two.read("demand", KETTLE), two.read_catalogue):
        with pytest.raises(DamagedFileError) as caught:
            read()
        two.note_damage(caught.value)
        two.note_damage(caught.value)

    catalogue, table = two.damages()
    assert (catalogue.name, catalogue.key, table.name, table.key) == (CATALOGUE, "", TABLE, KETTLE.key)
    assert not two.is_whole(table)
    two.write("demand", KETTLE, DEMAND)
    assert two.is_whole(table)
    assert not two.is_whole(catalogue)
    two.forget_damage(table)
    two.write_bytes(f"damaged/{CATALOGUE}.json", b"{")
    assert two.damages() == []
    assert two.damages() == []


def test_attributes_are_the_same_object_until_they_are_others(tmp_path):
    store, other = DemandStore(str(tmp_path)), DemandStore(str(tmp_path))
    store.write_attributes(Attributes({"kettle": {"category": "Food"}}, state="1"))
    first = store.read_attributes()

    assert other.read_attributes() is first
    assert pickle.loads(pickle.dumps(store)).read_attributes() is first
    other.write_attributes(Attributes({"kettle": {"category": "Tea"}}, state="2"))
    assert store.read_attributes().items == {"kettle": {"category": "Tea"}}
