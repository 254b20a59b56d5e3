"""Which column says the period, how it is written, and whether periods are days, weeks or months."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.periods import WORDS, Dates, Frequency, weekdays
from demand_assets.forecasting.validation.written.dates import FIRST_YEAR, LAST_YEAR, read_dates
from demand_assets.proposals.cannot_propose import CannotProposeError
from demand_assets.proposals.columns.facts import Column

FORMATS = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%y",
           "%m-%d-%y", "%y-%m-%d", "%y/%m/%d", "%d %m %Y", "%d.%m.%Y.",
           "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %b %y", "%d %B %Y", "%d. %b %Y", "%d. %B %Y",
           "%d de %B de %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%d%b%Y",
           "%a %d %b %Y", "%a, %d %b %Y", "%A, %d %B %Y", "%A, %B %d, %Y", "%Y-%b-%d", "%d/%b/%Y",
           "%Y年%m月%d日", "%Y년 %m월 %d일", "%Y年%m月", "%Y년 %m월",
           "%b %Y", "%b-%Y", "%b-%y", "%b %y", "%b/%Y", "%b/%y", "%b'%y", "%b '%y", "%B %Y", "%B-%Y", "%B, %Y",
           "%B de %Y", "%Y %b", "%Y-%b", "%Y %B", "%m/%Y", "%m.%Y", "%m-%Y",
           "%YM%m", "%Y-M%m", "%Y.%m",
           "%V/%Y", "%Y/%V", "KW %V/%Y", "KW%V/%Y", "KW %V %Y", "KW%V %Y", "KW%V-%Y", "%Y KW%V", "%Y-KW%V", "%Y/KW%V",
           "W%V %Y", "W%V/%Y", "W%V-%Y", "S%V %Y", "S%V/%Y", "%YS%V", "%Y-S%V", "Week %V %Y", "Week %V, %Y",
           "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M",
           "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%d/%m/%Y %I:%M:%S %p", "%d-%m-%Y %H:%M",
           "%d-%m-%Y %H:%M:%S", "%m-%d-%Y %H:%M", "%d-%b-%Y %H:%M:%S", "%m/%d/%y %H:%M", "%d.%m.%y %H:%M",
           "%d/%m/%y %H:%M", "%d.%m.%Y, %H:%M", "%d.%m.%Y, %H:%M:%S", "%Y%m%d%H%M%S", "%Y%m%d%H%M", "%d%m%Y",
           "%Y/%m/%d %I:%M %p", "%d-%b-%y %I.%M.%S.%f %p", "%a %b %d %Y", "%Y. %m. %d.", "%Y. %B %d.", "%Y. %b",
           "%Y.%m.%d.", "0%m.%Y", "0%m/%Y", "%a %d.%m.%Y", "%a, %d.%m.%Y", "%a %d.%m.%y", "%a, %d.%m.%y", "%a %d/%m/%Y",
           "%A %d %B %Y", "%A, %d. %B %Y", "%a %m/%d/%Y", "%a %d-%m-%Y", "%d %B %Y г.", "%d %B %Y р.",
           "%b %d, %Y %I:%M:%S %p %Z", "%d %b %Y %H:%M:%S %Z", "%b %d, %Y %I:%M:%S %p",
           "%m/%y", "%V/%y", "W%V-%y", "W%V/%y", "%yW%V", "%y-W%V")
"""How dates may be written that are not as ISO 8601 writes them."""
ZONES = ("Europe/Berlin", "Europe/London", "Europe/Athens", "Europe/Moscow", "Asia/Dubai", "Asia/Kolkata",
         "Asia/Bangkok", "Asia/Shanghai", "Asia/Tokyo", "Australia/Brisbane", "Australia/Sydney", "Pacific/Auckland")
"""Of each offset from UTC, one whose local days begin before midnight UTC."""
_NEARLY_ALL = 0.95
_MOST_VALUES = 4000
_A_YEAR_AHEAD = 400
_CLEARER = 0.2
_USUALLY = 0.9
_ENOUGH_DATES = 10
"""In a row, from which on it is told what follows them."""
_ENOUGH_OTHER_WEEKS = 2
"""Weeks that the ISO calendar does not have; one may be a slip of the pen."""
_WEEK_ZERO = re.compile(r"\d{4}\D*00$")
_WEEK_FORMAT = re.compile("%[VWU]")
_DAY_FORMAT = re.compile("%[dj]")


@dataclass(frozen=True)
class Reading:
    """One way in which a column can be read as dates."""

    date_format: str | None
    by: Frequency
    """The frequency under which it was read: a text such as 2024-05 is a month or a week."""
    days: Dates
    """Of each distinct value; NaT where it could not be read."""
    share: float
    """Of the distinct values that could be read."""
    minutes: npt.NDArray[np.int64]
    has_time: bool
    has_zone: bool

    @property
    def regularity(self) -> float:
        """How many of the gaps between dates are of a day, a week, a month or a quarter, whichever are most; 0 to 1."""
        days = np.unique(self.days[~np.isnat(self.days)])
        if len(days) < 3:
            return 0.0
        gaps = np.diff(days).astype(np.int64)
        shares = [np.mean(gaps == 1), np.mean(gaps == 7), np.mean((gaps >= 28) & (gaps <= 31)),
                  np.mean((gaps >= 90) & (gaps <= 92))]
        return float(max(shares)) * (0.5 if days[-1] > np.datetime64("today") + _A_YEAR_AHEAD else 1.0)

    @property
    def is_broken(self) -> bool:
        """Whether most of a year lies between two dates, as where months are taken for days of January."""
        gaps = np.diff(np.unique(self.days[~np.isnat(self.days)])).astype(np.int64)
        return bool((gaps > _MOST_OF_A_YEAR).any())


_MOST_OF_A_YEAR = 250
_FIRST, _ENOUGH_READ = 8, 0.5
"""Of so many first values this share has to be read by a format, or the others are not looked at."""
_FEWEST_DIGITS = 4
_STAMPS = (10, 13)
"""Digits of seconds and milliseconds since 1970."""
_WEEKS_OF_A_YEAR, _FEW_AGAIN = 53, 0.05
_LONGER_THAN_A_MONTH = 36
_ENOUGH_STEPS = 8
"""From a date of a series to its next, from which on it is told that each period has one."""
_MONDAY_BEFORE_1970 = 3
"""Days from the last Monday before 1970 to its first day."""
_PERIODS_OF_A_YEAR = 13
"""Of four weeks each."""


def readings_of(values: Sequence[str]) -> list[Reading]:
    """The ways in which nearly all of these texts can be read as dates, the likeliest first; more than one only where
    day and month may be either."""
    values = _looked_at(values)
    if not values or np.mean([_may_be_date(value.strip()) for value in values[:_FIRST]]) < _ENOUGH_READ:
        return []  # without asking every format, which takes long for hundreds of columns
    plain = [reading for frequency in ("D", "M", "W", "Q")
             if (reading := _read(values, frequency, None)) is not None and _is_likely(values, reading)]
    if plain:
        months = next((one for one in plain if one.by == "M"), None)
        weeks = next((one for one in plain if one.by == "W"), None)
        if plain[0].by == "D" or weeks is None or (months is not None and months.share >= weeks.share):
            return plain[:1]
        others = [reading for written in ("%Y-%W", "%Y%W", "%Y-%U", "%Y%U", "%Y-W%W", "%YW%W")
                  if (reading := _read(values, "W", written)) is not None]
        if (~np.isfinite(weeks.days)).sum() < _ENOUGH_OTHER_WEEKS and not any(_WEEK_ZERO.search(one) for one in values):
            return [weeks]
        return [max([weeks, *others], key=lambda one: (one.share, one.regularity))]
    found: list[Reading] = []
    for date_format in FORMATS:
        by: Frequency = "W" if _WEEK_FORMAT.search(date_format) else "D" if _DAY_FORMAT.search(date_format) else "M"
        if (reading := _read(values, by, date_format)) is not None and not any(
                np.array_equal(reading.days, other.days, equal_nan=True) for other in found):
            found.append(reading)
    found = [one for one in found if not one.is_broken] or found
    best = max((one.share for one in found), default=0.0)
    found = [one for one in found if one.share >= best - 0.02]
    found.sort(key=lambda one: -one.regularity)
    if len(found) > 1 and found[0].regularity >= found[1].regularity + _CLEARER:
        return found[:1]
    return found


def _looked_at(values: Sequence[str]) -> list[str]:
    """The distinct ones of these texts; of very many the first and the last."""
    values = list(dict.fromkeys(values))
    return values if len(values) <= _MOST_VALUES else [*values[:_MOST_VALUES // 2], *values[-_MOST_VALUES // 2:]]


def _may_be_date(value: str) -> bool:
    """Whether a text has enough digits for a date in any format: some, and four where nothing else stands."""
    return any(map(str.isdigit, value)) and not (value.isdigit() and len(value) < _FEWEST_DIGITS)


def are_short_periods(reading: Reading) -> bool:
    """Whether what was read as weeks are the first thirteen of each year, as periods of four weeks are numbered."""
    days = pd.DatetimeIndex(reading.days[~np.isnat(reading.days)]).isocalendar()
    years = days.groupby("year")["week"].nunique()
    return reading.by == "W" and len(years) > 1 and bool(days["week"].max() <= _PERIODS_OF_A_YEAR) and bool(
        years.max() >= _PERIODS_OF_A_YEAR - 1)


def _read(values: list[str], frequency: Frequency, date_format: str | None) -> Reading | None:
    some = values[:_FIRST]
    if np.isnat(read_dates(pd.Series(some, dtype=object), frequency, date_format).days).mean() > 1 - _ENOUGH_READ:
        return None
    read = read_dates(pd.Series(values, dtype=object), frequency, date_format)
    counted = read.problem != "is missing"
    share = float((~np.isnat(read.days)).sum() / max(1, counted.sum()))
    if share < (_NEARLY_ALL if len(values) > 20 else 0.75) or not (~np.isnat(read.days)).any():
        return None
    return Reading(date_format, frequency, read.days, share, read.minute, bool(read.has_time.any()),
                   bool(read.has_zone.any()))


def _is_likely(values: list[str], reading: Reading) -> bool:
    """Whether bare numbers are dates and no others: 20240131, or 202405."""
    if not all(value.strip().isdigit() for value in values[:50]):
        return not all(re.fullmatch(r"\d{1,3}[.,]\d{4}|\d{4}[.,]\d{1,3}", value.strip()) for value in values[:50]) or (
            reading.regularity > 0.9)
    lengths = {len(value.strip()) for value in values[:200]}
    years = reading.days[~np.isnat(reading.days)].astype("datetime64[Y]").astype(np.int64) + 1970
    return lengths <= {8, 6, *_STAMPS} and bool(len(years)) and years.min() >= 1980 and years.max() <= 2050


@dataclass(frozen=True)
class Seen:
    """What frequency dates have, and why."""

    frequency: Frequency
    why: str


def frequency_of(days: Dates, owner: npt.NDArray[np.int64], by: Frequency) -> Seen:
    """The frequency that dates have.

    Args:
        days: of each row, NaT where unknown.
        owner: which series the row belongs to.
        by: how the dates are written: as months or weeks they are.
    """
    if by != "D":
        return Seen(by, f"they are written as {WORDS[by][1]}")
    known = ~np.isnat(days)
    rows = pd.DataFrame({"owner": owner[known], "day": days[known].astype(np.int64)}).drop_duplicates().sort_values(
        ["owner", "day"])
    gaps = np.diff(rows["day"].to_numpy())[np.diff(rows["owner"].to_numpy()) == 0]
    distinct = np.unique(days[known])
    if not len(gaps):
        return Seen("D", "there are too few dates to tell")
    are_first, are_last = _are_firsts(distinct), _are_firsts(distinct + np.timedelta64(1, "D"))
    if len(distinct) > 2 and (are_first or are_last) and np.mean((gaps >= 89) & (gaps <= 92)) >= 0.8:
        return Seen("Q", f"all dates are the {'first' if are_first else 'last'} day of a month, and follow each other "
                         "in a quarter of a year")
    if len(distinct) > 2 and (are_first or are_last):
        return Seen("M", f"all dates are the {'first' if are_first else 'last'} day of a month")
    if np.mean((gaps >= 27) & (gaps <= 36)) >= 0.8:
        return Seen("M", f"dates mostly follow each other in {int(np.median(gaps))} days")
    if np.mean(gaps % 7 == 0) >= 0.97 and len(set(weekdays(distinct).tolist())) <= 2 and len(distinct) > 2:
        return Seen("W", "dates follow each other in 7 days")
    if np.mean((gaps >= 6) & (gaps <= 8)) >= 0.8 and np.median(gaps) == 7:
        return Seen("W", "dates mostly follow each other in 7 days")
    if (seen := _once_in_each(rows["owner"].to_numpy(), rows["day"].to_numpy())) is not None:
        return seen
    if np.median(gaps) > _LONGER_THAN_A_MONTH:
        return Seen("M", f"dates mostly follow each other in {int(np.median(gaps))} days")
    share = float(np.mean(gaps == 1))
    return Seen("D", f"{share:.0%} of the dates follow the one before by a day" if share >= 0.5 else
                f"dates fall on single days, {int(np.median(gaps))} apart mostly")


def _once_in_each(owner: npt.NDArray[np.int64], days: npt.NDArray[np.int64]) -> Seen | None:
    """The frequency of dates of which each series has one in nearly every month, or quarter, on whichever day; None
    where they have not.

    Args:
        owner: of each date, those of one series together and in order.
    Raises: CannotProposeError: it has one in nearly every week, whose days are kept apart.
    """
    is_step = np.diff(owner) == 0

    def is_once(periods: npt.NDArray[np.int64]) -> bool:
        steps = np.diff(periods)[is_step]
        return len(steps) >= _ENOUGH_STEPS and bool(
            np.mean(steps == 1) >= _USUALLY and np.mean(steps == 0) <= _FEW_AGAIN)

    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    if is_once(months):
        return Seen("M", "nearly every month has one date, on whichever of its days")
    if is_once(months // 3):
        return Seen("Q", "nearly every quarter of a year has one date, on whichever of its days")
    if is_once((days + _MONDAY_BEFORE_1970) // 7) and not np.mean(np.diff(days)[is_step] == 7) >= _USUALLY:
        raise CannotProposeError("nearly every week has one date, on different days of it; write the date of each "
                                 "week's first day")
    return None


def _are_firsts(days: Dates) -> bool:
    return bool((days == days.astype("datetime64[M]").astype("datetime64[D]")).all())


def time_zone_of(reading: Reading) -> str | None:
    """The time zone in which all stamps in UTC are midnight, where their dates are those of the day before."""
    minutes = reading.minutes
    times = np.unique(minutes[(minutes >= 0) & ~np.isnat(reading.days)])
    if not len(times) or (minutes < 0)[~np.isnat(reading.days)].any() or not (times >= 10 * 60).any() or len(times) > 2:
        return None
    stamps = [datetime.fromisoformat(str(day)).replace(tzinfo=UTC) + timedelta(minutes=int(minute))
              for day, minute in zip(reading.days, minutes, strict=True) if day == day]
    for name in ZONES:
        zone = ZoneInfo(name)
        if all(stamp.astimezone(zone).time() == datetime.min.time() for stamp in stamps):
            return name
    return None


def counts_periods(column: Column, keys: Sequence[Column]) -> bool:
    """Whether whole numbers count periods: they grow by one, once in each series, and are no years."""
    if not column.is_number or not column.is_whole or column.is_constant:
        return False
    numbers = column.numbers
    known = numbers[np.isfinite(numbers)]
    distinct = np.unique(known)
    if len(known) < 3 or distinct.min() < -1 or distinct.max() > 20_000 or len(distinct) < 6:
        return False
    if distinct.min() >= FIRST_YEAR and distinct.max() <= LAST_YEAR:
        return False
    near = np.mean(np.diff(distinct) == 1)
    codes = series_codes(keys, len(numbers))
    again = pd.DataFrame({"series": codes, "number": numbers}).dropna().duplicated()
    if distinct.max() <= _WEEKS_OF_A_YEAR and again.mean() > _FEW_AGAIN:
        return False  # weeks or months of several years
    first = pd.Series(numbers).groupby(codes).nunique().max()
    return bool(near >= 0.5 and first >= 0.2 * len(distinct))


def series_codes(keys: Sequence[Column], rows: int) -> npt.NDArray[np.int64]:
    """Which series each row belongs to, by these columns."""
    codes = np.zeros(rows, dtype=np.int64)
    for key in keys:
        codes = codes * (len(key.distinct) + 1) + key.codes[0] + 1
        codes = pd.factorize(codes)[0].astype(np.int64)
    return codes


def first_period(newest: int, frequency: Frequency, today: pd.Timestamp) -> str:
    """The date of period 0, if the newest counted period is the last that is over today."""
    if frequency == "D":
        return str((today - pd.Timedelta(days=1 + newest)).date())
    if frequency == "W":
        monday = today - pd.Timedelta(days=today.weekday() + 7)
        return str((monday - pd.Timedelta(weeks=newest)).date())
    return str((today.to_period(frequency) - 1 - newest).to_timestamp().date())


def day_and_month_differ(readings: Sequence[Reading], values: Sequence[str]) -> str:
    """A value that two ways of reading dates take for different days, to show."""
    first, second = readings[0].days, readings[1].days
    differ = ~np.isnat(first) & ~np.isnat(second) & (first != second)
    place = int(np.flatnonzero(differ)[0]) if differ.any() else 0
    return str(_looked_at(values)[place]) if values else ""


def read_in_one_way(readings: Sequence[Reading], values: Sequence[str]) -> list[str]:
    """The values that one of two ways of reading dates can read, and the other cannot."""
    first, second = np.isnat(readings[0].days), np.isnat(readings[1].days)
    return [value for value, is_told in zip(_looked_at(values), first != second, strict=True) if is_told]


def told_by_the_next(readings: Sequence[Reading], values: Sequence[str]) -> Reading | None:
    """Of two ways of reading dates the one that reads all that the other does, and more, where each of the dates that
    it alone reads is the next after another: a slip of the pen would hardly be. None where there is none."""
    alone = set(read_in_one_way(readings[:2], values))
    for reading, other in (readings[:2], readings[1::-1]):
        is_alone = np.array([value in alone for value in _looked_at(values)], dtype=bool)
        known = np.unique(reading.days[~np.isnat(reading.days)])
        if not alone or np.isnat(reading.days[is_alone]).any() or not np.isnat(other.days[is_alone]).all() or (
                len(known) < _ENOUGH_DATES):
            continue
        gaps, often = np.unique(np.diff(known), return_counts=True)
        usual = gaps[often.argmax()]
        if often.max() >= _USUALLY * often.sum() and np.isin(reading.days[is_alone] - usual, known).all():
            return reading
    return None
