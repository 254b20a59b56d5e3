"""What changed in the registry, followed into the app's rows: looks at what changed last, and sweeps over everything.

Every method asks the registry at most one thing, so that the caller sets how often it is asked; but for one entry of
the old form that each look rewrites, until there is none. What is wrong with one region-item is shown there and costs
no other one.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from math import inf
from time import monotonic
from typing import Protocol

from sqlalchemy import Select, select

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.registry.entry import RegistryEntry
from demand_assets.forecasting.registry.registered_models import Page
from demand_assets.forecasting.registry.session import RegistryDownError
from webapp.db.database import db, now, writing
from webapp.db.locks import locked_rows
from webapp.models.versions import EVENTS, follow_registry
from webapp.region_items import production
from webapp.region_items.catalogue import rows_to_follow
from webapp.retrains import request_and_item_states as states
from webapp.serving.production_models import ProductionModels
from webapp.tables import RegionItemRow, Retrain, RetrainItem, Watermark
from webapp.tables.watermarks import set_watermark

log = logging.getLogger(__name__)

GONE = ("MLflow has no model of it any more: the model was deleted or renamed there. Until it is retrained, it is "
        "forecast without one of its own.")
ENTRIES_AT_ONCE = 200
FIRST_PAGE, LARGEST_PAGE, SWEEP_PAGE = 20, 1000, 100
"""Models asked for at a time: most looks find nothing new, and a look costs MLflow about as much as it returns. While
a page of a sweep is answered no look is, so it is a small one. A page that MLflow does not answer in time is halved
until it does, and grows again."""
SWEPT_AT_ONCE = 20
OVERLAP_MS = 10_000
"""What changed so long before the last change seen is looked at again: the clocks of several MLflow servers differ,
and a change is dated a moment before it can be seen. What comes still later, the sweep finds."""
JOURNAL_LAG = timedelta(seconds=20)
"""A decision is in the registry a moment before it is in the journal."""


class ListsModels(Protocol):
    """What is asked of the model registry here; every method raises RegistryDownError when it does not answer."""

    def page(self, size: int, token: str = "") -> Page:
        """The models that changed last, newest first, or those behind an earlier page: one query."""

    def is_registered(self, region_item: RegionItem) -> bool:
        """Whether there is a model of the region-item: one query."""

    def move_old_entry(self, name: str) -> None:
        """Move facts that are still in a registered model's description to a tag."""


