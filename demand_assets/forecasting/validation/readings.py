"""Values as a source writes them, read as dates, numbers, yes/no and categories; what cannot be read is marked."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from numbers import Number
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.periods import Dates, Frequency
from demand_assets.forecasting.contract.source import is_whole

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

FIRST_YEAR, LAST_YEAR = 1900, 2200
"""Dates outside are placeholders such as 0001-01-01 and 9999-12-31."""

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "nat", "<na>"})
_YES = frozenset({"1", "1.0", "true", "t", "yes", "y", "on"})
_NO = frozenset({"0", "0.0", "false", "f", "no", "n", "off"})
_DATE = re.compile(r"(\d{4})([-/.]?)(\d{1,2})\2(\d{1,2})(?:[T ](.*))?", re.ASCII)
_MONTH = re.compile(r"(\d{4})[-/.]?(\d{1,2})", re.ASCII)
_ISO_WEEK = re.compile(r"\d{4}-?W\d{2}(-?\d)?", re.ASCII)


@dataclass(frozen=True)
class ReadDates:
    """A column of dates."""

    days: Dates
    """The local date as written; NaT where it could not be read."""
    has_zone: Mask
    has_time: Mask
    """Whether the time of the day is other than midnight."""
    problem: npt.NDArray[np.object_]
    """Why it could not be read, in words; empty where it could."""


def read_dates(column: "pd.Series[Any]", frequency: Frequency, date_format: str | None = None) -> ReadDates:
    """The dates of a column; of a stamp with a time zone, the date on the wall clock it was written from.

    Args:
        column: dates, stamps, ISO 8601 text, or numbers written as 20240131 (for months also 202401).
        frequency: weeks may be written 2024-W05, months 2024-01.
        date_format: how text is written, if not as ISO 8601.
    """
    size = len(column)
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        has_zone = np.full(size, getattr(column.dtype, "tz", None) is not None)
        stamps = column.dt.tz_localize(None).to_numpy()
        days = stamps.astype("datetime64[D]")
        years = days.astype("datetime64[Y]").astype(np.int64) + 1970
        impossible = ~np.isnat(days) & ((years < FIRST_YEAR) | (years > LAST_YEAR))
        problem = np.full(size, "", dtype=object)
        problem[np.isnat(days)] = "is missing"
        problem[impossible] = _IMPOSSIBLE
        days[impossible] = np.datetime64("NaT")
        return ReadDates(days, has_zone, ~np.isnat(days) & (stamps != stamps.astype("datetime64[D]")), problem)

    def read(value: Any) -> tuple[np.datetime64, bool, bool, str]:
        read_or_problem = _date_of(value, frequency, date_format)
        if isinstance(read_or_problem, str):
            return np.datetime64("NaT", "D"), False, False, read_or_problem
        moment = read_or_problem
        return (np.datetime64(moment.date(), "D"), moment.tzinfo is not None, moment.time() != _MIDNIGHT, "")

    missing = (np.datetime64("NaT", "D"), False, False, "is missing")
    parts = _by_value(column, read, missing)
    days = np.array([part[0] for part in parts.read], dtype="datetime64[D]")
    has_zone = np.array([part[1] for part in parts.read], dtype=bool)
    has_time = np.array([part[2] for part in parts.read], dtype=bool)
    problem = np.array([part[3] for part in parts.read], dtype=object)
    return ReadDates(days[parts.codes], has_zone[parts.codes], has_time[parts.codes], problem[parts.codes])


def read_numbers(column: "pd.Series[Any]") -> tuple[Floats, Mask]:
    """The numbers of a column, NaN where there is none, and where something else stands than a number."""
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan, copy=True), np.zeros(len(column), dtype=bool)
    parts = _by_value(column, _number_of, (np.nan, False))
    return (np.array([part[0] for part in parts.read], dtype=np.float64)[parts.codes],
            np.array([part[1] for part in parts.read], dtype=bool)[parts.codes])


def read_yes_no(column: "pd.Series[Any]") -> tuple[Floats, Mask]:
    """1 for yes, 0 for no, NaN where nothing stands, and where something else stands."""
    if pd.api.types.is_bool_dtype(column.dtype) and not column.hasnans:
        return column.to_numpy(dtype=np.float64, copy=True), np.zeros(len(column), dtype=bool)
    parts = _by_value(column, _yes_no_of, (np.nan, False))
    return (np.array([part[0] for part in parts.read], dtype=np.float64)[parts.codes],
            np.array([part[1] for part in parts.read], dtype=bool)[parts.codes])


def read_categories(column: "pd.Series[Any]") -> npt.NDArray[np.object_]:
    """Text without white space around it; None where nothing stands. A whole number is written without ".0"."""
    parts = _by_value(column, _category_of, None)
    words = np.empty(len(parts.read), dtype=object)
    words[:] = parts.read
    return words[parts.codes]


_MIDNIGHT = datetime.min.time()
_IMPOSSIBLE = f"lies outside the years {FIRST_YEAR} to {LAST_YEAR}; leave it empty if it is unknown"


@dataclass(frozen=True)
class _ByValue:
    read: list[Any]
    codes: npt.NDArray[np.intp]


def _by_value(column: "pd.Series[Any]", read: Callable[[Any], Any], missing: Any) -> _ByValue:
    """Read each distinct value once."""
    values = column.astype(object)
    try:
        codes, distinct = pd.factorize(values)
    except TypeError:  # lists and other values that cannot be compared
        codes, distinct = pd.factorize(values.map(str))
    return _ByValue([*(read(value) for value in distinct), missing], codes)  # code -1, missing, takes the last


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
        if len(text) != 8 and not (frequency == "M" and len(text) == 6):
            return "is a number and no date; if it counts periods, give columns.date_start, the date of period 0"
        moment = _moment_of(text, frequency, date_format)
    else:
        text = str(value).strip()
        if text.lower() in _MISSING:
            return "is missing"
        moment = _moment_of(text, frequency, date_format)
    if moment is None:
        expected = date_format or {"D": "2024-01-31", "W": "2024-01-31 or 2024-W05", "M": "2024-01-31 or 2024-01"}[
            frequency]
        return (f"is no date written as {expected}" if date_format else
                f"is no date written as {expected}; if dates are written otherwise, give columns.date_format, "
                "as in '%d/%m/%Y'")
    return moment if FIRST_YEAR <= moment.year <= LAST_YEAR else _IMPOSSIBLE


def _moment_of(text: str, frequency: Frequency, date_format: str | None) -> datetime | None:
    try:
        if date_format:
            return datetime.strptime(text, date_format)
        if match := _DATE.fullmatch(text):
            year, separator, month, day, time = match.groups()
            if not separator and len(text.split("T")[0].split(" ")[0]) != 8:
                return _month_of(text) if frequency == "M" else None
            time = (time or "00:00").removesuffix("UTC").strip() + ("+00:00" if (time or "").endswith("UTC") else "")
            return datetime.fromisoformat(f"{year}-{int(month):02}-{int(day):02}T{time}")
        if frequency == "W" and _ISO_WEEK.fullmatch(text):
            return datetime.fromisoformat(text)
        return _month_of(text) if frequency == "M" else None
    except (ValueError, OverflowError):
        return None


def _month_of(text: str) -> datetime | None:
    match = _MONTH.fullmatch(text)
    return datetime(int(match[1]), int(match[2]), 1) if match else None


def _number_of(value: Any) -> tuple[float, bool]:
    if isinstance(value, bool | np.bool_):
        return np.nan, True
    if isinstance(value, str):
        value = value.strip()
        if value.lower() in _MISSING:
            return np.nan, False
        if "_" in value or not value.isascii():  # float() would read 1_000 and digits of other scripts
            return np.nan, True
    try:
        return float(value), False
    except (TypeError, ValueError):
        return np.nan, True
    except OverflowError:
        return np.inf, False


def _yes_no_of(value: Any) -> tuple[float, bool]:
    word = str(value).strip().lower()
    if word in _MISSING:
        return np.nan, False
    return (1.0, False) if word in _YES else (0.0, False) if word in _NO else (np.nan, True)


def _category_of(value: Any) -> str | None:
    if is_whole(value):
        return str(int(value))
    text = str(value).strip()
    return text or None
