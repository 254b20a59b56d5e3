"""Versions of models as the registry has them: asked for when the journal no longer tells of all of them.

Entries of the journal expire. An app that was away for longer than they are kept, or that begins with an empty
database, finds their sum, and asks the registry once for every version: those it did not hear of come in, those that
expired while it was away go. Versions that expire while the registry is read move the pages that are still to come, so
that some are passed over: then it is read again, before any is forgotten.
"""

import logging
from datetime import datetime, timedelta
from time import monotonic
from typing import Protocol

from demand_assets.forecasting.registry.registered_models import RegisteredPage
from webapp.db.database import db, now, writing
from webapp.db.locks import locked
from webapp.models.versions import forget_unregistered, note_registered
from webapp.tables import Watermark
from webapp.tables.watermarks import set_watermark

log = logging.getLogger(__name__)

TOLD_LATE = timedelta(seconds=30)
"""A version is removed from the registry a moment before the journal tells."""
GAP = "versions to read"
"""The watermark that is set while the journal has a gap that the registry has not filled yet."""


class ListsVersions(Protocol):
    """What is asked of the model registry here."""

    def registered(self, token: str = "") -> RegisteredPage:
        """Some of all versions, or those behind an earlier page: one query. Raises: RegistryDownError."""


class RegisteredVersions:
    """Fills the gap, a page at a time; begun anew when the process is."""

    def __init__(self, registry: ListsVersions) -> None:
        self._registry = registry
        self._of = self._token = ""
        self._began: datetime = now()
        self._ended: float | None = None
        self._found: dict[str, set[int]] = {}

    def is_due(self) -> bool:
        """Whether there is something to ask or to forget."""
        gap = _gap()
        if gap and gap != self._of:
            self._begin(gap)
        return bool(gap) and (self._ended is None or timedelta(seconds=monotonic() - self._ended) >= TOLD_LATE)

    def read_some(self) -> None:
        """Ask for the next page; some time after the last one, forget what the registry does not have.

        Raises: RegistryDownError: the registry does not answer; the same page is asked for again.
        """
        if self._ended is not None:
            self._forget()
            return
        page = self._registry.registered(self._token)
        with writing():
            note_registered(page.versions)
        for one in page.versions:
            self._found.setdefault(one.region_item.key, set()).add(one.version)
        self._token, self._ended = page.token, None if page.token else monotonic()

    def _forget(self) -> None:
        with writing():
            mark = locked(Watermark, GAP)
            if mark is None or mark.value != self._of:
                return  # versions expired meanwhile: it is begun anew
            gone = forget_unregistered(self._found, self._began)
            mark.value = ""
        log.info("the registry has %d versions; %d that it does not have any more were forgotten",
                 sum(map(len, self._found.values())), gone)
        self._begin("")

    def _begin(self, gap: str) -> None:
        self._of, self._token, self._began, self._ended, self._found = gap, "", now(), None, {}


def note_gap() -> None:
    """Have the registry asked for every version; part of the caller's transaction."""
    set_watermark(GAP, now().isoformat())


def note_expired() -> None:
    """Have the registry asked again, when it is being asked while versions expire; part of the caller's transaction."""
    mark = db.session.get(Watermark, GAP)
    if mark is not None and mark.value:
        note_gap()


def _gap() -> str:
    mark = db.session.get(Watermark, GAP)
    gap = mark.value if mark else ""
    db.session.rollback()
    return gap
