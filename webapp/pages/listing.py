"""A list that is searched, filtered, sorted and paged by its URL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from flask import abort
from sqlalchemy import Select, case, func, select
from sqlalchemy.sql.elements import ColumnElement
from werkzeug.datastructures import MultiDict

from webapp.db.database import db
from webapp.http.choices import one_of
from webapp.language.translations import gettext as _
from webapp.tables import RegionItemRow

Query = Select[*tuple[Any, ...]]
"""Of any columns."""
SIZES = (25, 50, 100, 250)
LARGEST_PAGE = 1_000_000


@dataclass(frozen=True)
class Kind:
    """What a list can be sorted by and filtered to."""

    columns: Mapping[str, ColumnElement[Any]]
    sort: str
    """The column by which it is sorted at first."""
    descending: bool = False
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Name -> the values that it may have, beside none."""


@dataclass(frozen=True)
class View:
    """What of a list is shown, and how."""

    kind: Kind
    search: str
    filters: Mapping[str, str]
    sort: str
    descending: bool
    page: int = 1
    size: int = SIZES[0]

    def query(self, **changes: object) -> dict[str, str]:
        """The URL's arguments for this view with changes; those that are as at first are left out."""
        values: dict[str, object] = {
            "q": self.search, **self.filters, "sort": self.sort, "dir": "desc" if self.descending else "asc",
            "page": self.page, "size": self.size, **changes}
        at_first = {"q": "", "sort": self.kind.sort, "dir": "desc" if self.kind.descending else "asc", "page": 1,
                    "size": SIZES[0]}
        if values["sort"] != self.kind.sort:
            del at_first["dir"]
        return {name: str(value) for name, value in values.items() if value != at_first.get(name, "")}

    def sorted_by(self, column: str) -> dict[str, str]:
        """The URL's arguments for this view sorted by a column; the other way round when it already is."""
        turned = not self.descending if column == self.sort else column == self.kind.sort and self.kind.descending
        return self.query(sort=column, dir="desc" if turned else "asc", page=1)

    def at_page(self, number: int) -> Self:
        """The same with another page."""
        return replace(self, page=number)


@dataclass(frozen=True)
class Page:
    """One page of what matches."""

    rows: Sequence[Any]
    matching: int
    view: View
    pages: int


def parse_view(kind: Kind, fields: MultiDict[str, str]) -> View:
    """What a URL asks of a list; an error page when it names what there is not."""
    sort = fields.get("sort", "") or kind.sort
    direction = fields.get("dir", "") or ("desc" if kind.descending and sort == kind.sort else "asc")
    size = fields.get("size", "") or str(SIZES[0])
    filters = {name: fields.get(name, "") for name in kind.filters}
    known: list[tuple[str, str, Sequence[str]]] = [
        ("sort", sort, list(kind.columns)), ("dir", direction, ("asc", "desc")),
        ("size", size, [str(each) for each in SIZES]),
        *((name, value, ("", *kind.filters[name])) for name, value in filters.items())]
    for what, value, allowed in known:
        one_of(what, value, allowed)
    return View(kind, fields.get("q", "").strip()[:200], filters, sort, direction == "desc", parse_page(fields),
                int(size))


def containing(query: Query, words: str) -> Query:
    """Of the region-items those whose region and item hold each of the words, in any case."""
    for word in words.lower().split():
        query = query.where(RegionItemRow.search.contains(word, autoescape=True))
    return query


def in_order(query: Query, view: View, last: ColumnElement[Any],
             columns: Mapping[str, ColumnElement[Any]] | None = None) -> Query:
    """Sorted as the view says, what is not known at the end; ``last`` decides between equals.

    Args:
        columns: what stands for the columns of the view, where lines are made of several rows.
    """
    column = (columns or view.kind.columns)[view.sort]
    return query.order_by(case((column.is_(None), 1), else_=0), column.desc() if view.descending else column.asc(),
                          last)


def find_page(query: Query, view: View) -> Page:
    """The page that a view asks for, or the last one when it asks for more than there are.

    Args:
        query: of all that matches, in order. Each row is the entity when it selects one, else all its columns.
    """
    count = db.session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    place = place_of(view.page, count, view.size)
    found = db.session.execute(query.limit(view.size).offset(place.before)).all()
    return Page([row[0] if len(row) == 1 else row for row in found], count, view.at_page(place.number), place.pages)


@dataclass(frozen=True)
class Place:
    """Where a page stands in its list."""

    number: int
    pages: int
    """Of the whole list; 1 when nothing is in it."""
    before: int
    """Rows on the pages before it."""


def place_of(number: int, matching: int, size: int) -> Place:
    """The place of that page, or of the last one when there are fewer.

    Args:
        matching: rows in the whole list.
        size: rows on a page.
    """
    pages = max(1, -(-matching // size))
    number = min(number, pages)
    return Place(number, pages, (number - 1) * size)


def parse_page(fields: MultiDict[str, str], name: str = "page") -> int:
    """The page's number; an error page when it is none."""
    page = fields.get(name, "") or "1"
    if not (page.isascii() and page.isdigit() and len(page) < 10 and 1 <= int(page) <= LARGEST_PAGE):
        abort(422, _("There is no page %(page)s; pages are numbered from 1.", page=repr(page[:40])))
    return int(page)
