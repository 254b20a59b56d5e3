"""Forecast value added: naive, model, overrides and planners on the same rows; and what came of scenarios."""

from datetime import datetime
from typing import Annotated, Literal

from flask import abort
from pydantic import Field
from werkzeug.datastructures import MultiDict

from demand_assets.forecasting.forecast.totals import Bounds
from webapp.api.conventions.operations import answers, needs, resource
from webapp.api.conventions.paging import make_cursor, read_cursor
from webapp.api.conventions.shapes import Day, Interval, PageQuery, ResponsePart, Text, TokenPath
from webapp.pages.rounded_money import rounded_money
from webapp.scenarios.repository import by_token
from webapp.value_added.comparing import ComparedRows, Method, compare
from webapp.value_added.targets import Target, current
from webapp.value_added.verdicts import Verdict, verdict_of
from webapp.value_added.views import parse_question, target_of, target_of_total

bp = resource("value_added", "What seasonal naive, models, overrides and planners got right, and what came of "
                             "scenarios.")


class ValueAddedQuery(PageQuery):
    """What is compared."""

    by: Text = Field("region", description="A row for each `region`, `item`, attribute by its name, `period`, `lead` "
                                           "or `planner`")
    lead: Annotated[int | None, Field(ge=1, le=400, description="Periods ahead: one of those that are judged, which "
                                                                "`by=lead` lists; 1 unless given")] = None
    back: Annotated[int | None, Field(ge=1, le=200, description="Only so many newest weeks, months or quarters, of "
                                                                "those that the page offers")] = None
    segment: Annotated[str, Field(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$",
                                  description="Only of this one, as in `region:north`; not by another segment")] = ""
    planner: Annotated[str, Field(max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$",
                                  description="Only rows on which their override stood")] = ""


class MethodResponse(ResponsePart):
    """One way to forecast, on the rows that all are compared on; null where it cannot be said."""

    wape: float | None = Field(description="Sum of absolute errors of each region-item and period over units sold")
    bias: float | None = Field(description="What was forecast too much over units sold; below 0 it was too little")
    error: float = Field(description="Sum of absolute errors, in units")
    error_money: float | None = Field(description="The same in the dataset's currency, of rows with a known price")


class TargetResponse(ResponsePart):
    """What administrators want of the plan."""

    segment: str = Field(description="Empty: the target for all")
    wape: float
    tolerance: float
    bias: float
    accuracy: Literal["reached", "tolerated", "missed"] | None
    bias_is: Literal["within", "too high", "too low"] | None


class ValueAddedRow(ResponsePart):
    """The same rows by all. A row is a period of a region-item."""

    name: str
    rows: int = Field(description="Rows compared: all know them, and demand is known")
    periods: int = Field(description="Rows in all; the next three are left out of the comparison")
    no_forecast: int
    no_demand: int = Field(description="Unknown, or out of stock")
    no_naive: int
    overridden: int
    too_late: int = Field(description="Overridden only when newer demand than the forecast's had come; does not count")
    priced: int = Field(description="Rows with a known price, of which the money is")
    sold: float
    naive: MethodResponse
    model: MethodResponse
    plan: MethodResponse = Field(description="The model with overrides")
    gained: float | None = Field(description="Units of error that overrides saved beside the model; below 0 they lost; "
                                             "null without overrides")
    gained_money: float | None
    target: TargetResponse | None


class ValueAddedPage(ResponsePart):
    """Rows by name, and their total."""

    by: str
    lead: int
    since: Day | None = Field(description="Of the first rows asked for; null for all that there are")
    until: Day | None = Field(description="The newest that is judged; null where nothing is")
    rows: list[ValueAddedRow]
    total: ValueAddedRow | None = Field(description="Over all pages; null by lead, where the same demand counts for "
                                                       "each")
    next: str | None


class DriverVerdictResponse(ResponsePart):
    """How a driver came where the scenario asked something of it."""

    driver: str
    asked: int
    came: int
    unknown: int


