"""Retrain requests of planners: stored in one transaction, never twice, and cancelled."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import NAMESPACE_URL, uuid5

from flask import abort
from sqlalchemy import func, select

from demand_assets.forecasting.contract.region_item import RegionItem
from webapp.audit.record import record
from webapp.db.database import db, now, writing
from webapp.db.locks import once_more
from webapp.language.translations import gettext as _
from webapp.personal.seen_region_items import everything, sees_everything
from webapp.region_items.rows import locked_region_items, open_retrains
from webapp.retrains import request_and_item_states as states
from webapp.tables import Catalogue, Retrain, RetrainItem
from webapp.telemetry.requests_seen import begins, belongs_to

RETRIED = ("failed", "cancelled")
NAMED = 5
"""Region-items that an entry of the audit log names, or a message."""


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


@once_more
def store(token: str, keys: Sequence[str], asked_by: str, reason: str = "", act: str = "asked") -> Stored:
    """Store a request for these region-items, unless the same form already did.

    Region-items that are in an unfinished retrain are left out. Keys must be known ones.

    Args:
        reason: why, in the planner's words.
        act: what the audit log calls it.
    """
    request_id, keys = request_id_of(token, keys), list(dict.fromkeys(keys))
    with writing():
        rows = locked_region_items(keys)  # requests for the same region-items are stored one after the other
        same = db.session.scalar(select(Retrain).where(Retrain.request_id == request_id))
        if same is not None:
            belongs_to(request_id)
            return Stored(same, False, {})
        running = open_retrains(keys)
        wanted = [key for key in keys if key not in running]
        if not wanted:
            return Stored(None, False, running)
        begins(request_id)
        retrain = states.ask(request_id, {key: rows[key].production_version for key in wanted}, asked_by, reason)
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


def ask_to_cancel(retrain: Retrain) -> bool:
    """Whether the request is cancelled now: at once where it was not sent, else by the background process.

    False when it is finished, or was to be cancelled already.
    """
    retrain_id = retrain.id
    if unseen_of(retrain):
        abort(403, _("This retrain includes region-items that you do not see. Only someone who sees all of them can "
                     "cancel it."))
    with writing():
        retrain = states.hold(retrain_id)
        state, undecided = retrain.state, len(states.open_items(retrain))
        if not states.ask_to_cancel(retrain):
            return False
        record("cancelled", "retrain", retrain_words(retrain), before={"state": state},
               after={"open region-items": undecided})
    return True


def unseen_of(retrain: Retrain) -> int:
    """How many region-items of a retrain whoever asks does not see."""
    if sees_everything():
        return 0
    query = select(func.count()).select_from(RetrainItem).where(RetrainItem.retrain_id == retrain.id)
    seen = db.session.scalar(query) or 0
    with everything():
        return (db.session.scalar(query) or 0) - seen


def retry_keys(retrain: Retrain) -> list[str]:
    """The region-items of the catalogue that failed in it or were cancelled."""
    return list(db.session.scalars(
        select(RetrainItem.key).join(Catalogue, Catalogue.key == RetrainItem.key)
        .where(RetrainItem.retrain_id == retrain.id, RetrainItem.state.in_(RETRIED), Catalogue.in_catalogue)
        .order_by(RetrainItem.position)))


def seconds_of(item: RetrainItem) -> float | None:
    """How long one region-item has been worked on, or was; None before its start."""
    if item.started_at is None:
        return None
    return max(((item.finished_at or now()) - item.started_at) / timedelta(seconds=1), 0.0)
