"""Rows that are no demand by what a column says of them: left out of every kind of source, and told."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from demand_assets.forecasting.contract.plugins import SOURCES
from demand_assets.forecasting.contract.source import Source, SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.sources import open_source
from tests.demand_assets.sources.shop import NORTH_7

ROWS = pd.DataFrame([(shop, "7", f"2024-01-{day:02}", kind, day + 100 * (kind != "Ist"))
                     for day in range(1, 9) for shop in ("north", "south") for kind in ("Ist", "Plan", None)],
                    columns=["shop", "article", "day", "Art", "sold"])
PLUGGED = """
import pandas as pd
from pydantic import BaseModel
class Offered:
    class Entries(BaseModel):
        path: str
    def __init__(self, entries):
        self.rows_of_file = pd.read_csv(entries.path)
    def state(self):
        return "1"
    def columns(self):
        return list(self.rows_of_file.columns)
    def rows(self, columns, among):
        yield self.rows_of_file[list(columns)]
"""


def described(source: dict[str, Any], only: dict[str, list[str]], **rules: Any) -> Dataset:
    return Dataset.model_validate({
        "name": "shop", "frequency": "D", "source": source, "rules": {"only_rows": only, **rules},
        "columns": {"region": "shop", "item": "article", "date": "day", "demand": "sold"}})


@pytest.fixture(params=["csv", "parquet", "excel", "json", "arrow", "sql", "plugged"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    kind = request.param
    path = tmp_path / f"sales.{ {'excel': 'xlsx', 'arrow': 'feather', 'plugged': 'csv'}.get(kind, kind)}"
    if kind == "sql":
        engine = sa.create_engine(f"sqlite:///{path}")
        ROWS.to_sql("sales", engine, index=False)
        engine.dispose()
        return {"kind": "sql", "url": f"sqlite:///{path}", "table": "sales"}
    writers = {"csv": ROWS.to_csv, "plugged": ROWS.to_csv, "excel": ROWS.to_excel}
    if kind in writers:
        writers[kind](path, index=False)
    else:
        {"parquet": ROWS.to_parquet, "arrow": ROWS.to_feather,
         "json": lambda path: ROWS.to_json(path, orient="records")}[kind](path)
    if kind == "plugged":
        request.getfixturevalue("plug_in")(SOURCES, "warehouse", PLUGGED)
        return {"kind": "warehouse", "path": str(path)}
    return {"kind": "file", "path": str(path)}


def demand(opened: Source) -> list[float]:
    return opened.read([NORTH_7]).sort_values("date")["demand"].tolist()


def test_only_rows_with_the_values_that_are_named_count(source: dict[str, Any]) -> None:
    opened = open_source(described(source, {"Art": ["Ist"]}))

    catalogue = opened.catalogue()

    assert catalogue.notices == (
        "Rows that are no demand by the column 'Art' are left out (rules.only_rows): '' (16), 'Plan' (16).",)
    assert demand(opened) == list(range(1, 9))


def test_an_empty_text_stands_for_an_empty_cell(source: dict[str, Any]) -> None:
    opened = open_source(described(source, {"Art": ["Plan", ""]}))

    assert opened.catalogue().notices[0].endswith("(rules.only_rows): 'Ist' (16).")
    assert sorted(demand(opened)) == sorted([*range(101, 109)] * 2)


def test_a_value_that_no_row_has_is_told_and_nothing_left_is_refused(source: dict[str, Any]) -> None:
    notices = open_source(described(source, {"Art": ["Ist", "Iist"]})).catalogue().notices

    told = "rules.only_rows names 'Iist' for the column 'Art', and no row has it. Correct the value, or take it out."
    assert told in notices
    with pytest.raises(SourceError, match=r"No row counts: the column 'Art' has '' .*, and rules\.only_rows names"):
        open_source(described(source, {"Art": ["Iist"]})).catalogue()


def test_a_column_that_is_not_there_is_refused_with_those_that_are(source: dict[str, Any]) -> None:
    with pytest.raises(SourceError, match=r"has no column 'Kind' for rules\.only_rows; it has 'shop', 'article'"):
        open_source(described(source, {"Kind": ["Ist"]})).catalogue()


def test_two_columns_leave_out_each_row_once(source: dict[str, Any]) -> None:
    opened = open_source(described(source, {"Art": ["Ist"], "day": ["2024-01-01", "2024-01-02"]}))

    assert [notice.split("): ")[1] for notice in opened.catalogue().notices][:2] == [
        "'' (16), 'Plan' (16).", ", ".join(f"'2024-01-0{day}' (2)" for day in range(3, 8)) + " and 1 more."]
    assert demand(opened) == [1, 2]


def test_a_broken_line_is_refused_and_not_left_out(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("shop,article,day,Art,sold\n" + "".join(
        f"north,7,2024-01-{day:02},Ist,{day}\n" for day in range(1, 9)) + "north,7,2024-01-09,9\n")
    opened = open_source(described({"kind": "file", "path": str(tmp_path / "sales.csv")}, {"Art": ["Ist"]}))

    assert opened.catalogue().notices == ()
    assert [value for value in opened.read([NORTH_7])["demand"] if "broken line" in str(value)]


def test_plans_that_stand_in_two_files_are_no_rows_that_count_twice(tmp_path: Path) -> None:
    for name in ("1", "2"):
        rows = ROWS[ROWS["Art"] == "Plan"] if name == "2" else ROWS
        pd.concat([rows] * 4).to_csv(tmp_path / f"{name}.csv", index=False)
    opened = open_source(described({"kind": "file", "path": str(tmp_path)}, {"Art": ["Ist"]}, several_rows="sum"))

    assert [notice.split(" by ")[0] for notice in opened.catalogue().notices] == ["Rows that are no demand"]


def test_simulated_demand_has_no_rows_to_choose() -> None:
    with pytest.raises(ValueError, match=r"rules\.only_rows is of the columns of a source"):
        described({"kind": "simulated"}, {"Art": ["Ist"]})
