"""Two versions of the plan beside each other, or one beside today's, over the periods that both have."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from demand_assets.forecasting.contract.periods import Dates
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.series.gapped import Floats
from webapp.published_plans.plan_tables import lines_of_today, parts_of
from webapp.tables import PublishedPlan

MOST_SHOWN = 50
"""Differences of a kind on a page; a file has all."""


@dataclass(frozen=True)
class Difference:
    """Units of both versions; one that does not hold it has 0."""

    name: str
    """Of a region, an item or a period; the key of a region-item."""
    before: float
    after: float
    only_in: str = ""
    """``before`` or ``after`` where the other version does not hold the region-item; else empty."""

    @property
    def difference(self) -> float:
        """After minus before."""
        return self.after - self.before

    @property
    def relative(self) -> float | None:
        """Over the version before; None where that is 0."""
        return self.difference / self.before if self.before else None


@dataclass(frozen=True)
class Comparison:
    """What differs between two versions."""

    total: Difference
    first: date
    last: date
    by_date: Sequence[Difference]
    by_region: Sequence[Difference]
    """The largest differences first, as all that follow."""
    by_item: Sequence[Difference]
    by_region_item: Sequence[Difference]

    @property
    def changed(self) -> int:
        """Region-items that differ."""
        return sum(each.difference != 0 for each in self.by_region_item)


@dataclass(frozen=True)
class _Units:
    """A version's units: little for each region-item, so that many fit into memory."""

    keys: list[str]
    place: Dates
    """Of each value: the region-item's place in ``keys``."""
    dates: Dates
    values: Floats

    def within(self, first: np.datetime64, last: np.datetime64) -> "_Units":
        """Only of these periods."""
        is_in = (self.dates >= first) & (self.dates <= last)
        return _Units(self.keys, self.place[is_in], self.dates[is_in], self.values[is_in])

    def by_key(self) -> dict[str, float]:
        """Key -> units."""
        sums = np.bincount(self.place.astype(int), self.values, len(self.keys))
        return dict(zip(self.keys, sums.tolist(), strict=True))

    def by_date(self) -> dict[str, float]:
        """Period -> units."""
        dates, place = np.unique(self.dates, return_inverse=True)
        return {str(at): units for at, units in zip(dates, np.bincount(place, self.values), strict=True)}


def compare(before: PublishedPlan, after: PublishedPlan | None) -> Comparison | None:
    """What differs between two versions; None where they have no period in common.

    Args:
        after: today's plan where it is None.
    """
    units = [_units_of(before), _units_of(after) if after else _units_today()]
    if any(not len(each.dates) for each in units):
        return None
    first, last = max(each.dates.min() for each in units), min(each.dates.max() for each in units)
    if first > last:
        return None
    ours, theirs = (each.within(first, last) for each in units)
    mine, other = ours.by_key(), theirs.by_key()
    pairs = [Difference(key, mine.get(key, 0.0), other.get(key, 0.0), _only_in(key in mine, key in other))
             for key in {**mine, **other}]
    on, their_on = ours.by_date(), theirs.by_date()
    return Comparison(
        total=Difference("", sum(mine.values()), sum(other.values())), first=first.item(), last=last.item(),
        by_date=[Difference(at, on.get(at, 0.0), their_on.get(at, 0.0)) for at in sorted({**on, **their_on})],
        by_region=_summed(pairs, "region"), by_item=_summed(pairs, "item"), by_region_item=_largest_first(pairs))


def _units_of(plan: PublishedPlan) -> _Units:
    tables = (part.table for part in parts_of(plan.id, ("key", "date", "forecast")))
    return _gathered((_names(table["key"]), table["date"].to_numpy().astype("datetime64[D]"),
                      table["forecast"].to_numpy()) for table in tables)


def _units_today() -> _Units:
    return _gathered(([line.key] * len(line.model.dates), line.model.dates.astype("datetime64[D]"),
                      line.final.forecast) for lines in lines_of_today() for line in lines)


def _names(column: pa.ChunkedArray) -> list[str]:
    found: list[str] = column.to_pylist()
    return found


def _gathered(pieces: Iterator[tuple[list[str], Dates, Floats]]) -> _Units:
    known: dict[str, int] = {}
    places, dates, values = [], [], []
    for keys, at, units in pieces:
        places.append(np.array([known.setdefault(key, len(known)) for key in keys], dtype=np.int64))
        dates.append(at)
        values.append(units)
    if not places:
        return _Units([], np.array([]), np.array([], dtype="datetime64[D]"), np.array([]))
    return _Units(list(known), np.concatenate(places), np.concatenate(dates), np.concatenate(values))


def _only_in(is_before: bool, is_after: bool) -> str:
    return "" if is_before and is_after else "before" if is_before else "after"


def _summed(pairs: Sequence[Difference], axis: str) -> list[Difference]:
    sums: dict[str, list[float]] = {}
    for each in pairs:
        of = sums.setdefault(getattr(RegionItem.from_key(each.name), axis), [0.0, 0.0])
        of[0] += each.before
        of[1] += each.after
    return _largest_first([Difference(name, one, other) for name, (one, other) in sums.items()])


def _largest_first(found: Sequence[Difference]) -> list[Difference]:
    return sorted(found, key=lambda each: (-abs(each.difference), each.name))
