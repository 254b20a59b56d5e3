"""Stored retrain requests go to Dagster, once each; where they stand there comes back."""

import logging
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select, update

from demand_assets.forecasting.contract.run_sizes import LARGEST_RETRAIN_RUN
from webapp.dagster_client import CarrierState, Dagster, DagsterDownError, DagsterRefusedError, DagsterUnsureError, Sent
from webapp.db.database import db, now, writing
from webapp.retrains.progress import unfinished
from webapp.retrains.requests import close_item, open_items, settle
from webapp.tables import RegionItemRow, Retrain

log = logging.getLogger(__name__)

MOST_RANGES = 10
"""Of more contiguous ranges no backfill is made, since each costs a run."""
LARGEST_PLANNED = 50
"""Up to this many neighbours go as a range that Dagster plans and shows as under way. It plans before it answers, five
events for each region-item; more go by their keys, and each partition is recorded when it is made or fails."""
LONGEST_WAIT = timedelta(seconds=10)
UNSURE_WAIT = timedelta(seconds=60)
"""After an answer that did not come: what was asked may still be at work, so look it up only then."""
SETTLING = timedelta(seconds=15)
"""After a run's end, before what it left open is closed: its last entries are read, a crashed run is started again."""
JUDGING = timedelta(minutes=15)
"""How long a trained candidate may wait for its decision after its run ended."""


def ranges(keys: Sequence[str], order: Sequence[str]) -> int:
    """How many contiguous ranges of Dagster's order the keys make; each key must be in the order."""
    place = {key: index for index, key in enumerate(order)}
    places = sorted(place[key] for key in keys)
    return sum(1 for index, here in enumerate(places) if index == 0 or here != places[index - 1] + 1)


def goes_as_backfill(keys: Sequence[str], order: Sequence[str]) -> bool:
    """Whether a backfill carries these keys; otherwise one run of the retrain job does."""
    return len(keys) > LARGEST_RETRAIN_RUN and ranges(keys, order) <= MOST_RANGES


def goes_as_range(keys: Sequence[str], order: Sequence[str]) -> bool:
    """Whether the run that carries these keys is told them as a range of partitions."""
    return len(keys) <= LARGEST_PLANNED and ranges(keys, order) == 1


def send_stored(dagster: Dagster) -> None:
    """Send every stored request whose time has come.

    Raises: DagsterDownError: Dagster does not answer; the rest is kept for later.
    """
    stored = select(Retrain.id).where(Retrain.state == "stored").order_by(Retrain.id)
    for retrain_id in db.session.scalars(stored).all():
        retrain = db.session.get_one(Retrain, retrain_id)
        if retrain.next_attempt_at is None or retrain.next_attempt_at <= now():
            _send(dagster, retrain_id)


def _send(dagster: Dagster, retrain_id: int) -> None:
    with writing():
        retrain = db.session.get_one(Retrain, retrain_id)
        if retrain.state != "stored":
            return
        retrain.attempts += 1
        request_id, size = retrain.request_id, retrain.size
        keys = [item.key for item in open_items(retrain)]
        cancelled = retrain.cancel_asked_at is not None
    try:
        sent = dagster.find(request_id)
        if sent is None and cancelled:
            _close(retrain_id, "cancelled", "cancelled before it was sent")
            return
        if sent is None:
            order = dagster.partition_keys()
            place = {key: index for index, key in enumerate(order)}
            _refuse_unknown(retrain_id, [key for key in keys if key not in place])
            keys = sorted((key for key in keys if key in place), key=lambda key: place[key])
            if not keys:
                return
            title = f"Retrain of {size} region-item{'s' if size != 1 else ''}"
            sent = (dagster.launch_backfill(request_id, keys, title) if goes_as_backfill(keys, order)
                    else dagster.launch_run(request_id, keys, goes_as_range(keys, order)))
    except DagsterRefusedError as error:
        _close(retrain_id, "failed", str(error))
        return
    except DagsterDownError as error:
        _later(retrain_id, error)
        raise
    _sent(retrain_id, sent)


def _sent(retrain_id: int, sent: Sent) -> None:
    with writing():
        retrain = db.session.get_one(Retrain, retrain_id)
        retrain.state, retrain.sent_at, retrain.problem, retrain.next_attempt_at = "sent", now(), "", None
        retrain.carrier, retrain.dagster_id, retrain.dagster_state = sent.carrier, sent.id, "waiting"
        settle(retrain)
    log.info("retrain %s sent as %s %s", retrain_id, sent.carrier, sent.id)


