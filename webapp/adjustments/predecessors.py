"""Which items carry on the demand of which others: planners' word, and beside it what the dataset file says.

A planner's word is recorded here first and then told to the demand store, in the files of adjustments; what the dataset
file says comes from there and is only shown. Where both speak of a region-item, the planner counts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import delete, func, or_, select

from demand_assets.forecasting.contract.region_item import BadNameError, RegionItem
from demand_assets.forecasting.dataset.predecessors import Link, Predecessors, checked_scale, circle_of
from webapp.audit.record import record
from webapp.db.chunked import chunked
from webapp.db.database import db, now, writing
from webapp.db.locks import locked
from webapp.language.translations import gettext as _
from webapp.personal.kept_answers import kept_among
from webapp.personal.seen_region_items import everything
from webapp.region_items.forecast_figures import want_forecast
from webapp.region_items.rows import known_keys, locked_region_items
from webapp.tables import CarriedLink, Catalogue

LONGEST_REASON = 500
MOST_REGIONS = 200
"""Regions in which a planner may say it at once."""


class PredecessorError(ValueError):
    """What cannot be said of an item; the message says what is allowed."""


@dataclass(frozen=True)
class WantedLink:
    """That an item replaces another, as a planner says it."""

    item: str
    other: str
    regions: tuple[str, ...]
    scale: float
    since: date | None
    reason: str


def replace_with(wanted: WantedLink, by: str) -> list[CarriedLink]:
    """Record that an item replaces another in these regions, all or none; what it replaced there by a planner's word
    before, of the same other item, is replaced. The same once more changes nothing.

    Raises: PredecessorError: it cannot.
    """
    if wanted.item == wanted.other:
        raise PredecessorError(_("%(item)s cannot replace itself. Name the item in whose place it is sold.",
                                 item=wanted.item))
    if not 1 <= len(wanted.regions) <= MOST_REGIONS:
        raise PredecessorError(_("Choose 1 to %(most)s regions, not %(count)s.", most=MOST_REGIONS,
                                 count=len(wanted.regions)))
    if not wanted.reason or len(wanted.reason) > LONGEST_REASON:
        raise PredecessorError(_("Give a reason of at most %(most)s characters, so that others understand it.",
                                 most=LONGEST_REASON))
    try:
        checked_scale(wanted.scale)
    except ValueError as error:
        raise PredecessorError(f"{str(error)[:1].upper()}{str(error)[1:]}.") from error
    try:
        pairs = [(RegionItem(region, wanted.item), RegionItem(region, wanted.other)) for region in wanted.regions]
    except BadNameError as error:
        raise PredecessorError(_("There is no such item: %(error)s.", error=error)) from error
    made = []
    with writing():
        locked_region_items(one.key for pair in pairs for one in pair)
        for one, other in pairs:
            _require_possible(one, other)
            if (link := _say(one, other, wanted, by)) is not None:
                made.append(link)
    return made


def _say(one: RegionItem, other: RegionItem, wanted: WantedLink, by: str) -> CarriedLink | None:
    """The new link; None where it holds already. Part of the caller's transaction, which has locked both."""
    since = "" if wanted.since is None else str(wanted.since)
    before = db.session.scalar(select(CarriedLink).where(
        CarriedLink.key == one.key, CarriedLink.other == other.item, CarriedLink.removed_at.is_(None),
        CarriedLink.is_of_file.is_(False)))
    if before is not None:
        if (before.scale, before.since, before.reason) == (wanted.scale, since, wanted.reason):
            return None
        _close(before, by)
        db.session.flush()
    record("replaced" if before else "linked", "predecessor", _named(one.key, other.item),
           before=_told(before) if before else None, after={"scale": wanted.scale, "since": since},
           reason=wanted.reason)
    link = CarriedLink(key=one.key, other=other.item, other_key=other.key, scale=wanted.scale, since=since,
                       reason=wanted.reason, made_by=by, is_due=True)
    db.session.add(link)
    db.session.flush()
    return link


def unlink(link_id: int, by: str) -> CarriedLink | None:
    """Record that a planner's link is removed; what was removed before stays as it is. None where there is none, and of
    the dataset file's, which only the file can take away."""
    with writing():
        known = db.session.get(CarriedLink, link_id)
        if known is None or known.is_of_file:
            return None
        locked_region_items([known.key, known.other_key])  # as where links of them are made
        found = locked(CarriedLink, link_id)
        if found is None:
            return None
        if found.removed_at is None:
            _close(found, by)
            record("removed", "predecessor", _named(found.key, found.other), before=_told(found))
    return found


def links_of_page(key: str) -> list[CarriedLink]:
    """All links ever made by which a region-item carries on others or is carried on; open ones first, then newest."""
    if not (kept_among("plans", "carries on", select(CarriedLink.key), [key])
            or kept_among("plans", "is carried on", select(CarriedLink.other_key), [key])):
        return []
    return list(db.session.scalars(select(CarriedLink).where(
        or_(CarriedLink.key == key, CarriedLink.other_key == key)).order_by(
        CarriedLink.removed_at.is_not(None), CarriedLink.is_of_file, CarriedLink.id.desc())))


def counting(links: Iterable[CarriedLink], key: str) -> list[CarriedLink]:
    """Those of the open links by which a region-item carries on others that count: planners' where there are any."""
    listed = [one for one in links if one.key == key and one.removed_at is None]
    return [one for one in listed if not one.is_of_file] or listed


@dataclass(frozen=True)
class CarryingOn:
    """The region-items that carry on the demand of others."""

    count: int
    first: list[tuple[RegionItem, list[CarriedLink]]]
    """Some of them by key, each with the links that count."""


