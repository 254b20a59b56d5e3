"""Region-items: what there is, how it stands, what was sold and refused."""

from datetime import datetime
from typing import Annotated, Any, Literal, cast

import pandas as pd
from flask import abort
from pydantic import AfterValidator, Field
from sqlalchemy import ColumnElement, select

from demand_assets.forecasting.contract.quarantine import RULES
from demand_assets.forecasting.contract.region_item import known_as
from demand_assets.forecasting.dataset.demand.stock_entries import AT_LEAST
from demand_assets.forecasting.series.adjusted_demand import ADJUSTED, CARRIED
from demand_assets.forecasting.series.censored_demand import sold
from demand_assets.forecasting.store.stored_files import NotInStoreError
from webapp.api.conventions.etags import unless_known
from webapp.api.conventions.operations import answers, needs, resource
from webapp.api.conventions.paging import page_of, part_of
from webapp.api.conventions.shapes import (
    AttributeFilter,
    Cursor,
    Day,
    Id,
    KeyPath,
    Name,
    Named,
    PageQuery,
    Query,
    ResponsePart,
    Status,
    Text,
    finite,
)
from webapp.data_quality.quarantine import refused_rows
from webapp.pages.long_names import in_full
from webapp.pages.rounded_money import rounded_money, rounded_price
from webapp.personal.carried_demand import without_unseen
from webapp.personal.visible_views import visible_view
from webapp.region_items.attributes import attributes_of, parsed
from webapp.region_items.overview_table.flags import FLAGS
from webapp.region_items.overview_table.query import View, conditions
from webapp.region_items.rows import rows_of
from webapp.saved_views.opening import opened
from webapp.services import services
from webapp.tables import RegionItemRow

SOLD = "demand:sold"
"""A column of units sold, out of stock or not; no driver can be called so."""
bp = resource("region_items", "What is forecast: each item in each region.")

FlagName = Literal["drifting", "refused_rows", "stand_in", "retrain_running", "pinned", "stale", "new_demand",
                   "promoted", "kept", "failed", "moved", "favourite"]


def _known(rule: str) -> str:
    if rule not in RULES:
        raise ValueError(f"There is no rule {rule!r}; there are {', '.join(RULES)}.")
    return rule


Rule = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(RULES)})]


class RegionItemsQuery(PageQuery):
    """Which region-items."""

    q: Text = Field("", description="Words that region and item hold, in any case")
    region: Name = Field("", description="Only this region")
    item: Name = Field("", description="Only this item")
    status: Status | None = Field(None, description="Only those that stand so")
    attribute: Annotated[list[AttributeFilter], Field(max_length=50)] = Field(
        [], description="Only those with these attributes; of several values of one attribute, one of them")
    flag: list[FlagName] = Field([], max_length=12, description="Only those with all of these flags")
    saved_view: Id | None = Field(None, description="Only those that this saved view holds now")


class RegionItemResponse(Named):
    """A region-item and how it stands."""

    status: Status = Field(description="What forecasts it, or why nothing does")
    last_date: str | None = Field(description="Last period with known demand")
    last_demand: float | None = Field(description="Units sold in it")
    production_version: int | None = Field(description="Version of its own model that forecasts; null: a stand-in does")
    promoted_at: datetime | None
    pinned_by: str = Field(description="Who pinned the version; empty when it is not pinned")
    forecast: float | None = Field(description="Units over the next horizon, with overrides, as last computed")
    lower: float | None = Field(description="Of its 80 % interval")
    upper: float | None
    model: float | None = Field(description="The model's own forecast; another than `forecast` where it is overridden")
    live_wape: float | None = Field(description="Error of the forecasts as they stood, on periods known since")
    live_skill: float | None = Field(description="1 - WAPE / WAPE of seasonal naive; above 0 is better than naive")
    live_bias: float | None
    live_periods: int = Field(description="Periods that the three stand on")
    backtest_wape: float | None
    backtest_wape_seasonal_naive: float | None
    drift: float | None = Field(description="Largest population stability index since the training")
    quarantined_rows: int = Field(description="Rows refused at the last look at its demand")
    quarantine_reason: str = Field(description="Why its last good demand is kept; empty when it is new")
    price: float | None = Field(description="Of one unit, known last, in the dataset's `currency` as all money; null: "
                                            "not known")
    price_date: str | None = Field(description="Of which period; null of a price that is the same at all times")
    cost: float | None
    cost_date: str | None
    revenue: float | None = Field(description="`forecast` at the prices of its periods; null where one is not known")
    margin: float | None = Field(description="The revenue less the cost of what is sold")
    live_error_money: float | None = Field(
        description="Mean error a period of the forecasts as they stood, at the prices then")
    live_sold_money: float | None = Field(description="What was sold a period in those, in money")
    backtest_error_money: float | None = Field(description="The same of the backtest")
    backtest_sold_money: float | None
    attributes: dict[str, str] = Field(description="Name -> value, as `attribute` takes it; without those not known")


