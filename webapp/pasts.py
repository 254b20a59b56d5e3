"""The past of a selection, as the forecast page shows it: what was sold, promos, last year, the backtest."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd

from demand_assets.forecasting.adjustments import ADJUSTED
from demand_assets.forecasting.dataset import Dataset
from demand_assets.forecasting.model import ForecastModel
from demand_assets.forecasting.planned_drivers import period_range
from demand_assets.forecasting.totals import Dates
from demand_assets.forecasting.trailing import Floats
from webapp.lines import Line
from webapp.live_accuracy import sold_on
from webapp.services import Services

Columns = pd.DataFrame | dict[str, np.ndarray]
YEARS = 3
"""Of history on the chart."""


@dataclass(frozen=True)
class Past:
    """What is known of a selection's past, summed over its region-items."""

    history: pd.DataFrame
    """Columns date and demand (units; null where nothing is known), oldest first."""
    marks: dict[str, list[date]] = field(default_factory=dict)
    """Yes/no driver -> periods, past and planned, in which any of the region-items has it."""
    adjusted: dict[date, float] = field(default_factory=dict)
    """Of one region-item: units that models learn in place of what was sold."""
    each: dict[str, pd.DataFrame] = field(default_factory=dict)
    """Key -> the region-item's own history, with its drivers."""

    def last_year(self, dates: pd.DatetimeIndex, dataset: Dataset) -> Floats:
        """Units sold a year (the longest season) before each date; NaN where that is not known."""
        before = (dates - pd.DateOffset(months=dataset.year_length) if dataset.frequency == "M"
                  else dates - pd.Timedelta(days=dataset.year_length * (7 if dataset.frequency == "W" else 1)))
        return sold_on(self.history, before.to_numpy().astype("datetime64[D]"))


def past_of(services: Services, lines: Sequence[Line]) -> Past:
    """The past of these region-items; the last years of it."""
    dataset = services.dataset
    histories = [services.forecaster.history(line.row.region_item, YEARS * dataset.year_length, line.row.outlook_wanted)
                 for line in lines]
    tables: list[Columns] = [*histories, *(line.plan.columns for line in lines)]
    dates = [np.asarray(table["date"]).astype("datetime64[D]") for table in tables]
    marks = {driver.name: _on(driver.name, tables, dates) for driver in dataset.drivers if driver.kind == "yes_no"}
    adjusted = {}
    if len(lines) == 1 and ADJUSTED in histories[0]:
        found = histories[0].dropna(subset=[ADJUSTED])
        adjusted = {at.date(): float(units) for at, units in zip(found["date"], found[ADJUSTED], strict=True)}
    return Past(_summed(histories, dates[:len(histories)]), marks, adjusted,
                {line.row.key: history for line, history in zip(lines, histories, strict=True)})


def _summed(histories: Sequence[pd.DataFrame], dates: Sequence[Dates]) -> pd.DataFrame:
    """Date and demand over all; NaN where nothing is known of any."""
    days = np.concatenate(dates)
    if not len(days):
        return pd.DataFrame({"date": days.astype("datetime64[ns]"), "demand": np.zeros(0)})
    first = days.min()
    place = (days - first).astype(np.int64)  # counted by day, which takes a tenth of sorting them
    units = np.concatenate([history["demand"].to_numpy(dtype=np.float64) for history in histories])
    known = ~np.isnan(units)
    sums = np.where(np.bincount(place, known) > 0, np.bincount(place, np.where(known, units, 0.0)), np.nan)
    there = np.flatnonzero(np.bincount(place))
    return pd.DataFrame({"date": (first + there).astype("datetime64[ns]"), "demand": sums[there]})


def _on(driver: str, tables: Sequence[Columns], dates: Sequence[Dates]) -> list[date]:
    """The dates on which any of the tables has a yes/no driver, oldest first."""
    values = np.concatenate([np.asarray(table[driver], dtype=np.float64) for table in tables])
    found: list[date] = np.unique(np.concatenate(dates)[values > 0]).tolist()
    return found


def backtest_of(lines: Sequence[Line], dataset: Dataset) -> pd.Series | None:
    """What the models in production forecast in the windows of their backtest, summed: units by date, oldest first.

    None where a region-item has no model of its own, or where the windows are not the same for all.
    """
    models = [line.model for line in lines if isinstance(line.model, ForecastModel) and line.model.backtest]
    if not models or len(models) < len(lines):
        return None
    origins = models[0].backtest["origins"]
    if any(model.backtest["origins"] != origins for model in models):
        return None
    units = np.sum([np.array(model.backtest["forecast"], dtype=np.float64) for model in models], axis=0)
    dates = [period_range(pd.Timestamp(origin), units.shape[1] + 1, dataset.frequency)[1:] for origin in origins]
    windows = pd.Series(units.ravel(), index=pd.DatetimeIndex(np.concatenate(dates)))
    return windows[~windows.index.duplicated(keep="last")].sort_index()