class VerdictResponse(ResponsePart):
    """What a scenario said, and what came. A row is a period of a region-item."""

    first: Day
    last: Day
    scenario: Interval
    plan: Interval = Field(description="When it was computed, by the models alone")
    rows: int
    known: int = Field(description="Rows whose demand is known")
    sold: float = Field(description="Of the known rows; the next two too")
    scenario_of_known: float
    plan_of_known: float
    sold_is: Literal["inside", "above", "below"] | None = Field(
        description="Of the scenario's interval; null where not all demand is known")
    changed: int
    stood: int = Field(description="Rows that its override made the plan of")
    applied: Literal["all", "some", "none"]
    drivers_came: Literal["all", "some", "none", "unknown"]
    drivers: list[DriverVerdictResponse]
    revenue: Interval | None
    revenue_came: float | None
    judged_at: datetime


@bp.get("/value-added", responses=answers(ValueAddedPage))
@needs("viewer")
def get_value_added(query: ValueAddedQuery) -> ValueAddedPage:
    """Seasonal naive, model and plan on the same rows, as forecast so many periods ahead."""
    question = parse_question(MultiDict({
        "by": query.by, "lead": "" if query.lead is None else str(query.lead),
        "back": "" if query.back is None else str(query.back), "segment": query.segment, "planner": query.planner,
        "sort": "name"}))
    after = read_cursor(query.cursor, str) if query.cursor else ""
    if question.by == "lead" and after and not after.isdigit():
        abort(422, "This cursor was not given by the API. Take `next` of the page before, or leave it out.")
    found, wanted = compare(question, query.limit + 1, after), current()
    rows = found.rows[:query.limit]
    return ValueAddedPage.model_validate({
        "by": question.by, "lead": question.lead, "since": found.since or None, "until": found.until or None,
        "rows": [_told(one, target_of(wanted, question, one)) for one in rows],
        "total": _told(found.total, target_of_total(wanted, question)) if found.total else None,
        "next": make_cursor(rows[-1].name) if len(found.rows) > query.limit else None})


@bp.get("/scenarios/<token>/verdict", responses=answers(VerdictResponse, 200, 404))
@needs("viewer")
def get_verdict(path: TokenPath) -> VerdictResponse:
    """What came of a scenario whose periods are over."""
    scenario = by_token(path.token)
    if scenario is None:
        abort(404, "There is no such scenario.")
    found = verdict_of(scenario)
    if found is None:
        abort(404, "Nothing came of it yet: it is judged when demand of its last period has arrived.")
    told, row = found
    return VerdictResponse.model_validate({
        **{name: getattr(told, name) for name in (
            "first", "last", "rows", "known", "sold", "scenario_of_known", "plan_of_known", "changed", "stood",
            "applied", "drivers_came")},
        "scenario": _interval(told.scenario), "plan": _interval(told.plan), "sold_is": told.place,
        "drivers": [vars(one) for one in told.drivers], "revenue": _revenue(told),
        "revenue_came": rounded_money(told.revenue_came), "judged_at": row.judged_at})


def _interval(told: Bounds) -> dict[str, float]:
    return {"forecast": told.forecast, "lower": told.lower, "upper": told.upper}


def _told(one: ComparedRows, target: Target | None) -> ValueAddedRow:
    methods: tuple[Method, ...] = ("naive", "model", "plan")
    return ValueAddedRow.model_validate({
        "name": one.name, **{name: int(one.sums[name]) for name in (
            "rows", "periods", "no_forecast", "no_demand", "no_naive", "overridden", "too_late", "priced")},
        "sold": one.sums["sold"], "gained": one.gained, "gained_money": rounded_money(one.gained_money),
        "target": _target(target, one) if target else None,
        **{method: {"wape": one.wape(method), "bias": one.bias(method), "error": one.error(method),
                    "error_money": rounded_money(one.error_money(method))} for method in methods}})


def _target(target: Target, one: ComparedRows) -> dict[str, object]:
    return {**vars(target), "accuracy": target.accuracy_of(one), "bias_is": target.bias_of(one)}


def _revenue(told: Verdict) -> dict[str, float | None] | None:
    return None if told.revenue is None else {name: rounded_money(value) for name, value in vars(told.revenue).items()}
