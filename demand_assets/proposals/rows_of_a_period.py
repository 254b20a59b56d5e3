"""What several rows of a period mean, what a missing one means, and which rows are totals over others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.periods import WEEKDAYS, WORDS, Frequency, ordinals, weekdays
from demand_assets.forecasting.contract.source import Catalogue
from demand_assets.proposals.column_facts import Column, Facts
from demand_assets.proposals.column_names import called
from demand_assets.proposals.column_roles import Roles
from demand_assets.proposals.different_measures import different_measures
from demand_assets.proposals.periods import series_codes
from demand_assets.proposals.tables import CannotProposeError
from demand_assets.proposals.terminal_questions import Ask

_LONGEST_GAP = {"D": 62, "W": 10, "M": 4, "Q": 3}
"""Periods; what is longer is an end and a new beginning, or lies between the parts of a sample."""
_FEW = 0.005
_MANY = 0.25
_SMALL_UNITS = 10


@dataclass(frozen=True)
class Answer:
    """The value of an entry and why; empty where the entry is better left out, and then ``why`` says why."""

    value: str
    why: str


def several_rows(facts: Facts, roles: Roles, demand: npt.NDArray[np.float64], rows: int, refused: int, ask: Ask
                 ) -> Answer | None:
    """What several rows of a period mean; None where there are none that the product does not put together itself.

    Args:
        rows: that are identical to another, or contradict one, as the validation says.
        refused: of them, those that contradict another.
    """
    if not rows:
        return None
    keys = series_codes(roles.keys(facts), facts.rows)
    known = ~np.isnat(roles.days)
    frame = pd.DataFrame({"key": keys[known], "day": roles.days[known].astype(np.int64), "demand": demand[known],
                          "row": np.flatnonzero(known)})
    groups = frame.groupby(["key", "day"], sort=False)
    sizes = groups.size()
    several = frame[groups["row"].transform("size") > 1]
    share = len(several) / max(1, len(frame))
    differing = [column.name for column in facts.columns if column.name not in roles.used and not column.is_constant
                 and len(several) and pd.Series(column.codes[0][several["row"]]).groupby(
                     [several["key"].to_numpy(), several["day"].to_numpy()]).nunique().max() > 1]
    if not refused and len(sizes) and sizes.min() > 1 and sizes.nunique() == 1 and not differing:
        return Answer("", f"every row stands there {sizes.iloc[0]} times and counts once: the file was written more "
                          "than once, or rows.several_rows = 'sum' is right")
    _check_measures([facts.column(name) for name in differing])
    median = float(np.nanmedian(frame["demand"])) if len(frame) else 0.0
    is_small = median <= _SMALL_UNITS and bool((frame["demand"].dropna() % 1 == 0).all())
    if differing:
        default, why = "sum", (f"{rows:,} rows share their period with another and differ in "
                               f"{', '.join(map(repr, differing[:3]))}: lines that add up")
    elif share >= 0.02 or is_small:
        default, why = "sum", f"{rows:,} rows share their period with another: lines that add up"
    else:
        default, why = "", (f"{rows:,} rows share their period with another, which is rare here: identical ones count "
                            "once and others are refused; 'sum' if they add up, 'last' if they are corrections")
    chosen = ask(f"{rows:,} rows share their period with another. What do they mean?",
                 ["sum", "last", "mean", "refuse"], default)
    return Answer(chosen, why if chosen == default else "as answered")


def check_key_measures(facts: Facts, roles: Roles) -> None:
    """Nothing, where neither regions nor items that no name told are measures. Raises: CannotProposeError."""
    keys = (("region", roles.region), ("item", roles.item))
    _check_measures([facts.column(name) for kind, name in keys if name is not None and not called(name, kind)])


def _check_measures(columns: Sequence[Column]) -> None:
    for column in columns:
        if (found := different_measures(column)) is not None:
            raise CannotProposeError(f"the column {column.name!r} says what the number of a row is, as {found[0]!r} "
                                     f"and {found[1]!r}; keep the rows of demand only, or give each its own column")


def gaps(facts: Facts, roles: Roles, demand: npt.NDArray[np.float64], ask: Ask) -> Answer:
    """What a missing row means; with the reason also where the entry is left out."""
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
    elif share >= _MANY or (share >= 0.02 and np.median(units) <= _SMALL_UNITS):
        default, why = "zero", f"{rows}, and no row says 0: rows are written only where something was sold"
    else:
        default, why = "unknown", (f"{rows}; that is little, and {np.median(units):g} are sold in a usual {word[0]}: "
                                   "they are taken as not known; 'zero' if nothing was sold")
    chosen = ask(f"{rows}. Was nothing sold (zero), or is it not known (unknown)?", ["zero", "unknown"], default)
    return Answer(chosen, why if chosen == default else "as answered")


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


def totals(catalogue: Catalogue) -> dict[str, list[str]]:
    """The entries that leave out what the catalogue found to be totals over the others."""
    found: dict[str, list[str]] = {}
    for kind in ("region", "item"):
        names = sorted({getattr(one, kind) for one in catalogue.region_items})
        its = [name for name in names
               if any(notice.startswith(f"The {kind} {name!r} ") for notice in catalogue.notices)]
        if its and len(its) < len(names):
            found[f"leave_out_{kind}s"] = its
    return found
