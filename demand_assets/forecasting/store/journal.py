"""What happened to each region-item, as it happens: written by the pipeline, read by the web app.

The journal is a folder of small JSON-lines files in the demand store, with a folder in it for each day. Each file is
written once and never changed; names sort in the order of writing, so a reader that remembers the last name it read
asks only for what is new, and lists the last days only.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import uuid4

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.store.demand_store import DemandStore

Step = Literal["started", "validated", "quarantined", "trained", "promoted", "kept", "failed", "monitored"]
"""``started``: a run took it up. ``validated``: new demand is stored; ``quarantined``: the last good one is kept.
``trained``: a candidate is registered. ``promoted``, ``kept``: the gate's decision. ``failed``: an error, in words.
``monitored``: the production model was measured against demand that has since become known."""

FINAL_STEPS = frozenset({"quarantined", "promoted", "kept", "failed"})
"""The steps after which a retrain of the region-item is over."""

_FOLDER = "journal"
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
        lines = [json.dumps({**asdict(entry), "region_item": entry.region_item.key}, ensure_ascii=False)
                 for entry in entries]
        if lines:
            name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{uuid4().hex[:8]}.jsonl"
            self._store.write_bytes(_place(name), "\n".join(lines).encode())

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


    def _days(self, start: str) -> Sequence[str]:
        """The days that may have files from that name on, in order."""
        today = datetime.now(UTC).date()
        first = datetime.strptime(start[:_DAY], "%Y%m%d").replace(tzinfo=UTC).date() if start else None
        if first is None or (today - first).days > _DAYS_TO_GUESS:
            return [day for day in self._store.names(_FOLDER) if day >= start[:_DAY]]
        # the day after today: a writer's clock may be ahead
        return [f"{first + timedelta(days=number):%Y%m%d}" for number in range((today - first).days + 2)]


def _place(name: str) -> str:
    return f"{_FOLDER}/{name[:_DAY]}/{name}"


def _minute_before(name: str) -> str:
    if not name:
        return ""
    written = datetime.strptime(name.split("-")[0], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
    return f"{datetime.fromtimestamp(written.timestamp() - _OVERLAP_SECONDS, UTC):%Y%m%dT%H%M%S%f}"
