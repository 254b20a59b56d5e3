"""Saved scenarios: made, computed, archived, duplicated; private ones are their creator's alone."""

from datetime import datetime
from typing import Annotated, Any, cast

from flask import Response, abort
from pydantic import Field
from sqlalchemy import or_, select
from werkzeug.datastructures import MultiDict

from demand_assets.forecasting.forecast.totals import Bounds
from webapp.access import actor
from webapp.api.conventions.idempotency import once_token
from webapp.api.conventions.operations import answers, needs, resource
from webapp.api.conventions.paging import page_of
from webapp.api.conventions.selections import Selected, keys_of
from webapp.api.conventions.shapes import (
    Day,
    Name,
    Named,
    PageQuery,
    Query,
    RequestPart,
    ResponsePart,
    Text,
    TokenPath,
    WithDeciles,
    Yes,
    deciles_told,
)
from webapp.api.resources.forecasts.of_region_items import ChangeRequest, fields_of, refuse_changes
from webapp.api.resources.overrides import OverridesResponse
from webapp.http.problems import PREFIX, problem
from webapp.overrides.wanted_override import OverrideError
from webapp.pages.long_names import in_full
from webapp.scenarios.applying.apply import ChangedSinceSeenError, Decided, UndecidedError, apply
from webapp.scenarios.applying.wanted_overrides import OnChanged, OnOverrides
from webapp.scenarios.editor.driver_changes import MOST_CHANGES
from webapp.scenarios.editor.form import check_complete, parse_editor
from webapp.scenarios.queue import compute_or_want
from webapp.scenarios.repository import LONGEST_DESCRIPTION, LONGEST_NAME, archive, by_token, create, duplicate
from webapp.scenarios.request import ScenarioRequest
from webapp.scenarios.result import PlanAndScenario, Result, Summary
from webapp.scenarios.staleness import Word, states_of
from webapp.services import services
from webapp.tables import SavedScenario

bp = resource("scenarios", "What-if on drivers that is kept, computed beside the plan, and shared by its token.")


class ScopedChange(ChangeRequest):
    """A change, on all region-items of the selection or on some of its regions and items."""

    regions: Annotated[list[Name], Field(max_length=200)] = Field([], description="Only these; all unless given")
    items: Annotated[list[Name], Field(max_length=200)] = Field([], description="Only these; all unless given")


class NewScenarioRequest(Selected):
    """A scenario to keep."""

    name: Annotated[str, Field(max_length=LONGEST_NAME)] = Field("", description="Made up unless given")
    description: Annotated[str, Field(max_length=LONGEST_DESCRIPTION)] = ""
    horizon: Annotated[int | None, Field(strict=True, ge=1, le=400)] = None
    changes: Annotated[list[ScopedChange], Field(min_length=1, max_length=MOST_CHANGES)]
    private: Annotated[bool, Field(strict=True)] = Field(False, description="Whether only its creator finds it")


class ArchiveRequest(RequestPart):
    """Whether it is archived."""

    archived: Annotated[bool, Field(strict=True)]


class ApplyRequest(RequestPart):
    """What becomes of what stands in a scenario's way; only needed where something does."""

    overrides: OnOverrides | None = Field(
        None, description="Of overrides that are there already: `keep` them and leave their periods, `replace` them, "
                          "or `add` the scenario's difference on top")
    changed: OnChanged | None = Field(
        None, description="Of region-items that changed since it was computed: `leave` them out, or `include` them")


class ScenariosQuery(PageQuery):
    """Which scenarios."""

    q: Text = Field("", description="Part of name, description or creator, in any case")
    mine: Yes = Field("false", description="Only those that the token's owner created")
    archived: Yes = Field("false", description="The archived ones in place of the others")


class ResultQuery(Query):
    """What is told of a result."""

    deciles: Yes = Field("false", description="Whether the nine deciles of the sums are told, by period and over all, "
                                              "in units")


class SummaryResponse(ResponsePart):
    """What came of it, in units over the horizon and in the price's currency."""

    plan: float
    difference: float
    plan_revenue: float | None
    difference_revenue: float | None
    first: Day
    last: Day


class ScenarioResponse(ResponsePart):
    """A scenario and how it stands."""

    token: str
    name: str
    description: str
    created_by: str
    created_at: datetime
    changed_at: datetime
    is_private: bool
    is_archived: bool
    size: int = Field(description="Region-items in it")
    selection: str = Field(description="They in words")
    state: Word = Field(description="`stale`: models, demand, plan, overrides or the dataset file are others than it "
                                    "was computed with")
    done: int = Field(description="While it is computed: region-items so far")
    problem: str = Field(description="Why it could not be computed")
    computed_at: datetime | None
    summary: SummaryResponse | None


class ScenarioPage(ResponsePart):
    """Scenarios, newest first."""

    scenarios: list[ScenarioResponse]
    next: str | None


