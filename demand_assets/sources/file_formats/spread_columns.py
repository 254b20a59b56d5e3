"""Columns with demand in them, each for a date, an item, a region, or a period of the row's year, as its name says."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from demand_assets.forecasting.contract.periods import WORDS, Frequency
from demand_assets.forecasting.contract.source import SourceError, as_text
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.source_entries import FileSource
from demand_assets.forecasting.validation.written.dates import month_number
from demand_assets.sources.columns import ColumnPlan
from demand_assets.sources.file_formats.distinct_values import is_bytes, is_text

_FEWEST = {"M": 3, "Q": 2, "W": 5}
"""Columns that are periods of a year; S1 and S2 alone are halves of one, no weeks."""
_FEWEST_YEARS = 2
_IN_A_YEAR = {"M": 12, "Q": 4, "W": 53}
_BEFORE_NUMBER = {"M": r"(?:M|Month|Monat|Mois|Mes|Mese)",
                  "Q": r"(?:Q|T|Qtr|Quarter|Quartal|Trimestre|Trim|Kwartaal)",
                  "W": r"(?:W|KW|CW|WK|Week|Woche|S|Sem|Semaine|Semana|Settimana|Uge|Uke|Vecka)"}
_AFTER_NUMBER = {"M": "(?:月|월)", "Q": "(?:季度|분기)", "W": "(?:週|周|주)"}
_QUARTER_FIRST = re.compile(r"([1-4])\s*\.?\s*(?:Q|T|Qtr|Quarter|Quartal|Trimestre|Trim)\.?", re.ASCII | re.IGNORECASE)
_YEAR = re.compile(r"(\d{4})(?:\.0+)?", re.ASCII)
_TWO_YEARS = re.compile(r"(\d{4})\s?[-/–]\s?(\d{4}|\d{2})", re.ASCII)
YEARS = re.compile(rf"{_YEAR.pattern}|{_TWO_YEARS.pattern}", re.ASCII)
"""A year, or two years that a year of books has months of."""
_NO_YEAR_AT_MOST = 0.5
"""Of the distinct values of a column of years; those of lines below a table are none."""

_OF_NOTHING = re.compile(r"__index_level_\d+__|Unnamed: \d+")
"""What pandas calls the numbers of rows, where it writes them as a column."""


class UnclearColumnsError(SourceError):
    """A table whose columns are those that are wanted, and of which it is not certain what they mean."""


@dataclass(frozen=True)
class Spread:
    """The columns of a table that hold demand; none where a row has one demand."""

    columns: tuple[str, ...] = ()
    ours: Literal["date", "item", "region"] = "date"
    """What their names say."""
    said: tuple[str, ...] = ()
    """By the name of each, as it is read on; of a period of the row's year, its number."""
    frequency: Frequency | None = None
    """Of periods of the row's year, or of years of the row's period, which stand in the column of the date; else None.
    """
    are_years: bool = False
    """Whether the columns are years, and the rows say the period of each."""
    fiscal_year: Literal["begins", "ends"] | None = None
    """Which calendar year the number of a year names that does not begin in January."""
    is_sparse: bool = False
    """Whether nothing was sold where a value is empty beside others that are not, as where a row is missing."""

    def __bool__(self) -> bool:
        return bool(self.columns)

    @property
    def begins_anew(self) -> int:
        """The place from which on columns are of the next calendar year, as of a year from April to March; 0 where all
        are of one, or they stand in no order."""
        return _turn([int(number) for number in self.said])

    def dates(self, place: int, values: Sequence[Any], where: str) -> list[str]:
        """The period of a column in each of these years, or in its year each of these periods, as ISO 8601 writes it.
        What is said of a week that a year does not have says so, and what cannot be read stays as it is, for the
        quarantine to show.

        Args:
            where: the column of the values and its file, for messages.
        Raises: SourceError: it is not certain which calendar year is meant, or hardly a value is a year.
        """
        texts = ["" if value is None or value != value else as_text(value).strip() for value in values]
        filled = [text for text in texts if text]
        if self.are_years:
            return self._of_row(int(self.said[place]), texts, where)
        none = [text for text in filled if not _YEAR.fullmatch(text) and not _TWO_YEARS.fullmatch(text)]
        if len(none) > _NO_YEAR_AT_MOST * len(filled):
            raise SourceError(f"{where} holds {none[0]!r}, which is no year. Write years as 2024, or as 2023/24 where "
                              "they begin within one.")
        return [self._date(place, text, where) for text in texts]

    def _of_row(self, year: int, texts: Sequence[str], where: str) -> list[str]:
        assert self.frequency is not None
        numbers = {text: next(iter(period_numbers([text.removesuffix(".0")], self.frequency).values()), 0)
                   for text in dict.fromkeys(texts) if text}
        none = [text for text, number in numbers.items() if not number]
        if len(none) > _NO_YEAR_AT_MOST * len(numbers):
            raise SourceError(f"{where} holds {none[0]!r}, which is no {WORDS[self.frequency][0]} of a year. Write it "
                              f"as in {_named_as(self.frequency)}.")
        there = [text for text in numbers if numbers[text]]
        turn = _turn([numbers[text] for text in there])
        if turn and self.fiscal_year is None:
            raise SourceError(f"{where} begins with {there[0]!r}: whether the year {year} begins or ends in {year} is "
                              "not said. Set source.fiscal_year = 'begins' or 'ends' in the dataset file.")
        later = {text: (place >= turn) - (self.fiscal_year == "ends") if turn else 0
                 for place, text in enumerate(there)}
        return [_written(year + later[text], numbers[text], self.frequency) if numbers.get(text) else text
                for text in texts]

    def _date(self, place: int, text: str, where: str) -> str:
        turn, number, named = self.begins_anew, int(self.said[place]), self.columns[0]
        after = int(0 < turn <= place)
        if match := _TWO_YEARS.fullmatch(text):
            first, second = int(match[1]), int(match[2])
            if second not in (first + 1, (first + 1) % 100) or (len(match[2]) == 4 and second != first + 1):
                return text
            if not turn:
                raise SourceError(f"{where} holds {text!r}, two years, and the columns begin with {named!r}, as those "
                                  "of a calendar year do: which of them are of which year is not said. Write the "
                                  f"columns in the order of that year, or the calendar year as in {first}.")
            year = first + after
        elif match := _YEAR.fullmatch(text):
            year = int(match[1])
            if turn and self.fiscal_year is None:
                raise SourceError(
                    f"{where} holds {text!r}, and the columns begin with {named!r}: whether the year begins or ends in "
                    f"{text} is not said. Set source.fiscal_year = 'begins' or 'ends' in the dataset file.")
            year += after - (turn > 0 and self.fiscal_year == "ends")
        else:
            return text
        assert self.frequency is not None
        return _written(year, number, self.frequency)


