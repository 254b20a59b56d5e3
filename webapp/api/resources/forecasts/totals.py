"""Totals: the forecast of a sum, and of every region, item or value of an attribute."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any

from flask import abort
from pydantic import Field
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from demand_assets.forecasting.forecast.revenue_and_margin import MoneySum
from demand_assets.forecasting.forecast.totals import Bounds, Deciles
from demand_assets.forecasting.model.intervals import DECILE_NAMES
from webapp.api.conventions.operations import answers, costly, needs
from webapp.api.conventions.paging import page_of, part_of
from webapp.api.conventions.shapes import (
    AttributeFilter,
    CoverageArgument,
    DecilesResponse,
    Horizon,
    Name,
    PageQuery,
    Query,
    ResponsePart,
    Text,
    Yes,
    deciles_told,
)
from webapp.api.resources.forecasts import of_region_items
from webapp.api.resources.forecasts.of_region_items import (
    MOST_KEYS,
    ForecastPeriod,
    Keys,
    MoneyResponse,
    TotalResponse,
    bounds_told,
    horizon_of,
    money_told,
    overridden_answer,
)
from webapp.forecasts.query import ForecastQuery, parse_forecast_query
from webapp.http.choices import one_of
from webapp.http.costly_reads import costly_reads
from webapp.overrides.in_money import answer_in_money
from webapp.pages.long_names import in_full
from webapp.pages.rounded_money import rounded_money
from webapp.personal.seen_region_items import mark, sees_everything
from webapp.region_items.attributes import conditions_of, parsed
from webapp.services import services
from webapp.serving.forecast_of_selection import Answer, Period, plan_of
from webapp.stored_forecasts.filtered_totals import filtered_totals, tell_intervals
from webapp.stored_forecasts.group_answer import GroupAnswer, group_of
from webapp.stored_forecasts.group_page import filtered_rest, group_conditions, kinds, rest_of
from webapp.tables import GroupForecast

bp = of_region_items.bp
"""One resource, whose other operations stand there."""


class TotalsQuery(Query):
    """Of what; region-items of all arguments add up."""

    all: Yes = Field("false", description="Everything")
    region: Annotated[list[Name], Field(max_length=MOST_KEYS)] = Field([], description="Whole regions")
    item: Annotated[list[Name], Field(max_length=MOST_KEYS)] = Field([], description="Items in all regions")
    attribute: Annotated[list[AttributeFilter], Field(max_length=50)] = Field(
        [], description="Region-items with these attributes; of several values of one attribute, one of them")
    key: Keys = Field([], description="Single region-items")
    horizon: Horizon = None
    coverage: CoverageArgument = "80"
    overrides: Yes = Field("true", description="Whether planners' overrides are in the numbers")
    deciles: Yes = Field("false", description="Whether the nine deciles of each period and of the sum are told")


class GroupsQuery(PageQuery):
    """Totals by what."""

    by: Text = Field(description="`region`, `item`, or an attribute of kind text or yes_no")
    within: Text = Field("", description="Only the parts of this value of an attribute, as in `department:Kitchen`; "
                                         "`by` is a level below it, or its items or regions")


class GroupResponse(ResponsePart):
    """The total of one region, one item or one value of an attribute, over the dataset's horizon."""

    name: str = Field(description="Of the region or item, or the attribute's value")
    region_items: int
    forecast: float = Field(description="Units, with planners' overrides, as last computed")
    lower: float | None = Field(description="Of the sum's 80 % interval; null where the token's owner does not see all "
                                            "of its region-items and those on the page are too many to be read")
    upper: float | None
    model: float | None = Field(description="The models' own total")
    last_year: float | None = Field(description="Units in the same periods a year earlier, of those sold then")
    last_year_out_of_stock: int = Field(description="How many of these were out of stock then, so that at least "
                                                    "`last_year` was wanted")
    change: float | None = Field(description="Relative change on last year, of those sold then")
    money: MoneyResponse
    wape_by_money: float | None = Field(description="Error of published forecasts, weighed by the prices")
    made_at: datetime


class RestResponse(ResponsePart):
    """The total of what is in none of the groups."""

    region_items: int
    forecast: float = Field(description="Units, with planners' overrides, as last computed")
    model: float = Field(description="The models' own total")


class GroupsPage(ResponsePart):
    """Totals, by name."""

    unit: str
    currency: str
    by: str
    totals: list[GroupResponse]
    rest: RestResponse | None = Field(description="Of the region-items without a value of the attribute, on whichever "
                                                  "page; null where all have one")
    next: str | None = Field(description="Cursor of the next page; null after the last")


class TotalsResponse(ResponsePart):
    """The forecast of a sum."""

    unit: str
    currency: str
    coverage: int
    region_items: int = Field(description="How many are summed")
    missing: int = Field(description="How many have no forecast, and are not in the sum")
    includes_overrides: bool = Field(description="Whether planners' overrides are in the numbers")
    overrides: int = Field(description="Periods of region-items that are overridden, in these numbers")
    total: TotalResponse
    model: float = Field(description="The models' own total; another than `total` where there are overrides")
    money: MoneyResponse
    periods: list[ForecastPeriod]


