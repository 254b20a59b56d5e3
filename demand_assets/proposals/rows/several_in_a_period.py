"""What several rows of a period mean, what a missing one means, and which rows are totals over others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.periods import WEEKDAYS, WORDS, Frequency, ordinals, period_dates, weekdays
from demand_assets.proposals.cannot_propose import CannotProposeError
from demand_assets.proposals.columns.facts import Column, Facts
from demand_assets.proposals.columns.found_roles import Roles
from demand_assets.proposals.columns.periods import series_codes
from demand_assets.proposals.rows.kinds_of_rows import different_measures
from demand_assets.proposals.rows.told_apart import (
    are_overlaps,
    are_parts_of_a_report,
    at_the_turn_of_the_year,
    is_in_order,
    shared_periods,
    version_of,
)
from demand_assets.proposals.terminal_questions import Ask
from demand_assets.sources.column_names import called

_LONGEST_GAP = {"D": 62, "W": 10, "M": 4, "Q": 3}
"""Periods; what is longer is an end and a new beginning, or lies between the parts of a sample."""
_FEW = 0.005
_MANY, _MOSTLY = 0.25, 0.5
_SMALL_UNITS = 10
_LINES = 2
"""Rows of a period on average, from which on they are lines of sales."""


@dataclass(frozen=True)
class Answer:
    """The value of an entry and why; empty where the entry is better left out, and then ``why`` says why."""

    value: str
    why: str


def several_rows(facts: Facts, roles: Roles, demand: npt.NDArray[np.float64], rows: int, refused: int, ask: Ask,
                 files: Column | None = None, is_spread: bool = False) -> Answer | None:
    """What several rows of a period mean; None where there are none that the product does not put together itself.

    Args:
        rows: that are identical to another, or contradict one, as the validation says.
        refused: of them, those that contradict another.
        files: the name of each row's file or sheet, where there are several.
        is_spread: whether a row of the source holds several demands, which are not all alike by chance.
    Raises: CannotProposeError: it cannot be told, and nobody is asked.
    """
    if not rows:
        return None
    shared = shared_periods(facts, roles, demand)
    differing, sizes = shared.differing, shared.sizes
    if not refused and len(sizes) and sizes.min() > 1 and sizes.nunique() == 1 and not differing:
        return Answer("", f"every row stands there {sizes.iloc[0]} times and counts once: the file was written more "
                          "than once, or rows.several_rows = 'sum' is right")
    if is_spread and not refused and not differing:
        return Answer("", f"{rows:,} values stand there more than once, the same in all columns of their rows: they "
                          "count once")
    _check_measures(differing)
    median = float(np.nanmedian(demand[~np.isnat(roles.days)])) if len(sizes) else 0.0
    is_small = median <= _SMALL_UNITS and bool((demand[np.isfinite(demand)] % 1 == 0).all())
    version = version_of(shared)
    if refused and roles.frequency == "W" and at_the_turn_of_the_year(shared):
        raise CannotProposeError(f"{rows:,} rows share their week with another, all at the turn of a year: "
                                 f"{_NO_ISO_YEAR}")
    if version is not None:
        if refused and not is_in_order(shared, version):
            raise CannotProposeError(f"{rows:,} rows share their period with another, and {version.name!r} says which "
                                     "is the newest; sort the rows by it, the newest last")
        default, why = "last", (f"{rows:,} rows share their period with another, and {version.name!r} says which is "
                                "the newest: the last one holds")
    elif refused and are_overlaps(shared, files):
        default, why = _of_overlaps(rows, shared.share)
    elif refused and are_parts_of_a_report(shared, facts.column(roles.date) if roles.date else None):
        default, why = "", _PARTS.format(rows=rows, usual=int(sizes.mode().iloc[0]))
        if not ask(why, _MEANINGS, ""):
            raise CannotProposeError(f"{why}; if each part has its region's or item's name above it, write the name "
                                     "in a column of its own, in every row")
    elif differing:
        names = ", ".join(repr(column.name) for column in differing[:3])
        default, why = "sum", f"{rows:,} rows share their period with another and differ in {names}: lines that add up"
    elif shared.share >= 0.02 or is_small:
        default, why = "sum", f"{rows:,} rows share their period with another: lines that add up"
    else:
        default, why = "", (f"{rows:,} rows share their period with another, which is rare here: identical ones count "
                            "once and others are refused; 'sum' if they add up, 'last' if they are corrections")
    chosen = ask(f"{rows:,} rows share their period with another. What do they mean?", _MEANINGS, default)
    return Answer(chosen, why if chosen == default else "as answered")


def _of_overlaps(rows: int, share: float) -> tuple[str, str]:
    """What rows mean that several files have with other values. Raises: CannotProposeError: most of them have."""
    told = f"{rows:,} rows share their period with one of another file, and say something else"
    if share >= _MANY:
        raise CannotProposeError(f"{told}, and no column tells them apart. Keep one file of each period, or write what "
                                 "each file holds, as a channel or a region, in a column of its own")
    return "", (f"{told}: they are refused; rules.several_rows = 'last' if later files correct those before, 'sum' if "
                "they add up")


_NO_ISO_YEAR = ("the year beside the week's number is not that of the ISO calendar, so weeks stand under wrong years; "
                "write the date of each week's first day")
_MEANINGS = ("sum", "last", "mean", "refuse")
_PARTS = ("{rows:,} rows share their period with another, nearly every period has {usual}, with other values, and no "
          "column tells them apart")


def check_key_measures(facts: Facts, roles: Roles) -> None:
    """Nothing, where neither regions nor items that no name told are measures. Raises: CannotProposeError."""
    keys = (("region", roles.region), ("item", roles.item))
    _check_measures([facts.column(name) for kind, name in keys if name is not None and not called(name, kind)])


def _check_measures(columns: Sequence[Column]) -> None:
    for column in columns:
        if (found := different_measures(column)) is not None:
            raise CannotProposeError(f"the column {column.name!r} says what the number of a row is, as {found[0]!r} "
                                     f"and {found[1]!r}; keep the rows of demand only, or give each its own column")


def gaps(facts: Facts, roles: Roles, demand: npt.NDArray[np.float64], ask: Ask, is_summed: bool = False) -> Answer:
    """What a missing row means; with the reason also where the entry is left out.

    Args:
        is_summed: whether several rows of a period add up.
    """
    known = ~np.isnat(roles.days) & np.isfinite(demand)
    days, units = roles.days[known], demand[known]
    frequency: Frequency = roles.frequency
    word = WORDS[frequency]
    if not len(days):
        return Answer("", "")
    weekday = int(np.bincount(weekdays(days), minlength=7).argmax())
    numbers = ordinals(days, frequency, weekday)
    frame = pd.DataFrame({"key": series_codes(roles.keys(facts), facts.rows)[known], "number": numbers}
                         ).drop_duplicates().sort_values(["key", "number"])
    steps = np.diff(frame["number"].to_numpy())
    steps = np.where(np.diff(frame["key"].to_numpy()) == 0, steps, 1)
    if frequency == "W" and "date" in roles.expressions and _begin_a_year_early(frame, steps, weekday):
        raise CannotProposeError("the first row of most region-items is of a week 1, and the next follows after more "
                                 f"than {_LONGEST_GAP[frequency]} weeks: {_NO_ISO_YEAR}")
    is_cut = bool((steps > _LONGEST_GAP[frequency]).any())
    steps = np.where(steps <= _LONGEST_GAP[frequency], steps, 1)
    missing, present = int((steps - 1).sum()), len(frame)
    share = missing / (missing + present)
    zeros = float((units == 0).mean())
    if not missing:
        longer = f", but for gaps of more than {_LONGEST_GAP[frequency]} {word[1]}" if len(frame) and is_cut else ""
        return Answer("", f"no {word[0]} is missing{longer}")
    rows = f"{missing:,} {word[missing != 1]} have no row ({share:.1%})"
    closed = _closed(frame, steps) if frequency == "D" else ()
    if zeros >= _FEW:
        default, why = "unknown", f"{rows}, and {zeros:.1%} of the rows say 0: what has no row is not known"
    elif closed:
        default, why = "zero", f"{rows}, nearly all of them {' and '.join(closed)}: closed, nothing was sold"
    elif is_summed and len(days) >= _LINES * present:
        default, why = "zero", (f"{rows}, and the others have {len(days) / present:.0f} on average: lines, one for "
                                "each sale")
    elif share >= _MANY or (share >= 0.02 and np.median(units) <= _SMALL_UNITS):
        default, why = "zero", f"{rows}, and no row says 0: rows are written only where something was sold"
    else:
        default, why = "unknown", (f"{rows}; that is little, and {np.median(units):g} are sold in a usual {word[0]}: "
                                   "they are taken as not known; 'zero' if nothing was sold")
    chosen = ask(f"{rows}. Was nothing sold (zero), or is it not known (unknown)?", ["zero", "unknown"], default)
    return Answer(chosen, why if chosen == default else "as answered")


def _begin_a_year_early(frame: pd.DataFrame, steps: npt.NDArray[np.int64], weekday: int) -> bool:
    """Whether most series begin with a week 1 alone, and have no other long gap: it is the end of a calendar year whose
    last days are of week 1 of the next.

    Args:
        steps: from each row of the frame to the next.
    """
    is_first = ~frame["key"].duplicated().to_numpy()
    of_first = period_dates(frame["number"].to_numpy()[is_first], "W", weekday)
    is_week_one = pd.DatetimeIndex(of_first).isocalendar()["week"].to_numpy() == 1
    is_long = np.append(steps > _LONGEST_GAP["W"], False)
    alone = int((is_long[is_first] & is_week_one).sum())
    return bool(alone > _MOSTLY * is_first.sum() and alone == is_long.sum())


def _closed(frame: pd.DataFrame, steps: npt.NDArray[np.int64]) -> tuple[str, ...]:
    """The weekdays that nearly all missing days are, and on which hardly a row is."""
    numbers = frame["number"].to_numpy()
    absent = np.concatenate([np.zeros(0, dtype=np.int64), *(
        np.arange(numbers[place] + 1, numbers[place] + steps[place]) for place in np.flatnonzero(steps > 1)[:20_000])])
    of_absent = np.bincount(weekdays(absent.astype("datetime64[D]")), minlength=7)
    of_present = np.bincount(weekdays(numbers.astype("datetime64[D]")), minlength=7)
    closed = [day for day in range(7) if of_present[day] < 0.02 * of_present.max()]
    if not closed or len(closed) > 4 or of_absent[closed].sum() < 0.8 * len(absent):
        return ()
    return tuple(f"{WEEKDAYS[day]}s" for day in closed)
