"""Columns of which each is an item, or a region, with its demand in it."""

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from demand_assets.proposals.cannot_propose import CannotProposeError
from demand_assets.proposals.columns.date_columns import may_be_dates
from demand_assets.proposals.columns.facts import Column, Facts
from demand_assets.proposals.layouts.reshaped import Reshaped, is_of_a_key
from demand_assets.proposals.terminal_questions import Ask
from demand_assets.sources.column_names import called, free_name, plain

_KINDS = ("demand", "money", "afterwards", "stock", "price", "cost", "promo", "holiday", "open", "closed", "weather",
          "calendar", "date")
"""What columns of numbers may hold beside demand; their names say so."""
_TO_DECLARE = ("price", "cost", "promo", "holiday", "open", "closed", "weather")
_MEASURE_WORDS = """gross net returned return refunded cancelled ordered shipped delivered received opening
 closing planned actual budget forecast brutto netto retour plan ist brut bruto neto lordo"""
_MEASURES = frozenset(_MEASURE_WORDS.split())
"""What tells apart columns that count one thing in several ways: gross_qty, return_qty, net_qty."""
_APART = re.compile(r"[\s_\-./:]+")
_NUMBERED = re.compile(r" \(\d+\)$")
"""The end of the names of columns that have one name."""
_SPREADSHEET_DAYS = (32_000, 60_000)
_SHOWN = 4
_FEW_NAMES = 3
"""Columns, of which one that begins with a word for demand is the demand rather than one of these items."""
_SURE = 3


def of_names(facts: Facts, ask: Ask) -> Reshaped | None:
    """The table with a row for each demand, where its columns of numbers are items or regions; None where they are not.

    Raises: CannotProposeError: they may be, and other columns of numbers stand beside them.
    """
    dates = [column for column in facts.columns if may_be_dates(column) or _counts_days(column)]
    dates = dates or _parts_of_dates(facts)
    if not dates:
        return None
    keys = [column for column in facts.columns if column not in dates and (
        not column.is_number or called(column.name, "item") == _SURE or called(column.name, "region") == _SURE)]
    has = {kind: any(called(column.name, kind) == _SURE for column in keys) for kind in ("item", "region")}
    numbers = [column for column in facts.columns if column.is_number and column not in (*dates, *keys)]
    is_twice = any(_NUMBERED.search(column.name) for column in numbers)
    if (has["item"] and has["region"]) or len(numbers) < 2 or is_twice:
        return None
    ours: Literal["item", "region"] = "region" if has["item"] else "item"
    before, names, after = _called_alike(numbers)
    if names:
        return _made(facts, ours, names, f"{before}{{{ours}}}{after}", numbers, ask)
    plain = [column for column in numbers if not _kind(column) and not _counts_rows(column)
             and not is_of_a_key(column, keys)]
    plain = [column for column in plain if not _belongs(column, plain)]
    is_quantity = len(plain) <= _FEW_NAMES and any(_begins_with_demand(column.name) for column in plain)
    if len(plain) < 2 or is_quantity or any(_kind(column) == "demand" for column in numbers):
        return None
    others = [column for column in numbers if column not in plain and not _belongs(column, plain)
              and _kind(column) in _TO_DECLARE]
    if others:
        _say_what_is_missing(plain, others, ours, ask)
    return _made(facts, ours, [column.name for column in plain], "", numbers, ask)


def _made(facts: Facts, ours: Literal["item", "region"], names: Sequence[str], pattern: str,
          numbers: Sequence[Column], ask: Ask) -> Reshaped | None:
    shown = f"{', '.join(map(repr, names[:_SHOWN]))}{' …' if len(names) > _SHOWN else ''}"
    answer = ask(f"The columns {shown} hold numbers. What are their names?", [f"{ours}s", "neither"], f"{ours}s")
    if answer != f"{ours}s":
        return None
    before, _, after = pattern.partition(f"{{{ours}}}")
    said = [name[len(before):len(name) - len(after)].strip() if pattern else name for name in names]
    there = [column.name for column in facts.columns]
    column, demand = free_name(ours, there), free_name("demand", there)
    columns = {} if column == ours else {ours: (column, "no column is called so, as they are the columns")}
    why = f"{len(names)} columns hold numbers and are called {shown}"
    if pattern:
        columns["demand"] = (pattern, f"how the columns with the demand of each {ours} are called")
    elif demand != "demand":
        columns["demand"] = (demand, "no column is called so, as it stands in several")
    note = (f"each of {len(names)} columns, {shown}, is taken for the demand of one {ours}: their names are called "
            "nothing else that is known")
    others = tuple(each.name for each in numbers if each.name not in names and (
        _counts_rows(each) or _kind(each) not in (*_TO_DECLARE, "") or (pattern and (
            not _kind(each) or any(name and name in each.name for name in said)))))
    left = tuple((name, f"it holds another measure, or counts rows or days; not taken for the demand of one {ours}")
                 for name in others)
    return Reshaped(
        facts, tuple(names), ours, column, lambda place: pd.Series([said[place]] * facts.rows, dtype=object), demand,
        {"layout": (f"{ours}s", f"{why}: a column for each {ours}")}, columns, others, () if pattern else (note,), left,
        not pattern)


