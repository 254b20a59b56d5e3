"""How right forecasts were, what was refused of the source, and what planners say of the past."""

from datetime import datetime
from math import isfinite
from typing import Annotated, Any, Literal

import pandas as pd
from flask import Response, abort
from pydantic import Field
from sqlalchemy import or_, select

from demand_assets.forecasting.contract.quarantine import RULES
from demand_assets.forecasting.series.censored_demand import sold as units_sold
from demand_assets.forecasting.store.stored_files import NotInStoreError
from webapp.access import actor
from webapp.accuracy.judged_forecasts import Accuracy, Judged
from webapp.accuracy.lead_chart import miss_of
from webapp.accuracy.past_forecasts import past_forecasts
from webapp.adjustments.adjustments import LONGEST_REASON, MOST_UNITS, AdjustmentError, WantedAdjustment, adjust, remove
from webapp.api.conventions.etags import unless_known
from webapp.api.conventions.operations import answers, needs, resource
from webapp.api.conventions.paging import page_of
from webapp.api.conventions.shapes import Day, IdPath, KeyPath, Named, PageQuery, RequestPart, ResponsePart, Text, Yes
from webapp.api.resources.region_items import Rule, name_of, row_of
from webapp.data_quality.quarantine import by_rule
from webapp.http.problems import problem
from webapp.pages.numbers_and_dates import decimals_for
from webapp.services import services
from webapp.serving.explaining_sentences import of_miss
from webapp.tables import Adjustment, RefusedRule, RegionItemRow

bp = resource("quality", "Accuracy as it came out, refused rows, adjustments of the past.")


class AccuracyResponse(ResponsePart):
    """What was measured; null where it cannot be said."""

    wape: float | None = Field(description="Sum of absolute errors over units sold")
    wape_seasonal_naive: float | None = Field(description="Of seasonal naive from the same origins")
    skill: float | None = Field(description="1 - one over the other")
    bias: float | None = Field(description="Forecast minus actual over actual")
    coverage: float | None = Field(description="Share of periods inside the 80 % interval")
    forecasts: int = Field(description="Forecasts that it stands on")


class LeadResponse(AccuracyResponse):
    """At one lead."""

    lead: int


class AccuracyByLead(Named):
    """How right the forecasts of a region-item were, as they stood."""

    overall: AccuracyResponse
    leads: list[LeadResponse]
    in_words: list[str] = Field(description="At most two sentences: what was forecast of the last horizon, as it stood "
                                            "when each period began, what came, and where it was furthest off")


class QuarantineQuery(PageQuery):
    """Which region-items."""

    rule: Literal[""] | Rule = Field("", description="Only those of which this rule refused something")
    q: Text = Field("", description="Words that region and item hold")


class RuleResponse(ResponsePart):
    """What one rule refused, over everything."""

    rule: str
    words: str
    values: int
    region_items: int


class QuarantinedResponse(Named):
    """A region-item of which something was refused in the newest load."""

    rows: int = Field(description="Refused rows")
    rows_read: int
    by_rule: dict[str, int] = Field(description="Refused values by rule")
    reason: str = Field(description="Why its last good demand is kept; empty when its demand is new")
    loaded_at: str


class QuarantinePage(ResponsePart):
    """What the newest loads refused, by key."""

    rules: list[RuleResponse]
    region_items: list[QuarantinedResponse]
    next: str | None


class AdjustmentsQuery(PageQuery):
    """Which adjustments."""

    open: Yes | None = Field(None, description="Only those that hold, or only those that were removed")


