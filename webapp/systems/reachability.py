"""Whether the other systems answer and the background process's loops work: noted by it, told on every page."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from webapp.db.database import db, now, writing
from webapp.db.locks import insert_absent, locked_one
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext as _l
from webapp.language.translations import ngettext as _n
from webapp.personal.seen_region_items import sees_everything
from webapp.tables import SystemState

log = logging.getLogger(__name__)

SILENT = timedelta(seconds=45)
"""The background process notes itself every quarter of a minute; after so long without a note it is not running,
and a system that was not heard of for so long does not answer."""
NOTED_EVERY = timedelta(seconds=15)

WORDS = {
    "dagster": ("Dagster", _l("Forecasts and scenarios work. Retrain requests are kept and sent when it is back.")),
    "mlflow": ("MLflow", _l(
        "Forecasts and scenarios work with the models in production now. New versions show up when it is back.")),
    "store": (_l("The demand store"), _l("Nothing can be forecast until it can be read again.")),
    "sync": (_l("The background process"), _l(
        "Forecasts and scenarios work. Retrain requests are kept, but not sent; what the pipeline does is not shown "
        "until it runs again.")),
}

LOOP_WORDS = {
    "store": (_l("Reading what the pipeline did"), _l(
        "New demand, results of retrains and adjustments are taken up when it works again.")),
    "registry": (_l("Taking up new models"), _l(
        "Forecasts use the models in production now; roll backs and pins wait.")),
    "forecasts": (_l("Updating stored forecasts"), _l(
        "The overview and totals stay as they were; forecasts of single region-items are up to date.")),
    "scenario": (_l("Computing large scenarios"), _l("They wait; small ones are computed at once as ever.")),
    "dagster": (_l("Sending and following retrains"), _l("Retrain requests are kept, and sent when it works again.")),
    "expiry": (_l("Removing what is too old"), _l("Everything is kept until it works again.")),
    "hand_over": (_l("Handing over published plans"), _l("They wait, and are handed over when it works again.")),
    "audit": (_l("Sealing the audit log"), _l(
        "Entries are written as ever; what is done to them until they are sealed would not be noticed.")),
    "notices": (_l("Telling people what happened"), _l("It is told and sent when it works again.")),
    "work": (_l("Finding what needs somebody"), _l("The list of work stays as it was; what is done with it counts.")),
    "value_added": (_l("Summing up accuracy"), _l(
        "Forecast value added stays as it was; scenarios are judged when it works again.")),
}
"""Each loop of the background process: what it does, and what it means that it does not."""
ASKED_BY = {"dagster": "dagster", "mlflow": "registry", "store": "store"}
"""System -> the loop that asks it: while that fails, nobody knows how the system is."""
LOOP = "loop:"
LATER = timedelta(seconds=2)
"""A moment at which a loop is tried again that moved by less is told as it was."""


@dataclass(frozen=True)
class Outage:
    """A system that does not answer or a loop that does not work, in words for the page."""

    name: str
    title: str
    consequence: str
    since: datetime
    message: str
    retry_at: datetime | None = None
    """When a loop is tried again."""

    @property
    def is_loop(self) -> bool:
        """Whether it is a loop of the background process."""
        return self.name.startswith(LOOP)


@dataclass(frozen=True)
class System:
    """One of the systems, or a loop that does not work, as it is now."""

    name: str
    title: str
    is_up: bool | None
    """None: not known, as nothing has watched it yet, or what watches it is not running."""
    since: datetime | None
    outage: Outage | None = None

    @property
    def words(self) -> str:
        """Its name and its state in words."""
        if self.is_up is None:
            return _("%(system)s not known", system=self.title)
        if self.name == "sync":
            return _("%(system)s runs", system=self.title) if self.is_up else _("%(system)s is not running",
                                                                                system=self.title)
        if self.outage and self.outage.is_loop:
            return _n("%(systems)s does not work", "%(systems)s do not work", 1, systems=self.title)
        return _("%(system)s answers", system=self.title) if self.is_up else _n(
            "%(systems)s is down", "%(systems)s are down", 1, systems=self.title)


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


def note_loops(reports: Sequence[LoopReport]) -> None:
    """Note how all loops are; nothing is written while all is as it was. What is not known yet stays as it was."""
    states = {name.removeprefix(LOOP): state for name, state in _states().items() if name.startswith(LOOP)}
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


def outages() -> list[Outage]:
    """What does not work; the background process first, since it watches the others."""
    return _outages(_states())


def _states() -> dict[str, SystemState]:
    """What was noted, in one question to the database: every page asks it."""
    return {state.name: state for state in db.session.scalars(select(SystemState))}


def _outages(states: Mapping[str, SystemState]) -> list[Outage]:
    sync = states.get("sync")
    if sync is not None and abs(now() - sync.checked_at) > SILENT:
        title, consequence = WORDS["sync"]
        return [Outage("sync", title, consequence, sync.checked_at, "")]
    found = _loop_outages(states)
    failing = {outage.name.removeprefix(LOOP) for outage in found}
    for name, words in WORDS.items():
        state = states.get(name)
        if ASKED_BY.get(name) in failing:
            continue
        if state is not None and not state.is_up:
            found.append(Outage(name, *words, since=state.since, message=state.message))
        elif state is not None and abs(now() - state.checked_at) > SILENT:  # a question to it has been open since
            found.append(Outage(name, *words, since=state.checked_at, message=_("it does not answer")))
    return found


def _loop_outages(states: Mapping[str, SystemState]) -> list[Outage]:
    found = []
    for name, words in LOOP_WORDS.items():
        state = states.get(LOOP + name)
        if state is not None and not state.is_up:
            found.append(Outage(state.name, *words, state.since, state.message, state.retry_at))
    return found


def is_up(name: str) -> bool:
    """Whether the system answered when it was last asked; True before the first time."""
    return all(outage.name not in (name, "sync", f"{LOOP}{ASKED_BY.get(name)}") for outage in outages())


def systems() -> list[System]:
    """Every system as it is now, and every loop that does not work."""
    states = _states()
    found_down = _outages(states) if sees_everything() else [  # what a loop met may name any region-item
        replace(outage, message="") for outage in _outages(states)]
    down = {outage.name: outage for outage in found_down}
    found = []
    for name, (title, _consequence) in WORDS.items():
        state = states.get(name)
        if name in down:
            found.append(System(name, title, False, down[name].since, down[name]))
        elif state is None or "sync" in down or f"{LOOP}{ASKED_BY.get(name)}" in down:
            found.append(System(name, title, None, None))
        else:
            found.append(System(name, title, True, state.since))
    return found + [System(name, outage.title, False, outage.since, outage) for name, outage in down.items()
                    if outage.is_loop]


def mark_of(found: Sequence[System]) -> str:
    """Short text that changes when a system's state does: a page that shows it need not be sent the same again."""
    return ".".join(_mark(system) for system in found)


def _mark(system: System) -> str:
    name = system.name.removeprefix(LOOP)[:2] if system.outage and system.outage.is_loop else system.name[0]
    retried = f"-{system.outage.retry_at:%d%H%M%S}" if system.outage and system.outage.retry_at else ""
    return f"{name}{system.is_up:d}{system.since:%d%H%M%S}{retried}" if system.since else name
