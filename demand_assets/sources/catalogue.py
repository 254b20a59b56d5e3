"""The catalogue of a table that is looked through piece by piece: its region-items, their rows, when demand ends."""

from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.periods import Dates, Mask, ordinals, period_dates, weekdays
from demand_assets.forecasting.contract.region_item import BadNameError, RegionItem, known_as
from demand_assets.forecasting.contract.source import Catalogue, SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.source_entries import FileSource
from demand_assets.forecasting.validation.periods.unfinished import is_running, starts
from demand_assets.forecasting.validation.written.dates import read_dates
from demand_assets.forecasting.validation.written.values import distinct_values, read_numbers
from demand_assets.sources.columns import ColumnPlan
from demand_assets.sources.doubts.aggregates import SplitSums, aggregates_among, by_days, told
from demand_assets.sources.doubts.ambiguous_dates import DateDoubts
from demand_assets.sources.doubts.look_alike_names import look_alike, same_in_words, same_names
from demand_assets.sources.doubts.no_items import columns_of_no_items
from demand_assets.sources.doubts.overlaps import RowMarks
from demand_assets.sources.doubts.spoilt_names import dates_in_words, misread_in_words, why_spoilt
from demand_assets.sources.doubts.totals import totals_among
from demand_assets.sources.expressions import is_broken

Numbers = npt.NDArray[np.int32]
NOT_COUNTED = -1
"""The number of a row that is no demand by ``rules.only_rows``."""

_LINES_BESIDE = 2
"""So many lines without a date may be a sum, a source or a note below the table."""
_FEW_SHARE = 0.05
"""Of the region-items; so many rows at least tell when demand ends."""
_MOSTLY = 0.5
"""Of all rows; where so many have no region or no item, it is told."""


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
        self._doubts = DateDoubts(dataset)
        self._split = SplitSums(), SplitSums()
        plan.counted.begin()
        self.marks = RowMarks() if dataset.rules.several_rows in ("sum", "mean") else None
        """Of the rows of files, where several for a period are put together."""

    def add(self, table: pd.DataFrame) -> Numbers:
        """Look through a piece of the source.

        Returns: the number of each row's region-item: as in ``catalogue``; -1 of rows that do not count.
        """
        if not self._plan.counted:
            return self._add(table)
        counts = is_broken(self._plan.demand(table))  # to be refused, whatever stands there
        counts[~counts] = self._plan.counted.seen_among(table[~counts])
        numbers = np.full(len(table), NOT_COUNTED, dtype=np.int32)
        numbers[counts] = self._add(table[counts], counts)
        return numbers

    def _add(self, table: pd.DataFrame, counts: Mask | None = None) -> Numbers:
        """The number of each row's region-item.

        Args:
            counts: which rows of the piece these are, where they are not all.
        """
        regions, items = self._plan.names(table, "region").cat, self._plan.names(table, "item").cat
        codes, distinct = _pairs(regions.codes.to_numpy(), items.codes.to_numpy(), len(items.categories))
        of_regions, of_items = list(map(str, regions.categories)), list(map(str, items.categories))
        names = [(of_regions[region], of_items[item])
                 for region, item in zip(*map(np.ndarray.tolist, np.divmod(distinct, len(of_items))), strict=True)]
        places = np.array([self._places.setdefault(name, len(self._places)) for name in names], dtype=np.int32)
        self._rows = _with_more(self._rows, places, np.bincount(codes, minlength=len(distinct)), len(self._places))
        demand = self._known(self._plan.demand(table))
        is_known = np.isfinite(demand)
        known = demand if is_known.all() else np.where(is_known, demand, 0.0)
        self._units = _with_more(self._units, places, np.bincount(codes, known, minlength=len(distinct)),
                                 len(self._places))
        days = self.see_dates(self._plan.dates(table), is_known)
        if len(distinct):
            split = by_days(codes, len(distinct), days, demand)
            for place, sums_of in enumerate(self._split):
                sums_of.add([name[place] for name in names], [name[1 - place] for name in names], split)
        if self.marks is not None and (len(places) or counts is not None):
            self.marks.add(places[codes], days, demand, counts)
        is_undated = np.isnat(days)
        dated = np.bincount(codes[~is_undated] if is_undated.any() else codes, minlength=len(distinct))
        self._dated = _with_more(self._dated, places, dated, len(self._places))
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
        days = read_dates(distinct, self._dataset.frequency, columns.date_format, columns.time_zone,
                          columns.week_dated == "last_day").days
        is_read = ~np.isnat(days)
        self._doubts.see(distinct, is_read)
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
            same = same_names(names)
            self._plan.rename(ours, same)
            self._split[place].rename(same)
            told += same_in_words(ours, same) + look_alike(ours, names - set(same)) + dates_in_words(ours, names)
            told += misread_in_words(ours, names)
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
        self._doubts.check()
        numbers, refused = {}, []
        seen = tuple({name[place] for name in self._places} for place in range(2))
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
            if problem := self._why_none(region, item, number, seen):
                refused.append((region, item, problem, rows))
            else:
                numbers[one] = number
        used = set(numbers.values())
        totals = totals_among({
            name: self._units[number] if self._units else None for name, number in kept.items() if number in used})
        aggregates = {
            (kind, name): told(kind, name, parts) for split, kind, names in zip(
                self._split, ("region", "item"), (regions, items), strict=True)
            for name, parts in aggregates_among(split.without({*names, ""})).items() if (kind, name) not in totals}
        notices = (*self._told, *totals.values(), *aggregates.values())
        notices += tuple(
            f"rules.leave_out_{kind}s names {name!r}, and no row has that {kind}. Correct the name, or take it out."
            for place, (kind, names) in enumerate((("region", regions), ("item", items)))
            for name in sorted(names - seen[place]))
        nameless = tuple(self._nameless())
        notices = (*self._plan.counted.told(), *nameless, *notices)
        names = {name for one in numbers for name in (one.region, one.item)}
        long_names = {short: name for short, name in sorted(self._plan.long_names.items()) if short in names}
        notices += tuple(columns_of_no_items(self._dataset, *(
            {long_names.get(name, name) for name in of_axis}
            for of_axis in ({one.region for one in numbers}, {one.item for one in numbers}))))
        return Catalogue(tuple(sorted(numbers)), self._last_date(), tuple(sorted(refused)), notices=notices,
                         long_names=long_names, totals=frozenset({*totals, *aggregates}), nameless=nameless), numbers

    def _nameless(self) -> list[str]:
        """What is told where most rows have no region or no item, as below the first row of merged cells."""
        told, rows = [], sum(self._rows[number] for number in set(self._places.values()))
        for place, ours in enumerate(("region", "item")):
            without = sum(self._rows[number] for names, number in self._places.items() if not names[place])
            if without > _MOSTLY * rows:
                column, is_file = self._plan.plain(ours), isinstance(self._dataset.source, FileSource)
                entry = f", or set source.fill_down = [{column!r}] in the dataset file" if column and is_file else ""
                told.append(f"{without:,} of {rows:,} rows have no {ours}: names stand in the first row of each "
                            "block only, or their cells are merged. Fill them down in every row and "
                            f"export again{entry}.")
        return told

    def _why_none(self, region: str, item: str, number: int, seen: tuple[set[str], ...]) -> str:
        """Why what is no bad name is no region-item; empty where it is one."""
        for ours, name, names in (("region", region, seen[0]), ("item", item, seen[1])):
            if why := why_spoilt(ours, name, names):
                return why
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


