"""How right past forecasts were, as they stood when each period began, on periods that have since become known."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
import pandas as pd

from demand_assets.forecasting.metrics import bias, coverage, wape
from demand_assets.forecasting.trailing import Floats
from webapp.archive import PastForecast

JUDGED_ORIGINS = 28
"""The newest origins that a region-item's accuracy is pooled over: four weeks of daily ones."""


@dataclass(frozen=True)
class Accuracy:
    """What was measured; None where it cannot be said, as when nothing was sold."""

    wape: float | None
    skill: float | None
    """1 minus WAPE over that of seasonal naive on the same periods; above 0 is better than it."""
    bias: float | None
    """Forecast minus actual over actual: positive when too much was forecast."""
    coverage: float | None
    """Share of periods inside the 80 % interval."""
    periods: int
    """Different periods that it stands on."""


def accuracy_by_lead(past: Sequence[PastForecast], history: pd.DataFrame) -> list[Accuracy]:
    """The accuracy at each lead, the first for lead 1; a lead none of whose periods is known has ``periods`` 0.

    Args:
        past: of one region-item, any number of origins.
        history: columns date and demand (NaN = unknown), consecutive periods, oldest first.
    """
    judged = _Judged.of(past, history)
    return [judged.measured(slice(lead, lead + 1)) for lead in range(judged.actual.shape[1])]


def pooled_accuracy(past: Sequence[PastForecast], history: pd.DataFrame) -> Accuracy:
    """The accuracy over all leads of the newest ``JUDGED_ORIGINS`` origins after which something is known.

    Args: as for ``accuracy_by_lead``, oldest origin first.
    """
    known = history["date"].iloc[-1] if len(history) else None
    judged = [one for one in past if known is not None and pd.Timestamp(one.origin) < known][-JUDGED_ORIGINS:]
    return _Judged.of(judged, history).measured(slice(None))


def sold_on(history: pd.DataFrame, dates: np.ndarray) -> Floats:
    """Units sold on each date; NaN where unknown.

    Args:
        history: columns date and demand, oldest first.
    """
    known = history["date"].to_numpy().astype("datetime64[D]")
    units = history["demand"].to_numpy(dtype=float)
    if not len(known):
        return np.full(dates.shape, np.nan)
    place = np.minimum(np.searchsorted(known, dates), len(known) - 1)
    return np.where(known[place] == dates, units[place], np.nan)


@dataclass(frozen=True)
class _Judged:
    """Forecasts beside what was sold; each of shape (origins, leads), NaN where unknown."""

    dates: np.ndarray
    actual: Floats
    forecast: Floats
    lower: Floats
    upper: Floats
    naive: Floats

    @classmethod
    def of(cls, past: Sequence[PastForecast], history: pd.DataFrame) -> "_Judged":
        leads = max((len(one.forecast) for one in past), default=0)
        values = np.full((4, len(past), leads), np.nan)
        dates = np.full((len(past), leads), np.datetime64("NaT", "D"))
        for place, one in enumerate(past):
            mine = slice(0, len(one.forecast))
            values[:, place, mine] = one.forecast, one.lower, one.upper, one.naive
            dates[place, mine] = one.dates
        return cls(dates, sold_on(history, dates), *values)

    def measured(self, leads: slice) -> Accuracy:
        """Over all origins at these leads."""
        dates, actual, forecast, lower, upper, naive = (
            table[:, leads].ravel() for table in
            (self.dates, self.actual, self.forecast, self.lower, self.upper, self.naive))
        known = ~np.isnan(actual)
        beside = np.where(np.isnan(naive), np.nan, actual)
        naive_wape = wape(beside, naive)
        return Accuracy(
            wape=_told(wape(actual, forecast)),
            skill=_told(1 - wape(beside, forecast) / naive_wape) if naive_wape else None,
            bias=_told(bias(actual, forecast)), coverage=_told(coverage(actual, lower, upper)),
            periods=len(np.unique(dates[known])))


def _told(value: float) -> float | None:
    return value if isfinite(value) else None
