"""Region-items as a table: which are shown, in which order, with which columns; found and counted by the database."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import abort
from sqlalchemy import Select, case, func, select
from sqlalchemy.sql.elements import ColumnElement
from werkzeug.datastructures import MultiDict

from demand_assets.forecasting.dataset.attributes import Axis
from demand_assets.forecasting.dataset.money import KINDS, Kind
from webapp.db.database import db, now
from webapp.http.choices import one_of
from webapp.language.translations import lazy_gettext as _l
from webapp.pages.listing import parse_page, place_of
from webapp.pages.money import in_currency
from webapp.personal.favourites import is_favourite
from webapp.personal.visible_views import is_picked_in, visible_view
from webapp.region_items.attributes import ARGUMENT, Filter, arguments_of, conditions_of, levels, parse_filters
from webapp.region_items.own_pooled_or_naive import CONTESTANTS
from webapp.region_items.rows import rows_by_key
from webapp.services import services
from webapp.tables import OPEN_STATES, EarlierMove, RegionItemRow, RetrainItem

PAGE_SIZES = (25, 50, 100, 250)
STATUSES = {"production": _l("in production"), "pooled": _l("pooled model"), "baseline": _l("baseline"),
            "quarantined": _l("quarantined"), "untrained": _l("not trained yet"), "retraining": _l("retraining")}
MOVED_TOLD = 0.1
"""Part of the forecast by which it must have moved to be flagged."""
SINCE_DAYS = {1: "yesterday", 3: "three days ago", 7: "a week ago"}
MOST_SORTS = 4
EVERYTHING = "all"
"""In place of a saved view: all region-items."""


@dataclass(frozen=True)
class Column:
    """One column of the table."""

    title: str
    words: str
    """What it tells, where there is room to say so."""
    order: ColumnElement[Any]
    is_usual: bool = False
    """Whether it is shown unless told otherwise."""
    is_number: bool = True
    of: Kind | None = None
    """What has to be known for it: the price of a unit, or its price and cost; nothing of a column of units."""


COLUMNS: dict[str, Column] = {
    "status": Column(_l("Status"), _l("status and flags"), RegionItemRow.status.expression, True, False),
    "last_date": Column(_l("Last period"),
                        _l("last period with known demand"), RegionItemRow.last_date.expression, True,
                        False),
    "last_demand": Column(_l("Sold last"), _l("units sold in the last period"), RegionItemRow.last_demand.expression),
    "volume": Column(_l("Sold lately"), _l("units sold over the last horizon"), RegionItemRow.volume.expression),
    "total": Column(_l("Forecast"), _l("units forecast over the next horizon, with overrides, and the 80 % interval"),
                    RegionItemRow.forecast_total.expression, True),
    "last_year": Column(_l("Last year"), _l("units sold in the same periods a year earlier"),
                        RegionItemRow.last_year.expression),
    "change": Column(_l("vs last year"), _l("the forecast against last year"),
                     RegionItemRow.change_on_last_year.expression, True),
    "live_wape": Column(_l("WAPE"), _l("error of the forecasts as they stood, on periods known since"),
                        RegionItemRow.live_wape.expression, True),
    "live_skill": Column(_l("Skill"), _l("how much smaller that error is than seasonal naive's"),
                         RegionItemRow.live_skill.expression, True),
    "live_bias": Column(_l("Bias"), _l("how much too much (+) or too little (−) those forecasts were"),
                        RegionItemRow.live_bias.expression, True),
    "wape": Column(_l("Backtest WAPE"), _l("error on the backtest of the version in production"),
                   RegionItemRow.wape.expression, True),
    "naive": Column(_l("Backtest naive"), _l("error of seasonal naive on that backtest"),
                    RegionItemRow.wape_seasonal_naive.expression),
    "coverage": Column(_l("Coverage"), _l("share of the backtest inside its 80 % interval"),
                       RegionItemRow.coverage_80.expression),
    "version": Column(_l("Version"),
                      _l("version in production and its age"), RegionItemRow.production_version.expression,
                      True),
    "promoted": Column(_l("Promoted"), _l("when it was promoted"), RegionItemRow.promoted_at.expression, False, False),
    "moved": Column(_l("Moved"),
                    _l("units by which the model's forecast changed since the period before; sorted by size"),
                    func.abs(RegionItemRow.moved.expression)),
    "missed": Column(_l("Missed"), _l("units sold minus forecast, newest periods; sorted by size"),
                     func.abs(RegionItemRow.missed.expression)),
    "drift": Column(_l("Drift"),
                    _l("largest population stability index since the training"), RegionItemRow.drift.expression),
    "quarantined": Column(_l("Rejected rows"), _l("rows rejected at the last look at its demand"),
                          RegionItemRow.quarantined_rows.expression),
    "revenue": Column(_l("Revenue"), _l("the forecast at the prices of its periods, over the next horizon"),
                      RegionItemRow.revenue.expression, of="price"),
    "margin": Column(_l("Margin"), _l("that revenue less the cost of what is sold, and its share of the revenue"),
                     RegionItemRow.margin.expression, of="cost"),
    "price": Column(_l("Price"), _l("of one unit, known last, and of which period"), RegionItemRow.price.expression,
                    of="price"),
    "cost": Column(_l("Cost"),
                   _l("of one unit, known last, and of which period"), RegionItemRow.cost.expression, of="cost"),
    "error_money": Column(_l("Error"), _l("mean error a period of the forecasts as they stood, at the prices then"),
                          RegionItemRow.live_error_money.expression, of="price"),
    "backtest_error_money": Column(_l("Backtest error"), _l("mean error a period on the backtest, at the prices then"),
                                   RegionItemRow.backtest_error_money.expression, of="price"),
}
"""Those of money are offered where the dataset has it: ``offered_columns``."""
ORDERS: dict[str, ColumnElement[Any]] = {
    "region_item": RegionItemRow.position.expression, "item": RegionItemRow.item.expression,
    **{name: column.order for name, column in COLUMNS.items()}}
USUAL_COLUMNS = tuple(name for name, column in COLUMNS.items() if column.is_usual)


def offered_columns() -> dict[str, Column]:
    """The columns that this dataset has; those of money with its currency."""
    dataset = services().dataset
    known = {None, *(kind for kind in KINDS if dataset.has_money and dataset.amount(kind) is not None)}
    return {name: replace(column, title=in_currency(column.title)) if column.of else column
            for name, column in COLUMNS.items() if column.of in known}


def offered_orders() -> dict[str, ColumnElement[Any]]:
    """Those of ``ORDERS`` that this dataset has."""
    offered = offered_columns()
    return {name: order for name, order in ORDERS.items() if name not in COLUMNS or name in offered}


@dataclass(frozen=True)
class Flag:
    """Something by which region-items are found."""

    words: str
    which: Callable[[datetime], ColumnElement[bool]]
    """The condition, given since when it is asked."""
    is_new: bool = False
    """Whether it is about what happened lately."""


def _is_drifting() -> ColumnElement[bool]:
    """Whether it drifted further than the dataset file allows, as for the sensor and on the drift page."""
    return RegionItemRow.drift > services().dataset.retraining.drift


def _is_behind() -> ColumnElement[bool]:
    newest = select(func.max(RegionItemRow.last_date)).where(RegionItemRow.in_catalogue).scalar_subquery()
    return RegionItemRow.last_date < newest


def _is_retrained() -> ColumnElement[bool]:
    waiting = select(RetrainItem.key).where(RetrainItem.state.in_(OPEN_STATES))
    return (RegionItemRow.activity != "") | RegionItemRow.key.in_(waiting)


def _failed(since: datetime) -> ColumnElement[bool]:
    """Whether a retrain of it failed, also one whose run never came to say so, or its new demand could not be read."""
    failed = select(RetrainItem.key).where(RetrainItem.state == "failed", RetrainItem.finished_at >= since)
    told = (RegionItemRow.step == "failed") & (
        RegionItemRow.step_at >= since.astimezone(UTC).isoformat(timespec="milliseconds"))
    return told | RegionItemRow.key.in_(failed)


def _has_moved(since: datetime) -> ColumnElement[bool]:
    """Whether its forecast moved since, though it has moved by less once more after that."""
    return RegionItemRow.id.in_(select(EarlierMove.region_item_id).where(
        EarlierMove.at >= since, EarlierMove.share >= MOVED_TOLD))


FLAGS: dict[str, Flag] = {
    "drifting": Flag(_l("drift"), lambda _: _is_drifting()),
    "refused_rows": Flag(_l("rejected rows"), lambda _: RegionItemRow.quarantined_rows > 0),
    "stand_in": Flag(_l("served by the pooled model or the baseline"),
                     lambda _: RegionItemRow.production_version.is_(None) & RegionItemRow.forecast_total.is_not(None)),
    "retrain_running": Flag(_l("retraining"), lambda _: _is_retrained()),
    "pinned": Flag(_l("version pinned"), lambda _: RegionItemRow.pinned_by != ""),
    "stale": Flag(_l("demand ends before the newest"), lambda _: _is_behind()),
    "favourite": Flag(_l("my favourites"), lambda _: is_favourite()),
    "new_demand": Flag(_l("new demand"), lambda since: RegionItemRow.demand_at >= since, True),
    "promoted": Flag(_l("promoted"), lambda since: RegionItemRow.promoted_at >= since, True),
    "kept": Flag(_l("model kept"), lambda since: (RegionItemRow.decision == "keep")
                 & (RegionItemRow.decided_at >= since), True),
    "failed": Flag(_l("retrain failed"), _failed, True),
    "moved": Flag(_l("forecast moved"), lambda since: ((RegionItemRow.moved_at >= since) & (
        func.abs(RegionItemRow.moved) >= MOVED_TOLD * RegionItemRow.forecast_model)) | _has_moved(since), True),
}


@dataclass(frozen=True)
class View:
    """Which region-items are shown, and how."""

    search: str = ""
    status: str = ""
    flags: tuple[str, ...] = ()
    sort: tuple[str, ...] = ("region_item",)
    """Names of ``ORDERS``, the first first; with ``-`` before it the largest first."""
    page: int = 1
    size: int = PAGE_SIZES[0]
    columns: tuple[str, ...] = USUAL_COLUMNS
    since_days: int = 1
    """Flags about what happened lately go so far back."""
    attributes: tuple[Filter, ...] = ()
    shows_same: bool = False
    """Whether usual columns are shown that say the same in every row."""
    saved: str = ""
    """Number of the saved view that it began with; ``all`` of somebody who asks for everything in place of the view
    that their overview opens with."""
    picked: int = 0
    """Number of the saved view whose region-items alone are shown; 0 for any."""
    items: str = ""
    """The level whose values the panel of items shows; empty for the widest."""
    regions: str = ""

    @property
    def since(self) -> datetime:
        """Since when things are new."""
        return now() - timedelta(days=self.since_days)

    @property
    def is_narrowed(self) -> bool:
        """Whether some region-items may be left out."""
        return bool(self.search or self.status or self.flags or self.attributes or self.picked)

    def query(self, **changes: object) -> dict[str, Any]:
        """The URL's arguments for this view with changes; defaults are left out."""
        return {name: text for name, text in (self.fields() | {name: _text(value) for name, value in changes.items()}
                                              ).items() if text != _PLAIN.get(name, "")}

    def fields(self) -> dict[str, Any]:
        """Every argument of the URL."""
        return {ARGUMENT: arguments_of(self.attributes), "q": self.search, "status": self.status,
                "flag": _text(self.flags), "sort": _text(self.sort), "page": str(self.page), "size": str(self.size),
                "columns": _text(self.columns), "since": str(self.since_days),
                "same": "1" if self.shows_same else "", "view": self.saved, "picked": str(self.picked or ""),
                "items": self.items, "regions": self.regions}

    @property
    def everything(self) -> dict[str, Any]:
        """The URL's arguments for all region-items."""
        return {"view": EVERYTHING} if self.saved else {}

    def others_than(self, place: int) -> list[str]:
        """The arguments of its attributes but one, by its place among them."""
        return arguments_of(one for at, one in enumerate(self.attributes) if at != place)

    def sorted_by(self, name: str) -> dict[str, Any]:
        """The URL's arguments for this view sorted by a column alone; the other way round when it already is."""
        return self.query(sort=f"-{name}" if self.sort[0] == name else name, page=1)

    def sorted_also_by(self, name: str) -> dict[str, Any]:
        """The same sorted by a column after those it is sorted by; the other way round when it already is."""
        turned = tuple(f"-{name}" if each == name else name if each == f"-{name}" else each for each in self.sort)
        if turned == self.sort:
            turned = (*(each for each in self.sort if each != "region_item"), name)[:MOST_SORTS]
        return self.query(sort=turned, page=1)

    def place_in_sort(self, name: str) -> int:
        """1 for the column that is sorted by first; 0 for one that is not sorted by."""
        return next((place for place, each in enumerate(self.sort, 1) if each.removeprefix("-") == name), 0)


