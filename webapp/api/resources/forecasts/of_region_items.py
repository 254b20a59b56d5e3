"""Forecasts of region-items, under the plan and under a scenario."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from flask import abort
from pydantic import Field
from sqlalchemy import or_, select
from werkzeug.datastructures import MultiDict

from demand_assets.forecasting.contract.region_item import known_as
from demand_assets.forecasting.dataset.driver_kinds import Action
from demand_assets.forecasting.forecast import totals
from demand_assets.forecasting.forecast.forecaster import Forecast
from demand_assets.forecasting.forecast.revenue_and_margin import NOTHING_KNOWN, MoneySum, UnitMoney
from demand_assets.forecasting.forecast.totals import total_deciles
from demand_assets.forecasting.whatif.scenario import Change, Scenario, ScenarioError
from webapp.adjustments.adjustments import told_count
from webapp.api.conventions.etags import unless_known
from webapp.api.conventions.operations import answers, costly, needs, resource
from webapp.api.conventions.paging import page_of
from webapp.api.conventions.shapes import (
    Coverage,
    CoverageArgument,
    Cursor,
    Day,
    Horizon,
    Key,
    Name,
    Named,
    Number,
    Query,
    RequestPart,
    ResponsePart,
    Text,
    WithDeciles,
    Yes,
    deciles_told,
)
from webapp.api.resources.region_items import name_of
from webapp.forecasts.in_words import line_in_words, scenario_in_words
from webapp.http.problems import WrongField, problem
from webapp.overrides.applied import Overridden, overridden, overridden_group
from webapp.pages.rounded_money import rounded_money, rounded_price
from webapp.region_items.open_overrides import open_overrides
from webapp.region_items.rows import pooled_row, rows_of
from webapp.scenarios.editor.driver_changes import MOST_CHANGES, parse_scenario
from webapp.services import services
from webapp.serving.answer_in_money import money_of, summed_in_money
from webapp.serving.explanation import MOST_EXACT, explain_lines
from webapp.serving.forecast_of_selection import Answer, plan_of, under
from webapp.serving.line_item import LineItem
from webapp.stored_forecasts.group_answer import GroupAnswer
from webapp.tables import RegionItemRow

bp = resource("forecasts", "Forecasts, what-if, and totals. The forecast of a sum is the sum of the forecasts; its "
                           "interval is its own.")
MOST_KEYS = 100

Keys = Annotated[list[Key], Field(max_length=MOST_KEYS)]


class ForecastsQuery(Query):
    """Of which region-items, and how far; those of `key`, `region` and `item` add up."""

    key: Keys = Field([], description="Keys of region-items")
    region: Name = Field("", description="All items of this region")
    item: Name = Field("", description="This item in all regions")
    horizon: Horizon = None
    coverage: CoverageArgument = "80"
    overrides: Yes = Field("true", description="Whether planners' overrides are in the numbers")
    explain: Yes = Field("false", description="Whether each forecast is explained in words, which takes longer")
    deciles: Yes = Field("false", description="Whether the nine deciles of each period are told")
    limit: Annotated[int, Field(ge=1, le=MOST_KEYS, description="At most so many region-items on a page")] = 25
    cursor: Cursor = None


class ChangeRequest(RequestPart):
    """One driver changed on the periods from `first` to `last`."""

    driver: Text = Field(description="Name of a driver, as `/dataset` lists them")
    action: Action = Field(description="`percent`: changed by so many percent; `set`; `add`. Yes/no drivers and "
                                       "categories can be `set` only.")
    value: Annotated[bool, Field(strict=True)] | Number | Annotated[str, Field(min_length=1, max_length=200)]
    first: Day
    last: Day


Changes = Annotated[list[ChangeRequest], Field(max_length=MOST_CHANGES)]


class ForecastRequest(RequestPart):
    """Region-items and changes of their drivers."""

    keys: Annotated[list[Key], Field(min_length=1, max_length=MOST_KEYS)]
    horizon: Annotated[int | None, Field(strict=True, ge=1, le=400)] = None
    coverage: Coverage = 80
    changes: Changes = Field([], description="What differs from the plan; nothing unless given")
    explain: Annotated[bool, Field(strict=True)] = Field(
        False, description="Whether the difference is explained in words, which takes longer")
    deciles: Annotated[bool, Field(strict=True)] = Field(
        False, description="Whether the nine deciles of each period and of both sums are told")


class ForecastPeriod(WithDeciles):
    """One period."""

    date: Day
    model: float = Field(description="The model's own forecast; another than `forecast` where it is overridden")
    revenue: float | None = Field(description="`forecast` in the dataset's currency; null where a price is not known, "
                                              "and in totals where none is")
    margin: float | None


class PricedPeriod(ForecastPeriod):
    """One period of one region-item."""

    price: float | None = Field(description="Of one unit")
    cost: float | None


class ForecastResponse(Named):
    """The forecast of one region-item."""

    origin: Day = Field(description="Last period with known demand")
    served_by: str = Field(description="`production` (its own model), `pooled` or `baseline`")
    model_class: str = Field(default="", description="what forecasts, where it is another class than XGBoost")
    version: int | None
    notice: str = Field(description="Why it is not the announced version that forecasts; empty when it is")
    total: float = Field(description="Units over the horizon")
    revenue: float | None = Field(description="`total` at the prices of its periods, a scenario's at the scenario's; "
                                              "null where one is not known")
    margin: float | None = Field(description="The revenue less the cost of what is sold")
    model: float = Field(description="The model's own total; another than `total` where it is overridden")
    overrides: int = Field(description="Periods whose forecast a planner overrode, in these numbers")
    assumed: list[str] = Field(description="What was assumed of drivers")
    flags: list[str] = Field(description="Where drivers leave what the model has seen")
    periods: list[PricedPeriod]
    in_words: list[str] = Field(description="At most two sentences: the forecast beside last year, and the largest "
                                            "parts of the model's; empty unless `explain`")


class MissingResponse(Named):
    """A region-item that cannot be forecast."""

    reason: str


class ForecastPage(ResponsePart):
    """Forecasts, by key."""

    unit: str
    currency: str
    coverage: int
    includes_overrides: bool = Field(description="Whether planners' overrides are in the numbers")
    forecasts: list[ForecastResponse]
    missing: list[MissingResponse]
    next: str | None


class ScenarioForecast(ResponsePart):
    """One region-item under plan and scenario."""

    plan: ForecastResponse
    scenario: ForecastResponse


class TotalResponse(WithDeciles):
    """Sum over the horizon, with the interval and the deciles of the sum."""


class MoneyResponse(ResponsePart):
    """A sum in the dataset's currency."""

    revenue: float | None = Field(description="Of the region-items whose price is known; null where it is of none")
    priced: int = Field(description="How many these are")
    margin: float | None = Field(description="Of those whose price and cost are known")
    costed: int


