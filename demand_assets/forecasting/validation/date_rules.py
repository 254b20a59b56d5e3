"""The rules that look at dates, applied to a whole panel at once; each gives the rows that it accepts."""

import numpy as np
import numpy.typing as npt

from demand_assets.forecasting.contract.periods import Dates, Ordinals, weekdays
from demand_assets.forecasting.contract.quarantine import Refusals
from demand_assets.forecasting.validation.readings import ReadDates

Mask = npt.NDArray[np.bool_]

_DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_STRAY_GAP_DAYS = 2 * 365
_STRAY_SHARE = 0.01


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


def accept_strays(refusals: Refusals, days: Dates, owner: Ordinals, is_taken: Mask) -> Mask:
    """Refuse the few rows of a region-item that lie years before or after all others: typing errors, placeholders."""
    rows = np.flatnonzero(is_taken & refusals.panel["demand"].notna().to_numpy())
    rows = rows[np.lexsort((days[rows], owner[rows]))]
    jumps = np.flatnonzero((owner[rows][1:] == owner[rows][:-1])
                           & (np.diff(days[rows]).astype(np.int64) > _STRAY_GAP_DAYS))
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


def accept_weekdays(refusals: Refusals, days: Dates, owner: Ordinals, is_taken: Mask,
                    size: int) -> tuple[Ordinals, Mask]:
    """The weekday of each row's region-item, its most common one; rows on another are refused."""
    own = np.zeros(len(days), dtype=np.int64)
    own[is_taken] = weekdays(days[is_taken])
    seen = np.bincount(owner[is_taken] * 7 + own[is_taken], minlength=size * 7).reshape(size, 7)
    weekday = seen.argmax(axis=1)[owner] if size else own
    off = is_taken & (own != weekday)
    refusals.add(off, "date", "off_weekday",
                 lambda n, value: f"{days[n]} is a {_DAY_NAMES[own[n]]}; the region-item's weeks are dated on "
                           f"{_DAY_NAMES[weekday[n]]}s. Date all weeks alike.")
    return weekday, ~off
