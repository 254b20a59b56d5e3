"""Seasonal naive, the model, and the model with overrides on the same periods of one region-item, summed up by lead.

Judged is what stood: a forecast made from demand that ended so many periods earlier or more, and the override that held
when the next demand came. An override made later counts for nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Self

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.periods import Dates, Frequency, Ordinals, ordinals, period_dates, weekdays
from demand_assets.forecasting.series.gapped import Floats
from webapp.accuracy.past_forecasts import KEPT_ORIGINS, PastForecast
from webapp.region_items.open_overrides import period_override
from webapp.serving.history import sold_on
from webapp.tables import Override

FIELDS = ("periods", "rows", "no_forecast", "no_demand", "no_naive", "overridden", "too_late",
          "sold", "naive", "model", "plan", "naive_error", "model_error", "plan_error",
          "priced", "sold_money", "naive_money", "model_money", "plan_money",
          "naive_error_money", "model_error_money", "plan_error_money")
"""What is summed, as the columns of ``tables.ValueAdded``."""
_SPARE: Mapping[Frequency, int] = {"D": 7, "W": 2, "M": 1, "Q": 1}
"""Periods between two loads of demand after which the same forecasts are still found when a bucket is judged again."""
_LONGEST_BUCKET: Mapping[Frequency, int] = {"D": 7, "W": 1, "M": 1, "Q": 1}

Cell = tuple[str, int, str]
"""Bucket (ISO date), lead, and the planner whose override stood: empty for all rows."""


@dataclass(frozen=True)
class JudgedSums:
    """The sums of one region-item."""

    cells: Sequence[Cell]
    values: Floats
    """Shape (cells, fields)."""

    def to_bytes(self) -> bytes:
        """What ``from_bytes`` reads."""
        return json.dumps(self.cells).encode() + b"\n" + self.values.astype("<f8").tobytes()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """What ``to_bytes`` gave."""
        head, _, rest = content.partition(b"\n")
        return cls([(bucket, lead, planner) for bucket, lead, planner in json.loads(head)],
                   np.frombuffer(rest, "<f8").reshape(-1, len(FIELDS)))


def leads_of(horizon: int, frequency: Frequency) -> list[int]:
    """The leads that are judged: 1, a quarter and half of the horizon, and all of it, as far as past forecasts are kept
    long enough."""
    most = KEPT_ORIGINS - 2 * _LONGEST_BUCKET[frequency] - _SPARE[frequency]
    return sorted({min(lead, most) for lead in (1, -(-horizon // 4), -(-horizon // 2), horizon)})


def buckets_of(dates: Dates, frequency: Frequency) -> Dates:
    """What each period is summed up in: of days the Monday of their week, else the period itself."""
    return dates - weekdays(dates) if frequency == "D" else dates


def first_open_bucket(newest: date, horizon: int, frequency: Frequency) -> date:
    """Buckets from this one on are judged again when something of them becomes known; of older ones the forecasts are
    not kept any more, and they stay as they are.

    Args:
        newest: the last period with known demand.
    """
    at = np.array([newest], dtype="datetime64[D]")
    weekday = weekdays(at)
    back = KEPT_ORIGINS - max(leads_of(horizon, frequency)) - _SPARE[frequency]
    first = period_dates(ordinals(at, frequency, weekday) - back, frequency, weekday)
    bucket = buckets_of(first, frequency)
    whole: date = (bucket if bucket == first else bucket + 7)[0].item()
    return whole


def ends_at(past: Sequence[PastForecast], place: int) -> datetime | None:
    """When the demand after a past forecast came, so that another was the newest; None where it has only just come.

    Args:
        past: oldest origin first.
    """
    return past[place + 1].since if place + 1 < len(past) else None


def standing(made: Sequence[Override], ended: datetime | None) -> Override | None:
    """Which of the overrides of a period held until then, as ``ends_at`` gives it; None where none did."""
    held = [one for one in made if one.removed_at is None] if ended is None else [
        one for one in made if one.made_at < ended and (one.removed_at is None or one.removed_at >= ended)]
    return max(held, key=lambda one: (one.made_at, one.id), default=None)


def judge(past: Sequence[PastForecast], history: pd.DataFrame, prices: Floats | None, made: Sequence[Override],
          horizon: int, frequency: Frequency) -> JudgedSums:
    """The sums of the open buckets.

    Args:
        past: oldest origin first.
        history: columns date and demand (NaN = unknown or out of stock), consecutive periods, oldest first.
        prices: of each period of the history; None where they are not known.
        made: overrides of the region-item, removed ones too.
    """
    if not past or history.empty:
        return JudgedSums([], np.zeros((0, len(FIELDS))))
    dates = history["date"].to_numpy().astype("datetime64[D]")
    weekday = weekdays(dates[-1:])
    first = np.datetime64(first_open_bucket(dates[-1].item(), horizon, frequency))
    dates = dates[(dates >= first) & (dates > np.datetime64(past[0].origin))]
    if not len(dates):
        return JudgedSums([], np.zeros((0, len(FIELDS))))
    numbers = ordinals(dates, frequency, weekday)
    sold = sold_on(history, dates)
    price = np.full(len(dates), np.nan) if prices is None else sold_on(
        pd.DataFrame({"date": history["date"].to_numpy(), "demand": prices}), dates)
    buckets, starts = np.unique(buckets_of(dates, frequency), return_index=True)
    by_date: dict[date, list[Override]] = {}
    for one in made:
        by_date.setdefault(date.fromisoformat(one.date), []).append(one)
    stood = _Stood(past, frequency, weekday)
    cells: list[Cell] = []
    values: list[Floats] = []
    for lead in leads_of(horizon, frequency):
        model, naive, which = stood.at(numbers, lead)
        plan, planners, too_late = _planned(model, which, past, dates, by_date)
        rows = _rows(sold, naive, model, plan, price, planners, too_late)
        for planner in ["", *sorted({who for who in planners if who})]:
            mine = rows if not planner else np.where((np.array(planners) == planner)[:, None], rows, 0.0)
            for bucket, sums in zip(buckets, np.add.reduceat(mine, starts), strict=True):
                if sums[0]:
                    cells.append((str(bucket), lead, planner))
                    values.append(sums)
    return JudgedSums(cells, np.array(values).reshape(-1, len(FIELDS)))


class _Stood:
    """Past forecasts, by origin and lead."""

    def __init__(self, past: Sequence[PastForecast], frequency: Frequency, weekday: Ordinals) -> None:
        self._origins = ordinals(np.array([one.origin for one in past], dtype="datetime64[D]"), frequency, weekday)
        self._tables = np.full((2, len(past), max(len(one.forecast) for one in past)), np.nan)
        for place, one in enumerate(past):
            self._tables[:, place, :len(one.forecast)] = one.forecast, one.naive

    def at(self, numbers: Ordinals, lead: int) -> tuple[Floats, Floats, Ordinals]:
        """Model and naive of each period, NaN where none is kept, and the place of the forecast that they are of: the
        newest from so many periods ahead or more."""
        which = np.searchsorted(self._origins, numbers - lead, side="right") - 1
        ahead = numbers - self._origins[which] - 1
        is_kept = (which >= 0) & (ahead < self._tables.shape[2])
        model, naive = np.where(is_kept, self._tables[:, which, np.where(is_kept, ahead, 0)], np.nan)
        return model, naive, which


def _planned(model: Floats, which: Ordinals, past: Sequence[PastForecast], dates: Dates,
             by_date: Mapping[date, Sequence[Override]]) -> tuple[Floats, list[str], Floats]:
    """The model with the overrides that stood, whose they are, and 1.0 where there were only later ones."""
    plan, planners, too_late = model.copy(), [""] * len(dates), np.zeros(len(dates))
    for place, at in enumerate(dates.tolist()):
        if at not in by_date or np.isnan(model[place]):
            continue
        ended = ends_at(past, int(which[place]))
        held = standing(by_date[at], ended)
        if held is not None:
            plan[place], planners[place] = period_override(held).units(float(model[place])), held.made_by
        else:
            too_late[place] = ended is not None and any(one.made_at >= ended for one in by_date[at])
    return plan, planners, too_late


def _rows(sold: Floats, naive: Floats, model: Floats, plan: Floats, price: Floats, planners: Sequence[str],
          too_late: Floats) -> Floats:
    """``FIELDS`` of each period, shape (periods, fields)."""
    has_model, has_sold, has_naive = (~np.isnan(values) for values in (model, sold, naive))
    is_row = has_model & has_sold & has_naive
    is_priced = is_row & ~np.isnan(price)
    units = [sold, naive, model, plan, *(np.abs(each - sold) for each in (naive, model, plan))]
    return np.stack([
        np.ones(len(sold)), is_row, ~has_model, has_model & ~has_sold, has_model & has_sold & ~has_naive,
        is_row & (np.array(planners) != ""), is_row & (too_late > 0),
        *(np.where(is_row, each, 0.0) for each in units),
        is_priced, *(np.where(is_priced, each * price, 0.0) for each in units)], axis=1).astype(np.float64)
