"""Parquet files of several pieces: region-items that are scattered over them, and that are not."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem

from demand_assets.forecasting.contract.source import written_out
from demand_assets.sources.catalogue import CatalogueBuilder
from demand_assets.sources.columns import ColumnPlan
from demand_assets.sources.file_formats.parquet_file import ParquetTable
from tests.demand_assets.sources.shop import dataset

ROWS, ITEMS = 120, 6
OWNER = np.arange(ROWS) % ITEMS
DAYS = np.datetime64("2024-01-01") + np.arange(ROWS) // ITEMS
SOLD = pa.array([None if n % 17 == 0 else n % 5 for n in range(ROWS)])
COLUMNS: dict[str, Any] = {
    "shop": pa.array([f"shop {owner % 2}" for owner in OWNER]), "article": pa.array([f"{owner}" for owner in OWNER]),
    "day": pa.array(DAYS), "sold": SOLD, "price": pa.array([1.5 if n < 60 else n / 7 for n in range(ROWS)]),
    "offer": pa.array([None if n % 11 == 0 else ["yes", "no"][n % 2] for n in range(ROWS)])}


def opened(path: Path, rows_a_piece: int) -> ParquetTable:
    """The file, looked through."""
    shop = dataset({"kind": "file", "path": str(path)})
    plan = ColumnPlan(shop)
    table = ParquetTable(LocalFileSystem(), str(path), plan, rows_a_piece=rows_a_piece)
    table.settle({})
    numbers = table.scan(CatalogueBuilder(shop, plan, pd.Timestamp("2025-01-01")))
    assert len(np.unique(numbers)) == ITEMS
    return table


@pytest.mark.parametrize("changed", [
    {}, {"sold": pa.array([None if n % 17 == 0 else Decimal(n % 5) for n in range(ROWS)], pa.decimal128(9, 2))},
    {"sold": pa.array([f"{n % 5}" if n % 50 else "see note" for n in range(ROWS)])},
    {"article": pa.array(OWNER)}, {"offer": COLUMNS["offer"].dictionary_encode()},
    {"day": COLUMNS["day"].cast(pa.timestamp("us"))}, {"offer": COLUMNS["offer"].cast(pa.large_string())}],
    ids=["plain", "decimals", "text", "numbers as names", "categories", "stamps", "large text"])
@pytest.mark.parametrize("order", ["date", "region-item"])
def test_rows_are_the_same_whatever_pieces_they_are_read_in(tmp_path: Path, changed: dict[str, Any],
                                                            order: str) -> None:
    table = pa.table({**COLUMNS, **changed})
    if order == "region-item":
        table = table.take(pa.array(np.argsort(OWNER, kind="stable")))
    path = tmp_path / "sales.parquet"
    pq.write_table(table, path, row_group_size=10)
    whole, pieces = opened(path, ROWS), opened(path, 20)

    for some in ([0, 1, 50, 119], np.arange(30, 95), [7], np.arange(ROWS)):
        positions = np.array(some, dtype=np.int64)
        found, expected = (written_out(each.rows(positions)) for each in (pieces, whole))
        pd.testing.assert_frame_equal(found, expected, check_exact=True)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())], ids=str)
def test_texts_are_told_apart_behind_a_nul_too(tmp_path: Path, kind: pa.DataType) -> None:
    """Texts are compared up to a NUL by pandas, where all of a column are texts."""
    path = tmp_path / "sales.parquet"
    offers = ["yes", "yes\0", "yes\0no", "no"]
    pq.write_table(pa.table({**COLUMNS, "offer": pa.array([offers[n % 4] for n in range(ROWS)]).cast(kind),
                             "sold": pa.array([f"{n}\0{n}" if n % 50 == 0 else f"{n}" for n in range(ROWS)])}), path)

    rows = written_out(opened(path, ROWS).rows(np.arange(ROWS)))

    assert pd.unique(rows["offer"]).tolist() == ["yes", "yes\ufffd", "yes\ufffdno", "no"]
    assert pd.factorize(rows["sold"])[0].tolist() == list(range(ROWS))
    assert rows["sold"][50] == "50\ufffd50"
