"""What a saved view opens with: the overview's address as it was saved, less what the dataset no longer has."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import url_for
from sqlalchemy import ColumnElement, exists, func, select
from werkzeug.datastructures import MultiDict

from webapp.access import actor
from webapp.db.database import db
from webapp.language.translations import gettext as _
from webapp.personal.visible_views import is_visible
from webapp.region_items.attributes import ARGUMENT, filterable
from webapp.region_items.overview_table.columns import offered_columns, offered_orders
from webapp.region_items.overview_table.flags import FLAGS
from webapp.region_items.overview_table.query import STATUSES, View, matching_keys
from webapp.region_items.overview_table.query import parse_view as parse_overview
from webapp.tables import Catalogue, SavedView, SavedViewItem, StartView

KEPT = (ARGUMENT, "q", "status", "flag", "sort", "size", "columns", "since", "same")
"""Of the overview's arguments, those that a view keeps: neither the page nor which view it began with."""


@dataclass(frozen=True)
class Opened:
    """A saved view as the dataset allows it now."""

    view: SavedView
    arguments: dict[str, Any]
    """Of the overview's address."""
    lost: tuple[str, ...] = ()
    """What it asked for and the dataset no longer has, in words, of what decides which region-items it holds."""

    @property
    def overview(self) -> str:
        """The address of the overview that shows it."""
        picked: dict[str, Any] = {"picked": self.view.id} if self.view.is_picked else {}
        return url_for("overview.show", **self.arguments, **picked, view=self.view.id)

    @property
    def shown(self) -> View:
        """What the overview shows then."""
        fields: MultiDict[str, Any] = MultiDict(self.arguments)
        if self.view.is_picked:
            fields["picked"] = str(self.view.id)
        return parse_overview(fields)


def kept_arguments(view: View) -> dict[str, Any]:
    """What a saved view keeps of what the overview shows."""
    return {name: value for name, value in view.query(page=1).items() if name in KEPT}


def opened(view: SavedView) -> Opened:
    """A saved view with what it asks for that there is; what cannot be asked any more is told."""
    kept, lost = dict(view.arguments), list[str]()
    known, filters = filterable(), kept.get(ARGUMENT, [])
    filters = filters if isinstance(filters, list) else [filters]
    gone = [one for one in filters if one.partition(":")[0] not in known]
    lost += [one.replace(":", " ", 1) for one in gone]
    kept[ARGUMENT] = [one for one in filters if one not in gone]
    kept["flag"] = _those_in(FLAGS, kept.get("flag", ""), lost)
    kept["status"] = _those_in(STATUSES, kept.get("status", ""), lost)
    kept["columns"] = _those_in(offered_columns(), kept.get("columns", ""), [])
    kept["sort"] = _those_in(offered_orders(), kept.get("sort", ""), [])
    return Opened(view, {name: value for name, value in kept.items() if value}, tuple(lost))


def lost_words(found: Opened) -> str:
    """What is told of a view that asked for more than there is."""
    return _("“%(name)s” also filters by %(lost)s, which this dataset no longer has: more is shown than was meant.",
             name=found.view.name, lost=", ".join(found.lost))


def keys_in(found: Opened) -> list[str]:
    """The keys of the region-items that a saved view holds now, region-major."""
    return matching_keys(found.shown)


def picked_sizes(views: Iterable[SavedView]) -> Mapping[int, int]:
    """Number of a view -> how many region-items were picked for it; 0 of those that have what matches."""
    return _picked(views)


def gone_sizes(views: Iterable[SavedView]) -> Mapping[int, int]:
    """Number of a view -> how many region-items that were picked for it are no longer in the dataset; 0 of those that
    have what matches."""
    return _picked(views, ~exists().where(Catalogue.key == SavedViewItem.key, Catalogue.in_catalogue))


def _picked(views: Iterable[SavedView], *which: ColumnElement[bool]) -> Mapping[int, int]:
    ids = [view.id for view in views if view.is_picked]
    rows = db.session.execute(select(SavedViewItem.view_id, func.count()).where(
        SavedViewItem.view_id.in_(ids), *which).group_by(SavedViewItem.view_id)) if ids else ()
    return Counter({row[0]: row[1] for row in rows})


def start_of() -> StartView | None:
    """What the overview of whoever asks opens with; None where that is everything."""
    return db.session.get(StartView, actor().email)


def start_address() -> tuple[str, Opened | None]:
    """The address that the overview of whoever asks opens with, and the view that it shows; empty where it shows
    everything, also where their view was made private or removed."""
    start = start_of()
    if start is None:
        return "", None
    if start.view_id is None:
        return url_for("overview.show", flag="favourite", view="all"), None
    view = db.session.scalar(select(SavedView).where(SavedView.id == start.view_id, is_visible()))
    if view is None:
        return "", None
    found = opened(view)
    return found.overview, found


def _those_in(known: Iterable[str], text: str, lost: list[str]) -> str:
    """Of names with commas between, those that are known; the others are noted."""
    names, allowed = [name for name in str(text).split(",") if name], set(known)
    lost += [name for name in names if name.removeprefix("-") not in allowed]
    return ",".join(name for name in names if name.removeprefix("-") in allowed)
