"""Stored retrain requests go to Dagster, once each; where they stand there comes back."""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Literal

from sqlalchemy import select

from demand_assets.forecasting.telemetry.tracing import span, traceparent_of
from webapp.dagster_client import CarrierState, Dagster, DagsterDownError, DagsterRefusedError, DagsterUnsureError, Sent
from webapp.db.database import db, now, writing
from webapp.language.translations import gettext
from webapp.region_items.catalogue import forget_judging, forget_training
from webapp.retrains import request_and_item_states as states
from webapp.retrains.from_dagster import grow_to
from webapp.retrains.progress import unfinished
from webapp.tables import Catalogue, Retrain

log = logging.getLogger(__name__)

MOST_RANGES = 5
"""A backfill starts a run for each contiguous range: a few region-items in more ranges go as one run with their keys,
which is recorded for each of its partitions as a backfill's runs are."""
WORTH_A_RUN = 100
"""Region-items whose work is worth the start of a run: a pick with so many in each range, on average, is a backfill
however many its ranges are."""
LONGEST_WAIT = timedelta(seconds=10)
UNSURE_WAIT = timedelta(seconds=60)
"""After an answer that did not come: what was asked may still be at work, so look it up only then."""
NO_PARTITION = gettext("Dagster has no partition for it (any more). It appears when the source has changed, or the "
                       "product is started again, as long as the source has it; retry then.")
"""Stored in English, as modules are loaded outside any request; pages look it up in the reader's language."""


def ranges(keys: Sequence[str], order: Sequence[str]) -> int:
    """How many contiguous ranges of Dagster's order the keys make; each key must be in the order."""
    place = {key: index for index, key in enumerate(order)}
    places = sorted(place[key] for key in keys)
    return sum(1 for index, here in enumerate(places) if index == 0 or here != places[index - 1] + 1)


def goes_as_backfill(keys: Sequence[str], order: Sequence[str]) -> bool:
    """Whether a backfill carries these keys; otherwise one run of the retrain job does."""
    return ranges(keys, order) <= max(MOST_RANGES, len(keys) // WORTH_A_RUN)


def send_stored(dagster: Dagster) -> bool:
    """Send every stored request whose time has come; whether any was stored.

    Raises: DagsterDownError: Dagster does not answer; the rest is kept for later.
    """
    stored = select(Retrain.id).where(Retrain.state == "stored").order_by(Retrain.id)
    found = db.session.scalars(stored).all()
    db.session.rollback()
    for retrain_id in found:
        _send(dagster, retrain_id)
    return bool(found)


def _send(dagster: Dagster, retrain_id: int) -> None:
    with writing():
        retrain = states.claim(retrain_id)
        if retrain is None:
            return
        request_id, size, attempts = retrain.request_id, retrain.size, retrain.attempts
        keys = [item.key for item in states.open_items(retrain)]
        is_cancelled = retrain.cancel_asked_at is not None
    with span("request sent to Dagster", traceparent_of(request_id), attempt=attempts, region_items=size):
        _send_claimed(dagster, retrain_id, request_id, keys, size, attempts, is_cancelled)


def _send_claimed(dagster: Dagster, retrain_id: int, request_id: str, keys: list[str], size: int, attempts: int,
                  is_cancelled: bool) -> None:
    try:
        sent = dagster.find(request_id)
        if sent is None and is_cancelled:
            with writing():
                states.cancel_unsent(states.hold(retrain_id))
            return
        if sent is None:
            order = dagster.partition_keys()
            place = {key: index for index, key in enumerate(order)}
            with writing():
                states.refuse_items(states.hold(retrain_id), [key for key in keys if key not in place], NO_PARTITION)
            keys = sorted((key for key in keys if key in place), key=lambda key: place[key])
            if not keys:
                return
            title = f"Retrain of {size} region-item{'s' if size != 1 else ''}"
            sent = (dagster.launch_backfill(request_id, keys, title) if goes_as_backfill(keys, order)
                    else dagster.launch_run(request_id, keys))
    except DagsterRefusedError as error:
        if (down := _is_down(dagster)) is None:
            with writing():
                states.refuse(states.hold(retrain_id), str(error))
            return
        with writing():  # it knows nothing of our definitions now, and so refuses whatever it is asked
            states.postpone(states.hold(retrain_id), str(down), LONGEST_WAIT)
        raise down from error
    except DagsterDownError as error:
        wait = min(timedelta(seconds=2 ** min(attempts, 10)), LONGEST_WAIT)
        with writing():
            states.postpone(states.hold(retrain_id), str(error),
                            UNSURE_WAIT if isinstance(error, DagsterUnsureError) else wait)
        raise
    with writing():
        states.note_sent(states.hold(retrain_id), sent)
    log.info("retrain %s sent as %s %s", retrain_id, sent.carrier, sent.id)


def _is_down(dagster: Dagster) -> DagsterDownError | None:
    """Why Dagster cannot do anything for us now; None when it could."""
    try:
        dagster.check()
    except DagsterDownError as error:
        return error
    return None


def follow_sent(dagster: Dagster, listed: set[int] | None = None,
                read_all: Callable[[], bool] = lambda: True) -> bool:
    """Learn where sent requests stand, cancel what is to be cancelled, and close what ended without a word; whether any
    was open.

    Args:
        listed: retrains of Dagster's own backfills whose region-items are all known; grows.
        read_all: takes up all that the pipeline's journal says, if it can; called before anything is closed, for the
            word may be there, unread: nobody read while the app was down, or its writer's clock was wrong.
    Raises: DagsterDownError: Dagster does not answer.
    """
    listed = set() if listed is None else listed
    found = [retrain.id for retrain in unfinished() if retrain.state == "sent"]
    for retrain_id in found:
        retrain = db.session.get_one(Retrain, retrain_id)
        sent = Sent("backfill" if retrain.carrier == "backfill" else "run", retrain.dagster_id)
        is_to_be_listed = sent.carrier == "backfill" and retrain.source != "planner" and retrain_id not in listed
        request_id, cancel = retrain.request_id, retrain.cancel_asked_at is not None and not retrain.cancel_sent
        is_due = states.leaves_open(retrain)
        db.session.rollback()
        state: CarrierState | Literal["gone"]
        try:
            is_stopped = cancel and dagster.cancel(sent, request_id)
            state = dagster.state(sent, request_id)
            keys = dagster.partitions(sent.id) if is_to_be_listed and state in ("waiting", "running") else []
            why = dagster.why_failed(sent, request_id) if is_due and state == "failed" else ""
        except DagsterRefusedError:
            is_stopped, state, why, keys = False, "gone", "", []
        if is_due and state not in ("waiting", "running") and not read_all():
            continue
        with writing():
            retrain = states.hold(retrain_id)
            if keys:
                grow_to(retrain, keys)
            states.note_run(retrain, state, is_stopped, why, may_close=is_due)
        if is_to_be_listed:
            listed.add(retrain_id)
    return bool(found)


def clear_dead_activities(dagster: Dagster) -> None:
    """Forget "training" of region-items whose run is over, and "judging" that never came.

    Raises: DagsterDownError: Dagster does not answer.
    """
    long_ago = (now() - states.JUDGING).isoformat(timespec="milliseconds")
    with writing():
        forget_judging(long_ago)
    runs = db.session.scalars(select(Catalogue.activity_run).where(
        Catalogue.activity == "training", Catalogue.activity_run != "").distinct()).all()
    db.session.rollback()
    for run_id in runs:
        try:
            over = dagster.run_state(run_id) not in ("waiting", "running")
        except DagsterRefusedError:
            over = True
        if over:
            with writing():
                forget_training(run_id)
