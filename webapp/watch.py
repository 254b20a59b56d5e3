"""New production versions: fetched, loaded and tried first, and only then announced to every worker."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Protocol

from sqlalchemy import select

from demand_assets.forecasting.pooled import ModelFilesError
from demand_assets.forecasting.registry import NotRegisteredError, RegistryEntry
from demand_assets.forecasting.store import NotInStoreError
from webapp.database import db, now, writing
from webapp.evidence import note_best
from webapp.ingest import set_watermark
from webapp.model_files import ModelFiles
from webapp.production_models import ProductionModels
from webapp.region_items import new_row, refresh_status, rows_by_key
from webapp.retrain_requests import close_item, settle
from webapp.services import Services
from webapp.tables import RegionItemRow, RetrainItem, Watermark

log = logging.getLogger(__name__)

TRY_AGAIN = timedelta(seconds=15)
ENTRIES_AT_ONCE = 200
ANNOUNCING_SECONDS = 5.0
JOURNAL_LAG = timedelta(seconds=20)
"""A decision is in the registry a moment before it is in the journal."""


class Registry(Protocol):
    """What the app asks of the model registry; every method raises RegistryDownError when it does not answer."""

    def entries_since(self, watermark: int) -> tuple[list[RegistryEntry], int]:
        """Models that changed since, and the new watermark."""

    def fetch(self, name: str, version: int, folder: Path) -> Path:
        """Download a version's files to ``folder/name/version``."""

    def pooled_production(self) -> int | None:
        """The version of the pooled model in production."""


class Watch:
    """Follows the registry; one in the whole app."""

    def __init__(self, registry: Registry, services: Services, files: ModelFiles) -> None:
        self._registry = registry
        self._services = services
        self._files = files

    def look(self, sweep: bool = False) -> None:
        """Take up what changed in the registry, or everything in a sweep; announce what can be announced.

        Raises: RegistryDownError: the registry does not answer.
        """
        mark = db.session.get(Watermark, "registry")
        since = 0 if sweep or mark is None else int(mark.value)
        db.session.rollback()
        entries, watermark = self._registry.entries_since(since)
        for start in range(0, len(entries), ENTRIES_AT_ONCE):
            with writing():
                note_entries(entries[start:start + ENTRIES_AT_ONCE], self._services.models)
        if watermark != since:
            with writing():
                set_watermark("registry", str(watermark))
        self.announce_wanted()

    def announce_wanted(self) -> None:
        """Fetch, try and announce versions that are wanted and due, for some seconds; the rest the next time."""
        due = db.session.scalars(select(RegionItemRow.key).where(
            RegionItemRow.fetch_after.is_not(None), RegionItemRow.fetch_after <= now())
            .order_by(RegionItemRow.fetch_after, RegionItemRow.position)).all()
        db.session.rollback()
        until = monotonic() + ANNOUNCING_SECONDS
        for key in due:
            self._announce(key)
            if monotonic() > until:
                return

    def _announce(self, key: str) -> None:
        row = db.session.get_one(RegionItemRow, key)
        region_item, version = row.region_item, row.wanted_version
        db.session.rollback()
        if version is None:
            return
        try:
            self._services.forecaster.forecast(region_item, self._files.whole(region_item, version))
        except (ModelFilesError, NotRegisteredError, NotInStoreError, ValueError, OSError) as error:
            log.warning("%s v%s cannot forecast here: %s", region_item, version, error)
            with writing():
                row = db.session.get_one(RegionItemRow, key)
                row.model_problem = f"v{version} was promoted but cannot forecast here: {error}"
                row.fetch_after = now() + TRY_AGAIN
            return
        with writing():
            row = db.session.get_one(RegionItemRow, key)
            if row.wanted_version == version:
                take_over(row)
                row.announced_at, row.fetch_after, row.model_problem = now(), None, ""
                note_best(row)
                refresh_status(row)
            keep = {row.production_version, row.previous_version, row.wanted_version}
        self._files.forget_others(region_item, keep)


def note_entries(entries: Sequence[RegistryEntry], models: ProductionModels) -> None:
    """Write what the registry says of these models into their rows; part of the caller's transaction.

    What is said of a version in production is shown only when that version is announced.
    """
    rows = rows_by_key([entry.region_item.key for entry in entries])
    for entry in entries:
        row = rows.get(entry.region_item.key) or new_row(entry.region_item)
        row.candidate_version = entry.candidate
        row.decision, row.reason = entry.decision or row.decision, entry.reason or row.reason
        row.decided_at = moment(entry.decided_at)
        row.wanted_version = entry.production
        row.wanted = {"previous": entry.previous, "promoted_at": entry.promoted_at, "summary": entry.summary}
        if entry.production is None:
            row.production_version, row.fetch_after, row.model_problem = None, None, ""
        elif entry.production == row.production_version and models.folder(row.region_item, entry.production).exists():
            take_over(row)
        else:
            row.fetch_after = row.fetch_after or now()
        note_best(row)
        refresh_status(row)
        _close_judged(entry)


def _close_judged(entry: RegistryEntry) -> None:
    """Close what waits for a decision that the registry has and the journal lost: its writer died in between."""
    decided_at = moment(entry.decided_at)
    if decided_at is None or now() - decided_at < JOURNAL_LAG:
        return
    for item in db.session.scalars(select(RetrainItem).where(
            RetrainItem.key == entry.region_item.key, RetrainItem.state == "judging",
            RetrainItem.version == entry.candidate)):
        if decided_at > datetime.fromisoformat(item.at):
            close_item(item, "promoted" if entry.decision == "promote" else "kept", entry.reason)
            settle(item.retrain)


def take_over(row: RegionItemRow) -> None:
    """Show of the row what the registry says of its wanted version."""
    wanted, summary = row.wanted, row.wanted.get("summary", {})
    row.production_version, row.previous_version = row.wanted_version, wanted.get("previous")
    row.promoted_at, row.numbers = moment(wanted.get("promoted_at")), summary
    row.wape, row.wape_seasonal_naive = summary.get("wape"), summary.get("wape_seasonal_naive")
    row.coverage_80 = summary.get("coverage_80")


def moment(text: str | None) -> datetime | None:
    """A moment that the registry wrote down; UTC when it names no zone."""
    if not text:
        return None
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
