"""Dates as sources write them: days, weeks, months and quarters, in which order and language."""

import re
import unicodedata
from calendar import month_name
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from numbers import Number
from typing import Any, cast
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
from babel.dates import get_day_names, get_month_names

from demand_assets.forecasting.contract.periods import Dates, Frequency, Mask
from demand_assets.forecasting.contract.source import is_whole
from demand_assets.forecasting.validation.written.values import MISSING, by_value

FIRST_YEAR, LAST_YEAR = 1900, 2200
"""Dates outside are placeholders such as 0001-01-01 and 9999-12-31."""

_DATE = re.compile(r"(\d{4})([-/.]?)(\d{1,2})\2(\d{1,2})(?:[T ](.*))?", re.ASCII)
_MONTH = re.compile(r"(\d{4})[-/. ]?(\d{1,2})", re.ASCII)
_WEEK_WORDS = r"(?:W|KW|CW|WK|Week|Woche|S|Sem|Semaine|Semana|Settimana|Uge|Uke|Vecka|V|Tydzień|Tydz|Týden|Hét)?"
_WEEK = re.compile(rf"(\d{{4}})[-/. ]?{_WEEK_WORDS}[. ]?[ ]?(\d{{1,2}})(?:-?([1-7]))?", re.ASCII | re.IGNORECASE)
_WEEK_FIRST = re.compile(rf"{_WEEK_WORDS}[. ]?[ ]?(\d{{1,2}})(?:[-/. ]|, | de | of )(\d{{4}})",
                         re.ASCII | re.IGNORECASE)
_MONTH_FIRST = re.compile(r"(\d{1,2})[-/. ](\d{4})", re.ASCII)
_DAY_CELL = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ]00:00:00)?", re.ASCII)
"""A day as cells of workbooks that are dates show it."""
_UNMARKED = re.compile(r"(\d{4})([-/. ]?)(\d{1,2})|(\d{1,2})([-/. ])(\d{4})", re.ASCII)
_NUMBER_WITH_FRACTION = re.compile(r"(\d{6}|\d{8})\.0+", re.ASCII)
"""20240131.0, as programs write whole numbers of a column in which one is missing."""
_END_OF_DAY = re.compile(r"(?<![\d:.])24[:.]00(?!\d)(?:[:.]00(?:[.,]0+)?(?!\d))?", re.ASCII)
"""24:00, the end of the day that is written."""
_ONE_DIGIT_HOUR = re.compile(r"\d:\d\d", re.ASCII)
_ZONE_WORD = re.compile(r" (?:[PMCE][SD]T|AK[SD]T|HST|GMT|BST|CES?T|UTC)$")
"""A time zone by its letters, whose clock the time is of."""
_OFFSET = re.compile(r"[+-]\d{2}:?\d{2}$", re.ASCII)
SINCE_1970 = re.compile(r"(1[0-8]\d{8})(\d{3})?(?:\.0+)?", re.ASCII)
"""Seconds or milliseconds since 1970, as programs write stamps in UTC, of the years 2001 to 2030."""
_OF_DOT_NET = re.compile(r"/Date\((\d+)\)/", re.ASCII)
"""Milliseconds since 1970 as services of Microsoft write them in JSON."""
_SPAN = re.compile(r"\d[\d./-]*\d\.?(?: ?[–—/] ?| - | to | bis | au | al | a |\.\.)(?P<to>\d[\d./-]*\d\.?)",
                   re.ASCII | re.IGNORECASE)
"""2024-01-01/2024-01-07, 01.01.–07.01.2024, which date_format cannot read."""
_FULL_DAY = re.compile(r"\d{4}([-./])\d{1,2}\1\d{1,2}|\d{1,2}([-./])\d{1,2}\2\d{4}\.?", re.ASCII)
_OF_AN_ERA = re.compile(r"(?:令和|平成|昭和|大正|民[國国]|[RHS](?=\d))\s?(?:\d|元).*")
_OTHER_CALENDARS = {range(2400, 2700): "Buddhist years are 543 more than others", range(1300, 1500): (
    "Islamic and Persian calendars have other years and months")}