def carrying_on(shown: int) -> CarryingOn:
    """All of them, and so many to show."""
    is_open = CarriedLink.removed_at.is_(None)
    count = db.session.scalar(select(func.count(CarriedLink.key.distinct())).where(is_open)) or 0
    keys = db.session.scalars(select(CarriedLink.key).where(is_open).distinct().order_by(
        CarriedLink.key).limit(shown)).all()
    rows = db.session.scalars(select(CarriedLink).where(is_open, CarriedLink.key.in_(keys)).order_by(
        CarriedLink.id)).all()
    return CarryingOn(count, [(RegionItem.from_key(key), counting(rows, key)) for key in keys])


def follow_file(stored: Predecessors) -> bool:
    """Whether the dataset file's links were others than are shown, which they are now; the forecasts that they touch
    are made again."""
    items = {link.item for link in stored.links}
    keys: list[str] = []
    for part in chunked(sorted(items)):
        keys += db.session.scalars(select(Catalogue.key).where(Catalogue.item.in_(part), Catalogue.in_catalogue))
    wanted = {(key, link.of, RegionItem(RegionItem.from_key(key).region, link.of).key, link.kind, link.scale,
               str(link.since or "")) for key in keys for link in stored.of(RegionItem.from_key(key))}
    there = known_keys(sorted({one[2] for one in wanted}))
    wanted = {one for one in wanted if one[2] in there}
    rows = db.session.scalars(select(CarriedLink).where(CarriedLink.is_of_file)).all()
    known = {(row.key, row.other, row.other_key, row.kind, row.scale, row.since): row.id for row in rows}
    db.session.rollback()
    if wanted == known.keys():
        return False
    gone, come = known.keys() - wanted, wanted - known.keys()
    with writing():
        touched = {key for one in gone | come for key in (one[0], one[2])}
        locked_rows = locked_region_items(touched | dependent_on(touched))
        db.session.execute(delete(CarriedLink).where(CarriedLink.id.in_([known[one] for one in gone])))
        for key, other, other_key, kind, scale, since in sorted(come):
            db.session.add(CarriedLink(key=key, other=other, other_key=other_key, kind=kind, scale=scale, since=since,
                                       is_of_file=True))
        for row in locked_rows.values():
            want_forecast(row)
    return True


def planned_for(key: str) -> tuple[list[Link], list[Link]]:
    """The open links that planners made: by which a region-item carries on others, and is carried on."""
    rows = db.session.scalars(select(CarriedLink).where(
        or_(CarriedLink.key == key, CarriedLink.other_key == key), CarriedLink.removed_at.is_(None),
        CarriedLink.is_of_file.is_(False)).order_by(CarriedLink.id)).all()
    links: tuple[list[Link], list[Link]] = ([], [])
    for row in rows:
        one = RegionItem.from_key(row.key)
        links[row.key != key].append(Link(one.item, row.other, "replaces", one.region, row.scale,
                                          date.fromisoformat(row.since) if row.since else None, row.made_by))
    return links


def due_links() -> list[CarriedLink]:
    """Planners' links that the demand store does not tell of yet."""
    return list(db.session.scalars(select(CarriedLink).where(CarriedLink.is_due)))


def note_told(told: Sequence[tuple[int, bool]]) -> None:
    """Note that the demand store tells of these links; part of the caller's transaction.

    Args:
        told: id, and whether it was removed when it was told of.
    """
    for link_id, was_removed in told:
        row = locked(CarriedLink, link_id)
        if row is not None and (row.removed_at is not None) == was_removed:
            row.is_due = False


def dependent_on(keys: Iterable[str]) -> set[str]:
    """The region-items that carry on the demand of any of these, directly or through others."""
    found: set[str] = set()
    waiting = set(keys)
    while waiting:
        more = set[str]()
        for part in chunked(sorted(waiting)):
            more.update(db.session.scalars(select(CarriedLink.key).where(
                CarriedLink.other_key.in_(part), CarriedLink.removed_at.is_(None))))
        waiting = more - found
        found |= waiting
    return found


def _require_possible(one: RegionItem, other: RegionItem) -> None:
    """Nothing, where the one can carry on the other. Raises: PredecessorError."""
    known = set(db.session.scalars(select(Catalogue.item).where(
        Catalogue.key.in_([one.key, other.key]), Catalogue.in_catalogue)))
    for name in (one.item, other.item):
        if name not in known:
            raise PredecessorError(_("There is no item %(item)s in %(region)s. Write an item that is sold there, as "
                                     "the overview lists them.", item=repr(name), region=one.region))

    def links_of(item: str, region: str) -> list[Link]:
        key = RegionItem(region, item).key
        rows = db.session.scalars(select(CarriedLink).where(CarriedLink.key == key,
                                                         CarriedLink.removed_at.is_(None))).all()
        return [Link(item, row.other, region=region) for row in counting(rows, key)]

    link = Link(one.item, other.item, region=one.region)
    with everything():
        circle = circle_of(link, links_of)
    if circle and not known_keys([RegionItem(one.region, item).key for item in circle]).issuperset(
            RegionItem(one.region, item).key for item in circle):
        raise PredecessorError(_("In %(region)s that closes a circle through items that you do not see. Ask someone "
                                 "who sees them.", region=one.region))
    if circle:
        raise PredecessorError(_("In %(region)s that closes a circle: %(circle)s. Remove one of its links first.",
                                 region=one.region, circle=" → ".join(circle)))


def _told(link: CarriedLink) -> dict[str, object]:
    return {"scale": link.scale, "since": link.since}


def _named(key: str, other: str) -> str:
    return f"{RegionItem.from_key(key)} replaces {other}"


def _close(link: CarriedLink, by: str) -> None:
    link.removed_by, link.removed_at, link.is_due = by, now(), True
