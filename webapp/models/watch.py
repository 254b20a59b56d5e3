"""New production versions: fetched, loaded and tried first, and only then announced to every worker.

Every method asks the registry at most one thing, so that the caller sets how often it is asked; but for one entry of
the old form that each look rewrites, until there is none. Files are copied from where the version itself says they are,
and belong to it, or they are not announced. What is wrong with one region-item is shown there and costs no other one.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from math import inf, isfinite
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from sqlalchemy import Select, select

from demand_assets.forecasting.model.own import ModelCard
from demand_assets.forecasting.model.pooled import ModelFilesError
from demand_assets.forecasting.registry.entry import RegistryEntry
from demand_assets.forecasting.registry.facts import moment
from demand_assets.forecasting.registry.files import VersionFiles
from demand_assets.forecasting.registry.registry import Page
from demand_assets.forecasting.registry.session import NotRegisteredError
from demand_assets.forecasting.store.demand_store import NotInStoreError
from webapp.db.database import db, now, writing
from webapp.db.locks import locked_one, locked_rows
from webapp.models.actions import ActingRegistry
from webapp.region_items.best_model import note_best
from webapp.region_items.rows import hold_pooled, refresh_status, rows_to_follow, want_outlook
from webapp.retrains import states
from webapp.services import Services
from webapp.serving.model_files import ModelFiles
from webapp.serving.production_models import ProductionModels
from webapp.tables import RegionItemRow, Retrain, RetrainItem, Watermark
from webapp.tables.watermarks import set_watermark

log = logging.getLogger(__name__)

TRY_AGAIN = timedelta(seconds=15)
ENTRIES_AT_ONCE = 200
FIRST_PAGE, LARGEST_PAGE, SWEEP_PAGE = 20, 1000, 100
"""Models asked for at a time: most looks find nothing new, and a look costs MLflow about as much as it returns. While
a page of a sweep is answered no look is, so it is a small one."""
SWEPT_AT_ONCE = 20
OVERLAP_MS = 10_000
"""What changed so long before the last change seen is looked at again: the clocks of several MLflow servers differ,
and a change is dated a moment before it can be seen. What comes still later, the sweep finds."""
BURST = 20
"""After so many announcements in a row the log says how long the last of them waited."""
JOURNAL_LAG = timedelta(seconds=20)
"""A decision is in the registry a moment before it is in the journal."""


class Registry(ActingRegistry, Protocol):
    """What the app asks of the model registry; every method raises RegistryDownError when it does not answer."""

    def page(self, size: int, token: str = "") -> Page:
        """The models that changed last, newest first, or those behind an earlier page: one query."""

    def fetch(self, name: str, version: int, folder: Path, told: VersionFiles | None = None) -> Path:
        """Copy a version's files, checked, to ``folder/name/version``; the version is asked where they are, unless it
        told."""

    def move_old_entry(self, name: str) -> None:
        """Move facts that are still in a registered model's description to a tag."""

    def pooled_production(self) -> int | None:
        """The version of the pooled model in production."""


