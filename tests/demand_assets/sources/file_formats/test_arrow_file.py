"""Arrow and Feather files, and Parquet files of which several columns hold demand."""

from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.feather as pf
import pytest

from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.sources import open_source

TABLE = pd.DataFrame({"date": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-01"]), "region": "Ulm",
                      "item": pd.array([123456789012345678, 123456789012345678, None], dtype="Int64"),
                      "demand": ["1.234,5", "7", "8"]})
READ = {"Ulm · 123456789012345678": {"2024-01-01": 1234.5, "2024-01-02": 7.0}}


def values(path: Path, **source: Any) -> dict[str, dict[str, float]]:
    opened = open_source(Dataset.model_validate({"name": "sales", "frequency": "D", "source": {
        "kind": "file", "path": str(path), **source}}))
    return {str(one): {str(day)[:10]: float(sold) for day, sold in opened.read([one])[["date", "demand"]].itertuples(
        index=False)} for one in opened.catalogue().region_items}


@pytest.mark.parametrize("compression", ["lz4", "zstd", "uncompressed"])
def test_feather(compression: Literal["lz4", "zstd", "uncompressed"], tmp_path: Path) -> None:
    pf.write_feather(pa.Table.from_pandas(TABLE), tmp_path / "a.feather", compression=compression)

    assert values(tmp_path / "a.feather") == READ


@pytest.mark.parametrize("name", ["a.arrows", "a.arrow"])
def test_streams(name: str, tmp_path: Path) -> None:
    table = pa.Table.from_pandas(TABLE)
    with pa.ipc.new_stream(tmp_path / name, table.schema) as stream:
        stream.write_table(table, max_chunksize=1)

    assert values(tmp_path / name) == READ


def test_categories_texts_as_views_and_names_of_files(tmp_path: Path) -> None:
    (tmp_path / "shops").mkdir()
    table = pa.Table.from_pandas(TABLE.drop(columns="region").astype({"demand": "category"}), preserve_index=False)
    table = table.set_column(1, "item", table["item"].cast(pa.string()).cast(pa.string_view()))
    with pa.ipc.new_file(tmp_path / "shops" / "Ulm.arrow", table.schema) as file:
        file.write_table(table)

    assert values(tmp_path / "shops", name_column="region") == READ


@pytest.mark.parametrize("kind", ["parquet", "feather"])
def test_a_column_for_each_date(kind: str, tmp_path: Path) -> None:
    wide = pd.DataFrame({"region": ["Ulm"], "item": ["tea"], "2024-01-01": [1], "2024-01-02": [2.5]})
    (wide.to_parquet if kind == "parquet" else wide.to_feather)(tmp_path / f"a.{kind}")

    assert values(tmp_path / f"a.{kind}") == {"Ulm · tea": {"2024-01-01": 1.0, "2024-01-02": 2.5}}


@pytest.mark.parametrize(("content", "said"), [
    (b"FEA1 and more", "Feather file of the first version"), (b"ARROW1 and more", "is no readable Arrow"),
    (b"date", "is no readable Arrow")])
def test_what_is_no_arrow_file_is_one_line(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.feather").write_bytes(content)

    with pytest.raises(SourceError, match=said):
        values(tmp_path / "a.feather")


def test_lists_are_refused(tmp_path: Path) -> None:
    TABLE.assign(demand=[[1], [2], [3]]).to_feather(tmp_path / "a.feather")

    with pytest.raises(SourceError, match="not one value a row"):
        values(tmp_path / "a.feather")


def test_columns_of_several_kinds_are_no_demand(tmp_path: Path) -> None:
    pd.DataFrame({"date": ["2024-01-01"], "region": ["Ulm"], "tea": [1], "is_open": [True]}).to_parquet(
        tmp_path / "a.parquet")

    with pytest.raises(SourceError, match="columns with demand of several kinds, bool, int64"):
        values(tmp_path / "a.parquet", layout="items")
