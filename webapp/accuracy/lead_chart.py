"""How right the forecasts were that people saw, by lead, beside what the backtest had promised."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.periods import Dates
from demand_assets.forecasting.series.gapped import Floats
from demand_assets.forecasting.series.metrics import wape
from webapp.accuracy.judged_forecasts import Accuracy, Judged
from webapp.accuracy.past_forecasts import PastForecast, past_forecasts_of
from webapp.serving.explaining_sentences import Miss
from webapp.serving.history import sold_on, units_on
from webapp.serving.line_item import LineItem

MOST_SEEN = 100
"""Region-items of a selection of which past forecasts are read on a page."""


@dataclass(frozen=True)
class LeadAccuracy:
    """Of one region-item, or pooled over those of a selection: errors of each, not of their sum."""

    by_lead: list[Accuracy]
    """The first at lead 1."""
    backtest: list[float | None]
    """WAPE at each lead in the backtest of the models in production; of those that were judged by the plan where there
    are any."""
    stood: pd.Series
    """Units by date: the sum of the forecasts of each period as they stood when it began; only of periods for which all
    region-items have one."""
    archived: Sequence[Sequence[PastForecast]] = ()
    """Of each region-item, what was forecast and kept."""

    def stood_on(self, dates: Dates, lead: int) -> Floats:
        """As ``stood``, of the forecasts that were made so many periods ahead, on each of the dates; NaN where there is
        none. ``stood`` is that of lead 1."""
        return units_on(*_stood(self.archived, lead), dates)

    @property
    def is_empty(self) -> bool:
        """Whether no forecast that was seen has become true or false yet."""
        return not any(each.forecasts for each in self.by_lead)

    def chart(self) -> dict[str, Any]:
        """What the chart draws, as JSON types, in percent."""
        def percent(value: float | None) -> float | None:
            return None if value is None else round(100 * value, 1)

        return {"leads": list(range(1, len(self.by_lead) + 1)),
                "seen": [percent(each.wape) for each in self.by_lead],
                "naive": [percent(each.wape_seasonal_naive) for each in self.by_lead],
                "backtest": [percent(value) for value in self.backtest]}


def lead_accuracy(lines: Sequence[LineItem], histories: Mapping[str, pd.DataFrame]) -> LeadAccuracy:
    """What archived forecasts and backtests say of these region-items, at the leads of the lines.

    Args:
        histories: key -> columns date and demand, of each line.
    """
    horizon = max(len(line.plan.part.dates) for line in lines)
    archived = past_forecasts_of([line.row.key for line in lines])
    judged = Judged.joined([Judged.of(archived[line.row.key], histories[line.row.key]) for line in lines])
    kept = [archived[line.row.key] for line in lines]
    dates, units = _stood(kept)
    return LeadAccuracy(judged.by_lead[:horizon], _backtest(lines, horizon),
                        pd.Series(units, index=pd.DatetimeIndex(dates.astype("datetime64[ns]"))), kept)


def miss_of(archived: Sequence[Sequence[PastForecast]], history: pd.DataFrame, out_of_stock: Collection[date],
            most: int) -> Miss | None:
    """The newest forecasts as they stood when their periods began, beside what came; None where none has come.

    Args:
        archived: of each region-item, what was forecast and kept.
        history: columns date and demand, summed over them where it is known of all, oldest first.
        out_of_stock: periods that no forecast is judged by.
        most: periods.
    """
    dates, stood = _stood(archived)
    sold = sold_on(history, dates)
    known = np.flatnonzero(~np.isnan(sold))[-most:]
    days: list[date] = dates[known].tolist()
    judged = [(at, float(one), float(other)) for at, one, other in zip(
        days, stood[known], sold[known], strict=True) if at not in out_of_stock]
    if not judged:
        return None
    at, forecast, came = zip(*judged, strict=True)
    return Miss(at, forecast, came, len(days) - len(judged))


def _stood(archived: Sequence[Sequence[PastForecast]], lead: int = 1) -> tuple[Dates, Floats]:
    """The dates that all region-items have at a lead, oldest first, and the sums there."""
    pasts = [past for each in archived for past in each if lead <= len(past.dates)]
    days = np.array([past.dates[lead - 1] for past in pasts], dtype="datetime64[D]")
    dates, place, count = np.unique(days, return_inverse=True, return_counts=True)
    sums = np.bincount(place, [past.forecast[lead - 1] for past in pasts], minlength=len(dates))
    is_shared = count == len(archived)
    return dates[is_shared], sums[is_shared]


def _backtest(lines: Sequence[LineItem], horizon: int) -> list[float | None]:
    tested = [line.model.backtest for line in lines if line.model.backtest]
    alike = [one for one in tested if "judged_with" in one] or tested  # those judged before saw the drivers that came
    tables = [[np.array(one[name], dtype=float)[:, :horizon] for name in ("actual", "forecast")] for one in alike]
    if not tables:
        return [None] * horizon
    actual, forecast = (np.concatenate(each) for each in zip(*tables, strict=True))
    found = [wape(actual[:, lead], forecast[:, lead]) for lead in range(horizon)]
    return [float(value) if isfinite(value) else None for value in found]
