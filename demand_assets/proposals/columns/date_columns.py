"""Which column is the date, or which are put together to one, and which period each row is of."""

import re
from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.periods import Dates, Frequency, ordinals, period_dates, weekdays
from demand_assets.forecasting.validation.written.dates import read_dates
from demand_assets.proposals.cannot_propose import CannotProposeError
from demand_assets.proposals.columns.facts import Column, Facts
from demand_assets.proposals.columns.found_roles import Roles
from demand_assets.proposals.columns.periods import (
    Reading,
    are_short_periods,
    counts_periods,
    day_and_month_differ,
    first_period,
    frequency_of,
    read_in_one_way,
    readings_of,
    series_codes,
    time_zone_of,
    told_by_the_next,
)
from demand_assets.proposals.terminal_questions import Ask
from demand_assets.sources.column_names import is_called_end, plain, quoted, spaced

_AS_LONG_AS_IDS = (6, 10, 13)
"""Digits of a month, and of stamps that count since 1970: dates only in a column that is called so."""
_DIGITS_OF_DATES = frozenset([6, 8, 10, 13])
_LOOKED_AT = 500
FISCAL = "is called fiscal"
"""In the note on a column that is called so."""
_FISCAL = frozenset(["fiscal", "fy", "gj", "geschaftsjahr", "exercice", "ejercicio", "esercizio", "boekjaar"])


def may_be_dates(column: Column) -> bool:
    """Whether a column can be read as dates."""
    some = [value.strip() for value in column.distinct[:_LOOKED_AT]]
    if column.says("date") < 2 and all(map(str.isdigit, some)) and not {*map(len, some)} <= _DIGITS_OF_DATES:
        return False  # without asking every format, which takes long for hundreds of columns
    return any(map(str.strip, column.distinct)) and may_be_date(column) and bool(date_readings(column))


def is_called_fiscal(name: str) -> bool:
    """Whether a name says that the year is that of books."""
    return bool({plain(word) for word in re.split(r"[\W_\d]+", spaced(name))} & _FISCAL)


def may_be_date(column: Column) -> bool:
    """Whether a column may be dates, by what it is called and whether it holds numbers."""
    if len(column.distinct) < 1:
        return False
    return not (column.is_number and not column.is_whole) or column.says("date") >= 2


def date_readings(column: Column) -> list[Reading]:
    """How a column may be read as dates, the best first; none where its numbers look like ids."""
    found = readings_of(column.distinct)
    is_bare = column.is_number and all(len(value.strip()) in _AS_LONG_AS_IDS for value in column.distinct[:20])
    return [] if is_bare and not column.says("date") else found


def take_dates_of_names(roles: Roles, facts: Facts, wide: Reading) -> None:
    """Take the dates from the names of columns, which are read."""
    assert facts.dates is not None
    codes, distinct = pd.factorize(facts.dates.astype(str))
    days = read_dates(pd.Series([str(value) for value in distinct], dtype=object), wide.by, wide.date_format).days
    roles.days = days[codes]
    roles.date_format = wide.date_format
    roles.reasons["date_format"] = "how the names of the columns with demand are written"


def choose_date(roles: Roles, columns: Sequence[Column], readings: dict[str, list[Reading]], facts: Facts) -> None:
    """Choose the column of dates, or those of which a date is made: year and month, week, quarter."""
    order = {column.name: place for place, column in enumerate(facts.columns)}

    def rank(name: str) -> tuple[float, ...]:
        column = facts.column(name)
        best = readings[name][0]
        return (column.says("date") - 2 * (column.says("calendar") > column.says("date")), best.share,
                column.known_share, len(column.distinct) > 1, -order[name])

    if readings:
        name = max(readings, key=rank)
        roles.date = name
        column = facts.column(name)
        others = [other for other in readings if other != name]
        why = (f"its values are dates, as {column.example()!r}"
               f"{', and it is called so' if column.says('date') else ''}")
        roles.reasons["date"] = why + (f"; so could {', '.join(map(repr, others[:4]))} be" if others else "")
        roles.used.add(name)
        return
    parts = {kind: next((column for column in columns if column.says(kind) >= 2 and column.is_number and (
        column.is_whole) and _within(column, low, high)), None)
        for kind, low, high in (("year", 1980, 2100), ("month", 1, 12), ("week", 1, 53), ("day", 1, 31))}
    year, month, week, day = parts["year"], parts["month"], parts["week"], parts["day"]
    if year and (month or week):
        _check_calendar([one for one in (year, month, week) if one is not None and not (month and one is week)])
        text = f"text({quoted(year.name)}) + "
        if month:
            text += f"'-' + text({quoted(month.name)})" + (f" + '-' + text({quoted(day.name)})" if day else "")
            roles.used |= {month.name} | ({day.name} if day else set())
        else:
            assert week is not None
            text += f"'-W' + text({quoted(week.name)})"
            roles.used.add(week.name)
        roles.used.add(year.name)
        roles.expressions["date"] = text
        roles.reasons["expression date"] = "year and period stand in columns of their own"
        roles.frequency = "D" if month and day else "M" if month else "W"
        others = [one for one in (month or week, day if month else None) if one is not None]
        roles.days = _days_together(year, others, "-" if month else "-W", roles)
    elif not year:
        _check_calendar([column for column in columns if column.is_number and is_called_fiscal(column.name)])
    else:
        _choose_beside(roles, year, [column for column in columns if column.name not in roles.used])
        if "date" not in roles.expressions:
            _check_calendar([year])


