"""What days, weeks and months are by a dataset's calendar: the values of the drivers that it makes."""

from calendar import isleap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from demand_assets.forecasting.contract.calendar_events import Event, EventTables
from demand_assets.forecasting.contract.periods import MONTHS, Dates, Mask, ordinals, period_dates, weekdays
from demand_assets.forecasting.dataset.calendar import (
    DEFAULT,
    HOLIDAY,
    MONTH_END,
    PAY_DAY,
    Events,
    beside_name,
    holidays_of,
)
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.series.gapped import Floats

ONE_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class _Days:
    """Consecutive days: which are meant, and of which that is known."""

    on: Mask
    known: Mask


def calendar_values(dataset: Dataset, region: str, dates: Dates,
                    tables: EventTables | None = None) -> dict[str, Floats]:
    """The values of the drivers that the calendar makes, for each of the periods: 0 and 1 of days, a number of days of
    weeks and months; NaN where the calendar does not reach.

    Args:
        region: whose calendar counts.
        dates: of consecutive periods, oldest first.
        tables: what was read of the events that stand in tables; of others nothing is known.
    """
    drivers = [driver.name for driver in dataset.drivers if driver.future == "calendar"]
    if not drivers:
        return {}
    if not len(dates):
        return {name: np.zeros(0) for name in drivers}
    begins, ends = _bounds(dates, dataset)
    calendar = dataset.calendar
    before, after = calendar.beside_holidays(dataset.frequency)
    margin = max(before, after, 31, *(max(one.days_before, one.days_after) for one in calendar.events), 0)
    days = np.arange(begins[0] - margin, ends[-1] + margin + 1)
    holidays = _holidays(calendar.holidays.get(region, calendar.holidays.get(DEFAULT)), days)
    found: dict[str, _Days] = {}
    if any(calendar.holidays.values()):
        found |= _beside(HOLIDAY, holidays, before, after)
    everywhere = np.ones(len(days), dtype=bool)
    if calendar.pay_days:
        found[PAY_DAY] = _Days(_pay_days(calendar.pay_days, days, holidays.on), everywhere)
    if calendar.month_end:
        last = (days.astype("datetime64[M]") + 1).astype("datetime64[D]") - ONE_DAY
        found[MONTH_END] = _Days((last - days).astype(np.int64) < calendar.month_end, everywhere)
    for events in calendar.events:
        listed = (tables or {}).get(events.name) if events.is_table else events.written
        meant = _events(events, listed, region, days)
        found |= _beside(events.name, meant, events.days_before, events.days_after)
    at = (begins - days[0]).astype(np.int64), (ends - days[0]).astype(np.int64) + 1
    return {name: _in_periods(found[name], *at) for name in drivers}


def _bounds(dates: Dates, dataset: Dataset) -> tuple[Dates, Dates]:
    """The first and the last day of each period."""
    days: Dates = dates.astype("datetime64[D]")
    if dataset.frequency == "D":
        return days, days
    if dataset.frequency in MONTHS:
        numbers = ordinals(days, dataset.frequency)
        begins, following = (period_dates(each, dataset.frequency) for each in (numbers, numbers + 1))
        return begins, np.asarray(following - ONE_DAY)
    is_last = dataset.calendar.weeks == "end" and dataset.columns.week_dated == "first_day"  # else shown by the first
    begins = np.asarray(days - 6 * ONE_DAY) if is_last else days
    return begins, np.asarray(begins + 6 * ONE_DAY)


def _holidays(codes: Sequence[str] | None, days: Dates) -> _Days:
    """The holidays of a region; None: what it has is not known."""
    on, known = np.zeros(len(days), dtype=bool), np.full(len(days), codes is not None)
    years = days.astype("datetime64[Y]").astype(np.int64) + 1970
    for code in codes or ():
        for year in np.unique(years).tolist():
            of_year = _holidays_in(code, year)
            if of_year is None:
                known[years == year] = False
            else:
                on |= np.isin(days, of_year)
    return _Days(on, known)


