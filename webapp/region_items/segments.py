"""Segments of region-items that rules are made for: a region, an item, an attribute's value, or all."""

from collections.abc import Callable

from flask import abort
from sqlalchemy import func, select

from demand_assets.forecasting.dataset.attributes import AXES
from webapp.db.database import db
from webapp.language.translations import gettext as _
from webapp.personal.seen_region_items import everything, sees_everything
from webapp.region_items.attributes import conditions_of, declared, filterable, owners_of, parsed
from webapp.tables import RegionItemRow

LONGEST_SEGMENT = 300


class SegmentError(ValueError):
    """What was typed names no segment; the message says how one is written."""


def is_in(segment: str) -> Callable[[str, str], bool] | None:
    """Whether a segment holds a region and an item; None where there is no such segment any more."""
    if not segment:
        return lambda region, item: True
    name, _colon, value = segment.partition(":")
    if name == "region":
        return lambda region, item: region == value
    if name == "item":
        return lambda region, item: item == value
    attribute = declared().get(name)
    if attribute is None:
        return None
    owners = set(db.session.scalars(owners_of(name, [value])))
    return (lambda region, item: item in owners) if attribute.of == "item" else (lambda region, item: region in owners)


def is_seen(segment: str) -> bool:
    """Whether whoever asks sees a region-item of a segment, so that they may read its name."""
    name, _colon, value = segment.partition(":")
    if not segment or name not in filterable():
        return not segment or sees_everything()
    return db.session.scalar(select(RegionItemRow.key).where(*conditions_of([(name, value)])).limit(1)) is not None


def refuse_unseen(segment: str) -> None:
    """Refuse, with an error page, whoever does not see all of a segment: its rule would hold for what they do not."""
    name, _colon, value = segment.partition(":")
    count = select(func.count()).select_from(RegionItemRow).where(
        *(conditions_of([(name, value)]) if segment and name in filterable() else ()))
    if sees_everything():
        return
    seen = db.session.scalar(count)
    with everything():
        there = db.session.scalar(count)
    if seen != there:
        abort(403, _("You see only some region-items of this segment. Choose a segment that you see in full."))


def parsed_segment(text: str) -> str:
    """The segment that was typed; an error page for an attribute that is not declared.

    Raises: SegmentError: it names nothing.
    """
    text = text.strip()
    name, colon, value = (part.strip() for part in text.partition(":"))
    if not text:
        return ""
    if not colon or not value or len(text) > LONGEST_SEGMENT:
        raise SegmentError(_("%(text)s is no segment. Write it as in region:north, item:kettle or category:Food; "
                             "leave it empty for all.", text=repr(text[:60])))
    typed = repr(value[:100])
    if name in AXES:
        column = RegionItemRow.region if name == "region" else RegionItemRow.item
        if db.session.scalar(select(RegionItemRow.key).where(column == value).limit(1)) is None:
            raise SegmentError(_("There is no region %(value)s in this dataset.", value=typed) if name == "region" else
                               _("There is no item %(value)s in this dataset.", value=typed))
    else:
        parsed(f"{name}:{value}")
        if db.session.scalar(owners_of(name, [value]).limit(1)) is None:
            raise SegmentError(_("Nothing has the %(attribute)s %(value)s in this dataset.", attribute=name,
                                 value=typed))
    return f"{name}:{value}"
