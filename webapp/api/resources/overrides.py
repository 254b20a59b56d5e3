"""Planners' overrides of forecasts: listed, made, taken back."""

from datetime import datetime
from typing import Annotated, Literal

from flask import Response, abort
from pydantic import Field
from sqlalchemy import select

from demand_assets.forecasting.forecast.overrides import Way
from webapp.api.conventions.idempotency import once_token
from webapp.api.conventions.operations import answers, needs, resource
from webapp.api.conventions.paging import page_of
from webapp.api.conventions.selections import Selected, keys_of
from webapp.api.conventions.shapes import Day, IdPath, Key, Number, PageQuery, Path, ResponsePart, Text
from webapp.api.resources.region_items import row_of
from webapp.http.problems import problem
from webapp.overrides.applied import parts_ahead
from webapp.overrides.overrides import is_ahead, place, remove, undo
from webapp.overrides.wanted_override import LONGEST_COMMENT, OverrideError, WantedOverride
from webapp.tables import Override

bp = resource("overrides", "What planners put in place of the model's forecast; the model's own stays beside it.")


class OverridesQuery(PageQuery):
    """Which overrides."""

    state: Literal["open", "past", "removed"] | None = Field(
        None, description="`open`: it holds and its period lies ahead; `past`: it held when its period became known")
    key: Key | None = Field(None, description="Only of this region-item")
    made_by: Text = Field("", description="Only those that this planner made")


class OverrideResponse(ResponsePart):
    """One period of a region-item."""

    id: int
    batch: str = Field(description="Of all that were made together")
    key: str
    date: Day
    way: Way = Field(description="`value`: units in place of the forecast; `percent`: changed by so many percent")
    amount: float
    comment: str
    made_by: str
    made_at: datetime
    removed_by: str
    removed_at: datetime | None


class OverridePage(ResponsePart):
    """Overrides, newest first."""

    overrides: list[OverrideResponse]
    next: str | None


class OverrideRequest(Selected):
    """Periods of region-items, and what becomes of their forecasts."""

    first: Day
    last: Day
    way: Way
    amount: Number = Field(description="Percent, for each region-item; or units a period of all of them together, "
                                       "which are shared out in proportion to their forecasts")
    comment: Annotated[str, Field(min_length=1, max_length=LONGEST_COMMENT,
                                  pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$")]


class OverridesResponse(ResponsePart):
    """What was made."""

    batch: str
    overrides: int = Field(description="Periods of region-items")
    replaced: int = Field(description="Earlier overrides that it took the place of")


class UndoneResponse(ResponsePart):
    """What was taken back."""

    batch: str
    overrides: int


class BatchPath(Path):
    """Which batch."""

    batch: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z-]+$")]


@bp.get("/overrides", responses=answers(OverridePage, 200, 404))
@needs("viewer")
def list_overrides(query: OverridesQuery) -> OverridePage:
    """Overrides of all region-items, newest first; removed ones stay recorded."""
    asked = select(Override)
    if query.key is not None:
        asked = asked.where(Override.key == row_of(query.key).key)
    if query.made_by:
        asked = asked.where(Override.made_by == query.made_by)
    if query.state == "removed":
        asked = asked.where(Override.removed_at.is_not(None))
    elif query.state:
        asked = asked.where(Override.removed_at.is_(None), is_ahead() if query.state == "open" else ~is_ahead())
    rows, following = page_of(asked, Override.id.expression, int, query.limit, query.cursor, newest_first=True)
    return OverridePage(overrides=[_told(one) for one in rows], next=following)


@bp.post("/overrides", responses=answers(OverridesResponse, 201, 404, 409, 413, 415))
@needs("planner", status=201, starts=True)
def override_forecasts(body: OverrideRequest) -> OverridesResponse | Response:
    """Override the forecasts of periods ahead, in place of earlier overrides."""
    wanted = WantedOverride(body.first, body.last, body.way, body.amount, " ".join(body.comment.split()), once_token())
    try:
        made = place(wanted, parts_ahead(keys_of(body)))
    except OverrideError as error:
        return problem(422, str(error))
    return OverridesResponse(batch=made.batch, overrides=made.count, replaced=made.replaced)


@bp.delete("/overrides/<int:id>", responses=answers(OverrideResponse, 200, 404, 409))
@needs("planner")
def remove_override(path: IdPath) -> OverrideResponse | Response:
    """Let the model's forecast of one period count again."""
    try:
        found = remove(path.id)
    except OverrideError as error:
        return problem(409, str(error))
    if found is None:
        abort(404, f"There is no override {path.id}.")
    return _told(found)


@bp.delete("/override-batches/<batch>", responses=answers(UndoneResponse, 200, 404))
@needs("planner")
def undo_overrides(path: BatchPath) -> UndoneResponse:
    """Take back all of a batch that still holds and lies ahead, and bring back what it had replaced."""
    count = undo(path.batch)
    if not count:
        abort(404, "Nothing of this batch holds and lies ahead.")
    return UndoneResponse(batch=path.batch, overrides=count)


def _told(one: Override) -> OverrideResponse:
    return OverrideResponse.model_validate({
        "id": one.id, "batch": one.batch, "key": one.key, "date": one.date, "way": one.way, "amount": one.amount,
        "comment": one.comment, "made_by": one.made_by, "made_at": one.made_at, "removed_by": one.removed_by,
        "removed_at": one.removed_at})
