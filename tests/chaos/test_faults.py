"""Faults are done, and undone; here to a product that is not started."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.faults import Faults
from tests.chaos.product import Product, small_disk
from tests.chaos.schedule import Act
from tests.chaos.stepped_clock import SteppedClock

SMALL_FILE = b"x" * 1000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[bool]:
    with small_disk(tmp_path / "state") as is_there:
        yield is_there


@pytest.fixture
def product(tmp_path: Path, disk: bool) -> Product:
    return Product(tmp_path, {})


@pytest.fixture
def faults(product: Product, tmp_path: Path, disk: bool) -> Faults:
    return Faults(product, SteppedClock(tmp_path / "clock"), disk)


def test_nothing_fits_on_a_full_disk_until_it_is_undone(faults, product, disk):
    if not disk:
        pytest.skip("this user may not mount a disk")
    file = product.state / "file"
    faults.fill_disk()

    with pytest.raises(OSError, match="No space left"):
        file.write_bytes(SMALL_FILE * 10)

    faults.undo()
    file.write_bytes(SMALL_FILE * 10)
    assert [each.name for each in product.state.iterdir()] == ["file"]


@pytest.mark.parametrize(("kind", "place"), [
    ("demand", "demand/demand/north/kettle.parquet"), ("raw", "demand/raw_demand/north/kettle.parquet"),
    ("catalogue", "demand/catalogue.json"), ("journal", "demand/journal/20261128/1.json"),
    ("cached model", "web/models/tiny.north.kettle/3/own.ubj"),
    ("cached pooled model", "web/models/tiny.pooled/1/pooled.ubj")])
def test_damage_is_done_to_a_file_of_that_kind_alone(faults, product, kind, place):
    others = ("demand/demand/north/pan.parquet", "demand/raw_demand/north/pan.parquet", "demand/catalogue.json",
              "demand/journal/20261128/1.json", "web/models/tiny.north.kettle/3/own.ubj", "web/models/.again-1/own.ubj",
              "web/models/tiny.pooled/1/pooled.ubj", "web/app.db")
    for name in {*others, place}:
        (product.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (product.folder / name).write_bytes(SMALL_FILE)

    faults.damage(Act(0.0, "damage", kind, picks=(0.0, 0.0)))

    changed = {str(file.relative_to(product.folder)) for file in product.folder.rglob("*")
               if file.is_file() and file.read_bytes() != SMALL_FILE}
    assert changed == {place}
    assert faults.done == {f"damage {kind}": 1}


def test_what_is_not_there_is_neither_killed_nor_counted(faults):
    assert faults.signal(signal.SIGKILL, ["web", "run", "launcher"], 0.5, "kill") == []
    assert not faults.done.total()
    assert faults.spent == set()
