"""What every source of demand answers, and its values as text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.calendar_events import EventTables
from demand_assets.forecasting.contract.region_item import RegionItem

BROKEN_LINE = "broken line"
"""What demand of a line begins with whose values stand under no column for certain, for the validation to refuse."""
STRAY_QUOTE = "a quotation mark without its twin"
"""What follows where a quotation mark has taken the line into a value."""


class SourceError(RuntimeError):
    """A source that cannot be read as its dataset file says; the message names the cure."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a source has."""

    region_items: tuple[RegionItem, ...]
    """Region-major, without repetition."""
    last_date: pd.Timestamp | None
    """The last period with demand anywhere in the source; None when it has none."""
    refused: tuple[tuple[str, str, str, int], ...] = ()
    """Names that cannot be used: region, item, reason, rows."""
    skipped: tuple[tuple[str, str], ...] = ()
    """Files and sheets beside those that are read: name, and why it is not."""
    notices: tuple[str, ...] = ()
    """What somebody has to know of the source as a whole, as sentences."""
    totals: frozenset[tuple[str, str]] = frozenset()
    """``region`` or ``item``, and the name of each whose demand seems to be the sum of others'."""
    nameless: tuple[str, ...] = ()
    """Those of the notices on most rows being without a region or an item."""
    overlap: tuple[int, str] | None = None
    """How many rows stand in several files alike, and the names of two of the files; None where none do."""
    long_names: Mapping[str, str] = field(default_factory=dict)
    """Short name -> the region's or item's own name that it stands for."""
    events: EventTables = field(default_factory=dict)
    """The events of the calendar that stand in tables."""


class Source(Protocol):
    """A source of demand."""

    def fingerprint(self) -> str:
        """A text that changes when there may be new demand; cheap.

        Raises: SourceError: the source cannot be reached.
        """

    def today(self) -> pd.Timestamp:
        """The day that is not over yet: no demand can be known for dates after it.

        The real local date, except where a simulated clock runs.
        """

    def catalogue(self) -> Catalogue:
        """The region-items that the source has now.

        Raises: SourceError: the source cannot be read, is empty, or lacks a column.
        """

    def read(self, region_items: Sequence[RegionItem]) -> pd.DataFrame:
        """All rows of these region-items, as read.

        Returns: columns region, item (text), row (the source's row number, from 1), date, demand and every declared
            driver under our names; values as the source has them (text where a column holds what is no number).
            Rows beyond the last demand, with demand null, carry known future drivers. No order is promised. A column of
            text without a missing value may be categories, of which some may have no row: ``written_out``.
        Raises: SourceError: the source cannot be read or lacks a column.
        """


def written_out(raw: pd.DataFrame) -> pd.DataFrame:
    """Rows as a source gives them, with texts in place of categories."""
    return raw.assign(**{str(name): column.astype(column.cat.categories.dtype) for name, column in raw.items()
                         if isinstance(column.dtype, pd.CategoricalDtype)})


def as_text(value: Any, longest: int | None = 200) -> str:
    """A value of the source as a quarantine shows it; at most 200 characters unless told otherwise."""
    text = str(int(value)) if is_whole(value) else str(value)
    return text if longest is None or len(text) <= longest else f"{text[:199]}…"


def is_whole(value: Any) -> bool:
    """Whether the value is a number without a fraction, and small enough to be exact."""
    if isinstance(value, float | np.floating):
        number = float(value)
        return abs(number) < 1e15 and number.is_integer()
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
