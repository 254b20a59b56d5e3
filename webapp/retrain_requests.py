"""Retrain requests: stored in one transaction, never twice, and summed up for the page."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, uuid4, uuid5

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from webapp.database import db, now, writing
from webapp.region_items import open_retrains, rows_by_key
from webapp.tables import OPEN_STATES, Retrain, RetrainItem

DONE_STATES = ("promoted", "kept", "quarantined", "failed", "cancelled")


@dataclass(frozen=True)
class Stored:
    """What became of a request."""

    retrain: Retrain | None
    """The retrain that carries it; None when nothing was left to ask for."""
    is_new: bool
    already_running: dict[str, int]
    """Key -> retrain of the region-items that are in an unfinished one and so were left out."""


def new_form_token() -> str:
    """A token for one rendering of a form; the same form sent twice makes one request."""
    return uuid4().hex


def request_id_of(token: str, keys: Sequence[str]) -> str:
    """The request's id: the same for the same form and selection, another for any other."""
    return str(uuid5(NAMESPACE_URL, "\n".join([token, *sorted(keys)])))


def store(token: str, keys: Sequence[str], asked_by: str) -> Stored:
    """Store a request for these region-items, unless the same form already did.

    Region-items that are in an unfinished retrain are left out. Keys must be known ones.
    """
    request_id = request_id_of(token, keys)
    for _ in range(3):
        try:
            return _store(request_id, list(dict.fromkeys(keys)), asked_by)
        except IntegrityError:
            continue  # somebody else stored the same request or an overlapping one in between: look again
    return _store(request_id, list(dict.fromkeys(keys)), asked_by)


def _store(request_id: str, keys: list[str], asked_by: str) -> Stored:
    with writing():
        same = db.session.scalar(select(Retrain).where(Retrain.request_id == request_id))
        if same is not None:
            return Stored(same, False, {})
        running = open_retrains(keys)
        wanted = [key for key in keys if key not in running]
        if not wanted:
            return Stored(None, False, running)
        rows = rows_by_key(wanted)
        retrain = Retrain(request_id=request_id, asked_by=asked_by, size=len(wanted), asked_at=now(), items=[
            RetrainItem(key=key, position=position, version_before=rows[key].production_version)
            for position, key in enumerate(wanted)])
        db.session.add(retrain)
        db.session.flush()
    return Stored(retrain, True, running)


def ask_to_cancel(retrain: Retrain) -> None:
    """Cancel a request that was not sent yet; let the background process stop one that was."""
    retrain_id = retrain.id
    with writing():
        retrain = db.session.get_one(Retrain, retrain_id)
        if retrain.is_finished or retrain.cancel_asked_at is not None:
            return
        retrain.cancel_asked_at = now()
        if retrain.state == "stored" and retrain.attempts == 0:
            for item in retrain.items:
                close_item(item, "cancelled", "cancelled before it was sent")
            settle(retrain)


def close_item(item: RetrainItem, state: str, reason: str) -> None:
    """Close an open item for a reason of ours; an entry of the journal may still overrule it."""
    if not item.is_final:
        item.state, item.reason, item.closed_by_us = state, reason, True
        item.open_slot, item.finished_at = None, now()


def settle(retrain: Retrain) -> None:
    """Finish the retrain when nothing in it is open."""
    if retrain.state in ("stored", "sent") and all(item.is_final for item in retrain.items):
        retrain.finished_at = now()
        untouched = {item.state for item in retrain.items} == {"cancelled"}
        retrain.state = "cancelled" if untouched else "finished"
        retrain.next_attempt_at = None


@dataclass(frozen=True)
class Progress:
    """A retrain, summed up."""

    retrain: Retrain
    counts: dict[str, int]
    """Region-items in each state; states without any are left out."""

    @property
    def total(self) -> int:
        """Region-items in it."""
        return self.retrain.size

    @property
    def done(self) -> int:
        """Region-items that are decided, refused, failed or cancelled."""
        return sum(self.counts.get(state, 0) for state in DONE_STATES)

    @property
    def seconds(self) -> float:
        """How long it has taken so far, or took."""
        return ((self.retrain.finished_at or now()) - self.retrain.asked_at).total_seconds()

    @property
    def can_be_cancelled(self) -> bool:
        """Whether cancelling would still change anything."""
        return not self.retrain.is_finished and self.retrain.cancel_asked_at is None and any(
            self.counts.get(state) for state in ("queued", "training"))


def progress_of(retrain: Retrain) -> Progress:
    """The retrain, summed up."""
    return Progress(retrain, dict(Counter(item.state for item in retrain.items)))


def newest(limit: int = 100, before: datetime | None = None) -> list[Retrain]:
    """Retrains, newest first."""
    query = select(Retrain).order_by(Retrain.asked_at.desc(), Retrain.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Retrain.asked_at < before)
    return list(db.session.scalars(query))


def seconds_of(item: RetrainItem) -> float | None:
    """How long one region-item has been worked on, or was; None before its start."""
    if item.started_at is None:
        return None
    return max(((item.finished_at or now()) - item.started_at) / timedelta(seconds=1), 0.0)


def unfinished() -> list[Retrain]:
    """Retrains in which something is open, oldest first."""
    open_ids = select(RetrainItem.retrain_id).where(RetrainItem.state.in_(OPEN_STATES))
    return list(db.session.scalars(select(Retrain).where(Retrain.id.in_(open_ids)).order_by(Retrain.id)))