def _text(value: object) -> object:
    if isinstance(value, list):
        return value
    return ",".join(value) if isinstance(value, tuple) else str(value)


_PLAIN: Mapping[str, Any] = View().fields()


def parse_view(fields: MultiDict[str, str]) -> View:
    """The view that a URL or a form means; an error page when it names what there is not."""
    return View(
        search=fields.get("q", "").strip()[:200],
        status=one_of("status", fields.get("status", ""), ("", *STATUSES)),
        flags=_some_of("flag", fields, FLAGS), sort=_sort(fields)[:MOST_SORTS] or ("region_item",),
        page=parse_page(fields),
        size=int(one_of("size", fields.get("size", "") or str(PAGE_SIZES[0]), [str(size) for size in PAGE_SIZES])),
        columns=_some_of("columns", fields, offered_columns()) or USUAL_COLUMNS,
        since_days=int(one_of("since", fields.get("since", "") or "1", [str(days) for days in SINCE_DAYS])),
        attributes=parse_filters(fields), shows_same=one_of("same", fields.get("same", ""), ("", "1")) == "1",
        saved=_saved(fields.get("view", "")), picked=_picked(fields.get("picked", "")),
        items=_level("items", "item", fields), regions=_level("regions", "region", fields))


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
    found += conditions_of(view.attributes)
    if view.picked:
        found.append(is_picked_in(view.picked))
    return found + [FLAGS[name].which(view.since) for name in view.flags]


