"""Sources of other packages: the example in DuckDB beside the same rows in a file, and plug-ins that misbehave."""

import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from demand_assets.forecasting.contract.plugins import SOURCES
from demand_assets.forecasting.contract.source import Source, SourceError, written_out
from demand_assets.forecasting.dataset.dataset_file import DatasetFileError, load_dataset
from demand_assets.sources import open_source
from tests.demand_assets.sources.shop import NORTH_7, SOUTH_7, SOUTH_ODD, dataset, file_dataset, sales

PlugIn = Callable[..., Path]


def as_duckdb(folder: Path, rows: pd.DataFrame) -> Path:
    path = folder / "sales.duckdb"
    with duckdb.connect(str(path)) as database:
        database.register("given", rows)
        database.execute("CREATE OR REPLACE TABLE sales AS SELECT * FROM given")
    return path


@pytest.fixture
def in_duckdb(tmp_path: Path, examples: Path) -> Source:
    return open_source(dataset({"kind": "duckdb", "path": str(as_duckdb(tmp_path, sales())), "table": "sales"}))


def test_the_example_answers_what_a_file_of_the_same_rows_does(in_duckdb: Source, tmp_path: Path) -> None:
    sales().to_csv(tmp_path / "sales.csv", index=False)
    in_a_file = open_source(file_dataset(tmp_path / "sales.csv"))

    assert in_duckdb.catalogue() == in_a_file.catalogue()
    wanted = [NORTH_7, SOUTH_ODD]
    tables = [written_out(source.read(wanted)).drop(columns="row").sort_values(["region", "date"], ignore_index=True)
              for source in (in_duckdb, in_a_file)]
    pd.testing.assert_frame_equal(*tables, check_dtype=False)
    assert len(tables[0]) == 8


def test_names_that_are_numbers_are_asked_for_as_numbers(tmp_path: Path, examples: Path) -> None:
    rows = sales()[lambda table: table["article"] == "7"].assign(article=7)
    source = open_source(dataset({"kind": "duckdb", "path": str(as_duckdb(tmp_path, rows)), "table": "sales"}))

    assert source.catalogue().region_items == (NORTH_7, SOUTH_7)
    assert source.read([SOUTH_7])["demand"].tolist()[:3] == [1, 2, 3]


def test_its_state_changes_with_new_rows(tmp_path: Path, in_duckdb: Source) -> None:
    before = in_duckdb.fingerprint()
    as_duckdb(tmp_path, pd.concat([sales()] * 2000, ignore_index=True))

    assert in_duckdb.fingerprint() != before


def test_a_file_that_is_gone_is_told_with_the_plugin(tmp_path: Path, in_duckdb: Source) -> None:
    (tmp_path / "sales.duckdb").unlink()

    with pytest.raises(SourceError, match=r"'duckdb' of the package demand-duckdb 0.1.0 failed to tell its state: "
                                          r"FileNotFoundError: .*No such file .*\(demand_duckdb.py, line"):
        in_duckdb.catalogue()


def test_a_relative_path_is_taken_from_the_dataset_files_folder(tmp_path: Path, examples: Path) -> None:
    as_duckdb(tmp_path, sales())
    file = tmp_path / "shop.toml"
    file.write_text('frequency = "D"\n[source]\nkind = "duckdb"\npath = "sales.duckdb"\ntable = "sales"\n[columns]\n'
                    'region = "shop"\nitem = "article"\ndate = "day"\ndemand = "sold"\n')

    assert len(open_source(load_dataset(file)).catalogue().region_items) == 4
    file.write_text(file.read_text().replace('table = "sales"', ""))
    with pytest.raises(DatasetFileError, match=r"source: the source kind 'duckdb' .*refuses its entries: table: Field "
                                               r"required\. Its entries are: path, table"):
        load_dataset(file)


def test_a_dataset_whose_package_was_removed_says_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text('frequency = "D"\n[source]\nkind = "duckdb"\npath = "sales.duckdb"\n')

    with pytest.raises(DatasetFileError, match=r"source: 'duckdb' is no source kind .*install the package"):
        load_dataset(file)


CODE = """
import pandas as pd
from pydantic import BaseModel
class Offered:
    class Entries(BaseModel, extra="forbid"):
        token: str = ""
    def __init__(self, entries):
        self.token = entries.token
    def state(self):
        return "1"
    def columns(self):
        return ["shop", "article", "day", "sold"]
    def rows(self, columns, among):
        yield pd.DataFrame({"shop": "north", "article": ["7", "8"], "day": "2024-01-01", "sold": [1, 2], "more": 0})
"""


