"""Columns of which each is a date, with demand in it."""

import re
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from demand_assets.forecasting.validation.written.dates import SINCE_1970, read_dates
from demand_assets.proposals.columns.periods import Reading, readings_of
from demand_assets.sources.column_names import called

_ENOUGH_DATES = 3
"""Columns whose names are dates, from which on a table is a wide one."""
_PLAIN_FORMATS = ("%Y-%m-%d", "%Y-%m", "%Y/%m/%d", "%Y/%m", "%m/%Y", "%m.%Y", "%Y%m%d", "%Y%m", "%G-W%V", "%G%V")
"""Of dates that are read without a format."""


def columns_of_dates(names: Sequence[str]) -> tuple[tuple[str, ...], Reading | None]:
    """The columns that are dates, and how these are read; none where there are too few of them."""
    digits = [name for name in names if re.search(r"\d", name) and not re.fullmatch(r"\d{1,5}", name.strip())
              and not SINCE_1970.fullmatch(name.strip())]
    if len(digits) < _ENOUGH_DATES:
        return (), None
    best: tuple[tuple[str, ...], Reading | None] = ((), None)
    begin = [name for name in digits if name.strip()[0].isdigit()]
    for some in (digits, digits[-max(_ENOUGH_DATES, len(digits) // 2):], begin):
        for reading in readings_of(some):
            found = _read_by(names, reading)
            if len(found) >= _ENOUGH_DATES and len(found) > len(best[0]):
                best = found, reading
    return best if best[1] is not None else _of_measures(names, digits)


def _read_by(names: Sequence[str], reading: Reading) -> tuple[str, ...]:
    days = read_dates(pd.Series(list(names), dtype=object), reading.by, reading.date_format).days
    return tuple(name for name, day in zip(names, days, strict=True) if day == day)


def _of_measures(names: Sequence[str], dated: Sequence[str]) -> tuple[tuple[str, ...], Reading | None]:
    """The columns with demand of a table that has several for each date, as 2024-01 Units and 2024-01 Revenue."""
    measures = {name.rpartition(" ")[2] for name in dated}
    best = max(measures, key=lambda measure: called(measure, "demand"), default="")
    its = [name.removesuffix(f" {best}") for name in dated if name.endswith(f" {best}")]
    if called(best, "demand") < 2 or len(its) < _ENOUGH_DATES:
        return (), None
    for reading in readings_of(its):
        for written in [reading.date_format] if reading.date_format else _PLAIN_FORMATS:
            whole = replace(reading, date_format=f"{written} {best.replace('%', '%%')}")
            if len(found := _read_by(names, whole)) == len(its):
                return found, whole
    return (), None


def others_of_a_period(names: Sequence[str], dates: Sequence[str]) -> list[str]:
    """The columns whose names hold the date of one with demand: of another measure, as 2024-01 Price is."""
    ends = {name.rpartition(" ")[2] for name in dates}
    mark = f" {ends.pop()}" if len(ends) == 1 else ""
    bare = [name.removesuffix(mark) for name in dates]
    return [name for name in names if name not in dates and any(date in name for date in bare)]