class ScenarioAnswer(ResponsePart):
    """What-if."""

    unit: str
    currency: str
    coverage: int
    plan: TotalResponse = Field(description="The models' own, without planners' overrides")
    scenario: TotalResponse
    plan_money: MoneyResponse
    scenario_money: MoneyResponse = Field(description="At the scenario's prices")
    region_items: list[ScenarioForecast]
    missing: list[MissingResponse]
    in_words: list[str] = Field(description="At most two sentences: the scenario beside the plan, and the largest "
                                            "parts of the difference; empty unless `explain`")


@bp.get("/forecasts", responses=answers(ForecastPage, 200, 404))
@needs("viewer")
@costly
def list_forecasts(query: ForecastsQuery) -> ForecastPage:
    """Forecasts of region-items under the plan, by key."""
    if not (query.key or query.region or query.item):
        abort(422, "Say of which region-items: with `key`, `region` or `item`.")
    rows_of(query.key)
    asked = select(RegionItemRow).where(RegionItemRow.in_catalogue, or_(
        RegionItemRow.key.in_(query.key), *(column == known_as(name) for column, name in (
            (RegionItemRow.region, query.region), (RegionItemRow.item, query.item)) if name)))
    rows, following = page_of(asked, RegionItemRow.key.expression, str, query.limit, query.cursor)
    horizon, coverage = horizon_of(query.horizon), int(query.coverage)
    pooled, keys = pooled_row(), [row.key for row in rows]
    unless_known([(row.key, row.production_version, row.forecast_wanted, row.last_date, row.fetch_after)
                  for row in rows], pooled and pooled.production_version, told_count(keys),
                 [one.id for each in open_overrides(keys).values() for one in each])
    told: dict[str, Any] = {"unit": services().dataset.unit, "currency": services().dataset.currency,
                            "coverage": coverage, "includes_overrides": query.overrides == "true"}
    if not rows:
        return ForecastPage(**told, next=following, forecasts=[], missing=[])
    plan = plan_of(services(), rows, horizon).within(coverage / 100)
    final = overridden_answer(plan) if query.overrides == "true" else None
    money = money_of(plan.lines, plan.past, services().dataset)
    exact = len(plan.lines) <= MOST_EXACT
    return ForecastPage(**told, next=following, missing=missing_of(plan), forecasts=[
        forecast_told(line, line.plan, coverage, money, final,
                      line_in_words(line, plan, final, exact) if query.explain == "true" else [],
                      query.deciles == "true")
        for line in plan.lines])


