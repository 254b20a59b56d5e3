"""What region-items are multiplied by so that they add up to what is forecast of the totals that they are part of.

A total's own forecast knows the shape of its days better than the sum over thousands of region-items, each of which is
mostly noise. Total over sum is kept for each total and period ahead of a few origins: that of the newest fit, and those
of the backtest's windows, so that a window sees what was known at its origin and a forecast costs a look-up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from demand_assets.forecasting.contract.periods import Frequency, ordinals, weekdays
from demand_assets.forecasting.series.gapped import Floats, Ints

WHOLE = "all"
"""What the total over a region's items is called beside those by an attribute's value."""
STALE_HORIZONS = 2
"""So many horizons after its origin a total's forecast says nothing any more."""

Tables = Mapping[str, tuple[float, ...]]
"""Origin (ISO date) -> factor of each lead."""


@dataclass(frozen=True)
class TotalFactors:
    """The factors of all totals of a dataset; none where they are not known, or were not shown to help."""

    by: str = ""
    """The attribute of items by whose values the totals of a region are told apart; empty: a region's items together.
    """
    tables: dict[str, dict[str, dict[str, tuple[float, ...]]]] = field(default_factory=dict)
    """Origin -> region -> value of the attribute -> factor of each lead."""

    def of(self, region: str, value: str) -> Tables:
        """The factors of one total."""
        return {origin: regions[region][value] for origin, regions in self.tables.items()
                if value in regions.get(region, {})}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """What ``dataclasses.asdict`` gave, after JSON; nothing of models of before there were any."""
        return cls(fields.get("by", ""), {
            origin: {region: {value: tuple(factors) for value, factors in values.items()}
                     for region, values in regions.items()}
            for origin, regions in fields.get("tables", {}).items()})


def factors_at(tables: Tables, dates: npt.NDArray[np.datetime64], frequency: Frequency, season: int, origins: Ints,
               leads: Ints) -> Floats:
    """The factor of each origin and lead, by the newest table that is not younger than the origin; shape (n,).

    Periods that lie beyond that table's horizon have the factor of the same season before; 1 where there is none.

    Args:
        dates: of the series' periods, in days; ``origins`` are places among them.
        season: periods.
    """
    if not tables or not len(origins):
        return np.ones(len(origins))
    weekday = int(weekdays(dates[:1])[0])
    numbers = ordinals(dates, frequency, weekday)
    told = ordinals(np.array(sorted(tables), dtype="datetime64[D]"), frequency, weekday)
    factors = [np.array(tables[origin]) for origin in sorted(tables)]
    place = np.searchsorted(told, numbers[origins], side="right") - 1
    ahead = numbers[origins] + leads - told[np.maximum(place, 0)]
    found = np.ones(len(origins))
    for number, values in enumerate(factors):
        beyond = np.maximum(ahead - len(values), 0)
        step = ahead - season * -(-beyond // season)
        use = (place == number) & (step >= 1) & (ahead <= STALE_HORIZONS * len(values))
        found[use] = values[step[use] - 1]
    return found
