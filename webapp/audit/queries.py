"""The audit log as it is read: newest first, filtered by who, what, about what, and when."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from json import dumps
from typing import Any

from flask import abort
from markupsafe import Markup
from sqlalchemy import func, or_, select
from sqlalchemy.orm import InstrumentedAttribute
from werkzeug.datastructures import MultiDict

from webapp.audit.record import KINDS
from webapp.db.database import db
from webapp.language.translations import ENGLISH, in_language
from webapp.language.translations import gettext as _
from webapp.language.translations import ngettext as _n
from webapp.pages.download_files import Cell
from webapp.pages.listing import Kind, Query, View, parse_view
from webapp.pages.numbers_and_dates import moment
from webapp.pages.reader_locale import number
from webapp.tables import AuditEntry

COLUMNS = ("At (UTC)", "Who", "By way of", "Address", "What was done", "Kind", "Subject", "Before", "After", "Reason")
"""Of a file."""
MOST_TOLD = 10
"""Of a list of facts that the page shows; files have all of it."""
EARLIEST = date(2000, 1, 1)
_MOMENT = re.compile(r"20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?\+00:00")


@dataclass(frozen=True)
class Fact:
    """What of a thing an entry tells of; None where there was nothing, or is nothing any more."""

    name: str
    before: str | None
    after: str | None


def parse_filters(fields: MultiDict[str, str]) -> View:
    """What a URL asks of the log: ``q`` in the subject, ``who``, ``kind``, ``act``, ``from`` and ``to`` (days in UTC).

    An error page when it names what there is not.
    """
    kind = Kind(columns={"at": AuditEntry.id.expression}, sort="at", descending=True, filters={
        "who": _values(AuditEntry.by), "kind": tuple(KINDS), "act": _values(AuditEntry.act)})
    view = parse_view(kind, fields)
    days = {name: fields.get(name, "").strip() for name in ("from", "to")}
    for name, text in days.items():
        if text and _day(text) is None:
            abort(422, _("%(name)s %(text)s is not a date; write it like 2026-01-31.", name=name, text=repr(text[:40])))
    return replace(view, filters={**view.filters, **days})


def entries(view: View) -> Query:
    """The entries that match, in order."""
    query, filters = select(AuditEntry), view.filters
    for column, name in ((AuditEntry.by, "who"), (AuditEntry.kind, "kind"), (AuditEntry.act, "act")):
        if filters[name]:
            query = query.where(column == filters[name])
    if view.search:  # as written, and in any case where the database knows of the letters
        query = query.where(or_(AuditEntry.subject.contains(view.search, autoescape=True),
                                func.lower(AuditEntry.subject).contains(view.search.lower(), autoescape=True)))
    if first := _day(filters["from"]):
        query = query.where(AuditEntry.at >= _midnight(first))
    if last := _day(filters["to"]):
        query = query.where(AuditEntry.at < _midnight(last) + timedelta(days=1))
    return query.order_by(AuditEntry.id.desc() if view.descending else AuditEntry.id.asc())


def changes_of(entry: AuditEntry) -> list[Fact]:
    """What is another after than before; all that is told where something is new or gone."""
    before, after = entry.before or {}, entry.after or {}
    return [Fact(name, _words(before, name), _words(after, name)) for name in dict.fromkeys([*before, *after])
            if name not in before or name not in after or before[name] != after[name]]


def cells_of(entry: AuditEntry) -> Sequence[Cell]:
    """The row of a file, in the order of ``COLUMNS``."""
    return (entry.at, entry.by, entry.via, entry.address, entry.act, _kind_in_english(entry.kind),
            entry.subject, _json(entry.before), _json(entry.after), entry.reason)


def _kind_in_english(kind: str) -> str:
    with in_language(ENGLISH):  # a file is the same for every reader
        return str(KINDS.get(kind, kind))  # type: ignore[call-overload]


def _words(facts: Mapping[str, Any], name: str) -> str | None:
    return _told(facts[name]) if name in facts else None


def _told(value: Any) -> str:
    if isinstance(value, list):
        left = len(value) - MOST_TOLD
        more = [_n("and %(num)s more", "and %(num)s more", left, num=number(left))] if left > 0 else []
        return Markup("; ").join([*map(_told, value[:MOST_TOLD]), *more]) or _("none")
    if isinstance(value, dict):
        return Markup(", ").join(Markup("{} {}").format(name, _told(one)) for name, one in value.items()) or _("none")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        return moment(value, "long")
    return _("none") if value is None or value == "" else str(value)


def _json(facts: Mapping[str, Any] | None) -> str | None:
    return None if facts is None else dumps(facts, ensure_ascii=False)


def _values(column: InstrumentedAttribute[str]) -> list[str]:
    """The values of a column that has an index, in order: one step through it for each, however long the log is."""
    found = select(func.min(column).label("value")).cte("found", recursive=True)
    following = select(func.min(column)).where(column > found.c.value).correlate(found).scalar_subquery()
    found = found.union_all(select(following).where(found.c.value.is_not(None)))
    return list(db.session.scalars(select(found.c.value).where(found.c.value.is_not(None))))


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if EARLIEST <= found < date.max else None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
