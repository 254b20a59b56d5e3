"""What the values of each column look like, read by the product's own reader as text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from demand_assets.forecasting.contract.periods import Mask
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import BROKEN_LINE, SourceError, as_text
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.source_entries import FileSource
from demand_assets.forecasting.validation.written.values import MISSING, percent_of, read_numbers, read_yes_no
from demand_assets.proposals.cannot_propose import one_line
from demand_assets.sources import open_source
from demand_assets.sources.column_names import called, free_name
from demand_assets.sources.columns import THE_ONLY_ONE
from demand_assets.sources.written_numbers import Evidence, Marks, alone, evidence_of, numbers_or_text, settled

LOOKED_AT_ROWS = 250_000
MOST_COLUMNS = 520
"""Columns that are looked at; of more, the first."""
_MOSTLY, _MOSTLY_BROKEN = 0.9, 0.5
_NOTHING = MISSING | {"-", "?"}
"""What says of a column neither that it is of numbers nor that it is none; the last two are read as no number."""


@dataclass(frozen=True)
class Column:
    """What one column holds."""

    name: str
    texts: "pd.Series[Any]"
    """As it stands; None where nothing does."""

    @cached_property
    def codes(self) -> tuple[npt.NDArray[np.intp], list[str]]:
        """The place of each row's value among the distinct ones, -1 where there is none; and these."""
        codes, distinct = pd.factorize(self.texts)
        return codes, [str(value) for value in distinct]

    @property
    def distinct(self) -> list[str]:
        """The distinct values in the order of the rows."""
        return self.codes[1]

    @property
    def known_share(self) -> float:
        """The share of rows with a value."""
        return float((self.codes[0] >= 0).mean()) if len(self.texts) else 0.0

    @property
    def is_constant(self) -> bool:
        """Whether there is no more than one value."""
        return len(self.distinct) <= 1

    @cached_property
    def evidence(self) -> Evidence:
        """What the values say about the marks of numbers."""
        return evidence_of(pa.chunked_array([pa.array(self.distinct, pa.string())]))

    @cached_property
    def marks(self) -> Marks | None:
        """How numbers are written, by the column alone; None where it is left open."""
        try:
            return settled(self.evidence, FileSource(kind="file", path="-"), self.name)
        except SourceError:
            return None

    @property
    def has_currency(self) -> bool:
        """Whether a currency stands beside its numbers."""
        return bool(self.evidence.currencies)

    @cached_property
    def _of_distinct(self) -> tuple[npt.NDArray[np.float64], float]:
        """The number of each distinct value, and the share of rows whose value is one."""
        if not self.distinct:
            return np.zeros(0), 0.0
        marks = self.marks or grouped_thousands(self) or Marks(
            *(",", ".") if self.evidence.comma and not self.evidence.point else (".", ""),
            has_currency=self.has_currency, has_unit=bool(self.evidence.units))
        written = pa.chunked_array([pa.array(self.distinct, pa.string())])
        read = numbers_or_text(written, marks)
        numbers, _ = read_numbers(pd.Series(read.to_pandas()), percents=True)
        if np.isnan(numbers).any() and marks != Marks():
            one_by_one = [numbers_or_text(pa.chunked_array([pa.array([value], pa.string())]), marks)
                          for value in self.distinct[:2000]]
            numbers = np.concatenate([read_numbers(pd.Series(one.to_pandas()), percents=True)[0]
                                      for one in one_by_one])
            numbers = np.concatenate([numbers, np.full(len(self.distinct) - len(numbers), np.nan)])
        often = np.bincount(self.codes[0][self.codes[0] >= 0], minlength=len(self.distinct))
        counted = np.array([value.strip().lower() not in _NOTHING for value in self.distinct])
        whole = often[counted].sum()
        is_plain = np.isfinite(numbers) & np.array([percent_of(value) is None for value in self.distinct])
        share = float(often[counted & is_plain].sum() / whole) if whole else 0.0
        return numbers, share

    @property
    def is_number(self) -> bool:
        """Whether nearly all values are numbers, without a percent sign."""
        return self._of_distinct[1] >= _MOSTLY

    @cached_property
    def is_percent(self) -> bool:
        """Whether all values are percents, as in 5 %; 0 may stand alone."""
        known = [value.strip() for value in self.distinct if value.strip().lower() not in _NOTHING]
        return any(percent_of(value) is not None for value in known) and all(
            percent_of(value) is not None or value in ("0", "0.0", "0,0") for value in known)

    @cached_property
    def numbers(self) -> npt.NDArray[np.float64]:
        """The number in each row; NaN where there is none."""
        return np.append(self._of_distinct[0], np.nan)[self.codes[0]]

    @cached_property
    def is_whole(self) -> bool:
        """Whether all numbers are whole ones."""
        numbers = self._of_distinct[0]
        numbers = numbers[np.isfinite(numbers)]
        return bool(len(numbers)) and bool((numbers == np.floor(numbers)).all())

    @cached_property
    def is_yes_no(self) -> bool:
        """Whether all values are yes or no, and both stand there."""
        values, wrong = read_yes_no(pd.Series(self.distinct, dtype=object))
        return len(self.distinct) <= 8 and not wrong.any() and set(values[~np.isnan(values)]) == {0.0, 1.0}

    def says(self, kind: str) -> int:
        """How clearly its name says that it holds that."""
        return called(self.name, kind)

    def example(self) -> str:
        """A value, to show."""
        value = next((text for text in self.distinct if text.strip()), "")
        return value if len(value) <= 40 else f"{value[:39]}…"


