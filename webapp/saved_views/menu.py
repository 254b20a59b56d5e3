"""The menu of saved views: those that a planner is offered where they choose region-items."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import func, select

from webapp.access import actor
from webapp.db.database import db
from webapp.personal.favourites import count_favourites
from webapp.personal.kept_answers import kept
from webapp.personal.seen_region_items import sees_everything
from webapp.personal.visible_views import is_visible, visible_view
from webapp.region_items.overview_table.query import View
from webapp.saved_views.opening import gone_sizes, kept_arguments, opened, start_of
from webapp.tables import SavedView

LISTED = 15
"""Of one's own and of others', in the menu; a page has all."""


@dataclass(frozen=True)
class Listed:
    """A saved view in the menu."""

    id: int
    person: str
    name: str
    is_shared: bool


@dataclass(frozen=True)
class Menu:
    """What the menu offers."""

    mine: Sequence[Listed]
    shared: Sequence[Listed]
    """Those of others."""
    more: int
    """How many are not listed."""
    favourites: int
    """Region-items of the dataset that have a star of whoever asks."""
    now: SavedView | None = None
    """The view that is open."""
    gone: int = 0
    """Of the region-items that were picked for it, how many are no longer in the dataset."""
    is_changed: bool = False
    """Whether something else is shown than it holds."""

    @cached_property
    def starts_with(self) -> str:
        """What the overview of whoever asks starts with: ``favourites``, the number of a view, or empty."""
        start = start_of()
        return "" if start is None else str(start.view_id or "favourites")


def _listed(person: str) -> tuple[Sequence[Listed], int]:
    """The views in the menu, and how many there are of all that may be opened."""
    by_name = func.lower(SavedView.name), SavedView.id
    places = select(
        SavedView.id, func.count().over().label("of_all"), func.row_number().over(
            partition_by=SavedView.person == person, order_by=by_name).label("place")
    ).where(is_visible()).subquery()
    found = db.session.execute(select(
        SavedView.id, SavedView.person, SavedView.name, SavedView.is_shared, places.c.of_all).join(
        places, places.c.id == SavedView.id).where(places.c.place <= LISTED).order_by(*by_name)).all()
    return [Listed(*row[:4]) for row in found], found[0][4] if found else 0


def menu(view: View | None = None) -> Menu:
    """The menu, beside what the overview shows or anywhere else."""
    person = actor().email
    listed, count = _listed(person) if not sees_everything() else kept(
        "saved_views", ("menu", person), lambda: _listed(person))
    own = [one for one in listed if one.person == person]
    others = [one for one in listed if one.person != person]
    now = visible_view(view.saved) if view else None
    is_changed = bool(view and now and (
        (now.id if now.is_picked else 0) != view.picked or opened(now).arguments != kept_arguments(view)))
    return Menu(own, others, count - len(own) - len(others), count_favourites(),
                now, gone_sizes([now])[now.id] if now else 0,
                is_changed)
