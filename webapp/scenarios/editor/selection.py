"""The selection of a scenario: what the editor offers to tick, and which region-items the ticks mean."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from werkzeug.datastructures import MultiDict

from demand_assets.forecasting.contract.region_item import RegionItem, known_as
from webapp.db.database import db
from webapp.language.translations import gettext as _
from webapp.language.translations import ngettext as _n
from webapp.pages.reader_locale import number
from webapp.region_items.labels import NAMES_TOLD
from webapp.region_items.selection import stored_keys
from webapp.serving.selection_sizes import MOST_OF_A_SCENARIO
from webapp.tables import RegionItemRow

MOST_LISTED = 2000
"""Regions or items offered to tick."""
FEW = 12
"""Region-items that stay picked one by one."""


@dataclass(frozen=True)
class Offered:
    """What can be ticked."""

    regions: Sequence[str]
    items: Sequence[str]
    total: int
    """Region-items in the dataset."""
    most: int = MOST_OF_A_SCENARIO


def offered() -> Offered:
    """The regions and items of the catalogue."""
    columns = (RegionItemRow.region, RegionItemRow.item)
    regions, items = (list(db.session.scalars(select(column).where(RegionItemRow.in_catalogue).distinct().order_by(
        column).limit(MOST_LISTED))) for column in columns)
    total = db.session.scalar(select(func.count(RegionItemRow.key)).where(RegionItemRow.in_catalogue)) or 0
    return Offered(regions, items, total)


def selected(fields: MultiDict[str, str], errors: list[str]) -> tuple[list[str], list[str]]:
    """The selection, region-major, and those of it that were picked one by one or as a stored ``selection``.

    It is these, and all ticked items in all ticked regions.
    """
    token = fields.get("selection", "")
    regions, items = ([known_as(name) for name in fields.getlist(kind)] for kind in ("region", "item"))
    everything = bool(fields.get("everything"))
    asked = list(dict.fromkeys([*filter(None, fields.getlist("ri")), *(stored_keys(token) if token else [])]))
    query = select(RegionItemRow.key).where(RegionItemRow.in_catalogue)
    wanted, count = query, len(asked)
    picked: list[str] = []
    if count <= MOST_OF_A_SCENARIO:
        known = set(db.session.scalars(query.where(RegionItemRow.key.in_(asked))))
        picked = [key for key in asked if key in known]
        if unknown := [key for key in asked if key not in known]:
            some = ", ".join(unknown[:NAMES_TOLD]) + (" …" if len(unknown) > NAMES_TOLD else "")
            errors.append(_n(
                "%(num)s region-item asked for is not in the dataset and left out of the selection: %(names)s.",
                "%(num)s region-items asked for are not in the dataset and left out of the selection: %(names)s.",
                len(unknown), num=number(len(unknown)), names=some[:400]))
    found = set(picked)
    if everything or regions or items:
        if regions and not everything:
            wanted = wanted.where(RegionItemRow.region.in_(regions))
        if items and not everything:
            wanted = wanted.where(RegionItemRow.item.in_(items))
        found |= set(db.session.scalars(wanted))
    if max(len(found), count) > MOST_OF_A_SCENARIO:
        errors.append(_("These are %(num)s region-items; a scenario holds at most %(most)s. Tick fewer regions or "
                        "items.", num=number(max(len(found), count)), most=MOST_OF_A_SCENARIO))
        return [], picked
    return list(db.session.scalars(query.where(RegionItemRow.key.in_(found)).order_by(RegionItemRow.position))), picked


def ticks_of(keys: Sequence[str]) -> list[tuple[str, str]]:
    """The fields that select these: their regions and items where all of these in all of those are meant."""
    one_by_one = [("ri", key) for key in keys]
    if len(keys) <= FEW:
        return one_by_one
    region_items = [RegionItem.from_key(key) for key in keys]
    regions, items = (list(dict.fromkeys(names)) for names in zip(
        *((one.region, one.item) for one in region_items), strict=True))
    ticks = [*(("region", name) for name in regions), *(("item", name) for name in items)]
    meant, _ = selected(MultiDict(ticks), [])
    return ticks if set(meant) == set(keys) else one_by_one
