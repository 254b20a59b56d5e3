"""The list of work as it is read: searched, filtered, sorted and paged by its URL; counted for the overview."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from flask import abort
from sqlalchemy import ColumnElement, func, select
from werkzeug.datastructures import MultiDict

from webapp.access import actor
from webapp.db.database import db
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext
from webapp.pages.listing import Kind, Query, View, containing, in_order, parse_view
from webapp.personal.kept_answers import kept
from webapp.region_items.attributes import ARGUMENT, conditions_of, parsed
from webapp.tables import RegionItemRow, WorkEntry
from webapp.work_list import states
from webapp.work_list.actions import owners
from webapp.work_list.causes import Line, cause_of, first_lines, has_cause_of, with_items
from webapp.work_list.entry_texts import Words, line_words_of
from webapp.work_list.thresholds import KINDS

SHOWN = {"": lazy_gettext("to do"), "open": lazy_gettext("unassigned"), "assigned": lazy_gettext("assigned"),
         "snoozed": lazy_gettext("snoozed"), "resolved": lazy_gettext("resolved"), "all": lazy_gettext("all")}
"""What of the list is shown, in words; nothing said: open and assigned."""
DUE = {"": lazy_gettext("any due date"), "overdue": lazy_gettext("overdue"),
       "today": lazy_gettext("due today or overdue"), "week": lazy_gettext("due within 7 days")}
GROUPED = {"": lazy_gettext("grouped by cause"), "each": lazy_gettext("one by one")}
CAUSE = "cause"
"""The argument of a URL that shows what has the same cause as an entry, by its id."""
ME, NOBODY = "me", "nobody"
FIRST_SHOWN = 5
"""Lines on the overview."""
DAYS_FOUND = 14
"""Days back to which what is to do is counted by the day on which it was found."""


def list_of_work() -> Kind:
    """What the list can be sorted by and filtered to."""
    return Kind(
        columns={"rank": WorkEntry.rank.expression, "due": WorkEntry.due.expression,
                 "found": WorkEntry.found_at.expression, "kind": WorkEntry.kind.expression,
                 "owner": WorkEntry.owner.expression},
        sort="rank", descending=True,
        filters={"state": [name for name in SHOWN if name], "kind": tuple(KINDS),
                 "owner": (ME, NOBODY, *_all_owners()), "due": [name for name in DUE if name],
                 "group": [name for name in GROUPED if name]})


def parse_work_view(fields: MultiDict[str, str]) -> View:
    """What a URL or a form asks of the list; an error page when it names what there is not."""
    view, attribute = parse_view(list_of_work(), fields), fields.get(ARGUMENT, "").strip()
    if attribute:
        parsed(attribute)
    cause = fields.get(CAUSE, "").strip()
    if cause and not (cause.isascii() and cause.isdigit() and len(cause) < 10):
        abort(422, _("%(text)s is not an entry of the work list. Tick entries on the list.", text=repr(cause[:40])))
    return replace(view, filters={**view.filters, ARGUMENT: attribute, CAUSE: cause})


def is_grouped(view: View) -> bool:
    """Whether entries with the same cause are one line."""
    return not view.filters["group"] and not view.filters[CAUSE]


def entries(view: View, today: date) -> Query:
    """The entries that a view asks for, in its order."""
    query: Query = select(WorkEntry).where(*_conditions(view, today))
    if view.search or view.filters[ARGUMENT]:
        query = query.join(RegionItemRow, RegionItemRow.key == WorkEntry.subject)
        query = containing(query, view.search)
        if view.filters[ARGUMENT]:
            query = query.where(*conditions_of([parsed(view.filters[ARGUMENT])]))
    return in_order(query, view, WorkEntry.id.expression)


def question_of(view: View, today: date) -> Hashable:
    """What ``entries`` depends on but their tables; None where it depends on others too."""
    filters = view.filters
    if view.search or filters[ARGUMENT] or filters[CAUSE]:
        return None
    return "entries", today, tuple(sorted(filters.items())), actor().email if filters["owner"] == ME else ""


def seen_now(view: View, today: date, most: int) -> dict[int, int]:
    """Id -> version of all that a view asks for; at most so many, the first ones."""
    query = entries(view, today).with_only_columns(WorkEntry.id, WorkEntry.version).limit(most)
    return {row[0]: row[1] for row in db.session.execute(query)}


def _conditions(view: View, today: date) -> list[ColumnElement[bool]]:
    filters = view.filters
    found: list[ColumnElement[bool]] = []
    if not filters["state"]:
        found.append(states.is_to_do(today))
    found += [states.is_in(state, today) for state in states.STATES if state == filters["state"]]
    if filters["kind"]:
        found.append(WorkEntry.kind == filters["kind"])
    if filters["owner"]:
        found.append(WorkEntry.owner == {ME: actor().email, NOBODY: ""}.get(filters["owner"], filters["owner"]))
    if filters["due"]:
        last = {"overdue": today - timedelta(days=1), "today": today, "week": today + timedelta(days=7)}
        found.append(WorkEntry.due <= str(last[filters["due"]]))
    if filters[CAUSE]:
        found.append(has_cause_of(int(filters[CAUSE])))
    return found


@dataclass(frozen=True)
class WorkCounts:
    """How much is to do: open and assigned entries."""

    to_do: int
    lines: int
    """Those with the same cause counted once."""
    overdue: int
    mine: int
    found: dict[str, int]
    """Of the newest ``DAYS_FOUND`` days, in UTC -> how many of what is to do were found then."""


@dataclass(frozen=True)
class FirstWork:
    """What the overview shows of the list."""

    lines: Sequence[Line]
    words: Mapping[int, Words]
    """Id of a line's first entry -> what it says."""


