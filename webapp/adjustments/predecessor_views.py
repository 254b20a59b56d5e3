"""Which item another replaces, said and taken back on the forecast page."""

from dataclasses import dataclass
from datetime import date

import pandas as pd
from flask import Blueprint, Flask, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from demand_assets.forecasting.contract.region_item import LONGEST_NAME, RegionItem, known_as
from demand_assets.forecasting.series.adjusted_demand import CARRIED
from webapp.access import actor, needs
from webapp.adjustments.predecessors import (
    MOST_REGIONS,
    PredecessorError,
    WantedLink,
    counting,
    links_of_page,
    replace_with,
    unlink,
)
from webapp.db.database import LARGEST_ID, db
from webapp.language.translations import gettext as _
from webapp.language.translations import ngettext as _n
from webapp.pages.typed_numbers import TypedNumberError, read_number
from webapp.region_items.rows import rows_of
from webapp.tables import CarriedLink, Catalogue, RegionItemRow

bp = Blueprint("predecessors", __name__, url_prefix="/predecessors")


@dataclass(frozen=True)
class PredecessorsOfPage:
    """What a region-item carries on, and what carries it on."""

    counting: list[CarriedLink]
    """By which its demand is carried over from others."""
    overruled: list[CarriedLink]
    """Of the dataset file, which do not count since a planner said otherwise."""
    successors: list[CarriedLink]
    """By which others carry it on."""
    removed: list[CarriedLink]
    """Of planners, its own that were removed or replaced."""
    periods: int
    """Whose demand is carried over."""
    regions: list[str]
    """In which the item is sold, at most ``MOST_REGIONS``."""


def predecessors_of(row: RegionItemRow, history: pd.DataFrame) -> PredecessorsOfPage:
    """What the page says of a region-item.

    Args:
        history: as ``Forecaster.history``.
    """
    links = links_of_page(row.key)
    own = [one for one in links if one.key == row.key]
    holds = counting(links, row.key)
    return PredecessorsOfPage(
        holds, [one for one in own if one.removed_at is None and one not in holds],
        [one for one in links if one.key != row.key and one.removed_at is None],
        [one for one in own if one.removed_at is not None],
        int(history[CARRIED].count()) if CARRIED in history else 0,
        list(db.session.scalars(select(Catalogue.region).where(
            Catalogue.item == row.item, Catalogue.in_catalogue).order_by(Catalogue.region).limit(MOST_REGIONS))))


@bp.post("")
@needs("planner")
def make() -> ResponseReturnValue:
    """Say that an item replaces another: its demand before its own first sale is the other's."""
    row = rows_of([request.form.get("ri", "")])[0]
    since, typed = request.form.get("date", "").strip(), request.form.get("scale", "").strip()
    try:
        first = date.fromisoformat(since) if since else None
    except ValueError:
        abort(422, _("Give a date like 2026-01-31, not %(text)s, or leave it empty.", text=repr(since[:40])))
    try:
        scale = read_number(typed) if typed else 1.0
    except TypedNumberError as error:
        abort(422, _("%(error)s You wrote %(text)s as scale.", error=error, text=repr(typed[:40])))
    regions = tuple(dict.fromkeys(map(known_as, request.form.getlist("region")))) or (row.region,)
    other = known_as(request.form.get("other", "")[:LONGEST_NAME + 1])
    if not other:
        abort(422, _("Write the item that %(item)s replaces.", item=row.item))
    for region in regions:
        rows_of([_key(region, row.item)])
    try:
        made = replace_with(WantedLink(row.item, other, regions, scale, first,
                                       " ".join(request.form.get("reason", "").split())), actor().email)
    except PredecessorError as error:
        abort(422, str(error))
    where = regions[0] if len(regions) == 1 else _n("%(num)s region", "%(num)s regions", len(regions))
    flash(_("Recorded: %(item)s replaces %(other)s in %(where)s. Forecasts use its demand in a moment, models from "
            "their next training on.", item=row.item, other=other, where=where) if made else
          _("%(item)s replaces %(other)s in %(where)s already.", item=row.item, other=other, where=where), "success")
    return redirect(_back(row.key), 303)


@bp.post("/<int:link_id>/remove")
@needs("planner")
def take_back(link_id: int) -> ResponseReturnValue:
    """Take back that an item replaces another; that it was said stays recorded."""
    found = unlink(link_id, actor().email) if link_id <= LARGEST_ID else None
    if found is None:
        abort(404, _("No planner set this. If the dataset file did, remove it there."))
    flash(_("Removed: %(region_item)s no longer carries on the demand of %(item)s.",
            region_item=RegionItem.from_key(found.key), item=found.other), "success")
    return redirect(_back(found.key), 303)


def _key(region: str, item: str) -> str:
    try:
        return RegionItem(region, item).key
    except ValueError as error:
        abort(422, str(error))


def _back(key: str) -> str:
    return url_for("forecasts.show", ri=key, _anchor="predecessors")


def add_to(app: Flask) -> None:
    """Serve what is said of predecessors."""
    app.register_blueprint(bp)
