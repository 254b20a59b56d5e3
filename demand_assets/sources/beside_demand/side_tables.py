"""Tables beside the demand, of attributes, events or predecessors: described as a dataset, read as any source is."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from demand_assets.forecasting.contract.region_item import RegionItem, in_one_line, known_as
from demand_assets.forecasting.contract.source import BROKEN_LINE, as_text
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.source_entries import FileSource, SqlSource
from demand_assets.forecasting.validation.written.values import read_categories
from demand_assets.sources.columns import THE_ONLY_ONE, WHOLE_AS_FRACTION
from demand_assets.sources.files import Files
from demand_assets.sources.sql import Database

CONTENT_SECONDS = 300.0
"""How soon a change of values is noticed in a database, whose table has to be read for it; new rows are at once."""
BROKEN = "broken"
"""Column of the line of a row whose values stand under no column for certain, all of which are None; None of others."""
_LONGEST_QUOTED = 400


class DescribedTable(Dataset):
    """A table described as if it held demand, with its own words for what it lacks."""

    called: dict[str, tuple[str, str]] = Field(default={})
    """Column of ours -> what it is, and how it is named in the dataset file, up to the equals sign."""

    def missing(self, ours: str) -> tuple[str, str]:
        """As of every dataset."""
        return self.called.get(ours) or super().missing(ours)


@dataclass(frozen=True)
class _Read:
    """The rows of a table in a database."""

    mark: str
    at: float
    """By a clock that only goes forward."""
    content: str
    rows: pd.DataFrame


class SideTable:
    """A table whose every row is wanted.

    Args:
        source: where it is, and how it is written.
        columns: ours -> the table's.
        called: of each of ours, what it is and how it is named in the dataset file, up to the equals sign.
        names: those of ours that name regions or items, which keep all their digits.
        numbers: those that are numbers; the others are texts.
        date: of ours the one that is a date, read by ``date_format``; none unless given.
        environment: values of ``${NAME}`` in paths and URLs; the process's unless given.
    Raises: SourceError: it cannot be opened as it is described.
    """

    def __init__(self, source: FileSource | SqlSource, columns: Mapping[str, str],
                 called: Mapping[str, tuple[str, str]], names: Collection[str] = (),
                 numbers: Collection[str] = (), date: str | None = None, date_format: str | None = None,
                 environment: Mapping[str, str] | None = None) -> None:
        self._names, self._date = names, date
        is_file = isinstance(source, FileSource)
        if isinstance(source, FileSource):
            source = source.model_copy(update={"layout": "long", "uploads": None})
        others = [ours for ours in columns if ours != date]
        first, marked = date or others[0], others[0] if others else None
        expressions = {  # demand holds the line of a broken row, and nothing else that is wanted
            "demand": f"text(`{columns[marked]}`)" if marked and _can_be_quoted(columns[marked]) else "1"} | {
            ours: f"text(`{columns[ours]}`)" for ours in names if ours in columns and _can_be_quoted(columns[ours])}
        if date is None and is_file:
            expressions["date"] = "'2000-01-01'"  # a database needs a column, and any will do
        plain = {ours: columns[ours] for ours in others if ours not in expressions}
        dataset = DescribedTable.model_validate({
            "name": "table", "frequency": "D", "source": source,
            "drivers": [{"name": ours, "kind": "number" if ours in numbers else "category"} for ours in others],
            "columns": {"date": columns[first], "region": "", "item": "", "drivers": plain, "expressions": expressions,
                        "date_format": date_format},
            "called": {**called, "date": called[first], "demand": called[marked or first]}})
        self._opened: Files | Database = (Files if is_file else Database)(dataset, environment)
        self._read: _Read | None = None

    def fingerprint(self) -> str:
        """Changes when a file is written again; of a database with the number of rows, and ``CONTENT_SECONDS`` later at
        most with any value.

        Raises: SourceError: it cannot be reached.
        """
        if isinstance(self._opened, Files):
            return self._opened.fingerprint()
        return f"{self._opened.fingerprint()} {self._of_database(self._opened).content}"

    def rows(self) -> pd.DataFrame:
        """``row``, the table's number of each, ``BROKEN``, and the wanted columns; the names in the form in which they
        are known.

        Raises: SourceError: it cannot be read, or lacks a column.
        """
        if isinstance(self._opened, Files):
            return self._named(self._opened.read([RegionItem(THE_ONLY_ONE, THE_ONLY_ONE)]))
        return self._of_database(self._opened).rows

    def _of_database(self, database: Database) -> _Read:
        mark = database.fingerprint()
        if self._read is None or self._read.mark != mark or monotonic() - self._read.at > CONTENT_SECONDS:
            rows = database.everything()
            hashes = pd.util.hash_pandas_object(rows.drop(columns="row").astype(str), index=False)
            content = f"{len(rows)} {int(hashes.to_numpy().sum(dtype=np.uint64))}"  # in whichever order they came
            self._read = _Read(mark, monotonic(), hashlib.sha256(content.encode()).hexdigest()[:16], self._named(rows))
        return self._read

    def _named(self, rows: pd.DataFrame) -> pd.DataFrame:
        lines = [text.removeprefix(BROKEN_LINE).strip(": ") if isinstance(text, str) and text.startswith(BROKEN_LINE)
                 else None for text in rows["demand"]]
        rows = rows.drop(columns=["region", "item", "demand", *([] if self._date else ["date"])])
        if self._date:
            rows = rows.rename(columns={"date": self._date})
        if any(lines):
            rows.loc[[line is not None for line in lines], rows.columns.drop("row")] = None
        rows = rows.assign(**{BROKEN: pd.Series(lines, index=rows.index, dtype=object)})
        rows = rows.sort_values("row", ignore_index=True)
        return rows.assign(**{ours: _names(rows[ours]) for ours in self._names if ours in rows})


def of_broken(row: int, line: str) -> str:
    """Words for a row whose values stand under no column for certain."""
    return f"row {row} is not used: its values stand under no column for certain {as_text(line, 100)}"


def _names(column: "pd.Series[Any]") -> list[str | None]:
    """Names of regions or items in the form in which those of demand are known; None where there is none."""
    texts = [None if text is None else in_one_line(text).removesuffix(" 00:00:00") or None
             for text in read_categories(column)]
    known = [text for text in texts if text is not None]
    if known and all(isinstance(value, str) for value in column.dropna()) and all(
            map(WHOLE_AS_FRACTION.fullmatch, known)):
        return [text and text.split(".")[0] for text in texts]
    return [text and known_as(text) for text in texts]


def _can_be_quoted(column: str) -> bool:
    return "`" not in column and len(column) < _LONGEST_QUOTED