def warehouse(plug_in: PlugIn, before: str = "", after: str = "", environment: dict[str, str] | None = None,
              **entries: Any) -> Source:
    assert before in CODE
    plug_in(SOURCES, "warehouse", CODE.replace(before, after) if before else CODE)
    return open_source(dataset({"kind": "warehouse", **entries}, drivers=False), environment=environment)


def test_rows_that_were_not_asked_for_and_columns_that_are_not_needed_are_left_out(plug_in: PlugIn) -> None:
    table = warehouse(plug_in).read([NORTH_7])

    assert (list(table.columns), table["item"].tolist()) == (["region", "item", "row", "date", "demand"], ["7"])


@pytest.mark.parametrize(("before", "after", "words"), [
    ('return "1"', "return 1 / 0", r"failed to tell its state: ZeroDivisionError: division by zero \(acme_plugin.py, "
                                   r"line 10\)\. Correct its entries"),
    ('return "1"', "return None", "answered None when asked to tell its state; a text that changes"),
    ('"day", "sold"]', '"day", "day"]', "answered .* when asked to name its columns; texts of which none occurs twice"),
    ('"day", "sold"]', '"day"]', "has no column 'sold' for demand"),
    ("yield pd.DataFrame(", "yield dict(", "answered .* when asked to read its rows; tables of Arrow or pandas"),
    ('"sold": [1, 2], ', "", "was asked for the column 'sold' and gave 'shop', 'article', 'day', 'more'"),
    ("yield pd.DataFrame(", "return\n        yield (", "has no rows. Fill its table"),
    ("        yield", "        yield from ()\n        raise OSError('no route')\n        yield",
     "failed to read its rows: OSError: no route"),
    ("[1, 2]", "['1.234', '2.000']", "has text in column 'sold': '1.234' may be 1234 or 1.234. Give numbers"),
    ("def rows", "def lines", "has no method rows"),
    ("self.token = entries.token", "raise KeyError('host')", "failed to be opened: KeyError: 'host'"),
    ("self.token = entries.token", "raise SystemExit(0)",
     r"failed to be opened: it would have ended the program \(SystemExit: 0\)"),
    ("[1, 2]", "['1,5', '2']", "has text in column 'sold': '1,5', which is 1.5. Give numbers")])
def test_one_that_fails_or_answers_nonsense_is_told_by_name(plug_in: PlugIn, before: str, after: str,
                                                            words: str) -> None:
    with pytest.raises(SourceError, match=f"the source kind 'warehouse' of the package acme-plugin 1.2 {words}"):
        warehouse(plug_in, before, after).catalogue()


def test_drivers_as_text_that_may_be_two_numbers_are_refused_when_they_are_read(plug_in: PlugIn) -> None:
    plug_in(SOURCES, "warehouse", CODE.replace('"sold"]', '"sold", "price", "offer"]').replace(
        '"more": 0', '"price": ["1.234", "2.000"], "offer": "no"'))
    source = open_source(dataset({"kind": "warehouse"}))

    assert len(source.catalogue().region_items) == 2
    with pytest.raises(SourceError, match=r"has text in column 'price': '1\.234' may be 1234 or 1\.234"):
        source.read([NORTH_7])


def test_a_password_comes_from_the_environment_and_is_in_no_message(plug_in: PlugIn,
                                                                   caplog: pytest.LogCaptureFixture) -> None:
    source = warehouse(plug_in, 'return "1"', "raise OSError(f'login {self.token} refused')",
                       environment={"LOGIN": "s3cr3t!"}, token="${LOGIN}")

    with pytest.raises(SourceError) as refused:
        source.catalogue()

    logging.getLogger("test").error("the source is down", exc_info=refused.value)
    assert r"OSError: login ${LOGIN} refused" in str(refused.value)
    assert "s3cr3t" not in "".join(traceback.format_exception(refused.value)) + caplog.text


def test_a_password_that_is_not_set_is_named(plug_in: PlugIn) -> None:
    with pytest.raises(SourceError, match="needs the environment variable LOGIN, which is not set"):
        warehouse(plug_in, environment={}, token="${LOGIN}")


def test_ours_cannot_be_replaced(plug_in: PlugIn, tmp_path: Path) -> None:
    plug_in(SOURCES, "file", CODE)
    sales().to_csv(tmp_path / "sales.csv", index=False)

    assert len(open_source(file_dataset(tmp_path / "sales.csv")).catalogue().region_items) == 4
