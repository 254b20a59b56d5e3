"""What does not work now, of the other systems and the background process's loops, and what that means to people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

from sqlalchemy import select

from webapp.db.database import db
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext as _l
from webapp.language.translations import ngettext as _n
from webapp.personal.kept_answers import kept
from webapp.personal.seen_region_items import sees_everything
from webapp.systems.signs_of_life import LOOP, is_silent
from webapp.tables import SystemState

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
    "scenario": (_l("Computing large scenarios"), _l("They wait; small ones are computed at once as usual.")),
    "dagster": (_l("Sending and following retrains"), _l("Retrain requests are kept, and sent when it works again.")),
    "expiry": (_l("Removing what is too old"), _l("Everything is kept until it works again.")),
    "hand_over": (_l("Handing over published plans"), _l("They wait, and are handed over when it works again.")),
    "audit": (_l("Sealing the audit log"), _l(
        "Entries are written as usual; changes to them until they are sealed would not be noticed.")),
    "notices": (_l("Sending notices"), _l("Notices are sent when it works again.")),
    "work": (_l("Updating the work list"), _l("The work list stays as it was; what is done with it counts.")),
    "value_added": (_l("Summing up accuracy"), _l(
        "Forecast value added stays as it was; scenarios are judged when it works again.")),
}
"""Each loop of the background process: what it does, and what it means that it does not."""
ASKED_BY = {"dagster": "dagster", "mlflow": "registry", "store": "store"}
"""System -> the loop that asks it: while that fails, nobody knows how the system is."""


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


def outages() -> list[Outage]:
    """What does not work; the background process first, since it watches the others."""
    return _outages(_states())


def _states() -> dict[str, SystemState]:
    """What was noted: every page asks for it."""
    columns = SystemState.__table__.columns
    rows = kept("systems", "all", lambda: db.session.execute(select(*columns)).all())
    return {row.name: cast(SystemState, row) for row in rows}  # it has the same columns, and nobody changes it


def _outages(states: Mapping[str, SystemState]) -> list[Outage]:
    sync = states.get("sync")
    if sync is not None and is_silent(sync):
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
        elif state is not None and is_silent(state):  # a question to it has been open since
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