class Watch:
    """Follows the registry; one in the whole app."""

    def __init__(self, registry: Registry, services: Services, files: ModelFiles) -> None:
        self._registry = registry
        self._services = services
        self._files = files
        self._seen: dict[str, tuple[int, RegistryEntry]] = {}
        """What was seen lately and comes again in the overlap."""
        self._settled_at = monotonic() + OVERLAP_MS / 1000
        """From then on the overlap is not looked at again, until something changes."""
        self._size = FIRST_PAGE
        self._newest = 0
        self._sweep_token = ""
        self._swept: dict[str, RegistryEntry] = {}
        """What a sweep brought and is not written down yet."""
        self._announced = 0
        self._old: set[str] = set()
        """Names whose facts are still in the description."""

    @property
    def is_new_here(self) -> bool:
        """Whether everything is still to be seen for the first time."""
        mark = db.session.get(Watermark, "registry")
        db.session.rollback()
        return mark is None

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
        size = min(self._size + len(self._seen), LARGEST_PAGE)
        page = self._registry.page(size)
        for _, entry in page.entries:
            self._swept.pop(entry.name, None)  # what a sweep brought of it is older
        self._note([entry for changed, entry in page.entries
                    if changed >= since and self._seen.get(entry.name) != (changed, entry)])
        self._seen |= {entry.name: (changed, entry) for changed, entry in page.entries if changed >= since}
        whole = not page.token or page.oldest < since
        if whole or size == LARGEST_PAGE:
            self._size = FIRST_PAGE
            self._set_mark(page.newest)
        else:
            self._size = LARGEST_PAGE  # the next look goes as far back as this one should have
        return whole or size < LARGEST_PAGE

    def sweep(self) -> bool:
        """Ask for the next page of everything, once the one before is written down; whether it was the last.

        Raises: RegistryDownError: the registry does not answer.
        """
        self.note_swept()
        is_new, is_first = self.is_new_here, not self._sweep_token
        page = self._registry.page(LARGEST_PAGE if is_new else SWEEP_PAGE, self._sweep_token)
        self._swept = {entry.name: entry for _, entry in page.entries}
        if is_new:
            self.note_swept()
        if is_first:
            self._newest = page.newest
        self._sweep_token = page.token
        if is_new and not page.token:
            self._set_mark(self._newest)
        return not page.token

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
                note_entries(entries[start:start + ENTRIES_AT_ONCE], self._services.models)

    def _set_mark(self, newest: int) -> None:
        mark = db.session.get(Watermark, "registry")
        known = mark.value if mark else ""
        db.session.rollback()
        if known != str(newest):
            self._settled_at = monotonic() + OVERLAP_MS / 1000
            with writing():
                set_watermark("registry", str(newest))

    def announce_wanted(self, seconds: float) -> bool:
        """Fetch, try and announce versions that are wanted and due, newest first and those that failed before last.

        Args:
            seconds: for so long, and at least one.
        Returns: whether some are left for the next time.
        Raises: RegistryDownError: files must be fetched and the registry does not answer.
        """
        until = monotonic() + seconds
        due = db.session.execute(select(RegionItemRow.key, RegionItemRow.fetch_after).where(
            RegionItemRow.fetch_after.is_not(None), RegionItemRow.fetch_after <= now())
            .order_by(RegionItemRow.model_problem != "", RegionItemRow.fetch_after.desc(), RegionItemRow.position)
        ).all()
        db.session.rollback()
        for place, (key, wanted_since) in enumerate(due, start=1):
            self._announce(key)
            self._announced += 1
            if place < len(due) and monotonic() > until:
                return True
            if place == len(due) and self._announced >= BURST:
                log.info("%s versions were taken up in a row; the last had waited %.1f s", self._announced,
                         (now() - (wanted_since or now())).total_seconds())
        self._announced = 0
        return False

    def _announce(self, key: str) -> None:
        row = db.session.get_one(RegionItemRow, key)
        region_item, version = row.region_item, row.wanted_version
        told, anew = told_files(row), row.wanted.get("anew", False)
        db.session.rollback()
        if version is None:
            return
        try:
            model = self._files.whole(region_item, version, told, anew)
            self._services.forecaster.forecast(region_item, model)
        except (ModelFilesError, NotRegisteredError, NotInStoreError, ValueError, OSError) as error:
            log.warning("%s v%s cannot forecast here: %s", region_item, version, error)
            with writing():
                row = locked_one(RegionItemRow, key)
                row.model_problem = f"v{version} was promoted but cannot forecast here: {error}"
                row.fetch_after = now() + TRY_AGAIN
                if isinstance(error, (ModelFilesError, NotRegisteredError)) and row.wanted_version == version:
                    row.wanted = {**row.wanted, "files": None, "anew": True}  # it may be put right in MLflow meanwhile
            return
        with writing():
            hold_pooled()
            row = locked_one(RegionItemRow, key)
            if row.wanted_version == version:
                take_over(row, model.card)
                row.announced_at, row.fetch_after = now(), None
                row.model_problem = row.wanted.get("problem", "")
                note_best(row)
                refresh_status(row)
            keep = {row.production_version, row.previous_version, row.wanted_version}
        self._files.forget_others(region_item, keep)


