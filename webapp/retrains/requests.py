"""Retrain requests: stored in one transaction, never twice, cancelled, and settled when nothing is open."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from demand_assets.forecasting.contract.region_item import RegionItem
from webapp.audit.record import record
from webapp.db.database import db, now, writing
from webapp.region_items.rows import open_retrains, rows_by_key
from webapp.tables import OPEN_STATES, RegionItemRow, Retrain, RetrainItem

RETRIED = ("failed", "cancelled")
NAMED = 5
"""Region-items that an entry of the audit log names."""


@dataclass(frozen=True)
class Stored:
    """What became of a request."""

    retrain: Retrain | None
    """The retrain that carries it; None when nothing was left to ask for."""
    is_new: bool
    already_running: dict[str, int]
    """Key -> retrain of the region-items that are in an unfinished one and so were left out."""


def request_id_of(token: str, keys: Sequence[str]) -> str:
    """The request's id: the same for the same form and selection, another for any other."""
    return str(uuid5(NAMESPACE_URL, "\n".join([token, *sorted(keys)])))


def store(token: str, keys: Sequence[str], asked_by: str, reason: str = "", act: str = "asked") -> Stored:
    """Store a request for these region-items, unless the same form already did.

    Region-items that are in an unfinished retrain are left out. Keys must be known ones.

    Args:
        reason: why, in the planner's words.
        act: what the audit log calls it.
    """
    request_id = request_id_of(token, keys)
    for _ in range(3):
        try:
            return _store(request_id, list(dict.fromkeys(keys)), asked_by, reason, act)
        except IntegrityError:
            continue  # somebody else stored the same request or an overlapping one in between: look again
    return _store(request_id, list(dict.fromkeys(keys)), asked_by, reason, act)


def _store(request_id: str, keys: list[str], asked_by: str, reason: str, act: str) -> Stored:
    with writing():
        same = db.session.scalar(select(Retrain).where(Retrain.request_id == request_id))
        if same is not None:
            return Stored(same, False, {})
        running = open_retrains(keys)
        wanted = [key for key in keys if key not in running]
        if not wanted:
            return Stored(None, False, running)
        rows = rows_by_key(wanted)
        retrain = Retrain(request_id=request_id, asked_by=asked_by, reason=reason, size=len(wanted), asked_at=now(),
                          items=[RetrainItem(key=key, position=position, open_slot=1,
                                             version_before=rows[key].production_version)
                                 for position, key in enumerate(wanted)])
        db.session.add(retrain)
        db.session.flush()
        record(act, "retrain", retrain_words(retrain), after=_told(wanted, len(running)), reason=reason)
    return Stored(retrain, True, running)


def retrain_words(retrain: Retrain) -> str:
    """What the audit log calls a retrain."""
    return f"retrain {retrain.id} ({retrain.size} region-item{'s' if retrain.size != 1 else ''})"


def _told(keys: Sequence[str], left_out: int) -> dict[str, object]:
    """What is retrained, in a few names."""
    names = [str(RegionItem.from_key(key)) for key in keys[:NAMED]]
    more = [f"and {len(keys) - NAMED} more"] if len(keys) > NAMED else []
    return {"region-items": names + more} | ({"left out, in a retrain already": left_out} if left_out else {})


def ask_to_cancel(retrain: Retrain) -> None:
    """Cancel a request that was not sent yet; let the background process stop one that was."""
    retrain_id = retrain.id
    with writing():
        retrain = db.session.get_one(Retrain, retrain_id)
        if retrain.is_finished or retrain.cancel_asked_at is not None:
            return
        retrain.cancel_asked_at = now()
        record("cancelled", "retrain", retrain_words(retrain), before={"state": retrain.state},
               after={"open region-items": len(open_items(retrain))})
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
    if retrain.is_finished:
        return
    states = set(db.session.scalars(
        select(RetrainItem.state).where(RetrainItem.retrain_id == retrain.id).distinct()))
    if states.isdisjoint(OPEN_STATES):
        last = db.session.scalar(select(func.max(RetrainItem.finished_at)).where(
            RetrainItem.retrain_id == retrain.id))
        retrain.finished_at = max(last or now(), retrain.asked_at)
        retrain.state = "cancelled" if states == {"cancelled"} else "finished"
        if retrain.next_attempt_at is not None:  # it waited for another attempt, which nobody needs any more
            retrain.next_attempt_at, retrain.problem = None, ""


def open_items(retrain: Retrain) -> list[RetrainItem]:
    """Those of its region-items that are not decided yet."""
    return list(db.session.scalars(select(RetrainItem).where(
        RetrainItem.retrain_id == retrain.id, RetrainItem.state.in_(OPEN_STATES)).order_by(RetrainItem.position)))


def retry_keys(retrain: Retrain) -> list[str]:
    """The region-items of the catalogue that failed in it or were cancelled."""
    return list(db.session.scalars(
        select(RetrainItem.key).join(RegionItemRow, RegionItemRow.key == RetrainItem.key)
        .where(RetrainItem.retrain_id == retrain.id, RetrainItem.state.in_(RETRIED), RegionItemRow.in_catalogue)
        .order_by(RetrainItem.position)))


def seconds_of(item: RetrainItem) -> float | None:
    """How long one region-item has been worked on, or was; None before its start."""
    if item.started_at is None:
        return None
    return max(((item.finished_at or now()) - item.started_at) / timedelta(seconds=1), 0.0)
