"""Planners' overrides of forecasts: made for many region-items and periods at once, replaced, removed, undone.

A row is never deleted nor changed but for who removed it and when, so that it can be told what stood at any moment.
Each act, its entry in the audit log and the totals of the region-items' forecasts are one transaction.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import blake2b
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import ColumnElement, func, select

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.forecast.totals import Part
from webapp.access import Actor, actor
from webapp.audit.record import record
from webapp.db.chunked import chunked
from webapp.db.database import db, now, writing
from webapp.db.locks import locked_one
from webapp.language.translations import gettext as _
from webapp.language.translations import in_language
from webapp.language.translations import ngettext as _n
from webapp.overrides.locked_periods import locked_for
from webapp.overrides.spreading import forecasts_on, shared_out, spread
from webapp.overrides.wanted_override import MOST_AT_ONCE, Cell, OverrideError, WantedOverride, check, too_many
from webapp.pages.reader_locale import number
from webapp.region_items.labels import selection_words
from webapp.region_items.open_overrides import open_overrides
from webapp.region_items.rows import locked_region_items
from webapp.stored_forecasts.computing import tell_totals
from webapp.tables import Catalogue, Override, RegionItemRow, StoredForecast

MOST_TOLD = 200
"""Overrides that one entry of the audit log lists; the others stay in the table of overrides as well."""


class CellsError(OverrideError):
    """Periods of a grid that cannot be overridden as asked for."""

    def __init__(self, by_date: Mapping[date, str]) -> None:
        super().__init__("; ".join(f"{at}: {message}" for at, message in by_date.items()))
        self.by_date = dict(by_date)
        """Period -> what is wrong with it."""


class ChangedMeanwhileError(OverrideError):
    """Somebody else changed overrides since they were seen; nothing was changed."""

    def __init__(self, by_date: Mapping[date, Sequence["Override"]]) -> None:
        super().__init__(_("Others changed overrides of %(dates)s in the meantime; nothing was saved.",
                           dates=", ".join(map(str, by_date))))
        self.by_date = dict(by_date)
        """Period -> the overrides that hold now, oldest first; none where they were removed."""


@dataclass(frozen=True)
class CellsResult:
    """What became of the cells of a grid."""

    batch: str
    """By which the overrides that were made are undone; those that were removed are not."""
    count: int
    """Periods of region-items that are overridden."""
    removed: int
    """Overrides that were removed, with nothing in their place."""
    is_new: bool
    """As that of ``OverrideResult``."""


@dataclass(frozen=True)
class OverrideResult:
    """What became of it."""

    batch: str
    """By which it is undone."""
    count: int
    """Periods of region-items that it overrides."""
    replaced: int
    """Earlier overrides that it took the place of."""
    is_new: bool
    """False when the same request made it before, and nothing was done now."""


def is_ahead() -> ColumnElement[bool]:
    """Of an override, joined with ``known_until``: whether its period is not known yet."""
    return Override.date > known_until()


def known_until() -> ColumnElement[str]:
    """The last period with known demand of an override's region-item, as ISO text; empty where none is known."""
    from_forecast = select(StoredForecast.origin).where(
        StoredForecast.key == Override.key).correlate(Override).scalar_subquery()
    row = select(Catalogue.last_date).where(
        Catalogue.key == Override.key).correlate(Override).scalar_subquery()
    return func.coalesce(from_forecast, row, "")


def open_in(batches: Iterable[str]) -> dict[str, int]:
    """Batch -> how many of its overrides hold and lie ahead; of any region-item."""
    query = select(Override.batch, func.count()).where(
        Override.batch.in_(list(batches)), Override.removed_at.is_(None), is_ahead()).group_by(Override.batch)
    return {row[0]: row[1] for row in db.session.execute(query)}


