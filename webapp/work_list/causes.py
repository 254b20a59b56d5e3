"""Which entries of the list of work have one cause: they are one line of it, with one tick for all of them.

What demand did is a matter of the item, wherever it is sold: its promotion, its price, its fair. What the pipeline did
is a matter of the sentence that it gave, of the retrain, or of the day. Entries keep their own owner and state, so that
each can be done on its own, and who sees some region-items only has the entries of those.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, String, case, cast, func, literal, select

from webapp.db.chunked import chunked
from webapp.db.database import db
from webapp.pages.listing import Query, View, place_of
from webapp.personal.kept_answers import kept
from webapp.tables import Catalogue, WorkEntry
from webapp.work_list import states

Answer = TypeVar("Answer")
OF_ITEMS = ("moved", "missed", "bias", "refused", "unusual", "stock_out", "override")
"""Kinds that have the item as their cause; that of others is what ``told`` says under the name in ``_TOLD``."""
_TOLD = {"failed": "why", "kept": "retrain", "stale": "since", "no_model": "status"}
"""Where an entry does not say that, its item is its cause too."""


@dataclass(frozen=True)
class Line:
    """What is one line of the list: entries of one kind with one cause, the most important first."""

    entries: Sequence[WorkEntry]

    @property
    def first(self) -> WorkEntry:
        """The most important entry."""
        return self.entries[0]

    @property
    def units(self) -> float | None:
        """At stake in all of them; None where nobody knows of any."""
        return _sum([entry.units for entry in self.entries])

    @property
    def money(self) -> float | None:
        """The same in the dataset's currency; None where no price is known."""
        return _sum([entry.money for entry in self.entries])

    @property
    def due(self) -> str:
        """The first day on which one of them is due."""
        return min(entry.due for entry in self.entries)

    @property
    def ticked(self) -> str:
        """What a form sends for all of them: ``id.version``, with spaces between."""
        return " ".join(f"{entry.id}.{entry.version}" for entry in self.entries)

    def states(self, today: date) -> list[tuple[states.State, list[WorkEntry]]]:
        """A state, and the entries of which it says the same."""
        found: dict[tuple[str | None, ...], list[WorkEntry]] = {}
        for entry in self.entries:
            found.setdefault(_said(entry, today), []).append(entry)
        return [(states.state_of(those[0], today), those) for those in found.values()]


@dataclass(frozen=True)
class LinePage:
    """One page of lines."""

    rows: Sequence[Line]
    matching: int
    """Lines of the whole list."""
    tasks: int
    """Entries in them."""
    view: View
    pages: int

    def same(self, today: date) -> set[str]:
        """Which of the columns kind, due and owner, with the state, say the same in every line: said once, above them.
        None of a list of several pages, nor what it is sorted by."""
        if len(self.rows) < 2 or self.pages > 1:
            return set()
        found: dict[str, set[Any]] = {
            "kind": {line.first.kind for line in self.rows}, "due": {line.due for line in self.rows},
            "owner": {_said(entry, today) for line in self.rows for entry in line.entries}}
        return {name for name, values in found.items() if len(values) == 1 and name != self.view.sort}


def cause_of() -> ColumnElement[str]:
    """The cause of an entry as a text, for queries that ``with_items`` made."""
    item = func.coalesce(Catalogue.item, WorkEntry.subject)
    told = case(*((WorkEntry.kind == kind, literal(f"{name} ") + cast(WorkEntry.told[name].as_string(), String))
                  for kind, name in _TOLD.items()))
    return WorkEntry.kind + literal("|") + func.coalesce(told, item)


def with_items(query: Query) -> Query:
    """The query of entries with the catalogue beside it, for what is an item's."""
    return query.select_from(WorkEntry).outerjoin(Catalogue, Catalogue.key == WorkEntry.subject)


