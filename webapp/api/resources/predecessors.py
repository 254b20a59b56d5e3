"""Which items carry on the demand of which others: listed, said, taken back."""

from datetime import datetime
from typing import Annotated, Literal

from flask import Response, abort
from pydantic import Field
from sqlalchemy import select

from demand_assets.forecasting.contract.region_item import known_as
from webapp.access import actor
from webapp.adjustments.predecessors import (
    LONGEST_REASON,
    MOST_REGIONS,
    PredecessorError,
    WantedLink,
    replace_with,
    unlink,
)
from webapp.api.conventions.operations import answers, needs, resource
from webapp.api.conventions.paging import page_of
from webapp.api.conventions.shapes import (
    Day,
    IdPath,
    Key,
    Name,
    Named,
    Number,
    PageQuery,
    RequestPart,
    ResponsePart,
    Yes,
)
from webapp.api.resources.region_items import row_of
from webapp.db.database import db
from webapp.http.problems import problem
from webapp.pages.long_names import in_full
from webapp.tables import CarriedLink

bp = resource("predecessors", "Which items go on with the demand of which others; own demand always counts first.")


class PredecessorsQuery(PageQuery):
    """Which links."""

    open: Yes | None = Field(None, description="Only those that hold, or only those that were removed")
    key: Key | None = Field(None, description="Only those of this region-item, which carries on or is carried on")


class PredecessorResponse(Named):
    """That an item carries on another's demand in a region."""

    id: int
    other: str = Field(description="The item whose demand is carried on")
    kind: Literal["replaces", "similar"]
    scale: float = Field(description="Units of the item for each unit of the other")
    date: Day | None = Field(description="The first day on which it is sold in the other's place")
    reason: str
    of_dataset_file: bool = Field(description="Whether the dataset file says it; it is then taken away there, and does "
                                              "not count where a planner says otherwise")
    made_by: str
    made_at: datetime
    removed_by: str
    removed_at: datetime | None


class PredecessorPage(ResponsePart):
    """Links, newest first."""

    predecessors: list[PredecessorResponse]
    next: str | None


Item = Annotated[Name, Field(min_length=1)]


class PredecessorRequest(RequestPart):
    """That an item replaces another."""

    item: Item = Field(description="The new item")
    replaces: Item = Field(description="The item in whose place it is sold")
    regions: Annotated[list[Item], Field(min_length=1, max_length=MOST_REGIONS)] = Field(
        description="Where; each has to have both items")
    scale: Number = Field(1.0, description="Units of the new item for each unit of the other, above 0 and at most 1000")
    date: Day | None = Field(None, description="The first day on which it is sold in the other's place, which ends the "
                                               "other; until it has demand of its own unless given")
    reason: Annotated[str, Field(min_length=1, max_length=LONGEST_REASON,
                                 pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$")]


class PredecessorsResponse(ResponsePart):
    """What holds now."""

    predecessors: list[PredecessorResponse] = Field(description="One for each region")


@bp.get("/predecessors", responses=answers(PredecessorPage, 200, 404))
@needs("viewer")
def list_predecessors(query: PredecessorsQuery) -> PredecessorPage:
    """Links of planners and of the dataset file, newest first; what planners removed stays recorded."""
    asked = select(CarriedLink)
    if query.key is not None:
        key = row_of(query.key).key
        asked = asked.where((CarriedLink.key == key) | (CarriedLink.other_key == key))
    if query.open is not None:
        is_open = CarriedLink.removed_at.is_(None)
        asked = asked.where(is_open if query.open == "true" else ~is_open)
    rows, following = page_of(asked, CarriedLink.id.expression, int, query.limit, query.cursor, newest_first=True)
    return PredecessorPage(predecessors=[_told(one) for one in rows], next=following)


@bp.post("/predecessors", responses=answers(PredecessorsResponse, 201, 409, 413, 415))
@needs("planner", status=201, starts=True)
def add_predecessor(body: PredecessorRequest) -> PredecessorsResponse | Response:
    """Say that an item replaces another, in all of these regions or in none; what was said of the two before is
    replaced."""
    item, other = known_as(body.item), known_as(body.replaces)
    regions = tuple(dict.fromkeys(map(known_as, body.regions)))
    try:
        replace_with(WantedLink(item, other, regions, body.scale, body.date, " ".join(body.reason.split())),
                     actor().email)
    except PredecessorError as error:
        return problem(422, str(error))
    rows = db.session.scalars(select(CarriedLink).where(
        CarriedLink.other == other, CarriedLink.removed_at.is_(None), CarriedLink.is_of_file.is_(False)).order_by(
            CarriedLink.id))
    return PredecessorsResponse(predecessors=[
        _told(one) for one in rows if one.region_item.item == item and one.region_item.region in regions])


@bp.delete("/predecessors/<int:id>", responses=answers(PredecessorResponse, 200, 404))
@needs("planner")
def remove_predecessor(path: IdPath) -> PredecessorResponse:
    """Let the item's own demand alone count again; that it was said stays recorded."""
    found = unlink(path.id, actor().email)
    if found is None:
        abort(404, f"No planner's word has the id {path.id}. What the dataset file says is taken away there.")
    return _told(found)


def _told(one: CarriedLink) -> PredecessorResponse:
    return PredecessorResponse.model_validate({
        "id": one.id, "key": one.key, "region": in_full(one.region_item.region), "item": in_full(one.region_item.item),
        "other": in_full(one.other), "kind": one.kind, "scale": one.scale, "date": one.since or None,
        "reason": one.reason, "of_dataset_file": one.is_of_file, "made_by": one.made_by, "made_at": one.made_at,
        "removed_by": one.removed_by, "removed_at": one.removed_at})
