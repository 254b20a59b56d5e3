"""What people do with entries of the list of work: one transaction for all that are ticked, with its audit entries.

Whoever acts says which version of each entry they saw. One that somebody else changed meanwhile is left as it is, and
told; the same act sent twice is done once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Any, Literal

from sqlalchemy import select

from demand_assets.forecasting.contract.region_item import RegionItem
from webapp.access import ROLES, actor, role_of
from webapp.adjustments.adjustments import LONGEST_REASON, adjust_unusual
from webapp.adjustments.stored_outliers import stored_unusual
from webapp.audit.record import record
from webapp.db.chunked import chunked
from webapp.db.database import db, writing
from webapp.db.locks import locked_rows, once_more
from webapp.language.translations import gettext as _
from webapp.language.translations import in_language
from webapp.language.translations import ngettext as _n
from webapp.notices.events import Told, path_to, tell, who_see
from webapp.pages.reader_locale import number
from webapp.region_items.rows import locked_region_items
from webapp.services import services
from webapp.tables import SavedScenario, User, WorkEntry
from webapp.work_list import states
from webapp.work_list.thresholds import KINDS

Act = Literal["take", "assign", "release", "snooze", "resolve", "reopen", "accept"]
ACTS: dict[Act, str] = {
    "take": "taken", "assign": "assigned", "release": "given back", "snooze": "snoozed", "resolve": "resolved",
    "reopen": "opened again", "accept": "accepted"}
"""Each act, and what the audit log calls it."""
MOST_AT_ONCE = 1000
LONGEST_SNOOZE = timedelta(days=366)
LATEST_DUE = timedelta(days=3650)


class WorkError(ValueError):
    """What cannot be done; the message says what can."""


@dataclass(frozen=True)
class WantedAction:
    """What is to be done with some entries."""

    act: Act
    owner: str = ""
    """Of ``assign``: somebody of ``owners``."""
    until: date | None = None
    """Of ``snooze``."""
    due: date | None = None
    """Of ``take`` and ``assign``: until when it is to be done; as it is unless given."""
    reason: str = ""
    """Of ``resolve`` and ``accept``."""

    def checked(self, today: date) -> "WantedAction":
        """The same, with the owner that the act means.

        Raises: WorkError.
        """
        if self.act == "assign" and self.owner not in owners():
            raise WorkError(_("%(person)s cannot be assigned. Choose a planner or administrator who can sign in.",
                              person=repr(self.owner[:100])) if self.owner else _("Choose whom to assign it to."))
        if self.act == "snooze" and self.until is None:
            raise WorkError(_("Give the day to snooze until."))
        if self.until is not None and not today < self.until <= today + LONGEST_SNOOZE:
            raise WorkError(_("Snooze until a day after today, within a year, not %(date)s.",
                              date=self.until))
        if self.due is not None and not today <= self.due <= today + LATEST_DUE:
            raise WorkError(_("The due date must be today or later, within ten years, not %(date)s.",
                              date=self.due))
        if self.act in ("resolve", "accept") and (not self.reason or len(self.reason) > LONGEST_REASON):
            raise WorkError(_("Give a reason of at most %(most)s characters, so that others understand it.",
                              most=LONGEST_REASON))
        mine = actor().email if self.act == "take" else self.owner if self.act == "assign" else ""
        return WantedAction(self.act, mine, self.until, self.due, self.reason)


@dataclass
class Done:
    """What became of an act."""

    changed: int = 0
    periods: int = 0
    """Unusual ones that were adjusted."""
    left: list[WorkEntry] = field(default_factory=list)
    """Entries that somebody else changed meanwhile; nothing was done with them."""
    unfit: int = 0
    """Entries that the act is not for."""


def owners() -> list[str]:
    """Who may be given something to do: those who may act and may sign in, by address."""
    return sorted(user.email for user in db.session.scalars(select(User).where(User.active))
                  if ROLES.index(role_of(user)) >= ROLES.index("planner"))


def act(wanted: WantedAction, seen: Mapping[int, int], today: date) -> Done:
    """Do it with these entries.

    Args:
        seen: id -> the version that whoever acts saw.
    Raises: WorkError: it cannot be done with any.
    """
    wanted = wanted.checked(today)
    if len(seen) > MOST_AT_ONCE:
        raise WorkError(_("At most %(most)s entries can be changed at once, not %(num)s.",
                          num=number(len(seen)), most=number(MOST_AT_ONCE)))
    return _accept(wanted, seen) if wanted.act == "accept" else _change(wanted, seen, today)


@once_more
def _change(wanted: WantedAction, seen: Mapping[int, int], today: date) -> Done:
    done, changed = Done(), list[WorkEntry]()
    with writing():
        for entry in _locked(sorted(seen)):
            if _is_done(entry, wanted, today):
                continue
            if entry.version != seen[entry.id]:
                done.left.append(entry)
                continue
            before = facts(entry, today)
            _carry_out(entry, wanted)
            _record(entry, wanted, before, facts(entry, today))
            changed.append(entry)
        done.changed = len(changed)
        if changed and wanted.act == "assign" and not who_see(_keys_of(changed), [wanted.owner]):
            raise WorkError(_("%(person)s does not see all of it, so cannot be assigned.", person=wanted.owner))
        if changed and wanted.act == "assign" and wanted.owner != actor().email:
            _tell_owner(wanted.owner, changed)
        _tell_apart(done)
    return done


def _tell_owner(owner: str, given: Sequence[WorkEntry]) -> None:
    """Let somebody know that tasks are theirs now: once for each act."""
    by, count = actor().email, len(given)
    tell(Told("assigned", f"task {given[0].id} v{given[0].version}, {count}", partial(_given, given[0], count, by),
              path_to("work.show", owner="me"), _keys_of(given)), [owner],
         services().settings.web_mail_server is not None)


def _given(first: WorkEntry, count: int, by: str) -> str:
    """What somebody is told of tasks that are theirs now, in the language that is spoken when it is asked for."""
    if count == 1:
        return _("%(task)s is assigned to you by %(person)s", task=named(first), person=by)
    return _n("%(num)s task is assigned to you by %(person)s", "%(num)s tasks are assigned to you by %(person)s", count,
              person=by)


def _keys_of(entries: Sequence[WorkEntry]) -> tuple[str, ...]:
    """The region-items that entries are about, or that their scenarios hold."""
    tokens = [entry.subject for entry in entries if entry.kind == "scenario"]
    held = [key for part in chunked(tokens) for asked in db.session.scalars(select(SavedScenario.asked).where(
        SavedScenario.token.in_(part))) for key in asked.get("keys", [])]
    return tuple(dict.fromkeys([*(entry.subject for entry in entries if entry.kind != "scenario"), *held]))


@once_more
def _accept(wanted: WantedAction, seen: Mapping[int, int]) -> Done:
    """Adjust the unusual periods that entries tell of to what would be usual, and resolve the entries."""
    done, by = Done(), actor().email
    of_items = {subject for part in chunked(sorted(seen)) for subject in db.session.scalars(select(
        WorkEntry.subject).where(WorkEntry.id.in_(part), WorkEntry.kind == "unusual"))}
    db.session.rollback()
    with writing():
        locked_region_items(of_items)
        for entry in _locked(sorted(seen)):
            if entry.kind != "unusual" or entry.subject not in of_items:
                done.unfit += 1
            elif entry.resolved_at is not None and entry.resolved_by == by:
                continue
            elif entry.version != seen[entry.id]:
                done.left.append(entry)
            else:
                before = facts(entry, date.today())
                done.periods += adjust_unusual(
                    entry.subject, stored_unusual(entry.subject, str(entry.told["since"])), wanted.reason, by)
                states.resolve(entry, wanted.reason, by)
                _record(entry, wanted, before, facts(entry, date.today()))
                done.changed += 1
        _tell_apart(done)
    return done


def facts(entry: WorkEntry, today: date) -> dict[str, Any]:
    """What the audit log tells of an entry before and after an act."""
    told = {"state": states.state_of(entry, today), "owner": entry.owner, "due": entry.due,
            "snoozed until": entry.snoozed_until}
    return {name: value for name, value in told.items() if value}


def named(entry: WorkEntry) -> str:
    """An entry as people name it: ``Forecast moved: north · kettle``; of a scenario only the start of its link."""
    subject = _("scenario %(token)s", token=entry.subject[:8]) if entry.kind == "scenario" else str(
        RegionItem.from_key(entry.subject))
    return f"{KINDS[entry.kind].title if entry.kind in KINDS else entry.kind}: {subject}"


def _locked(ids: list[int]) -> Iterator[WorkEntry]:
    for part in chunked(ids):
        yield from locked_rows(select(WorkEntry).where(WorkEntry.id.in_(part)), WorkEntry.id)


def _is_done(entry: WorkEntry, wanted: WantedAction, today: date) -> bool:
    """Whether an entry already is as whoever acts wants it, by their own doing."""
    state, is_mine = states.state_of(entry, today), entry.changed_by == actor().email
    if wanted.act in ("take", "assign", "release"):
        return state in ("open", "assigned") and entry.owner == wanted.owner and (
            wanted.due is None or entry.due == str(wanted.due))
    if wanted.act == "snooze":
        return state == "snoozed" and is_mine and entry.snoozed_until == str(wanted.until)
    if wanted.act == "resolve":
        return state == "resolved" and is_mine
    return state in ("open", "assigned")


def _carry_out(entry: WorkEntry, wanted: WantedAction) -> None:
    by = actor().email
    if wanted.act in ("take", "assign", "release"):
        if entry.resolved_at is not None:
            states.reopen(entry, by)
        states.assign(entry, wanted.owner, wanted.due, by)
    elif wanted.act == "snooze" and wanted.until is not None:
        if entry.resolved_at is not None:
            states.reopen(entry, by)
        states.snooze(entry, wanted.until, by)
    elif wanted.act == "resolve":
        states.resolve(entry, wanted.reason, by)
    else:
        states.reopen(entry, by)


def _recorded(entry: WorkEntry) -> str:
    """An entry's name as it is stored and told to others."""
    with in_language(None):
        return named(entry)


def _record(entry: WorkEntry, wanted: WantedAction, before: dict[str, Any], after: dict[str, Any]) -> None:
    record(ACTS[wanted.act], "work", _recorded(entry), before=before, after=after, reason=wanted.reason)


def _tell_apart(done: Done) -> None:
    """Let what was left be told after the transaction, as it stands now."""
    for entry in done.left:
        db.session.expunge(entry)
