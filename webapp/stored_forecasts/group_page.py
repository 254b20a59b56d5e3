"""Totals of regions, items and values of attributes, by the page."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flask import abort
from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import defer

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
    conditions_of,
    groupable,
    is_within,
    owners_of,
    parsed,
)
from webapp.region_items.overview_table.query import View, conditions
from webapp.stored_forecasts.filtered_totals import Conditions, filtered_totals, tell_intervals
from webapp.tables import AttributeValue, GroupForecast, RegionItemRow

KINDS = {"region": lazy_gettext("By region"), "item": lazy_gettext("By item")}
GROUPS_AT_ONCE = 50
WIDE = (GroupForecast.running, GroupForecast.by_period)
"""Columns that take longer to read than all others, and that no page of totals shows."""
FILTERS = (ARGUMENT, "status", "flag", "since", "view", "picked", "items", "regions")
"""Of the overview's arguments, those that totals have too: which region-items count, and how the panels stand."""
_PLAIN_FILTERS = {name: value for name, value in View().fields().items() if name in FILTERS}
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
    of: View = field(default_factory=View)
    """Which region-items count: its filters."""

    def query(self, **changes: object) -> dict[str, Any]:
        """The URL's arguments for this view with changes; defaults are left out."""
        plain = {"by": "region", "q": "", "sort": "name", "page": "1"}
        filters = {name: value for name, value in self.of.fields().items() if name in FILTERS}
        values = {**filters, "by": self.kind, "q": self.search, "sort": self.sort, "page": self.page, **changes}
        texts = {name: value if isinstance(value, list) else str(value) for name, value in values.items()}
        return {name: text for name, text in texts.items() if text != plain.get(name, _PLAIN_FILTERS.get(name))}

    def filters_of(self, name: str) -> list[str]:
        """What one of its totals is of, as arguments: its name, and the filters in whose values it may lie in part."""
        others = [one for one in self.of.attributes if one[0] != self.kind and not is_within(self.kind, one[0])]
        return arguments_of([*others, (self.kind, name)])

    def selection_of(self, name: str) -> dict[str, Any]:
        """The arguments by which the forecast page selects what one of its totals is of."""
        filters = self.filters_of(name)
        return {self.kind: name} if len(filters) == 1 and self.kind in KINDS else {ARGUMENT: filters}

    def sorted_by(self, name: str) -> dict[str, Any]:
        """The URL's arguments for this view sorted by a column; the other way round when it already is."""
        return self.query(sort=f"-{name}" if self.sort == name else name, page=1)


@dataclass(frozen=True)
class Rest:
    """What lies in the whole and in none of its groups: region-items that have no value of the attribute."""

    size: int
    total: float
    model: float
    lower: float | None = None
    """The 80 % interval of its total; None where it was not made."""
    upper: float | None = None


@dataclass(frozen=True)
class GroupPage:
    """One page of totals."""

    groups: Sequence[GroupForecast]
    matching: int
    number: int
    pages: int
    all: GroupForecast | None
    """Of everything that counts; None where nothing does, or before the first was made."""
    rest: Rest | None = None
    """Of all groups, whichever are on this page; None where there is none, or some groups only are searched for."""
    is_made: bool = True
    """Whether there are totals at all."""
    due: frozenset[tuple[str, str]] = frozenset()
    """Kind and name of those whose region-items changed since they were summed up; none where all were summed now."""

    @property
    def lacks_intervals(self) -> bool:
        """Whether some totals have no interval, since they are of too many region-items to be read for a page."""
        return any(each.lower is None for each in self.groups) or (
            self.all is not None and self.all.lower is None) or (self.rest is not None and self.rest.lower is None)

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
    within = _within(view)
    if not sees_everything() or (view.of.is_narrowed and within is None):
        return _filtered_page(view)
    where = group_conditions(view.kind, within)
    where += [func.lower(GroupForecast.name).contains(word, autoescape=True) for word in view.search.lower().split()]
    count = db.session.scalar(select(func.count()).select_from(GroupForecast).where(*where)) or 0
    place = place_of(view.page, count, GROUPS_AT_ONCE)
    column = GROUP_ORDERS[view.sort.removeprefix("-")]
    groups = db.session.scalars(
        select(GroupForecast).options(*(defer(wide, raiseload=True) for wide in WIDE)).where(*where).order_by(
            case((column.is_(None), 1), else_=0), column.desc() if view.sort.startswith("-") else column.asc(),
            GroupForecast.name).limit(GROUPS_AT_ONCE).offset(place.before)).all()
    rest = None if view.search else rest_of(view.kind, within)
    if rest:
        rest = _with_interval(rest, view.kind, conditions_of([within] if within else []))
    whole = db.session.get(GroupForecast, within or ("all", ""))
    return GroupPage(groups, count, place.number, place.pages, whole, rest,
                     whole is not None or (within is not None and _is_made()), _due())


