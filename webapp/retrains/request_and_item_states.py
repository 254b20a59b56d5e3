"""What ends a retrain: every state of a request and of its region-items, and every step from one to the next.

Nothing else in the app changes these states; ``docs/retrains.md`` has them as a drawing. A region-item is decided by
the pipeline, once: what the gate or a failure said first stays. Where a run ends without a word, the app closes what
the run left open. That is a presumption (``presumed_failed``, ``presumed_cancelled``): the pipeline's own word still
counts, should it come late. So messages may come twice, late or in any order.

Every function here is part of the caller's transaction (``writing``), in which ``hold`` keeps others away from the
request. A step that the tables do not know raises IllegalStepError.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import isfinite
from typing import Any, Literal, cast

from sqlalchemy import delete, func, select

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.store.journal import Entry, Step
from webapp.dagster_client import CarrierState, Sent
from webapp.db.database import db, now
from webapp.db.locks import locked_one
from webapp.language.translations import gettext
from webapp.retrains.failure_causes import why_failed
from webapp.tables import OPEN_STATES, REPEATED, ItemState, Retrain, RetrainItem, RetrainState

log = logging.getLogger(__name__)

Standing = Literal["queued", "training", "judging", "promoted", "kept", "quarantined", "failed", "cancelled",
                   "presumed_failed", "presumed_cancelled"]
"""The states of a region-item here; the presumed ones are stored and shown as failed and cancelled."""
ItemEvent = Literal["started", "trained", "promoted", "kept", "quarantined", "failed", "never_sent", "given_up",
                    "stopped"]
RequestEvent = Literal["sent", "refused", "decided", "all_cancelled", "grown"]

PRESUMED: tuple[Standing, ...] = ("presumed_failed", "presumed_cancelled")
DECIDED: tuple[Standing, ...] = ("promoted", "kept", "quarantined", "failed", "cancelled")
"""Final: no event leads out of them."""
UNDECIDED: tuple[Standing, ...] = (*OPEN_STATES, *PRESUMED)

ITEM_STEPS: Mapping[ItemEvent, Mapping[Standing, Standing]] = {
    "started": {"queued": "training", "training": "training"},
    "trained": {"queued": "judging", "training": "judging", "judging": "judging"},
    "promoted": dict.fromkeys(UNDECIDED, "promoted"),
    "kept": dict.fromkeys(UNDECIDED, "kept"),
    "quarantined": dict.fromkeys(UNDECIDED, "quarantined"),
    "failed": dict.fromkeys(UNDECIDED, "failed"),
    "never_sent": {"queued": "cancelled"},
    "given_up": dict.fromkeys(OPEN_STATES, "presumed_failed"),
    "stopped": dict.fromkeys(OPEN_STATES, "presumed_cancelled"),
}
"""Event -> what becomes of a region-item in each state."""
REQUEST_STEPS: Mapping[RequestEvent, Mapping[RetrainState, RetrainState]] = {
    "sent": {"stored": "sent"},
    "refused": {"stored": "refused"},
    "decided": {"stored": "finished", "sent": "finished", "cancelled": "finished", "refused": "finished"},
    "all_cancelled": {"stored": "cancelled", "sent": "cancelled"},
    "grown": {"finished": "sent", "cancelled": "sent"},
}
"""Event -> what becomes of a request in each state."""
EVENT_OF_STEP: Mapping[Step, ItemEvent] = {
    "started": "started", "validated": "started", "trained": "trained", "promoted": "promoted", "kept": "kept",
    "quarantined": "quarantined", "failed": "failed"}
"""What the pipeline's journal says -> event; other steps say nothing of a retrain."""

SENDING = timedelta(seconds=100)
"""For so long whoever sends a request has it for itself: longer than all of its questions to Dagster may take."""
SETTLING = timedelta(seconds=15)
"""After a run's end, before what it left open is closed: its last entries are read, a crashed run is started again."""
JUDGING = timedelta(minutes=15)
"""How long a trained candidate may wait for its decision after its run ended."""
# Reasons, stored in English, as modules are loaded outside any request; pages look them up in the reader's language.
CANCELLED_UNSENT = gettext("cancelled before it was sent")
CANCELLED = {"queued": gettext("cancelled before it was started"),
             "training": gettext("cancelled while it was trained")}
NOT_JUDGED = gettext("Trained, but not judged within 15 minutes. Is the promotion sensor running in Dagster? The "
                     "candidate stays registered, and is judged when it does.")
DELETED = {"queued": gettext("Its run was deleted in Dagster before it was started. Retry to train it."),
           "training": gettext("Its run was deleted in Dagster while it was trained. Retry to train it.")}
