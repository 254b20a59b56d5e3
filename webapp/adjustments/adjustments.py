"""Planners' adjustments of past demand: recorded here first, then told to the demand store, where models find them.

Only the background process writes the store's files, so that no older state ever overwrites a newer one. A row stays
due until the file tells of it; whatever breaks in between is mended by the next look.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from math import isfinite

from sqlalchemy import func, or_, select, update

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.store.demand_store import DemandStore
from webapp.adjustments.predecessors import dependent_on, due_links, note_told, planned_for
from webapp.adjustments.stored_outliers import Outlier
from webapp.audit.record import record
from webapp.db.chunked import chunked
from webapp.db.database import db, now, writing
from webapp.db.locks import locked_one
from webapp.language.translations import gettext as _
from webapp.personal.kept_answers import kept_among
from webapp.region_items.forecast_figures import want_forecast
from webapp.region_items.rows import locked_region_items
from webapp.tables import Adjustment, CarriedLink

MOST_UNITS = 1e12
LONGEST_REASON = 500


class AdjustmentError(ValueError):
    """What cannot be adjusted; the message says what is allowed."""


@dataclass(frozen=True)
class WantedAdjustment:
    """An adjustment as a planner asks for it."""

    key: str
    date: date
    units: float
    """That training uses in place of what was sold."""
    reason: str


def adjust(wanted: WantedAdjustment, sold: float | None, by: str) -> Adjustment:
    """The adjustment that holds now; one that the period had is removed. The same once more changes nothing.

    Args:
        sold: units sold in the period; None where that is not known.
    Raises: AdjustmentError: there is nothing to adjust, or not to that.
    """
    if sold is None or not isfinite(sold):
        raise AdjustmentError(_("The demand of %(day)s is not known, so there is nothing to adjust. Choose a period "
                                "of the history.", day=wanted.date))
    if not 0 <= wanted.units <= MOST_UNITS:
        raise AdjustmentError(_("Units must be from 0 to %(most)s, not %(amount)s.",
                                amount=f"{wanted.units:,g}", most=f"{MOST_UNITS:,.0f}"))
    if wanted.units == sold:
        raise AdjustmentError(_("%(units)s is what was sold on %(day)s; there is nothing to adjust.",
                                units=f"{wanted.units:g}", day=wanted.date))
    _check_reason(wanted.reason)
    with writing():
        locked_region_items([wanted.key])
        return _adjust(wanted, sold, by)


def accept_unusual(key: str, rows: Sequence[Outlier], reason: str, by: str) -> int:
    """``adjust_unusual`` as one transaction.

    Raises: AdjustmentError: no reason is given.
    """
    _check_reason(reason)
    with writing():
        locked_region_items([key])
        return adjust_unusual(key, rows, reason, by)


def adjust_unusual(key: str, rows: Sequence[Outlier], reason: str, by: str) -> int:
    """How many of these unusual periods of a region-item were adjusted to what would be usual there: those that are not
    adjusted yet. Part of the caller's transaction, which locked the region-item."""
    adjusted = set(db.session.scalars(select(Adjustment.date).where(
        Adjustment.key == key, Adjustment.removed_at.is_(None))))
    asked = [(WantedAdjustment(key, one.date, max(one.usual_rounded, 0.0), reason), one.sold) for one in rows
             if str(one.date) not in adjusted]
    wanted = [(one, sold) for one, sold in asked if one.units != sold]
    for one, sold in wanted:
        _adjust(one, sold, by)
    return len(wanted)


def _check_reason(reason: str) -> None:
    if not reason or len(reason) > LONGEST_REASON:
        raise AdjustmentError(_("Give a reason of at most %(most)s characters, so that others understand it.",
                                most=LONGEST_REASON))


def _adjust(wanted: WantedAdjustment, sold: float, by: str) -> Adjustment:
    """The one that holds now, in the caller's transaction, which locked the region-item."""
    before = db.session.scalar(select(Adjustment).where(
        Adjustment.key == wanted.key, Adjustment.date == str(wanted.date), Adjustment.removed_at.is_(None)))
    if before is not None:
        if before.adjusted == wanted.units and before.reason == wanted.reason:
            return before
        _close(before, by)
        db.session.flush()
    record("replaced" if before else "adjusted", "adjustment", _named(wanted.key, wanted.date),
           before={"units": before.adjusted if before else sold}, after={"units": wanted.units},
           reason=wanted.reason)
    made = Adjustment(key=wanted.key, date=str(wanted.date), sold=sold, adjusted=wanted.units, reason=wanted.reason,
                      made_by=by, is_due=True)
    db.session.add(made)
    return made


