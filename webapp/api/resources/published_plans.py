"""Published plans: listed, published, read region-item by region-item or as a file."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from itertools import islice
from typing import Annotated, Any, Literal

from flask import Response, abort
from pydantic import Field
from sqlalchemy import select

from demand_assets.forecasting.contract.region_item import RegionItem
from webapp.api.conventions.idempotency import once_token
from webapp.api.conventions.operations import answers, costly, needs, resource
from webapp.api.conventions.paging import make_cursor, page_of, read_cursor
from webapp.api.conventions.shapes import (
    Day,
    IdPath,
    Named,
    PageQuery,
    Query,
    RequestPart,
    ResponsePart,
    finite,
)
from webapp.db.database import db
from webapp.http.problems import PREFIX, problem
from webapp.pages.download_files import spooled_file_of
from webapp.pages.long_names import in_full
from webapp.personal.seen_region_items import refuse_restricted, sees_everything
from webapp.published_plans.files import columns_of, file_name, rows_of
from webapp.published_plans.hand_over import hand_overs_of
from webapp.published_plans.plan_tables import PartOfPlan, content_of, parts_of
from webapp.published_plans.plan_totals import figures_of
from webapp.published_plans.publishing import (
    LONGEST_COMMENT,
    LONGEST_NAME,
    NotReadyError,
    PublishError,
    WantedPlan,
    newest,
    publish,
)
from webapp.published_plans.readiness import Readiness
from webapp.tables import HandOver, PublishedPart, PublishedPlan

bp = resource("published_plans", "Versions of the plan that are frozen: what others may rely on.")
Wrong = Literal["missing", "due", "stale", "failed", "refused", "model"]


class PublishRequest(RequestPart):
    """A version to publish."""

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME,
                               pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$")]
    comment: Annotated[str, Field(max_length=LONGEST_COMMENT, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    accept: Annotated[list[Wrong], Field(max_length=6)] = Field(
        [], description="What may be wrong with region-items; whatever else is wrong is refused with 409. `missing`: "
                        "without a forecast; `due`: to be forecast again; `stale`: demand too old; `failed`: last "
                        "training failed; `refused`: newest demand refused; `model`: cannot be loaded")


class PlanTotal(ResponsePart):
    """A sum, with the interval of the sum."""

    forecast: float
    lower: float | None = Field(description="Null where the token's owner does not see every region-item")
    upper: float | None


class PlanResponse(ResponsePart):
    """A version; its figures are of the region-items that the token's owner sees."""

    id: int = Field(description="The number of the version")
    name: str
    comment: str
    published_by: str
    published_at: datetime
    first: Day
    last: Day
    horizon: int = Field(description="Periods of a region-item at most")
    region_items: int
    overrides: int = Field(description="Periods of region-items that are overridden")
    unit: str
    currency: str
    total: PlanTotal = Field(description="Over all region-items and periods, with overrides; 80 % interval")
    model: float = Field(description="Units by the models alone")
    models: dict[str, int] = Field(description="What forecast it -> region-items: `3` is version 3 of its own model, "
                                               "`p2` version 2 of the pooled one, empty the baseline")
    wrong: dict[str, int] = Field(description="What was wrong when it was published -> region-items")
    handed_over: datetime | None = Field(description="When its file was; none while it waits or was not asked for")
    hand_over_problem: str = Field(description="Why it could not be when it was last tried")
    digest: str = Field(description="SHA-256 of its content")


class PlanPage(ResponsePart):
    """Versions, newest first."""

    plans: list[PlanResponse]
    next: str | None


class PlanPeriod(ResponsePart):
    """A period of a region-item; units."""

    date: Day
    forecast: float = Field(description="With the override; bounds hold 80 %")
    lower: float
    upper: float
    model: float
    override: Literal["value", "percent"] | None
    amount: float | None = Field(description="Of the override")
    comment: str | None
    made_by: str | None
    revenue: float | None


class PlanRegionItem(Named):
    """A region-item of a version."""

    served_by: str
    origin: Day = Field(description="Its last period with known demand")
    attributes: dict[str, str]
    periods: list[PlanPeriod]


class PlanForecasts(ResponsePart):
    """Some region-items of a version, in the order of the catalogue."""

    region_items: list[PlanRegionItem]
    next: str | None


class FileQuery(Query):
    """Which file."""

    format: Literal["csv", "xlsx"] = "csv"


@bp.get("/published-plans", responses=answers(PlanPage))
@needs("viewer")
def list_published_plans(query: PageQuery) -> PlanPage:
    """Published plans, newest first."""
    rows, following = page_of(select(PublishedPlan), PublishedPlan.id.expression, int, query.limit, query.cursor,
                              newest_first=True)
    return PlanPage(plans=_told(rows), next=following)


