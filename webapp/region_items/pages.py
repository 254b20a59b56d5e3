"""Region-items by the page: found, sorted and counted in the database."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, case, func, select

from webapp.db.database import db
from webapp.region_items.best_model import CONTESTANTS
from webapp.region_items.query import FLAGS, ORDERS, STATUSES, View
from webapp.region_items.rows import rows_by_key
from webapp.tables import RegionItemRow


@dataclass(frozen=True)
class Page:
    """One page of the region-items that match."""

    rows: Sequence[RegionItemRow]
    matching: int
    number: int
    pages: int


def conditions(view: View) -> list[ColumnElement[bool]]:
    """What a region-item must be for a view to show it."""
    found: list[ColumnElement[bool]] = [RegionItemRow.in_catalogue.expression]
    found += [RegionItemRow.search.contains(word, autoescape=True) for word in view.search.lower().split()]
    if view.status == "retraining":
        found.append(RegionItemRow.activity != "")
    elif view.status:
        found.append(RegionItemRow.status == view.status)
    return found + [FLAGS[name].which(view.since) for name in view.flags]


def matching(view: View) -> Select[str]:
    """The keys of the region-items that a view shows, in its order; what is unknown comes last."""
    query = select(RegionItemRow.key).where(*conditions(view))
    for name in view.sort:
        column = ORDERS[name.removeprefix("-")]
        query = query.order_by(case((column.is_(None), 1), else_=0),
                               column.desc() if name.startswith("-") else column.asc())
    return query.order_by(RegionItemRow.position)


def find_page(view: View, total: int | None = None) -> Page:
    """The page that a view asks for, or the last one when it asks for more than there are.

    Args:
        total: how many region-items there are, where that is known: they are not counted again.
    """
    count = total if total is not None and not view.is_narrowed else db.session.scalar(
        select(func.count()).select_from(RegionItemRow).where(*conditions(view))) or 0
    pages = max(1, -(-count // view.size))
    number = min(view.page, pages)
    keys = list(db.session.scalars(matching(view).limit(view.size).offset((number - 1) * view.size)))
    rows = rows_by_key(keys)
    return Page([rows[key] for key in keys if key in rows], count, number, pages)


def matching_keys(view: View) -> list[str]:
    """The keys of all region-items that a view shows, region-major."""
    return list(db.session.scalars(matching(view).order_by(None).order_by(RegionItemRow.position)))


@dataclass(frozen=True)
class Counts:
    """How many region-items of the catalogue there are, by what is known of them."""

    total: int
    judged: int
    """Those of which a model was trained, promoted or not."""
    retraining: int
    arriving: int
    """Those whose promoted version is on its way from the registry, or was not seen there yet."""
    statuses: dict[str, int]
    flags: dict[str, int]
    best: dict[str, int]
    """Contestant of the backtest -> how many it is best for."""
    with_live_skill: int

    @property
    def first_training(self) -> bool:
        """Whether models are being trained for the first time."""
        return self.total == 0 or (self.statuses["untrained"] > 0 and self.judged < self.total)

    @property
    def is_live(self) -> bool:
        """Whether they are about to change."""
        return self.first_training or bool(self.retraining or self.arriving)


def counts(view: View) -> Counts:
    """All counts, in one pass over the rows."""
    statuses = [name for name in STATUSES if name != "retraining"]
    asked: list[ColumnElement[bool]] = [
        *(RegionItemRow.status == name for name in statuses), *(flag.which(view.since) for flag in FLAGS.values()),
        *(RegionItemRow.best == name for name in CONTESTANTS), RegionItemRow.activity != "",
        (RegionItemRow.model_problem == "") & (RegionItemRow.fetch_after.is_not(None) | (
            (RegionItemRow.step == "promoted") & RegionItemRow.production_version.is_(None))),
        RegionItemRow.live_skill.is_not(None)]
    found = iter(db.session.execute(select(*(func.count().filter(each) for each in asked)).where(
        RegionItemRow.in_catalogue)).one())
    by_status = {name: next(found) for name in statuses}
    flags = {name: next(found) for name in FLAGS}
    best = {name: next(found) for name in CONTESTANTS}
    retraining, arriving, with_live_skill = found
    total = sum(by_status.values())
    return Counts(total, total - by_status["untrained"], retraining, arriving,
                  {**by_status, "retraining": retraining}, flags, best, with_live_skill)
