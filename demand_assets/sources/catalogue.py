"""The catalogue of a table that is looked through piece by piece."""

import re
from collections.abc import Collection
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.periods import Dates, ordinals, period_dates, weekdays
from demand_assets.forecasting.contract.region_item import BadNameError, RegionItem, known_as, one_form
from demand_assets.forecasting.contract.source import Catalogue, SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.validation.readings import (
    distinct_values,
    read_dates,
    read_numbers,
    swapped_dates,
    swapped_format,
    unmarked_periods,
)
from demand_assets.forecasting.validation.row_rules import is_running, starts
from demand_assets.sources.aggregates import SplitSums, aggregates_among, by_days, told
from demand_assets.sources.columns import ColumnPlan
from demand_assets.sources.overlaps import RowMarks
from demand_assets.sources.totals import totals_among

Numbers = npt.NDArray[np.int32]

_LINES_BESIDE = 2
"""So many lines without a date may be a sum, a source or a note below the table."""
_FEW_SHARE = 0.05
"""Of the region-items; so many rows at least tell when demand ends."""


_ENOUGH_SWAPPED = 2
"""So many dates with day and month in each other's place are no slip of the pen."""
_MONTHS, _WEEKS = 12, 53
_TEN = 10
_ENOUGH_WEEKS = 2
"""So many dates with a number above 12 tell weeks from months; one may be a slip of the pen."""
_WEEKS_SHARE = 0.1
_SHOWN = 5
"""Names that are told one by one."""
_SHORTENED = re.compile(r"[+-]?\d([.,]\d+)?[eE]\+\d{2,3}")
"""A long number as a spreadsheet shows it, most of its digits gone."""
NO_NAME = "have no {}: names stand in the first row of each block only, or their cells are merged"
"""What is told of most rows being without a region or an item."""
_MOSTLY = 0.5
_AS_FORMULA = re.compile(r'="(.*)"')
"""A text as spreadsheets are made to keep it one: ="007"."""
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Marks of the direction of writing, which cannot be seen."""
_DATE_CELL = re.compile(r"\d{4}-\d{2}-\d{2} 00:00:00")
_AS_NUMBER = re.compile(r"(\d{4})\.(\d{1,2})")
"""A year and a month or a week as a spreadsheet may take them for a number: 2024.1 was 2024.1 or 2024.10."""
_WHOLE_AS_FRACTION = re.compile(r"(-?\d+)[.,]0+")


class CatalogueBuilder:
    """Collects which region-items there are, in which rows, and when demand ends.

    Args:
        today: later dates do not count as the end of demand.
    """

    def __init__(self, dataset: Dataset, plan: ColumnPlan, today: pd.Timestamp) -> None:
        self._dataset, self._plan = dataset, plan
        self._today = today.to_datetime64().astype("datetime64[D]")
        self._places: dict[tuple[str, str], int] = {}
        self._rows_on: dict[np.datetime64, int] = {}
        self._rows: list[int] = []
        self._units: list[float] = []
        self._dated: list[int] = []
        self._same: dict[int, int] = {}
        self._told: list[str] = []
        self._swapped: set[str] = set()
        self._unmarked: dict[str, tuple[int, str, str]] = {}
        self._as_numbers: set[str] = set()
        self._split = SplitSums(), SplitSums()
        self.marks = RowMarks() if dataset.rules.several_rows in ("sum", "mean") else None
        """Of the rows of files, where several for a period are put together."""

    def add(self, table: pd.DataFrame) -> Numbers:
        """Look through a piece of the source.

        Returns: the number of each row's region-item: as in ``catalogue``.
        """
        regions, items = self._plan.names(table, "region").cat, self._plan.names(table, "item").cat
        pairs = regions.codes.to_numpy().astype(np.int64) * len(items.categories) + items.codes.to_numpy()
        codes, distinct = pd.factorize(pairs)
        names = [(str(regions.categories[int(pair) // len(items.categories)]),
                  str(items.categories[int(pair) % len(items.categories)])) for pair in distinct]
        places = np.array([self._places.setdefault(name, len(self._places)) for name in names], dtype=np.int32)
        counts = np.bincount(codes, minlength=len(distinct))
        self._rows.extend([0] * (len(self._places) - len(self._rows)))
        for place, count in zip(places, counts, strict=True):
            self._rows[place] += int(count)
        self._units.extend([0.0] * (len(self._places) - len(self._units)))
        demand = self._known(self._plan.demand(table))
        is_known = np.isfinite(demand)
        sums = np.bincount(codes, np.where(is_known, demand, 0.0), minlength=len(distinct))
        for place, units in zip(places, sums, strict=True):
            self._units[place] += float(units)
        days = self.see_dates(self._plan.dates(table), is_known)
        is_dated = ~np.isnat(days)
        if len(distinct):
            split = by_days(codes, len(distinct), days, demand)
            for place, sums_of in enumerate(self._split):
                sums_of.add([name[place] for name in names], [name[1 - place] for name in names], split)
        if self.marks is not None and len(places):
            self.marks.add(places[codes], days, demand)
        self._dated.extend([0] * (len(self._places) - len(self._dated)))
        for place, count in zip(places, np.bincount(codes, is_dated, minlength=len(distinct)), strict=True):
            self._dated[place] += int(count)
        return places[codes] if len(places) else np.zeros(0, dtype=np.int32)

    def add_names(self, region: str, item: str, rows: int) -> None:
        """Add one region-item of so many rows."""
        place = self._places.setdefault((region, item), len(self._places))
        self._rows.extend([0] * (len(self._places) - len(self._rows)))
        self._rows[place] += rows

    def see_dates(self, dates: pd.Series, is_known: npt.NDArray[np.bool_] | None = None,
                  rows: pd.Series | None = None) -> Dates:
        """Take note of the dates of demand.

        Returns: the day of each; NaT where it cannot be read.

        Args:
            is_known: where demand is known; everywhere unless given.
            rows: how many rows each date stands for; one unless given.
        """
        columns, rules = self._dataset.columns, self._dataset.rules
        places, distinct = _distinct(dates)
        if columns.date_format is None and self._dataset.frequency != "D":
            self._unmarked |= unmarked_periods(distinct)
        if self._dataset.frequency in ("W", "M"):
            self._as_numbers |= {value for value in distinct if isinstance(value, str) and _AS_NUMBER.fullmatch(value)}
        days = read_dates(distinct, self._dataset.frequency, columns.date_format, columns.time_zone,
                          columns.week_dated == "last_day").days
        is_read = ~np.isnat(days)
        if columns.date_format is not None and not is_read.all():
            self._swapped |= swapped_dates(distinct[~is_read], columns.date_format)
        counts = is_read & (starts(days, self._dataset.frequency) <= self._today)
        if rules.unfinished == "set_aside":
            counts &= ~is_running(days, self._dataset.frequency, self._today)
        has_place = places >= 0
        counted = has_place if is_known is None else has_place & is_known
        weights = rows.to_numpy(dtype=float)[counted] if rows is not None else None
        number = np.bincount(places[counted], weights, minlength=len(distinct))
        for day, often in zip(days[counts], number[counts].tolist(), strict=True):
            if often:
                self._rows_on[day] = self._rows_on.get(day, 0) + int(often)
        return cast(Dates, np.append(days, np.datetime64("NaT", "D"))[places])  # place -1, missing, looks at the last

    def _known(self, demand: pd.Series) -> npt.NDArray[np.float64]:
        """The numbers of demand, NaN where it is not known."""
        numbers = read_numbers(demand)[0]
        numbers[np.isin(numbers, self._dataset.rules.placeholders or ())] = np.nan
        return numbers

    def put_together(self) -> Numbers:
        """The number of the region-item of each number that was given out: names such as ``10`` and ``10.0`` are one,
        from now on in the plan too. After all was added."""
        told = []
        for place, ours in enumerate(("region", "item")):
            names = {name[place] for name in self._places}
            spellings: dict[str, list[str]] = {}
            for name in names:
                match = _WHOLE_AS_FRACTION.fullmatch(name)
                spellings.setdefault(match[1] if match else _bare(name), []).append(name)
            same = {name: one for one, several in spellings.items() for name in several
                    if name != one and (len(several) > 1 or _AS_FORMULA.fullmatch(name))}
            self._plan.rename(ours, same)
            self._split[place].rename(same)
            formulas = sorted(filter(_AS_FORMULA.fullmatch, same))
            if formulas:
                told.append(f"{len(formulas)} {ours}s are written as formulas, as {formulas[0]!r}, and read as "
                            f"{same[formulas[0]]!r}.")
            told += [f"The {ours} {one!r} is also written {name!r}; both are read as {one!r}."
                     for name, one in sorted(same.items()) if name not in formulas]
            told += _look_alike(ours, names - set(same))
            told += [f"The {ours} {name!r} is a date in a spreadsheet, which makes dates of names such as 1-3 and MAR1."
                     " Give the column the format text, and type the name again." for name in sorted(names)
                     if _DATE_CELL.fullmatch(name)]
            for names_of, number in list(self._places.items()):
                if names_of[place] in same:
                    one = (same[names_of[0]], names_of[1]) if place == 0 else (names_of[0], same[names_of[1]])
                    del self._places[names_of]
                    self._same[number] = self._places.setdefault(one, number)
        self._told = told
        for number in sorted(self._same):
            one_number = self._number(number)
            if one_number != number:
                self._rows[one_number] += self._rows[number]
                if self._units:  # of tables that were looked through, not of names alone
                    self._units[one_number] += self._units[number]
                    self._dated[one_number] += self._dated[number]
        return np.array([self._number(number) for number in range(len(self._rows))], dtype=np.int32)

    def _number(self, number: int) -> int:
        while self._same.get(number, number) != number:
            number = self._same[number]
        return number

    def catalogue(self) -> tuple[Catalogue, dict[RegionItem, int]]:
        """What was seen, and the number of each region-item that can be used.

        Raises: SourceError: dates may be weeks or months, and none settles it, or are written in two orders.
        """
        self._check_periods()
        self._check_zeros()
        numbers, refused = {}, []
        rules = self._dataset.rules
        regions, items = (set(map(known_as, names)) for names in (rules.leave_out_regions, rules.leave_out_items))
        kept = {name: number for name, number in self._places.items()
                if name[0] not in regions and name[1] not in items}
        for (region, item), number in kept.items():
            rows = self._rows[number]
            try:
                one = RegionItem(region, item)
            except BadNameError as error:
                refused.append((region, item, str(error), rows))
                continue
            if problem := self._spoilt(region, item, number):
                refused.append((region, item, problem, rows))
            else:
                numbers[one] = number
        used = set(numbers.values())
        totals = totals_among({
            name: self._units[number] if self._units else None for name, number in kept.items() if number in used})
        notices = (*self._told, *totals.values())
        notices += tuple(told(kind, name, parts) for split, kind, names in zip(
            self._split, ("region", "item"), (regions, items), strict=True)
            for name, parts in aggregates_among(split.without({*names, ""})).items()
            if (kind, name) not in totals)
        notices += tuple(
            f"rules.leave_out_{kind}s names {name!r}, and no row has that {kind}. Correct the name, or take it out."
            for place, (kind, names) in enumerate((("region", regions), ("item", items)))
            for name in sorted(names - {each[place] for each in self._places}))
        notices = (*self._nameless(), *notices)
        names = {name for one in numbers for name in (one.region, one.item)}
        long_names = {short: name for short, name in sorted(self._plan.long_names.items()) if short in names}
        return Catalogue(tuple(sorted(numbers)), self._last_date(), tuple(sorted(refused)), notices=notices,
                         long_names=long_names), numbers

    def _nameless(self) -> list[str]:
        """What is told where most rows have no region or no item, as below the first row of merged cells."""
        told, rows = [], sum(self._rows[number] for number in set(self._places.values()))
        for place, ours in enumerate(("region", "item")):
            without = sum(self._rows[number] for names, number in self._places.items() if not names[place])
            if without > _MOSTLY * rows:
                told.append(f"{without:,} of {rows:,} rows {NO_NAME.format(ours)}. Fill them down in every row and "
                            "export again.")
        return told

    def _check_periods(self) -> None:
        """Nothing, where dates can mean one thing only. Raises: SourceError."""
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

    def _spoilt(self, region: str, item: str, number: int) -> str:
        """Why what is no bad name is no region-item; empty where it is one."""
        for place, (what, name) in enumerate((("region", region), ("item", item))):
            if _SHORTENED.fullmatch(name):
                return (f"{what} {name!r} is a long number of which a spreadsheet has kept some digits only. Give the "
                        "column the format text, or 0, in the spreadsheet, fill it in again and export again")
            whole = _read_as_utf_8(name)
            if whole and whole in {names[place] for names in self._places}:
                return (f"{what} {name!r} is {whole!r}, written in UTF-8 and read as something else before it came "
                        "here. Correct it where the file is written")
        header = [(column, name) for column, name in ((self._plan.plain("region"), region),
                                                      (self._plan.plain("item"), item)) if column is not None]
        if header and self._dated and not self._dated[number] and all(column == name for column, name in header):
            return "it is the header among the rows, as of files that were joined"
        if self._dated and not self._dated[number] and self._rows[number] <= _LINES_BESIDE and any(self._dated):
            return ("none of its rows has a date that can be read: it looks like a line below or above the table, not "
                    "like demand")
        return ""

    def _last_date(self) -> pd.Timestamp | None:
        """The last date of demand; a few rows dated later than the rest, which typing errors may be, do not move it."""
        if not self._rows_on:
            return None
        days = np.array(sorted(self._rows_on))
        rows = np.array([self._rows_on[day] for day in days])
        usual = min(_FEW_SHARE * len(self._places), float(np.median(rows)))
        needed = 1 if len(self._places) == 1 else min(max(2.0, usual), rows.sum())
        last = days[np.flatnonzero(np.cumsum(rows[::-1])[::-1] >= needed)[-1:]]
        weekday = int(weekdays(last)[0])
        frequency = self._dataset.frequency
        return pd.Timestamp(period_dates(ordinals(last, frequency, weekday), frequency, weekday)[0])


def _distinct(dates: pd.Series) -> tuple[npt.NDArray[np.integer[Any]], pd.Series]:
    """The place of each row's date among the distinct ones, -1 where it is missing, and these."""
    if pd.api.types.is_datetime64_any_dtype(dates.dtype):
        places, values = pd.factorize(dates)
        return places, pd.Series(values)
    places, found = distinct_values(dates)
    is_there = np.bincount(places[places >= 0], minlength=len(found)) > 0  # of categories some may not
    numbers = np.append(np.cumsum(is_there) - 1, -1)
    return numbers[places], pd.Series(np.asarray(found, dtype=object)[is_there], dtype=object)


