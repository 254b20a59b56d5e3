"""The states of an entry of the list of work, every step between them, and what leads from one to another.

What is snoozed wakes by itself: its state follows from the day, and nobody has to write that down.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, and_

from webapp.db.database import now
from webapp.language.translations import gettext
from webapp.tables import WorkEntry
from webapp.work_list.thresholds import Rule

State = Literal["open", "assigned", "snoozed", "resolved"]
STATES: dict[State, str] = {"open": "open", "assigned": "assigned", "snoozed": "snoozed", "resolved": "resolved"}
GONE = gettext("the cause is gone")
"""Why an entry is resolved of which nobody said so. Stored in English, as modules are loaded outside any request; pages
look it up in the reader's language."""


@dataclass(frozen=True)
class Cause:
    """Why something is to be looked at, as it is now."""

    kind: str
    subject: str
    rule: Rule
    mark: str = ""
    """As in ``tables.WorkEntry``."""
    units: float | None = None
    money: float | None = None
    told: dict[str, Any] = field(default_factory=dict)
    rank: float = 0.0


def state_of(entry: WorkEntry, today: date) -> State:
    """The state of an entry."""
    if entry.resolved_at is not None:
        return "resolved"
    if entry.snoozed_until is not None and entry.snoozed_until > str(today):
        return "snoozed"
    return "assigned" if entry.owner else "open"


def is_to_do(today: date) -> ColumnElement[bool]:
    """Whether an entry waits for somebody: open or assigned."""
    return and_(WorkEntry.resolved_at.is_(None),
                WorkEntry.snoozed_until.is_(None) | (WorkEntry.snoozed_until <= str(today)))


def is_in(state: State, today: date) -> ColumnElement[bool]:
    """Whether an entry is in that state, as ``state_of`` says."""
    return {"open": and_(is_to_do(today), WorkEntry.owner == ""),
            "assigned": and_(is_to_do(today), WorkEntry.owner != ""),
            "snoozed": and_(WorkEntry.resolved_at.is_(None), WorkEntry.snoozed_until > str(today)),
            "resolved": WorkEntry.resolved_at.is_not(None)}[state]


def new_entry(cause: Cause, at: datetime) -> dict[str, Any]:
    """The columns of an entry of what was not known before."""
    return {"kind": cause.kind, "subject": cause.subject, "mark": cause.mark, "found_at": at,
            "due": _due(cause.rule, at), "units": cause.units, "money": cause.money, "rank": cause.rank,
            "told": cause.told, "changed_at": at}


def is_news(entry: WorkEntry | Row[Any], cause: Cause, at: datetime) -> bool:
    """Whether an entry is not as its cause is now."""
    told = (entry.mark, entry.is_caused, entry.units, entry.money, entry.rank, entry.told)
    return told != (max(cause.mark, entry.mark), True, cause.units, cause.money, cause.rank, cause.told) or (
        _is_again(entry, cause, at))


def note_cause(entry: WorkEntry, cause: Cause, at: datetime) -> None:
    """Note that its cause is there. What was resolved is open again when the cause had been gone meanwhile, is another
    occurrence, or lasts for as long as its rule says."""
    is_later = cause.mark > entry.mark
    if entry.resolved_at is not None and (is_later or _is_again(entry, cause, at)):
        entry.resolved_at, entry.resolved_by, entry.reason, entry.snoozed_until = None, "", "", None
        entry.found_at, entry.due = at, _due(cause.rule, at)
        _changed(entry, "", at)
    elif is_later:  # who saw the one before did not see this one
        _changed(entry, "", at)
    entry.is_caused, entry.mark = True, max(cause.mark, entry.mark)
    entry.units, entry.money, entry.rank, entry.told = cause.units, cause.money, cause.rank, cause.told


def note_gone(entry: WorkEntry, at: datetime) -> None:
    """Note that its cause is there no more; it is resolved then, whoever has it."""
    entry.is_caused = False
    if entry.resolved_at is None:
        entry.resolved_at, entry.resolved_by, entry.reason, entry.snoozed_until = at, "", GONE, None
        _changed(entry, "", at)


def assign(entry: WorkEntry, owner: str, due: date | None, by: str) -> None:
    """Let somebody see to it, or nobody where ``owner`` is empty; until another day where that is given."""
    entry.owner, entry.snoozed_until = owner, None
    if due is not None:
        entry.due = str(due)
    _changed(entry, by, now())


def snooze(entry: WorkEntry, until: date, by: str) -> None:
    """Let it rest until a day."""
    entry.snoozed_until = str(until)
    _changed(entry, by, now())


def resolve(entry: WorkEntry, reason: str, by: str) -> None:
    """Note that it is done, and why."""
    entry.resolved_at, entry.resolved_by, entry.reason, entry.snoozed_until = now(), by, reason, None
    _changed(entry, by, now())


def reopen(entry: WorkEntry, by: str) -> None:
    """Let it be done once more, or wake it."""
    entry.resolved_at, entry.resolved_by, entry.reason, entry.snoozed_until = None, "", "", None
    _changed(entry, by, now())


def _is_again(entry: WorkEntry | Row[Any], cause: Cause, at: datetime) -> bool:
    """Whether what was resolved is to be seen again, although it is the same occurrence."""
    if entry.resolved_at is None:
        return False
    days = cause.rule.again_days
    return not entry.is_caused or (days > 0 and at - entry.resolved_at >= timedelta(days=days))


def _due(rule: Rule, at: datetime) -> str:
    return str(at.date() + timedelta(days=rule.due_days))


def _changed(entry: WorkEntry, by: str, at: datetime) -> None:
    entry.changed_by, entry.changed_at, entry.version = by, at, entry.version + 1
