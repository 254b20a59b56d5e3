"""Totals of what is filtered, or of what somebody sees who does not see everything: summed up when they are asked for.

The interval of a total does not follow from those of its region-items, nor from those of other totals: what errors
share is in the error paths of the region-items themselves. That of a total whose region-items all count is stored; of
any other it is made of their stored forecasts, as the forecast page of the same region-items makes it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select

from demand_assets.forecasting.dataset.attributes import AXES
from demand_assets.forecasting.forecast.totals import Bounds, Part, SummedParts
from webapp.db.chunked import chunked
from webapp.db.database import db, now
from webapp.region_items.attributes import filterable
from webapp.region_items.open_overrides import apply, open_overrides
from webapp.tables import AttributeValue, GroupForecast, RegionItemRow, StoredForecast

MOST = 5000
"""Region-items whose stored forecasts are read for the intervals of one page."""
Conditions = Sequence[ColumnElement[bool]]
Names = dict[str | None, list[str]]
"""Name of a total -> keys of its region-items; None for what is in none."""


def filtered_totals(kind: str, where: Conditions = ()) -> list[GroupForecast]:
    """The totals of a kind by name, of those region-items that fit and whoever asks sees. Rows of no session.

    Lower and upper are None where they are not stored: where not all of the total fit, or some changed since.

    Args:
        kind: as in ``GroupForecast``.
        where: conditions on ``RegionItemRow``.
    """
    name: ColumnElement[Any] = func.min("") if kind == "all" else _name_of(kind)
    total, last_year = RegionItemRow.forecast_total, RegionItemRow.last_year
    query = select(
        name, func.count(), func.sum(total), func.sum(RegionItemRow.forecast_model), func.sum(last_year),
        func.count(last_year), func.count().filter(last_year.is_not(None), RegionItemRow.last_year_out_of_stock > 0),
        func.sum(total).filter(last_year.is_not(None)), func.sum(RegionItemRow.revenue),
        func.count(RegionItemRow.revenue), func.sum(RegionItemRow.margin), func.count(RegionItemRow.margin),
        func.sum(RegionItemRow.live_error_money), func.sum(RegionItemRow.live_sold_money),
        func.max(RegionItemRow.groups_due),
    ).select_from(RegionItemRow).where(RegionItemRow.in_catalogue, total.is_not(None), *where)
    if kind not in (*AXES, "all"):
        query = query.join(AttributeValue, _owns(kind))
    if kind != "all":
        query = query.group_by(name).order_by(name)
    stored = {row.name: row for row in db.session.execute(select(
        GroupForecast.name, GroupForecast.size, GroupForecast.lower, GroupForecast.upper,
        GroupForecast.made_at).where(GroupForecast.kind == kind))}
    return [_total(kind, row, stored.get(row[0])) for row in db.session.execute(query) if row[1]]


def interval_of(where: Conditions, size: int) -> Bounds | None:
    """The 80 % interval of the total of all region-items that fit; None where not so many have a stored forecast.

    Args:
        size: how many have a total.
    """
    keys = [key for its in _members("all", where).values() for key in its]
    return _bounds(_sums_of({"": keys})[""], size) if keys else None


def tell_intervals(kind: str, where: Conditions, groups: Sequence[GroupForecast], whole: GroupForecast | None = None,
                   rest: int = 0) -> Bounds | None:
    """Give their intervals to totals of one kind that have none, and to the whole of them, as far as their region-items
    are no more than ``MOST`` together; that of what is in none of the kind's totals is returned, where there is one.

    Args:
        where: what ``filtered_totals`` was asked.
        whole: the total of all that fit.
        rest: how many region-items are in none.
    """
    is_all_read = whole is not None and whole.lower is None and whole.size <= MOST
    left, bare = MOST, list[GroupForecast]()
    for each in groups:
        if each.lower is None and (is_all_read or each.size <= left):
            bare.append(each)
            left -= each.size
    with_rest = rest > 0 and (is_all_read or rest <= left)
    if not (is_all_read or bare or with_rest):
        return None
    sums = _sums_of(_members(kind, where) if is_all_read else _members(
        kind, where, [each.name for each in bare], with_rest))
    for each in bare:
        _give(each, sums.get(each.name))
    if whole is not None and is_all_read:
        summed = SummedParts()
        for part in sums.values():
            summed.add(part)
        _give(whole, summed)
    return _bounds(sums[None], rest) if with_rest and None in sums else None


def _give(total: GroupForecast, summed: SummedParts | None) -> None:
    found = _bounds(summed, total.size) if summed else None
    if found:
        total.lower, total.upper = found.lower, found.upper


def _bounds(summed: SummedParts, size: int) -> Bounds | None:
    return summed.over_all() if size and summed.size == size else None


def _members(kind: str, where: Conditions, names: Sequence[str] | None = None, with_rest: bool = False) -> Names:
    """The region-items of each total of a kind that fit and have a total themselves.

    Args:
        names: of these totals only; ``with_rest``, of what is in none as well.
    """
    column: ColumnElement[Any] = RegionItemRow.region.expression if kind == "all" else _name_of(kind)
    query = select(column, RegionItemRow.key).select_from(RegionItemRow).where(
        RegionItemRow.in_catalogue, RegionItemRow.forecast_total.is_not(None), *where)
    if kind not in (*AXES, "all"):
        query = query.outerjoin(AttributeValue, _owns(kind))
    if names is not None:
        query = query.where(or_(column.in_(names), *([column.is_(None)] if with_rest else [])))
    found: Names = {}
    for name, key in db.session.execute(query.order_by(RegionItemRow.position)):
        found.setdefault(name, []).append(key)
    return found


def _name_of(kind: str) -> ColumnElement[Any]:
    if kind not in AXES:
        return AttributeValue.value.expression
    return RegionItemRow.item.expression if kind == "item" else RegionItemRow.region.expression


def _owns(kind: str) -> ColumnElement[bool]:
    """Whether a row of attributes is of a region-item's item, or region."""
    axis = filterable()[kind][0]
    return (AttributeValue.owner == (RegionItemRow.item if axis == "item" else RegionItemRow.region)) & (
        AttributeValue.axis == axis) & (AttributeValue.name == kind)


