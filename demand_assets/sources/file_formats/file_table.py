"""What a file of any format answers as a table, and how large one may be."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.source import SourceError
from demand_assets.sources.catalogue import CatalogueBuilder, Numbers
from demand_assets.sources.written_numbers import (
    Evidence,
    Marks,
)

Positions = npt.NDArray[np.int64]
MOST_COLUMNS = 10_000
ROWS_A_PIECE = 1 << 19
"""Rows of a table that are looked through at a time."""


class Table(Protocol):
    """One file."""

    def evidence(self) -> dict[str, Evidence]:
        """What the columns that may hold numbers say about how these are written."""

    def settle(self, marks: Mapping[str, Marks]) -> None:
        """Take note of how the numbers of each column are written; before anything is scanned."""

    def scan(self, builder: CatalogueBuilder) -> Numbers:
        """The number of each row's region-item.

        Raises: SourceError: the file cannot be read or lacks a column.
        """

    def rows(self, positions: Positions) -> pd.DataFrame:
        """The wanted columns of rows, by ascending position from 0."""


def check_columns(count: int, path: str) -> None:
    """Nothing, where a file has no more columns than are read. Raises: SourceError."""
    if count > MOST_COLUMNS:
        raise SourceError(f"{path} has {count:,} columns; at most {MOST_COLUMNS:,} are read. Leave out those that are "
                          "not needed.")