def has_cause_of(entry_id: int) -> ColumnElement[bool]:
    """Whether an entry has the cause that another has; that one alone where it is there no more."""
    cause = db.session.scalar(with_items(select(cause_of())).where(WorkEntry.id == entry_id))
    if cause is None:
        return WorkEntry.id == entry_id
    return WorkEntry.id.in_(with_items(select(WorkEntry.id)).where(cause_of() == cause))


def count_lines(conditions: Sequence[ColumnElement[bool]]) -> int:
    """How many lines these entries make."""
    return db.session.scalar(with_items(select(func.count(cause_of().distinct()))).where(*conditions)) or 0


def line_page(query: Query, view: View, question: Hashable = None) -> LinePage:
    """A page of lines of the entries of a query, in a view's order.

    Args:
        question: under which it is kept what was counted, which says all that the query depends on; None keeps nothing.
    """
    ids = query.order_by(None).with_only_columns(WorkEntry.id)
    conditions = [WorkEntry.id.in_(ids)]
    tasks, matching = _kept(question, "counts", lambda: (
        db.session.scalar(select(func.count()).select_from(WorkEntry).where(*conditions)) or 0,
        count_lines(conditions)))
    place = place_of(view.page, matching, view.size)
    shown = view.sort, view.descending, view.size, place.before
    rows = _lines(_kept(question, shown, lambda: _ids(conditions, _order(view), view.size, place.before)))
    return LinePage(rows, matching, tasks, view.at_page(place.number), place.pages)


def first_lines(conditions: Sequence[ColumnElement[bool]], most: int, question: Hashable) -> list[Line]:
    """The lines that are worth most of the entries that meet conditions.

    Args:
        question: as of ``line_page``.
    """
    return _lines(_kept(question, most, lambda: _ids(conditions, [func.sum(WorkEntry.rank).desc()], most, 0)))


def _kept(question: Hashable, part: Hashable, ask: Callable[[], Answer]) -> Answer:
    return ask() if question is None else kept("work", (question, part), ask)


def _lines(ids: Sequence[Sequence[int]]) -> list[Line]:
    """The lines of these entries, those left out that are there no more."""
    found = {entry.id: entry for part in chunked([each for line in ids for each in line])
             for entry in db.session.scalars(select(WorkEntry).where(WorkEntry.id.in_(part)))}
    made = ([found[each] for each in line if each in found] for line in ids)
    return [Line(entries) for entries in made if entries]


def _ids(conditions: Sequence[ColumnElement[bool]], order: Sequence[ColumnElement[Any]], most: int,
         before: int) -> list[list[int]]:
    """The entries of each line, by id."""
    causes = db.session.scalars(with_items(select(cause_of().label("cause"))).where(*conditions).group_by(
        "cause").order_by(*order, func.min(WorkEntry.id)).limit(most).offset(
        before)).all()
    found: dict[str, list[int]] = {cause: [] for cause in causes}
    for part in chunked(causes):
        for entry_id, cause in db.session.execute(with_items(select(WorkEntry.id, cause_of().label("cause"))).where(
                *conditions, cause_of().in_(part)).order_by(WorkEntry.rank.desc(), WorkEntry.id)):
            found[cause].append(entry_id)
    return list(found.values())


def _order(view: View) -> list[ColumnElement[Any]]:
    """A view's order, of lines."""
    columns: dict[str, ColumnElement[Any]] = {
        "rank": func.sum(WorkEntry.rank), "due": func.min(WorkEntry.due), "found": func.max(WorkEntry.found_at),
        "kind": func.min(WorkEntry.kind), "owner": func.min(WorkEntry.owner)}
    column = columns[view.sort]
    return [column.desc() if view.descending else column.asc()]


def _said(entry: WorkEntry, today: date) -> tuple[str | None, ...]:
    """What a page says of an entry's state."""
    return states.state_of(entry, today), entry.owner, entry.snoozed_until, entry.resolved_by, entry.reason


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