class RegionItemPage(ResponsePart):
    """Some region-items, by key."""

    region_items: list[RegionItemResponse]
    next: str | None = Field(description="Cursor of the next page; null after the last")


class DemandQuery(Query):
    """Which periods."""

    first: Day | None = Field(None, description="From this date on")
    last: Day | None = Field(None, description="Up to this date")
    limit: Annotated[int, Field(ge=1, le=1000, description="At most so many on a page")] = 400
    cursor: Cursor = None


class PeriodOfDemand(ResponsePart):
    """One period."""

    date: Day
    demand: float | None = Field(description="Units sold; null where nothing is known, and where it is carried over")
    censored: bool = Field(description="Whether it was out of stock: demand was at least the units sold, and neither "
                                       "models nor accuracy take these for demand")
    carried_over: bool = Field(description="Whether models learn the demand of other items here, which it replaces or "
                                           "is similar to; no metric and no total counts it")
    carried: float | None = Field(description="How many units that is")
    adjusted: float | None = Field(description="Units that models learn in their place, where a planner said so")
    drivers: dict[str, float | str | None] = Field(description="As they were; yes/no is 1/0")


class DemandPage(Named):
    """The demand of a region-item, oldest first."""

    unit: str
    periods: list[PeriodOfDemand]
    next: str | None


class RefusedQuery(PageQuery):
    """Which refused values."""

    rule: Literal[""] | Rule = Field("", description="Only those that this rule refused")


class RefusedValue(ResponsePart):
    """One value, or row, that the validation refused."""

    row: int | None = Field(description="Of the source, counted from 1 below the header")
    date: str | None
    column: str
    value: str | None
    rule: str
    message: str = Field(description="What is wrong, and the cure")


class RefusedPage(Named):
    """What the newest load of a region-item refused, in the source's order."""

    loaded_at: str
    reason: str = Field(description="Why its last good demand is kept; empty when its demand is new")
    values: list[RefusedValue]
    next: str | None


def row_of(key: str) -> RegionItemRow:
    """The region-item of that key; an error answer when there is none."""
    return rows_of([key])[0]


def name_of(row: RegionItemRow) -> dict[str, Any]:
    """The fields of ``Named``."""
    return {"key": row.key, "region": in_full(row.region), "item": in_full(row.item)}


def told(row: RegionItemRow, attributes: dict[str, str]) -> RegionItemResponse:
    """What is told of a region-item."""
    return RegionItemResponse(
        **name_of(row), status=cast(Status, row.status), last_date=row.last_date, last_demand=finite(row.last_demand),
        production_version=row.production_version, promoted_at=row.promoted_at, pinned_by=row.pinned_by,
        forecast=finite(row.forecast_total), lower=finite(row.forecast_lower), upper=finite(row.forecast_upper),
        model=finite(row.forecast_model),
        live_wape=finite(row.live_wape), live_skill=finite(row.live_skill), live_bias=finite(row.live_bias),
        live_periods=row.live_periods, backtest_wape=finite(row.wape),
        backtest_wape_seasonal_naive=finite(row.wape_seasonal_naive), drift=finite(row.drift),
        price=rounded_price(row.price), price_date=row.price_date, cost=rounded_price(row.cost),
        cost_date=row.cost_date, revenue=rounded_money(row.revenue), margin=rounded_money(row.margin),
        live_error_money=rounded_money(row.live_error_money), live_sold_money=rounded_money(row.live_sold_money),
        backtest_error_money=rounded_money(row.backtest_error_money),
        backtest_sold_money=rounded_money(row.backtest_sold_money),
        quarantined_rows=row.quarantined_rows, quarantine_reason=row.quarantine_reason, attributes=attributes)


