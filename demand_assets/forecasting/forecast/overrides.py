"""What planners put in place of a forecast: units of their own, or so many percent more or less."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

import numpy as np

from demand_assets.forecasting.forecast.totals import Part

Way = Literal["value", "percent"]


@dataclass(frozen=True)
class PeriodOverride:
    """One period's forecast as a planner wants it."""

    date: date
    """The period's first day."""
    way: Way
    """``value``: ``amount`` units in place of the forecast; ``percent``: the forecast changed by ``amount`` percent."""
    amount: float

    def units(self, forecast: float) -> float:
        """Units that it makes of a model's forecast of the period."""
        return self.amount if self.way == "value" else forecast * (1 + self.amount / 100)


def with_overrides(part: Part, overrides: Sequence[PeriodOverride]) -> Part:
    """The forecast with overrides in place; those of other periods count for nothing.

    A percent is a forecast of the same kind, only larger or smaller: its interval grows and shrinks with it. A value
    says nothing of its doubt: the model's interval is moved to it as wide as it was (never below zero), and so are the
    error paths that totals are made of.
    """
    place = {at: number for number, at in enumerate(part.dates.astype("datetime64[D]").tolist())}
    forecast, scale = np.array(part.forecast, dtype=float), np.array(part.scale, dtype=float)
    for one in overrides:
        if one.date in place:
            at = place[one.date]
            forecast[at] = one.units(float(part.forecast[at]))
            if one.way == "percent":
                scale[at] = part.scale[at] * (1 + one.amount / 100)
    return replace(part, forecast=forecast, scale=scale)


def shares(forecasts: Mapping[str, float]) -> dict[str, float]:
    """How a value given for several region-items is spread over them: in proportion to their forecasts, which are in
    units; evenly where nothing is forecast. The shares add up to 1."""
    total = sum(forecasts.values())
    return {key: units / total if total else 1 / len(forecasts) for key, units in forecasts.items()}
