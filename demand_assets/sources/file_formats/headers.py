"""Where the header of a table is, and which of its names are dates: reports have titles above it, and wide tables a
column for each period."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from demand_assets.forecasting.contract.region_item import one_form
from demand_assets.forecasting.contract.source import BROKEN_LINE, SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.source_entries import FileSource
from demand_assets.forecasting.validation.written.dates import SINCE_1970, read_dates
from demand_assets.sources.columns import ColumnPlan
from demand_assets.sources.file_formats.spread_columns import (
    NOT_SPREAD,
    Spread,
    UnclearColumnsError,
    columns_of_names,
    columns_of_periods,
)

LOOKED_THROUGH = 50
"""Lines in which the header is looked for."""
_ENOUGH_DATES = 2


@dataclass(frozen=True)
class Layout:
    """How the columns of a table are to be read."""

    names: tuple[str, ...]
    """Of the columns, each once."""
    wanted: tuple[str, ...]
    """Those of ours, without those that are spread."""
    spread: Spread = NOT_SPREAD
    """The columns with demand in them, of a table that has several."""


def layout_of(header: Sequence[str], plan: ColumnPlan, dataset: Dataset, where: str,
              constant: Sequence[str] = ()) -> Layout:
    """How a table with this header is read.

    Args:
        constant: columns that it has from elsewhere: the names in its path.
    Raises: SourceError: a column is missing; the message names those that are there.
    """
    names = tuple(plan.as_spelt(unique_names(header)))
    available = [*names, *(name for name in constant if name not in names)]
    wide = isinstance(dataset.source, FileSource) and dataset.source.layout
    if wide in ("items", "regions", "periods", "years"):
        return _named(header, names, available, plan, dataset, where)
    if wide != "wide":
        try:
            plan.check(available, where)
        except SourceError as error:
            _explain_twice(header, plan, where)
            if wide == "long":
                raise
            if (found := _wide(names, available, plan, dataset)) is not None:
                return found
            _explain_wide(header, names, available, plan, dataset, where)
            raise error
        return Layout(names, tuple(plan.wanted(names)))
    if (found := _wide(names, available, plan, dataset)) is None:
        plan.check([*available, *plan.period_columns()], where)
        raise SourceError(f"{where} has no {_ENOUGH_DATES} columns whose names are dates, as source.layout = 'wide' "
                          f"says; it has {', '.join(map(repr, names[:40]))}. Give columns.date_format, or leave "
                          "source.layout out.")
    return found


def header_line(lines: Sequence[Sequence[str]], fits: Callable[[Sequence[str]], bool],
                plan: ColumnPlan | None = None) -> int:
    """The number of the first line that fits; where none does, of the one that holds the most of what the plan wants,
    or, without a plan, of the first that is not blank."""
    for number, names in enumerate(lines[:LOOKED_THROUGH]):
        if fits(names):
            return number
    filled = [number for number, names in enumerate(lines[:LOOKED_THROUGH]) if any(names)]
    if plan is None or not filled:
        return filled[0] if filled else 0
    best = max(held(lines[number], plan) for number in filled)
    return next(number for number in filled if held(lines[number], plan) == best)


def check_other_header(row: Sequence[Any], names: Sequence[str], number: int, where: str) -> None:
    """Nothing, where a row that has the name of the date in its place is the header once more, as on each page.

    Args:
        row: its values in the wanted columns.
        number: of the row.
    Raises: SourceError: it is the header of another table.
    """
    written = ["" if value is None else one_form(str(value).removeprefix("\ufeff")) for value in row]
    other = next((pair for pair in zip(names, written, strict=True)
                  if pair[1] and pair[1].casefold() != one_form(pair[0]).casefold()), None)
    is_broken = any(value.startswith(BROKEN_LINE) for value in written)  # and refused as such
    if other is not None and set(names) != set(written) and not is_broken:
        raise SourceError(f"Row {number} of {where} is the header of another table: {other[1]!r} stands there where "
                          f"the first has {other[0]!r}. Keep one table in each file or sheet.")


def put_together(lines: Sequence[Sequence[str]], rows: int) -> list[list[str]]:
    """Each line as the last of a header of so many rows: what stands one below the other in one name, that of an upper
    row also over the columns to its right that have none there. Lines with too few above them are empty."""
    if rows == 1:
        return [list(line) for line in lines]
    found: list[list[str]] = [[] for _ in lines]
    for number in range(rows - 1, len(lines)):
        width = len(lines[number])
        parts: list[list[str]] = []
        for line in lines[number - rows + 1:number]:
            above, filled = "", []
            for place in range(width):
                above = (line[place].strip() if place < len(line) else "") or above
                filled.append(above)
            parts.append(filled)
        parts.append([name.strip() for name in lines[number]])
        found[number] = [" ".join(filter(None, names)) for names in zip(*parts, strict=True)]
    return found


def held(names: Sequence[str], plan: ColumnPlan) -> tuple[int, int]:
    """How much a line looks like the header: how many of the wanted columns it holds, and how many names."""
    distinct = dict.fromkeys(plan.as_spelt([one_form(name) for name in names if name.strip()]))
    return len(plan.wanted(distinct)), len(distinct)


def fits(plan: ColumnPlan, dataset: Dataset, constant: Sequence[str]) -> Callable[[Sequence[str]], bool]:
    """Whether a line is a header that can be read."""
    def is_header(names: Sequence[str]) -> bool:
        try:
            layout_of(names, plan, dataset, "", constant)
        except SourceError as error:
            return isinstance(error, TwoColumnsError | StockOfWideTableError | UnclearColumnsError)
        return True

    return is_header


class TwoColumnsError(SourceError):
    """Two columns of the name that is wanted."""


class StockOfWideTableError(SourceError):
    """A wide table in a dataset that says which periods are out of stock."""


def _explain_twice(header: Sequence[str], plan: ColumnPlan, where: str) -> None:
    names = [one_form(name) for name in header]
    twice = [name for name in plan.wanted(dict.fromkeys(names)) if names.count(name) > 1]
    if twice:
        each = " and ".join(repr(_numbered(twice[0], count + 1)) for count in range(names.count(twice[0])))
        raise TwoColumnsError(f"{where} has {names.count(twice[0])} columns {twice[0]!r}. Name the one that is "
                              f"meant under columns in the dataset file; they are called {each} there, from left to "
                              "right.")


def _explain_wide(header: Sequence[str], names: Sequence[str], available: Sequence[str], plan: ColumnPlan,
                  dataset: Dataset, where: str) -> None:
    """Say what keeps a table with columns that are dates from being read as a wide one. Raises: SourceError."""
    titles = [one_form(name) for name in header]
    twice = [title for title, often in Counter(titles).items() if often > 1]
    if twice and _wide(list(dict.fromkeys(titles)), available, plan, dataset) is not None:
        raise SourceError(f"{where} has {titles.count(twice[0])} columns {twice[0]!r}; a period has one column. "
                          "Remove or rename the others.")
    days = read_dates(pd.Series(list(names), dtype=object), dataset.frequency, dataset.columns.date_format).days
    if sum(day == day for day in days) >= _ENOUGH_DATES:
        plan.check([*available, *plan.period_columns()], where)


def unique_names(header: Sequence[str]) -> tuple[str, ...]:
    """The names in one form, without white space around them; columns of one name are numbered."""
    names = [one_form(name) for name in header]
    often, seen = Counter(names), Counter[str]()
    found = []
    for name in names:
        seen[name] += 1
        found.append(_numbered(name, seen[name]) if name and often[name] > 1 else name)
    return tuple(found)


def _numbered(name: str, number: int) -> str:
    return f"{name} ({number})"


def _named(header: Sequence[str], names: tuple[str, ...], available: Sequence[str], plan: ColumnPlan, dataset: Dataset,
           where: str) -> Layout:
    """The layout of a table whose columns with demand are items, regions, or periods of the row's year."""
    is_of_years = isinstance(dataset.source, FileSource) and dataset.source.layout in ("periods", "years")
    spread = (columns_of_periods(names, available, plan, dataset, where) if is_of_years else
              columns_of_names(header, names, available, plan, dataset, where))
    if (entry := dataset.stock_entry) is not None:
        raise StockOfWideTableError(_NO_STOCK.format(count=len(spread.columns), what="columns of demand", entry=entry,
                                                     name=spread.columns[0]))
    wanted = plan.wanted(name for name in names if name not in spread.columns)
    return Layout(names, tuple(wanted), spread)