NOT_SPREAD = Spread()


def _turn(numbers: Sequence[int]) -> int:
    """The place at which numbers of periods begin anew, as 1 of 4 to 12, 1 to 3; 0 where they do not, or are in no
    order."""
    breaks = [place for place in range(1, len(numbers)) if numbers[place] < numbers[place - 1]]
    return breaks[0] if len(breaks) == 1 and numbers[-1] < numbers[0] else 0


def _written(year: int, number: int, frequency: Frequency) -> str:
    """A period as ISO 8601 writes it."""
    if frequency == "W":
        is_there = date(year, 12, 28).isocalendar().week >= number if 0 < year < 9999 else True
        return f"{year:04}-W{number:02}" if is_there else f"{year:04}-W{number:02} {_NO_SUCH_WEEK}"
    return f"{year:04}-Q{number}" if frequency == "Q" else f"{year:04}-{number:02}"


def columns_of_names(header: Sequence[str], names: Sequence[str], available: Collection[str], plan: ColumnPlan,
                     dataset: Dataset, where: str) -> Spread:
    """The columns of a table that has one for each item, or each region: all that are nothing else.

    Args:
        header: the names as they stand.
        names: each once.
    Raises: SourceError: there is none, or a column is missing; UnclearColumnsError: it is a table with a row for each.
    """
    source = dataset.source
    assert isinstance(source, FileSource)
    ours: Literal["item", "region"] = "item" if source.layout == "items" else "region"
    made = {plan.plain(ours) or ours, plan.plain("demand") or "demand"}
    plan.check([*available, *made], where)
    if taken := [name for name in names if name in made]:
        raise UnclearColumnsError(f"{where} has a column {taken[0]!r}, and source.layout = {source.layout!r} says that "
                                  f"each {ours} has a column of its own. Leave source.layout out, or remove the "
                                  "column.")
    others = {*plan.wanted([name for name in available if name not in made]), source.name_column,
              *(one.column or one.name for one in dataset.attributes if dataset.table_of(one) is None)}
    said = {name: text for name in names if name and name not in others and not _OF_NOTHING.fullmatch(name)
            and (text := _within(dataset.columns.demand, ours, name))}
    if not said:
        pattern = dataset.columns.demand
        like = f" whose names are as {pattern!r} says" if _template(ours) in pattern else ""
        raise SourceError(f"{where} has no columns{like} beside {', '.join(map(repr, sorted(filter(None, others))))}, "
                          f"and source.layout = {source.layout!r} says that each {ours} has one.")
    often = Counter(" ".join(name.split()) for name in header)
    if twice := next((name for name in often if often[name] > 1 and f"{name} (1)" in said), None):
        raise UnclearColumnsError(f"{where} has {often[twice]} columns {twice!r}; each {ours} has one. Remove or "
                                  "rename the others.")
    if len(set(said.values())) < len(said):
        twice = next(name for name, count in Counter(said.values()).items() if count > 1)
        raise UnclearColumnsError(f"{where} has several columns for the {ours} {twice!r}; each has one. Remove or "
                                  "rename the others.")
    return Spread(tuple(said), ours, tuple(said.values()), is_sparse=dataset.rules.gaps == "zero")