class ChangeResponse(ResponsePart):
    """A change as kept."""

    driver: str
    action: str
    value: bool | float | str
    first: Day
    last: Day
    regions: list[str]
    items: list[str]


class ScenarioDetail(ScenarioResponse):
    """A scenario with what it asks."""

    keys: list[str]
    horizon: int
    changes: list[ChangeResponse]
    plan_rows: int = Field(description="Rows of an uploaded plan of drivers that are part of it")


class ComparedResponse(ResponsePart):
    """Plan, scenario, and their difference."""

    plan: WithDeciles
    scenario: WithDeciles
    difference: WithDeciles


class ResultPeriod(ResponsePart):
    """One period over all region-items."""

    date: Day
    units: ComparedResponse
    revenue: ComparedResponse | None


class ResultLineItem(Named):
    """One region-item."""

    origin: Day
    is_changed: bool
    units: ComparedResponse
    revenue: ComparedResponse | None


class ResultResponse(ResponsePart):
    """What a scenario gave when it was computed last."""

    token: str
    computed_at: datetime
    units: ComparedResponse
    revenue: ComparedResponse | None
    without_price: int = Field(description="Region-items whose price is not known, which the revenue leaves out")
    margin: ComparedResponse | None = Field(description="Revenue less the cost of what is sold")
    without_cost: int = Field(description="Region-items whose price or cost is not known, which the margin leaves out")
    periods: list[ResultPeriod]
    region_items: list[ResultLineItem]
    why: dict[str, float] = Field(description="Driver -> what it adds to the difference, in units")
    in_words: list[str] = Field(description="At most two sentences on the difference and its largest parts")
    notices: list[str]


@bp.get("/scenarios", responses=answers(ScenarioPage))
@needs("viewer")
def list_scenarios(query: ScenariosQuery) -> ScenarioPage:
    """Saved scenarios, newest first."""
    me = actor().email
    asked = select(SavedScenario).where(or_(~SavedScenario.is_private, SavedScenario.created_by == me))
    is_archived = SavedScenario.archived_at.is_not(None)
    asked = asked.where(is_archived if query.archived == "true" else ~is_archived)
    if query.mine == "true":
        asked = asked.where(SavedScenario.created_by == me)
    for word in query.q.split():
        asked = asked.where(or_(*(column.icontains(word, autoescape=True) for column in (
            SavedScenario.name, SavedScenario.description, SavedScenario.created_by))))
    rows, following = page_of(asked, SavedScenario.id.expression, int, query.limit, query.cursor, newest_first=True)
    states = states_of(rows)
    return ScenarioPage(scenarios=[ScenarioResponse(**_facts(row, states[row.token].word)) for row in rows],
                        next=following)


@bp.post("/scenarios", responses=answers(ScenarioDetail, 201, 404, 413, 415))
@needs("planner", status=201, starts=True)
def create_scenario(body: NewScenarioRequest) -> Response:
    """Keep a scenario and compute it: a small one at once, a large one in the background."""
    fields = fields_of(body.changes)
    for number, change in enumerate(body.changes):
        for name, names in (("region", change.regions), ("item", change.items)):
            for one in names:
                fields.add(f"change-{number}-{name}", one)
    editor = parse_editor(services(), MultiDict([
        *fields.items(multi=True), ("name", body.name), ("description", body.description),
        ("horizon", str(body.horizon or "")), *(("ri", key) for key in keys_of(body))]))
    check_complete(editor, services())
    if not editor.is_valid:
        refuse_changes([*editor.errors, *editor.form.errors], [
            (row.number, name, words) for row in editor.form.rows for name, words in row.errors.items()])
    token = once_token()
    if create(token, editor.name, editor.description, editor.asked, actor().email, is_private=body.private):
        compute_or_want(services(), token)
    return _created(token)


@bp.get("/scenarios/<token>", responses=answers(ScenarioDetail, 200, 404))
@needs("viewer")
def get_scenario(path: TokenPath) -> ScenarioDetail:
    """One scenario. Polled with `If-None-Match`, it answers 304 until something changes."""
    return _detail(_scenario(path.token))


@bp.get("/scenarios/<token>/result", responses=answers(ResultResponse, 200, 404, 409))
@needs("viewer")
def get_result(path: TokenPath, query: ResultQuery) -> ResultResponse | Response:
    """What it gave when it was computed last."""
    scenario = _scenario(path.token)
    if scenario.computed_at is None:
        return problem(409, "This scenario is not computed yet." + (f" {scenario.problem}" if scenario.problem else ""))
    result = Result.from_json(scenario.computed)
    return ResultResponse(
        token=scenario.token, computed_at=scenario.computed_at, units=_required(result.units, query.deciles),
        revenue=_compared(result.revenue), without_price=result.without_price, margin=_compared(result.margin),
        without_cost=result.without_cost, why=result.why, in_words=result.in_words(services().dataset),
        notices=list(result.notices),
        periods=[ResultPeriod(date=one.date, units=_required(one.units, query.deciles), revenue=_compared(one.revenue))
                 for one in result.periods],
        region_items=[ResultLineItem(key=one.key, region=in_full(one.region_item.region),
                                 item=in_full(one.region_item.item), origin=one.origin,
                                 is_changed=one.is_changed, units=_required(one.units),
                                 revenue=_compared(one.revenue)) for one in result.lines])