@bp.post("/published-plans", responses=answers(PlanResponse, 201, 409, 413, 415))
@needs("planner", status=201, starts=True)
@costly
def publish_plan(body: PublishRequest) -> Response:
    """Freeze today's plan as a version. 409 tells what is wrong with it and was not accepted."""
    refuse_restricted("A plan is published as a whole, with all region-items.")
    try:
        plan_id, _ = publish(WantedPlan(" ".join(body.name.split()), " ".join(body.comment.split()), once_token(),
                                        Readiness.all_of(body.accept)))
    except NotReadyError as error:
        kinds = ", ".join(one.kind for one in error.found.found)
        return problem(409, f"{error}. To publish it like this, send accept with these of: {kinds}.")
    except PublishError as error:
        return problem(422, str(error))
    return Response(_told([_plan(plan_id)])[0].model_dump_json(), 201, mimetype="application/json",
                    headers={"Location": f"{PREFIX}/published-plans/{plan_id}"})


@bp.get("/published-plans/newest", responses=answers(PlanResponse, 200, 404))
@needs("viewer")
def get_newest_plan() -> PlanResponse:
    """The version that was published last."""
    found = newest()
    if found is None:
        abort(404, "Nothing is published yet.")
    return _told([found])[0]


@bp.get("/published-plans/<int:id>", responses=answers(PlanResponse, 200, 404))
@needs("viewer")
def get_published_plan(path: IdPath) -> PlanResponse:
    """One version."""
    return _told([_plan(path.id)])[0]


@bp.get("/published-plans/<int:id>/forecasts", responses=answers(PlanForecasts, 200, 404))
@needs("viewer")
def get_published_forecasts(path: IdPath, query: PageQuery) -> PlanForecasts:
    """Its forecasts, a page of region-items at a time."""
    plan = _plan(path.id)
    start = 0 if query.cursor is None else int(read_cursor(query.cursor, int))
    if start < 0:
        abort(422, "This cursor was not given by the API. Take `next` of the page before, or leave it out.")
    found: list[PlanRegionItem] = []
    before = 0
    if not sees_everything():
        return _seen_forecasts(plan, start, query.limit)
    for number, size in db.session.execute(select(PublishedPart.number, PublishedPart.size).where(
            PublishedPart.plan_id == plan.id).order_by(PublishedPart.number)).all():
        wanted = query.limit - len(found)
        if before + size > start + len(found) and wanted:
            part = _region_items(PartOfPlan.from_bytes(content_of(plan.id, number)))
            offset = start + len(found) - before
            found += part[offset:offset + wanted]
        before += size
    after = start + len(found)
    return PlanForecasts(region_items=found, next=make_cursor(after) if found and after < before else None)


def _seen_forecasts(plan: PublishedPlan, start: int, limit: int) -> PlanForecasts:
    """A page of those region-items that the token's owner sees."""
    seen = (one for part in parts_of(plan.id) for one in _region_items(part))
    found = list(islice(seen, start, start + limit + 1))
    return PlanForecasts(region_items=found[:limit],
                         next=make_cursor(start + limit) if len(found) > limit else None)


@bp.get("/published-plans/<int:id>/file", responses=answers(None, 200, 404))
@needs("viewer")
@costly
def download_published_plan(path: IdPath, query: FileQuery) -> Response:
    """A row for each region-item and period, as CSV or Excel."""
    plan = _plan(path.id)
    return spooled_file_of(query.format, file_name(plan), columns_of(plan), rows_of(plan))


def _plan(plan_id: int) -> PublishedPlan:
    found = db.session.get(PublishedPlan, plan_id)
    if found is None:
        abort(404, f"There is no version {plan_id} of the plan. The list shows all there are.")
    return found


def _told(plans: Sequence[PublishedPlan]) -> list[PlanResponse]:
    hand_overs = hand_overs_of([one.id for one in plans])
    return [_one_told(one, hand_overs[one.id]) for one in plans]


def _one_told(plan: PublishedPlan, hand_overs: Sequence[HandOver]) -> PlanResponse:
    figures = figures_of(plan)
    return PlanResponse(
        id=plan.id, name=plan.name, comment=plan.comment, published_by=plan.published_by,
        published_at=plan.published_at, first=date.fromisoformat(plan.dates[0]),
        last=date.fromisoformat(plan.dates[-1]), horizon=plan.horizon,
        region_items=figures.size, overrides=figures.overrides, unit=plan.unit, currency=plan.currency,
        total=PlanTotal(forecast=figures.total, lower=figures.lower, upper=figures.upper), model=figures.model,
        models=dict(figures.served_by), digest=plan.digest,
        handed_over=next((one.done_at for one in hand_overs if one.done_at), None),
        hand_over_problem=next((one.problem for one in hand_overs if one.problem), ""),
        wrong={one.kind: one.count for one in figures.told.found})


def _region_items(part: PartOfPlan) -> list[PlanRegionItem]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in part.rows():
        found.setdefault(row["key"], []).append(row)
    return [_region_item(key, rows) for key, rows in found.items()]


def _region_item(key: str, rows: list[dict[str, Any]]) -> PlanRegionItem:
    named, first = RegionItem.from_key(key), rows[0]
    return PlanRegionItem(
        key=key, region=in_full(named.region), item=in_full(named.item), served_by=first["served_by"],
        origin=first["origin"], attributes=json.loads(first["attributes"]), periods=[PlanPeriod(
            date=row["date"], forecast=row["forecast"], lower=row["lower"], upper=row["upper"], model=row["model"],
            override=row["way"], amount=row["amount"], comment=row["comment"], made_by=row["made_by"],
            revenue=finite(row["revenue"])) for row in rows])
