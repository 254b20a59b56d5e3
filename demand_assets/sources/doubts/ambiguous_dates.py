"""Dates that may mean two things, which the whole source has to settle: day or month first, weeks or months, 2024.1."""

import re
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.validation.written.dates import (
    swapped_dates,
    swapped_format,
    unmarked_periods,
    week_53_of,
)

_ENOUGH_SWAPPED = 2
"""So many dates with day and month in each other's place are no slip of the pen."""
_MONTHS, _WEEKS = 12, 53
_TEN = 10
_ENOUGH_WEEKS = 2
"""So many dates with a number above 12 tell weeks from months; one may be a slip of the pen."""
_WEEKS_SHARE = 0.1
_PERIODS = 13
"""Of four weeks each in a year."""
_ENOUGH_YEARS = 2
"""In so many years a number that no calendar year has is no slip of the pen."""
_QUARTERS = frozenset(range(1, 5))
_AS_NUMBER = re.compile(r"(\d{4})\.(\d{1,2})")
"""A year and a month or a week as a spreadsheet may take them for a number: 2024.1 was 2024.1 or 2024.10."""


_CELLS = "cell"
"""How dates are written that are cells of a workbook, or were."""
_DAY_OF_TEXT = re.compile(r"\d{4}-\d{2}-(?P<day>\d{2})(?!\d)"
                          r"|(?P<first>\d{1,2})(?P<mark>[/.-])(?P<second>\d{1,2})(?P=mark)\d{2,4}(?!\d)", re.ASCII)
_ENOUGH_TAKEN = 5
_MOST_OF_A_PIECE = 5000
"""Dates that are looked at of each piece of a source."""


class _Order:
    """Whether a spreadsheet program of another country has taken months for days: what it could take became dates, and
    what it could not, as the month would be above 12, stayed text."""

    def __init__(self) -> None:
        self._low: dict[str, dict[str, None]] = {}
        """How dates are written -> those that would be dates with day and month exchanged too."""
        self._high: dict[str, dict[str, None]] = {}
        """The others."""

    def see(self, distinct: "pd.Series") -> None:
        """Take note of some dates."""
        if pd.api.types.is_datetime64_any_dtype(distinct.dtype):
            return
        for value in distinct.iloc[:_MOST_OF_A_PIECE]:
            if isinstance(value, date):
                way, is_low = _CELLS, value.day <= _MONTHS
            elif isinstance(value, str) and (found := _DAY_OF_TEXT.match(value)):
                numbers = [int(found["day"])] if found["day"] else [int(found["first"]), int(found["second"])]
                way, is_low = _CELLS if found["day"] else found["mark"], max(numbers) <= _MONTHS
            else:
                continue
            (self._low if is_low else self._high).setdefault(way, {})[str(value)] = None

    def check(self) -> None:
        """Nothing, where none was taken for another. Raises: SourceError."""
        taken = [way for way, values in self._low.items() if way not in self._high and len(values) >= _ENOUGH_TAKEN]
        left = [way for way, values in self._high.items() if way not in self._low and way != _CELLS and (
            len(values) >= _ENOUGH_SWAPPED)]
        if taken and left:
            cell, text = min(self._low[taken[0]]).removesuffix(" 00:00:00"), min(self._high[left[0]])
            raise SourceError(
                f"The dates are written in two ways: those as {cell!r} are all of the 1st to the 12th of a month, and "
                f"those as {text!r} none. A spreadsheet program of another country has taken months for days, so the "
                "former are wrong. Write all dates as in 2024-01-31 at the source, or import its file there with the "
                "column as text.")