"""Calendars of which a year may be that is none of ours."""
_SERIAL = re.compile(r"\d{1,5}([.,]0+)?", re.ASCII)
"""Also 46146,0, as a number becomes text."""
_NUMBER_AS_DATE = ("is a number and no date; if it counts periods, give columns.date_start, the date of period 0; if "
                   "it is a day as spreadsheets count them, make its cell a number where it is text, give its column a "
                   "date's format there and export it again")
_CENTURY_FROM = 69
"""From which two digits of a year on it is one of the last century, as Python reads them."""
_QUARTER = re.compile(
    r"(?P<year>\d{4})(?:[-/. ]?[QT]0?|[-/ ])(?P<number>[1-4])(?:\. ?Quartal)?"
    r"|(?P<short>\d{2}|\d{4})[-/. ]?(?:Q(?P<late>[1-4])|(?P<last>[1-4])Q)"
    r"|(?P<before>[1-4]|IV|I{1,3})(?:[QT]|[^\d\s]{0,2} ?(?:Quartal|trimestre|trimester|trim\.|kwartał|kw\.|kvartal|kv\."
    r"|čtvrtletí|negyedév|çeyrek|квартал|кв\.))[-/. ']*(?P<then>\d{4}|\d{2})"
    r"|(?:[QTK]|Quartal |Quarter |Qtr\.? ?)(?P<first>[1-4])[-/,. ']*(?P<later>\d{4}|\d{2})", re.ASCII | re.IGNORECASE)
_ROMAN = {"I": 1, "II": 2, "III": 3, "IV": 4}
_WEEK_OF_FORMAT = re.compile(r"%[VWU]")
_FIELD = re.compile("(%.)")
_OF_ISO_WEEK = {"%y": r"(?P<year>\d{2})", "%Y": r"(?P<year>\d{4})", "%G": r"(?P<year>\d{4})",
                "%V": r"(?P<week>\d{1,2})"}
_MONTH_OF_FORMAT = re.compile("%[bB]")
_WEEKDAY_FIRST, _WORD_FIRST = re.compile(r"%[aA][.,]*[ ]*"), re.compile(r"([^\W\d_]+)[.,]*[ ]*")
_LANGUAGES = ("en", "de", "de_AT", "fr", "es", "it", "nl", "pt", "sv", "da", "nb", "pl", "tr", "ru", "uk", "cs", "sk",
              "hu", "ro", "el", "sl", "bg", "id", "ca", "lt", "et", "lv", "ar")
"""Whose names of months are read where a format has ``%b`` or ``%B``. Not Croatian, whose listopad is October (no other
of its months is read, so that a column of them is refused), and not Finnish, whose marraskuu would take mar from March.
"""
_WORD = re.compile(r"[^\W\d_]+\.?")
_LAST_WEEK = re.compile(r"(?<!\d)53(?!\d)|(?<=\d{4})53$|^53(?=\d{4}$)")
_HOUR_OF_FORMAT = re.compile(r"%[HIXTRc]")
_ODD_TIMES = 0.2
"""Of dates; so many that have a time of the day are odd ones among days."""
_DAY_OF_FORMAT = re.compile(r"%[aAwudjxcD]")
_UTC = ("UTC", "+00:00", "Etc/UTC", "UTC+00:00")


@dataclass(frozen=True)
class ReadDates:
    """A column of dates."""

    days: Dates
    """The local date as written; NaT where it could not be read."""
    has_zone: Mask
    has_time: Mask
    """Whether the time of the day is other than midnight."""
    minute: npt.NDArray[np.int64]
    """Minutes since midnight of a stamp in UTC or without a zone; -1 of others, and where there are seconds too."""
    problem: npt.NDArray[np.object_]
    """Why it could not be read, in words; empty where it could."""


