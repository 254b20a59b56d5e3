"""The roles of columns as far as they were found, with the reason for each."""

from dataclasses import dataclass, field

import numpy as np

from demand_assets.forecasting.contract.periods import Dates, Frequency
from demand_assets.proposals.columns.facts import Column, Facts


@dataclass
class Roles:
    """What was found, with the reason for each."""

    date: str | None = None
    region: str | None = None
    item: str | None = None
    demand: str | None = None
    stock: str | None = None
    """``stock`` or ``available``: what the stock column says of a period; None where there is none."""
    stock_column: str | None = None
    frequency: Frequency = "D"
    date_format: str | None = None
    date_start: str | None = None
    time_zone: str | None = None
    week_dated: str | None = None
    expressions: dict[str, str] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)
    """Columns of which expressions make the region or the item."""
    reasons: dict[str, str] = field(default_factory=dict)
    days: Dates = field(default_factory=lambda: np.zeros(0, dtype="datetime64[D]"))
    """Of each row of the facts."""
    used: set[str] = field(default_factory=set)
    """Columns that have a role."""
    notes: list[str] = field(default_factory=list)

    def keys(self, facts: Facts) -> list[Column]:
        """The columns that name a series."""
        return [facts.column(name) for name in (self.region, self.item, *self.parts) if name]
