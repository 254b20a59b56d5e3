"""The rules that look at dates, applied to a whole panel at once; each gives the rows that it accepts."""

from typing import Any

import numpy as np
import numpy.typing as npt

from demand_assets.forecasting.contract.periods import Dates, Mask, Ordinals
from demand_assets.forecasting.contract.quarantine import Refusals
from demand_assets.forecasting.validation.written.dates import ReadDates

_STRAY_GAP_DAYS = 2 * 365
_STRAY_SHARE = 0.01
DAY_MINUTES = 24 * 60
LATEST_EAST = 10 * 60
"""The time in UTC at which days begin furthest in the east."""
_ENOUGH_STAMPS = 5
_NEARLY_ALL = 0.8
_SELDOM = 0.05
"""Of the stamps; fewer at a time of the day make none of the two, but where each names UTC: clocks may have changed
yesterday."""


def accept_dates(refusals: Refusals, dates: ReadDates, owner: Ordinals, size: int) -> Mask:
    """Refuse rows whose date cannot be read, and the rarer of those with and without a time zone."""
    unreadable = np.isnat(dates.days)
    refusals.add(unreadable, "date", "unreadable_date",
                 lambda n, value: "The date is missing." if dates.problem[n] == "is missing"
                 else f"The date {value!r} {dates.problem[n]}.")
    with_zone = np.bincount(owner[~unreadable & dates.has_zone], minlength=size)
    without = np.bincount(owner[~unreadable & ~dates.has_zone], minlength=size)
    mixed = (with_zone > 0) & (without > 0)
    rarer = ~unreadable & mixed[owner] & (dates.has_zone == (with_zone <= without)[owner])
    refusals.add(rarer, "date", "mixed_time_zones",
                 lambda n, value: f"The date {value!r} has {'a' if dates.has_zone[n] else 'no'} time zone and most "
                           "others of the region-item are the other way; write all dates alike.")
    return np.asarray(~unreadable & ~rarer)


def by_owner(owner: Ordinals, values: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """The rows, which lie together by owner, in the order of their values within each; as they stand where they are in
    that order, which is seen much faster than sorted."""
    if ((values[1:] >= values[:-1]) | (owner[1:] != owner[:-1])).all():
        return np.arange(len(owner))
    return np.lexsort((values, owner))


def midnights_elsewhere(dates: ReadDates, rows: npt.NDArray[np.intp]) -> tuple[int, ...]:
    """The one or two times of the day, in minutes, at which nearly all stamps of these rows stand and which look like
    midnight of another time zone, told in UTC; none where they do not. Ahead in summer alone is 23:00 and 24:00.
    """
    minutes = dates.minute[rows]
    if not (minutes >= LATEST_EAST).any():
        return ()
    minutes = minutes[~np.isnat(dates.days[rows])]
    times, often = np.unique(minutes, return_counts=True)
    counted = dict(zip(times.tolist(), often.tolist(), strict=True))
    best: tuple[int, ...] = ()
    for time in counted:
        for later in (None, 60):
            pair = (time,) if later is None else (time, time + later)
            shares = [counted.get(at % DAY_MINUTES, 0) for at in pair]
            least = 1.0 if dates.has_zone[rows].all() and pair[-1] < DAY_MINUTES else _SELDOM * len(minutes)
            if min(shares) < least or any(at < LATEST_EAST or at % 30 for at in pair):
                continue
            if pair[-1] == DAY_MINUTES and not dates.has_zone[rows].any():
                continue
            if sum(shares) > sum(counted.get(at % DAY_MINUTES, 0) for at in best):
                best = pair
    is_usual = sum(counted.get(at % DAY_MINUTES, 0) for at in best) >= _NEARLY_ALL * len(minutes)
    return best if len(minutes) >= _ENOUGH_STAMPS and is_usual else ()


def accept_stamps(refusals: Refusals, dates: ReadDates, owner: Ordinals, is_taken: Mask, size: int,
                  has_time_zone: bool) -> Mask:
    """Refuse the few rows of a region-item whose time of the day is another than that of nearly all others, which are
    midnights of a time zone: on which date they count is not known."""
    odd = np.zeros(len(owner), dtype=bool)
    if not dates.has_time.any():
        return ~odd
    rows = np.flatnonzero(is_taken)
    rows = rows[np.argsort(owner[rows], kind="stable")]
    bounds = np.searchsorted(owner[rows], np.arange(size + 1))
    for place in range(size):
        mine = rows[bounds[place]:bounds[place + 1]]
        if has_time_zone:
            is_off = dates.has_time[mine]
            if len(mine) >= _ENOUGH_STAMPS and 0 < is_off.mean() <= 1 - _NEARLY_ALL:
                odd[mine[is_off]] = True
        elif usual := midnights_elsewhere(dates, mine):
            odd[mine[~np.isin(dates.minute[mine], np.array(usual) % DAY_MINUTES)]] = True
    refusals.add(odd, "date", "odd_time",
                 lambda n, value: f"The date {value!r} has another time of the day than nearly all others of the "
                                  "region-item, which are midnights of a time zone; on which day it counts is not "
                                  "known. Write all dates alike.")
    return ~odd


def accept_strays(refusals: Refusals, days: Dates, owner: Ordinals, is_taken: Mask) -> Mask:
    """Refuse the few rows of a region-item that lie years before or after all others: typing errors, placeholders."""
    rows = np.flatnonzero(is_taken & refusals.panel["demand"].notna().to_numpy())
    rows = rows[by_owner(owner[rows], days[rows])]
    jumps = np.flatnonzero(np.diff(days[rows]).astype(np.int64) > _STRAY_GAP_DAYS)
    jumps = jumps[owner[rows[jumps]] == owner[rows[jumps + 1]]]
    strays = np.zeros(len(days), dtype=bool)
    for jump in jumps:
        start, stop = np.searchsorted(owner[rows], [owner[rows[jump]], owner[rows[jump]] + 1])
        few = max(1, int(_STRAY_SHARE * (stop - start)))
        if stop - start > 2 and jump + 1 - start <= few:
            strays[rows[start:jump + 1]] = True
        elif stop - start > 2 and stop - jump - 1 <= few:
            strays[rows[jump + 1:stop]] = True
    refusals.add(strays, "date", "stray_date",
                 lambda n, value: f"The date {days[n]} lies more than two years away from the region-item's other "
                                  "rows; correct or remove it at the source.")
    return ~strays