NOT_TRAINED = gettext("The run ended without training it. Its log in Dagster says why; retry to train it.")


class IllegalStepError(RuntimeError):
    """A retrain or one of its region-items was to take a step that its state does not allow."""


def standing(item: RetrainItem) -> Standing:
    """The state of a region-item, with presumptions told from decisions."""
    return cast(Standing, f"presumed_{item.state}" if item.closed_by_us and item.state in ("failed", "cancelled")
                else item.state)


def hold(retrain_id: int) -> Retrain:
    """The request as it is now; nobody else changes it or its region-items until the transaction ends.

    Raises: sqlalchemy.exc.NoResultFound: there is none.
    """
    return locked_one(Retrain, retrain_id)


def open_items(retrain: Retrain) -> list[RetrainItem]:
    """Those of its region-items that are neither decided nor given up."""
    return list(db.session.scalars(select(RetrainItem).where(
        RetrainItem.retrain_id == retrain.id, RetrainItem.state.in_(OPEN_STATES)).order_by(RetrainItem.position)))


# A request comes into being.


def ask(request_id: str, versions_before: Mapping[str, int | None], asked_by: str, reason: str) -> Retrain:
    """A planner's new request, stored; its region-items are queued. Called by ``requests``.

    Args:
        versions_before: key -> version in production, of each region-item in the order in which they are shown.
    """
    retrain = Retrain(request_id=request_id, asked_by=asked_by, reason=reason, size=len(versions_before),
                      asked_at=now(), state="stored",
                      items=[RetrainItem(key=key, position=place, state="queued", open_slot=1, version_before=version)
                             for place, (key, version) in enumerate(versions_before.items())])
    db.session.add(retrain)
    db.session.flush()
    return retrain


def ask_in_dagster(request_id: str, asked_by: str, source: Literal["automatic", "engineer"], reason: str,
                   entry: Entry, sent: Sent) -> Retrain:
    """A retrain that was asked for in Dagster, sent, without region-items yet. Called by ``from_dagster``."""
    at = datetime.fromisoformat(entry.at)
    retrain = Retrain(request_id=request_id, asked_by=asked_by, source=source, reason=reason, asked_at=at, size=0,
                      state="sent", cancel_sent=False, attempts=1, problem="", sent_at=at,
                      carrier=sent.carrier, dagster_id=sent.id, dagster_state="running")
    db.session.add(retrain)
    return retrain


def grow(retrain: Retrain, key: str, has_slot: bool) -> RetrainItem:
    """Another region-item, queued, of a retrain that was asked for in Dagster. Called by ``from_dagster``.

    Args:
        has_slot: whether no other open retrain has the region-item.
    Raises: IllegalStepError: a planner asked for it, so its region-items are known from the beginning.
    """
    if retrain.source == "planner":
        raise IllegalStepError(f"Retrain {retrain.id} was asked for by a planner and gets no further region-item; "
                               f"{key} is none of its {retrain.size}.")
    item = RetrainItem(retrain_id=retrain.id, key=key, position=retrain.size, state="queued", at="", run_id="",
                       open_slot=1 if has_slot else None, closed_by_us=False, reason="", numbers={})
    db.session.add(item)
    retrain.size += 1
    retrain.ended_at = None
    if retrain.is_finished:
        _step_request(retrain, "grown")
        retrain.finished_at = None
    return item


# It is sent.


def claim(retrain_id: int) -> Retrain | None:
    """The request, when it is stored, due and sent by nobody else; for the next ``SENDING`` only the caller sends it.

    Called by ``dispatch``.
    """
    retrain = hold(retrain_id)
    due, at = retrain.next_attempt_at, now()
    is_due = due is None or due <= at or due > at + SENDING  # later than it is ever set: the clock was put back
    if retrain.state != "stored" or not is_due:
        return None
    retrain.attempts += 1
    retrain.next_attempt_at = at + SENDING
    return retrain


def postpone(retrain: Retrain, problem: str, wait: timedelta) -> None:
    """Note why it could not be sent, and when it is tried again. Called by ``dispatch``."""
    if retrain.state == "stored":
        retrain.problem, retrain.next_attempt_at = problem, now() + wait


def note_sent(retrain: Retrain, sent: Sent) -> None:
    """Note what carries it in Dagster; the first word counts. Called by ``dispatch``."""
    if retrain.dagster_id and retrain.dagster_id != sent.id:
        log.error("retrain %s is carried by %s %s and was sent as %s %s too", retrain.id, retrain.carrier,
                  retrain.dagster_id, sent.carrier, sent.id)
        return
    if retrain.state == "stored":
        _step_request(retrain, "sent")
    if not retrain.dagster_id:
        retrain.sent_at, retrain.dagster_state = now(), "waiting"
        retrain.carrier, retrain.dagster_id = sent.carrier, sent.id
        retrain.problem, retrain.next_attempt_at = "", None
    settle(retrain)