def read_dates(column: "pd.Series[Any]", frequency: Frequency, date_format: str | None = None,
               time_zone: str | None = None, is_last_day: bool = False) -> ReadDates:
    """The dates of a column; of a stamp with a time zone, the date on the wall clock it was written from.

    Args:
        column: dates, stamps, ISO 8601 text, or numbers written as 20240131 (for months also 202401).
        frequency: weeks may be written 2024-W05, months 2024-01, quarters 2024-Q1.
        date_format: how text is written, if not as ISO 8601.
        is_last_day: whether weeks are dated on their last day; they are read as dated on their first.
        time_zone: on whose wall clock the date of a stamp counts instead; stamps without a zone are UTC then, those at
            midnight too where many are at other times of the day.
    """
    size = len(column)
    back = np.timedelta64(6 if is_last_day and frequency == "W" else 0, "D")
    zone = ZoneInfo(time_zone) if time_zone else None
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        own_zone = getattr(column.dtype, "tz", None)
        has_zone = np.full(size, own_zone is not None)
        is_utc = own_zone is None or str(own_zone) in _UTC
        if zone is not None and own_zone is not None:
            column = column.dt.tz_convert(zone)
        elif zone is not None:
            has_clock = (column != column.dt.normalize()) & column.notna()
            if has_clock.any():
                local = column.dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
                column = local if _are_stamps(has_clock.to_numpy()) else column.where(~has_clock, local)
        stamps = (column if column.dt.tz is None else column.dt.tz_localize(None)).to_numpy()
        days: Dates = stamps.astype("datetime64[D]")
        off = np.flatnonzero(stamps != days)  # not at midnight, or missing
        has_time = np.zeros(size, dtype=bool)
        minute = np.full(size, 0 if is_utc else -1)
        if is_utc:
            minute[off] = _minutes(stamps[off])
        problem = np.broadcast_to(np.array("", dtype=object), size)
        impossible = (days < _FIRST_DAY_READ) | (days > _LAST_DAY_READ)
        if len(off) or impossible.any():
            missing = np.isnat(days)
            has_time[off] = True
            has_time &= ~missing & ~impossible
            problem = problem.copy()
            problem[missing] = "is missing"
            problem[impossible] = _IMPOSSIBLE
            days[impossible] = np.datetime64("NaT")
        return ReadDates(days - back, has_zone, has_time, minute, problem)

    def read(value: Any) -> _ReadDate:
        return (_of_text(value, frequency, date_format, time_zone, are_stamps) if type(value) is str
                else _read_date(value, frequency, date_format, time_zone, are_stamps))

    are_stamps = False
    if zone is not None:
        as_written = read_dates(column, frequency, date_format)
        are_stamps = _are_stamps(as_written.has_time[~np.isnat(as_written.days) & ~as_written.has_zone])
    parts = by_value(column, read, (_NO_DAY, False, False, -1, "is missing"))
    each = list(zip(*parts.read, strict=True))
    days = np.array(each[0], dtype=np.int64).view("datetime64[D]")
    has_zone, has_time = np.array(each[1], dtype=bool), np.array(each[2], dtype=bool)
    minute, problem = np.array(each[3], dtype=np.int64), np.array(each[4], dtype=object)
    return ReadDates(cast(Dates, days[parts.codes] - back), has_zone[parts.codes], has_time[parts.codes],
                     minute[parts.codes], problem[parts.codes])


_ReadDate = tuple[int, bool, bool, int, str]
"""The number of a day, and what ``ReadDates`` says of it besides."""


def _are_stamps(has_time: Mask) -> bool:
    """Whether so many dates have a time of the day that those at midnight are stamps too, as of hourly rows; the few
    that have one among dates are odd."""
    return bool(len(has_time)) and bool(has_time.mean() > _ODD_TIMES)


def _has_clock(value: Any, date_format: str | None) -> bool:
    """Whether a time of the day is written."""
    return isinstance(value, datetime) or (isinstance(value, str) and (
        ":" in value or (date_format is not None and bool(_HOUR_OF_FORMAT.search(date_format)))))