def place(wanted: WantedOverride, parts: Mapping[str, Part], by: Actor | None = None) -> OverrideResult:
    """Override the forecasts of region-items, in place of earlier overrides. The same once more changes nothing.

    Args:
        parts: key -> the model's forecast of each region-item that is meant, over the whole horizon.
        by: whoever sent this request unless given.
    Raises: OverrideError: it cannot be done; nothing was changed.
    """
    check(wanted)
    who = by or actor()
    batch = _batch_of(wanted, parts)
    rows = [Override(batch=batch, key=key, date=str(at), way=wanted.way, amount=amount, comment=wanted.comment,
                     made_by=who.email) for key, at, amount in spread(wanted, parts)]
    with writing():
        # overrides of a region-item are changed one after the other
        region_items = locked_region_items({one.key for one in rows})
        if before := db.session.scalar(select(func.count()).where(Override.batch == batch)):
            return OverrideResult(batch, before, 0, is_new=False)
        replaced = open_among({(one.key, one.date) for one in rows})
        put(rows, replaced, region_items.values(), who, {
            "first": str(wanted.first), "last": str(wanted.last), "way": wanted.way, "amount": wanted.amount})
    return OverrideResult(batch, len(rows), len(replaced), is_new=True)


def put(rows: Sequence[Override], replaced: Sequence[Override], region_items: Iterable[RegionItemRow], who: Actor,
        told: dict[str, Any]) -> None:
    """Add overrides of one batch in place of others, with their entry in the audit log; part of the caller's
    transaction, in which their region-items are locked.

    Args:
        replaced: those that hold in the same periods.
        told: what else the audit log says of them.
    Raises: OverrideError: a period of them is locked, or they are too many.
    """
    if len(rows) > MOST_AT_ONCE:
        raise too_many(len(rows))
    _refuse_locked(rows, who)
    at = now()
    _close(replaced, who, at)
    for one in rows:
        one.made_at = at
    db.session.add_all(rows)
    tell_totals(region_items)
    record("overridden", "override", _subject(rows), by=who, reason=rows[0].comment,
           before={"replaced": _told(replaced)} if replaced else None,
           after={"batch": rows[0].batch, **told, "overrides": _told(rows)})


def mark_of(overrides: Iterable[Override]) -> str:
    """A short text that is another one when any of a period's overrides is another; empty where there is none."""
    ids = ",".join(map(str, sorted(one.id for one in overrides)))
    return ids if len(ids) <= 40 else blake2b(ids.encode(), digest_size=12).hexdigest()


def place_cells(cells: Sequence[Cell], token: str, parts: Mapping[str, Part],
                by: Actor | None = None) -> CellsResult:
    """Override single periods, each in its own way, and remove overrides of others: all of it or nothing.

    Values are spread over the region-items as those of ``place``. The same once more changes nothing.

    Args:
        cells: at least one, each of another period.
        token: as ``WantedOverride.token``.
        parts: as for ``place``.
    Raises: CellsError: some cannot be done. ChangedMeanwhileError: others changed the overrides of some since they were
        seen. OverrideError: nothing can be. Nothing was changed then.
    """
    who = by or actor()
    made = [one for one in cells if one.way is not None]
    rows = _rows_of_cells(cells, token, parts, who)
    batch = rows[0].batch if rows else ""
    dates = [one.date for one in cells]
    with writing():
        region_items = locked_region_items(parts)
        if batch and (before := db.session.scalar(select(func.count()).where(Override.batch == batch))):
            return CellsResult(batch, before, 0, is_new=False)
        held: dict[date, list[Override]] = {at: [] for at in dates}
        days = {key: set(part.dates.astype("datetime64[D]").tolist()) for key, part in parts.items()}
        for each in open_overrides(sorted(parts), min(dates), max(dates)).values():
            for one in each:
                if (at := date.fromisoformat(one.date)) in held and at in days[one.key]:
                    held[at].append(one)
        locked = locked_for(who)
        if wrong := {one.date: f"{_('The period is locked.')} {locked.words}" for one in cells
                     if str(one.date) <= locked.until and (one.way is not None or held[one.date])}:
            raise CellsError(wrong)
        if changed := {one.date: sorted(held[one.date], key=lambda old: old.made_at) for one in cells
                       if mark_of(held[one.date]) != one.seen and (one.way is not None or held[one.date])}:
            raise ChangedMeanwhileError(changed)
        replaced = [old for one in made for old in held[one.date]]
        removed = [old for one in cells if one.way is None for old in held[one.date]]
        if not rows and not removed:
            return CellsResult("", 0, 0, is_new=False)
        if rows:
            put(rows, replaced, _of(region_items, rows), who, {"first": rows[0].date, "last": rows[-1].date})
        if removed:
            _close(removed, who, now())
            tell_totals(_of(region_items, removed))
            record("override removed", "override", _subject(removed), by=who, before={"overrides": _told(removed)})
    return CellsResult(batch, len(rows), len(removed), is_new=True)