def matching(view: View) -> Select[str]:
    """The keys of the region-items that a view shows, in its order; what is unknown comes last."""
    query = select(RegionItemRow.key).where(*conditions(view))
    for name in view.sort:
        column = ORDERS[name.removeprefix("-")]
        if column is not RegionItemRow.position.expression:  # which is always known, and whose index has it in order
            query = query.order_by(case((column.is_(None), 1), else_=0))
        query = query.order_by(column.desc() if name.startswith("-") else column.asc())
    return query.order_by(RegionItemRow.position)


def find_page(view: View, total: int | None = None) -> Page:
    """The page that a view asks for, or the last one when it asks for more than there are.

    Args:
        total: how many region-items there are, where that is known: they are not counted again.
    """
    count = total if total is not None and not view.is_narrowed else db.session.scalar(
        select(func.count()).select_from(RegionItemRow).where(*conditions(view))) or 0
    place = place_of(view.page, count, view.size)
    keys = list(db.session.scalars(matching(view).limit(view.size).offset(place.before)))
    rows = rows_by_key(keys)
    return Page([rows[key] for key in keys if key in rows], count, place.number, place.pages)


def without_price(view: View) -> int | None:
    """How many region-items that a view shows are forecast and have no revenue, since a price is not known; None
    where it shows no money."""
    if not any(COLUMNS[name].of for name in view.columns):
        return None
    return db.session.scalar(select(func.count()).select_from(RegionItemRow).where(
        *conditions(view), RegionItemRow.forecast_total.is_not(None), RegionItemRow.revenue.is_(None)))


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