def _read_date(value: Any, frequency: Frequency, date_format: str | None, time_zone: str | None,
               are_stamps: bool) -> _ReadDate:
    read_or_problem = _date_of(value, frequency, date_format)
    if isinstance(read_or_problem, str):
        return _NO_DAY, False, False, -1, read_or_problem
    moment, has_zone = read_or_problem, read_or_problem.tzinfo is not None
    if time_zone is not None and (has_zone or moment.time() != _MIDNIGHT or (
            are_stamps and _has_clock(value, date_format))):
        moment = (moment if has_zone else moment.replace(tzinfo=UTC)).astimezone(ZoneInfo(time_zone))
    is_plain = not moment.utcoffset() and not moment.second and not moment.microsecond
    return (moment.toordinal() - _FIRST_DAY, has_zone, moment.time() != _MIDNIGHT,
            60 * moment.hour + moment.minute if is_plain else -1, "")


_of_text = lru_cache(maxsize=1 << 16)(_read_date)
"""Of texts, which stand in every region-item alike."""


def unmarked_periods(column: "pd.Series[Any]") -> dict[str, tuple[int, str, str]]:
    """The values of a column that may be a year and a month or a year and a week, as 2024-05: each with the number of
    the month or week, and the formats that read it as a week and as a month."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return {}
    found = {}
    for value in pd.unique(column.astype(object)):
        text = str(int(value)) if is_whole(value) else in_plain_digits(str(value)).strip()
        if (match := _UNMARKED.fullmatch(text)) is None:
            continue
        year, between, number, first, between_first, _ = match.groups()
        written = f"%G{between}%V" if year else f"%V{between_first}%G"
        found[text] = int(number or first), written, written.replace("%G", "%Y").replace("%V", "%m")
    return found


def week_53_of(column: "pd.Series[Any]") -> dict[int, str]:
    """The values of a column that name week 53 of a year to which the ISO calendar gives 52, by year."""
    found = {}
    for value in pd.unique(column.astype(object)):
        text = str(int(value)) if is_whole(value) else in_plain_digits(str(value)).strip()
        first, later = _WEEK.fullmatch(text), _WEEK_FIRST.fullmatch(text)
        year, week = first.groups()[:2] if first else (later[2], later[1]) if later else ("", "")
        if week == "53" and date(int(year), 12, 28).isocalendar().week < int(week):  # in the last week of its year
            found[int(year)] = text
    return found


def swapped_dates(column: "pd.Series[Any]", date_format: str) -> set[str]:
    """The texts of a column that are dates only if day and month change places in the format."""
    swapped = swapped_format(date_format)
    if swapped == date_format:
        return set()
    return {text for value in pd.unique(column.astype(object)) if isinstance(value, str)
            and (text := in_plain_digits(value).strip()) and _moment_of(text, "D", date_format) is None
            and _moment_of(text, "D", swapped) is not None}


def swapped_format(date_format: str) -> str:
    """The format with day and month in each other's place; the same where it has not both as numbers."""
    if "%d" not in date_format or "%m" not in date_format:
        return date_format
    return date_format.replace("%d", "\0").replace("%m", "%d").replace("\0", "%m")


UNCLEAR_ORDER = "may have day and month in each other's place, as other dates of the table have"


def of_unclear_order(columns: "Sequence[pd.Series[Any]]", date_format: str | None) -> list[Mask]:
    """Of each column of a table, which dates are two days by the format and by day and month in each other's place,
    where any date of them can be read in the latter way only."""
    if date_format is None or not any(swapped_dates(column, date_format) for column in columns):
        return [np.zeros(len(column), dtype=bool) for column in columns]
    found = []
    for column in columns:
        one, other = (read_dates(column, "D", written).days for written in (date_format, swapped_format(date_format)))
        found.append(~np.isnat(one) & ~np.isnat(other) & (one != other))
    return found


