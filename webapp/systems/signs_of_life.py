"""Signs of life: what the background process notes of itself, its loops and the other systems, and after how long
without a note it counts as not running.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from time import monotonic

from flask import current_app
from sqlalchemy import delete, select, update

from webapp.db.database import db, now, writing
from webapp.db.locks import insert_absent, locked_one
from webapp.tables import SystemState

log = logging.getLogger(__name__)

SILENT = timedelta(seconds=45)
"""The background process notes itself every quarter of a minute; after so long without a note it is not running,
and a system that was not heard of for so long does not answer. Whoever starts processes has
``telemetry.background_beat``."""
NOTED_EVERY = timedelta(seconds=15)
LOOP = "loop:"
_LOCK = Lock()
"""For what was noted last: several loops hear."""
AS_GOOD_AS_NOW = timedelta(seconds=6)
"""What was heard so lately is written down as of now, where something else is written anyway."""
LATER = timedelta(seconds=2)
"""A moment at which a loop is tried again that moved by less is told as it was."""


@dataclass(frozen=True)
class LoopReport:
    """How a loop is, as the background process tells it."""

    name: str
    works: bool | None
    """None: not known before its first turn is over."""
    since: datetime | None
    """When it began to fail."""
    why: str
    retry_at: datetime | None


def is_silent(state: SystemState) -> bool:
    """Whether nothing was noted for too long."""
    return abs(now() - state.checked_at) > SILENT


def note(name: str, is_up: bool, message: str = "") -> bool:
    """Whether it is news that a system answers, or does not; it is noted. Logs when an outage begins or ends."""
    state = db.session.get(SystemState, name)
    at = now()
    changed = state is None or state.is_up != is_up
    if state is not None and not changed and state.message == message and abs(at - state.checked_at) < NOTED_EVERY / 2:
        db.session.rollback()
        return False
    first = state is None
    with writing():
        state = _state_to_change(name, is_up)
        changed = first or state.is_up != is_up
        if changed:
            state.is_up, state.since = is_up, at
        state.checked_at, state.message = at, message
    if changed and not is_up:
        log.warning("%s is down: %s", name, message)
    elif changed and not first:
        log.info("%s is back", name)
    return changed


def note_store_down(error: OSError) -> None:
    """Note that the demand store cannot be read, and what whoever reads it met."""
    note("store", False, f"the demand store cannot be read: {error}")


def note_loops(reports: Sequence[LoopReport]) -> None:
    """Note how all loops are; nothing is written while all is as it was. What is not known yet stays as it was."""
    states = {state.name.removeprefix(LOOP): state for state in db.session.scalars(
        select(SystemState).where(SystemState.name.startswith(LOOP)))}
    told = {report.name: report for report in reports if report.works is not None}
    changed = [report for report in told.values() if _is_news(states.get(report.name), report)]
    gone = sorted(states.keys() - {report.name for report in reports})
    db.session.rollback()
    if not changed and not gone:
        return
    with writing():
        for report in sorted(changed, key=lambda one: one.name):
            state = _state_to_change(LOOP + report.name, bool(report.works))
            state.is_up, state.message, state.checked_at = bool(report.works), report.why, now()
            state.since, state.retry_at = report.since or now(), report.retry_at
        db.session.execute(delete(SystemState).where(SystemState.name.in_([LOOP + name for name in gone])))


def _is_news(state: SystemState | None, report: LoopReport) -> bool:
    if state is None or state.is_up != report.works or state.message != report.why:
        return True
    if state.retry_at is None or report.retry_at is None:
        return state.retry_at != report.retry_at
    return abs(state.retry_at - report.retry_at) > LATER


def _state_to_change(name: str, is_up: bool) -> SystemState:
    """The row, which nobody else changes until the caller's transaction ends; made where there is none."""
    at = now()
    insert_absent(SystemState, [{"name": name, "is_up": is_up, "checked_at": at, "since": at, "message": ""}])
    return locked_one(SystemState, name)


class Heard:
    """What a loop hears of a system, and what it wrote down of it last.

    Everything that is as it was is written in the same moments, all that an app's loops heard in one transaction: each
    wakes whoever waits for the database, so that a database at rest is written seldom.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._noted: int | None = None
        """The turn in which it was written down as well; None where something else was."""
        self._heard = 0.0
        """When, by a clock that nobody sets."""

    def well(self) -> None:
        """It answers, or works."""
        self._heard = monotonic()
        turn = int(self._heard / NOTED_EVERY.total_seconds())
        if turn == self._noted:
            return
        others: dict[str, Heard] = current_app.extensions.setdefault("heard", {})
        others[self._name] = self
        again = {one._name: one for one in tuple(others.values()) if one._noted == turn - 1
                 and self._heard - one._heard < AS_GOOD_AS_NOW.total_seconds()}
        noted = _note_again(sorted(again)) if self._name in again else []
        if self._name not in noted:
            note(self._name, True)
        with _LOCK:
            self._noted = turn
            for name in noted:
                if again[name]._noted == turn - 1:  # what failed meanwhile is written down when it is well again
                    again[name]._noted = turn

    def failed(self, message: str) -> None:
        """It does not, and why."""
        with _LOCK:
            self._noted = None
        note(self._name, False, message)


def _note_again(names: Sequence[str]) -> Sequence[str]:
    """Note that these are still well: those that are written down so."""
    with writing():
        return db.session.scalars(update(SystemState).where(
            SystemState.name.in_(names), SystemState.is_up, SystemState.message == "").values(
                checked_at=now()).returning(SystemState.name)).all()