def _saved(text: str) -> str:
    """The number of a saved view that whoever asks may open, or ``all``; empty for any other, whose filters the address
    has as well."""
    return text if text == EVERYTHING or visible_view(text) else ""


def _picked(text: str) -> int:
    if not text:
        return 0
    found = visible_view(text)
    if found is None or not found.is_picked:
        abort(404, "There is no such saved view of picked region-items, or it is not shared with you.")
    return found.id


def _level(name: str, axis: Axis, fields: MultiDict[str, str]) -> str:
    return one_of(name, fields.get(name, ""), ("", *levels(axis)))


def _some_of(what: str, fields: MultiDict[str, str], allowed: Iterable[str]) -> tuple[str, ...]:
    """Names given one by one or with commas between, each once."""
    return tuple(dict.fromkeys(one_of(what, name, allowed) for name in _listed(what, fields)))


def _sort(fields: MultiDict[str, str]) -> tuple[str, ...]:
    """The columns to sort by, each once."""
    found: dict[str, str] = {}
    for name in _listed("sort", fields):
        found.setdefault(one_of("sort", name.removeprefix("-"), offered_orders()), name)
    return tuple(found.values())


def _listed(what: str, fields: MultiDict[str, str]) -> list[str]:
    return [name for name in ",".join(fields.getlist(what)).split(",") if name]
