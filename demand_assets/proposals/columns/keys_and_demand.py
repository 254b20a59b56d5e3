"""Which columns are the region, the item and the demand, by names and by what stands in them."""

import re
from collections.abc import Sequence

import numpy as np

from demand_assets.proposals.cannot_propose import CannotProposeError
from demand_assets.proposals.columns.facts import Column, Facts
from demand_assets.proposals.columns.found_roles import Roles
from demand_assets.proposals.columns.periods import (
    series_codes,
)
from demand_assets.proposals.terminal_questions import Ask
from demand_assets.sources.column_names import called, plain, quoted, spaced
from demand_assets.sources.file_formats.workbooks import UNSTORED

_FEW_VALUES = 0.2
"""Distinct values of a key column for each row, at most."""
_MOST_OTHERS = 12
_SURE = 3
_WEAK_DEMAND = {"movement": 2.5, "move": 2.5, "y": 2.5, "target": 2.5, "order": 1.0, "orders": 1.0, "ordered": 1.0}
"""What demand may be called where no other column is called so more clearly, and by how much it is less clear."""
_OF_THINGS = frozenset(["type", "typ", "art", "code", "id", "key", "kind", "class", "status", "reason", "document",
                        "doc", "org", "organization", "organisation", "office", "rep", "person", "district", "manager",
                        "channel", "no", "nr", "number", "nummer", "num", "indicator"])
"""In names such as movement type and sales document, whose numbers count nothing."""
_MOSTLY_NUMBERS = 0.5
_MOSTLY_KNOWN = 0.9


def choose_keys(roles: Roles, columns: Sequence[Column], facts: Facts) -> None:
    """Choose region and item by their names."""
    usable = [column for column in columns if column.name not in roles.used and _can_be_key(column, facts.rows)]
    for role, kinds in (("item", ("item", "weak item")), ("region", ("region",))):
        ranked = [(column.says(kind) - (2 if kind == "weak item" else 0), column)
                  for kind in kinds for column in usable
                  if column.name not in roles.used and column.says(kind) and not _is_driver_by_name(column, kind)]
        ranked = [(score, column) for score, column in ranked if score >= 1 and not (
            column.says("demand") == 3 and column.is_number and not column.is_constant and role != "region")]
        if not ranked:
            continue
        exact = {"item": "item", "region": "region"}[role]
        best = max(ranked, key=lambda pair: (pair[1].name.strip().lower() == exact, pair[0],
                                             _is_id(pair[1]), len(pair[1].distinct)))[1]
        setattr(roles, role, best.name)
        roles.used.add(best.name)
        also = [column.name for score, column in ranked if column is not best]
        roles.reasons[role] = f"called so; {_count(best)}" + (
            f"; so could {', '.join(map(repr, also[:4]))} be" if also else "")


def _can_be_key(column: Column, rows: int) -> bool:
    is_called_so = column.says("region") == 3 or column.says("item") == 3
    if not column.distinct or (not is_called_so and (column.is_yes_no or (column.is_number and not column.is_whole))):
        return False
    return len(column.distinct) <= max(3, rows * (0.5 if rows < 100 else _FEW_VALUES)) or (
        len(column.distinct) < rows and not column.is_number)


def _is_driver_by_name(column: Column, kind: str) -> bool:
    own = column.says(kind)
    return any(column.says(other) > own or (column.says(other) == own == 2 and column.is_yes_no)
               for other in ("price", "cost", "promo", "holiday", "weather", "open", "stock")) or (
        column.says("holiday") == 3)


def _is_id(column: Column) -> bool:
    return called(column.name, "item") == 3 or called(column.name, "region") == 3


def _count(column: Column) -> str:
    count = len(column.distinct)
    return f"{count} value{'s' if count != 1 else ''}, as {column.example()!r}"


