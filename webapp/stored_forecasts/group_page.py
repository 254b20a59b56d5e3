"""Totals of regions, items and values of attributes, by the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import abort
from sqlalchemy import ColumnElement, case, func, select

from demand_assets.forecasting.dataset.attributes import AXES
from webapp.db.chunked import chunked
from webapp.db.database import db
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext
from webapp.pages.listing import place_of
from webapp.personal.seen_region_items import sees_everything
from webapp.region_items.attributes import (
    ARGUMENT,
    Filter,
    arguments_of,
    groupable,
    is_within,
    owners_of,
    parsed,
)
from webapp.stored_forecasts.seen_totals import seen_totals
from webapp.tables import AttributeValue, GroupForecast, RegionItemRow

KINDS = {"region": lazy_gettext("By region"), "item": lazy_gettext("By item")}
GROUPS_AT_ONCE = 50
GROUP_ORDERS: dict[str, ColumnElement[Any]] = {
    "name": GroupForecast.name.expression, "total": GroupForecast.total.expression,
    "last_year": GroupForecast.last_year.expression,
    "change": GroupForecast.compared / func.nullif(GroupForecast.last_year, 0),
    "size": GroupForecast.size.expression,
    "revenue": GroupForecast.revenue.expression, "margin": GroupForecast.margin.expression,
    "wape_by_money": GroupForecast.live_error_money / func.nullif(GroupForecast.live_sold_money, 0),
}


@dataclass(frozen=True)
class GroupView:
    """Which totals are shown, and in which order; the URL says it."""

    kind: str = "region"
    """Of ``kinds``."""
    search: str = ""
    sort: str = "name"
    """Of ``GROUP_ORDERS``, with ``-`` before it the largest first."""
    page: int = 1
    within: Filter | None = None
    """The value of an attribute whose parts alone are shown."""

    def query(self, **changes: object) -> dict[str, Any]:
        """The URL's arguments for this view with changes; defaults are left out."""
        plain = {"by": "region", "q": "", "sort": "name", "page": "1", "within": ""}
        values = {"by": self.kind, "q": self.search, "sort": self.sort, "page": self.page,
                  "within": "".join(arguments_of([self.within])) if self.within else "", **changes}
        return {name: str(value) for name, value in values.items() if str(value) != plain[name]}

    def sorted_by(self, name: str) -> dict[str, Any]:
        """The URL's arguments for this view sorted by a column; the other way round when it already is."""
        return self.query(sort=f"-{name}" if self.sort == name else name, page=1)


@dataclass(frozen=True)
class Rest:
    """What lies in the whole and in none of its groups: region-items that have no value of the attribute."""

    size: int
    total: float
    model: float


@dataclass(frozen=True)
class GroupPage:
    """One page of totals."""

    groups: Sequence[GroupForecast]
    matching: int
    number: int
    pages: int
    all: GroupForecast | None
    """Of everything; None before the first was made."""
    rest: Rest | None = None
    """Of all groups, whichever are on this page; None where there is none, or some groups only are searched for."""
    due: frozenset[tuple[str, str]] = frozenset()
    """Kind and name of those whose region-items changed since they were summed up."""

    def is_due(self, group: GroupForecast) -> bool:
        """Whether a region-item of it changed, so that it is about to be summed up again."""
        return (group.kind, group.name) in self.due


@dataclass(frozen=True)
class LastYear:
    """Last year's demand in the periods of a forecast."""

    units: float
    """Of those region-items that were sold then."""
    change: float | None
    """Their forecast over it, minus one."""
    compared_size: int
    out_of_stock: int = 0
    """How many of these were out of stock then, so that at least that was wanted."""


def last_year_of(fields: Sequence[tuple[str, str]]) -> LastYear | None:
    """Of a selection of whole regions, whole items or all; None of others, and where it is not known.

    Args:
        fields: the selection as ``ForecastQuery.fields`` has it.
    """
    kinds = {kind for kind, _ in fields}
    if kinds == {ARGUMENT}:
        filters = [parsed(text) for _, text in fields]
        kinds, fields = {name for name, _ in filters}, filters
        if not kinds <= {*groupable(), *AXES}:
            return None
    elif not kinds <= {"region", "item", "all"}:
        return None
    if len(kinds) != 1:
        return None
    names = ["" if kind == "all" else name for kind, name in fields]
    found = db.session.scalars(select(GroupForecast).where(
        GroupForecast.kind == kinds.pop(), GroupForecast.name.in_(names), GroupForecast.last_year.is_not(None))).all()
    if not found or (len(found) < len(set(names)) and not sees_everything()):
        return None
    units, compared = (sum(value or 0.0 for value in values) for values in
                       zip(*((group.last_year, group.compared) for group in found), strict=True))
    return LastYear(units, compared / units - 1 if units else None, sum(group.compared_size for group in found),
                    sum(group.last_year_out_of_stock for group in found))


