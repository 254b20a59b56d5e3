"""Which saved views somebody may open: their own and those that are shared; any other is as if it never was."""

from sqlalchemy import ColumnElement, or_, select

from webapp.access import actor
from webapp.db.database import db
from webapp.tables import RegionItemRow, SavedView, SavedViewItem

LARGEST_ID = 2**31 - 1


def is_visible() -> ColumnElement[bool]:
    """Whether whoever asks may open a saved view."""
    return or_(SavedView.is_shared, SavedView.person == actor().email)


def visible_view(text: str) -> SavedView | None:
    """The saved view of that number; None where there is none for whoever asks."""
    if not (text.isascii() and text.isdigit() and len(text) < 11 and 0 < int(text) <= LARGEST_ID):
        return None
    return db.session.scalar(select(SavedView).where(SavedView.id == int(text), is_visible()))


def is_picked_in(view_id: int) -> ColumnElement[bool]:
    """Whether a region-item was picked for a saved view."""
    return RegionItemRow.key.in_(select(SavedViewItem.key).where(SavedViewItem.view_id == view_id))