@lru_cache(maxsize=5000)
def _holidays_in(code: str, year: int) -> Dates | None:
    """The holidays of a year, those in the years beside it that count for it left out; None where none are known."""
    calendar = holidays_of(code)
    if not calendar.start_year <= year <= calendar.end_year:
        return None
    calendar.get(date(year, 1, 1))
    return np.array(sorted(calendar), dtype="datetime64[D]")


def _pay_days(wanted: Sequence[int | str], days: Dates, is_holiday: Mask) -> Mask:
    """Which of the days are pay days; of a month that is not whole, the last working day may be missed."""
    months = days.astype("datetime64[M]")
    day = (days - months.astype("datetime64[D]")).astype(np.int64) + 1
    length = ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64)
    on = np.zeros(len(days), dtype=bool)
    for one in wanted:
        if one == "last day":
            on |= day == length
        elif one == "last working day":
            working = np.flatnonzero((weekdays(days) < 5) & ~is_holiday)
            is_last = np.append(months[working][1:] != months[working][:-1], True)
            on[working[is_last]] = True
        else:
            on |= day == np.minimum(int(one), length)
    return on


def _events(events: Events, listed: Sequence[Event] | None, region: str, days: Dates) -> _Days:
    """The days of an entry's events in a region, known from the first year in which one ends to the last in which one
    begins: holidays over the new year tell nothing of the rest of a year."""
    on = np.zeros(len(days), dtype=bool)
    if listed is None:
        return _Days(on, on)
    years = days.astype("datetime64[Y]").astype(np.int64) + 1970
    known = np.full(len(days), events.complete or any(event.yearly for event in listed))
    own = [event for event in listed if event.region in (None, region)]
    if told := own or list(listed):
        first, last = min(event.last.year for event in told), max(event.first.year for event in told)
        if first > last:  # one only, over the new year
            first, last = last, first
        known |= (years >= first) & (years <= last)
    for event in own:
        for begin, end in _each_year(event, int(years[0]), int(years[-1])) if event.yearly else [
                (event.first, event.last)]:
            on |= (days >= np.datetime64(begin)) & (days <= np.datetime64(end))
    return _Days(on, known | on)


def _each_year(event: Event, first: int, last: int) -> list[tuple[date, date]]:
    """The event in each of the years, on the same days of the calendar; 29 February is the 28th of others."""
    longer = event.last.year - event.first.year
    return [(_in_year(event.first, year), _in_year(event.last, year + longer))
            for year in range(first - 1 - longer, last + 1)]


def _in_year(day: date, year: int) -> date:
    lacks_the_day = (day.month, day.day) == (2, 29) and not isleap(year)
    return date(year, 2, 28) if lacks_the_day else day.replace(year=year)


def _beside(name: str, days: _Days, before: int, after: int) -> dict[str, _Days]:
    """The days, and those before and after them that are none of them."""
    found = {name: days}
    for where, reach, sign in (("before", before, 1), ("after", after, -1)):
        if reach:
            near, known = np.zeros(len(days.on), dtype=bool), days.known.copy()
            for step in range(1, reach + 1):
                near |= _shifted(days.on, sign * step, False)
                known &= _shifted(days.known, sign * step, True)
            found[beside_name(where, name)] = _Days(near & ~days.on, known)
    return found


def _shifted(values: Mask, steps: int, beyond: bool) -> Mask:
    """What stands so many days later."""
    result = np.full(len(values), beyond)
    if steps > 0:
        result[:-steps] = values[steps:]
    else:
        result[-steps:] = values[:steps]
    return result


def _in_periods(days: _Days, begins: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> Floats:
    """How many days of each period are meant; NaN where one of them is not known."""
    on, unknown = (np.append(0, np.cumsum(mask)) for mask in (days.on, ~days.known))
    return np.where(unknown[ends] > unknown[begins], np.nan, (on[ends] - on[begins]).astype(np.float64))