def _held_by(view_id: int) -> list[ColumnElement[bool]]:
    """What a region-item must be to be in a saved view; an error answer where that cannot be said."""
    found = visible_view(str(view_id))
    if found is None:
        abort(404, f"There is no saved view {view_id}, or it is not shared with you.")
    view = opened(found)
    if view.lost:
        abort(422, f"“{found.name}” also asks for {', '.join(view.lost)}, which this dataset no longer has. Save it "
                   "again as it is meant.")
    return conditions(view.shown)


@bp.get("/region-items", responses=answers(RegionItemPage, 200, 404))
@needs("viewer")
def list_region_items(query: RegionItemsQuery) -> RegionItemPage:
    """Region-items, by key."""
    flags = [name for name in query.flag if name in FLAGS]
    view = View(search=query.q, status=query.status or "", flags=tuple(dict.fromkeys(flags)),
                attributes=tuple(sorted({parsed(one) for one in query.attribute})))
    asked = select(RegionItemRow).where(*conditions(view))
    for column, name in ((RegionItemRow.region, query.region), (RegionItemRow.item, query.item)):
        if name:
            asked = asked.where(column == known_as(name))
    if query.saved_view is not None:
        asked = asked.where(*_held_by(query.saved_view))
    rows, following = page_of(asked, RegionItemRow.key.expression, str, query.limit, query.cursor)
    attributes = attributes_of([row.region_item for row in rows])
    return RegionItemPage(region_items=[told(row, attributes[row.region_item]) for row in rows], next=following)


@bp.get("/region-items/<key>", responses=answers(RegionItemResponse, 200, 404))
@needs("viewer")
def get_region_item(path: KeyPath) -> RegionItemResponse:
    """One region-item."""
    row = row_of(path.key)
    return told(row, attributes_of([row.region_item])[row.region_item])


@bp.get("/region-items/<key>/demand", responses=answers(DemandPage, 200, 404))
@needs("viewer")
def get_demand(path: KeyPath, query: DemandQuery) -> DemandPage:
    """What was sold, and the drivers beside it; oldest first."""
    row = row_of(path.key)
    unless_known(row.forecast_wanted, row.last_date, row.loaded_at)
    dataset = services().dataset
    try:
        table = without_unseen(row.key, services().forecaster.history(row.region_item, known_as=row.forecast_wanted))
    except NotInStoreError:
        abort(404, f"No demand is stored for {row.region_item} yet.")
    table = table.assign(**{SOLD: sold(table)})
    days = table["date"].dt.date
    if query.first:
        table, days = table[days >= query.first], days[days >= query.first]
    if query.last:
        table = table[days <= query.last]
    found, following = part_of(table.to_dict("records"), lambda one: str(one["date"].date()), str, query.limit,
                               query.cursor)
    return DemandPage(**name_of(row), unit=dataset.unit, next=following, periods=[
        PeriodOfDemand(date=one["date"].date(), demand=finite(one[SOLD]),
                       censored=finite(one.get(AT_LEAST)) is not None, carried=finite(one.get(CARRIED)),
                       carried_over=finite(one.get(CARRIED)) is not None, adjusted=finite(one.get(ADJUSTED)),
                       drivers={name: driver_value(one[name]) for name in dataset.driver_names if name in one})
        for one in found])


@bp.get("/region-items/<key>/quarantine", responses=answers(RefusedPage, 200, 404))
@needs("viewer")
def get_quarantine_of_region_item(path: KeyPath, query: RefusedQuery) -> RefusedPage:
    """What the newest load refused of a region-item, and why."""
    row = row_of(path.key)
    table = refused_rows(services().store, row.region_item, query.rule)
    numbered = list(enumerate(table.to_dict("records")))
    found, following = part_of(numbered, lambda one: one[0], int, query.limit, query.cursor)
    return RefusedPage(**name_of(row), loaded_at=row.loaded_at, reason=row.quarantine_reason, next=following, values=[
        RefusedValue(row=None if pd.isna(one["row"]) else int(one["row"]), date=_text(one["date"]),
                     column=str(one["column"]), value=_text(one["value"]), rule=str(one["rule"]),
                     message=str(one["message"])) for _, one in found])


def driver_value(value: Any) -> float | str | None:
    """A driver's value as JSON."""
    if isinstance(value, str):
        return value
    return None if pd.isna(value) else finite(float(value))


def _text(value: Any) -> str | None:
    if value is None or pd.isna(value):
        return None
    return str(value.date()) if isinstance(value, pd.Timestamp) else str(value)