def why_unsettled(column: Column) -> str:
    """Why its numbers cannot be read, in one line; empty where they can."""
    try:
        settled(column.evidence, FileSource(kind="file", path="-"), f"the column {column.name!r}")
    except SourceError as error:
        return one_line(error)
    return ""


def grouped_thousands(column: Column) -> Marks | None:
    """The marks of a column in which the point, or the comma, of 1.234 groups thousands beyond doubt: whole numbers
    without it are all below 1000, and only with it as a grouping mark do the others follow on from them."""
    evidence = column.evidence
    if bool(evidence.point) == bool(evidence.comma) or evidence.point_decimal or evidence.comma_decimal:
        return None
    mark = "." if evidence.point else ","
    written = pa.chunked_array([pa.array([value.strip() for value in column.distinct], pa.string())])
    values = alone(written, bool(evidence.currencies), bool(evidence.units)).to_pylist()
    marked = [value.strip() for value in values if mark in value]
    plain = [value.strip() for value in values if mark not in value and re.fullmatch(
        r"[+-]?\d+", value.strip())]
    if len(marked) < 2 or len(plain) < 2 or any(re.search(r"^[+-]?0", value) for value in marked):
        return None
    sizes = np.abs([float(value) for value in plain])
    as_decimals = np.abs([float(value.replace(mark, ".")) for value in marked])
    as_thousands = as_decimals * 1000
    if sizes.max() > 999:
        return None

    def spread(others: npt.NDArray[np.float64]) -> float:
        return float(np.std(np.log(np.concatenate([sizes[sizes > 0], others]))))

    is_beyond_doubt = spread(as_thousands) < 0.7 * spread(as_decimals)
    return Marks("," if mark == "." else ".", mark, has_currency=bool(evidence.currencies),
                 has_unit=bool(evidence.units)) if is_beyond_doubt else None


@dataclass(frozen=True)
class Facts:
    """The columns of a table."""

    columns: tuple[Column, ...]
    rows: int
    dates: "pd.Series[Any] | None" = None
    """Of a wide table, the date of each row."""
    demand: "pd.Series[Any] | None" = None

    def without(self, name: str) -> "Facts":
        """The same without that column."""
        return replace(self, columns=tuple(column for column in self.columns if column.name != name))

    def only(self, rows: Mask) -> "Facts":
        """The same with these rows alone."""
        def kept(values: "pd.Series[Any]") -> "pd.Series[Any]":
            return values[rows].reset_index(drop=True)

        return Facts(tuple(Column(column.name, kept(column.texts)) for column in self.columns), int(rows.sum()),
                     None if self.dates is None else kept(self.dates),
                     None if self.demand is None else kept(self.demand))

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)


def facts_of_file(source: dict[str, Any], names: Sequence[str], dates: Sequence[str] = (),
                  date_format: str | None = None, frequency: str = "D") -> Facts:
    """The columns of files, of which each is declared a category for a moment, so that it is read as it stands.

    Args:
        source: entries of ``[source]``.
        names: of the columns.
        dates: those of them that are dates, of a wide table; then the date and demand of each row are read too.
    Raises: SourceError: the files cannot be read.
    """
    named = [name for name in names if name.strip() and name not in dates][:MOST_COLUMNS]
    columns: dict[str, Any] = {"region": "", "item": "",
                               "drivers": {f"column_{place}": name for place, name in enumerate(named)}}
    if dates:
        columns |= {"date": free_name("date", names), "demand": free_name("demand", names), "date_format": date_format}
    else:
        first = next((name for name in named if "{" not in name), named[0])
        columns |= {"date": first, "demand": first}
    dataset = Dataset.model_validate({
        "name": "looked_at", "frequency": frequency, "source": {"decimal": ".", **source},
        "columns": {key: value for key, value in columns.items() if value is not None},
        "drivers": [{"name": f"column_{place}", "kind": "category"} for place in range(len(named))]})
    table = open_source(dataset).read([RegionItem(THE_ONLY_ONE, THE_ONLY_ONE)]).sort_values("row", kind="stable")
    table = _some(table)
    if not dates:
        _check_lines(table["demand"], len(names))
    made = tuple(Column(name, as_texts(table[f"column_{place}"])) for place, name in enumerate(named))
    if not dates:
        return Facts(made, len(table))
    return Facts(made, len(table), table["date"].reset_index(drop=True), table["demand"].reset_index(drop=True))


def _check_lines(values: "pd.Series[Any]", width: int) -> None:
    """Nothing, where most lines have a value for each name of the header. Raises: SourceError."""
    broken = [value for value in values if isinstance(value, str) and value.startswith(BROKEN_LINE)]
    if len(broken) > _MOSTLY_BROKEN * len(values):
        line = broken[0].removeprefix(BROKEN_LINE).strip(": ")
        raise SourceError(f"{len(broken):,} of {len(values):,} lines have more or fewer values than the header has "
                          f"names, {width}: {as_text(line, 120)}. Where a comma stands in the numbers, write another "
                          "mark between the columns, or the numbers in quotation marks")


def as_texts(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Values as text; None where nothing stands."""
    codes, distinct = pd.factorize(values)
    texts = np.array([*(_text(value) for value in distinct), None], dtype=object)
    return pd.Series(texts[codes], dtype=object)


def _text(value: Any) -> str | None:
    if isinstance(value, pd.Timestamp) and value == value.normalize() and value.tzinfo is None:
        return str(value.date())
    text = as_text(value, longest=None)
    return text if text.strip() else None


def _some(table: pd.DataFrame) -> pd.DataFrame:
    if len(table) > LOOKED_AT_ROWS:
        last = LOOKED_AT_ROWS // 5
        table = pd.concat([table.iloc[:LOOKED_AT_ROWS - last], table.iloc[-last:]])
    return table.reset_index(drop=True)
