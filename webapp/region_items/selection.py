"""The region-items that a planner means: ticked, listed in a link, whole regions and items, or a stored selection."""

import json
from collections.abc import Sequence
from datetime import timedelta
from hashlib import blake2b

from flask import abort
from sqlalchemy import and_, or_, select
from werkzeug.datastructures import MultiDict

from demand_assets.forecasting.contract.region_item import known_as
from webapp.db.database import db, now, writing
from webapp.db.locks import insert_absent, locked
from webapp.language.translations import gettext as _
from webapp.language.translations import ngettext as _n
from webapp.pages.numbers_and_dates import plural as counted
from webapp.pages.reader_locale import number
from webapp.region_items.attributes import ARGUMENT, Filter, arguments_of, conditions_of, parse_filters, words_of
from webapp.region_items.overview_table.query import matching_keys, parse_view
from webapp.region_items.rows import keys_of, known_keys, parsed_keys, rows_of
from webapp.services import services
from webapp.tables import RegionItemRow, Selection

MOST_SELECTED = 100_000
"""Region-items that can be asked for at once."""
MOST_LISTED = 40
"""Region-items that a link lists one by one; more are stored as a selection, which the link names."""
NOTED_EVERY = timedelta(days=1)
"""How often it is noted that a stored selection is used."""
NAMED = 3
"""Regions or items that a title lists."""

Arguments = dict[str, str | list[str]]
"""Of a URL."""


def ticked_keys(fields: MultiDict[str, str]) -> list[str]:
    """The keys that a form of the overview means: those ticked, or all that match when ``everything`` is.

    An error page when a key is no region-item of the catalogue.
    """
    if fields.get("everything"):
        return matching_keys(parse_view(fields))
    keys = list(dict.fromkeys(fields.getlist("ri")))
    if len(keys) > MOST_SELECTED:
        abort(422, _("At most %(most_selected)s region-items can be selected one by one, not %(keys)s.",
                     keys=f"{len(keys):,}", most_selected=f"{MOST_SELECTED:,}"))
    return [row.key for row in rows_of(keys)]


def link_arguments(keys: Sequence[str]) -> Arguments:
    """The arguments of a URL that name these region-items; many are stored as a selection first."""
    if len(keys) <= MOST_LISTED:
        return {"ri": list(keys)}
    secret = services().settings.secret_key.encode()[:64]  # else who guesses what others selected could look it up
    token = blake2b(json.dumps(sorted(keys)).encode(), digest_size=8, key=secret).hexdigest()
    if not _used(token):
        with writing():
            insert_absent(Selection, [{"token": token, "keys": list(keys)}])
    return {"selection": token}


def parse_selection(fields: MultiDict[str, str], are_read: bool = False) -> tuple[list[str], Arguments, str]:
    """Keys, the arguments that name them, and what they are together; an error page for a name that is not there.

    Args:
        are_read: whether the caller reads the rows of a few keys anyway, and finds out so whether they are there.
    """
    regions, items = (list(dict.fromkeys(known_as(name) for name in fields.getlist(kind) if name))
                      for kind in ("region", "item"))
    filters = parse_filters(fields)
    grouped, words, args = list[str](), list[str](), Arguments()
    if fields.get("all", "0").strip("0"):
        grouped, words, args = _members([], [], None), [_("All region-items")], {"all": "1"}
    elif regions or items or filters:
        grouped = _members(regions, items, filters)
        words = ([_("%(regions)s · all items", regions=_listed(regions, "region"))] if regions else []) + (
            [_("%(items)s · all regions", items=_listed(items, "item"))] if items else []) + (
            [_listed(words_of(filters), "attribute")] if filters else [])
        args = {name: given for name, given in (("region", regions), ("item", items),
                                                (ARGUMENT, arguments_of(filters))) if given}
    token = fields.get("selection", "")
    stored = stored_keys(token) if token else []
    picked = list(dict.fromkeys([*stored, *(key for key in fields.getlist("ri") if key)]))
    if grouped:
        inside = set(grouped)
        rest = keys_of([key for key in picked if key not in inside])
        if not rest:
            return grouped, args, _joined(words)
        more = _n("%(num)s more", "%(num)s more", len(rest), num=number(len(rest)))
        return [*grouped, *rest], {**args, **link_arguments(rest)}, _joined([*words, more])
    if token and len(picked) == len(stored):
        return stored, {"selection": token}, ""
    keys = parsed_keys(picked) if are_read and len(picked) <= MOST_LISTED else keys_of(picked)
    return keys, link_arguments(keys), ""


def _members(regions: Sequence[str], items: Sequence[str], filters: Sequence[Filter] | None) -> list[str]:
    """The keys of whole regions, of items in all regions and of all with these attributes, region-major.

    Args:
        filters: None for all region-items.
    """
    for what, column, names in (("region", RegionItemRow.region, regions), ("item", RegionItemRow.item, items)):
        known = set(db.session.scalars(select(column).where(
            column.in_(names), RegionItemRow.in_catalogue).distinct())) if names else set()
        for name in names:
            if name not in known:
                abort(404, _("There is no region %(name)s in this dataset. The overview lists all of them.",
                             name=repr(name[:100])) if what == "region" else
                      _("There is no item %(name)s in this dataset. The overview lists all of them.",
                        name=repr(name[:100])))
    query = select(RegionItemRow.key).where(RegionItemRow.in_catalogue).order_by(RegionItemRow.position)
    if filters is None:
        return list(db.session.scalars(query))
    having = [and_(*conditions_of(filters))] if filters else []
    found = list(db.session.scalars(query.where(or_(
        RegionItemRow.region.in_(regions), RegionItemRow.item.in_(items), *having))))
    if not found:
        abort(404, _("No region-item has the %(filters)s. The overview lists all values.",
                     filters=_listed(words_of(filters), 'attribute')))
    return found


def stored_keys(token: str) -> list[str]:
    """The keys of a stored selection that are still known; an error page when there is no such selection."""
    if not _used(token):
        abort(404, _("There is no such selection; unused ones are removed after a while. Select the region-items in "
                     "the overview again."))
    keys = db.session.get_one(Selection, token).keys
    known = known_keys(keys)
    return [key for key in keys if key in known]


def _used(token: str) -> bool:
    """Whether there is such a selection; that it is used is noted once a day, in a transaction of its own."""
    found = db.session.get(Selection, token)
    if found is None or abs(now() - found.used_at) < NOTED_EVERY:
        return found is not None
    with writing():
        found = locked(Selection, token)  # it may have expired in this moment
        if found is not None:
            found.used_at = now()
    return found is not None


def _listed(names: Sequence[str], word: str) -> str:
    return ", ".join(names) if len(names) <= NAMED else counted(len(names), word)


def _joined(words: Sequence[str]) -> str:
    said = words[0]
    for more in words[1:]:
        said = _("%(one)s and %(more)s", one=said, more=more)
    return said