def _later(retrain_id: int, error: DagsterDownError) -> None:
    with writing():
        retrain = db.session.get_one(Retrain, retrain_id)
        wait = min(timedelta(seconds=2 ** min(retrain.attempts, 10)), LONGEST_WAIT)
        retrain.next_attempt_at = now() + (UNSURE_WAIT if isinstance(error, DagsterUnsureError) else wait)
        retrain.problem = str(error)


def _refuse_unknown(retrain_id: int, keys: Sequence[str]) -> None:
    if keys:
        unknown = set(keys)
        with writing():
            retrain = db.session.get_one(Retrain, retrain_id)
            for item in retrain.items:
                if item.key in unknown:
                    close_item(item, "failed", "Dagster has no partition for it (any more); it appears with the next "
                                               "look at the source when the source still has it")
            settle(retrain)


def _close(retrain_id: int, state: str, reason: str) -> None:
    with writing():
        retrain = db.session.get_one(Retrain, retrain_id)
        for item in retrain.items:
            close_item(item, state, reason)
        if state == "failed":
            retrain.problem, retrain.next_attempt_at = reason, None
        settle(retrain)


def follow_sent(dagster: Dagster) -> None:
    """Learn where sent requests stand, cancel what is to be cancelled, and close what ended without a word.

    Raises: DagsterDownError: Dagster does not answer.
    """
    for retrain_id in [retrain.id for retrain in unfinished() if retrain.state == "sent"]:
        retrain = db.session.get_one(Retrain, retrain_id)
        sent = Sent("backfill" if retrain.carrier == "backfill" else "run", retrain.dagster_id)
        request_id, cancel = retrain.request_id, retrain.cancel_asked_at is not None and not retrain.cancel_sent
        db.session.rollback()
        try:
            if cancel:
                dagster.cancel(sent, request_id)
            state = dagster.state(sent, request_id)
        except DagsterRefusedError:
            cancel, state = False, "failed"  # its run was deleted in Dagster
        _note(retrain_id, state, cancel)


def _note(retrain_id: int, state: CarrierState, cancel_sent: bool) -> None:
    with writing():
        retrain = db.session.get_one(Retrain, retrain_id)
        retrain.dagster_state = state
        retrain.cancel_sent = retrain.cancel_sent or cancel_sent
        if state in ("waiting", "running"):
            retrain.ended_at = None
            return
        retrain.ended_at = retrain.ended_at or now()
        since = now() - retrain.ended_at
        for item in open_items(retrain):
            if item.state in ("queued", "training") and since >= SETTLING:
                close_item(item, *_left_open(state, item.state))
            if item.state == "judging" and since >= JUDGING:
                close_item(item, "failed", "trained, but not judged within 15 minutes: is the promotion sensor "
                                           "running in Dagster? The candidate stays registered.")
        settle(retrain)


def _left_open(state: CarrierState, item_state: str) -> tuple[str, str]:
    """State and reason of an item that its run left open."""
    when = "before it was started" if item_state == "queued" else "while it was trained"
    if state == "cancelled":
        return "cancelled", f"cancelled {when}"
    if state == "failed":
        return "failed", f"the run failed {when}; its log in Dagster says why"
    return "failed", "the run ended without training it; its log in Dagster says why"


def clear_dead_activities(dagster: Dagster) -> None:
    """Forget "training" of region-items whose run is over, and "judging" that never came.

    Raises: DagsterDownError: Dagster does not answer.
    """
    long_ago = (now() - JUDGING).isoformat(timespec="milliseconds")
    with writing():
        db.session.execute(update(RegionItemRow).values(activity="").where(
            RegionItemRow.activity == "judging", RegionItemRow.step_at < long_ago))
    runs = db.session.scalars(select(RegionItemRow.activity_run).where(
        RegionItemRow.activity == "training", RegionItemRow.activity_run != "").distinct()).all()
    db.session.rollback()
    for run_id in runs:
        try:
            over = dagster.run_state(run_id) not in ("waiting", "running")
        except DagsterRefusedError:
            over = True
        if over:
            with writing():
                for row in db.session.scalars(select(RegionItemRow).where(
                        RegionItemRow.activity == "training", RegionItemRow.activity_run == run_id)):
                    row.activity, row.activity_run = "", ""