def columns_of_periods(names: Sequence[str], available: Collection[str], plan: ColumnPlan, dataset: Dataset,
                     where: str) -> Spread:
    """The columns of a table with a row for each year that are its months, quarters or weeks; or, by its layout, those
    that are the years of the periods in its rows.

    Raises: SourceError: there are none, or a column is missing; UnclearColumnsError: two are of one period.
    """
    source, frequency = dataset.source, dataset.frequency
    assert isinstance(source, FileSource)
    made = plan.plain("demand") or "demand"
    plan.check([*available, made], where)
    others = plan.wanted([name for name in available if name != made])
    if source.layout == "years":
        years = tuple(name for name in names if name not in others and _YEAR.fullmatch(name))
        if len(years) < _FEWEST_YEARS:
            raise SourceError(f"{where} has no columns that are years, as source.layout = 'years' says; it has "
                              f"{', '.join(map(repr, names[:40]))}. Name them as in 2023, 2024, or leave "
                              "source.layout out.")
        return Spread(years, "date", tuple(name[:4] for name in years), frequency, True, source.fiscal_year,
                      dataset.rules.gaps == "zero")
    numbers = period_numbers([name for name in names if name not in others], frequency)
    word = WORDS[frequency][1]
    if len(numbers) < _FEWEST[frequency]:
        raise SourceError(f"{where} has no columns that are {word}, as source.layout = 'periods' with frequency = "
                          f"{frequency!r} says; it has {', '.join(map(repr, names[:40]))}. Name them as in "
                          f"{_named_as(frequency)}, or leave source.layout out.")
    if twice := next((number for number, often in Counter(numbers.values()).items() if often > 1), 0):
        both = " and ".join(repr(name) for name, number in numbers.items() if number == twice)
        raise UnclearColumnsError(f"{where} has several columns for one period of a year: {both}. Remove or rename all "
                                  "but one.")
    return Spread(tuple(numbers), "date", tuple(map(str, numbers.values())), frequency,
                  fiscal_year=source.fiscal_year, is_sparse=dataset.rules.gaps == "zero")


def period_numbers(names: Sequence[str], frequency: Frequency) -> dict[str, int]:
    """Those names that are months, quarters or weeks of a year, with the number of each: ``Jan``, ``März``, ``M01``,
    ``1``; ``Q1``, ``2. Quartal``; ``KW 5``, ``W05``, ``5``."""
    if frequency not in _IN_A_YEAR:
        return {}
    pattern = re.compile(rf"{_BEFORE_NUMBER[frequency]}?[\s._-]*0?(\d{{1,2}}){_AFTER_NUMBER[frequency]}?",
                         re.ASCII | re.IGNORECASE)
    found = {}
    for name in names:
        text = name.strip()
        number = month_number(text) if frequency == "M" else 0
        if not number and (match := pattern.fullmatch(text) or (
                _QUARTER_FIRST.fullmatch(text) if frequency == "Q" else None)):
            number = int(match[1])
            if number > _IN_A_YEAR[frequency]:
                return {}  # thirteen periods of four weeks
        if number:
            found[name] = number
    return found


def is_no_such_week(text: str) -> bool:
    """Whether that is what ``Spread.dates`` says of a week that the year does not have."""
    return text.endswith(_NO_SUCH_WEEK)