@bp.post("/forecasts", responses=answers(ScenarioAnswer, 200, 404, 413, 415))
@needs("planner")
@costly
def ask_what_if(body: ForecastRequest) -> ScenarioAnswer:
    """What-if: plan and scenario beside each other; nothing is stored."""
    rows, horizon = rows_of(body.keys), horizon_of(body.horizon)
    plan = plan_of(services(), rows, horizon)
    if not plan.lines:
        abort(422, f"None of these region-items can be forecast: {'; '.join(plan.missing_by_reason)}"[:500])
    scenario = Scenario(changes_of(body.changes, plan))
    try:
        found = under(services(), plan, scenario).within(body.coverage / 100) if scenario.changes else plan
    except ScenarioError as error:
        abort(422, f"This scenario cannot be answered: {error}.")
    parts = {line.row.key: (line.scenario or line.plan).part for line in found.lines}
    coverage, planned = body.coverage / 100, {line.row.key: line.plan.part for line in found.lines}
    at_plan, at_scenario = (money_of(found.lines, found.past, services().dataset, of_scenario)
                            for of_scenario in (False, True))
    planned_deciles, deciles = (total_deciles(list(each.values())) if body.deciles else None
                                for each in (planned, parts))
    return ScenarioAnswer(
        in_words=scenario_in_words(found, explain_lines(services(), found.lines)) if (
            body.explain and found.has_scenario) else [],
        unit=services().dataset.unit, currency=services().dataset.currency, coverage=body.coverage,
        missing=missing_of(plan), plan=bounds_told(plan.within(coverage).plan_total, planned_deciles),
        scenario=bounds_told(totals.over_all(list(parts.values()), coverage), deciles),
        plan_money=money_told(summed_in_money(planned, at_plan, {})),
        scenario_money=money_told(summed_in_money(parts, at_scenario, {})),
        region_items=[ScenarioForecast(
            plan=forecast_told(line, line.plan, body.coverage, at_plan, deciles=body.deciles),
            scenario=forecast_told(line, line.scenario or line.plan, body.coverage, at_scenario, deciles=body.deciles))
            for line in found.lines])


def horizon_of(given: int | None) -> int:
    """The horizon that is asked for; an error answer for one that is too long."""
    longest = services().dataset.horizon
    if given is not None and given > longest:
        abort(422, f"A horizon of {given} is not possible; it is a whole number from 1 to {longest}.")
    return given or longest


def changes_of(changes: Sequence[ChangeRequest], plan: Answer) -> tuple[Change, ...]:
    """The changes, held to the rules of the form; an error answer names what is wrong with each."""
    form = parse_scenario(fields_of(changes), services().dataset, plan.dates)
    if not form.is_valid:
        refuse_changes(form.errors, [(row.number, name, words) for row in form.rows
                                     for name, words in row.errors.items()])
    return form.changes