def count_work(of: Sequence[ColumnElement[bool]] = ()) -> WorkCounts:
    """How much is to do.

    Args:
        of: conditions on the rows of region-items, whose entries alone are counted; all unless given.
    """
    today = date.today()
    query = with_items(select(func.count(), func.count(cause_of().distinct()),
                              func.count().filter(WorkEntry.due < str(today)))).where(states.is_to_do(today))
    mine = select(func.count()).select_from(WorkEntry).where(states.is_to_do(today), WorkEntry.owner == actor().email)
    by_day = select(func.date(WorkEntry.found_at), func.count()).where(
        states.is_to_do(today), WorkEntry.found_at >= datetime.combine(
            today - timedelta(days=DAYS_FOUND - 1), time(), UTC)).group_by(func.date(WorkEntry.found_at))
    if of:
        # Entry by entry: they are few, and region-items may be many.
        its = select(RegionItemRow.key).where(RegionItemRow.key == WorkEntry.subject, *of).correlate(WorkEntry).exists()
        query, by_day, mine = query.where(its), by_day.where(its), mine.where(its)

    def ask() -> tuple[Sequence[int], Sequence[tuple[Any, int]]]:
        return tuple(db.session.execute(query).one()), [tuple(row) for row in db.session.execute(by_day)]

    (to_do, together, overdue), rows = ask() if of else kept("work", ("counts", today), ask)
    found = {str(day): count for day, count in rows}
    days = [str(today - timedelta(days=back)) for back in reversed(range(DAYS_FOUND))]
    return WorkCounts(to_do, together, overdue, db.session.scalar(mine) or 0, {day: found.get(day, 0) for day in days})


def first_work() -> FirstWork:
    """The most important of what is to do."""
    today = date.today()
    first = first_lines([states.is_to_do(today)], FIRST_SHOWN, ("first", today))
    return FirstWork(first, line_words_of(first))


def _all_owners() -> list[str]:
    """Everybody to filter by: who may be given something, and who has something."""
    has = db.session.scalars(select(WorkEntry.owner).where(WorkEntry.owner != "").distinct())
    return sorted({*owners(), *has})