def _say_what_is_missing(plain: Sequence[Column], others: Sequence[Column], ours: str, ask: Ask) -> None:
    """Ask whether columns beside others are items. Raises: CannotProposeError: nobody says so."""
    first, names = plain[0].name, ", ".join(repr(column.name) for column in plain[:_SHOWN])
    beside = ", ".join(repr(column.name) for column in others[:_SHOWN])
    if ask(f"Is each of {names} the demand of one {ours}, and {beside} no {ours}?", ["yes", "no"], "") != "yes":
        raise CannotProposeError(
            f"the columns {names} may each be the demand of one {ours}, beside {beside}; that they are is missing: "
            f"call them {first + ' units'!r} and so on if they are, and else the one that is the demand 'demand'")


def _called_alike(numbers: Sequence[Column]) -> tuple[str, list[str], str]:
    """What stands before and after the names of items in those of columns, as in ``tea sold`` and ``jug sold``; and
    these columns. None where fewer than two are called so."""
    found: dict[tuple[str, str], list[str]] = {}
    for column in numbers:
        words = _APART.split(column.name)
        if len(words) < 2:
            continue
        first, last = words[0], words[-1]
        inner = column.name[len(first):], column.name[:len(column.name) - len(last)]
        marks = _APART.match(inner[0]), re.search(rf"{_APART.pattern}$", inner[1])
        if called(last, "demand") == _SURE and marks[1]:
            found.setdefault(("", marks[1][0] + last), []).append(column.name)
        if called(first, "demand") == _SURE and marks[0]:
            found.setdefault((first + marks[0][0], ""), []).append(column.name)
    for (before, after), names in sorted(found.items(), key=lambda pair: -len(pair[1])):
        bare = [name[len(before):len(name) - len(after)] for name in names]
        if len(names) > 1 and not any(_is_measure(name) for name in bare):
            return before, names, after
    return "", [], ""


def _is_measure(name: str) -> bool:
    """Whether what is left of a column's name says what was counted, or where, as ``returned`` of units_returned."""
    return plain(name) in _MEASURES or any(called(name, kind) == _SURE for kind in (
        *_KINDS, "region", "item", "weak item"))


def _kind(column: Column) -> str:
    """What a column's name says that it holds, by its last word, or by all of it; empty where it says nothing."""
    words = [word for word in _APART.split(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column.name)) if word]
    last = re.sub(r"\d+$", "", words[-1]) if words else ""
    return next((kind for kind in _KINDS if called(column.name, kind) == _SURE
                 or (last and called(last, kind) == _SURE)), "")


def _begins_with_demand(name: str) -> bool:
    """Whether its first of several words is one for demand, as in "Qty in unit of entry"."""
    words = [word for word in _APART.split(name) if word]
    return len(words) > 1 and called(words[0], "demand") == _SURE


def _belongs(column: Column, others: Sequence[Column]) -> bool:
    """Whether its name is that of another column and a word, as ``tea price`` beside ``tea``."""
    parts = _APART.split(column.name)
    return any(other is not column and len(other.name) < len(column.name) and (
        column.name.startswith(other.name) or column.name.endswith(other.name))
        and set(_APART.split(other.name)) < set(parts) for other in others)


def _counts_days(column: Column) -> bool:
    """Whether it holds days as spreadsheets count them."""
    numbers = column.numbers[np.isfinite(column.numbers)]
    return column.says("date") >= 2 and column.is_whole and bool(len(numbers)) and bool(
        numbers.min() >= _SPREADSHEET_DAYS[0] and numbers.max() <= _SPREADSHEET_DAYS[1])


def _parts_of_dates(facts: Facts) -> list[Column]:
    """The columns of the year and of the month, the week or the day, where the date stands in several."""
    parts = {kind: [column for column in facts.columns if called(column.name, kind) >= 2 and column.is_whole]
             for kind in ("year", "month", "week", "day")}
    if not parts["year"] or not (parts["month"] or parts["week"]):
        return []
    return list({column.name: column for its in parts.values() for column in its}.values())


def _counts_rows(column: Column) -> bool:
    """Whether it numbers the rows, as an index does."""
    numbers = column.numbers[np.isfinite(column.numbers)]
    return column.is_whole and len(numbers) > 2 and bool((np.diff(numbers) == 1).all())
