"""The region-items that somebody gave a star. Its table is written here only."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, func, select

from webapp.access import actor
from webapp.db.chunked import chunked
from webapp.db.database import db, writing
from webapp.db.locks import insert_absent
from webapp.language.translations import gettext as _
from webapp.pages.reader_locale import number
from webapp.personal.kept_answers import kept, kept_among
from webapp.tables import Catalogue, Favourite, RegionItemRow

MOST = 2000
"""Favourites of one person."""


class TooManyFavouritesError(ValueError):
    """Somebody has as many favourites as there may be."""


def is_favourite() -> ColumnElement[bool]:
    """Whether a region-item is a favourite of whoever asks."""
    return RegionItemRow.key.in_(select(Favourite.key).where(Favourite.person == actor().email))


def count_favourites() -> int:
    """How many region-items of the dataset are favourites of whoever asks."""
    person = actor().email
    return kept("saved_views", ("favourites", person), lambda: db.session.scalar(
        select(func.count()).select_from(Favourite).where(Favourite.person == person, Favourite.key.in_(
            select(Catalogue.key).where(Catalogue.key == Favourite.key, Catalogue.in_catalogue)))) or 0)


def favourites_among(keys: Sequence[str]) -> set[str]:
    """Those of the keys that are favourites of whoever asks."""
    found: set[str] = set()
    person = actor().email
    own = select(Favourite.key).where(Favourite.person == person)
    some = kept_among("saved_views", ("favourite", person), own, keys)
    for part in chunked(some):
        found.update(db.session.scalars(select(Favourite.key).where(
            Favourite.person == person, Favourite.key.in_(part))))
    return found


def set_favourite(key: str, wanted: bool) -> None:
    """Give a region-item a star of whoever asks, or take it away; nothing where it is so already.

    Raises: TooManyFavouritesError.
    """
    person = actor().email
    with writing():
        if not wanted:
            db.session.execute(delete(Favourite).where(Favourite.person == person, Favourite.key == key))
            return
        new = insert_absent(Favourite, [{"person": person, "key": key}])
        count = db.session.scalar(select(func.count()).select_from(Favourite).where(Favourite.person == person)) or 0
        if new and count > MOST:
            raise TooManyFavouritesError(_("You have %(most)s favourites, the maximum. Remove some first.",
                                           most=number(MOST)))