def _sums_of(members: Mapping[Any, Sequence[str]]) -> dict[Any, SummedParts]:
    """The stored forecasts of each of these, summed up with planners' overrides."""
    keys = sorted({key for its in members.values() for key in its})
    contents: dict[str, bytes] = {}
    for part in chunked(keys):
        for stored in db.session.execute(select(StoredForecast.key, StoredForecast.content).where(
                StoredForecast.key.in_(part))):
            contents[stored.key] = stored.content
    held = {key: its for key, its in open_overrides(keys).items() if key in contents}
    found = {}
    for name, its in members.items():
        found[name] = SummedParts.of_bytes(contents[key] for key in its if key in contents and key not in held)
        found[name].add(SummedParts.of(
            apply(Part.from_bytes(contents[key]), held[key]) for key in its if key in held))
    return found


def _total(kind: str, row: Any, stored: Any) -> GroupForecast:
    name, size, total, model, last_year, compared_size, was_out, compared = row[:8]
    revenue, priced, margin, costed, error_money, sold_money, due = row[8:]
    is_whole = stored is not None and stored.size == size and not due
    return GroupForecast(
        kind=kind, name=name, made_at=stored.made_at if stored else now(), size=size, total=total,
        lower=stored.lower if is_whole else None, upper=stored.upper if is_whole else None,
        model=model, last_year=last_year, last_year_out_of_stock=was_out, compared=compared,
        compared_size=compared_size, revenue=revenue, margin=margin, priced=priced, costed=costed,
        live_error_money=error_money, live_sold_money=sold_money)
