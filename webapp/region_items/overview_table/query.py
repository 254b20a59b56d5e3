"""Region-items as the overview asks for them: which are shown, in which order; found and counted by the database."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from flask import abort
from sqlalchemy import Select, case, func, select
from sqlalchemy.sql.elements import ColumnElement
from werkzeug.datastructures import MultiDict

from demand_assets.forecasting.dataset.attributes import Axis
from webapp.db.database import db, now
from webapp.http.choices import one_of
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext as _l
from webapp.pages.listing import parse_page, place_of
from webapp.personal.favourites import count_favourites
from webapp.personal.kept_answers import kept
from webapp.personal.visible_views import is_picked_in, visible_view
from webapp.region_items.attributes import ARGUMENT, Filter, arguments_of, conditions_of, levels, parse_filters
from webapp.region_items.overview_table.columns import COLUMNS, ORDERS, USUAL_COLUMNS, offered_columns, offered_orders
from webapp.region_items.overview_table.flags import FLAGS
from webapp.region_items.own_pooled_or_naive import CONTESTANTS
from webapp.region_items.rows import rows_by_key
from webapp.tables import RegionItemRow

PAGE_SIZES = (25, 50, 100, 250)
STATUSES = {"production": _l("in production"), "pooled": _l("pooled model"), "baseline": _l("baseline"),
            "quarantined": _l("quarantined"), "untrained": _l("not trained yet"), "retraining": _l("retraining")}
SINCE_DAYS = {1: "yesterday", 3: "three days ago", 7: "a week ago"}
MOST_SORTS = 4
Answer = TypeVar("Answer")
EVERYTHING = "all"
"""In place of a saved view: all region-items."""


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
        """Since when things are new: that many days ago, from the beginning of the hour on, so that what was counted of
        it can be kept for a while."""
        return (now() - timedelta(days=self.since_days)).replace(minute=0, second=0, microsecond=0)

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


def kept_of(view: View, question: Hashable, ask: Callable[[], Answer]) -> Answer:
    """What a question about the region-items that a view shows is answered with, kept while nothing changes; asked anew
    where each person has their own.

    Args:
        question: which one, with all that the answer depends on but the view's filters.
        ask: as ``kept`` wants it.
    """
    if view.picked or any(FLAGS[name].is_personal for name in view.flags):
        return ask()
    chosen = (question, view.search, view.status, view.flags, view.attributes, view.since)
    return kept("region_items", chosen, ask)


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
    count = total if total is not None and not view.is_narrowed else count_matching(view)
    place = place_of(view.page, count, view.size)
    keys = _keys(view, place.before)
    rows = rows_by_key(keys)
    return Page([rows[key] for key in keys if key in rows], count, place.number, place.pages)


def first_keys(view: View) -> Sequence[str]:
    """The keys of the first page of a view."""
    return _keys(view, 0)


def _keys(view: View, before: int) -> Sequence[str]:
    return kept_of(view, ("page", view.sort, view.size, before), lambda: db.session.scalars(
        matching(view).limit(view.size).offset(before)).all())


def count_matching(view: View) -> int:
    """How many region-items a view shows."""
    return kept_of(view, "count", lambda: db.session.scalar(
        select(func.count()).select_from(RegionItemRow).where(*conditions(view))) or 0)


def without_price(view: View) -> int | None:
    """How many region-items that a view shows are forecast and have no revenue, since a price is not known; None
    where it shows no money."""
    if not any(COLUMNS[name].of for name in view.columns):
        return None
    return kept_of(view, "without_price", lambda: db.session.scalar(
        select(func.count()).select_from(RegionItemRow).where(
            *conditions(view), RegionItemRow.forecast_total.is_not(None), RegionItemRow.revenue.is_(None))))


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
    of_all = [name for name, flag in FLAGS.items() if not flag.is_personal]
    asked: list[ColumnElement[bool]] = [
        *(RegionItemRow.status == name for name in statuses), *(FLAGS[name].which(view.since) for name in of_all),
        *(RegionItemRow.best == name for name in CONTESTANTS), RegionItemRow.activity != "",
        (RegionItemRow.model_problem == "") & (RegionItemRow.fetch_after.is_not(None) | (
            (RegionItemRow.step == "promoted") & RegionItemRow.production_version.is_(None))),
        RegionItemRow.live_skill.is_not(None)]
    found = iter(kept("region_items", ("counts", view.since), lambda: db.session.execute(
        select(*(func.count().filter(each) for each in asked)).where(RegionItemRow.in_catalogue)).one()))
    by_status = {name: next(found) for name in statuses}
    counted = {name: next(found) for name in of_all}
    flags = {name: counted[name] if name in counted else count_favourites() for name in FLAGS}
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
        abort(404, _("There is no such saved view of picked region-items, or it is not shared with you."))
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