def group_page(view: GroupView) -> GroupPage:
    """The page that a view asks for, or the last one when it asks for more than there are."""
    if not sees_everything():
        return _seen_page(view)
    where = group_conditions(view.kind, view.within)
    where += [func.lower(GroupForecast.name).contains(word, autoescape=True) for word in view.search.lower().split()]
    count = db.session.scalar(select(func.count()).select_from(GroupForecast).where(*where)) or 0
    place = place_of(view.page, count, GROUPS_AT_ONCE)
    column = GROUP_ORDERS[view.sort.removeprefix("-")]
    groups = db.session.scalars(
        select(GroupForecast).where(*where).order_by(
            case((column.is_(None), 1), else_=0), column.desc() if view.sort.startswith("-") else column.asc(),
            GroupForecast.name).limit(GROUPS_AT_ONCE).offset(place.before)).all()
    return GroupPage(groups, count, place.number, place.pages, db.session.get(GroupForecast, ("all", "")),
                     None if view.search else rest_of(view.kind, view.within), _due())


def _seen_page(view: GroupView) -> GroupPage:
    """The same, of what whoever asks sees."""
    group_conditions(view.kind, view.within)
    totals, words = seen_totals(view.kind, view.within), view.search.lower().split()
    found = [each for each in totals if all(word in each.name.lower() for word in words)]
    name, is_down = view.sort.removeprefix("-"), view.sort.startswith("-")
    known = sorted((each for each in found if getattr(each, name) is not None), key=lambda each: getattr(each, name),
                   reverse=is_down)
    found = known + [each for each in found if getattr(each, name) is None]
    place = place_of(view.page, len(found), GROUPS_AT_ONCE)
    return GroupPage(found[place.before:place.before + GROUPS_AT_ONCE], len(found), place.number, place.pages,
                     next(iter(seen_totals("all")), None), None if view.search else seen_rest(totals, view.within),
                     _due())


def seen_rest(totals: Sequence[GroupForecast], within: Filter | None) -> Rest | None:
    """As ``rest_of``, of what whoever asks sees.

    Args:
        totals: all of a kind, as ``seen_totals`` gives them.
    """
    whole, size = next(iter(seen_totals("all", within)), None), sum(each.size for each in totals)
    if whole is None or whole.size <= size:
        return None
    return Rest(whole.size - size, max(whole.total - sum(each.total for each in totals), 0.0),
                max((whole.model or 0.0) - sum(each.model or 0.0 for each in totals), 0.0))


def rest_of(kind: str, within: Filter | None) -> Rest | None:
    """What no group of a kind has of all, or of the value of an attribute; None where they have everything.

    Its total is the difference of totals, which add up; an interval does not follow from theirs.
    """
    whole = db.session.get(GroupForecast, within or ("all", ""))
    size, total, model = db.session.execute(select(
        func.coalesce(func.sum(GroupForecast.size), 0), func.coalesce(func.sum(GroupForecast.total), 0.0),
        func.coalesce(func.sum(func.coalesce(GroupForecast.model, GroupForecast.total)), 0.0)).where(
            *group_conditions(kind, within))).one()
    if whole is None or whole.size <= size:
        return None
    return Rest(whole.size - size, max(whole.total - total, 0.0),
                max((whole.total if whole.model is None else whole.model) - model, 0.0))


def kinds() -> dict[str, str]:
    """What totals are made by, with words for it: regions, items and attributes."""
    return KINDS | {name: _("By %(title)s", title=one.title) for name, one in groupable().items()}


def group_conditions(kind: str, within: Filter | None) -> list[ColumnElement[bool]]:
    """What a total must be to be of that kind, and part of the value of an attribute where one is given."""
    return [GroupForecast.kind == kind, *([_is_part_of(kind, within)] if within else [])]


def _is_part_of(kind: str, within: Filter) -> ColumnElement[bool]:
    """Whether a group lies in the value of an attribute; an error page where groups of that kind may lie across."""
    if not is_within(kind, within[0]):
        abort(422, _("Totals by %(kind)s are not parts of those by %(above)s; a level of a hierarchy lies in the "
                     "levels above it, and items and regions lie in their own attributes.", kind=kind, above=within[0]))
    owners = owners_of(within[0], [within[1]])
    if kind in KINDS:
        return GroupForecast.name.in_(owners)
    return GroupForecast.name.in_(select(AttributeValue.value).where(
        AttributeValue.name == kind, AttributeValue.owner.in_(owners)))


def _due() -> frozenset[tuple[str, str]]:
    changed = db.session.execute(select(RegionItemRow.region, RegionItemRow.item).where(
        RegionItemRow.groups_due > 0).distinct()).all()
    found = {("region", row[0]) for row in changed} | {("item", row[1]) for row in changed}
    for part in chunked(sorted(found) if groupable() else []):
        of_axis = {axis: [name for kind, name in part if kind == axis] for axis in AXES}
        for axis, names in of_axis.items():
            found |= {(name, value) for name, value in db.session.execute(select(
                AttributeValue.name, AttributeValue.value).where(
                    AttributeValue.axis == axis, AttributeValue.owner.in_(names)).distinct())}
    return frozenset(found | ({("all", "")} if changed else set()))