def choose_demand(roles: Roles, columns: Sequence[Column], ask: Ask, facts: Facts) -> None:
    """Choose the demand. Raises: CannotProposeError: there is none."""
    numeric = [column for column in columns if column.name not in roles.used and column.is_number]
    logarithms = [column for column in numeric if column.name.lower().startswith(("log", "ln"))
                  and called(column.name.lower().removeprefix("log").removeprefix("ln").strip("_ "), "demand")]

    def score(column: Column) -> tuple[float, ...]:
        named = column.says("demand") * 2.0
        if column.name.strip().lower() == "demand":
            named += 4
        elif plain(column.name) in _WEAK_DEMAND:
            named -= _WEAK_DEMAND[plain(column.name)]
        elif column.says("demand") < _SURE and _numbers_things(column.name):
            named = 0.0
        if column.says("money") and column.says("money") >= column.says("demand"):
            named = column.says("money") * 0.5
        if column.has_currency:
            named = min(named, 0.25)
        for other in ("price", "cost", "promo", "holiday", "stock", "afterwards", "calendar", "weather", "open"):
            if column.says(other) > column.says("demand") or (column.says(other) == column.says("demand") == 3 and (
                    other in ("price", "cost", "stock"))):
                named = -1.0
        if column.name in {each.name for each in logarithms}:
            named = 1.5
        return (named, not column.is_constant, not column.is_yes_no, column.is_whole, -facts.columns.index(column))

    ranked = sorted(numeric, key=score, reverse=True)
    best = [column for column in ranked if score(column)[0] > 0]
    if not best:
        keys = {column.name for column in facts.columns if column.says("item") == 3 or column.says("region") == 3}
        best = [column for column in ranked if score(column)[0] == 0 and column.name not in keys
                and not column.is_yes_no and not _looks_like_id(column)]
        if len(best) > 1:
            names = [column.name for column in facts.columns if column in best]
            default = "" if roles.item is None or roles.region is None else best[-1].name
            chosen = ask("Which column is the demand (units)?", names, default)
            if not chosen:
                raise CannotProposeError(
                    f"the columns {', '.join(map(repr, names[:6]))} hold numbers, and none is called what demand is; "
                    "if each is that of an item or a region, write a row for each of them, with its name in a column "
                    "of its own; else call the demand 'demand'")
            best = [next(column for column in best if column.name == chosen)]
            roles.notes.append(f"which column is demand could not be told by its name: {best[0].name!r} was taken")
        why = "no other column of numbers is left"
    else:
        top = [column for column in best if score(column)[0] == score(best[0])[0]]
        if repeated := [column.name for column in top if re.search(r" \(\d+\)$", column.name)]:
            raise CannotProposeError(f"the columns {' and '.join(map(repr, repeated[:2]))} have one name: two tables "
                                     "stand side by side, or a column stands there twice; keep one of them")
        if len(top) > 1:
            chosen = ask("Which column is the demand (units)?", [column.name for column in top], top[0].name)
            best = [next(column for column in top if column.name == chosen)]
        why = f"called so; numbers, as {best[0].example()!r}"
        also = [column.name for column in ranked if column is not best[0] and score(column)[0] > 0]
        if also:
            why += f"; so could {', '.join(map(repr, also[:4]))} be"
    if not best:
        _no_demand(columns, roles)
    column = best[0]
    roles.used.add(column.name)
    if column in logarithms and called(column.name, "demand") != 3:
        roles.expressions["demand"] = f"exp({quoted(column.name)})"
        roles.reasons["expression demand"] = f"{column.name!r} is called a logarithm"
        return
    roles.demand = column.name
    roles.reasons["demand"] = why
    if column.has_currency or (column.says("money") and column.says("money") >= column.says("demand")):
        roles.notes.append(f"{column.name!r} looks like money: forecasts are then of money, not of units")


def _numbers_things(name: str) -> bool:
    """Whether a name with a word for demand in it is that of numbers which stand for things, as in order number."""
    words = [word for word in re.split(r"[\W_\d]+", spaced(name)) if word]
    return bool(words) and plain(words[-1]) in _OF_THINGS


def _looks_like_id(column: Column) -> bool:
    numbers = column.numbers[np.isfinite(column.numbers)]
    return column.is_whole and len(numbers) > 2 and len(column.distinct) == len(numbers) and bool(
        (np.diff(numbers) == 1).all())


def _no_demand(columns: Sequence[Column], roles: Roles) -> None:
    left = [column for column in columns if column.name not in roles.used]
    named = next((column for column in left if column.says("demand") >= 2), None)
    if named is not None:
        wrong = next((value for number, value in zip(np.isnan(named._of_distinct[0]), named.distinct, strict=True)
                      if number), named.example())
        cure = ("nothing of it can be read" if str(wrong).endswith(UNSTORED) else
                f"numbers stand in {named._of_distinct[1]:.0%} of its rows: leave the others empty if nothing is "
                "known of them" if named._of_distinct[1] > _MOSTLY_NUMBERS else
                "write numbers alone there, without units, currency or letters"
                if any(map(str.isdigit, str(wrong))) else "a column with the units of each period is missing")
        raise CannotProposeError(f"the column {named.name!r} should be the demand and holds what is no number, as "
                                 f"{wrong!r}; {cure}")
    raise CannotProposeError("no column of numbers is left that could be the demand (units in each period); the "
                             f"columns are {', '.join(repr(column.name) for column in columns[:12])}")


def fill_keys(roles: Roles, columns: Sequence[Column], facts: Facts) -> None:
    """Choose by content what no name told: text that repeats, where several rows stand for one date."""
    if roles.item is not None and roles.region is not None:
        return
    left = [column for column in columns if column.name not in roles.used and not column.is_yes_no
            and _can_be_key(column, facts.rows) and not column.is_constant and column.known_share > _MOSTLY_KNOWN
            and not any(column.says(kind) for kind in ("calendar", "holiday", "promo", "price", "cost", "weather",
                                                       "open", "afterwards", "stock", "date"))]
    for column in sorted(left, key=lambda column: (column.is_number, -len(column.distinct)))[:_MOST_OTHERS]:
        role = "item" if roles.item is None else "region"
        if getattr(roles, role) is not None:
            return
        if roles.date is None or (column.is_number and len(column.distinct) > facts.rows / 8):
            continue
        before = _several(roles, facts, [])
        after = _several(roles, facts, [column])
        if before > 0.05 and after < before * 0.7:
            setattr(roles, role, column.name)
            roles.used.add(column.name)
            roles.reasons[role] = (f"no column is called so, but with it {after:.0%} of the rows share their date with "
                                   f"another, and {before:.0%} without; {_count(column)}")


def _several(roles: Roles, facts: Facts, more: Sequence[Column]) -> float:
    """The share of rows that are not the first of their series and date."""
    assert roles.date is not None
    codes = series_codes([facts.column(roles.date), *roles.keys(facts), *more], facts.rows)
    return 1 - len(np.unique(codes)) / max(1, facts.rows)
