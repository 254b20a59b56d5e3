"""What happened to each region-item, as it happens: written by the pipeline, read by the web app.

The journal is a folder of small JSON-lines files in the demand store, with a folder in it for each day. Each file is
written once and never changed; names sort in the order of writing, so a reader that remembers the last name it read
asks only for what is new, and lists the last days only.

What is too old is summed up: of each region-item the newest entry of each step is left, in files whose names sort right
after the last one that was removed. A reader that was there meanwhile never sees them; one that was away for longer, or
is new, reads the sum in their place, and knows by the name (``is_sum``) that the entries between are gone.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import uuid4

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.store.demand_store import DemandStore, NotInStoreError

Step = Literal["started", "validated", "quarantined", "trained", "promoted", "kept", "failed", "monitored",
               "expired"]
"""``started``: a run took it up. ``validated``: new demand is stored; ``quarantined``: the last good one is kept.
``trained``: a candidate is registered. ``promoted``, ``kept``: the gate's decision. ``failed``: an error, in words.
``monitored``: the production model was measured against demand that has since become known. ``expired``: versions of
its model were removed from the registry, as nothing stood on them any more."""

APART: frozenset[Step] = frozenset({"monitored", "expired"})
"""The steps that belong to no retrain."""
FINAL_STEPS = frozenset({"quarantined", "promoted", "kept", "failed"})
"""The steps after which a retrain of the region-item is over."""

_FOLDER = "journal"
_SUM = "-sum"
"""In names: sorts behind the eight hex digits of any file of the same moment."""
_SUMMED_TOGETHER = 5000
"""Entries in one file of a sum: readers hold the entries of some files in memory."""
_FORGOTTEN: frozenset[Step] = frozenset({"started", "expired"})
"""What no longer tells anything when it is old: that something began, and that versions went which nobody knows."""
_OVERLAP_SECONDS = 60
_DAY = len("20260101")
_DAYS_TO_GUESS = 7
"""A reader that is not further behind lists the days that there may be, and spares a look for those that there are."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One step of one region-item."""

    region_item: RegionItem
    step: Step
    request_id: str = ""
    """The retrain request that led to it; empty when nobody asked."""
    run_id: str = ""
    reason: str = ""
    """Why, in words a planner understands."""
    numbers: dict[str, Any] = field(default_factory=dict)
    """What was measured: metrics, versions, dates, counts."""
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))
    asked_by: str = ""
    """Who or what asked for the run, as its tag in Dagster says."""


class Journal:
    """The journal of one demand store."""

    def __init__(self, store: DemandStore) -> None:
        self._store = store

    def write(self, entries: Iterable[Entry]) -> None:
        """Add entries; they are visible to readers when this returns."""
        if content := _lines(entries):
            name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{uuid4().hex[:8]}.jsonl"
            self._store.write_bytes(_place(name), content)

    def files_after(self, name: str, already_read: frozenset[str] = frozenset()) -> list[str]:
        """Names of the files written since the named one, oldest first.

        Clocks of several writers differ, so files of the last minute before ``name`` are looked at again; those in
        ``already_read`` are left out.
        """
        start = _minute_before(name)
        return [entry for day in self._days(start) for entry in self._store.names(f"{_FOLDER}/{day}")
                if entry >= start and entry not in already_read]

    def read(self, name: str) -> Iterator[Entry]:
        """The entries of one file."""
        for line in self._store.read_bytes(_place(name)).decode().split("\n"):
            fields = json.loads(line)
            yield Entry(**{**fields, "region_item": RegionItem.from_key(fields["region_item"])})

    def expire(self, before: datetime) -> tuple[int, int]:
        """How many files written before a moment were removed, and the bytes that this freed.

        Of each region-item the newest entry of each step stays. The sum is written before anything is removed, and
        holds what is left of an expiry that was broken off, so that at any moment a reader finds each entry, or a newer
        one of its step.
        """
        limit = f"{before.astimezone(UTC):%Y%m%dT%H%M%S%f}"
        old = {day: {name: size for name, size in self._store.sizes(f"{_FOLDER}/{day}").items() if name < limit}
               for day in self._store.names(_FOLDER) if day <= limit[:_DAY]}
        names = sorted(name for found in old.values() for name in found)
        if not any(not is_sum(name) for name in names):
            return 0, 0
        newest: dict[tuple[RegionItem, Step], Entry] = {}
        for name in names:
            for entry in self._readable(name):
                place = entry.region_item, entry.step
                if entry.step not in _FORGOTTEN and (place not in newest or newest[place].at <= entry.at):
                    newest[place] = entry
        written = self._write_sum(names[-1], sorted(newest.values(), key=lambda entry: entry.at))
        removed = [name for name in names if name not in written]
        for day, found in old.items():
            self._store.remove_files(f"{_FOLDER}/{day}", [name for name in found if name not in written])
        freed = sum(size for found in old.values() for size in found.values()) - sum(written.values())
        return sum(not is_sum(name) for name in removed), max(freed, 0)

    def _write_sum(self, last: str, entries: Sequence[Entry]) -> dict[str, int]:
        """Name -> bytes of the files that hold the sum of all up to the last name."""
        written = {}
        stamp, again = last.split("-")[0], int(last.split(_SUM)[1][:4]) + 1 if is_sum(last) else 0
        for part, start in enumerate(range(0, len(entries), _SUMMED_TOGETHER)):
            name = f"{stamp}{_SUM}{again:04}-{part:04}.jsonl"  # never the name of one that is there
            content = _lines(entries[start:start + _SUMMED_TOGETHER])
            self._store.write_bytes(_place(name), content)
            written[name] = len(content)
        return written

    def _readable(self, name: str) -> list[Entry]:
        """The entries of one file; none where it cannot be read, which readers told when it was new."""
        try:
            return list(self.read(name))
        except (ValueError, TypeError, KeyError, NotInStoreError):
            return []

    def _days(self, start: str) -> Sequence[str]:
        """The days that may have files from that name on, in order."""
        today = datetime.now(UTC).date()
        first = datetime.strptime(start[:_DAY], "%Y%m%d").replace(tzinfo=UTC).date() if start else None
        if first is None or (today - first).days > _DAYS_TO_GUESS:
            return [day for day in self._store.names(_FOLDER) if day >= start[:_DAY]]
        # the day after today: a writer's clock may be ahead
        return [f"{first + timedelta(days=number):%Y%m%d}" for number in range((today - first).days + 2)]


def is_sum(name: str) -> bool:
    """Whether the file holds what is left of entries that were removed."""
    return _SUM in name


def is_missed(name: str, last: str) -> bool:
    """Whether the file is a sum in which there may be entries that a reader has not read.

    Args:
        last: the newest name that was read; empty before the first.
    """
    return is_sum(name) and name.split("-")[0] > last.split("-")[0]


def _lines(entries: Iterable[Entry]) -> bytes:
    return "\n".join(json.dumps({**asdict(entry), "region_item": entry.region_item.key}, ensure_ascii=False)
                     for entry in entries).encode()


def _place(name: str) -> str:
    return f"{_FOLDER}/{name[:_DAY]}/{name}"


def _minute_before(name: str) -> str:
    if not name:
        return ""
    written = datetime.strptime(name.split("-")[0], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
    return f"{datetime.fromtimestamp(written.timestamp() - _OVERLAP_SECONDS, UTC):%Y%m%dT%H%M%S%f}"
