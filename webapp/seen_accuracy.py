"""How right the forecasts were that people saw, by lead, beside what the backtest had promised."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import select

from demand_assets.forecasting.metrics import bias, coverage, wape
from demand_assets.forecasting.model import ForecastModel
from demand_assets.forecasting.planned_drivers import period_range
from demand_assets.forecasting.trailing import Floats
from webapp.database import db
from webapp.lines import Line
from webapp.tables import ArchivedForecast

MOST_SEEN = 100
"""Region-items of a selection of which past forecasts are read on a page."""
JUDGED_ORIGINS = 60
"""The newest origins of each that are read."""
_PACKED = np.dtype("<f4")


@dataclass(frozen=True)
class LeadAccuracy:
    """At one lead; None where nothing can be said."""

    lead: int
    points: int
    """Forecasts of the region-items whose period has become known since."""
    wape: float | None
    naive: float | None
    """WAPE of seasonal naive on the same periods."""
    bias: float | None
    coverage: float | None
    """Share of actuals in the 80 % interval as it was shown."""
    backtest: float | None
    """WAPE at that lead in the backtest of the models in production."""


@dataclass(frozen=True)
class SeenAccuracy:
    """Of one region-item, or pooled over those of a selection: errors of each, not of their sum."""

    by_lead: list[LeadAccuracy]
    stood: pd.Series
    """Units by date: the sum of the forecasts of each period as they stood when it began; only of periods for which all
    region-items have one."""

    @property
    def is_empty(self) -> bool:
        """Whether no forecast that was seen has become true or false yet."""
        return not any(each.points for each in self.by_lead)

    def chart(self) -> dict[str, Any]:
        """What the chart draws, as JSON types, in percent."""
        def percent(value: float | None) -> float | None:
            return None if value is None else round(100 * value, 1)

        return {"leads": [each.lead for each in self.by_lead], "seen": [percent(each.wape) for each in self.by_lead],
                "naive": [percent(each.naive) for each in self.by_lead],
                "backtest": [percent(each.backtest) for each in self.by_lead]}


def seen_accuracy(lines: Sequence[Line], histories: Mapping[str, pd.DataFrame], frequency: str) -> SeenAccuracy:
    """What archived forecasts and backtests say of these region-items; one query for all.

    Args:
        histories: key -> columns date and demand, of each line.
        frequency: of the dataset.
    """
    horizon = max(len(line.plan.table) for line in lines)
    judged: list[Floats] = []
    first: list[pd.Series] = []
    archived: dict[str, list[tuple[str, bytes]]] = {}
    for key, origin, content in db.session.execute(select(
            ArchivedForecast.key, ArchivedForecast.origin, ArchivedForecast.content).where(
            ArchivedForecast.key.in_([line.row.key for line in lines])).order_by(ArchivedForecast.origin)):
        archived.setdefault(key, []).append((origin, content))
    for line in lines:
        sold = histories[line.row.key].set_index("date")["demand"].astype(float)
        stood: dict[pd.Timestamp, float] = {}
        for origin, content in archived.get(line.row.key, [])[-JUDGED_ORIGINS:]:
            told = np.frombuffer(content, _PACKED).astype(float).reshape(4, -1)
            dates = period_range(pd.Timestamp(origin), told.shape[1] + 1, frequency)[1:]
            table = np.full((5, horizon), np.nan)
            leads = min(horizon, told.shape[1])
            table[0, :leads] = sold.reindex(dates[:leads]).to_numpy()
            table[1:, :leads] = told[:, :leads]
            judged.append(table)
            stood[dates[0]] = told[0, 0]
        first.append(pd.Series(stood, dtype=float))
    summed = pd.concat(first, axis=1).sum(axis=1, min_count=len(lines)).dropna()
    return SeenAccuracy(_by_lead(np.stack(judged) if judged else np.zeros((0, 5, horizon)), _backtest(lines, horizon)),
                        summed)


def _by_lead(judged: Floats, backtest: list[float | None]) -> list[LeadAccuracy]:
    """Of each lead; ``judged`` has actual, forecast, lower, upper, seasonal naive: shape (forecasts, 5, leads)."""
    found = []
    for lead in range(judged.shape[2]):
        actual, forecast, lower, upper, naive = judged[:, :, lead].T
        found.append(LeadAccuracy(
            lead + 1, int(np.count_nonzero(~np.isnan(actual))), _told(wape(actual, forecast)),
            _told(wape(np.where(np.isnan(naive), np.nan, actual), naive)), _told(bias(actual, forecast)),
            _told(coverage(actual, lower, upper)), backtest[lead]))
    return found


def _backtest(lines: Sequence[Line], horizon: int) -> list[float | None]:
    tables = [[np.array(line.model.backtest[name], dtype=float)[:, :horizon] for name in ("actual", "forecast")]
              for line in lines if isinstance(line.model, ForecastModel) and line.model.backtest]
    if not tables:
        return [None] * horizon
    actual, forecast = (np.concatenate(each) for each in zip(*tables, strict=True))
    return [_told(wape(actual[:, lead], forecast[:, lead])) for lead in range(horizon)]


def _told(value: float) -> float | None:
    return float(value) if isfinite(value) else None
