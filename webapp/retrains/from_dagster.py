"""Retrains that a sensor, a schedule or an engineer asked for in Dagster: the journal tells of them."""

from collections.abc import Mapping, Sequence

from sqlalchemy import select

from demand_assets.forecasting.contract.dagster_names import (
    ASKED_BY_NOBODY,
    BACKFILL_REQUEST,
    BY_MAKE_TRAIN,
    BY_SCHEDULE,
    BY_SENSOR,
    SCHEDULE_REQUEST,
    SENSOR_REQUEST,
    TRAIN_REQUEST,
)
from demand_assets.forecasting.store.journal import Entry
from webapp.dagster_client import Sent
from webapp.db.chunked import chunked
from webapp.db.database import db
from webapp.db.locks import locked_rows
from webapp.region_items.rows import open_retrains
from webapp.retrains import request_and_item_states as states
from webapp.tables import RUN, Retrain, RetrainItem

ASKED_BEFORE_IT_WAS_WRITTEN = {SENSOR_REQUEST: BY_SENSOR, SCHEDULE_REQUEST: BY_SCHEDULE, TRAIN_REQUEST: BY_MAKE_TRAIN}
"""Who asked, by how the request's id begins; for entries that do not say."""


def request_of(entry: Entry) -> str:
    """What the entry's retrain is called here; a run that nobody named is called by itself."""
    return entry.request_id or f"{RUN}{entry.run_id}"


def retrains_of(entries: Sequence[Entry]) -> dict[str, Retrain]:
    """Name -> retrain of the entries; those that were asked for in Dagster are made when their first entry comes.

    Part of the caller's transaction. A run that only takes in demand is no retrain.
    """
    names = sorted({request_of(entry) for entry in entries})
    found: dict[str, Retrain] = {}
    for part in chunked(names):
        found |= {retrain.request_id: retrain for retrain in db.session.scalars(
            select(Retrain).where(Retrain.request_id.in_(part)))}
    held = sorted(retrain.id for retrain in found.values())
    for ids in chunked(held):
        locked_rows(select(Retrain).where(Retrain.id.in_(ids)), Retrain.id)
    for entry in entries:
        if _begins(entry) and request_of(entry) not in found:
            found[request_of(entry)] = _made_of(entry)
    db.session.flush()
    return found


def items_of(retrains: Mapping[str, Retrain], entries: Sequence[Entry]) -> dict[tuple[int, str], RetrainItem]:
    """(retrain, key) -> the part of the retrain that each entry is about; those from Dagster grow as entries come.

    Part of the caller's transaction.
    """
    wanted = {(retrain.id, entry.region_item.key): retrain for entry in entries
              if (retrain := retrains.get(request_of(entry)))}
    keys, ids = sorted({key for _, key in wanted}), sorted({retrain_id for retrain_id, _ in wanted})
    found: dict[tuple[int, str], RetrainItem] = {}
    for part in chunked(keys):
        found |= {(item.retrain_id, item.key): item for item in db.session.scalars(select(RetrainItem).where(
            RetrainItem.retrain_id.in_(ids), RetrainItem.key.in_(part)))}
    missing = {at: retrain for at, retrain in wanted.items() if at not in found and retrain.source != "planner"}
    held = set(open_retrains([key for _, key in missing]))
    for (retrain_id, key), retrain in missing.items():
        found[retrain_id, key] = states.grow(retrain, key, has_slot=key not in held)
        held.add(key)
    return found


def grow_to(retrain: Retrain, keys: Sequence[str]) -> None:
    """Add the region-items of a backfill from Dagster that no run has begun yet; part of the caller's transaction,
    which holds the retrain."""
    known = set(db.session.scalars(select(RetrainItem.key).where(RetrainItem.retrain_id == retrain.id)))
    missing = [key for key in keys if key not in known]
    held = set(open_retrains(missing))
    for key in missing:
        states.grow(retrain, key, has_slot=key not in held)


def follow_run(retrain: Retrain, entry: Entry) -> None:
    """Note the run that works on a retrain from Dagster now; one retrain may take several, and a backfill's runs are
    followed as one."""
    is_of_runs = retrain.source != "planner" and retrain.carrier == "run"
    if is_of_runs and entry.run_id and entry.step in ("started", "trained"):
        states.follow_run(retrain, entry.run_id)


def _begins(entry: Entry) -> bool:
    """Whether the entry tells of a retrain: also one that says how it ended, when those before it come later.

    A decision of nobody's request is about a candidate of another run.
    """
    return entry.step == "trained" or bool(entry.request_id and entry.step in states.EVENT_OF_STEP
                                           and entry.step != "validated")


def _made_of(entry: Entry) -> Retrain:
    by = entry.asked_by or next(
        (who for begin, who in ASKED_BEFORE_IT_WAS_WRITTEN.items() if entry.request_id.startswith(begin)),
        "an engineer")
    who, _, why = by.partition(": ")
    name = request_of(entry)
    sent = (Sent("backfill", name.removeprefix(BACKFILL_REQUEST)) if name.startswith(BACKFILL_REQUEST)
            else Sent("run", entry.run_id))
    return states.ask_in_dagster(name, who, "automatic" if who in ASKED_BY_NOBODY else "engineer", why, entry, sent)
