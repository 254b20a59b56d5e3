"""Periods as whole numbers: days, weeks that begin on a weekday, months, quarters. What comes next is one more."""

from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

Frequency = Literal["D", "W", "M", "Q"]
Dates = npt.NDArray[np.datetime64]
Ordinals = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_EPOCH_WEEKDAY = 3
"""1 January 1970, day 0, was a Thursday; Monday is 0."""

_STEPS = {"D": "D", "W": "7D", "M": "MS", "Q": "QS-JAN"}
"""From the first day of a period to that of the next, as pandas writes it."""
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WORDS = {"D": ("day", "days"), "W": ("week", "weeks"), "M": ("month", "months"),
         "Q": ("quarter", "quarters")}
MONTHS: dict[Frequency, int] = {"M": 1, "Q": 3}
"""How many a period has, of those frequencies that are whole months."""


def weekdays(dates: Dates) -> Ordinals:
    """The weekday of each date, Monday = 0."""
    return np.asarray((dates.astype("datetime64[D]").astype(np.int64) + _EPOCH_WEEKDAY) % 7)


def ordinals(dates: Dates, frequency: Frequency, weekday: int | Ordinals = 0) -> Ordinals:
    """The number of the period that each date lies in.

    Args:
        dates: dates that are no NaT.
        frequency: D, W, M or Q; quarters are those of the calendar year.
        weekday: the day that dates a week, Monday = 0; a date between two of them belongs to the earlier.
    """
    if frequency in MONTHS:
        return dates.astype("datetime64[M]").astype(np.int64) // MONTHS[frequency]
    days = dates.astype("datetime64[D]").astype(np.int64)
    return days if frequency == "D" else (days + _EPOCH_WEEKDAY - weekday) // 7


def period_dates(numbers: Ordinals, frequency: Frequency, weekday: int | Ordinals = 0) -> Dates:
    """The date of each period: the day, the week's weekday, the first of the month or quarter. Undoes ``ordinals``."""
    if frequency in MONTHS:
        return (numbers * MONTHS[frequency]).astype("datetime64[M]").astype("datetime64[D]")
    days = numbers if frequency == "D" else numbers * 7 - _EPOCH_WEEKDAY + weekday
    return days.astype("datetime64[D]")


def period_range(first: pd.Timestamp, periods: int, frequency: str) -> pd.DatetimeIndex:
    """So many consecutive periods from the first: days, weeks on the first's weekday, months or quarters."""
    return pd.date_range(first, periods=periods, freq=_STEPS[frequency])


def periods_until(last: pd.Timestamp, periods: int, frequency: str) -> pd.DatetimeIndex:
    """So many consecutive periods up to the last."""
    return pd.date_range(end=last, periods=periods, freq=_STEPS[frequency])


def in_words(count: int, frequency: Frequency) -> str:
    """A number of periods in words, as in "1 week" or "28 days"."""
    return f"{count} {WORDS[frequency][count != 1]}"