def check_usable(catalogue: Catalogue, shown: str) -> None:
    """Nothing, where the source has a region-item that can be used.

    Args:
        shown: the source, in words.
    Raises: SourceError: it has none.
    """
    if catalogue.region_items:
        return
    if not catalogue.refused:
        raise SourceError(f"{shown} has no region-item left: rules.leave_out_regions and rules.leave_out_items leave "
                          "out all of them. Take names out of these.")
    region, item, reason, _ = max(catalogue.refused, key=lambda one: one[3])
    raise SourceError(f"{shown} has no region-item that can be used; the first is region {region!r}, "
                      f"item {item!r}: {reason}. Correct the names, or columns.region and columns.item.")


def _pairs(first: npt.NDArray[np.integer[Any]], second: npt.NDArray[np.integer[Any]],
           size: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Of each row the place of its pair of numbers among the distinct pairs, and these, ``size * first + second``, in
    the order in which they come."""
    pairs = first.astype(np.int64) * size + second
    most = int(pairs.max(initial=-1)) + 1
    if most > len(pairs):  # hashed; else each pair is looked up, which is much faster
        return pd.factorize(pairs)
    begins = np.full(most, len(pairs))
    begins[pairs[::-1]] = np.arange(len(pairs) - 1, -1, -1)  # the last that is written there is the first row
    distinct = np.argsort(begins, kind="stable")[:np.count_nonzero(begins < len(pairs))]
    place = np.empty(most, dtype=np.int64)
    place[distinct] = np.arange(len(distinct))
    return place[pairs], distinct


def _with_more(sums: list[Any], places: Numbers, more: npt.NDArray[Any], size: int) -> list[Any]:
    """The sums, so many of them, with more at these places, of which none stands twice."""
    found = np.zeros(size, dtype=more.dtype)
    found[:len(sums)] = sums
    found[places] += more
    return found.tolist()


def _distinct(dates: pd.Series) -> tuple[npt.NDArray[np.integer[Any]], pd.Series]:
    """The place of each row's date among the distinct ones, -1 where it is missing, and these."""
    if pd.api.types.is_datetime64_any_dtype(dates.dtype):
        places, values = pd.factorize(dates)
        return places, pd.Series(values)
    places, found = distinct_values(dates)
    return places, pd.Series(np.asarray(found, dtype=object), dtype=object)
