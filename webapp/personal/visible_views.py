"""Which saved views somebody may open: their own and those that are shared; any other is as if it never was."""

from collections.abc import Mapping
from typing import Any

from flask import g
from sqlalchemy import ColumnElement, or_, select

from webapp.access import actor
from webapp.db.database import LARGEST_ID, db
from webapp.personal.seen_region_items import AXES, sees_everything
from webapp.tables import AttributeValue, Catalogue, RegionItemRow, SavedView, SavedViewItem


def is_visible() -> ColumnElement[bool]:
    """Whether whoever asks may open a saved view; another's that names what they do not see is not there either."""
    is_own = SavedView.person == actor().email
    return or_(SavedView.is_shared, is_own) if sees_everything() else or_(
        is_own, SavedView.is_shared & SavedView.id.not_in(_naming_unseen()))


def _naming_unseen() -> list[int]:
    """The shared views of others that have none of the region-items that whoever asks sees, or name what none of those
    has."""
    found: list[int] | None = g.get("views_naming_unseen")
    if found is None:
        others = db.session.execute(select(SavedView.id, SavedView.is_picked, SavedView.arguments).where(
            SavedView.is_shared, SavedView.person != actor().email)).all()
        found = g.views_naming_unseen = [number for number, is_picked, arguments in others
                                         if not _is_seen(number, is_picked, arguments)]
    return found


def _is_seen(number: int, is_picked: bool, arguments: Mapping[str, Any]) -> bool:
    picked = select(SavedViewItem.key).where(SavedViewItem.view_id == number).limit(1)
    if is_picked and db.session.scalar(picked) is None:
        return False
    words, given = str(arguments.get("q", "")).lower().split(), arguments.get("attribute", [])
    named = select(Catalogue.key).where(*(Catalogue.search.contains(word, autoescape=True) for word in words)).limit(1)
    return (not words or db.session.scalar(named) is not None) and all(
        _is_there(*text.partition(":")[::2]) for text in (given if isinstance(given, list) else [given]))


def _is_there(name: str, value: str) -> bool:
    """Whether some region-item that is seen has that value of an axis or an attribute."""
    if name in AXES:
        query = select(Catalogue.key).where((Catalogue.region if name == "region" else Catalogue.item) == value)
    else:
        query = select(AttributeValue.value).where(AttributeValue.name == name, AttributeValue.value == value)
    return db.session.scalar(query.limit(1)) is not None


def visible_view(text: str) -> SavedView | None:
    """The saved view of that number; None where there is none for whoever asks."""
    if not (text.isascii() and text.isdigit() and len(text) < 11 and 0 < int(text) <= LARGEST_ID):
        return None
    return db.session.scalar(select(SavedView).where(SavedView.id == int(text), is_visible()))


def is_picked_in(view_id: int) -> ColumnElement[bool]:
    """Whether a region-item was picked for a saved view."""
    return RegionItemRow.key.in_(select(SavedViewItem.key).where(SavedViewItem.view_id == view_id))
