"""Columns of which each is a month, a quarter or a week of the year that stands in the row."""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Literal, cast

import pandas as pd

from demand_assets.forecasting.contract.periods import WORDS, Frequency
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.proposals.cannot_propose import CannotProposeError, one_line
from demand_assets.proposals.columns.date_columns import is_called_fiscal, may_be_dates
from demand_assets.proposals.columns.facts import Column, Facts
from demand_assets.proposals.draft import Entry
from demand_assets.proposals.layouts.reshaped import Reshaped, is_of_a_key
from demand_assets.proposals.terminal_questions import Ask
from demand_assets.sources.column_names import called, free_name
from demand_assets.sources.file_formats.spread_columns import YEARS, Spread, is_no_such_week, period_numbers

_ENOUGH: dict[Frequency, int] = {"W": 26, "M": 6, "Q": 4}
"""Columns that are periods of a year, from which on a table is such a one; the finer ones first."""
_MONTHS_AT_MOST = 12
_OF_BOOKS = re.compile(r"(?:P|Period|Periode|Periodo)[\s._-]*0?(\d{1,2})", re.ASCII | re.IGNORECASE)
_ENOUGH_OF_BOOKS = 6
_SURE = 3
_KEPT = ("region", "item", "price", "cost")
"""What numbers in the row of a year may hold that is known before it ends."""


def of_periods(facts: Facts, files: Column | None, ask: Ask) -> Reshaped | None:
    """The table with a row for each demand, where its columns are periods of the row's year; None where they are not.

    Args:
        files: the name of each row's file or sheet, which may be the year.
    Raises: CannotProposeError: they are, and which period each is is not certain.
    """
    names = [column.name for column in facts.columns]
    frequency, numbers = _periods(names)
    if frequency is None:
        of_books = [name for name in names if _OF_BOOKS.fullmatch(name.strip())]
        if len(of_books) >= _ENOUGH_OF_BOOKS and _year(facts, files, of_books) is not None:
            raise CannotProposeError(f"the columns {of_books[0]!r} to {of_books[-1]!r} are periods of a year's books, "
                                     "and which months or weeks they are is not said; call them Jan, Feb … if they are "
                                     "months of the calendar")
        return None
    year = _year(facts, files, numbers)
    word, first = WORDS[frequency][1], next(iter(numbers))
    if year is None:
        if any(may_be_dates(column) for column in facts.columns if column.name not in numbers):
            return None
        raise CannotProposeError(f"the columns {first!r} to {list(numbers)[-1]!r} are {word}, and no column says of "
                                 "which year; add a column 'year', as in 2024")
    spread = Spread(tuple(numbers), "date", tuple(map(str, numbers.values())), frequency)
    entries: dict[str, Entry] = {"layout": (
        "periods", f"a row for each year in {year.name!r}, and {len(numbers)} columns that are its {word}, {first!r} "
                   f"to {list(numbers)[-1]!r}")}
    if fiscal := _fiscal_year(spread, year, ask):
        spread = replace(spread, fiscal_year=fiscal)
        entries["fiscal_year"] = (fiscal, "as answered")
    try:
        said = [spread.dates(place, year.distinct, f"the column {year.name!r}") for place in range(len(numbers))]
    except SourceError as error:
        raise CannotProposeError(one_line(error)) from error
    _check_weeks(facts, spread, said, year)
    notes = ["weeks are taken for those of the ISO calendar, which begin on Mondays: look whether the source counts so"
             ] if frequency == "W" else []
    others = tuple(name for name in names if name not in numbers and any(
        name in period_numbers(names, other) for other in _ENOUGH if other != frequency) and name != year.name)
    keys = [column for column in facts.columns if not column.is_number]
    of_year = tuple(column.name for column in facts.columns if column.name not in (*numbers, *others, year.name)
                    and column.is_number and not is_of_a_key(column, keys)
                    and not any(called(column.name, kind) == _SURE for kind in _KEPT))
    left = (*((name, f"demand is read from the {word}") for name in others),
            *((name, f"a number of the whole year, which its {word} know only at its end") for name in of_year))

    def beside(place: int) -> "pd.Series[Any]":
        texts = pd.Series([*said[place], None], dtype=object)
        return texts.iloc[year.codes[0]].reset_index(drop=True)

    demand = free_name("demand", names)
    columns: dict[str, Entry] = {"date": (year.name, f"the year of each row, as {year.example()!r}")}
    if demand != "demand":
        columns["demand"] = (demand, f"no column is called so, as it stands in the {word}")
    return Reshaped(facts, tuple(numbers), "date", year.name, beside, demand, entries, columns,
                    (*others, *of_year), tuple(notes), left)