def note_entries(entries: Sequence[RegistryEntry], models: ProductionModels) -> None:
    """Write what the registry says of these models into their rows; part of the caller's transaction.

    What is said of a version in production is shown only when that version is announced.
    """
    rows = rows_to_follow(entry.region_item for entry in entries)
    for entry in entries:
        row = rows[entry.region_item.key]
        row.candidate_version = entry.candidate
        row.decision, row.reason = entry.decision or row.decision, entry.reason or row.reason
        if entry.rolled_back:
            row.decision, row.reason = "roll_back", by_hand_words(entry.production, entry.rolled_back)
        row.pinned_by, row.pinned_reason, row.pinned_at = (entry.pinned_by, entry.pinned_reason,
                                                           _moment(entry.pinned_at))
        row.decided_at = _moment(entry.decided_at) or row.decided_at
        is_another = row.wanted_version != entry.production
        row.wanted_version = entry.production
        row.wanted = {"previous": entry.previous, "promoted_at": entry.promoted_at, "problem": entry.problem,
                      "rolled_back": entry.rolled_back, "files": asdict(entry.files) if entry.files else None}
        if entry.production is None:
            row.production_version, row.fetch_after, row.model_problem = None, None, entry.problem
        elif entry.production == row.production_version and not _is_recreated(row, entry) and (
                models.folder(row.region_item, entry.production).exists()):
            take_over(row)
            if is_another or row.fetch_after is None:  # else the problem is that of a try that goes on
                row.fetch_after, row.model_problem = None, entry.problem
        elif is_another or row.fetch_after is None:
            row.fetch_after, row.model_problem = now(), ""
        note_best(row)
        refresh_status(row)
    _close_judged([entry for entry in entries if (decided_at := _moment(entry.decided_at)) is not None
                   and now() - decided_at >= JOURNAL_LAG])


def _close_judged(entries: Sequence[RegistryEntry]) -> None:
    """Close what waits for decisions that the registry has and the journal lost: its writer died in between."""
    waiting = {entry.region_item.key: db.session.scalars(_judged_by(entry)).all() for entry in entries}
    retrains = locked_rows(select(Retrain).where(Retrain.id.in_(
        sorted({item.retrain_id for items in waiting.values() for item in items}))), Retrain.id)
    if not retrains:
        return
    for entry in entries:
        decided_at = _moment(entry.decided_at)
        for item in db.session.scalars(_judged_by(entry).execution_options(populate_existing=True)):
            if decided_at is not None and decided_at > datetime.fromisoformat(item.at):
                states.note_decision(item, "promoted" if entry.decision == "promote" else "kept", entry.reason)


def _judged_by(entry: RegistryEntry) -> Select[RetrainItem]:
    """What waits for the decision that the entry tells of."""
    return select(RetrainItem).where(RetrainItem.key == entry.region_item.key, RetrainItem.state == "judging",
                                     RetrainItem.version == entry.candidate)


def take_over(row: RegionItemRow, card: ModelCard | None = None) -> None:
    """Show of the row what the registry says of its wanted version.

    Args:
        card: the version's, as its files tell it; what is shown of it stays unless given.
    """
    wanted, is_another = row.wanted, row.production_version != row.wanted_version
    promoted_at = _moment(wanted.get("promoted_at"))
    if promoted_at is not None:
        row.promoted_at, row.previous_version = promoted_at, wanted.get("previous")
    elif is_another:  # an alias set by hand tells neither
        row.promoted_at, row.previous_version = None, row.production_version
    row.production_version = row.wanted_version
    if card is not None:
        row.numbers = numbers = {name: _json_value(value) for name, value in asdict(card).items()}
        row.wape, row.wape_seasonal_naive = numbers["wape"], numbers["wape_seasonal_naive"]
        row.coverage_80 = numbers["coverage_80"]
    want_outlook(row)


def told_files(row: RegionItemRow) -> VersionFiles | None:
    """What the wanted version told of its files when the registry was last looked at; None when it did not."""
    told = row.wanted.get("files")
    return VersionFiles(**told) if told and told["version"] == row.wanted_version else None


def _is_recreated(row: RegionItemRow, entry: RegistryEntry) -> bool:
    """Whether the version in production is of other demand than the one here: its model was deleted and made anew."""
    here, told = row.numbers.get("data_hash"), entry.files.data_hash if entry.files else ""
    return bool(here and told and here != told)


def _json_value(value: Any) -> Any:
    """The value, or None for a number that JSON does not know."""
    return None if isinstance(value, float) and not isfinite(value) else value


def by_hand_words(version: int | None, told: Mapping[str, Any]) -> str:
    """Who put the version in production, in place of what, and why.

    Args:
        told: as the registry has it: from (a version), by, reason.
    """
    is_back = version is None or told.get("from") is None or version < told["from"]
    act = "rolled back from" if is_back else "put in production in place of"
    return f"{act} v{told.get('from')} by {told.get('by')}: {told.get('reason')}"


def _moment(text: str | None) -> datetime | None:
    return moment(text) if text else None