def remove(adjustment_id: int, by: str) -> Adjustment | None:
    """Record that an adjustment is removed; what was removed before stays as it is. None where there never was one."""
    with writing():
        key = db.session.scalar(select(Adjustment.key).where(Adjustment.id == adjustment_id))
        if key is None:
            return None
        locked_region_items([key])  # adjustments of a region-item are made and removed one after the other
        found = locked_one(Adjustment, adjustment_id)
        if found.removed_at is None:
            _close(found, by)
            record("removed", "adjustment", _named(found.key, found.date), before={"units": found.adjusted},
                   after={"units": found.sold})
    return found


def adjustments_of(key: str) -> list[Adjustment]:
    """All adjustments ever made of a region-item: open ones first, then the newest."""
    if not _adjusted([key]):
        return []
    return list(db.session.scalars(select(Adjustment).where(Adjustment.key == key).order_by(
        Adjustment.removed_at.is_not(None), Adjustment.date.desc(), Adjustment.id.desc())))


def _adjusted(keys: Sequence[str]) -> Sequence[str]:
    """Those of the keys that may have an adjustment, ever."""
    return kept_among("plans", "adjusted", select(Adjustment.key), keys)


def told_count(keys: Sequence[str]) -> int:
    """A number that changes when the demand store is told of an adjustment or a predecessor, or of a removal, of these
    region-items."""
    told = 0
    linked = kept_among("plans", "carries on", select(CarriedLink.key), keys)
    for table, some in ((Adjustment, _adjusted(keys)), (CarriedLink, linked)):
        for part in chunked(some):
            told += db.session.scalar(select(func.count() + func.count(table.removed_at)).where(
                table.key.in_(part), table.is_due.is_(False))) or 0
    return told


def told_among(rows: Iterable[Adjustment | CarriedLink]) -> int:
    """``told_count``, of all adjustments and links of the region-items, which were read already."""
    return sum(1 + (row.removed_at is not None) for row in rows if not row.is_due)


def tell_store(store: DemandStore) -> bool:
    """Write the files of all region-items whose adjustments or predecessors changed; whether there were any.

    For the background process alone.
    Raises: OSError: the demand store does not answer; what is due stays due.
    """
    links = due_links()
    told_links = [(link.id, link.removed_at is not None) for link in links]
    linked = {key for link in links for key in (link.key, link.other_key)}
    keys = sorted({*db.session.scalars(select(Adjustment.key).where(Adjustment.is_due).distinct()), *linked})
    for key in keys:
        rows = db.session.scalars(select(Adjustment).where(Adjustment.key == key)).all()
        told = {was_removed: [row.id for row in rows if row.is_due and (row.removed_at is not None) == was_removed]
                for was_removed in (False, True)}
        units = {date.fromisoformat(row.date): row.adjusted for row in rows if row.removed_at is None}
        carries, carried_on = planned_for(key)
        db.session.rollback()
        store.write_adjustments(RegionItem.from_key(key), units, carries, carried_on)
        with writing():
            rows_now = locked_region_items({key, *dependent_on([key])})
            for was_removed, ids in told.items():
                for part in chunked(ids):
                    db.session.execute(update(Adjustment).values(is_due=False).where(
                        Adjustment.id.in_(part), Adjustment.removed_at.is_not(None) == was_removed))
            for row in rows_now.values():
                want_forecast(row)
    if told_links:
        with writing():
            note_told(told_links)
    db.session.rollback()
    return bool(keys)


def tell_again(store: DemandStore, key: str) -> None:
    """Have the file of a region-item's adjustments and predecessors written again, which is damaged; for the background
    process alone.

    Raises: OSError: the demand store does not answer.
    """
    with writing():
        rows = locked_region_items([key])
        is_linked = or_(CarriedLink.key == key, CarriedLink.other_key == key) & CarriedLink.is_of_file.is_(False)
        found = 0
        for table, condition in ((Adjustment, Adjustment.key == key), (CarriedLink, is_linked)):
            if db.session.scalar(select(func.count()).select_from(table).where(condition)):
                db.session.execute(update(table).where(condition).values(is_due=True))
                found += 1
        if found:
            return
        store.write_adjustments(RegionItem.from_key(key), {})  # nobody makes the first one meanwhile
        for row in rows.values():
            want_forecast(row)


def _named(key: str, at: date | str) -> str:
    return f"{RegionItem.from_key(key)} on {at}"


def _close(adjustment: Adjustment, by: str) -> None:
    adjustment.removed_by, adjustment.removed_at, adjustment.is_due = by, now(), True