_NO_STOCK = ("{count} columns are {what}, as {name!r}: in such a wide table no column can say of each period whether "
             "it was in stock. Deliver a row for each period, or leave columns.{entry} out.")


def _wide(names: Sequence[str], available: Sequence[str], plan: ColumnPlan, dataset: Dataset) -> Layout | None:
    others = [name for name in available if name not in plan.period_columns()]
    wanted = tuple(plan.wanted(others))
    left = [name for name in names if name and name not in wanted]
    if not left or dataset.columns.date_start:
        return None
    days = read_dates(pd.Series(left, dtype=object), dataset.frequency, dataset.columns.date_format).days
    dates = tuple(name for name, day in zip(left, days, strict=True) if day == day and not SINCE_1970.fullmatch(name))
    if len(dates) < _ENOUGH_DATES:
        return None
    if (entry := dataset.stock_entry) is not None:
        raise StockOfWideTableError(_NO_STOCK.format(count=len(dates), what="dates with demand in them", entry=entry,
                                                     name=dates[0]))
    try:
        plan.check([*others, *plan.period_columns()], "")
    except SourceError:
        return None
    return Layout(tuple(names), tuple(name for name in wanted if name in names), Spread(
        dates, "date", dates, is_sparse=dataset.rules.gaps == "zero"))