class DateDoubts:
    """Collects what the dates of a source, piece by piece, may be taken for."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._swapped: set[str] = set()
        self._unmarked: dict[str, tuple[int, str, str]] = {}
        self._as_numbers: set[str] = set()
        self._other_weeks: dict[int, str] = {}
        self._order = _Order()

    def see(self, distinct: "pd.Series", is_read: npt.NDArray[np.bool_]) -> None:
        """Take note of some dates as the source writes them.

        Args:
            distinct: each once, shape (n,).
            is_read: which of them could be read, shape (n,).
        """
        written = self._dataset.columns.date_format
        if self._dataset.frequency in ("D", "W"):
            self._order.see(distinct)
        if written is None and self._dataset.frequency != "D":
            self._unmarked |= unmarked_periods(distinct)
        if self._dataset.frequency in ("W", "M"):
            self._as_numbers |= {value for value in distinct if isinstance(value, str) and _AS_NUMBER.fullmatch(value)}
        if self._dataset.frequency == "W" and not is_read.all():
            self._other_weeks |= week_53_of(distinct[~is_read])
        if written is not None and not is_read.all():
            self._swapped |= swapped_dates(distinct[~is_read], written)

    def check(self) -> None:
        """Nothing, where the dates can mean one thing only.

        Raises: SourceError: they may be weeks or months, or quarters, are of another calendar, are written in two
            orders, or have lost a zero at their end.
        """
        self._order.check()
        self._check_calendar()
        self._check_periods()
        self._check_zeros()

    def _check_calendar(self) -> None:
        """Nothing, where periods may be those of the calendar year. Raises: SourceError."""
        if len(self._other_weeks) >= _ENOUGH_YEARS:
            year, text = min(self._other_weeks.items())
            raise SourceError(f"The date {text!r} is no week of the ISO calendar, whose year {year} has 52, and "
                              f"{len(self._other_weeks)} years have such a week: they are counted otherwise. Write the "
                              "date on which each week begins at the source, as in 2024-01-31.")
        of_years: dict[int, set[int]] = {}
        for text, (number, *_) in self._unmarked.items():
            of_years.setdefault(int(max(re.findall(r"\d+", text), key=len)[:4]), set()).add(number)
        if self._last_in(of_years, _PERIODS):
            text, are_weeks = self._numbered(_PERIODS), self._dataset.frequency == "W"
            first = f", or columns.date_format = {self._unmarked[text][1]!r} if they are the ISO year's first weeks"
            raise SourceError(f"The dates count up to {_PERIODS} in each year, as {text!r}: periods of four weeks, no "
                              f"{'weeks' if are_weeks else 'months'} of the calendar. Deliver demand by week or by day "
                              "at the source, dated as in 2024-01-31, and set frequency = 'W' or 'D'"
                              f"{first if are_weeks else ''}.")
        if self._dataset.frequency == "M" and self._last_in(of_years, max(_QUARTERS)) and all(
                re.fullmatch(r"\d{4}\D\d|\d\D\d{4}", text) for text in self._unmarked):
            text = self._numbered(max(_QUARTERS))
            as_month = self._unmarked[text][2]
            raise SourceError(f"The date {text!r} may be a month or a quarter: no year has a number above 4. Write "
                              "quarters as 2024-Q4 at the source and set frequency = 'Q', or set columns.date_format = "
                              f"{as_month!r} in the dataset file if they are months.")

    def _last_in(self, of_years: dict[int, set[int]], last: int) -> bool:
        """Whether periods are counted up to that number in several years, and no further in any."""
        return max((max(numbers) for numbers in of_years.values()), default=0) == last and sum(
            numbers >= set(range(1, last + 1)) for numbers in of_years.values()) >= _ENOUGH_YEARS

    def _numbered(self, number: int) -> str:
        return min(text for text, (of_text, *_) in self._unmarked.items() if of_text == number)

    def _check_periods(self) -> None:
        written = self._dataset.columns.date_format or ""
        if len(self._swapped) >= _ENOUGH_SWAPPED:
            other = swapped_format(written)
            raise SourceError(f"{len(self._swapped)} dates, as {min(self._swapped)!r}, are none as {written!r} but are "
                              f"as {other!r}, so of a date with two small numbers it is not known which is the day. "
                              f"Write all dates alike at the source, or set columns.date_format = {other!r} if all are "
                              "so.")
        beyond = {text for text, (number, *_) in self._unmarked.items() if number > _MONTHS}
        if self._dataset.frequency == "W" and self._unmarked and len(beyond) < _ENOUGH_WEEKS:
            text = min(set(self._unmarked) - beyond, default=next(iter(self._unmarked)))
            _, as_week, as_month = self._unmarked[text]
            month = "" if as_month.startswith("%Y") else f" and columns.date_format = {as_month!r}"
            raise SourceError(f"The date {text!r} may be a month or a week, and no date of the source settles it: "
                              f"hardly one has a number above {_MONTHS}. Set frequency = 'M'{month} in the dataset "
                              f"file if these are months, or columns.date_format = {as_week!r} if they are weeks of "
                              "the ISO calendar.")
        if self._dataset.frequency == "M" and len(beyond) >= _ENOUGH_WEEKS and (
                len(beyond) >= _WEEKS_SHARE * len(self._unmarked)):
            raise SourceError(f"The date {min(beyond)!r} is no month, and {len(beyond)} of {len(self._unmarked)} "
                              "dates are like it: they look like weeks of a year. Set frequency = 'W' in the dataset "
                              "file if they are weeks of the ISO calendar, or correct them at the source.")

    def _check_zeros(self) -> None:
        """Nothing, where months or weeks have not lost the zero at their end. Raises: SourceError."""
        periods = {tuple(map(int, text.split("."))): text for text in self._as_numbers}
        lost = [text for (_, number), text in periods.items() if 0 < number < _TEN and not text.endswith(f"0{number}")]
        if not lost or any(number % _TEN == 0 for _, number in periods):
            return
        first, last = min(periods), max(periods)
        tens = range(_TEN, _MONTHS + 1 if self._dataset.frequency == "M" else _WEEKS, _TEN)
        if any(first < (year, ten) < last for year in range(first[0], last[0] + 1) for ten in tens):
            text = min(lost)
            raise SourceError(f"The date {text!r} may be {text} or {text}0: no date of the source ends in 0, which "
                              "numbers lose. Write the column as text where it is made, as in "
                              f"{text.replace('.', '-')}0.")
