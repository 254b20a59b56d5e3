"""Past forecasts as they stood when each period began, so that accuracy is judged on what people saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

import numpy as np
from sqlalchemy import delete, select

from demand_assets.forecasting.contract.periods import Dates, Frequency, ordinals, period_dates, weekdays
from demand_assets.forecasting.forecast.totals import Part
from demand_assets.forecasting.series.gapped import Floats
from webapp.db.chunked import chunked
from webapp.db.database import db, now
from webapp.services import services
from webapp.tables import ArchivedForecast

KEPT_ORIGINS = 60
"""Periods back to which past forecasts are kept. A daily one of 28 leads takes 448 bytes, with its key and its place in
the index about 0.6 kB; 30,000 region-items take 18 MB a day and 1.1 GB in all."""
COVERAGE = 0.8
_PACKED = np.dtype("<f4")


@dataclass(frozen=True)
class PastForecast:
    """The last forecast made while a period was the last one known; each array of shape (h,), one for each lead."""

    origin: date
    made_at: datetime
    served_by: str
    """As in ``tables.StoredForecast``."""
    dates: Dates
    """Of the periods forecast, in days."""
    forecast: Floats
    """Units."""
    lower: Floats
    """Of the 80 % interval."""
    upper: Floats
    naive: Floats
    """Seasonal naive from the same origin; NaN where it knew nothing."""
    since: datetime
    """When the first forecast from this origin was made, just after the origin's demand had come."""


@dataclass(frozen=True)
class Standing:
    """The forecast of a region-item as it stands now."""

    key: str
    origin: date
    served_by: str
    """As in ``tables.StoredForecast``."""
    part: Part
    naive: Floats
    """Seasonal naive for each lead, in units."""


def keep_forecasts(standing: Sequence[Standing]) -> None:
    """Keep what stands now, in place of what stood earlier at the same origin; forget what is too old.

    Part of the caller's transaction.
    """
    frequency = services().dataset.frequency
    for origin, some in groupby(sorted(standing, key=lambda one: one.origin), lambda one: one.origin):
        ones = list(some)
        oldest = _periods_after(origin, np.array([-KEPT_ORIGINS]), frequency)[0]
        for part in chunked(ones):
            keys = [one.key for one in part]
            stood = {one.key: one for one in db.session.scalars(select(ArchivedForecast).where(
                ArchivedForecast.key.in_(keys), ArchivedForecast.origin == str(origin)))}
            at = now()
            for one in part:
                since = (stood[one.key].since or stood[one.key].made_at) if one.key in stood else at
                new = ArchivedForecast(key=one.key, origin=str(origin), made_at=at, since=since,
                                       served_by=one.served_by, content=_packed(one))
                if one.key in stood:
                    db.session.merge(new)
                else:
                    db.session.add(new)
            db.session.execute(delete(ArchivedForecast).where(ArchivedForecast.key.in_(keys),
                                                              ArchivedForecast.origin < str(oldest)))


def _packed(one: Standing) -> bytes:
    return np.stack([one.part.forecast, *one.part.interval(COVERAGE), one.naive]).astype(_PACKED).tobytes()


def past_forecasts(key: str) -> list[PastForecast]:
    """The kept forecasts of a region-item, oldest origin first; at most ``KEPT_ORIGINS`` and the newest."""
    return past_forecasts_of([key])[key]


def past_forecasts_of(keys: Sequence[str]) -> dict[str, list[PastForecast]]:
    """Key -> ``past_forecasts`` of the region-item."""
    frequency = services().dataset.frequency
    found: dict[str, list[PastForecast]] = {key: [] for key in keys}
    for part in chunked(keys):
        rows = db.session.execute(select(
            ArchivedForecast.key, ArchivedForecast.origin, ArchivedForecast.made_at, ArchivedForecast.since,
            ArchivedForecast.served_by, ArchivedForecast.content).where(ArchivedForecast.key.in_(part)).order_by(
            ArchivedForecast.origin))
        for key, origin, made_at, since, served_by, content in rows:
            found[key].append(_read(origin, made_at, since or made_at, served_by, content, frequency))
    return found


def _read(origin: str, made_at: datetime, since: datetime, served_by: str, content: bytes,
          frequency: Frequency) -> PastForecast:
    forecast, lower, upper, naive = np.frombuffer(content, _PACKED).astype(float).reshape(4, -1)
    known = date.fromisoformat(origin)
    return PastForecast(known, made_at, served_by, _periods_after(known, np.arange(1, len(forecast) + 1), frequency),
                        forecast, lower, upper, naive, since)


def _periods_after(origin: date, leads: np.ndarray, frequency: Frequency) -> Dates:
    at = np.array([origin], dtype="datetime64[D]")
    weekday = weekdays(at)
    return period_dates(ordinals(at, frequency, weekday) + leads, frequency, weekday)
