"""Columns of which each is a year, with the demand of the month, the quarter or the week that stands in the row."""

import re
from collections.abc import Sequence

import pandas as pd

from demand_assets.forecasting.contract.periods import WORDS, Frequency
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.proposals.cannot_propose import CannotProposeError, one_line
from demand_assets.proposals.columns.date_columns import may_be_dates
from demand_assets.proposals.columns.facts import Column, Facts
from demand_assets.proposals.draft import Entry
from demand_assets.proposals.layouts.reshaped import Reshaped
from demand_assets.sources.column_names import called, free_name
from demand_assets.sources.file_formats.spread_columns import Spread, period_numbers

_YEAR = re.compile(r"(?:19|20|21)\d\d", re.ASCII)
_FEWEST, _NEARLY_ALL = 2, 0.9
_SURE = 3
_KINDS: dict[Frequency, str] = {"M": "month", "Q": "calendar", "W": "week"}
"""What a column is called that holds numbers of such periods."""


def of_year_names(facts: Facts) -> Reshaped | None:
    """The table with a row for each demand, where its columns are years of the row's period; None where they are not.

    Raises: CannotProposeError: they are years, and which period of them a row is of is not certain.
    """
    names = [column.name for column in facts.columns]
    years = [name for name in names if _YEAR.fullmatch(name.strip()) and facts.column(name).is_number]
    if len(years) < _FEWEST or sorted(map(int, years)) != list(range(int(min(years)), int(max(years)) + 1)):
        return None
    others = [column for column in facts.columns if column.name not in years]
    found = [(column, frequency) for frequency in _KINDS for column in others if _holds(column, frequency)]
    if not found:
        if any(may_be_dates(column) for column in others):
            return None
        raise CannotProposeError(f"the columns {years[0]!r} to {years[-1]!r} are years, and no column says the month, "
                                 "the quarter or the week of each row; demand by year is not forecast")
    period, frequency = found[0]
    spread = Spread(tuple(years), "date", tuple(years), frequency, are_years=True)
    try:
        said = [spread.dates(place, period.distinct, f"the column {period.name!r}") for place in range(len(years))]
    except SourceError as error:
        why = one_line(error).partition(" Set source.fiscal_year")[0]
        raise CannotProposeError(f"{why} Sort the rows from January on if these are years of the calendar, or write "
                                 "the dataset file by hand with source.layout = 'years' and source.fiscal_year"
                                 ) from error

    def beside(place: int) -> "pd.Series[object]":
        texts = pd.Series([*said[place], None], dtype=object)
        return texts.iloc[period.codes[0]].reset_index(drop=True)

    demand, word = free_name("demand", names), WORDS[frequency][0]
    columns: dict[str, Entry] = {"date": (period.name, f"the {word} of each row, as {period.example()!r}")}
    if demand != "demand":
        columns["demand"] = (demand, "no column is called so, as it stands in those of the years")
    notes = ("weeks are taken for those of the ISO calendar, which begin on Mondays: look whether the source counts so",
             ) if frequency == "W" else ()
    beyond = _others(others, period)
    return Reshaped(
        facts, tuple(years), "date", period.name, beside, demand,
        {"layout": ("years", f"a row for each {word} in {period.name!r}, and {len(years)} columns that are years, "
                             f"{years[0]!r} to {years[-1]!r}")}, columns, tuple(beyond), notes,
        tuple((name, "it holds a number of several years together") for name in beyond))


def _holds(column: Column, frequency: Frequency) -> bool:
    """Whether nearly all values are such periods of a year, and say so, or the column is called so."""
    known = [value.strip().removesuffix(".0") for value in column.distinct if value.strip()]
    numbers = period_numbers(known, frequency)
    if len(known) < _FEWEST or len(numbers) < _NEARLY_ALL * len(known):
        return False
    is_bare = any(name.isdigit() for name in numbers)
    return called(column.name, _KINDS[frequency]) >= 2 if is_bare else True


def _others(columns: Sequence[Column], period: Column) -> list[str]:
    """Sums and the like, which stand beside the years."""
    return [column.name for column in columns if column is not period and column.is_number and not any(
        called(column.name, kind) == _SURE for kind in ("item", "region", "price", "cost"))]
