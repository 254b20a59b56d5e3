"""What happened to each region-item, as it happens: written by the pipeline, read by the web app.

The journal is a folder of small JSON-lines files in the demand store, with a folder in it for each day. Each file is
written once and never changed; names sort in the order of writing, so a reader that remembers the last name it read
asks only for what is new, and lists the last days only.

What is too old is summed up: of each region-item the newest entry of each step is left, in files whose names sort right
after the last one that was removed. A reader that was there meanwhile never sees them; one that was away for longer, or
is new, reads the sum in their place, and knows by the name (``is_sum``) that the entries between are gone.

Names are dated by clocks that may be wrong. So a reader's mark never passes its own time, whatever is named later is
remembered by name, and now and then a sweep lists what a look leaves out (``swept``).

A file's name ends with a digest of its content, and each line has one of itself: where a file is damaged, its other
lines are still good.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.store.checksums import short_digest
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.stored_files import DamagedFileError, NotInStoreError

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
SWEPT_DAYS = 3
"""Days before a reader's mark that a sweep lists again; a reader remembers the names of so long."""
_NAME = re.compile(r"\d{8}T\d{12}-(?:([0-9a-f]{1,40})|sum\d{4}-\d{4})\.jsonl")
_DATE = re.compile(r"\d{8}")
_DIGEST = len(short_digest(b""))
_SEAL = re.compile(r', "sum": "([0-9a-f]{16})"}$')
_STEPS = frozenset(get_args(Step))


class DamagedJournalError(DamagedFileError):
    """A file of the journal of which some lines are lost.

    Args:
        name: of the file.
        lost: what is wrong with the first of them.
        whole: the entries that can be read, in their order.
    """

    def __init__(self, name: str, lost: str, whole: "Sequence[Entry]") -> None:
        super().__init__(name, lost)
        self.whole = whole

    def __reduce__(self) -> tuple[Any, ...]:
        """It comes out of another process as it was."""
        return DamagedJournalError, (self.name, self.why, self.whole)


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


_FIELDS = tuple(each.name for each in fields(Entry))


class Journal:
    """The journal of one demand store."""

    def __init__(self, store: DemandStore) -> None:
        self._store = store
        self.out_of_reach: set[str] = set()
        """Files that were told to be so, and need not be told again."""

    def write(self, entries: Iterable[Entry]) -> None:
        """Add entries; they are visible to readers when this returns."""
        if content := _lines(entries):
            self._store.write_bytes(_place(f"{name_at(datetime.now(UTC))}{short_digest(content)}.jsonl"), content)

    def files_after(self, name: str, already_read: Collection[str] = frozenset()) -> list[str]:
        """Names of the files written since the named one, oldest first.

        Clocks of several writers differ, so files of the last minute before ``name`` are looked at again; those in
        ``already_read`` are left out. A name that is later than now counts as now.
        """
        start = start_of_look(name)
        return [entry for day in self._days(start) for entry in self._files(day)
                if entry >= start and entry not in already_read]

    def swept(self, name: str, already_read: Collection[str], known_days: Collection[str]) -> list[str]:
        """Names of the files that looks after the named one left out, as their writers' clocks were wrong; by name.

        Those are of the last ``SWEPT_DAYS`` before it, of any day after it, and of days that were not there before.

        Args:
            already_read: names of files, at least of the last days.
            known_days: days of which all was read.
        """
        first = day_of_sweep(name)
        return [entry for day in self.days() if day >= first or day not in known_days for entry in self._files(day)
                if entry not in already_read]

    def changed(self) -> object:
        """Another value whenever ``write`` added entries, by clocks that are right within a day; or always another."""
        return tuple(map(self._store.changed, self._lately()))

    def folders(self) -> list[Path] | None:
        """Where ``write`` adds entries, by clocks that are right within a day; None when not on this machine."""
        places = [self._store.local_folder(folder) for folder in self._lately()]
        return [place for place in places if place] if all(places) else None

    def _lately(self) -> list[str]:
        now = datetime.now(UTC)
        return [_FOLDER, *(f"{_FOLDER}/{now + timedelta(days=number):%Y%m%d}" for number in (-1, 0, 1))]

    def days(self) -> list[str]:
        """The days that have a folder, in order: ``20260101``."""
        return [day for day in self._store.names(_FOLDER) if _DATE.fullmatch(day)]

    def read(self, name: str) -> list[Entry]:
        """The entries of one file.

        Raises: NotInStoreError: it is not there. DamagedJournalError: some lines are damaged or lost, and which entries
            can be read all the same; DamagedFileError: none can, perhaps for now only.
        """
        content = self._store.read_bytes(_place(name))
        found = _NAME.fullmatch(name)
        digest = found[1] if found and found[1] and len(found[1]) == _DIGEST else ""
        is_whole = digest == short_digest(content)
        entries: list[Entry] = []
        lost = "" if is_whole or not digest else "it is not as it was written, lines may be lost"
        for line in content.split(b"\n"):
            try:
                entries.append(_entry(line.decode(), is_checked=is_whole, is_old=not digest))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                lost = f"the line {line[:60]!r} cannot be read: {error}"
        if lost:
            raise DamagedJournalError(name, lost, entries)
        return entries

    def readable(self, name: str) -> list[Entry]:
        """The entries of one file that can be read; those of a damaged one that are left."""
        try:
            return self.read(name)
        except DamagedJournalError as error:
            return list(error.whole)
        except NotInStoreError:
            return []

    def expire(self, before: datetime) -> tuple[int, int]:
        """How many files written before a moment were removed, and the bytes that this freed.

        Of each region-item the newest entry of each step stays. The sum is written before anything is removed, and
        holds what is left of an expiry that was broken off, so that at any moment a reader finds each entry, or a newer
        one of its step.
        """
        limit = f"{before.astimezone(UTC):%Y%m%dT%H%M%S%f}"
        old = {day: {name: size for name, size in self._store.sizes(f"{_FOLDER}/{day}").items()
                     if name < limit and _NAME.fullmatch(name)}
               for day in self.days() if day <= limit[:_DAY]}
        names = sorted(name for found in old.values() for name in found)
        if not any(not is_sum(name) for name in names):
            return 0, 0
        newest: dict[tuple[RegionItem, Step], Entry] = {}
        for name in names:
            for entry in self.readable(name):
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

    def _files(self, day: str) -> list[str]:
        return [name for name in self._store.names(f"{_FOLDER}/{day}") if _NAME.fullmatch(name)]

    def _days(self, start: str) -> Sequence[str]:
        """The days that may have files from that name on, in order."""
        today = datetime.now(UTC).date()
        first = datetime.strptime(start[:_DAY], "%Y%m%d").replace(tzinfo=UTC).date() if start else None
        if first is None or (today - first).days > _DAYS_TO_GUESS:
            return [day for day in self.days() if day >= start[:_DAY]]
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
    return "\n".join(_sealed(json.dumps({**{name: getattr(entry, name) for name in _FIELDS},
                                         "region_item": entry.region_item.key}, ensure_ascii=False))
                     for entry in entries).encode()


