"""Tables of a calendar's events: read as any source is, with what is wrong told and left out."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from demand_assets.forecasting.contract.source import Catalogue, Source, SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.sources import open_source

DEMAND = "date,region,item,demand\n2024-01-01,north,kettle,1\n2024-01-01,south,kettle,2\n"
SCHOOL = "from,to,region\n2024-07-01,2024-07-03,north\n2024-10-07,,\n"


def source(folder: Path, table: str | None = SCHOOL, name: str = "school.csv", holidays: Any = None,
           encoding: str = "utf-8", **entries: Any) -> Source:
    """Demand of two regions with a calendar."""
    if not (folder / "demand.csv").exists():
        (folder / "demand.csv").write_text(DEMAND)
    if table is not None:
        (folder / name).write_text(table, encoding=encoding)
    where = {} if "rows" in entries or "source" in entries else {"path": str(folder / name)}
    return open_source(Dataset.model_validate({
        "name": "shop", "frequency": "D", "source": {"kind": "file", "path": str(folder / "demand.csv")},
        "calendar": {"holidays": holidays or {}, "events": [{"name": "school", **where, **entries}]}}))


def events(folder: Path, *table: Any, **entries: Any) -> list[tuple[str, str, str | None]]:
    """First day, last day and region of what is read."""
    return [(str(one.first), str(one.last), one.region) for one in
            source(folder, *table, **entries).catalogue().events["school"]]


READ = [("2024-07-01", "2024-07-03", "north"), ("2024-10-07", "2024-10-07", None)]


class TestReading:
    """Every kind of table that a source reads."""

    def test_csv(self, tmp_path: Path) -> None:
        """An empty last day is the first again, an empty region is all."""
        assert events(tmp_path) == READ

    def test_other_names_and_marks(self, tmp_path: Path) -> None:
        """Columns, delimiter, encoding and dates as the dataset file says."""
        table = "Ferien;von;bis;Land\nSömmer;01.07.2024;03.07.2024;north\nHerbst;07.10.2024;;\n"
        assert events(tmp_path, table, encoding="cp1252", date_format="%d.%m.%Y",
                      columns={"from": "von", "to": "bis", "region": "Land"},
                      source={"kind": "file", "path": str(tmp_path / "school.csv"), "encoding": "cp1252"}) == READ

    @pytest.mark.parametrize("name", ["school.parquet", "school.xlsx"])
    def test_dates_that_are_no_text(self, tmp_path: Path, name: str) -> None:
        """As Parquet and Excel have them."""
        table = pd.DataFrame({"from": pd.to_datetime(["2024-07-01", "2024-10-07"]),
                              "to": pd.to_datetime(["2024-07-03", None]), "region": ["north", None]})
        if name.endswith("xlsx"):
            table.to_excel(tmp_path / name, index=False)
        else:
            table.to_parquet(tmp_path / name)
        assert events(tmp_path, None, name) == READ

    def test_database(self, tmp_path: Path) -> None:
        """A query."""
        url = f"sqlite:///{tmp_path}/shop.db"
        engine = sa.create_engine(url)
        pd.DataFrame({"von": ["2024-07-01", "2024-10-07"], "bis": ["2024-07-03", None],
                      "land": ["north", None]}).to_sql("holidays", engine, index=False)
        engine.dispose()
        assert events(tmp_path, None, columns={"from": "von", "to": "bis", "region": "land"},
                      source={"kind": "sql", "url": url, "query": "SELECT von, bis, land FROM holidays"}) == READ

    def test_only_some(self, tmp_path: Path) -> None:
        """Events of one name among others."""
        table = "event,from,to\nfair,2024-07-01,2024-07-03\nsale,2024-10-07,\nfair,2024-10-08,\n"
        columns = {"name": "event", "region": ""}
        fairs = events(tmp_path, table, columns=columns, only=["fair"])
        assert [one[0] for one in fairs] == ["2024-07-01", "2024-10-08"]
        with pytest.raises(SourceError, match="no event called 'fairs'; it has fair, sale"):
            source(tmp_path, table, columns=columns, only=["fairs"]).catalogue()

    def test_single_days_everywhere(self, tmp_path: Path) -> None:
        """A table of dates alone."""
        assert events(tmp_path, "day\n2024-07-01\n", columns={"from": "day", "to": "", "region": ""}) == [
            ("2024-07-01", "2024-07-01", None)]

    def test_demand_is_read_as_before(self, tmp_path: Path) -> None:
        """Without a column for what the calendar makes."""
        opened = source(tmp_path, holidays="DE")
        assert list(opened.read(opened.catalogue().region_items).columns) == ["region", "item", "row", "date", "demand"]

    def test_fingerprint(self, tmp_path: Path) -> None:
        """Changes with the table, the entries, and the demand; with nothing else."""
        opened = source(tmp_path)
        before = opened.fingerprint()
        assert before == opened.fingerprint() == source(tmp_path, None).fingerprint()
        assert len({before, source(tmp_path, None, holidays="DE").fingerprint(),
                    source(tmp_path, None, days_before=1).fingerprint()}) == 3
        (tmp_path / "school.csv").write_text(SCHOOL + "2024-12-23,2024-12-31,\n")
        assert opened.fingerprint() != before
        assert len(opened.catalogue().events["school"]) == 3


class TestTrouble:
    """What is wrong is told; what can be used is."""

    @staticmethod
    def told(found: Catalogue) -> str:
        """All notices."""
        return "\n".join(found.notices)

    @pytest.mark.parametrize(("row", "words"), [
        ("2024-07-03,2024-07-01,", "row 3: it ends on 2024-07-01, before it begins on 2024-07-03"),
        ("2024-02-30,,", "row 3: from '2024-02-30'"), (",2024-07-01,", "row 3: from is missing"),
        ("2024-07-01,2024-07-03", "row 3 is not used: its values stand under no column for certain (2 values, 3 col"),
        ("2024-07-01,soon,", "row 3: to 'soon'"), ("0001-01-01,,", "row 3: from '0001-01-01'"),
        ("2024-07-01,9999-12-31,north", "row 3: to '9999-12-31'"), ("01.07.2024,,", "row 3: from '01.07.2024'")])
    def test_rows_that_cannot_be_used(self, tmp_path: Path, row: str, words: str) -> None:
        """They are left out, the others stay."""
        found = source(tmp_path, SCHOOL + row + "\n").catalogue()
        assert len(found.events["school"]) == 2
        assert "1 of 3 rows are left out" in self.told(found)
        assert words in self.told(found)
        assert "columns.date_format" not in self.told(found)

    def test_dates_in_two_orders(self, tmp_path: Path) -> None:
        """A row that may be either is left out, as it would last for months."""
        table = "from,to,region\n10/05/2024,10/07/2024,\n10/25/2024,10/28/2024,\n11/11/2024,11/11/2024,\n"
        found = source(tmp_path, table, date_format="%d/%m/%Y").catalogue()
        assert [str(event.first) for event in found.events["school"]] == ["2024-11-11"]
        assert "'10/05/2024' may have day and month in each other's place" in self.told(found)

    def test_nothing_can_be_used(self, tmp_path: Path) -> None:
        """Then the whole calendar is wrong, most likely the format of its dates."""
        with pytest.raises(SourceError, match=r"school: none of its rows can be used, as in row 1: .*date_format"):
            source(tmp_path, "from,to,region\n01.07.2024,03.07.2024,north\n").catalogue()

    @pytest.mark.parametrize(("header", "words"), [
        ("from,to", "no column 'region' for region"), ("begin,to,region", "no column 'from'"),
        ("from,until,region", "no column 'to' for to")])
    def test_columns(self, tmp_path: Path, header: str, words: str) -> None:
        """A column that is not there, with the entry that names it."""
        with pytest.raises(SourceError, match=r"calendar\.events") as error:
            source(tmp_path, f"{header}\n2024-07-01,2024-07-01,north\n").catalogue()
        assert words in str(error.value)
        assert "in this entry" in str(error.value)

    def test_no_table(self, tmp_path: Path) -> None:
        """The entry is named."""
        opened = source(tmp_path, None)
        for ask in (opened.fingerprint, opened.catalogue):
            with pytest.raises(SourceError, match=r"\[\[calendar.events\]\] school: no file matches"):
                ask()

    @pytest.mark.parametrize(("rows", "is_told"), [
        (SCHOOL + "2024-07-03,2024-07-05,north\n", True), (SCHOOL + "2024-07-03,2024-07-05,south\n", False),
        (SCHOOL + "2024-06-01,2024-08-01,north\n", True), (SCHOOL + "2024-07-04,2024-07-05,north\n", False)])
    def test_overlaps(self, tmp_path: Path, rows: str, is_told: bool) -> None:
        """Told of one region, not of neighbours, who have their own."""
        found = source(tmp_path, rows).catalogue()
        assert ("rows 1 and 3 share" in self.told(found)) is is_told
        assert len(found.events["school"]) == 3

    @pytest.mark.parametrize(("entries", "words"), [
        ({"table": SCHOOL + "2024-07-01,,Nrth\n"}, "school: the source has no region 'Nrth'; it has north, south"),
        ({"rows": [{"from": "2024-07-01", "region": "sout"}]}, "Perhaps 'south' for 'sout' is meant"),
        ({"holidays": {"default": "DE", "west": "DE-BY"}}, "holidays: the source has no region 'west'"),
        ({"holidays": {"north": "DE"}}, "holidays: none are given for south")])
    def test_regions(self, tmp_path: Path, entries: dict[str, Any], words: str) -> None:
        """Those that the source has not, and those left without holidays."""
        assert words in self.told(source(tmp_path, **entries).catalogue())

    def test_all_is_well(self, tmp_path: Path) -> None:
        """Then nothing is told."""
        assert source(tmp_path, holidays={"default": "DE", "south": []}).catalogue().notices == ()
