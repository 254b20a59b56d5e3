"""JSON files: which are read as tables, what of them is kept to the digit, and one line for those that are none."""

import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.sources import open_source

RECORDS = [{"date": "2024-01-01", "region": "Ulm", "item": "007", "demand": 3.5},
           {"date": "2024-01-02", "region": "Ulm", "item": "007", "demand": None},
           {"date": "2024-01-01", "region": "Ulm", "item": 123456789012345678, "demand": 4},
           {"date": "2024-01-02", "region": "Ulm", "item": 123456789012345678, "demand": "abc", "note": "a\u2028b"}]
READ = {"Ulm · 007": {"2024-01-01": 3.5, "2024-01-02": None},
        "Ulm · 123456789012345678": {"2024-01-01": 4, "2024-01-02": "abc"}}
LINES = "\n".join(json.dumps(record, ensure_ascii=False) for record in RECORDS)


def dataset(path: Path, columns: dict[str, Any] | None = None, **source: Any) -> Dataset:
    return Dataset.model_validate({"name": "sales", "frequency": "D", "columns": columns or {},
                                   "source": {"kind": "file", "path": str(path), **source}})


def values(described: Dataset) -> dict[str, dict[str, Any]]:
    source = open_source(described)
    return {str(one): {str(day)[:10]: None if pd.isna(sold) else sold if sold == "abc" else float(sold)
                       for day, sold in source.read([one])[["date", "demand"]].itertuples(index=False)}
            for one in source.catalogue().region_items}


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as raised:
        values(dataset(path))
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(("name", "content"), [
    ("a.json", json.dumps(RECORDS)), ("a.json", json.dumps(RECORDS, indent=2)), ("a.json", "\ufeff" + LINES),
    ("a.jsonl", LINES + "\n\n"), ("a.ndjson", LINES.replace("\n", "\r\n")),
    ("a.json", json.dumps({"count": 4, "sales": RECORDS})),
    ("a.json", json.dumps(RECORDS).replace("null", "NaN"))])
def test_records_are_read_to_the_digit(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8", newline="")

    assert values(dataset(tmp_path / name)) == READ


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_other_encodings_and_packed_files(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(LINES.encode(encoding))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(LINES.encode()))

    assert values(dataset(tmp_path / "a.json")) == values(dataset(tmp_path / "a.jsonl.gz")) == READ


def test_records_within_records_are_columns(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([
        {"date": one["date"], "where": {"region": one["region"]}, "sold": {"item": one["item"], "units": one["demand"],
                                                                          "tags": ["new"]}} for one in RECORDS]))

    assert values(dataset(tmp_path / "a.json", {"region": "where.region", "item": "sold.item", "demand": "sold.units"})
                  ) == READ


def test_numbers_that_are_text_are_settled_by_the_column(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{**RECORDS[0], "demand": "1.234,5"}, {**RECORDS[1], "demand": "7"}]))

    assert values(dataset(tmp_path / "a.json")) == {"Ulm · 007": {"2024-01-01": 1234.5, "2024-01-02": 7}}


def test_a_column_for_each_item(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"date": "2024-01-01", "region": "Ulm", "tea": 1, "jug": 2}]))

    assert values(dataset(tmp_path / "a.json", layout="items")) == {
        "Ulm · tea": {"2024-01-01": 1}, "Ulm · jug": {"2024-01-01": 2}}


@pytest.mark.parametrize(("content", "said"), [
    (pd.DataFrame(RECORDS).to_json(), "orient='records'"),
    (pd.DataFrame(RECORDS).to_json(orient="split"), "holds JSON that is no table"),
    ("[1, 2]", "holds JSON that is no table"), ("[]", "has no records"), ('[{"date": 1', "is no JSON that can be read"),
    (LINES[:-5], "Line 4 of"), (f"{LINES}\n7", "Line 5 of"), ("[" * 5000, "is no JSON that can be read"),
    ('[{"date": "2024-01-01", "date": "2024-01-02"}]', "two values of the name 'date'"),
    ('[{"day": "2024-01-01"}]', "has no column 'date'")])
def test_what_is_no_table_is_one_line(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(content, encoding="utf-8")

    assert said in refusal(tmp_path / "a.json")


def test_the_advice_for_another_orientation_works(tmp_path: Path) -> None:
    pd.DataFrame(RECORDS).astype({"item": str}).to_json(tmp_path / "a.json", orient="records")

    assert set(values(dataset(tmp_path / "a.json"))) == set(READ)


def test_long_numbers_keep_their_digits_beside_a_null_and_the_reason_of_most_rows_is_told(tmp_path: Path) -> None:
    items = [90071992547409931, 90071992547409932, None]
    records = [{"date": f"2024-01-{day:02}", "item": item, "demand": day} for day in (1, 2) for item in items]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(records))

    assert list(values(dataset(path, {"region": ""}))) == [f"all · {item}" for item in items[:2]]

    path.write_text(json.dumps([{**record, "item": "a" * 1001 if record["item"] else None} for record in records]))
    with pytest.raises(SourceError, match="is too long: 1,001 characters"):
        values(dataset(path, {"region": ""}))


def test_texts_are_told_apart_behind_a_nul_too(tmp_path: Path) -> None:
    items = ["tea", "tea\0green", "tea\0black"]
    records = [{"date": f"2024-01-{day:02}", "item": item, "demand": day * 10 + place}
               for day in (1, 2) for place, item in enumerate(items)]
    (tmp_path / "a.json").write_text(json.dumps(records))

    assert values(dataset(tmp_path / "a.json", {"region": ""})) == {
        f"all · {item}": {"2024-01-01": 10 + place, "2024-01-02": 20 + place}
        for item, place in (("tea", 0), ("tea\ufffdblack", 2), ("tea\ufffdgreen", 1))}
