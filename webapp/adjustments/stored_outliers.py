"""Unusual periods in the past of a region-item: found by the background process, which reads the history anyway."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from sqlalchemy import select

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.series.adjusted_demand import CARRIED
from demand_assets.forecasting.series.outliers import usual_demand
from webapp.db.database import db
from webapp.db.stored_json import StoredJson
from webapp.pages.numbers_and_dates import decimals_for
from webapp.tables import RegionItemRow, StoredForecast


@dataclass(frozen=True)
class Outlier:
    """A period of the history whose demand is unusual."""

    date: date
    sold: float
    usual: float
    """Units that would be usual there, by season, level and known drivers."""

    @property
    def usual_rounded(self) -> float:
        """As it is proposed and adjusted to."""
        return as_proposed(self.usual)


@dataclass(frozen=True)
class Unusual(StoredJson):
    """What is unusual in a history; the newest first."""

    rows: list[Outlier]

    @classmethod
    def of(cls, history: pd.DataFrame, dataset: Dataset) -> "Unusual":
        """Found in a history of schema Demand, up to the last known demand; what is carried over is left out."""
        history = own_part(history)
        found = usual_demand(history, dataset)
        dates, sold = history["date"].to_numpy().astype("datetime64[D]"), history["demand"].to_numpy(dtype=float)
        return cls([Outlier(dates[place].item(), float(sold[place]), float(found.units[place]))
                    for place in np.flatnonzero(found.is_outlier)[::-1]])


def unusual_of(row: RegionItemRow, history: pd.DataFrame, dataset: Dataset) -> Unusual:
    """What is unusual in the history: as stored with the forecast, or looked for where that is not of this history."""
    if not row.forecast_due and len(history):
        origin = str(history["date"].iloc[-1].date())
        kept = db.session.execute(select(StoredForecast.unusual).where(
            StoredForecast.key == row.key, StoredForecast.origin == origin)).scalar_one_or_none()
        if kept is not None:
            return Unusual.from_json(kept)
    return Unusual.of(history, dataset)


def stored_unusual(key: str, since: str) -> list[Outlier]:
    """What is stored as unusual in a region-item's past, after a period; the newest first.

    Args:
        since: the period, ISO; empty for all.
    """
    told = db.session.scalar(select(StoredForecast.unusual).where(StoredForecast.key == key))
    return [one for one in Unusual.from_json(told).rows if str(one.date) > since] if told else []


def own_part(history: pd.DataFrame) -> pd.DataFrame:
    """The history from the region-item's own first demand on; all of it where nothing is carried over."""
    if CARRIED not in history:
        return history
    known = history["demand"].notna().to_numpy()
    return history.iloc[int(known.argmax()) if known.any() else len(history):]


def usual_at(text: str, history: pd.DataFrame, dataset: Dataset) -> float | None:
    """Units that would be usual on the date that was typed, as they are proposed; None where that cannot be said."""
    if not text:
        return None
    history = own_part(history)
    is_there = history["date"].to_numpy().astype("datetime64[D]").astype(str) == text
    units = usual_demand(history, dataset).units[is_there] if is_there.any() else np.array([np.nan])
    return None if np.isnan(units[0]) else as_proposed(float(units[0]))


def as_proposed(units: float) -> float:
    """Units rounded to one decimal, or to as many as a small number needs."""
    return round(units, max(1, decimals_for([abs(units)])))