def _place(name: str) -> str:
    return f"{_FOLDER}/{name[:_DAY]}/{name}"


def name_at(moment: datetime) -> str:
    """How the names of files begin that are written at a moment."""
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%S%f}-"


def not_after_now(name: str) -> str:
    """The name, or how names begin now where it is later, or is no name."""
    now = name_at(datetime.now(UTC))
    return min(name, now) if not name or re.match(r"\d{8}T\d{12}-", name) else now


def start_of_look(name: str) -> str:
    """From which name on a look lists files: a minute before the named one, or before now when that is earlier."""
    if not name:
        return ""
    written = datetime.strptime(not_after_now(name).split("-")[0], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
    return name_at(written - timedelta(seconds=_OVERLAP_SECONDS)).rstrip("-")


def day_of_sweep(name: str) -> str:
    """The first day that a sweep lists whatever is known of it."""
    if not name:
        return ""
    return f"{datetime.strptime(not_after_now(name)[:_DAY], '%Y%m%d') - timedelta(days=SWEPT_DAYS):%Y%m%d}"


def _sealed(line: str) -> str:
    return f'{line[:-1]}, "sum": "{_seal_of(line)}"}}'


def _seal_of(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()[:16]


def _entry(line: str, is_checked: bool, is_old: bool) -> Entry:
    """The entry of a line.

    Args:
        is_checked: its file is as it was written.
        is_old: its file is of before there were digests, so the line may have none.
    Raises: ValueError, TypeError, KeyError, AttributeError, RecursionError: it cannot be read, or is not as it was
        written.
    """
    fields = json.loads(line)
    if not is_checked:
        found = _SEAL.search(line)
        if (found is None and not is_old) or (found and _seal_of(line[:found.start()] + "}") != found[1]):
            raise ValueError("it is not as it was written")
    fields.pop("sum", None)
    entry = Entry(**{**fields, "region_item": RegionItem.from_key(fields["region_item"])})
    if entry.step not in _STEPS or not isinstance(entry.numbers, dict):
        raise ValueError(f"{entry.step!r} is no step, or its numbers are none")
    datetime.fromisoformat(entry.at)
    return entry
