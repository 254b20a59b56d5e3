"""Totals of each region, item and value of an attribute, and of all, from stored forecasts; kept true in the
background."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, delete, select

from demand_assets.forecasting.dataset.attributes import AXES, Axis
from demand_assets.forecasting.forecast.totals import RunningTotal
from webapp.db.chunked import chunked
from webapp.db.database import db, now, writing
from webapp.region_items.attributes import groupable
from webapp.region_items.forecast_figures import note_totals_made
from webapp.region_items.open_overrides import with_open_overrides
from webapp.services import Services
from webapp.services import services as app_services
from webapp.stored_forecasts.by_period import RunningSums, SumByPeriod, UnitsByPeriod
from webapp.stored_forecasts.computing import stored_forecasts_of
from webapp.stored_forecasts.sums import keep_sum, summed_up
from webapp.stored_forecasts.worker_process import AppFactory, do_in_worker
from webapp.tables import AttributeValue, GroupForecast, RegionItemRow

IN_WORKER_FROM = 60
"""Region-items that changed from which on the worker process sums up."""

Member = tuple[str, float, float | None, bool, "_Money"]
"""Key, total, last year's demand, and what is known in money, of a region-item with a stored forecast."""


def refresh_due(services: Services, make_app: AppFactory) -> bool:
    """Whether members of groups had changed; their groups are summed up then, in this process when they are few.

    Args:
        make_app: makes the app in the worker process.
    """
    changed = list(db.session.scalars(select(RegionItemRow.key).where(RegionItemRow.groups_due > 0)))
    db.session.rollback()
    if len(changed) < IN_WORKER_FROM:
        refresh(services, changed)
    else:
        do_in_worker(make_app, services.settings, refresh, changed)
    return bool(changed)


def refresh(_services: Services, changed: Sequence[str]) -> None:
    """Sum up the regions, items and values of attributes of these region-items, and all.

    A crash on the way leaves what is not summed up yet due.
    """
    asked: dict[str, tuple[str, str, int]] = {}
    for part in chunked(changed):
        asked |= {row.key: (row.region, row.item, row.groups_due) for row in db.session.execute(
            select(RegionItemRow.key, RegionItemRow.region, RegionItemRow.item, RegionItemRow.groups_due).where(
                RegionItemRow.key.in_(part)))}
    db.session.rollback()
    if not asked:
        return
    for region in sorted({region for region, _, _ in asked.values()}):
        _sum_up("region", region, _members(RegionItemRow.region == region))
    for item in sorted({item for _, item, _ in asked.values()}):
        _sum_up("item", item, _members(RegionItemRow.item == item))
    _sum_up_all()
    _sum_up_attributes({"region": {region for region, _, _ in asked.values()},
                        "item": {item for _, item, _ in asked.values()}})
    _note_done({key: times for key, (_, _, times) in asked.items()})


@dataclass
class _Sum:
    """A group, summed up so far."""

    running: RunningTotal
    """With planners' overrides."""
    model: float = 0.0
    last_year: float = 0.0
    last_year_out_of_stock: int = 0
    compared: float = 0.0
    compared_size: int = 0
    money: "_Money" = field(default_factory=lambda: _Money())
    by_period: SumByPeriod = field(default_factory=SumByPeriod)


def _plus(so_far: float | None, more: float | None) -> float | None:
    """The sum of what is known; None where nothing is."""
    return so_far if more is None else (so_far or 0.0) + more


@dataclass
class _Money:
    """Of a region-item, or summed up so far; None where nothing is known."""

    revenue: float | None = None
    margin: float | None = None
    live_error_money: float | None = None
    live_sold_money: float | None = None
    priced: int = 0
    costed: int = 0

    def add(self, other: "_Money | GroupForecast") -> None:
        self.revenue = _plus(self.revenue, other.revenue)
        self.margin = _plus(self.margin, other.margin)
        self.live_error_money = _plus(self.live_error_money, other.live_error_money)
        self.live_sold_money = _plus(self.live_sold_money, other.live_sold_money)
        self.priced += other.priced
        self.costed += other.costed


def _members(which: ColumnElement[bool]) -> list[Member]:
    rows = db.session.execute(
        select(RegionItemRow.key, RegionItemRow.forecast_total, RegionItemRow.last_year,
               RegionItemRow.last_year_out_of_stock, RegionItemRow.revenue, RegionItemRow.margin,
               RegionItemRow.live_error_money, RegionItemRow.live_sold_money).where(
            RegionItemRow.in_catalogue, RegionItemRow.forecast_total.is_not(None), which)
        .order_by(RegionItemRow.position)).all()
    db.session.rollback()
    return [(row[0], float(row[1] or 0.0), row[2], row[3] > 0,
             _Money(*row[4:], row[4] is not None, row[5] is not None))
            for row in rows]


def _sum_up(kind: str, name: str, members: Sequence[Member]) -> None:
    found = _Sum(RunningTotal())
    by_period = RunningSums(app_services().dataset.frequency) if kind == "region" else None
    for part in chunked(members):
        _take_in(found, part, by_period)
    if by_period:
        found.by_period = by_period.summed()
    sums = summed_up([key for key, *_ in members], app_services().dataset) if kind == "region" else None
    db.session.rollback()
    with writing():
        _keep(kind, name, found, with_running=kind == "region" or _is_merged("item"))
        if sums:
            keep_sum(name, *sums)