class AdjustmentRequest(RequestPart):
    """What would usually have been sold in a period."""

    date: Day
    units: Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=MOST_UNITS)]
    reason: Annotated[str, Field(min_length=1, max_length=LONGEST_REASON,
                                 pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$")]


class AdjustmentResponse(ResponsePart):
    """What a planner says a past demand would usually have been."""

    id: int
    key: str
    date: Day
    sold: float
    units: float
    reason: str
    made_by: str
    made_at: datetime
    removed_by: str
    removed_at: datetime | None


class AdjustmentPage(Named):
    """Adjustments of a region-item, newest first."""

    adjustments: list[AdjustmentResponse]
    next: str | None


@bp.get("/region-items/<key>/accuracy", responses=answers(AccuracyByLead, 200, 404))
@needs("viewer")
def get_accuracy(path: KeyPath) -> AccuracyByLead:
    """How right the forecasts of a region-item were that people saw, by lead."""
    row = row_of(path.key)
    unless_known(row.forecast_wanted, row.last_date, row.live_periods)
    try:
        history = services().forecaster.history(row.region_item, known_as=row.forecast_wanted)
    except NotInStoreError:
        abort(404, f"No demand is stored for {row.region_item} yet.")
    archived, dataset = past_forecasts(row.key), services().dataset
    judged = Judged.of(archived, history)
    sold = pd.DataFrame({"date": history["date"], "demand": units_sold(history)})
    out_of_stock = set(history.loc[history["demand"].isna() & sold["demand"].notna(), "date"].dt.date)
    miss = miss_of([archived], sold, out_of_stock, dataset.horizon)
    decimals = decimals_for([*miss.forecast, *miss.sold]) if miss else 0
    return AccuracyByLead(
        **name_of(row), overall=AccuracyResponse(**_measured(judged.measured(slice(None)))),
        leads=[LeadResponse(lead=lead, **_measured(found)) for lead, found in enumerate(judged.by_lead, 1)],
        in_words=of_miss(miss, dataset.unit, decimals))


@bp.get("/quarantine", responses=answers(QuarantinePage))
@needs("viewer")
def list_quarantine(query: QuarantineQuery) -> QuarantinePage:
    """Region-items of which the newest load refused something, by key; and how much each rule refused."""
    asked = select(RegionItemRow).where(RegionItemRow.in_catalogue, or_(
        RegionItemRow.quarantined_rows > 0, RegionItemRow.quarantine_reason != ""))
    for word in query.q.lower().split():
        asked = asked.where(RegionItemRow.search.contains(word, autoescape=True))
    if query.rule:
        asked = asked.where(RegionItemRow.key.in_(select(RefusedRule.key).where(RefusedRule.rule == query.rule)))
    rows, following = page_of(asked, RegionItemRow.key.expression, str, query.limit, query.cursor)
    return QuarantinePage(
        next=following, rules=[RuleResponse(rule=one.rule, words=one.words, values=one.values,
                                        region_items=one.region_items) for one in by_rule()],
        region_items=[QuarantinedResponse(
            **name_of(row), rows=row.quarantined_rows, rows_read=row.rows_read, reason=row.quarantine_reason,
            by_rule={name: int(count) for name, count in row.quarantined.items() if name in RULES},
            loaded_at=row.loaded_at) for row in rows])


@bp.get("/region-items/<key>/adjustments", responses=answers(AdjustmentPage, 200, 404))
@needs("viewer")
def list_adjustments(path: KeyPath, query: AdjustmentsQuery) -> AdjustmentPage:
    """Adjustments of a region-item's past, newest first; removed ones stay recorded."""
    row = row_of(path.key)
    asked = select(Adjustment).where(Adjustment.key == row.key)
    if query.open is not None:
        is_open = Adjustment.removed_at.is_(None)
        asked = asked.where(is_open if query.open == "true" else ~is_open)
    rows, following = page_of(asked, Adjustment.id.expression, int, query.limit, query.cursor, newest_first=True)
    return AdjustmentPage(**name_of(row), adjustments=[_told(one) for one in rows], next=following)


@bp.post("/region-items/<key>/adjustments", responses=answers(AdjustmentResponse, 201, 404, 409, 413, 415))
@needs("planner", status=201, starts=True)
def adjust_demand(path: KeyPath, body: AdjustmentRequest) -> AdjustmentResponse | Response:
    """Say what would usually have been sold in a period; models learn that, and what was sold stays on record."""
    row = row_of(path.key)
    try:
        history = services().forecaster.history(row.region_item, known_as=row.forecast_wanted)
    except NotInStoreError:
        return problem(409, f"No demand is stored for {row.region_item}, so there is nothing to adjust.")
    sold = units_sold(history)[history["date"] == pd.Timestamp(body.date)]
    known = float(sold[0]) if len(sold) and isfinite(sold[0]) else None
    try:
        return _told(adjust(
            WantedAdjustment(row.key, body.date, body.units, " ".join(body.reason.split())), known, actor().email))
    except AdjustmentError as error:
        return problem(409, str(error))


@bp.delete("/adjustments/<int:id>", responses=answers(AdjustmentResponse, 200, 404))
@needs("planner")
def remove_adjustment(path: IdPath) -> AdjustmentResponse:
    """Let what was sold count again; that it was adjusted stays recorded."""
    found = remove(path.id, actor().email)
    if found is None:
        abort(404, f"There is no adjustment {path.id}.")
    return _told(found)


def _measured(found: Accuracy) -> dict[str, Any]:
    return {"wape": found.wape, "wape_seasonal_naive": found.wape_seasonal_naive, "skill": found.skill,
            "bias": found.bias, "coverage": found.coverage, "forecasts": found.forecasts}


def _told(one: Adjustment) -> AdjustmentResponse:
    return AdjustmentResponse.model_validate({
        "id": one.id, "key": one.key, "date": one.date, "sold": one.sold, "units": one.adjusted, "reason": one.reason,
        "made_by": one.made_by, "made_at": one.made_at, "removed_by": one.removed_by, "removed_at": one.removed_at})
