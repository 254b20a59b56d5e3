"""Regions and items that are the sum of some others, whatever they are called: EMEA beside its countries."""

import zlib
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from demand_assets.forecasting.contract.periods import Dates
from demand_assets.sources.doubts.totals import COUNTS_TWICE

Sums = npt.NDArray[np.float64]

_DAYS, _GROUPS = 16, 8
"""Into so many sums the demand of a name is split, by its days and by the names of the other kind."""
MOST_NAMES = 100
"""Of regions, or of items; among more none is looked for."""
_LEAST_SUMS = 8
"""Other than zero; so many are the sums of others by no chance."""
_EXACTLY = 1e-9
_WHOLE = 1e-6
_SHOWN = 4


class SplitSums:
    """The demand of each region or of each item, split into many sums, of which a total has those of its parts."""

    def __init__(self) -> None:
        self._sums: dict[str, Sums] = {}

    def add(self, names: Sequence[str], others: Sequence[str], sums: Sums) -> None:
        """Take note of demand.

        Args:
            names: a name for each row of ``sums``; several rows may have the same.
            others: the name of the other kind.
            sums: demand by days, as ``by_days`` gives it.
        """
        for name, other, by_day in zip(names, others, sums, strict=True):
            if len(self._sums) > MOST_NAMES:
                return
            of_name = self._sums.setdefault(name, np.zeros((_GROUPS, _DAYS)))
            of_name[zlib.crc32(other.encode()) % _GROUPS] += by_day

    def rename(self, same: Mapping[str, str]) -> None:
        """Take names for others."""
        for name, one in same.items():
            if (sums := self._sums.pop(name, None)) is not None:
                self._sums[one] = self._sums[one] + sums if one in self._sums else sums

    def without(self, names: Collection[str]) -> dict[str, Sums]:
        """The sums of each other name; nothing of too many."""
        return {} if len(self._sums) > MOST_NAMES else {
            name: sums.ravel() for name, sums in self._sums.items() if name not in names}


def by_days(codes: npt.NDArray[np.int64], count: int, days: Dates, demand: Sums) -> Sums:
    """The demand of each of so many codes, split by its days: shape (count, 16).

    Args:
        days: NaT where unknown, as NaN in ``demand`` says.
    """
    is_known = np.isfinite(demand) & ~np.isnat(days)
    place = codes * _DAYS + days.astype(np.int64) % _DAYS
    if not is_known.all():
        place, demand = place[is_known], demand[is_known]
    return np.bincount(place, demand, minlength=count * _DAYS).reshape(count, _DAYS)


def aggregates_among(sums: Mapping[str, Sums]) -> dict[str, list[str]]:
    """The names whose sums are all those of some others together -> these."""
    found: dict[str, list[str]] = {}
    parts: list[str] = []
    for name in sorted(sums, key=lambda one: (sums[one].sum(), one)):
        of = _parts_of(sums[name], {part: sums[part] for part in parts})
        if of:
            found[name] = of
        else:
            parts.append(name)
    return found


def _parts_of(whole: Sums, parts: Mapping[str, Sums]) -> list[str]:
    """Those of the names that make up the whole together; none where they do not."""
    allowed = _EXACTLY * max(1.0, float(np.abs(whole).max(initial=0.0)))
    within = [name for name, sums in parts.items() if sums.any() and (sums <= whole + allowed).all()]
    if len(within) < 2 or np.count_nonzero(whole) < _LEAST_SUMS or (whole < 0).any():
        return []
    matrix = np.column_stack([parts[name] for name in within])
    shares = np.linalg.lstsq(matrix, whole)[0]
    taken = shares > 1 / 2
    if taken.sum() < 2 or (np.abs(shares - taken) > _WHOLE).any():
        return []
    return sorted(name for name, is_taken in zip(within, taken, strict=True) if is_taken) if (
        np.abs(matrix[:, taken].sum(axis=1) - whole) <= allowed).all() else []


def told(kind: str, name: str, parts: Sequence[str]) -> str:
    """Words for a region or an item that is the sum of others."""
    shown = ", ".join(map(repr, parts[:_SHOWN])) + (f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else "")
    return (f"The {kind} {name!r} is the sum of {len(parts)} others ({shown}), {COUNTS_TWICE}. "
            f"Set rules.leave_out_{kind}s = [{name!r}] in the dataset file to leave it out.")
