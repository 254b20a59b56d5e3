"""A table of which several columns hold demand, as one with a row for each demand."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.proposals.columns.facts import LOOKED_AT_ROWS, Column, Facts
from demand_assets.proposals.draft import Entry

_PART_OF_THE_END = 5


@dataclass(frozen=True)
class Reshaped:
    """What was found of such a table.

    Attributes:
        table: as it stands.
        spread: the columns with demand.
        kind: what their names say.
        ours: the column that holds that.
        said: what the name of the column at that place says, beside each row of the table.
        others: columns that are neither demand nor anything that may be used.
    """

    table: Facts
    spread: tuple[str, ...]
    kind: Literal["date", "item", "region"]
    ours: str
    said: Callable[[int], "pd.Series[object]"]
    demand: str
    source: dict[str, Entry]
    """Entries of ``[source]`` with the reason for each."""
    columns: dict[str, Entry]
    """Entries of ``[columns]`` with the reason for each."""
    others: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    left: tuple[tuple[str, str], ...] = field(default=())
    takes_all: bool = False
    """Whether all columns that are not declared otherwise are taken for items, or regions."""

    @cached_property
    def facts(self) -> Facts:
        """A row for each demand of the rows that are looked at, those of one column together."""
        gone = {*self.spread, *self.others, self.ours}
        kept = [self.repeated(column) for column in self.table.columns if column.name not in gone]
        rows = self._rows
        said = pd.concat([self.said(place).iloc[rows] for place in range(len(self.spread))], ignore_index=True)
        demand = pd.concat([self.table.column(name).texts.iloc[rows] for name in self.spread], ignore_index=True)
        made = (*kept, Column(self.ours, said.astype(object)), Column(self.demand, demand.astype(object)))
        return Facts(made, len(rows) * len(self.spread))

    def repeated(self, column: Column) -> Column:
        """A column of the table as the facts have it."""
        values = column.texts.iloc[self._rows].to_numpy()
        return Column(column.name, pd.Series(np.tile(values, len(self.spread)), dtype=object))

    @cached_property
    def _rows(self) -> npt.NDArray[np.int64]:
        """Those that are looked at: all, or the first and the last."""
        most = max(1000, LOOKED_AT_ROWS // len(self.spread))
        if self.table.rows <= most:
            return np.arange(self.table.rows)
        last = most // _PART_OF_THE_END
        return np.concatenate([np.arange(most - last), np.arange(self.table.rows - last, self.table.rows)])

    def taken_too(self, used: Sequence[str]) -> list[str]:
        """The columns that would be taken for items, or for regions, though nothing uses them."""
        known = {*self.spread, *used}
        return [column.name for column in self.table.columns if column.name not in known] if self.takes_all else []


def is_of_a_key(column: Column, keys: Sequence[Column]) -> bool:
    """Whether its number is that of a region or an item, as the size of a shop: the same in all of its rows."""
    for key in keys:
        its = pd.Series(column.numbers).groupby(key.codes[0])
        if 2 <= len(key.distinct) < len(column.texts) / 2 and its.nunique().max() == 1 and not column.is_constant:
            return True
    return False