def _within(view: GroupView) -> Filter | None:
    """The value of an attribute that a view shows the parts of, where that is all that it asks: totals of its parts are
    stored."""
    if len(view.of.attributes) != 1 or replace(view.of, attributes=()).is_narrowed:
        return None
    found = view.of.attributes[0]
    return found if found[0] in groupable() and is_within(view.kind, found[0]) else None


def _filtered_page(view: GroupView) -> GroupPage:
    """The same, of what is filtered and whoever asks sees."""
    where = conditions(view.of)
    totals, words = filtered_totals(view.kind, where), view.search.lower().split()
    found = [each for each in totals if all(word in each.name.lower() for word in words)]
    name, is_down = view.sort.removeprefix("-"), view.sort.startswith("-")
    known = sorted((each for each in found if getattr(each, name) is not None), key=lambda each: getattr(each, name),
                   reverse=is_down)
    found = known + [each for each in found if getattr(each, name) is None]
    place = place_of(view.page, len(found), GROUPS_AT_ONCE)
    shown = found[place.before:place.before + GROUPS_AT_ONCE]
    whole = _stored_whole(view.of, next(iter(filtered_totals("all", where)), None))
    rest = None if view.search else filtered_rest(totals, whole)
    bounds = tell_intervals(view.kind, where, shown, whole, rest.size if rest else 0)
    if rest and bounds:
        rest = replace(rest, lower=bounds.lower, upper=bounds.upper)
    return GroupPage(shown, len(found), place.number, place.pages, whole, rest,
                     whole is not None or (view.of.is_narrowed and _is_made()))


def _is_made() -> bool:
    """Whether whoever asks sees a region-item that is forecast."""
    return db.session.scalar(select(RegionItemRow.key).where(
        RegionItemRow.in_catalogue, RegionItemRow.forecast_total.is_not(None)).limit(1)) is not None


def _stored_whole(of: View, whole: GroupForecast | None) -> GroupForecast | None:
    """The total of all that a view filters, with the interval of a stored one where that is of the same."""
    if whole is None or whole.lower is not None or len(of.attributes) != 1:
        return whole
    stored = db.session.get(GroupForecast, of.attributes[0])
    if stored and stored.size == whole.size and of.attributes[0] not in _due():
        whole.lower, whole.upper = stored.lower, stored.upper
    return whole


def _with_interval(rest: Rest, kind: str, where: Conditions) -> Rest:
    bounds = tell_intervals(kind, where, [], rest=rest.size)
    return replace(rest, lower=bounds.lower, upper=bounds.upper) if bounds else rest


def filtered_rest(totals: Sequence[GroupForecast], whole: GroupForecast | None) -> Rest | None:
    """As ``rest_of``, of what is filtered and whoever asks sees.

    Args:
        totals: all of a kind, as ``filtered_totals`` gives them.
        whole: that of all that fits.
    """
    size = sum(each.size for each in totals)
    if whole is None or whole.size <= size:
        return None
    return Rest(whole.size - size, max(whole.total - sum(each.total for each in totals), 0.0),
                max((whole.model or 0.0) - sum(each.model or 0.0 for each in totals), 0.0))


def rest_of(kind: str, within: Filter | None) -> Rest | None:
    """What no group of a kind has of all, or of the value of an attribute; None where they have everything.

    Its total is the difference of totals, which add up; its interval does not follow from theirs, and is left out.
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