def remove(override_id: int, by: Actor | None = None) -> Override | None:
    """Remove one override; one that was removed before stays as it is. None where there never was one.

    Raises: OverrideError: its period is known by now.
    """
    who = by or actor()
    with writing():
        found = _with_region_item_locked(override_id)
        if found is None or found.removed_at is not None:
            return found
        if not db.session.scalar(select(Override.id).where(Override.id == override_id, is_ahead())):
            raise OverrideError(_("What was sold on %(date)s is known by now, so its override stays on record. Only "
                                  "overrides of periods ahead can be removed.", date=found.date))
        _refuse_locked([found], who)
        _close([found], who, now())
        tell_totals(locked_region_items([found.key]).values())
        record("override removed", "override", _subject([found]), before={"overrides": _told([found])}, by=who)
    return found


def undo(batch: str, by: Actor | None = None) -> int:
    """Take back all of a batch that still holds and lies ahead, and bring back what it had replaced.

    Those in locked periods stay, and so does what somebody changed since: ``kept_of`` tells them.

    Returns: how many overrides were taken back; 0 where nothing of it holds any more.
    """
    who = by or actor()
    with writing():
        region_items = locked_region_items(
            db.session.scalars(select(Override.key).where(Override.batch == batch).distinct()))
        locked = locked_for(who)
        rows = list(db.session.scalars(select(Override).where(
            Override.batch == batch, Override.removed_at.is_(None), Override.date > locked.until, is_ahead())))
        if not rows:
            return 0
        replaced = _replaced_by(rows)
        at = now()
        _close(rows, who, at)
        back = [Override(batch=one.batch, key=one.key, date=one.date, way=one.way, amount=one.amount,
                         comment=one.comment, made_by=one.made_by, scenario=one.scenario,
                         made_at=at + timedelta(microseconds=1))  # it comes after what it takes the place of
                for one in replaced]
        db.session.add_all(back)
        tell_totals(region_items.values())
        record("overrides undone", "override", _subject(rows), by=who,
                     before={"batch": batch, "overrides": _told(rows)},
                     after={"brought back": _told(back)} if back else None)
    return len(rows)


@dataclass(frozen=True)
class NotTakenBack:
    """What taking back a batch leaves as it is: periods of region-items."""

    changed: int
    """Of periods ahead: another override took its place, or it was removed."""
    locked: int
    """It holds, and its period is locked."""
    known: int
    """It held when its period became known."""

    @property
    def words(self) -> list[str]:
        """In sentences; none where nothing is left."""
        return [words for count, words in (
            (self.changed, _n("%(num)s override of it had been changed since; what is there now stays.",
                              "%(num)s overrides of it had been changed since; what is there now stays.",
                              self.changed, num=number(self.changed))),
            (self.locked, _n("%(num)s override of it is in locked periods and stays.",
                             "%(num)s overrides of it are in locked periods and stay.", self.locked,
                             num=number(self.locked))),
            (self.known, _n("%(num)s override of it stays on record: the demand is known by now.",
                            "%(num)s overrides of it stay on record: the demand is known by now.", self.known,
                            num=number(self.known)))) if count]


def kept_of(batch: str, by: Actor | None = None) -> NotTakenBack:
    """What of a batch ``undo`` leaves as it is, asked before it is taken back."""
    locked = locked_for(by or actor())
    rows = db.session.execute(select(
        Override.key, Override.date, Override.removed_at, is_ahead()).where(Override.batch == batch)).all()
    held = {(key, at) for key, at, removed_at, _ in rows if removed_at is None}
    changed = {(key, at) for key, at, removed_at, ahead in rows if removed_at is not None and ahead} - held
    return NotTakenBack(
        changed=len(changed),
        locked=sum(removed_at is None and bool(ahead) and at <= locked.until for _, at, removed_at, ahead in rows),
        known=sum(removed_at is None and not ahead for _, _, removed_at, ahead in rows))


def _refuse_locked(rows: Iterable[Override], who: Actor) -> None:
    locked = locked_for(who)
    if first := next((one for one in rows if one.date <= locked.until), None):
        raise OverrideError(f"{_('%(date)s is locked.', date=first.date)} {locked.words}")


