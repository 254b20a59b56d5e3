"""Retrains: started, followed, cancelled."""

from datetime import datetime
from typing import Literal, cast

from flask import Response, abort
from pydantic import Field
from sqlalchemy import select

from webapp.access import actor
from webapp.api.conventions.idempotency import once_token
from webapp.api.conventions.operations import answers, needs, resource
from webapp.api.conventions.paging import page_of
from webapp.api.conventions.selections import Selected, keys_of
from webapp.api.conventions.shapes import IdPath, Named, PageQuery, ResponsePart
from webapp.db.database import db
from webapp.http.problems import PREFIX, problem
from webapp.pages.long_names import in_full
from webapp.region_items.rows import rows_by_key
from webapp.retrains.nothing_new import MOST_READ, nothing_new
from webapp.retrains.progress import Outcome, Progress, progress_of
from webapp.retrains.requests import ask_to_cancel, store, unseen_of
from webapp.retrains.views import LONGEST_REASON
from webapp.services import services
from webapp.tables import ItemState, Retrain, RetrainItem, RetrainState

bp = resource("retrains", "Training models anew: asked for here, carried out by the pipeline.")


class RetrainRequest(Selected):
    """Which region-items are to be retrained, and why."""

    reason: str = Field("", max_length=LONGEST_REASON, pattern=r"^[^\x00-\x1f\x7f]*$")
    pinned: Literal["include", "leave", "refuse"] = Field(
        "refuse", description="What becomes of region-items whose version is pinned: retrained all the same (their "
                              "version in production stays), left out, or the whole request is refused")
    unchanged: Literal["include", "leave", "refuse"] = Field(
        "include", description="What becomes of region-items for which there is nothing new to learn: their demand, "
                               "adjustments, pooled model and code are those of their newest version. Retrained all "
                               "the same, left out, or the whole request is refused; the answer names them in "
                               f"`nothing_new`. Of at most {MOST_READ:,} the demand is compared")


class RetrainsQuery(PageQuery):
    """Which retrains."""

    state: RetrainState | None = None
    source: Literal["planner", "automatic", "engineer"] | None = Field(None, description="Who asked")


class RetrainResponse(ResponsePart):
    """A retrain and how far it is."""

    id: int
    state: RetrainState = Field(description="`stored`: not sent yet; `sent`: under way; `finished`, `cancelled`, "
                                            "`refused` (by Dagster, as a whole): over. `outcome` says what came of it")
    outcome: Outcome | None = Field(description="Once it is over: how all of its region-items ended. Where they "
                                                "differ: `failed` when the others were cancelled, `partly_failed` "
                                                "when some failed, `kept` when every model stayed, else `mixed`")
    source: str
    asked_by: str
    asked_at: datetime
    reason: str
    size: int = Field(description="Region-items in it")
    done: int = Field(description="Of them decided, refused, failed or cancelled")
    counts: dict[ItemState, int] = Field(description="Region-items by state")
    cancel_asked_at: datetime | None
    finished_at: datetime | None
    problem: str = Field(description="Why it could not be sent yet, or was refused")
    nothing_new: list[str] = Field(description="Of an answer to a start: keys of the request for which there is "
                                               "nothing new to learn")
    left_out: list[str] = Field(description="Of an answer to a start: keys that an unfinished retrain holds already")


class RetrainPage(ResponsePart):
    """Retrains, newest first."""

    retrains: list[RetrainResponse]
    next: str | None


class RetrainItemsQuery(PageQuery):
    """Which region-items of a retrain."""

    state: ItemState | None = None


class RetrainItemResponse(Named):
    """One region-item of a retrain."""

    state: ItemState
    reason: str
    version_before: int | None
    version: int | None
    started_at: datetime | None
    finished_at: datetime | None


class RetrainItemPage(ResponsePart):
    """Region-items of a retrain, by key."""

    region_items: list[RetrainItemResponse]
    next: str | None


@bp.get("/retrains", responses=answers(RetrainPage))
@needs("viewer")
def list_retrains(query: RetrainsQuery) -> RetrainPage:
    """Retrains, newest first."""
    asked = select(Retrain)
    if query.state:
        asked = asked.where(Retrain.state == query.state)
    if query.source:
        asked = asked.where(Retrain.source == query.source)
    rows, following = page_of(asked, Retrain.id.expression, int, query.limit, query.cursor, newest_first=True)
    return RetrainPage(retrains=[_told(progress_of(row)) for row in rows], next=following)


