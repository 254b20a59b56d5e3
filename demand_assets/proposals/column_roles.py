"""Which column is the date, the region, the item and the demand, by names and by what stands in them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.periods import Dates, Frequency, ordinals, period_dates, weekdays
from demand_assets.forecasting.validation.written_dates import read_dates
from demand_assets.proposals.column_facts import Column, Facts
from demand_assets.proposals.column_names import called, is_called_end, plain, quoted, spaced
from demand_assets.proposals.periods import (
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
)
from demand_assets.proposals.tables import CannotProposeError
from demand_assets.proposals.terminal_questions import Ask
from demand_assets.sources.file_formats.workbooks import UNSTORED

_AS_LONG_AS_IDS = (6, 10, 13)
"""Digits of a month, and of stamps that count since 1970: dates only in a column that is called so."""
_DIGITS_OF_DATES = frozenset([6, 8, 10, 13])
_FEW_VALUES = 0.2
"""Distinct values of a key column for each row, at most."""
_MOST_OTHERS = 12
_LOOKED_AT = 500
_MOSTLY_NUMBERS = 0.5
FISCAL = "is called fiscal"
"""In the note on a column that is called so."""
_FISCAL = frozenset(["fiscal", "fy", "gj", "geschaftsjahr", "exercice", "ejercicio", "esercizio", "boekjaar"])


@dataclass
class Roles:
    """What was found, with the reason for each."""

    date: str | None = None
    region: str | None = None
    item: str | None = None
    demand: str | None = None
    stock: str | None = None
    """``stock`` or ``available``: what the stock column says of a period; None where there is none."""
    stock_column: str | None = None
    frequency: Frequency = "D"
    date_format: str | None = None
    date_start: str | None = None
    time_zone: str | None = None
    week_dated: str | None = None
    expressions: dict[str, str] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)
    """Columns of which expressions make the region or the item."""
    reasons: dict[str, str] = field(default_factory=dict)
    days: Dates = field(default_factory=lambda: np.zeros(0, dtype="datetime64[D]"))
    """Of each row of the facts."""
    used: set[str] = field(default_factory=set)
    """Columns that have a role."""
    notes: list[str] = field(default_factory=list)

    def keys(self, facts: Facts) -> list[Column]:
        """The columns that name a series."""
        return [facts.column(name) for name in (self.region, self.item, *self.parts) if name]


def roles_of(facts: Facts, ask: Ask, is_wide: bool, wide: Reading | None, today: pd.Timestamp) -> Roles:
    """Which column is what.

    Args:
        is_wide: whether the columns' names are dates, which then are no columns here.
        wide: how these were read.
    Raises: CannotProposeError: there is no date, or no demand.
    """
    roles = Roles()
    by_name = [column for column in facts.columns if any(map(str.strip, column.distinct))]
    readings: dict[str, list[Reading]] = {}
    if is_wide and wide is not None and facts.dates is not None:
        _of_wide(roles, facts, wide)
    else:
        readings = {column.name: found for column in by_name
                    if _may_be_date(column) and (found := _date_readings(column))}
    named = [name for name in readings
             if not called(name, "date") and max(called(name, "item"), called(name, "region")) == 3]
    for name in named if len(named) < len(readings) else ():
        del readings[name]
    dates = set(readings)
    if not is_wide:
        _choose_date(roles, by_name, readings, facts)
    _choose_keys(roles, [column for column in by_name if column.name not in dates], facts)
    if not is_wide:
        _choose_demand(roles, [column for column in by_name if column.name not in dates], ask, facts)
        _fill_keys(roles, [column for column in by_name if column.name not in dates], facts)
    elif roles.region is None and roles.item is None:
        _fill_keys(roles, by_name, facts)
    if is_wide:
        roles.frequency, why = _frequency(roles, facts, wide.by if wide else "D")
        roles.reasons["frequency"] = why
        return roles
    _read_periods(roles, facts, readings, ask, today)
    return roles


def may_be_dates(column: Column) -> bool:
    """Whether a column can be read as dates."""
    some = [value.strip() for value in column.distinct[:_LOOKED_AT]]
    if column.says("date") < 2 and all(map(str.isdigit, some)) and not {*map(len, some)} <= _DIGITS_OF_DATES:
        return False  # without asking every format, which takes long for hundreds of columns
    return any(map(str.strip, column.distinct)) and _may_be_date(column) and bool(_date_readings(column))


def is_called_fiscal(name: str) -> bool:
    """Whether a name says that the year is that of books."""
    return bool({plain(word) for word in re.split(r"[\W_\d]+", spaced(name))} & _FISCAL)


def _may_be_date(column: Column) -> bool:
    if len(column.distinct) < 1:
        return False
    return not (column.is_number and not column.is_whole) or column.says("date") >= 2


def _date_readings(column: Column) -> list[Reading]:
    found = readings_of(column.distinct)
    is_bare = column.is_number and all(len(value.strip()) in _AS_LONG_AS_IDS for value in column.distinct[:20])
    return [] if is_bare and not column.says("date") else found


def _of_wide(roles: Roles, facts: Facts, wide: Reading) -> None:
    assert facts.dates is not None
    codes, distinct = pd.factorize(facts.dates.astype(str))
    days = read_dates(pd.Series([str(value) for value in distinct], dtype=object), wide.by, wide.date_format).days
    roles.days = days[codes]
    roles.date_format = wide.date_format
    roles.reasons["date_format"] = "how the names of the columns with demand are written"


def _choose_date(roles: Roles, columns: Sequence[Column], readings: dict[str, list[Reading]], facts: Facts) -> None:
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
    elif year:
        _choose_beside(roles, year, [column for column in columns if column.name not in roles.used])


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


def _can_be_key(column: Column, rows: int) -> bool:
    is_called_so = column.says("region") == 3 or column.says("item") == 3
    if not column.distinct or (not is_called_so and (column.is_yes_no or (column.is_number and not column.is_whole))):
        return False
    return len(column.distinct) <= max(3, rows * (0.5 if rows < 100 else _FEW_VALUES)) or (
        len(column.distinct) < rows and not column.is_number)


def _choose_keys(roles: Roles, columns: Sequence[Column], facts: Facts) -> None:
    usable = [column for column in columns if column.name not in roles.used and _can_be_key(column, facts.rows)]
    for role, kinds in (("item", ("item", "weak item")), ("region", ("region",))):
        ranked = [(column.says(kind) - (2 if kind == "weak item" else 0), column)
                  for kind in kinds for column in usable
                  if column.name not in roles.used and column.says(kind) and not _is_driver_by_name(column, kind)]
        ranked = [(score, column) for score, column in ranked if score >= 1 and not (
            column.says("demand") == 3 and column.is_number and not column.is_constant and role != "region")]
        if not ranked:
            continue
        exact = {"item": "item", "region": "region"}[role]
        best = max(ranked, key=lambda pair: (pair[1].name.strip().lower() == exact, pair[0],
                                             _is_id(pair[1]), len(pair[1].distinct)))[1]
        setattr(roles, role, best.name)
        roles.used.add(best.name)
        also = [column.name for score, column in ranked if column is not best]
        roles.reasons[role] = f"called so; {_count(best)}" + (
            f"; so could {', '.join(map(repr, also[:4]))} be" if also else "")


def _is_driver_by_name(column: Column, kind: str) -> bool:
    own = column.says(kind)
    return any(column.says(other) > own or (column.says(other) == own == 2 and column.is_yes_no)
               for other in ("price", "cost", "promo", "holiday", "weather", "open", "stock")) or (
        column.says("holiday") == 3)


def _is_id(column: Column) -> bool:
    return called(column.name, "item") == 3 or called(column.name, "region") == 3


def _count(column: Column) -> str:
    count = len(column.distinct)
    return f"{count} value{'s' if count != 1 else ''}, as {column.example()!r}"


def _choose_demand(roles: Roles, columns: Sequence[Column], ask: Ask, facts: Facts) -> None:
    numeric = [column for column in columns if column.name not in roles.used and column.is_number]
    logarithms = [column for column in numeric if column.name.lower().startswith(("log", "ln"))
                  and called(column.name.lower().removeprefix("log").removeprefix("ln").strip("_ "), "demand")]

    def score(column: Column) -> tuple[float, ...]:
        named = column.says("demand") * 2.0
        if column.name.strip().lower() == "demand":
            named += 4
        if column.says("money") and column.says("money") >= column.says("demand"):
            named = column.says("money") * 0.5
        if column.has_currency:
            named = min(named, 0.25)
        for other in ("price", "cost", "promo", "holiday", "stock", "afterwards", "calendar", "weather", "open"):
            if column.says(other) > column.says("demand") or (column.says(other) == column.says("demand") == 3 and (
                    other in ("price", "cost", "stock"))):
                named = -1.0
        if column.name in {each.name for each in logarithms}:
            named = 1.5
        return (named, not column.is_constant, not column.is_yes_no, column.is_whole, -facts.columns.index(column))

    ranked = sorted(numeric, key=score, reverse=True)
    best = [column for column in ranked if score(column)[0] > 0]
    if not best:
        keys = {column.name for column in facts.columns if column.says("item") == 3 or column.says("region") == 3}
        best = [column for column in ranked if score(column)[0] == 0 and column.name not in keys
                and not column.is_yes_no and not _looks_like_id(column)]
        if len(best) > 1:
            names = [column.name for column in facts.columns if column in best]
            default = "" if roles.item is None or roles.region is None else best[-1].name
            chosen = ask("Which column is the demand (units)?", names, default)
            if not chosen:
                raise CannotProposeError(
                    f"the columns {', '.join(map(repr, names[:6]))} hold numbers, and none is called what demand is; "
                    "if each is that of an item or a region, write a row for each of them, with its name in a column "
                    "of its own; else call the demand 'demand'")
            best = [next(column for column in best if column.name == chosen)]
            roles.notes.append(f"which column is demand could not be told by its name: {best[0].name!r} was taken")
        why = "no other column of numbers is left"
    else:
        top = [column for column in best if score(column)[0] == score(best[0])[0]]
        if repeated := [column.name for column in top if re.search(r" \(\d+\)$", column.name)]:
            raise CannotProposeError(f"the columns {' and '.join(map(repr, repeated[:2]))} have one name: two tables "
                                     "stand side by side, or a column stands there twice; keep one of them")
        if len(top) > 1:
            chosen = ask("Which column is the demand (units)?", [column.name for column in top], top[0].name)
            best = [next(column for column in top if column.name == chosen)]
        why = f"called so; numbers, as {best[0].example()!r}"
        also = [column.name for column in ranked if column is not best[0] and score(column)[0] > 0]
        if also:
            why += f"; so could {', '.join(map(repr, also[:4]))} be"
    if not best:
        _no_demand(columns, roles)
    column = best[0]
    roles.used.add(column.name)
    if column in logarithms and called(column.name, "demand") != 3:
        roles.expressions["demand"] = f"exp({quoted(column.name)})"
        roles.reasons["expression demand"] = f"{column.name!r} is called a logarithm"
        return
    roles.demand = column.name
    roles.reasons["demand"] = why
    if column.has_currency or (column.says("money") and column.says("money") >= column.says("demand")):
        roles.notes.append(f"{column.name!r} looks like money: forecasts are then of money, not of units")


def _looks_like_id(column: Column) -> bool:
    numbers = column.numbers[np.isfinite(column.numbers)]
    return column.is_whole and len(numbers) > 2 and len(column.distinct) == len(numbers) and bool(
        (np.diff(numbers) == 1).all())


def _no_demand(columns: Sequence[Column], roles: Roles) -> None:
    left = [column for column in columns if column.name not in roles.used]
    named = next((column for column in left if column.says("demand") >= 2), None)
    if named is not None:
        wrong = next((value for number, value in zip(np.isnan(named._of_distinct[0]), named.distinct, strict=True)
                      if number), named.example())
        cure = ("nothing of it can be read" if str(wrong).endswith(UNSTORED) else
                f"numbers stand in {named._of_distinct[1]:.0%} of its rows: leave the others empty if nothing is "
                "known of them" if named._of_distinct[1] > _MOSTLY_NUMBERS else
                "write numbers alone there, without units, currency or letters"
                if any(map(str.isdigit, str(wrong))) else "a column with the units of each period is missing")
        raise CannotProposeError(f"the column {named.name!r} should be the demand and holds what is no number, as "
                                 f"{wrong!r}; {cure}")
    raise CannotProposeError("no column of numbers is left that could be the demand (units in each period); the "
                             f"columns are {', '.join(repr(column.name) for column in columns[:12])}")


def _fill_keys(roles: Roles, columns: Sequence[Column], facts: Facts) -> None:
    """Choose by content what no name told: text that repeats, where several rows stand for one date."""
    if roles.item is not None and roles.region is not None:
        return
    left = [column for column in columns if column.name not in roles.used and not column.is_yes_no
            and _can_be_key(column, facts.rows) and not column.is_constant and column.known_share > _MOSTLY_KNOWN
            and not any(column.says(kind) for kind in ("calendar", "holiday", "promo", "price", "cost", "weather",
                                                       "open", "afterwards", "stock", "date"))]
    for column in sorted(left, key=lambda column: (column.is_number, -len(column.distinct)))[:_MOST_OTHERS]:
        role = "item" if roles.item is None else "region"
        if getattr(roles, role) is not None:
            return
        if roles.date is None or (column.is_number and len(column.distinct) > facts.rows / 8):
            continue
        before = _several(roles, facts, [])
        after = _several(roles, facts, [column])
        if before > 0.05 and after < before * 0.7:
            setattr(roles, role, column.name)
            roles.used.add(column.name)
            roles.reasons[role] = (f"no column is called so, but with it {after:.0%} of the rows share their date with "
                                   f"another, and {before:.0%} without; {_count(column)}")


_MOSTLY_KNOWN = 0.9


def _several(roles: Roles, facts: Facts, more: Sequence[Column]) -> float:
    """The share of rows that are not the first of their series and date."""
    assert roles.date is not None
    codes = series_codes([facts.column(roles.date), *roles.keys(facts), *more], facts.rows)
    return 1 - len(np.unique(codes)) / max(1, facts.rows)


def _read_periods(roles: Roles, facts: Facts, readings: dict[str, list[Reading]], ask: Ask, today: pd.Timestamp
                  ) -> None:
    if "date" in roles.expressions:
        roles.reasons["frequency"] = "as its columns say"
        return
    if roles.date is None:
        _count_periods(roles, facts, ask, today)
        return
    column, found = facts.column(roles.date), readings[roles.date]
    reading = found[0]
    if len(found) > 1:
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
    roles.reasons["date_format"] = f"all values are written so, as {column.example()!r}"
    roles.days = _days_of(column, reading)
    if reading.has_time and (zone := time_zone_of(reading)):
        zone = ask("Whose local midnight are the stamps?", [zone, "UTC"], zone)
        roles.time_zone = zone
        roles.reasons["time_zone"] = (f"all stamps, as {column.example()!r}, are midnight there; any zone with the "
                                      "same clock gives the same dates")
    roles.frequency, roles.reasons["frequency"] = _frequency(roles, facts, reading.by)
    if roles.frequency == "W" and reading.by == "D" and is_called_end(column.name):
        roles.week_dated = "last_day"
        roles.reasons["week_dated"] = f"{column.name!r} says that a week is dated on its last day"


def _days_of(column: Column, reading: Reading) -> Dates:
    if len(reading.days) == len(column.distinct):
        days = reading.days
    else:  # of many distinct values, only some were tried
        days = read_dates(pd.Series(column.distinct, dtype=object), reading.by, reading.date_format).days
    return np.append(days, np.datetime64("NaT"))[column.codes[0]]


def _frequency(roles: Roles, facts: Facts, by: Frequency) -> tuple[Frequency, str]:
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
        roles.days[np.isnan(column.numbers)] = np.datetime64("NaT")
        roles.frequency, roles.reasons["frequency"] = _frequency(roles, facts, "D")
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
