"""How right past forecasts were, as they were told at their origins, on periods that have since become known."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import isfinite
from typing import Self

import numpy as np
import pandas as pd

from demand_assets.forecasting.series.gapped import Floats
from demand_assets.forecasting.series.metrics import bias, coverage, wape
from webapp.accuracy.past_forecasts import PastForecast
from webapp.serving.history import sold_on

JUDGED_ORIGINS = 28
"""The newest origins that a region-item's accuracy is pooled over: four weeks of daily ones."""


@dataclass(frozen=True)
class Accuracy:
    """What was measured; None where it cannot be said, as when nothing was sold."""

    wape: float | None
    wape_seasonal_naive: float | None
    """Of seasonal naive on the periods that it knew."""
    skill: float | None
    """1 minus WAPE over that of seasonal naive on the same periods; above 0 is better than it."""
    bias: float | None
    """Forecast minus actual over actual: positive when too much was forecast."""
    coverage: float | None
    """Share of periods inside the 80 % interval."""
    periods: int
    """Different periods that it stands on."""
    forecasts: int
    """Forecasts of a region-item's period that it stands on."""


def pooled_accuracy(past: Sequence[PastForecast], history: pd.DataFrame) -> Accuracy:
    """The accuracy over all leads of the newest ``JUDGED_ORIGINS`` origins after which something is known.

    Args:
        past: of one region-item, oldest origin first.
        history: columns date and demand (NaN = unknown), consecutive periods, oldest first.
    """
    return newest_judged(past, history).measured(slice(None))


def newest_judged(past: Sequence[PastForecast], history: pd.DataFrame) -> "Judged":
    """The forecasts that ``pooled_accuracy`` is over, beside what was sold.

    Args: as for ``pooled_accuracy``.
    """
    known = history["date"].iloc[-1] if len(history) else None
    return Judged.of([one for one in past if known is not None and pd.Timestamp(one.origin) < known][-JUDGED_ORIGINS:],
                     history)


@dataclass(frozen=True)
class Judged:
    """Forecasts beside what was sold; each of shape (origins, leads), NaN where unknown."""

    dates: np.ndarray
    actual: Floats
    forecast: Floats
    lower: Floats
    upper: Floats
    naive: Floats

    @classmethod
    def of(cls, past: Sequence[PastForecast], history: pd.DataFrame) -> Self:
        """The past forecasts of one region-item, beside its history."""
        leads = max((len(one.forecast) for one in past), default=0)
        values = np.full((4, len(past), leads), np.nan)
        dates = np.full((len(past), leads), np.datetime64("NaT", "D"))
        for place, one in enumerate(past):
            mine = slice(0, len(one.forecast))
            values[:, place, mine] = one.forecast, one.lower, one.upper, one.naive
            dates[place, mine] = one.dates
        return cls(dates, sold_on(history, dates), *values)

    @classmethod
    def joined(cls, parts: "Sequence[Judged]") -> Self:
        """Those of several region-items; shorter horizons are filled up with what is not known."""
        longest = max((part.actual.shape[1] for part in parts), default=0)

        def table(name: str) -> np.ndarray:
            return np.concatenate([np.pad(getattr(part, name), ((0, 0), (0, longest - part.actual.shape[1])),
                                          constant_values=np.datetime64("NaT") if name == "dates" else np.nan)
                                   for part in parts])

        return cls(*(table(column.name) for column in fields(cls)))

    @property
    def by_lead(self) -> list[Accuracy]:
        """The accuracy at each lead, the first for lead 1; one none of whose periods is known has ``periods`` 0."""
        return [self.measured(slice(lead, lead + 1)) for lead in range(self.actual.shape[1])]

    def measured(self, leads: slice) -> Accuracy:
        """Over all origins at these leads."""
        actual = self.actual[:, leads].ravel()
        known = ~np.isnan(actual)
        if not known.any():
            return Accuracy(None, None, None, None, None, periods=0, forecasts=0)
        dates, forecast, lower, upper, naive = (
            table[:, leads].ravel() for table in (self.dates, self.forecast, self.lower, self.upper, self.naive))
        beside = np.where(np.isnan(naive), np.nan, actual)
        naive_wape = wape(beside, naive)
        return Accuracy(
            wape=_told(wape(actual, forecast)), wape_seasonal_naive=_told(naive_wape),
            skill=_told(1 - wape(beside, forecast) / naive_wape) if naive_wape else None,
            bias=_told(bias(actual, forecast)), coverage=_told(coverage(actual, lower, upper)),
            periods=len(np.unique(dates[known])), forecasts=int(np.count_nonzero(known)))


def _told(value: float) -> float | None:
    return float(value) if isfinite(value) else None