@bp.post("/retrains", responses=answers(RetrainResponse, 202, 404, 409, 413, 415))
@needs("planner", status=202, starts=True)
def start_retrain(body: RetrainRequest) -> Response:
    """Ask for a retrain. Region-items that an unfinished retrain holds are left out, and named in `left_out`."""
    keys = keys_of(body)
    pinned = [row.key for row in rows_by_key(keys).values() if row.pinned_by] if body.pinned != "include" else []
    if pinned and body.pinned == "refuse":
        abort(problem(409, f"The version of {len(pinned)} of them is pinned, as of {pinned[0]}. Send `pinned`: "
                           "`include` to retrain them all the same, `leave` to leave them out."))
    held = set(pinned)
    keys = [key for key in keys if key not in held]
    if not keys:
        abort(problem(409, "All of the selection is pinned, so nothing is left to retrain."))
    unchanged = nothing_new(services(), keys).versions
    if unchanged and body.unchanged == "refuse":
        abort(problem(409, f"There is nothing new to learn for {len(unchanged)} of them, as for {next(iter(unchanged))}"
                           ". Send `unchanged`: `include` to retrain them all the same, `leave` to leave them out."))
    if body.unchanged == "leave":
        keys = [key for key in keys if key not in unchanged]
        if not keys:
            abort(problem(409, "There is nothing new to learn for any of these region-items. Send `unchanged`: "
                               "`include` to retrain them all the same."))
    stored = store(once_token(), keys, actor().email, body.reason)
    if stored.retrain is None:
        first = next(iter(stored.already_running.values()))
        abort(problem(409, "Unfinished retrains hold all of these region-items already; one of them is retrain "
                           f"{first}."))
    told = _told(progress_of(stored.retrain), list(stored.already_running), list(unchanged))
    return Response(told.model_dump_json(), 202, mimetype="application/json",
                    headers={"Location": f"{PREFIX}/retrains/{told.id}"})


@bp.get("/retrains/<int:id>", responses=answers(RetrainResponse, 200, 404))
@needs("viewer")
def get_retrain(path: IdPath) -> RetrainResponse:
    """How far a retrain is. Polled with `If-None-Match`, it answers 304 until something changes."""
    return _told(progress_of(_retrain(path.id)))


@bp.get("/retrains/<int:id>/region-items", responses=answers(RetrainItemPage, 200, 404))
@needs("viewer")
def list_retrain_items(path: IdPath, query: RetrainItemsQuery) -> RetrainItemPage:
    """The region-items of a retrain, by key."""
    asked = select(RetrainItem).where(RetrainItem.retrain_id == _retrain(path.id).id)
    if query.state:
        asked = asked.where(RetrainItem.state == query.state)
    rows, following = page_of(asked, RetrainItem.key.expression, str, query.limit, query.cursor)
    return RetrainItemPage(next=following, region_items=[RetrainItemResponse(
        key=row.key, region=in_full(row.region_item.region), item=in_full(row.region_item.item),
        state=cast(ItemState, row.state), reason=row.reason, version_before=row.version_before, version=row.version,
        started_at=row.started_at, finished_at=row.finished_at) for row in rows])


@bp.post("/retrains/<int:id>/cancel", responses=answers(RetrainResponse, 202, 404, 409))
@needs("planner", status=202, starts=True)
def cancel_retrain(path: IdPath) -> RetrainResponse:
    """Stop what is not decided yet."""
    retrain = _retrain(path.id)
    if not progress_of(retrain).can_be_cancelled or not ask_to_cancel(retrain):
        retrain = _retrain(path.id)
        why = "is finished" if retrain.is_finished else "cannot be cancelled here any more, or was asked to be already"
        abort(problem(409, f"Retrain {retrain.id} {why}."))
    return _told(progress_of(_retrain(path.id)))


def _retrain(retrain_id: int) -> Retrain:
    found = db.session.get(Retrain, retrain_id)
    if found is None:
        abort(404, f"There is no retrain {retrain_id}. The list shows all there are.")
    return found


def _told(progress: Progress, left_out: list[str] | None = None,
          unchanged: list[str] | None = None) -> RetrainResponse:
    retrain = progress.retrain
    return RetrainResponse(
        id=retrain.id, state=cast(RetrainState, retrain.state), outcome=progress.outcome, source=retrain.source,
        asked_by=retrain.asked_by,
        asked_at=retrain.asked_at, reason=retrain.reason, size=progress.total, done=progress.done,
        counts=cast(dict[ItemState, int], progress.counts), cancel_asked_at=retrain.cancel_asked_at,
        finished_at=retrain.finished_at, problem="" if unseen_of(retrain) else retrain.problem, left_out=left_out or [],
        nothing_new=unchanged or [])
