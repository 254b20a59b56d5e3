"""Models of region-items: their versions, and what administrators do with the one in production."""

from datetime import datetime
from typing import Annotated, Any, Literal, cast

from flask import Response, abort
from pydantic import Field
from sqlalchemy import select

from webapp.access import actor
from webapp.api.conventions.idempotency import once_token
from webapp.api.conventions.operations import answers, needs, resource
from webapp.api.conventions.paging import page_of
from webapp.api.conventions.shapes import KeyPath, Named, PageQuery, RequestPart, ResponsePart, finite
from webapp.api.resources.region_items import name_of, row_of
from webapp.db.database import LARGEST_ID
from webapp.http.problems import problem
from webapp.models.actions import KINDS, NoSuchVersionError, NotPossibleError, store_act, version_for
from webapp.models.views import LONGEST_REASON
from webapp.tables import ModelAction, ModelVersion

bp = resource("models", "Versions of models, what was decided of them, and acts of administrators.")

KindName = Literal["roll_back", "pin", "unpin"]


class VersionResponse(ResponsePart):
    """One version of a region-item's model."""

    version: int
    is_production: bool
    trained_at: datetime | None
    decided_at: datetime | None
    decision: Literal["promote", "keep", ""] = Field(description="Of the gate; empty when there is none yet")
    reason: str
    numbers: dict[str, float | str | None] = Field(description="Of the backtest and of the decision")


class VersionPage(Named):
    """The versions of a region-item's model, newest first."""

    production_version: int | None
    pinned_by: str
    pinned_reason: str
    versions: list[VersionResponse]
    next: str | None


class ActionRequest(RequestPart):
    """What to do with the model in production."""

    kind: KindName = Field(description="`roll_back`: put another version in production; `pin`: keep the one that is, "
                                       "whatever the gate decides; `unpin`: let the gate decide again")
    version: Annotated[int | None, Field(strict=True, ge=1, le=LARGEST_ID)] = Field(
        None, description="To roll back to or to pin")
    reason: Annotated[str, Field(min_length=3, max_length=LONGEST_REASON,
                                 pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$")]
    also_pin: Annotated[bool, Field(strict=True)] = Field(False, description="Of a roll back: pin that version too")


class ActionResponse(ResponsePart):
    """An act: stored first, carried out within seconds."""

    id: int
    kind: KindName
    version: int | None
    reason: str
    asked_by: str
    asked_at: datetime
    state: Literal["stored", "done", "refused"]
    problem: str = Field(description="Why it was refused")
    done_at: datetime | None


class ActPage(Named):
    """Acts on a region-item's model, newest first."""

    acts: list[ActionResponse]
    next: str | None


@bp.get("/region-items/<key>/versions", responses=answers(VersionPage, 200, 404))
@needs("viewer")
def list_versions(path: KeyPath, query: PageQuery) -> VersionPage:
    """The versions of a region-item's model, newest first."""
    row = row_of(path.key)
    rows, following = page_of(select(ModelVersion).where(ModelVersion.key == row.key), ModelVersion.version.expression,
                              int, query.limit, query.cursor, newest_first=True)
    return VersionPage(**name_of(row), production_version=row.production_version, pinned_by=row.pinned_by,
                       pinned_reason=row.pinned_reason, next=following, versions=[VersionResponse(
                           version=one.version, is_production=one.version == row.production_version,
                           trained_at=one.trained_at, decided_at=one.decided_at,
                           decision=cast(Any, one.decision if one.decision in ("promote", "keep") else ""),
                           reason=one.reason, numbers={name: _number(value) for name, value in one.numbers.items()
                                                       if isinstance(value, int | float | str | None)})
                           for one in rows])


@bp.get("/region-items/<key>/acts", responses=answers(ActPage, 200, 404))
@needs("viewer")
def list_acts(path: KeyPath, query: PageQuery) -> ActPage:
    """What was asked for of a region-item's model, and what became of it; newest first."""
    row = row_of(path.key)
    rows, following = page_of(select(ModelAction).where(ModelAction.key == row.key, ModelAction.kind.in_(KINDS)),
                              ModelAction.id.expression, int, query.limit, query.cursor, newest_first=True)
    return ActPage(**name_of(row), acts=[_told(one) for one in rows], next=following)


@bp.post("/region-items/<key>/acts", responses=answers(ActionResponse, 202, 404, 409, 413, 415))
@needs("admin", status=202, starts=True)
def ask_for_act(path: KeyPath, body: ActionRequest) -> ActionResponse | Response:
    """Roll back, pin or unpin; carried out within seconds, as the list of acts shows."""
    row = row_of(path.key)
    if body.version is None and body.kind != "unpin":
        return problem(422, "Say which `version`.")
    try:
        version = version_for(row, body.kind, body.version)
    except NotPossibleError as error:
        return problem(409, str(error))
    except NoSuchVersionError as error:
        abort(404, f"{error}. The list of versions shows those there are.")
    stored = store_act(once_token(), row.key, body.kind, version.version if version else None,
                       " ".join(body.reason.split()), actor().email,
                       also_pin=body.kind == "roll_back" and body.also_pin)
    if stored.waits:
        return problem(409, "Another act on this model is to be carried out first. Ask again in some seconds.",
                       Retry_After="5")
    return _told(stored.act)


def _told(act: ModelAction) -> ActionResponse:
    return ActionResponse(id=act.id, kind=cast(KindName, act.kind), version=act.version, reason=act.reason,
                   asked_by=act.asked_by, asked_at=act.asked_at, state=cast(Any, act.state), problem=act.problem,
                   done_at=act.done_at)


def _number(value: float | str | None) -> float | str | None:
    return value if isinstance(value, str) else finite(value)