def _check_calendar(columns: Sequence[Column]) -> None:
    """Nothing, where no column is called fiscal. Raises: CannotProposeError."""
    if fiscal := [column.name for column in columns if is_called_fiscal(column.name)]:
        raise CannotProposeError(f"{fiscal[0]!r} is called fiscal, and which dates the periods of such a year have is "
                                 "not said; write the date on which each begins, or call the columns 'year' and "
                                 "'month' or 'week' if they are the calendar's")


def _choose_beside(roles: Roles, year: Column, columns: Sequence[Column]) -> None:
    """Make the date of a year and the column beside it that has the names of months, or the quarters."""
    for column in columns:
        if column is year or not (column.says("month") >= 2 or column.says("calendar") >= 2):
            continue
        between = "-Q" if column.is_number and _within(column, 1, 4) else " "
        some = int(year.numbers[np.isfinite(year.numbers)][0])
        found = readings_of([f"{some}{between}{value.strip()}" for value in column.distinct])
        if len(column.distinct) > 1 and found and found[0].by in ("M", "Q") and found[0].share == 1:
            roles.used |= {year.name, column.name}
            roles.expressions["date"] = f"text({quoted(year.name)}) + '{between}' + text({quoted(column.name)})"
            roles.reasons["expression date"] = "year and period stand in columns of their own"
            roles.frequency, roles.date_format = found[0].by, found[0].date_format
            roles.days = _days_together(year, [column], between, roles)
            roles.reasons["date_format"] = "how these are written together"
            return


def _days_together(year: Column, others: Sequence[Column], between: str, roles: Roles) -> Dates:
    """The day of each row, of a year and what stands in other columns."""
    years = np.nan_to_num(year.numbers, nan=0).astype(np.int64).astype(str)
    texts = pd.Series(np.where(np.isfinite(year.numbers), years, None), dtype=object)
    for column in others:
        texts = texts.str.cat(column.texts.str.strip(), sep=between)  # missing where either is
    return read_dates(texts, roles.frequency, roles.date_format).days


def _within(column: Column, low: int, high: int) -> bool:
    known = column.numbers[np.isfinite(column.numbers)]
    return bool(len(known)) and bool(known.min() >= low and known.max() <= high)


def read_periods(roles: Roles, facts: Facts, readings: dict[str, list[Reading]], ask: Ask, today: pd.Timestamp
                  ) -> None:
    """Read the dates: how they are written, of which day each row is, how long periods are."""
    if "date" in roles.expressions:
        roles.reasons["frequency"] = "as its columns say"
        return
    if roles.date is None:
        _count_periods(roles, facts, ask, today)
        return
    column, found = facts.column(roles.date), readings[roles.date]
    reading = found[0]
    told = ""
    if len(found) > 1 and (next_one := told_by_the_next(found, column.distinct)) is not None:
        alone = read_in_one_way(found, column.distinct)
        told = f"{alone[0]!r} can be nothing else and is the next after the others"
        reading = next_one
    elif len(found) > 1:
        value = day_and_month_differ(found, column.distinct)
        ways = [str(one.date_format) for one in found]
        chosen = ask(f"How is the date {value!r} written?", ways, "")
        if not chosen:
            alone = read_in_one_way(found, column.distinct)
            settles = f"{alone[0]!r} alone says which" if alone else "nothing in the column settles it"
            raise CannotProposeError(f"the dates in {column.name!r}, as {value!r}, may be {' or '.join(ways)}, and "
                                     f"{settles}; write them as 2024-01-31")
        reading = found[ways.index(chosen)]
    if are_short_periods(reading):
        raise CannotProposeError(f"{column.name!r} counts up to 13 in each year, as {column.example()!r}: periods of "
                                 "four weeks, no weeks or months of the calendar; write demand by week or by day")
    if is_called_fiscal(column.name) and reading.by in ("M", "Q"):
        roles.notes.append(f"{column.name!r} {FISCAL}: its months are taken for those of the calendar, which "
                           "is wrong where the year of the books begins in another month than January")
    roles.date_format = reading.date_format
    roles.reasons["date_format"] = told or f"all values are written so, as {column.example()!r}"
    roles.days = _days_of(column, reading)
    if reading.has_time and (zone := time_zone_of(reading)):
        zone = ask("Whose local midnight are the stamps?", [zone, "UTC"], zone)
        roles.time_zone = zone
        roles.reasons["time_zone"] = (f"all stamps, as {column.example()!r}, are midnight there; any zone with the "
                                      "same clock gives the same dates")
    roles.frequency, roles.reasons["frequency"] = frequency_found(roles, facts, reading.by)
    if roles.frequency == "W" and reading.by == "D" and is_called_end(column.name):
        roles.week_dated = "last_day"
        roles.reasons["week_dated"] = f"{column.name!r} says that a week is dated on its last day"


