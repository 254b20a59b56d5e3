"""Rows that are no demand by what a column says of them, as plans beside actuals: left out, and told."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.periods import Mask
from demand_assets.forecasting.contract.region_item import in_one_line, one_form
from demand_assets.forecasting.contract.source import SourceError, as_text
from demand_assets.forecasting.validation.written.values import distinct_values

_SHOWN = 5
"""Values that are named."""


class CountedRows:
    """Which rows of a source count, by ``rules.only_rows``, and what was seen of the others.

    Args:
        only: column -> the values of the rows that count; an empty text stands for an empty cell.
    """

    def __init__(self, only: Mapping[str, Sequence[str]]) -> None:
        self._only = {one_form(name): frozenset(map(in_one_line, values)) for name, values in only.items()}
        self._seen: dict[str, Counter[str]] = {name: Counter() for name in self._only}
        self._counted = 0

    def __bool__(self) -> bool:
        return bool(self._only)

    @property
    def columns(self) -> frozenset[str]:
        """The source's columns that say which rows count."""
        return frozenset(self._only)

    @property
    def values(self) -> Mapping[str, frozenset[str]]:
        """Column -> the values of the rows that count."""
        return self._only

    def begin(self) -> None:
        """Forget what was seen, as of a source that is looked through anew."""
        self._seen, self._counted = {name: Counter() for name in self._only}, 0

    def among(self, table: pd.DataFrame) -> Mask:
        """Which rows of a table count."""
        counts = np.ones(len(table), dtype=bool)
        for name in self._only:
            counts &= self._of_column(table[name], name)[0]
        return counts

    def seen_among(self, table: pd.DataFrame) -> Mask:
        """The same, and take note of the others."""
        counts = np.ones(len(table), dtype=bool)
        for name in self._only:
            of_column, places, texts = self._of_column(table[name], name)
            often = np.bincount(places[counts], minlength=len(texts))
            self.see(name, zip(texts, often.tolist(), strict=True))
            counts &= of_column
        self.count(int(counts.sum()))
        return counts

    def see(self, name: str, rows: Iterable[tuple[str, int]]) -> None:
        """Take note of how many rows have each value of a column."""
        for value, count in rows:
            if count:
                self._seen[name][value] += count

    def count(self, rows: int) -> None:
        """Take note of so many rows that count."""
        self._counted += rows

    def _of_column(self, column: "pd.Series[Any]", name: str) -> tuple[Mask, npt.NDArray[np.int64], list[str]]:
        """Which rows have a value that counts, the place of each row's value, and the values as texts."""
        codes, distinct = distinct_values(column)
        texts = [*("" if pd.isna(value) else in_one_line(as_text(value, longest=None)) for value in distinct), ""]
        is_meant = np.array([text in self._only[name] for text in texts])
        places = np.where(codes < 0, len(distinct), codes).astype(np.int64)
        return is_meant[places], places, texts

    def told(self) -> list[str]:
        """What was left out, and which values no row has, as sentences.

        Raises: SourceError: nothing is left.
        """
        notices = []
        for name, values in self._only.items():
            found = self._seen[name]
            others = {value: rows for value, rows in found.items() if value not in values}
            shown = ", ".join(f"{value!r} ({rows:,})" for value, rows in sorted(
                others.items(), key=lambda pair: (-pair[1], pair[0]))[:_SHOWN])
            more = len(others) - _SHOWN
            shown += f" and {more:,} more" if more > 0 else ""
            if found and not self._counted:
                raise SourceError(f"No row counts: the column {name!r} has {shown or 'other values'}, and "
                                  f"rules.only_rows names {', '.join(map(repr, sorted(values)))}. Correct it in the "
                                  "dataset file.")
            if others:
                notices.append(f"Rows that are no demand by the column {name!r} are left out (rules.only_rows): "
                               f"{shown}.")
            if missing := sorted(value for value in values - set(found) if value):
                notices.append(f"rules.only_rows names {missing[0]!r} for the column {name!r}, and no row has it. "
                               "Correct the value, or take it out.")
        return notices
