"""On which weekday weeks are dated; where that has changed, the weeks before are moved."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from demand_assets.forecasting.contract.periods import WEEKDAYS, Dates, Mask, Ordinals, weekdays
from demand_assets.forecasting.contract.quarantine import Refusals

_WEEKS_OF_A_CHANGE = 3
_MOST_CHANGES = 3
"""Of a week's first day; where there are more, two feeds are mixed."""


def accept_weekdays(refusals: Refusals, days: Dates, owner: Ordinals, is_taken: Mask,
                    size: int) -> tuple[Ordinals, Dates, Mask]:
    """The weekday of each row's region-item, its most common one, or its newest one where its weeks have changed; and
    the date of each row on that weekday. Rows on another are refused."""
    own = np.zeros(len(days), dtype=np.int64)
    own[is_taken] = weekdays(days[is_taken])
    seen = np.bincount(owner[is_taken] * 7 + own[is_taken], minlength=size * 7).reshape(size, 7)
    usual = seen.argmax(axis=1) if size else np.zeros(0, dtype=np.int64)
    aligned = days.copy()
    for place in np.flatnonzero((seen > 0).sum(axis=1) > 1):
        mine = np.flatnonzero(is_taken & (owner == place))
        if changed := _changed_weeks(days[mine]):
            usual[place], shifts = changed
            aligned[mine] += shifts
            own[mine] = weekdays(aligned[mine])
    weekday = usual[owner] if size else own
    off = is_taken & (own != weekday)
    refusals.add(off, "date", "off_weekday",
                 lambda n, value: f"{days[n]} is a {WEEKDAYS[own[n]]}; the region-item's weeks are dated on "
                           f"{WEEKDAYS[weekday[n]]}s. Date all weeks alike.")
    return weekday, aligned, ~off


def _changed_weeks(days: Dates) -> tuple[int, npt.NDArray[np.timedelta64]] | None:
    """The newest weekday of weeks whose first day has changed, and how far each row's date is moved so that the weeks
    before follow on: by three days at most. None where it has not changed.

    A change is told from a slip of the pen by ``_WEEKS_OF_A_CHANGE`` weeks that follow each other.
    """
    distinct = np.unique(days)
    on = weekdays(distinct)
    starts = np.flatnonzero(np.diff(on, prepend=-1))
    runs: list[tuple[int, np.datetime64, np.datetime64]] = []
    for start, stop in zip(starts, [*starts[1:], len(distinct)], strict=True):
        if stop - start < _WEEKS_OF_A_CHANGE:
            continue
        if runs and runs[-1][0] == on[start]:
            runs[-1] = (runs[-1][0], runs[-1][1], distinct[stop - 1])
        else:
            runs.append((int(on[start]), distinct[start], distinct[stop - 1]))
    if not 2 <= len(runs) <= _MOST_CHANGES + 1:
        return None
    shifts = np.zeros(len(days), dtype="timedelta64[D]")
    for before, after in pairwise(runs):
        gap = int((after[1] - before[2]).astype(np.int64)) % 7
        shifts[days <= before[2]] += np.timedelta64(gap if gap <= 3 else gap - 7, "D")
    return runs[-1][0], shifts