def fields_of(changes: Sequence[ChangeRequest]) -> "MultiDict[str, str]":
    """The changes as fields of the pages' form, which has the rules."""
    found: MultiDict[str, str] = MultiDict()
    for number, change in enumerate(changes):
        value: Any = change.value
        text = str(int(value)) if isinstance(value, bool) else f"{value:.12g}" if isinstance(value, float) else value
        for name, typed in (("driver", change.driver), ("action", change.action), ("value", text),
                            ("first", str(change.first)), ("last", str(change.last))):
            found.add(f"change-{number}-{name}", typed)
    return found


def refuse_changes(errors: Sequence[str], wrong: Sequence[tuple[int, str, str]]) -> None:
    """Answer 422 with what is wrong with a scenario."""
    fields = [WrongField(path=f"body.changes.{number}.{name}", problem=words) for number, name, words in wrong]
    abort(problem(422, " ".join(errors) or "Some changes cannot be used; `errors` names each.", fields))


def forecast_told(line: LineItem, forecast: Forecast, coverage: int, money: Mapping[str, UnitMoney],
                  final: Overridden | None = None, in_words: Sequence[str] = (),
                  deciles: bool = False) -> ForecastResponse:
    """One region-item's forecast; with its overrides where they are given.

    Args:
        money: as ``money_of`` gives it, of the plan or the scenario as the forecast is.
        in_words: sentences that explain it.
        deciles: whether they are told of each period.
    """
    key, at = line.row.key, money.get(line.row.key, NOTHING_KNOWN)
    sums = summed_in_money({key: forecast.part}, money, final.open if final else {})
    prices, costs = (values.tolist() if values is not None else [None] * len(forecast.part.dates)
                     for values in (at.price, at.cost))
    part = final.parts[line.row.key] if final else forecast.part
    lower, upper = part.interval(coverage / 100)
    known = part.deciles() if deciles else None
    told = [None] * len(lower) if known is None else [deciles_told(each) for each in known.tolist()]
    return ForecastResponse(
        **name_of(line.row), origin=forecast.origin.date(), served_by=forecast.served_by, model_class=forecast.by_class,
        version=forecast.version,
        notice=line.notice, total=float(part.forecast.sum()), revenue=rounded_money(sums.revenue_known),
        margin=rounded_money(sums.margin_known), model=float(forecast.part.forecast.sum()),
        assumed=list(forecast.assumed), in_words=list(in_words),
        flags=list(forecast.flags), overrides=len(final.open.get(line.row.key, ())) if final else 0,
        periods=[PricedPeriod(date=at.date(), forecast=float(units), lower=float(low), upper=float(high),
                              model=float(own), price=rounded_price(price), cost=rounded_price(cost),
                              revenue=rounded_money(sums.revenue_on(at.date())),
                              margin=rounded_money(sums.margin_on(at.date())), deciles=shares)
                 for at, units, low, high, own, price, cost, shares in zip(
                     forecast.table["date"], part.forecast, lower, upper, forecast.part.forecast, prices, costs, told,
                     strict=True)])


def overridden_answer(answer: Answer | GroupAnswer) -> Overridden:
    """The answer with its overrides."""
    if isinstance(answer, GroupAnswer):
        return overridden_group(answer)
    parts = {line.row.key: line.plan.part for line in answer.lines}
    return overridden(parts, answer.periods, answer.coverage)


def missing_of(plan: Answer) -> list[MissingResponse]:
    """Region-items that cannot be forecast, and why."""
    return [MissingResponse(**name_of(row), reason=reason) for row, reason in plan.missing]


def money_told(found: MoneySum) -> MoneyResponse:
    """A sum of money, rounded."""
    return MoneyResponse(revenue=rounded_money(found.revenue_known), priced=found.priced,
                         margin=rounded_money(found.margin_known), costed=found.costed)


def bounds_told(found: totals.Bounds, deciles: totals.Deciles | None = None) -> TotalResponse:
    """A sum over the horizon."""
    return TotalResponse(forecast=found.forecast, lower=found.lower, upper=found.upper,
                         deciles=deciles_told(deciles.over_all) if deciles else None)