def refuse(retrain: Retrain, reason: str) -> None:
    """End a request that Dagster refuses, unless it was sent or ended already. Called by ``dispatch``."""
    if retrain.state != "stored":
        return
    for item in open_items(retrain):
        _close(item, "given_up", reason)
    _step_request(retrain, "refused")
    retrain.problem, retrain.next_attempt_at, retrain.finished_at = reason, None, now()
    settle(retrain)


def refuse_items(retrain: Retrain, keys: Sequence[str], reason: str) -> None:
    """End region-items that Dagster does not know. Called by ``dispatch``."""
    refused = set(keys)
    for item in open_items(retrain):
        if item.key in refused:
            _close(item, "given_up", reason)
    settle(retrain)


# It is cancelled.


def ask_to_cancel(retrain: Retrain) -> bool:
    """Note that a person wants it cancelled; whether that changes anything. Called by ``requests``.

    What nobody began to send is cancelled at once. Else ``dispatch`` stops it in Dagster, or finds it not to be there.
    """
    if retrain.is_finished or retrain.cancel_asked_at is not None:
        return False
    retrain.cancel_asked_at = now()
    found = open_items(retrain)
    if retrain.state == "stored" and retrain.attempts == 0 and all(item.state == "queued" for item in found):
        for item in found:
            _close(item, "never_sent", CANCELLED_UNSENT)
        settle(retrain)
    return True


def cancel_unsent(retrain: Retrain) -> None:
    """End a request that is to be cancelled and that Dagster does not have. Called by ``dispatch``."""
    if retrain.state == "stored":
        for item in open_items(retrain):
            _close(item, "stopped", CANCELLED_UNSENT)
        settle(retrain)


# Dagster says where its run stands.


def note_run(retrain: Retrain, state: CarrierState | Literal["gone"], cancel_sent: bool, why: str = "",
             may_close: bool = True) -> None:
    """Note where its run or backfill stands, and close what that left open. Called by ``dispatch``.

    Args:
        state: ``gone`` when Dagster does not have it any more.
        cancel_sent: whether Dagster was just told to stop all of it that goes on.
        why: it failed, as Dagster says.
        may_close: whether the journal was read to its end, and Dagster was asked why: else what is open stays so for
            now, even where its time comes in this very moment.
    """
    retrain.cancel_sent = retrain.cancel_sent or cancel_sent
    retrain.dagster_state = "failed" if state == "gone" else state
    if state in ("waiting", "running"):
        retrain.ended_at = None
        return
    if retrain.ended_at is None or retrain.ended_at > now():  # the clock was put back
        retrain.ended_at = now()
    since = now() - retrain.ended_at
    is_cancelled = state == "cancelled" or retrain.cancel_asked_at is not None
    for item in open_items(retrain) if may_close else ():
        if item.state == "judging":
            if since >= JUDGING:
                _close(item, "given_up", NOT_JUDGED)
        elif since >= SETTLING:
            if is_cancelled:
                _close(item, "stopped", CANCELLED[item.state])
            else:
                _close(item, "given_up", why_failed(why, item.state == "training") if state == "failed" else
                       DELETED[item.state] if state == "gone" else NOT_TRAINED)
    settle(retrain)


def leaves_open(retrain: Retrain) -> bool:
    """Whether its run ended so long ago that some of what is open is closed now. Called by ``dispatch``."""
    if retrain.ended_at is None or (since := now() - retrain.ended_at) < SETTLING:
        return False
    return since >= JUDGING or any(item.state != "judging" for item in open_items(retrain))


def follow_run(retrain: Retrain, run_id: str) -> None:
    """Note the run that works on a retrain from Dagster now; it may take several. Called by ``from_dagster``."""
    if retrain.dagster_id != run_id:
        retrain.dagster_id, retrain.ended_at = run_id, None


# The pipeline says what became of a region-item.


def note_entry(item: RetrainItem, entry: Entry) -> None:
    """Take up an entry of the journal. Called by the journal's reader, which settles the retrain at the end.

    An entry that comes twice, or late, changes nothing. What another run of the same request says of a region-item that
    is decided is noted beside the decision (``RetrainItem.repeated``), which stays.
    """
    event = EVENT_OF_STEP.get(entry.step)
    if event is None:
        return
    before = standing(item)
    if before not in ITEM_STEPS[event]:
        if event in DECIDED and entry.at > item.at:
            _note_more(item, event, entry)
        return  # late: a later step is known already
    if ITEM_STEPS[event][before] == before and entry.at < item.at:
        return  # the same step again, from before
    at = datetime.fromisoformat(entry.at)
    _step_item(item, event)
    item.reason, item.at, item.run_id = entry.reason, entry.at, entry.run_id
    item.numbers = {**item.numbers, **_json_numbers(entry)}
    item.started_at = item.started_at or at
    item.version = _version_of(entry) or item.version
    if event in DECIDED:
        item.finished_at = at