def unpivoted(table: pa.Table, spread: Spread, ours: str, demand: str, where: str) -> pa.Table:
    """A row for each value of the columns with demand, those of one column together; none for an empty one that is no
    row, and none for a week that the year does not have.

    Args:
        ours: the column that holds what the names of those columns say; of periods of a year, the year until now.
        demand: the column that holds the values.
        where: the file, for messages.
    Raises: SourceError: as of ``Spread.dates``.
    """
    beside = table.select([name for name in table.column_names if name not in (*spread.columns, ours)])
    years = _coded(table[ours]) if spread.frequency else None
    has_any = np.zeros(len(table), dtype=bool)
    for name in spread.columns if spread.is_sparse else ():
        has_any |= ~_is_blank(table[name])
    parts = []
    for place, name in enumerate(spread.columns):
        values = table[name]
        is_none = has_any & _is_blank(values) if spread.is_sparse else np.zeros(len(table), dtype=bool)
        if years is None:
            said = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(table), dtype=np.int32)),
                                                  pa.array([spread.said[place]], pa.string()))
        else:
            texts = spread.dates(place, years.dictionary.to_pylist(), f"The column {ours!r} of {where}")
            said = pa.DictionaryArray.from_arrays(years.indices.cast(pa.int32()), pa.array(texts, pa.string()))
            if any(map(is_no_such_week, texts)):
                no_week = pc.ends_with(said.cast(pa.string()), _NO_SUCH_WEEK).fill_null(False)
                is_none |= no_week.to_numpy(zero_copy_only=False) & _is_blank(values)
        part = beside.append_column(ours, said).append_column(demand, values)
        parts.append(part.filter(pa.array(~is_none)) if is_none.any() else part)
    kinds = {str(part[demand].type) for part in parts}
    if len(kinds) > 1 and any(is_text(part[demand].type) for part in parts):
        place = len(parts[0].column_names) - 1
        parts = [part.set_column(place, demand, part[demand].cast(pa.string())) for part in parts]
    try:
        return pa.concat_tables(parts, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise SourceError(f"{where} has columns with demand of several kinds, {', '.join(sorted(kinds))}, which are no "
                          "numbers alone. Declare those that are no demand as drivers, or take them out of the "
                          "file."
                          ) from error


def unpivoted_cells(columns: dict[str, "pd.Series[Any]"], spread: Spread, ours: str, demand: str,
                    where: str) -> dict[str, "pd.Series[Any]"]:
    """The same of cells of a sheet."""
    size = len(spread.columns)
    said = np.repeat(np.array(spread.said, dtype=object), len(columns[spread.columns[0]]))
    if spread.frequency:
        codes, distinct = pd.factorize(columns[ours], use_na_sentinel=False)
        said = np.concatenate([np.array(spread.dates(place, list(distinct), f"The column {ours!r} of {where}"),
                                        dtype=object)[codes] for place in range(size)])
    made = {name: pd.Series(np.tile(column.to_numpy(), size)) for name, column in columns.items()
            if name not in (*spread.columns, ours)}
    made[ours] = pd.Series(said, dtype=object)
    made[demand] = pd.concat([columns[name] for name in spread.columns], ignore_index=True)
    is_blank = made[demand].isna().to_numpy() | (made[demand].astype(str).str.strip() == "").to_numpy()
    is_none = is_blank & np.array([isinstance(text, str) and is_no_such_week(text) for text in said], dtype=bool)
    if spread.is_sparse:
        is_none |= is_blank & np.tile((~is_blank.reshape(size, -1)).any(axis=0), size)
    return {name: column[~is_none].reset_index(drop=True) for name, column in made.items()} if is_none.any() else made


_NO_SUCH_WEEK = "(no such week)"


def _coded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    whole = coded.unify_dictionaries().combine_chunks()
    return whole if isinstance(whole, pa.DictionaryArray) else pa.DictionaryArray.from_arrays(
        pa.array([], pa.int32()), pa.array([], pa.string())) if not whole.num_chunks else whole.chunk(0)


def _is_blank(column: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    blank = pc.is_null(column, nan_is_null=True)
    if is_text(column.type) and not is_bytes(column.type):
        blank = pc.or_(blank, pc.equal(pc.utf8_trim_whitespace(column.cast(pa.string()).fill_null("")), ""))
    return np.asarray(blank.to_numpy(zero_copy_only=False), dtype=bool)


def _template(ours: str) -> str:
    return f"{{{ours}}}"


def _within(pattern: str, ours: str, name: str) -> str:
    """What stands in the place of ``{item}``, or of ``{region}``; the name where the pattern has none, empty where it
    does not fit."""
    before, mark, after = pattern.partition(_template(ours))
    if not mark:
        return name
    fits = name.startswith(before) and name.endswith(after) and len(name) > len(before) + len(after)
    return name[len(before):len(name) - len(after)].strip() if fits else ""


def _named_as(frequency: Frequency) -> str:
    return {"M": "Jan, Feb or 1, 2 or M01, M02", "Q": "Q1, Q2", "W": "W01, W02 or 1, 2"}[frequency]