def _look_alike(ours: str, names: Collection[str]) -> list[str]:
    """Words for names that differ in capitals or in zeros before a number only, which a spreadsheet leaves out."""
    alike: dict[str, list[str]] = {}
    for name in sorted(names):
        alike.setdefault(name.casefold().lstrip("0") or "0", []).append(name)
    pairs = [several for several in alike.values() if len(several) > 1]
    if not pairs:
        return []
    shown = "; ".join(" and ".join(map(repr, several)) for several in pairs[:_SHOWN])
    more = f"; and {len(pairs) - _SHOWN} more" if len(pairs) > _SHOWN else ""
    return [f"These {ours}s differ in capitals or in zeros before a number only and are taken for different ones: "
            f"{shown}{more}. If they are one, write them alike at the source."]


def _bare(name: str) -> str:
    """The name without what makes a text of it in a spreadsheet, and without marks that cannot be seen."""
    match = _AS_FORMULA.fullmatch(name)
    return _DIRECTIONS.sub("", match[1] if match else name).strip() or name


def _read_as_utf_8(name: str) -> str:
    """The name that UTF-8 text read as Windows-1252 or Latin-1 was; empty where it was none."""
    for encoding in ("cp1252", "latin-1"):
        try:
            whole = name.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
        return one_form(whole) if whole != name else ""
    return ""