def _of(region_items: Mapping[str, RegionItemRow], rows: Iterable[Override]) -> list[RegionItemRow]:
    keys = {one.key for one in rows}
    return [row for key, row in region_items.items() if key in keys]


def _rows_of_cells(cells: Sequence[Cell], token: str, parts: Mapping[str, Part], who: Actor) -> list[Override]:
    """The overrides that cells make, by date, as rows that are not stored yet.

    Raises: CellsError; OverrideError: there is nothing to be done, or too much.
    """
    if not cells or len({one.date for one in cells}) < len(cells):
        raise OverrideError(_("Change at least one period, and each once."))
    if (most := len(cells) * len(parts)) > MOST_AT_ONCE:
        raise too_many(most)
    rows: list[Override] = []
    wrong: dict[date, str] = {}
    made = sorted((one for one in cells if one.way is not None), key=lambda one: one.date)
    forecasts = forecasts_on(parts, {one.date for one in made})
    batch = uuid5(NAMESPACE_URL, "\n".join([token, repr(made), *sorted(parts)])).hex
    for one in made:
        wanted = WantedOverride(one.date, one.date, one.way or "value", one.amount, one.comment, token)
        try:
            check(wanted)
            if one.date not in forecasts:
                raise OverrideError(_("Only periods ahead can be overridden, as far as they are forecast."))
        except OverrideError as error:
            wrong[one.date] = str(error)
            continue
        shared = shared_out(wanted, {one.date: forecasts[one.date]})
        rows += [Override(batch=batch, key=key, date=str(at), way=one.way, amount=amount, comment=one.comment,
                          made_by=who.email) for key, at, amount in shared]
    if wrong:
        raise CellsError(wrong)
    return rows


def _with_region_item_locked(override_id: int) -> Override | None:
    key = db.session.scalar(select(Override.key).where(Override.id == override_id))
    if key is None:
        return None
    locked_region_items([key])
    return locked_one(Override, override_id)


def _batch_of(wanted: WantedOverride, parts: Iterable[str]) -> str:
    """The same for the same form with the same fields, another for any other."""
    return uuid5(NAMESPACE_URL, "\n".join([
        wanted.token, str(wanted.first), str(wanted.last), wanted.way, repr(wanted.amount), wanted.comment,
        *sorted(parts)])).hex


def open_among(places: Collection[tuple[str, str]]) -> list[Override]:
    """The overrides that hold in these periods.

    Args:
        places: key and ISO date of each; at least one.
    """
    keys, dates = sorted({key for key, _ in places}), [at for _, at in places]
    held = open_overrides(keys, date.fromisoformat(min(dates)), date.fromisoformat(max(dates)))
    return [one for each in held.values() for one in each if (one.key, one.date) in places]


def _replaced_by(rows: Sequence[Override]) -> list[Override]:
    """Those of the same periods that were removed at the moment when these were made."""
    made = {(one.key, one.date): one.made_at for one in rows}
    keys, moments = sorted({one.key for one in rows}), sorted(set(made.values()))
    found: list[Override] = []
    for part in chunked(keys):
        found += db.session.scalars(select(Override).where(
            Override.key.in_(part), Override.removed_at.in_(moments)))
    return [one for one in found if made.get((one.key, one.date)) == one.removed_at]


def _close(rows: Iterable[Override], who: Actor, at: datetime) -> None:
    for one in rows:
        one.removed_by, one.removed_at = who.email, at
    db.session.flush()


def _subject(rows: Sequence[Override]) -> str:
    first, last = min(one.date for one in rows), max(one.date for one in rows)
    with in_language(None):  # it is stored
        where = selection_words(sorted({one.key for one in rows}))
    return f"{where}, {first}" if first == last else f"{where}, {first} to {last}"


def _told(rows: Sequence[Override]) -> dict[str, Any]:
    """Overrides for the audit log: how many, and the first of them."""
    return {"count": len(rows), "first": [
        {"region_item": str(RegionItem.from_key(one.key)), "date": one.date, "way": one.way, "amount": one.amount,
         "comment": one.comment, "made_by": one.made_by} for one in rows[:MOST_TOLD]]}
