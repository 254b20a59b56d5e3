"""Rows that stand in several files, as in exports that overlap, and would count several times where rows add up."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.periods import Dates, Mask

MOST_ROWS = 5_000_000
"""Of so many rows it is looked for."""
_FEWEST = 20
_NEARLY_ALL = 0.98
"""Of the rows of two files with one name and date; tills that sell alike by chance agree in far fewer."""
_FEWEST_VALUES = 5
_FEWEST_OF_ALL = 7
"""Where all rows of one name and date are the same, as of a week that two exports have."""
_FEWEST_OF_COPIES, _FEWEST_VALUES_OF_COPIES = 4, 3
"""Of two files all of whose rows are the same."""
_STANDS_TWICE = "with the same names, date and demand, as in exports that overlap"


@dataclass(frozen=True)
class Overlap:
    """Rows that stand in several files alike."""

    rows: int
    files: tuple[str, ...]
    """Two of the files."""
    are_copies: bool
    """Whether these two have the same rows throughout."""

    @property
    def names(self) -> str:
        """The names of the two files, in words."""
        return " and ".join(repr(PurePosixPath(name).name) for name in self.files)

    @property
    def notice(self) -> str:
        """What somebody has to know of it, with the cure."""
        again, shown = self.rows, self.names
        if self.are_copies:
            return (f"{again:,} rows stand in several files, {shown} in all of their rows, {_STANDS_TWICE}, and each "
                    "counts. Leave out one of the two, or take rules.several_rows out, so that rows that are alike "
                    "count once.")
        return (f"{again:,} rows stand in several files, as in {shown}, {_STANDS_TWICE}, and each counts. Leave out "
                "what an earlier file has, or take rules.several_rows out, so that rows that are alike count once.")


class RowMarks:
    """A mark for each row: of its region-item and date, and of these and its demand."""

    def __init__(self) -> None:
        self._keys: list[npt.NDArray[np.uint64]] = []
        self._values: list[npt.NDArray[np.float64]] = []
        self._rows = 0

    def add(self, places: npt.NDArray[np.integer], days: Dates, demand: npt.NDArray[np.float64],
            counts: Mask | None = None) -> None:
        """Take note of rows.

        Args:
            counts: which of all rows these are, where not all count.
        """
        if counts is not None:  # the others have no demand
            whole = np.full(len(counts), np.nan)
            whole[counts] = demand
            of_all = np.zeros(len(counts), dtype=np.int64)
            of_all[counts] = np.arange(len(demand))
            demand = whole
            if len(places):
                places, days = places[of_all], days[of_all]
            else:
                places, days = of_all, np.full(len(counts), np.datetime64("NaT", "D"))
        self._rows += len(places)
        if self._rows <= MOST_ROWS:
            self._keys.append(pd.util.hash_array(places.astype(np.int64)) ^ (
                pd.util.hash_array(days.astype(np.int64)) * np.uint64(3)))
            self._values.append(demand)

    def overlap(self, files: Sequence[str], sizes: Sequence[int]) -> Overlap | None:
        """Rows of one file that stand in another; None where there are none.

        Args:
            sizes: how many rows each file has, in order.
        """
        if len(set(files)) < 2 or self._rows > MOST_ROWS or not self._keys:
            return None
        rows = pd.DataFrame({"file": np.repeat(pd.factorize(np.array(files))[0], sizes),
                             "key": np.concatenate(self._keys), "value": np.concatenate(self._values)})
        rows = rows.dropna().drop_duplicates()
        shared = rows[rows.groupby("key")["file"].transform("nunique") > 1]
        often = shared.groupby(["key", "value"])["file"].transform("nunique")
        alike = shared[often > 1]
        again = len(alike) - len(alike[["key", "value"]].drop_duplicates())
        if again < _FEWEST and (same := _whole_copies(rows)) is not None:
            return Overlap(again, tuple(pd.unique(np.array(files))[list(same)]), are_copies=True)
        fewest = _FEWEST_OF_ALL if len(alike) == len(shared) else _FEWEST
        if again < fewest or len(alike) < _NEARLY_ALL * len(shared) or alike["value"].nunique() < _FEWEST_VALUES:
            return None
        return Overlap(again, tuple(pd.unique(np.array(files))[pd.unique(alike["file"])[:2]]), are_copies=False)


def _whole_copies(rows: pd.DataFrame) -> tuple[int, int] | None:
    """Two files with the same rows, and enough of them that differ; None where there are none."""
    seen: dict[tuple[int, int], int] = {}
    for _, its in rows.groupby("file"):
        file = int(its["file"].iloc[0])
        marks = its["key"].to_numpy(dtype=np.uint64) ^ pd.util.hash_array(its["value"].to_numpy())
        mark = len(its), int(np.bitwise_xor.reduce(marks))
        if mark in seen and len(its) >= _FEWEST_OF_COPIES and its["value"].nunique() >= _FEWEST_VALUES_OF_COPIES:
            return seen[mark], file
        seen.setdefault(mark, file)
    return None
