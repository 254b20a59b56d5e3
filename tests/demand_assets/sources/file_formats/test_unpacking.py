"""Files that unpack to more than the machine may hold are refused in one line; what really is demand is read."""

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demand_assets.forecasting.contract.source import SourceError
from demand_assets.sources.files import Files
from tests.demand_assets.sources.shop import file_dataset, sales

LINE = b"north,7,2024-01-01,1,1.5,no\n"
HEADER = b"shop,article,day,sold,price,offer\n"
MILLION = HEADER + LINE * 40_000
"""Somewhat more than a million bytes."""


def zstandard(content: bytes) -> bytes:
    """The content in the format of zstd, as pyarrow writes it."""
    packed = pa.BufferOutputStream()
    with pa.CompressedOutputStream(packed, "zstd") as stream:
        stream.write(content)
    return packed.getvalue().to_pybytes()


PACKED: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress,
                                               "zst": zstandard}


def zipped(path: Path, **contents: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in contents.items():
            file.writestr(name.replace("_", "."), content)
    return path


def bomb(folder: Path, kind: str, content: bytes = MILLION) -> Path:
    """A file of that kind which unpacks to the content."""
    if kind == "zip":
        return zipped(folder / "sales.zip", sales_csv=content)
    if kind == "many in a zip":
        return zipped(folder / "sales.zip", **{f"part{number}_csv": content[:len(content) // 4] for number in range(5)})
    if kind == "zips in a zip":
        inner = zipped(folder / "inner.zip", sales_csv=content[:len(content) // 4]).read_bytes()
        return zipped(folder / "sales.zip", **{f"part{number}_zip": inner for number in range(5)})
    if kind == "gz in a zip":
        return zipped(folder / "sales.zip", sales_csv_gz=gzip.compress(content))
    path = folder / f"sales.csv.{kind}"
    path.write_bytes(PACKED[kind](content))
    return path


def refusal(path: Path, **source: object) -> str:
    with pytest.raises(SourceError) as raised:
        Files(file_dataset(path, **source)).catalogue()
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("kind", [*PACKED, "zip", "many in a zip", "zips in a zip", "gz in a zip"])
def test_what_unpacks_to_more_than_the_setting_says_is_refused(tmp_path: Path, kind: str) -> None:
    said = refusal(bomb(tmp_path, kind), most_unpacked_gb=0.001)

    assert "holds more than 0.001 GB once unpacked; at most so much is read. Split it, or raise " in said


@pytest.mark.parametrize("kind", [*PACKED, "zip", "gz in a zip"])
def test_what_packs_as_no_demand_does_is_refused_unless_the_setting_allows_it(
        tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demand_assets.sources.file_formats.unpacking.ANY_RATIO_UP_TO", 100_000)
    monkeypatch.setattr("demand_assets.sources.file_formats.unpacking.LARGEST_RATIO", 100)
    path = bomb(tmp_path, kind)

    said = refusal(path)
    assert "unpacks to more than 100 times its size" in said
    assert said.endswith("give source.most_unpacked_gb, the GB that it may hold once unpacked.")
    assert Files(file_dataset(path, most_unpacked_gb=0.1)).catalogue().region_items


@pytest.mark.parametrize("content", [b"\n" * 2_000_000, HEADER + b"\n" * 2_000_000, HEADER + b" " * 2_000_000,
                                     HEADER + b"\0" * 2_000_000, b'"' + LINE * 80_000])
def test_what_is_no_table_ends_as_early(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "sales.csv.gz"
    path.write_bytes(gzip.compress(content))

    assert "sales.csv.gz" in refusal(path, most_unpacked_gb=0.001)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_other_encodings_which_are_read_whole_are_limited_too(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "sales.csv.gz"
    path.write_bytes(gzip.compress(MILLION.decode().replace("north", "nörd").encode(encoding)))

    assert "once unpacked" in refusal(path, most_unpacked_gb=0.001, encoding=encoding)


def test_parquet_with_more_rows_than_memory_holds_is_refused(tmp_path: Path) -> None:
    path, table = tmp_path / "sales.parquet", pa.Table.from_pandas(sales()).slice(0, 1)
    pq.write_table(pa.concat_tables([table] * 30_000), path)

    assert path.stat().st_size < 100_000
    assert "values, which are 0.001 GB once unpacked" in refusal(path, most_unpacked_gb=0.001)
    assert Files(file_dataset(path, most_unpacked_gb=0.1)).catalogue().region_items


@pytest.mark.parametrize("is_sparse", [False, True])
def test_a_workbook_that_unpacks_to_too_much_is_refused(tmp_path: Path, is_sparse: bool) -> None:
    book, path = openpyxl.Workbook(), tmp_path / "sales.xlsx"
    book.active.append(["shop", "article", "day", "sold"])
    for number in range(20 if is_sparse else 5000):
        book.active.append(["north", "7", "2024-01-01", 1])
        if is_sparse:
            book.active.cell(number + 2, 16_384, "far")
    book.save(path)

    assert "once unpacked; at most so much is read" in refusal(path, most_unpacked_gb=0.0005)


@pytest.mark.parametrize("kind", [*PACKED, "zip", "gz in a zip"])
def test_packed_demand_is_read(tmp_path: Path, kind: str) -> None:
    path = bomb(tmp_path, kind, sales().to_csv(index=False).encode())

    source = Files(file_dataset(path))
    assert len(source.read(source.catalogue().region_items)) == 16


@pytest.mark.parametrize("kind", [*PACKED, "zip in a zip"])
def test_a_packed_file_is_read_as_the_file_itself(tmp_path: Path, kind: str) -> None:
    content = sales().to_csv(index=False).encode()
    if kind == "zip in a zip":
        inner = zipped(tmp_path / "inner.zip", sales_csv=content, readme_md=b"no table")
        path = zipped(tmp_path / "sales.zip", north_zip=inner.read_bytes())
    else:
        path = tmp_path / f"sales.csv.{kind}"
        path.write_bytes(PACKED[kind](content))
    (tmp_path / "plain.csv").write_bytes(content)
    source, plain = (Files(file_dataset(one)) for one in (path, tmp_path / "plain.csv"))

    names = source.catalogue().region_items

    assert names == plain.catalogue().region_items
    assert source.read(names).equals(plain.read(names))
    assert [name for name, _ in source.catalogue().skipped] == (
        [f"{path}, north.zip/readme.md"] if kind == "zip in a zip" else [])


@pytest.mark.parametrize("kind", PACKED)
def test_a_packed_file_that_was_cut_off_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"sales.csv.{kind}"
    lines = b"".join(b"north,%d,2024-01-01,1,1.5,no\n" % row for row in range(9000))
    path.write_bytes(PACKED[kind](HEADER + lines)[:-900])

    assert "is damaged: " in refusal(path)


def test_a_zip_with_another_ending_is_told_and_read_once_it_is_called_so(tmp_path: Path) -> None:
    content = sales().to_csv(index=False).encode()
    path = zipped(tmp_path / "sales.zip", sales_csv=content).rename(tmp_path / "sales.csv")

    assert "Call it .zip" in refusal(path)
    assert Files(file_dataset(path.rename(tmp_path / "sales.zip"))).catalogue().region_items