def _minutes(stamps: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    """Minutes since midnight of each stamp; -1 where there are seconds too, or no stamp."""
    since = stamps - stamps.astype("datetime64[D]")
    minutes = since.astype("timedelta64[m]")
    found = minutes.astype(np.int64)
    found[np.isnat(stamps) | (minutes != since)] = -1
    return np.asarray(found)


_MIDNIGHT = datetime.min.time()
_NO_DAY = int(np.datetime64("NaT", "D").astype(np.int64))
_FIRST_DAY = date(1970, 1, 1).toordinal()
_FIRST_DAY_READ, _LAST_DAY_READ = np.datetime64(f"{FIRST_YEAR}-01-01"), np.datetime64(f"{LAST_YEAR}-12-31")
_IMPOSSIBLE = f"lies outside the years {FIRST_YEAR} to {LAST_YEAR}; leave it empty if it is unknown"


def _date_of(value: Any, frequency: Frequency, date_format: str | None) -> datetime | str:
    """The moment that a value names, or why it names none."""
    if isinstance(value, datetime):
        moment: datetime | None = value
    elif isinstance(value, date):
        moment = datetime(value.year, value.month, value.day)
    elif isinstance(value, Number) and not isinstance(value, bool):
        if not is_whole(value):
            return "is no date"
        text = str(int(value))  # type: ignore[call-overload]
        is_written = len(text) == 8 or (frequency in ("M", "W") and len(text) == 6) or SINCE_1970.fullmatch(text)
        if not is_written and not date_format:
            return _NUMBER_AS_DATE
        moment = _moment_of(text, frequency, date_format)
    else:
        text = in_plain_digits(str(value)).strip().strip("\ufeff")  # of files that were joined
        if not date_format and (stamp := _OF_DOT_NET.fullmatch(text)):
            text = stamp[1]
        if not date_format and (number := _NUMBER_WITH_FRACTION.fullmatch(text)):
            text = number[1]
        if text.lower() in MISSING:
            return "is missing"
        moment = _moment_of(text, frequency, date_format)
    written = in_plain_digits(str(value)).strip()
    if moment is None and frequency != "Q" and _quarter_of(written) is not None:
        return "is a quarter; set frequency = 'Q' in the dataset file, or deliver demand by month, week or day"
    if moment is None and _SERIAL.fullmatch(written):
        return _NUMBER_AS_DATE if frequency != "D" else (
            "is a number and no date; if it is a day as spreadsheets count them (45322 is 2024-01-31), set "
            "columns.date_start = '1899-12-30'; if it counts days otherwise, set it to the date of day 0")
    if moment is None and (other := _of_no_format(written)):
        return other
    if moment is None:
        expected = date_format or {"D": "2024-01-31", "W": "2024-01-31 or 2024-W05", "M": "2024-01-31 or 2024-01",
                                   "Q": "2024-01-31 or 2024-Q1"}[
            frequency]
        return (f"is no date written as {expected}" if date_format else
                f"is no date written as {expected}; if dates are written otherwise, give columns.date_format, "
                "as in '%d/%m/%Y'")
    if FIRST_YEAR <= moment.year <= LAST_YEAR:
        return moment
    return _of_other_calendar(moment.year) or _IMPOSSIBLE


def _of_no_format(text: str) -> str:
    """What a text is that names days and that no ``date_format`` reads, and what to do; empty where it is no such."""
    span = _SPAN.fullmatch(text)
    if span and _FULL_DAY.fullmatch(span["to"]):
        return "is a span of days; write its first day alone into the column at the source, as in 2024-01-31"
    if _OF_AN_ERA.fullmatch(text):
        return "counts the years of an era; write it with the year of the Gregorian calendar, as in 2024-01-31"
    year = next((int(part) for part in re.findall(r"(?<!\d)\d{4}(?!\d)", text)), 0)
    return _of_other_calendar(year) if _FULL_DAY.fullmatch(text) else ""


def _of_other_calendar(year: int) -> str:
    """Why a year may be of another calendar, and what to do; empty where it is of none that is known here."""
    return next((f"is of a year outside {FIRST_YEAR} to {LAST_YEAR}; {why}: write it by the Gregorian calendar, as in "
                 "2024-01-31" for years, why in _OTHER_CALENDARS.items() if year in years), "")


def in_plain_digits(text: str) -> str:
    """A text in the digits 0 to 9 where it has those of another script, as in ٢٠٢٤-٠١-٠٥, with plain marks between
    them, and without what tells in which direction it is written."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(letter)) if letter.isdecimal() else letter
                   for letter in text.translate(_PLAIN_MARKS))


_PLAIN_MARKS = {ord(wide): plain for wide, plain in zip("／－．：，", "/-.:,", strict=True)} | dict.fromkeys(
    (0x061C, *range(0x200E, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A)))
"""Of full width; and marks of the direction, of which none is left."""


def _moment_of(text: str, frequency: Frequency, date_format: str | None) -> datetime | None:
    try:
        if date_format:
            if not date_format.startswith("%Y-") and (cell := _DAY_CELL.fullmatch(text)):
                return datetime.fromisoformat(cell[1])
            return _written_as(text, date_format)
        if match := SINCE_1970.fullmatch(text):
            return datetime.fromtimestamp(int(match[1]), UTC).replace(microsecond=1000 * int(match[2] or 0))
        if match := _DATE.fullmatch(text):
            year, separator, month, day, time = match.groups()
            if not separator and len(text.split("T")[0].split(" ")[0]) != 8:
                return _month_of(text) if frequency == "M" else _week_of(text) if frequency == "W" else None
            time = (time or "00:00").removesuffix("UTC").strip()
            time = "00:00" if _END_OF_DAY.fullmatch(time) else time  # it counts for that day
            time = f"0{time}" if _ONE_DIGIT_HOUR.match(time) else time
            time += "+00:00" if (match[5] or "").endswith("UTC") and not _OFFSET.search(time) else ""
            return datetime.fromisoformat(f"{year}-{int(month):02}-{int(day):02}T{time}")
        if frequency == "W" and (week := _week_of(text)) is not None:
            return week
        return _month_of(text) if frequency == "M" else _quarter_of(text) if frequency == "Q" else None
    except (ValueError, OverflowError):
        return None


def _written_as(text: str, date_format: str) -> datetime:
    """The moment that the format reads; of a year and a week without a weekday the week's first day.

    Raises: ValueError.
    """
    if _WEEK_OF_FORMAT.search(date_format) and not _DAY_OF_FORMAT.search(date_format):
        fields = _FIELD.findall(date_format)
        if len(fields) == len({*fields, "%V"}) == 2 and {*fields} <= set(_OF_ISO_WEEK):  # a year and its week
            return _iso_week(text, date_format)
        if "%V" in date_format:
            date_format = date_format.replace("%Y", "%G")
        moment = datetime.strptime(f"{text} {0 if '%U' in date_format else 1}", f"{date_format} %w")
        if moment.month == 1 and _LAST_WEEK.search(text):
            raise ValueError(text)  # strptime takes a week that its year has not for the first of the next
        return moment
    if date_format.endswith(" %Z") and (zone := _ZONE_WORD.search(text)):
        return _written_as(text[:zone.start()], date_format.removesuffix(" %Z"))
    try:
        return datetime.strptime(text, date_format)
    except ValueError:
        if "%H" in date_format and _END_OF_DAY.search(text):
            return _written_as(_END_OF_DAY.sub(lambda time: f"00{time[0][2:]}", text), date_format)
        if (weekday := _WEEKDAY_FIRST.match(date_format)) and (word := _WORD_FIRST.match(text)) and (
                _plain(word[1]) in _weekday_names()):
            return _written_as(text[word.end():], date_format[weekday.end():])
        if not _MONTH_OF_FORMAT.search(date_format):
            raise
        return datetime.strptime(_WORD.sub(_in_english, text), date_format.replace("%b", "%B"))


def month_number(word: str) -> int:
    """The number of a month that is named in one of some twenty languages, in full or shortened, also without its
    accents; 0 where it is none."""
    found = _months_by_name().get(_plain(word))
    return found or _months_without_accents().get(_without_accents(_plain(word)), 0)


def _in_english(word: re.Match[str]) -> str:
    """A month's name, also shortened, as its English one; any other word as it is."""
    number = _months_by_name().get(_plain(word[0]))
    return month_name[number] if number else word[0]


@cache
def _months_by_name() -> dict[str, int]:
    """The names of months and what they are shortened to -> number, but for words that mean two months."""
    found: dict[str, set[int]] = {}
    for language in _LANGUAGES:
        for width in ("wide", "abbreviated"):
            for context in ("format", "stand-alone"):
                for number, name in get_month_names(width, context, language).items():
                    for word in (name, name[:3]) if width == "wide" else (name,):
                        found.setdefault(_plain(word), set()).add(number)
    return {"mrz": 3, **{word: min(numbers) for word, numbers in found.items() if len(numbers) == 1}}


@cache
def _months_without_accents() -> dict[str, int]:
    """The same without accents, where that leaves one month."""
    found: dict[str, set[int]] = {"sept": {9}, "maerz": {3}, "jaenner": {1}}
    for word, number in _months_by_name().items():
        found.setdefault(_without_accents(word), set()).add(number)
    return {word: min(numbers) for word, numbers in found.items() if len(numbers) == 1}


def _without_accents(word: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFKD", word) if not unicodedata.combining(letter))


@cache
def _weekday_names() -> frozenset[str]:
    """The names of weekdays and what they are shortened to."""
    return frozenset(_plain(name) for language in _LANGUAGES for width in ("wide", "abbreviated", "short")
                     for context in ("format", "stand-alone")
                     for name in get_day_names(width, context, language).values())


def _plain(word: str) -> str:
    """A word in small letters, without the point behind it and without telling the two i of Turkish apart."""
    return word.rstrip(".").casefold().replace("\u0131", "i").replace("\u0307", "")


def _iso_week(text: str, date_format: str) -> datetime:
    """The first day of a week of the ISO calendar, of a year of two digits or four; ``strptime`` takes the week 53 of a
    year that has 52 for the first of the next.

    Raises: ValueError.
    """
    pattern = "".join(_OF_ISO_WEEK.get(part) or re.escape(part).replace(r"\ ", r"\s+")
                      for part in _FIELD.split(date_format))
    match = re.fullmatch(pattern, text, re.ASCII | re.IGNORECASE)
    if match is None:
        raise ValueError(f"{text!r} is not written as {date_format}")
    year = int(match["year"])
    if year < 100:
        year += 1900 if year >= _CENTURY_FROM else 2000
    return datetime.fromisocalendar(year, int(match["week"]), 1)


def _week_of(text: str) -> datetime | None:
    """A week of the ISO calendar: 2024-W05, 2024-W5, 2024W05, 202405, 2024-05, 05.2024; with a weekday 2024-W05-3."""
    if match := _WEEK.fullmatch(text):
        year, week, day = match.groups()
        if day and "w" not in text.lower():
            return None
        return datetime.fromisocalendar(int(year), int(week), int(day or 1))
    if match := _WEEK_FIRST.fullmatch(text):
        return datetime.fromisocalendar(int(match[2]), int(match[1]), 1)
    return None


def _quarter_of(text: str) -> datetime | None:
    """The first day of a quarter of the calendar year: 2024-Q3, 2024Q3, Q3/2024, Q3 24, 3Q24, 3. Quartal 2024."""
    match = _QUARTER.fullmatch(text)
    if match is None or re.fullmatch(r"\d{4}[-/ ]\d", text):  # as well a month
        return None
    named = match["number"] or match["late"] or match["last"] or match["before"] or match["first"]
    number = _ROMAN.get(named.upper()) or int(named)
    year = int(match["year"] or match["short"] or match["then"] or match["later"])
    if year < 100:
        year += 1900 if year >= _CENTURY_FROM else 2000
    return datetime(year, 3 * number - 2, 1)


def _month_of(text: str) -> datetime | None:
    if match := _MONTH.fullmatch(text):
        return datetime(int(match[1]), int(match[2]), 1)
    match = _MONTH_FIRST.fullmatch(text)
    return datetime(int(match[2]), int(match[1]), 1) if match else None