def _days_of(column: Column, reading: Reading) -> Dates:
    if len(reading.days) == len(column.distinct):
        days = reading.days
    else:  # of many distinct values, only some were tried
        days = read_dates(pd.Series(column.distinct, dtype=object), reading.by, reading.date_format).days
    return np.append(days, np.datetime64("NaT"))[column.codes[0]]


def frequency_found(roles: Roles, facts: Facts, by: Frequency) -> tuple[Frequency, str]:
    """How long periods are, and why."""
    seen = frequency_of(roles.days, series_codes(roles.keys(facts), facts.rows), by)
    return seen.frequency, seen.why


def _count_periods(roles: Roles, facts: Facts, ask: Ask, today: pd.Timestamp) -> None:
    keys = roles.keys(facts)
    counted = [column for column in facts.columns if column.name not in roles.used and counts_periods(column, keys)
               and (column.says("date") or column.says("week") or column.says("month") or column.says("day"))]
    serial = [column for column in facts.columns if column.name not in roles.used and column.is_whole
              and column.says("date") and _within(column, 32_000, 60_000)]
    if serial:
        column = serial[0]
        roles.date, roles.date_start = column.name, "1899-12-30"
        roles.used.add(column.name)
        roles.reasons["date"] = f"whole numbers such as {column.example()!r}, as Excel counts days"
        roles.reasons["date_start"] = "the day 0 of Excel"
        numbers = np.nan_to_num(column.numbers, nan=0).astype(np.int64)
        roles.days = (np.datetime64("1899-12-30") + numbers.astype("timedelta64[D]")).astype("datetime64[D]")
        others = np.isnan(column.numbers)  # some cells may be dates
        roles.days[others] = read_dates(column.texts[others], "D").days
        roles.frequency, roles.reasons["frequency"] = frequency_found(roles, facts, "D")
        if roles.frequency != "D":
            raise CannotProposeError(f"{column.name!r} counts days as Excel does, and periods are longer than a day; "
                                     "write dates as 2024-01-31")
        return
    if not counted:
        yearless = next((column for column in facts.columns if column.name not in roles.used and column.is_whole
                         and column.is_number and _within(column, 1, 53) and (
                             column.says("date") or column.says("week") or column.says("month"))), None)
        if yearless is not None:
            raise CannotProposeError(f"the column {yearless.name!r} says the week or the month, as "
                                     f"{yearless.example()!r}, and no column says the year; write both in one column, "
                                     "as in 2024-W05 or 2024-01")
        named = next((column for column in facts.columns if column.says("date") >= 2), None)
        if named is not None and named.distinct:
            value = next((value for value in named.distinct[:_LOOKED_AT] if not readings_of([value])), named.example())
            raise CannotProposeError(f"the column {named.name!r} should be the date, and {value!r} cannot be read as "
                                     "one; write dates as 2024-01-31")
        raise CannotProposeError("no column holds dates; the columns are "
                                 f"{', '.join(repr(column.name) for column in facts.columns[:12])}")
    column = max(counted, key=lambda one: max(one.says("date"), one.says("week"), one.says("month")))
    frequency: Frequency = "W" if column.says("week") else "M" if column.says("month") else "D"
    newest = int(np.nanmax(column.numbers))
    guess = first_period(newest, frequency, today)
    roles.date, roles.frequency = column.name, frequency
    roles.used.add(column.name)
    roles.date_start = ask(f"{column.name!r} counts periods up to {newest}. Which date has period 0?", [], guess)
    roles.days = _counted_days(column, roles.date_start, frequency)
    roles.reasons["date"] = f"whole numbers that count periods, {int(np.nanmin(column.numbers))} to {newest}"
    roles.reasons["date_start"] = ("ASSUMED, as the file says no date: so that the newest period is the last that is "
                                   "over. Correct it: holidays and seasons depend on it")
    roles.reasons["frequency"] = f"it is called {column.name!r}"
    roles.notes.append(f"columns.date_start is assumed: {column.name!r} counts periods and the file says no date")


def _counted_days(column: Column, start: str, frequency: Frequency) -> Dates:
    """The day of each row. Raises: CannotProposeError: the date of period 0 is none."""
    try:
        first = np.datetime64(date.fromisoformat(start), "D")
    except ValueError:
        raise CannotProposeError(f"{start!r} is no date as 2024-01-31") from None
    weekday = int(weekdays(np.array([first]))[0])
    known = np.isfinite(column.numbers)
    days = np.full(len(known), np.datetime64("NaT"), dtype="datetime64[D]")
    counted = ordinals(np.array([first]), frequency, weekday) + column.numbers[known].astype(np.int64)
    days[known] = period_dates(counted, frequency, weekday)
    return days