def _periods(names: Sequence[str]) -> tuple[Frequency | None, dict[str, int]]:
    """Which periods columns are, and the number of each; the finest where there are several kinds."""
    for frequency, enough in _ENOUGH.items():
        numbers = period_numbers(names, frequency)
        if len(numbers) >= enough:
            if len(set(numbers.values())) < len(numbers):
                twice = [name for name in numbers if list(numbers.values()).count(numbers[name]) > 1]
                raise CannotProposeError(f"the columns {' and '.join(map(repr, twice[:2]))} are of one period of the "
                                         "year; keep one of them")
            return frequency, numbers
    plain = [name for name in names if re.fullmatch(r"(?:[MP]|Period |Monat )?0?\d{1,2}", name.strip(), re.IGNORECASE)]
    if len(plain) == _MONTHS_AT_MOST + 1:
        raise CannotProposeError(f"the columns {plain[0]!r} to {plain[-1]!r} are 13 periods of a year, each of four "
                                 "weeks, no weeks or months of the calendar; write demand by week or by day")
    return None, {}


def _year(facts: Facts, files: Column | None, periods: Collection[str]) -> Column | None:
    """The column that says the year, or the names of files or sheets that do."""
    def is_year(column: Column) -> bool:
        known = [text.strip() for text in column.distinct if text.strip()]
        years = [text for text in known if YEARS.fullmatch(text)]
        return bool(years) and len(years) > len(known) / 2 and all("1900" <= text[:4] <= "2200" for text in years)

    found = [column for column in facts.columns if column.name not in periods and is_year(column)]
    named = [column for column in found if called(column.name, "year") >= 2 or is_called_fiscal(column.name)]
    if len(named or found) > 1:
        raise CannotProposeError(f"the columns {' and '.join(repr(one.name) for one in (named or found)[:2])} both "
                                 "hold years; keep the one that the months are of")
    return next(iter(named or found), files if files is not None and is_year(files) else None)


def _fiscal_year(spread: Spread, year: Column, ask: Ask) -> Literal["begins", "ends"] | None:
    """Which calendar year a year that does not begin in January is called by; None where that is plain.

    Raises: CannotProposeError: it is not certain, and nobody says so.
    """
    example, first = year.example(), spread.columns[0]
    is_double = len(example.strip()) > len("2024.0")
    if not spread.begins_anew:
        if is_called_fiscal(year.name) and not is_double:
            raise CannotProposeError(f"{year.name!r} is called fiscal, and the columns begin with {first!r}: whether "
                                     "that is the first of the calendar year or of the books is not said; call the "
                                     "column 'year' if it is the calendar's")
        return None
    if is_double:
        return None
    answer = ask(f"The columns begin with {first!r}. Does the year {example} begin or end in {example}?",
                 ["begins", "ends"], "")
    if not answer:
        raise CannotProposeError(f"the columns begin with {first!r}, and whether the year {example!r} in {year.name!r} "
                                 f"begins or ends in {example} is not said; write years as {example[:4]}/"
                                 f"{(int(example[:4]) + 1) % 100:02}, or the dataset file by hand with "
                                 "source.fiscal_year")
    return cast(Literal["begins", "ends"], answer)


def _check_weeks(facts: Facts, spread: Spread, said: Sequence[Sequence[str]], year: Column) -> None:
    """Nothing, where no week holds demand that the ISO calendar does not have. Raises: CannotProposeError."""
    for place, texts in enumerate(said):
        none = {number for number, text in enumerate(texts) if is_no_such_week(text)}
        if not none:
            continue
        values = facts.column(spread.columns[place]).texts
        rows = pd.Series(year.codes[0]).isin(none) & values.notna() & (values != "0")
        if rows.any():
            text = texts[int(year.codes[0][rows.to_numpy()][0])]
            raise CannotProposeError(f"{spread.columns[place]!r} holds demand in {text[:4]}, and the ISO calendar has "
                                     "no such week in that year, so weeks are counted otherwise; write the date of "
                                     "each week's first day")
