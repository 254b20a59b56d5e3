"""Follows the journal and counts where each region-item stands."""

from collections import Counter
from collections.abc import Iterable

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.journal import APART, FINAL_STEPS, Entry, Journal, Step


class Progress:
    """Where the region-items of one piece of work stand.

    Args:
        store: its journal is followed.
        request_ids: only entries of these requests count; all entries unless given.
    """

    def __init__(self, store: DemandStore, request_ids: Iterable[str] | None = None) -> None:
        self._journal = Journal(store)
        self._request_ids = set(request_ids) if request_ids is not None else None
        self._read = frozenset(self._journal.files_after("")) if request_ids is None else frozenset[str]()
        self.last: dict[RegionItem, Entry] = {}
        """The last entry of each region-item."""
        self.trained: dict[RegionItem, Entry] = {}
        """The entry of each candidate, with its metrics."""
        self.taken_in: dict[RegionItem, Entry] = {}
        """What the validation said of each region-item's rows."""

    def is_final(self, region_item: RegionItem) -> bool:
        """Whether the work on the region-item is over."""
        return region_item in self.last and self.last[region_item].step in FINAL_STEPS

    def is_past(self, region_item: RegionItem, step: Step) -> bool:
        """Whether the region-item is beyond that step."""
        return region_item in self.last and self.last[region_item].step != step

    def look(self) -> Counter[Step]:
        """Read what is new; how many region-items stand at each step."""
        for name in self._journal.files_after("", self._read):
            self._read |= {name}
            for entry in self._journal.readable(name):
                if self._request_ids is not None and entry.request_id not in self._request_ids:
                    continue
                if entry.step in APART:
                    continue
                self.last[entry.region_item] = entry
                if entry.step in ("validated", "quarantined"):
                    self.taken_in[entry.region_item] = entry
                if entry.step == "trained":
                    self.trained[entry.region_item] = entry
        return Counter(entry.step for entry in self.last.values())
