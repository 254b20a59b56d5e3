"""The quarantine: rows and values that the validation refused, each with its rule and the reason in words."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.periods import Mask
from demand_assets.forecasting.contract.source import as_text

COLUMNS = ("row", "date", "column", "value", "rule", "message")

RULES = {
    "unreadable_date": "the date cannot be read",
    "mixed_time_zones": "some dates of the region-item have a time zone and others have none",
    "odd_time": "the time of the day is another than that of nearly all others, which are midnights",
    "stray_date": "a few rows lie years before or after all others",
    "off_weekday": "the date falls on another weekday than the weeks of the region-item",
    "conflicting": "several different rows for one period",
    "beyond_horizon": "drivers of a future too far ahead to be used",
    "not_a_number": "demand is no number",
    "infinite": "demand is infinite",
    "negative": "demand is negative",
    "absurd": "demand is many times anything seen before",
    "future": "demand of a date that lies ahead",
    "unfinished": "demand of a period that is not over yet",
    "stock_unclear": "whether the item was in stock cannot be read",
    "price_not_above_0": "a price that is not above 0",
    "driver_not_a_number": "a driver is no number",
    "driver_infinite": "a driver is infinite",
    "driver_not_yes_no": "a driver is neither yes nor no",
    "driver_not_read": "a driver is not what its plug-in reads",
}
"""Every rule, in words."""

HARMLESS = frozenset({"beyond_horizon", "unfinished", "price_not_above_0"})
"""Rules that say nothing against the source: they do not count towards the share that is refused."""


@dataclass
class Refusals:
    """What was refused of a panel, collected rule by rule."""

    panel: pd.DataFrame
    """As read, with columns row and date; positions in masks are positions here."""
    any: Mask = field(init=False)
    """Rows of which something was refused, but for the harmless rules."""
    of_demand: Mask = field(init=False)
    """Of these rows, those whose demand was refused, or the whole row."""
    _parts: list[pd.DataFrame] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.any = np.zeros(len(self.panel), dtype=bool)
        self.of_demand = np.zeros(len(self.panel), dtype=bool)

    def add(self, mask: Mask, column: str, rule: str, message: Callable[[int, str], str],
            is_harmless: bool = False) -> None:
        """Refuse the values of one column in the rows of the mask.

        Args:
            message: says for a position in the panel, and the text of the value there, what is wrong with it, what
                is allowed, what to do.
            is_harmless: demand is none the worse for it, as for rules that are ``HARMLESS``.
        """
        if not mask.any():
            return
        positions = np.flatnonzero(mask)
        values = self.texts(column, positions)
        self._parts.append(pd.DataFrame({
            "position": positions, "column": column, "value": values, "rule": rule,
            "message": [message(position, value) for position, value in zip(positions.tolist(), values, strict=True)]}))
        if rule not in HARMLESS and not is_harmless:
            self.any |= mask
            if column in ("date", "demand"):
                self.of_demand |= mask

    def texts(self, column: str, positions: npt.NDArray[np.intp]) -> list[str]:
        """The source's values at these positions, as a quarantine shows them."""
        return [as_text(value) for value in self.panel[column].iloc[positions].astype(object)]

    def table(self, dates: npt.NDArray[np.datetime64]) -> pd.DataFrame:
        """All refusals by position: schema Quarantine with the column ``position`` before it.

        Args:
            dates: the date that was read in each row; where there is none, the source's own text is shown.
        """
        if not self._parts:
            nothing = {name: np.zeros(0, dtype=np.int64 if name == "row" else object) for name in COLUMNS}
            return pd.DataFrame({"position": np.zeros(0, dtype=np.int64), **nothing})
        table = pd.concat(self._parts, ignore_index=True).sort_values(["position", "column"], kind="stable")
        positions = table["position"].to_numpy()
        unread = np.isnat(dates[positions])
        texts = np.datetime_as_string(dates[positions], unit="D").astype(object)
        texts[unread] = self.texts("date", positions[unread])
        table["date"] = texts
        table["row"] = self.panel["row"].to_numpy(dtype=np.int64)[positions]
        return table[["position", *COLUMNS]].reset_index(drop=True)