class RegistryFollower:
    """Follows the registry; one in the whole app."""

    def __init__(self, registry: ListsModels, models: ProductionModels) -> None:
        self._registry = registry
        self._models = models
        self._seen: dict[str, tuple[int, RegistryEntry]] = {}
        """What was seen lately and comes again in the overlap."""
        self._settled_at = monotonic() + OVERLAP_MS / 1000
        """From then on the overlap is not looked at again, until something changes."""
        self._size = FIRST_PAGE
        self._largest = LARGEST_PAGE
        """As many models as MLflow answers for in time."""
        self._newest = 0
        self._sweep_token = ""
        self._swept: dict[str, RegistryEntry] = {}
        """What a sweep brought and is not written down yet."""
        self._met: set[str] = set()
        """Keys that a sweep brought, or a look since it began."""
        self._missing: list[str] = []
        """Keys that have a model here and that the last sweep did not bring; they are asked for."""
        self._is_empty = False
        """Whether the last sweep brought no model at all, although some are known here; it is told once."""
        self._is_known_here = False
        self._old: set[str] = set()
        """Names whose facts are still in the description."""

    @property
    def is_new_here(self) -> bool:
        """Whether everything is still to be seen for the first time."""
        if not self._is_known_here:
            self._is_known_here = db.session.get(Watermark, "registry") is not None
            db.session.rollback()
        return not self._is_known_here

    @property
    def is_settled(self) -> bool:
        """Whether the last look brought all, and nothing that is to be looked at again."""
        return not self._old and self._size == FIRST_PAGE and monotonic() >= self._settled_at and not self.is_new_here

    @property
    def is_busy(self) -> bool:
        """Whether more changes lately than anybody sees one by one: each look brings the last seconds' again."""
        return len(self._seen) > 2 * FIRST_PAGE

    def look(self) -> bool:
        """Take up what changed since the last look, newest first; what one query did not bring, the next brings.

        Returns: False when more changed than any look brings, so that a sweep must.
        Raises: RegistryDownError: the registry does not answer.
        """
        if self._old:
            self._registry.move_old_entry(self._old.pop())
        mark = db.session.get(Watermark, "registry")
        overlap = OVERLAP_MS if monotonic() < self._settled_at else 0
        since = int(mark.value) - overlap if mark else 0
        db.session.rollback()
        self._seen = {name: seen for name, seen in self._seen.items() if seen[0] >= since}
        largest = self._largest
        size = min(self._size + len(self._seen), largest)
        page = self._page(size)
        for _, entry in page.entries:
            self._swept.pop(entry.name, None)  # what a sweep brought of it is older
        self._note([entry for changed, entry in page.entries
                    if changed >= since and self._seen.get(entry.name) != (changed, entry)])
        self._seen |= {entry.name: (changed, entry) for changed, entry in page.entries if changed >= since}
        self._met |= {entry.region_item.key for _, entry in page.entries}
        whole = not page.token or page.oldest < since
        if whole or size == largest:
            self._size = FIRST_PAGE
            self._set_mark(page.newest)
        else:
            self._size = LARGEST_PAGE  # the next look goes as far back as this one should have
        return whole or size < largest

    def sweep(self) -> bool:
        """Ask for the next page of everything, once the one before is written down; whether it was the last.

        Raises: RegistryDownError: the registry does not answer.
        """
        self.note_swept()
        is_new, is_first = self.is_new_here, not self._sweep_token
        page = self._page(LARGEST_PAGE if is_new else SWEEP_PAGE, self._sweep_token)
        self._swept = {entry.name: entry for _, entry in page.entries}
        if is_new:
            self.note_swept()
        if is_first:
            self._newest, self._met = page.newest, set()
        self._met |= {entry.region_item.key for _, entry in page.entries}
        self._sweep_token = page.token
        if page.token:
            return False
        if is_new:
            self._set_mark(self._newest)
        self._missing = self._not_met()
        return True

    def _not_met(self) -> list[str]:
        """Those with a model here that were not met; none where no model was: that is another MLflow, or one that lost
        all, and what is here goes on forecasting."""
        keys = db.session.scalars(select(RegionItemRow.key).where(
            RegionItemRow.production_version.is_not(None) | RegionItemRow.wanted_version.is_not(None))).all()
        db.session.rollback()
        is_empty, was_empty = bool(keys and not self._met), self._is_empty
        self._is_empty = is_empty
        if is_empty:
            if not was_empty:
                log.warning("MLflow has no model of any region-item; %s go on forecasting by what is here", len(keys))
            return []
        return [key for key in keys if key not in self._met]

    @property
    def is_any_missing(self) -> bool:
        """Whether a sweep did not bring models that are known here."""
        return bool(self._missing)

    def ask_for_missing(self) -> None:
        """Ask for some that a sweep did not bring, each by its name, and take out of production those that are gone:
        others moved from page to page meanwhile.

        Raises: RegistryDownError: the registry does not answer.
        """
        some = self._missing[:SWEPT_AT_ONCE]
        entries = [RegistryEntry(one, "", None, None, problem=GONE) for one in map(RegionItem.from_key, some)
                   if not self._registry.is_registered(one)]
        for entry in entries:
            log.warning("%s has no model in MLflow any more", entry.region_item)
        self._note(entries)
        del self._missing[:SWEPT_AT_ONCE]

    def _page(self, size: int, token: str = "") -> Page:
        """So many models, or as many as MLflow answers for in time."""
        try:
            page = self._registry.page(min(size, self._largest), token)
        except RegistryDownError:
            self._largest = max(self._largest // 2, FIRST_PAGE)
            raise
        if size >= self._largest:
            self._largest = min(self._largest + SWEEP_PAGE, LARGEST_PAGE)
        return page

    def note_swept(self, seconds: float = inf) -> None:
        """Write down what a sweep brought, for so long; the rest the next time."""
        until = monotonic() + seconds
        while self._swept and monotonic() < until:
            some = list(self._swept.values())[:SWEPT_AT_ONCE]
            self._note(some)
            for entry in some:
                del self._swept[entry.name]

    def _note(self, entries: Sequence[RegistryEntry]) -> None:
        self._old |= {entry.name for entry in entries if entry.is_old}
        for start in range(0, len(entries), ENTRIES_AT_ONCE):
            with writing():
                note_entries(entries[start:start + ENTRIES_AT_ONCE], self._models)

    def _set_mark(self, newest: int) -> None:
        mark = db.session.get(Watermark, "registry")
        known = mark.value if mark else ""
        db.session.rollback()
        if known != str(newest):
            self._settled_at = monotonic() + OVERLAP_MS / 1000
            with writing():
                set_watermark("registry", str(newest))


def note_entries(entries: Sequence[RegistryEntry], models: ProductionModels) -> None:
    """Write what the registry says of these models into their rows; part of the caller's transaction.

    What is said of a version in production is shown only when that version is announced.
    """
    rows = rows_to_follow(entry.region_item for entry in entries)
    for entry in entries:
        row = rows[entry.region_item.key]
        has_files = entry.production is not None and models.folder(row.region_item, entry.production).exists()
        production.note_entry(row, entry, has_files)
    follow_registry(entries)
    _close_judged([entry for entry in entries if (decided_at := production.moment_of(entry.decided_at)) is not None
                   and now() - decided_at >= JOURNAL_LAG])


def _close_judged(entries: Sequence[RegistryEntry]) -> None:
    """Close what waits for decisions that the registry has and the journal lost: its writer died in between, or its
    file was damaged. What the app gave up meanwhile is put right."""
    waiting = {entry.region_item.key: db.session.scalars(_judged_by(entry)).all() for entry in entries}
    retrains = locked_rows(select(Retrain).where(Retrain.id.in_(
        sorted({item.retrain_id for items in waiting.values() for item in items}))), Retrain.id)
    if not retrains:
        return
    for entry in entries:
        for item in db.session.scalars(_judged_by(entry).execution_options(populate_existing=True)):
            states.note_decision(item, EVENTS.get(entry.decision, "kept"), entry.reason, entry.decided)


def _judged_by(entry: RegistryEntry) -> Select[RetrainItem]:
    """What waits for the decision that the entry tells of, or waited in vain: it names the version, or asked for it.

    When it was made says nothing: a run that is gone on with tells of the training again, later than that.
    """
    is_meant = RetrainItem.version == entry.decided
    if entry.newest is not None and entry.newest.version == entry.decided and entry.newest.request_id:
        is_meant |= RetrainItem.version.is_(None) & RetrainItem.retrain_id.in_(
            select(Retrain.id).where(Retrain.request_id == entry.newest.request_id))
    return select(RetrainItem).where(RetrainItem.key == entry.region_item.key, is_meant,
                                     (RetrainItem.state == "judging") | RetrainItem.closed_by_us)
