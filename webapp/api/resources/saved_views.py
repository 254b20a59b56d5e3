"""Saved views: those of whoever asks, and those that are shared."""

from datetime import datetime

from flask import abort
from pydantic import Field
from sqlalchemy import select

from webapp.api.conventions.operations import answers, needs, resource
from webapp.api.conventions.paging import page_of
from webapp.api.conventions.shapes import IdPath, PageQuery, ResponsePart, Text, Yes
from webapp.personal.visible_views import is_visible, visible_view
from webapp.saved_views.opening import gone_sizes, opened
from webapp.tables import SavedView

bp = resource("saved_views", "Views of the region-items that people saved; private ones are their person's alone.")


class SavedViewsQuery(PageQuery):
    """Which saved views."""

    person: Text = Field("", description="Only those that this person saved")
    shared: Yes | None = Field(None, description="Only those that are shared, or only one's own private ones")


class SavedViewResponse(ResponsePart):
    """A saved view; `/region-items?saved_view=` lists what it holds now."""

    id: int
    name: str
    person: str = Field(description="Who saved it")
    shared: bool
    picked: bool = Field(description="Whether it holds the region-items that were picked for it; otherwise whatever "
                                     "matches its filters")
    gone: int = Field(description="Of those that were picked, how many are no longer in the dataset")
    lost: list[str] = Field(description="What its filters ask for and the dataset no longer has")
    address: str = Field(description="Of the overview that shows it, without the host")
    changed_by: str
    changed_at: datetime


class SavedViewPage(ResponsePart):
    """Saved views, newest first."""

    saved_views: list[SavedViewResponse]
    next: str | None


@bp.get("/saved-views", responses=answers(SavedViewPage))
@needs("viewer")
def list_saved_views(query: SavedViewsQuery) -> SavedViewPage:
    """Saved views that whoever asks may open, newest first."""
    asked = select(SavedView).where(is_visible())
    if query.person:
        asked = asked.where(SavedView.person == query.person)
    if query.shared is not None:
        asked = asked.where(SavedView.is_shared.is_(query.shared == "true"))
    rows, following = page_of(asked, SavedView.id.expression, int, query.limit, query.cursor, newest_first=True)
    gone = gone_sizes(rows)
    return SavedViewPage(saved_views=[_told(one, gone[one.id]) for one in rows], next=following)


@bp.get("/saved-views/<int:id>", responses=answers(SavedViewResponse, 200, 404))
@needs("viewer")
def get_saved_view(path: IdPath) -> SavedViewResponse:
    """One saved view."""
    found = visible_view(str(path.id))
    if found is None:
        abort(404, f"There is no saved view {path.id}, or it is not shared with you.")
    return _told(found, gone_sizes([found])[found.id])


def _told(one: SavedView, gone: int) -> SavedViewResponse:
    found = opened(one)
    return SavedViewResponse(
        id=one.id, name=one.name, person=one.person, shared=one.is_shared, picked=one.is_picked, gone=gone,
        lost=list(found.lost), address=found.overview, changed_by=one.changed_by, changed_at=one.changed_at)