@bp.get("/totals", responses=answers(TotalsResponse, 200, 404))
@needs("viewer")
@costly
def get_total(query: TotalsQuery) -> TotalsResponse:
    """The sum of forecasts, by period and over the horizon."""
    return costly_reads().shared(("totals", mark(), query.model_dump_json()), lambda: _total(query))


@bp.get("/totals/groups", responses=answers(GroupsPage))
@needs("viewer")
def list_group_totals(query: GroupsQuery) -> GroupsPage:
    """The totals of every region, item or value of an attribute, over the dataset's horizon, by name."""
    kind = one_of("by", query.by, kinds())
    within = parsed(query.within) if query.within else None
    rows: Sequence[GroupForecast]
    if sees_everything():
        asked, rest = select(GroupForecast).where(*group_conditions(kind, within)), rest_of(kind, within)
        rows, following = page_of(asked, GroupForecast.name.expression, str, query.limit, query.cursor)
    else:
        group_conditions(kind, within)
        where = conditions_of([within] if within else [])
        seen = filtered_totals(kind, where)
        rest = filtered_rest(seen, next(iter(filtered_totals("all", where)), None))
        rows, following = part_of(seen, lambda one: one.name, str, query.limit, query.cursor)
        tell_intervals(kind, where, rows)
    dataset = services().dataset
    others = None if rest is None else RestResponse(region_items=rest.size, forecast=rest.total, model=rest.model)
    return GroupsPage(unit=dataset.unit, currency=dataset.currency, by=kind, next=following, rest=others, totals=[
        GroupResponse(
            name=in_full(row.name), region_items=row.size, forecast=row.total, lower=row.lower, upper=row.upper,
            model=row.model, last_year=row.last_year, last_year_out_of_stock=row.last_year_out_of_stock,
            change=row.change, made_at=row.made_at,
            wape_by_money=row.wape_by_money,
            money=MoneyResponse(revenue=rounded_money(row.revenue), priced=row.priced, margin=rounded_money(row.margin),
                                costed=row.costed)) for row in rows])


def _total(query: TotalsQuery) -> TotalsResponse:
    fields: MultiDict[str, str] = MultiDict([
        ("horizon", str(horizon_of(query.horizon))), ("coverage", query.coverage),
        ("all", "1" if query.all == "true" else "0"),
        *(("region", name) for name in query.region), *(("item", name) for name in query.item),
        *(("attribute", one) for one in query.attribute), *(("ri", key) for key in query.key)])
    forecast_query = parse_forecast_query(fields)
    if not forecast_query.keys:
        abort(422, "Say of what: with `all=true`, `region`, `item`, `attribute` or `key`.")
    answer, total = _summed(forecast_query)
    final = overridden_answer(answer) if query.overrides == "true" else None
    money = answer_in_money(answer, final)
    deciles = (final or answer).deciles if query.deciles == "true" else None
    on = _by_date(deciles)
    return TotalsResponse(
        unit=services().dataset.unit, currency=services().dataset.currency, money=money_told(money),
        coverage=forecast_query.coverage, region_items=len(forecast_query.keys),
        missing=answer.missing if isinstance(answer, GroupAnswer) else len(answer.missing),
        includes_overrides=final is not None, overrides=final.count if final else 0,
        total=bounds_told(final.total if final else total, deciles), model=total.forecast,
        periods=[_period(period, money, on.get(period.date)) for period in (final or answer).periods])


def _summed(forecast_query: ForecastQuery) -> tuple[Answer | GroupAnswer, Bounds]:
    """The sum as the page of forecasts makes it: forecast now, or for many from the kept stored forecasts."""
    if forecast_query.is_large:
        group = group_of(forecast_query.keys, services().dataset, forecast_query.horizon, forecast_query.coverage / 100)
        if not group.summed:
            abort(404, "No forecast of these region-items is kept yet.")
        return group, group.total
    plan = plan_of(services(), forecast_query.rows, forecast_query.horizon).within(forecast_query.coverage / 100)
    if not plan.lines:
        abort(404, f"None of these region-items can be forecast: {'; '.join(plan.missing_by_reason)}"[:500])
    return plan, plan.plan_total


def _by_date(deciles: Deciles | None) -> dict[date, DecilesResponse | None]:
    """What is told of each period."""
    return {} if deciles is None else {row["date"].date(): deciles_told([row[name] for name in DECILE_NAMES])
                                       for row in deciles.by_date.to_dict("records")}


def _period(period: Period, money: MoneySum, deciles: DecilesResponse | None) -> ForecastPeriod:
    told: dict[str, Any] = {"date": period.date, "model": period.plan, "deciles": deciles,
                            "revenue": rounded_money(money.revenue_on(period.date)),
                            "margin": rounded_money(money.margin_on(period.date))}
    if period.final is None or period.final_lower is None or period.final_upper is None:
        return ForecastPeriod(**told, forecast=period.plan, lower=period.lower, upper=period.upper)
    return ForecastPeriod(**told, forecast=period.final, lower=period.final_lower, upper=period.final_upper)