def note_decision(item: RetrainItem, event: Literal["promoted", "kept"], reason: str, version: int | None) -> None:
    """Take up a decision on a version that the registry has and the journal lost. Called by the watch of the
    registry."""
    retrain = hold(item.retrain_id)
    db.session.refresh(item)
    if standing(item) in UNDECIDED:
        _close(item, event, reason)
        item.version = item.version or version
        settle(retrain)


def _note_more(item: RetrainItem, event: ItemEvent, entry: Entry) -> None:
    """Note what the journal says after the decision: more of the same, or how another run of the request ended."""
    version = _version_of(entry)
    if (event, version) == (item.state, item.version):
        item.at, item.numbers = entry.at, {**item.numbers, **_json_numbers(entry)}
    elif entry.at > item.repeated.get("at", ""):
        item.numbers = {**item.numbers, REPEATED: {"state": event, "version": version, "at": entry.at,
                                                     "reason": entry.reason, "run_id": entry.run_id}}


def _json_numbers(entry: Entry) -> dict[str, Any]:
    """The entry's numbers without NaN and infinity, which databases do not take in JSON."""
    return {name: value for name, value in entry.numbers.items() if not isinstance(value, float) or isfinite(value)}


def _version_of(entry: Entry) -> int | None:
    version = entry.numbers.get("version")
    return None if version is None else int(version)


# It ends.


def settle(retrain: Retrain) -> None:
    """End the request when none of its region-items is open. Called by whoever changed its region-items."""
    found = db.session.execute(select(RetrainItem.state, func.max(RetrainItem.finished_at)).where(
        RetrainItem.retrain_id == retrain.id).group_by(RetrainItem.state)).all()
    last = {cast(ItemState, state): at for state, at in found}
    if not last or not last.keys().isdisjoint(OPEN_STATES) or retrain.state == "finished":
        return
    event: RequestEvent = "all_cancelled" if last.keys() == {"cancelled"} else "decided"
    if (retrain.state, event) == ("cancelled", "all_cancelled") or (
            retrain.state == "refused" and not _any_decided(retrain)):
        return
    _step_request(retrain, event)
    retrain.finished_at = max([at for at in last.values() if at is not None] + [retrain.asked_at])
    if retrain.next_attempt_at is not None:  # it waited for another attempt, which nobody needs any more
        retrain.next_attempt_at, retrain.problem = None, ""


def _any_decided(retrain: Retrain) -> bool:
    return db.session.scalar(select(RetrainItem.key).where(
        RetrainItem.retrain_id == retrain.id, RetrainItem.closed_by_us.is_(False)).limit(1)) is not None


def forget(retrain_ids: Sequence[int]) -> None:
    """Remove retrains that are over, with their region-items; part of the caller's transaction, which holds them."""
    db.session.execute(delete(RetrainItem).where(RetrainItem.retrain_id.in_(retrain_ids)))
    db.session.execute(delete(Retrain).where(Retrain.id.in_(retrain_ids)))


def _close(item: RetrainItem, event: ItemEvent, reason: str) -> None:
    _step_item(item, event)
    item.reason, item.finished_at = reason, now()


def _step_item(item: RetrainItem, event: ItemEvent) -> None:
    before = standing(item)
    after = ITEM_STEPS[event].get(before)
    if after is None:
        raise IllegalStepError(f"{RegionItem.from_key(item.key)} of retrain {item.retrain_id} is {before}: it cannot "
                               f"be {event}. {_allowed(ITEM_STEPS, before)}")
    item.closed_by_us = after in PRESUMED
    item.state = after.removeprefix("presumed_")
    if after not in OPEN_STATES:
        item.open_slot = None


def _step_request(retrain: Retrain, event: RequestEvent) -> None:
    before = cast(RetrainState, retrain.state)
    after = REQUEST_STEPS[event].get(before)
    if after is None:
        raise IllegalStepError(f"Retrain {retrain.id} is {before}: it cannot be {event}. "
                               f"{_allowed(REQUEST_STEPS, before)}")
    retrain.state = after


def _allowed(steps: Mapping[Any, Mapping[Any, Any]], before: str) -> str:
    events = [event for event, leads in steps.items() if before in leads]
    return f"From there it can be: {', '.join(events)}." if events else "That state is final."