def _take_in(found: _Sum, members: Sequence[Member], by_period: RunningSums | None) -> None:
    stored = stored_forecasts_of([key for key, *_ in members])
    models = {key: kept.part for key, kept in stored.items()}
    final = with_open_overrides(models)
    for key, total, last_year, was_out, money in members:
        if key not in models:
            continue
        found.money.add(money)
        found.running.add(final[key])
        found.model += float(models[key].forecast.sum())
        if by_period:
            kept = stored[key]
            by_period.add(final[key].dates, final[key].forecast,
                          UnitsByPeriod.from_bytes(kept.by_period) if kept.by_period else None, kept.origin)
        if last_year is not None:
            found.last_year += last_year
            found.last_year_out_of_stock += was_out
            found.compared += total
            found.compared_size += 1


def _sum_up_all() -> None:
    """All is the sum of the regions, which know what is needed for its interval."""
    found = _Sum(RunningTotal())
    for row in _regions():
        _merge(found, row)
    db.session.rollback()
    with writing():
        _keep("all", "", found, with_running=False)


def _merge(found: _Sum, row: GroupForecast) -> None:
    found.running.merge(RunningTotal.from_json(row.running))
    found.model += row.total if row.model is None else row.model
    found.last_year += row.last_year or 0.0
    found.last_year_out_of_stock += row.last_year_out_of_stock
    found.compared += row.compared or 0.0
    found.compared_size += row.compared_size
    found.money.add(row)
    found.by_period.add(SumByPeriod.from_json(row.by_period))


def _is_merged(axis: str) -> bool:
    """Whether the totals of items, or regions, are parts of those of attributes."""
    return any(one.of == axis for one in groupable().values())


def _sum_up_attributes(changed: Mapping[Axis, set[str]]) -> None:
    """Sum up the values of attributes of these regions and items, and those that others have come to or gone from; a
    value is the sum of its regions, or items, which know what is needed for its interval."""
    sizes = {axis: _sizes(axis) for axis in AXES}
    for name, attribute in groupable().items():
        owners: dict[str, list[str]] = {}
        for owner, value in db.session.execute(select(AttributeValue.owner, AttributeValue.value).where(
                AttributeValue.name == name).order_by(AttributeValue.owner)):
            owners.setdefault(value, []).append(owner)
        known = _sizes(name)
        db.session.rollback()
        for value in sorted(owners.keys() | known.keys()):
            its = owners.get(value, [])
            size = sum(sizes[attribute.of].get(owner, 0) for owner in its)
            if size != known.get(value, 0) or not changed[attribute.of].isdisjoint(its):
                _sum_up_value(name, value, attribute.of, its)
    names = ["region", "item", "all", *groupable()]
    with writing():
        db.session.execute(delete(GroupForecast).where(GroupForecast.kind.not_in(names)))


def _sizes(kind: str) -> dict[str, int]:
    """Name -> region-items in it, of each total of a kind."""
    rows = db.session.execute(select(GroupForecast.name, GroupForecast.size).where(GroupForecast.kind == kind))
    return {row[0]: row[1] for row in rows}


def _sum_up_value(name: str, value: str, axis: Axis, owners: Sequence[str]) -> None:
    found = _Sum(RunningTotal())
    column = RegionItemRow.item if axis == "item" else RegionItemRow.region
    for part in chunked(owners):
        rows = {row.name: row for row in db.session.scalars(select(GroupForecast).where(
            GroupForecast.kind == axis, GroupForecast.name.in_(part)))}
        bare = [owner for owner, row in rows.items() if not row.running]
        db.session.rollback()
        for owner in bare:  # summed up before anything was made of it
            _sum_up(axis, owner, _members(column == owner))
        for row in db.session.scalars(select(GroupForecast).where(
                GroupForecast.kind == axis, GroupForecast.name.in_(part)).order_by(GroupForecast.name)):
            _merge(found, row)
        db.session.rollback()
    with writing():
        _keep(name, value, found, with_running=False)


def _regions() -> Iterable[GroupForecast]:
    return db.session.scalars(select(GroupForecast).where(GroupForecast.kind == "region").order_by(GroupForecast.name))


def _keep(kind: str, name: str, found: _Sum, with_running: bool) -> None:
    """Write the sum down, or nothing where it has no members; part of the caller's transaction."""
    if not found.running.size:
        if row := db.session.get(GroupForecast, (kind, name)):
            db.session.delete(row)
        return
    total, is_compared = found.running.bounds(), found.compared_size > 0
    db.session.merge(GroupForecast(
        kind=kind, name=name, made_at=now(), size=found.running.size, total=total.forecast, lower=total.lower,
        upper=total.upper, model=found.model, last_year=found.last_year if is_compared else None,
        last_year_out_of_stock=found.last_year_out_of_stock, compared=found.compared if is_compared else None,
        compared_size=found.compared_size, **vars(found.money),
        by_period=found.by_period.to_json() if kind in ("region", "all") else None,
        running=found.running.to_json() if with_running else {}))


def _note_done(asked: dict[str, int]) -> None:
    """What changed again meanwhile stays due."""
    for times in sorted(set(asked.values())):
        with writing():
            note_totals_made([key for key, count in asked.items() if count == times], times)
