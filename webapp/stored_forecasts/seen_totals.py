"""Totals for somebody who does not see every region-item: summed up from those that they see, when they ask.

The interval of a total does not follow from those of its region-items. It is told of the totals of which they see all,
for which it is stored.
"""

from typing import Any

from sqlalchemy import ColumnElement, func, select

from demand_assets.forecasting.dataset.attributes import AXES
from webapp.db.database import db, now
from webapp.region_items.attributes import Filter, conditions_of, filterable
from webapp.tables import AttributeValue, GroupForecast, RegionItemRow


def seen_totals(kind: str, within: Filter | None = None) -> list[GroupForecast]:
    """The totals of a kind by name, of what whoever asks sees; lower and upper are None where that is not all of it.
    Rows that belong to no session.

    Args:
        kind: as in ``GroupForecast``.
        within: only what has that value of an attribute.
    """
    axis = "" if kind == "all" else filterable()[kind][0]
    column = RegionItemRow.item if axis == "item" else RegionItemRow.region
    name: ColumnElement[str] = func.min("") if kind == "all" else (
        column.expression if kind in AXES else AttributeValue.value.expression)
    total, last_year = RegionItemRow.forecast_total, RegionItemRow.last_year
    query = select(
        name, func.count(), func.sum(total), func.sum(RegionItemRow.forecast_model), func.sum(last_year),
        func.count(last_year), func.count().filter(last_year.is_not(None), RegionItemRow.last_year_out_of_stock > 0),
        func.sum(total).filter(last_year.is_not(None)), func.sum(RegionItemRow.revenue),
        func.count(RegionItemRow.revenue), func.sum(RegionItemRow.margin), func.count(RegionItemRow.margin),
        func.sum(RegionItemRow.live_error_money), func.sum(RegionItemRow.live_sold_money),
    ).select_from(RegionItemRow).where(RegionItemRow.in_catalogue, total.is_not(None),
                                       *(conditions_of([within]) if within else ()))
    if kind not in (*AXES, "all"):
        query = query.join(AttributeValue, (AttributeValue.owner == column) & (AttributeValue.axis == axis)
                           & (AttributeValue.name == kind))
    if kind != "all":
        query = query.group_by(name).order_by(name)
    stored = {row.name: row for row in db.session.scalars(select(GroupForecast).where(GroupForecast.kind == kind))}
    return [_total(kind, row, stored.get(row[0])) for row in db.session.execute(query) if row[1]]


def _total(kind: str, row: Any, stored: GroupForecast | None) -> GroupForecast:
    name, size, total, model, last_year, compared_size, was_out, compared = row[:8]
    revenue, priced, margin, costed, error_money, sold_money = row[8:]
    is_whole = stored is not None and stored.size == size
    return GroupForecast(
        kind=kind, name=name, made_at=stored.made_at if stored else now(), size=size, total=total,
        lower=stored.lower if stored and is_whole else None, upper=stored.upper if stored and is_whole else None,
        model=model, last_year=last_year, last_year_out_of_stock=was_out, compared=compared,
        compared_size=compared_size, revenue=revenue, margin=margin, priced=priced, costed=costed,
        live_error_money=error_money, live_sold_money=sold_money)