@bp.post("/scenarios/<token>/compute", responses=answers(ScenarioDetail, 202, 404))
@needs("planner", status=202, starts=True)
def compute_scenario(path: TokenPath) -> ScenarioDetail:
    """Compute it again, with the models and the demand of now."""
    token = _scenario(path.token).token
    compute_or_want(services(), token)
    return _detail(_scenario(token))


@bp.post("/scenarios/<token>/apply", responses=answers(OverridesResponse, 201, 404, 409, 413, 415))
@needs("planner", status=201, starts=True)
def apply_scenario(path: TokenPath, body: ApplyRequest) -> OverridesResponse | Response:
    """Override the plan by what it changes. 409 says what has to be decided first; `DELETE` of the batch takes all of
    it back."""
    try:
        made = apply(_scenario(path.token), Decided(body.overrides, body.changed), once_token())
    except OverrideError as error:
        return problem(409 if isinstance(error, UndecidedError | ChangedSinceSeenError) else 422, str(error))
    return OverridesResponse(batch=made.batch, overrides=made.count, replaced=made.replaced)


@bp.post("/scenarios/<token>/archive", responses=answers(ScenarioDetail, 200, 404, 413, 415))
@needs("planner")
def archive_scenario(path: TokenPath, body: ArchiveRequest) -> ScenarioDetail:
    """Archive it, or bring it back."""
    token = _scenario(path.token).token
    archive(token, body.archived)
    return _detail(_scenario(token))


@bp.post("/scenarios/<token>/duplicate", responses=answers(ScenarioDetail, 201, 404))
@needs("planner", status=201, starts=True)
def duplicate_scenario(path: TokenPath) -> Response:
    """Keep a copy of what it asks, without its result."""
    own = once_token()
    duplicate(_scenario(path.token), own, actor().email)
    return _created(own)


def _scenario(token: str) -> SavedScenario:
    """The scenario; another's private one is as if it never was."""
    found = by_token(token)
    if found is None:
        abort(404, "There is no scenario of this token. The list shows all there are.")
    return found


def _created(token: str) -> Response:
    return Response(_detail(_scenario(token)).model_dump_json(), 201, mimetype="application/json",
                    headers={"Location": f"{PREFIX}/scenarios/{token}"})


def _detail(scenario: SavedScenario) -> ScenarioDetail:
    asked = ScenarioRequest.from_json(scenario.asked)
    return ScenarioDetail(
        **_facts(scenario, states_of([scenario])[scenario.token].word), keys=list(asked.keys), horizon=asked.horizon,
        plan_rows=len(asked.plan), changes=[ChangeResponse(
            driver=one.driver, action=one.action, value=one.value, first=one.first, last=one.last,
            regions=list(one.regions), items=list(one.items)) for one in asked.changes])


def _facts(scenario: SavedScenario, word: Word) -> dict[str, Any]:
    summary = Summary.from_json(scenario.summary) if scenario.summary else None
    return {"token": scenario.token, "name": scenario.name, "description": scenario.description,
            "created_by": scenario.created_by, "created_at": scenario.created_at, "changed_at": scenario.changed_at,
            "is_private": scenario.is_private, "is_archived": scenario.archived_at is not None, "size": scenario.size,
            "selection": scenario.selection, "state": word, "done": scenario.done, "problem": scenario.problem,
            "computed_at": scenario.computed_at, "summary": summary and SummaryResponse(
                plan=summary.plan, difference=summary.difference, plan_revenue=summary.plan_revenue,
                difference_revenue=summary.difference_revenue, first=summary.first, last=summary.last)}


def _compared(found: PlanAndScenario | None, deciles: Yes = "false") -> ComparedResponse | None:
    def told(bounds: Bounds) -> WithDeciles:
        return WithDeciles(forecast=bounds.forecast, lower=bounds.lower, upper=bounds.upper,
                           deciles=deciles_told(bounds.deciles) if deciles == "true" else None)

    return None if found is None else ComparedResponse(
        plan=told(found.plan), scenario=told(found.scenario), difference=told(found.difference))


def _required(found: PlanAndScenario, deciles: Yes = "false") -> ComparedResponse:
    return cast(ComparedResponse, _compared(found, deciles))
