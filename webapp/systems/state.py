"""Whether the other systems answer: noted by the background process, told on every page."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from webapp.db.database import db, now, writing
from webapp.tables import SystemState

log = logging.getLogger(__name__)

SILENT = timedelta(seconds=30)
"""The background process notes itself every few seconds; after so long without a note it is not running,
and a system that was not heard of for so long does not answer."""
NOTED_EVERY = timedelta(seconds=5)

WORDS = {
    "dagster": ("Dagster", "Forecasts and scenarios work. Retrain requests are kept and sent when it is back."),
    "mlflow": ("MLflow", "Forecasts and scenarios work with the models in production now. New versions show up when "
                         "it is back."),
    "store": ("The demand store", "Nothing can be forecast until it can be read again."),
    "sync": ("The background process", "Forecasts and scenarios work. Retrain requests are kept, but not sent; what "
                                       "the pipeline does is not shown until it runs again."),
}


@dataclass(frozen=True)
class Outage:
    """A system that does not answer, in words for the page."""

    name: str
    title: str
    consequence: str
    since: datetime
    message: str


@dataclass(frozen=True)
class System:
    """One of the systems, as it is now."""

    name: str
    title: str
    is_up: bool | None
    """None: not known, as nothing has watched it yet, or what watches it is not running."""
    since: datetime | None
    outage: Outage | None = None

    @property
    def words(self) -> str:
        """Its state in words."""
        if self.is_up is None:
            return "not known"
        if self.name == "sync":
            return "runs" if self.is_up else "is not running"
        return "answers" if self.is_up else "is down"


def note(name: str, is_up: bool, message: str = "") -> bool:
    """Note whether a system answers; True when that is news. Logs one line when an outage begins or ends."""
    state = db.session.get(SystemState, name)
    at = now()
    changed = state is None or state.is_up != is_up
    if state is not None and not changed and state.message == message and at - state.checked_at < NOTED_EVERY:
        db.session.rollback()
        return False
    first = state is None
    with writing():
        state = db.session.get(SystemState, name)
        if state is None:
            state = SystemState(name=name, is_up=is_up, checked_at=at, since=at, message=message)
            db.session.add(state)
        if changed:
            state.is_up, state.since = is_up, at
        state.checked_at, state.message = at, message
    if changed and not is_up:
        log.warning("%s is down: %s", name, message)
    elif changed and not first:
        log.info("%s is back", name)
    return changed


def outages() -> list[Outage]:
    """The systems that do not answer; the background process first, since it watches the others."""
    return _outages(_states())


def _states() -> dict[str, SystemState]:
    """What was noted, in one question to the database: every page asks it."""
    return {state.name: state for state in db.session.scalars(select(SystemState))}


def _outages(states: Mapping[str, SystemState]) -> list[Outage]:
    sync = states.get("sync")
    if sync is None:
        return []
    if now() - sync.checked_at > SILENT:
        title, consequence = WORDS["sync"]
        return [Outage("sync", title, consequence, sync.checked_at, "")]
    found = []
    for name, words in WORDS.items():
        state = states.get(name)
        if state is not None and not state.is_up:
            found.append(Outage(name, *words, since=state.since, message=state.message))
        elif state is not None and now() - state.checked_at > SILENT:  # a question to it has been open since
            found.append(Outage(name, *words, since=state.checked_at, message="it does not answer"))
    return found


def is_up(name: str) -> bool:
    """Whether the system answered when it was last asked; True before the first time."""
    return all(outage.name not in (name, "sync") for outage in outages())


def systems() -> list[System]:
    """Every system as it is now."""
    states = _states()
    down = {outage.name: outage for outage in _outages(states)}
    found = []
    for name, (title, _) in WORDS.items():
        state = states.get(name)
        if name in down:
            found.append(System(name, title, False, down[name].since, down[name]))
        elif state is None or "sync" in down:
            found.append(System(name, title, None, None))
        else:
            found.append(System(name, title, True, state.since))
    return found


def mark_of(found: Sequence[System]) -> str:
    """Short text that changes when a system's state does: a page that shows it need not be sent the same again."""
    return ".".join(f"{system.name[0]}{system.is_up:d}{system.since:%d%H%M%S}" if system.since
                    else f"{system.name[0]}" for system in found)
