"""Saved views kept, changed and removed; each with its entry in the audit log, in one transaction.

A private one is there for its person alone: for anybody else, administrators too, it is as if it never was, and the
audit log knows it by its number.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from unicodedata import category

from sqlalchemy import delete, func, insert, select

from webapp.access import actor
from webapp.audit.record import record
from webapp.db.chunked import chunked
from webapp.db.database import db, now, writing
from webapp.db.locks import insert_absent, locked, once_more
from webapp.language.translations import gettext as _
from webapp.pages.reader_locale import clock, day, number
from webapp.tables import SavedView, SavedViewItem, StartView

LONGEST_NAME = 80
MOST = 500
"""Saved views of one person."""
MOST_PICKED = 5000
"""Region-items picked for one of them."""
FAVOURITES = "favourites"
"""What an overview may open with beside a saved view."""
_UNSEEN = {"\u2028", "\u2029", *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}
"""Ends of lines and changes of direction, by which a name would change the words around it."""


class SavedViewError(ValueError):
    """Something that cannot be done with a saved view; the words are for whoever tried."""


class ChangedMeanwhileError(SavedViewError):
    """It is not as the form showed it any more; the message says who changed it."""


def checked_name(text: str) -> str:
    """The name that was typed, with single spaces.

    Raises: SavedViewError: it is none.
    """
    name = " ".join(text.split())
    if not name:
        raise SavedViewError(_("A saved view needs a name."))
    if len(name) > LONGEST_NAME:
        raise SavedViewError(_("The name has %(count)s characters; at most %(most)s are allowed.",
                               count=number(len(name)), most=LONGEST_NAME))
    if any(category(each) in ("Cc", "Cs") or each in _UNSEEN for each in name):
        raise SavedViewError(_("The name contains invisible characters. Type it again."))
    return name


@once_more
def save(name: str, is_shared: bool, arguments: Mapping[str, Any], picked: Sequence[str] = ()) -> int:
    """The number of a new saved view of whoever asks.

    Args:
        arguments: of the overview's address.
        picked: keys of region-items; none of a view that has whatever matches.
    Raises: SavedViewError.
    """
    name, person = checked_name(name), actor().email
    _may_share(is_shared)
    if len(picked) > MOST_PICKED:
        raise SavedViewError(_("A view holds at most %(most)s picked region-items, not %(count)s. Filter the overview, "
                               "and save the filters.", count=number(len(picked)),
                               most=number(MOST_PICKED)))
    with writing():
        _refuse_taken(person, name)
        if (db.session.scalar(select(func.count()).select_from(SavedView).where(SavedView.person == person)) or 0
                ) >= MOST:
            raise SavedViewError(_("You have %(most)s saved views, the maximum. Remove some first.", most=MOST))
        view = SavedView(person=person, name=name, is_shared=is_shared, is_picked=bool(picked),
                         arguments=dict(arguments), changed_by=person)
        db.session.add(view)
        db.session.flush()
        for keys in chunked(list(dict.fromkeys(picked))):
            db.session.execute(insert(SavedViewItem), [{"view_id": view.id, "key": key} for key in keys])
        record("saved", "view", _recorded(view), after=_facts(view))
        return view.id


@once_more
def change(view_id: int, seen: int, name: str | None = None, is_shared: bool | None = None,
           arguments: Mapping[str, Any] | None = None) -> None:
    """Rename a saved view, share it or not, or let it hold other filters; what is not given stays.

    Its owner may, and an administrator may rename a shared one.

    Args:
        seen: its revision when the form was opened.
    Raises: SavedViewError; ChangedMeanwhileError.
    """
    name = None if name is None else checked_name(name)
    with writing():
        view = _held(view_id)
        is_mine = view.person == actor().email
        if not is_mine and not actor().may("admin"):
            raise SavedViewError(_("Only %(person)s can change this view. Save it as one of yours instead.",
                                   person=view.person))
        if view.revision != seen:
            raise ChangedMeanwhileError(_(
                "%(person)s changed this view (%(day)s, %(time)s) after you opened it. It is now called “%(name)s”. "
                "Look again, then decide.", person=view.changed_by, day=day(view.changed_at),
                time=clock(view.changed_at), name=view.name))
        before, stood = _facts(view), (view.name, view.is_shared, dict(view.arguments))
        if name is not None and name != view.name:
            _refuse_taken(view.person, name)
            view.name = name
        if is_shared is not None and is_shared != view.is_shared:
            if not is_mine:
                raise SavedViewError(_("Only %(person)s can make this view private. You can remove it.",
                                       person=view.person))
            _may_share(is_shared)
            view.is_shared = is_shared
        if arguments is not None:
            if not is_mine:
                raise SavedViewError(_("Only %(person)s can change what this view shows.", person=view.person))
            view.arguments = dict(arguments)
        if stood == (view.name, view.is_shared, view.arguments):
            return
        view.revision, view.changed_at, view.changed_by = view.revision + 1, now(), actor().email
        record("changed", "view", _recorded(view), before=before, after=_facts(view))


@once_more
def remove(view_id: int) -> str:
    """The name of a saved view that is there no more: its owner's, or a shared one, which an administrator may remove.

    Raises: SavedViewError.
    """
    with writing():
        view = _held(view_id)
        if view.person != actor().email and not actor().may("admin"):
            raise SavedViewError(_("Only %(person)s or an administrator can remove this view.", person=view.person))
        name = view.name
        record("removed", "view", _recorded(view), before=_facts(view))
        db.session.execute(delete(StartView).where(StartView.view_id == view.id))
        db.session.execute(delete(SavedViewItem).where(SavedViewItem.view_id == view.id))
        db.session.delete(view)
        return name


def set_start(what: str | int) -> None:
    """Let the overview of whoever asks open with a saved view, with their ``FAVOURITES``, or, empty, with everything.

    Raises: SavedViewError: there is no such view for them.
    """
    with writing():
        view_id = None if what in ("", FAVOURITES) else _held(int(what)).id  # first, as where a view is removed
        db.session.execute(delete(StartView).where(StartView.person == actor().email))
        if what != "":
            insert_absent(StartView, [{"person": actor().email, "view_id": view_id}])


def _held(view_id: int) -> SavedView:
    """The view that whoever asks may open, locked until the transaction ends."""
    view = locked(SavedView, view_id)
    if view is None or not (view.is_shared or view.person == actor().email):
        raise SavedViewError(_("This saved view no longer exists."))
    return view


def _refuse_taken(person: str, name: str) -> None:
    if db.session.scalar(select(SavedView.id).where(SavedView.person == person, SavedView.name == name)) is not None:
        raise SavedViewError(_("There is already a view called “%(name)s”. Choose another name.", name=name))


def _may_share(is_shared: bool) -> None:
    if is_shared and not actor().may("planner"):
        raise SavedViewError(_("Planners and administrators share views; you can save this one for yourself."))


def _recorded(view: SavedView) -> str:
    return f"{view.name} ({view.id})" if view.is_shared else f"a private view ({view.id})"


def _facts(view: SavedView) -> dict[str, Any]:
    """What is recorded of it."""
    if not view.is_shared:
        return {"shared": False}
    return {"shared": True, "name": view.name, "arguments": dict(view.arguments)}
