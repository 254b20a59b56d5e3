"""Decisions that the journal lost and that a later one hides: asked of the versions that a retrain made.

A run that is killed may have told the registry of a decision and not the journal; its region-item is then given up, or
cancelled, here. The registry's entry of a region-item tells of its newest decision only, so another retrain that comes
soon hides the lost one. Each version bears its own: the registry is asked once for the versions of each retrain of
which the app closed something itself.
"""

from datetime import datetime, timedelta
from typing import Literal, Protocol

from sqlalchemy import exists, select

from demand_assets.forecasting.registry.registered_models import RegisteredPage
from webapp.db.database import db, now, writing
from webapp.models.registry_follower import JOURNAL_LAG
from webapp.models.versions import EVENTS
from webapp.retrains import request_and_item_states as states
from webapp.tables import RUN, Retrain, RetrainItem

LATELY = timedelta(days=2)
"""Retrains that ended earlier are asked for no more, not even by an app that begins anew."""
ASKED_AT_ONCE = 5
"""Questions of one turn: an app that begins anew has many retrains to ask for, and the newest do not wait for them."""


class ListsVersionsOfRequest(Protocol):
    """What is asked of the model registry here."""

    def made_for(self, tag: Literal["request_id", "dagster_run_id"], value: str, token: str = "") -> RegisteredPage:
        """Some of the versions that a retrain made, or those behind an earlier page: one query.

        Raises: RegistryDownError: the registry does not answer.
        """


class LostDecisions:
    """Asks for them, a page at a time; what was asked is forgotten with the process, and asked once more."""

    def __init__(self, registry: ListsVersionsOfRequest) -> None:
        self._registry = registry
        self._asked: set[tuple[int, datetime]] = set()
        """Retrains, with their ends: one that grew ends again."""
        self._going: tuple[int, datetime, str] | None = None
        """The one whose pages are asked for."""
        self._token = ""

    def is_due(self) -> bool:
        """Whether a retrain is to be asked for."""
        return self._going is not None or self._next() is not None

    def read_some(self) -> None:
        """Ask for some pages of the versions of retrains, and take up their decisions.

        Raises: RegistryDownError: the registry does not answer; the same page is asked for again.
        """
        for _ in range(ASKED_AT_ONCE):
            if self._going is None:
                self._going = self._next()
            if self._going is None:
                return
            self._read(*self._going)

    def _read(self, retrain_id: int, finished_at: datetime, request_id: str) -> None:
        run_id = request_id.removeprefix(RUN)
        page = self._registry.made_for("request_id" if run_id == request_id else "dagster_run_id", run_id, self._token)
        with writing():
            for one in page.versions:
                event = EVENTS.get(one.decision)
                item = db.session.scalar(select(RetrainItem).where(
                    RetrainItem.retrain_id == retrain_id, RetrainItem.key == one.region_item.key,
                    RetrainItem.closed_by_us, RetrainItem.version.is_(None) | (RetrainItem.version == one.version)))
                if event and item:
                    states.note_decision(item, event, one.reason, one.version)
        self._token = page.token
        if not page.token:
            self._asked.add((retrain_id, finished_at))
            self._going = None

    def _next(self) -> tuple[int, datetime, str] | None:
        """The retrain that ended last of those to be asked for: its id, its end, and its request."""
        at = now()
        has_closed = exists().where(RetrainItem.retrain_id == Retrain.id, RetrainItem.closed_by_us)
        ended = db.session.execute(select(Retrain.id, Retrain.finished_at, Retrain.request_id).where(
            Retrain.finished_at > at - LATELY, Retrain.finished_at < at - JOURNAL_LAG).order_by(
                Retrain.finished_at.desc())).all()
        try:
            for retrain_id, finished_at, request_id in ended:
                if finished_at is None or (retrain_id, finished_at) in self._asked:
                    continue
                if db.session.scalar(select(Retrain.id).where(Retrain.id == retrain_id, has_closed)) is not None:
                    return retrain_id, finished_at, request_id
                self._asked.add((retrain_id, finished_at))
        finally:
            db.session.rollback()
        return None
