"""The overview: what is new, and every region-item as a table, in totals and as a heat map."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask import Blueprint, Flask, Response, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from werkzeug.datastructures import MultiDict

from webapp.access import needs
from webapp.db.database import db
from webapp.http.choices import one_of
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext
from webapp.overview.biggest_movers import changes_since
from webapp.overview.heat_map import LEVELS, MEASURES, HeatView, heat_map
from webapp.overview.same_columns import same_everywhere
from webapp.overview.top_figures import figures, sparkline
from webapp.pages.listing import parse_page
from webapp.panels.panels import new_counts, panels_of
from webapp.panels.views import asked_finds
from webapp.region_items.attributes import ARGUMENT, arguments_of, declared, filterable, next_level, words_of
from webapp.region_items.overview_table.columns import offered_columns, offered_orders
from webapp.region_items.overview_table.flags import FLAGS
from webapp.region_items.overview_table.query import (
    EVERYTHING,
    PAGE_SIZES,
    STATUSES,
    Counts,
    View,
    conditions,
    count_matching,
    counts,
    find_page,
    parse_view,
    without_price,
)
from webapp.region_items.rows import open_retrains, pooled_row
from webapp.saved_views.menu import menu
from webapp.saved_views.opening import lost_words, start_address
from webapp.stored_forecasts.group_page import FILTERS, GROUP_ORDERS, GroupView, group_page, kinds
from webapp.tables import RegionItemRow

bp = Blueprint("overview", __name__)

SINCE_WORDS = {1: lazy_gettext("since yesterday"), 3: lazy_gettext("since three days ago"),
               7: lazy_gettext("since a week ago")}
"""Days back -> words, of ``overview_table.query.SINCE_DAYS``."""


@bp.get("/")
@needs("viewer")
def show() -> ResponseReturnValue:
    """The table, or the part of it that changes; with progress while models are trained for the first time.

    Without an argument it opens with what the person chose for a start.
    """
    start, begun = start_address()
    if start and not request.args:
        if begun and begun.lost:
            flash(lost_words(begun), "warning")
        return redirect(start)
    view = parse_view(request.args)
    if start and not view.saved:
        view = replace(view, saved=EVERYTHING)
    is_start = bool(start) and view == parse_view(MultiDict(parse_qsl(urlsplit(start).query)))
    found = counts(view)
    page = find_page(view, found.total)
    view, offered = replace(view, page=page.number), offered_columns()
    part, asked_by = request.headers.get("HX-Target") == "table", request.headers.get("HX-Trigger")
    with_figures = not part or asked_by == "filters"
    with_panels = not part or asked_by != "table"
    same = {} if view.shows_same else same_everywhere(view, page)
    text = render_template(
        "overview/_table.html" if part else "overview/show.html", view=view, page=page,
        columns={name: offered[name] for name in view.columns if name not in same},
        same={str(offered[name].title): words for name, words in same.items()}, pooled=pooled_row(),
        unpriced=without_price(view),
        retrains=open_retrains([row.key for row in page.rows]), newest=_newest_period(),
        with_tabs=part and asked_by != "table", with_order=part and asked_by not in ("table", "filters"),
        with_figures=part and with_figures, figures=figures(view) if with_figures else None,
        shown=conditions(view) if view.is_narrowed else (), sparkline=sparkline,
        page_view=view, with_panels=with_panels, part=part, saved_views=menu(view) if with_panels else None,
        **(_panels(view, found) if with_panels else {}), **_around(view, found, part, is_start))
    return _with_address(text, url_for("overview.show", **view.query()))


@bp.get("/totals")
@needs("viewer")
def totals() -> Response:
    """The sums by region, by item, by each attribute and of all that the panels choose; or the part that changes."""
    asked = _group_view(request.args)
    page = group_page(asked)
    here = replace(asked, page=page.number)
    return _chosen_in_panels("totals", here, here.of, counts(here.of), group_view=here, page=page, kinds=kinds(),
                             title=_kind_title(here.kind), below=next_level(here.kind))


@bp.get("/heat-map")
@needs("viewer")
def heat() -> Response:
    """Skill by region and item, of what the panels choose; or the part that changes."""
    view = parse_view(request.args)
    measure = next((name for name in MEASURES if name == request.args.get("skill")), None)
    if measure is None and "skill" in request.args:
        abort(422, _("There is no skill %(asked)s; choose live or backtest.",
                     asked=repr(request.args["skill"][:40])))
    found = counts(view)
    measure = measure or ("live" if found.with_live_skill else "backtest")
    table = heat_map(view, measure, parse_page(request.args, "across"))
    here = HeatView(replace(view, page=table.page), measure, table.across)
    return _chosen_in_panels("heat", here, here.of, found, table=table, measure=measure, measures=MEASURES,
                             levels=LEVELS)


def _chosen_in_panels(name: str, here: GroupView | HeatView, view: View, found: Counts, **shown: object) -> Response:
    """A page with the overview's panels above what they choose, or that alone, with the panels' values in their places.

    Args:
        name: of the template and of the view.
        here: what the page's address says.
        view: which region-items are chosen.
    """
    part = request.headers.get("HX-Target") == "table"
    matching = count_matching(view) if view.is_narrowed else found.total
    text = render_template(
        f"overview/_{name}_table.html" if part else f"overview/{name}.html", page_view=here, view=view,
        matching=matching, part=part, with_tabs=part, **shown, **_panels(view, found), **_around(view, found, part))
    return _with_address(text, url_for(f"overview.{name}", **here.query()))


def _group_view(fields: MultiDict[str, str]) -> GroupView:
    """Which totals a URL asks for; an error page where there are none such."""
    kind = one_of("by", fields.get("by", "") or "region", kinds())
    sort = fields.get("sort", "") or "name"
    one_of("sort", sort.removeprefix("-"), GROUP_ORDERS)
    filters = MultiDict([(name, value) for name, value in fields.items(multi=True)
                         if name in FILTERS or name.startswith(f"{ARGUMENT}.")])
    if fields.get("within"):  # as addresses were before there were panels
        filters.add(ARGUMENT, fields["within"])
    return GroupView(kind, fields.get("q", "").strip()[:200], sort, parse_page(fields, "page"), parse_view(filters))


def _panels(view: View, found: Counts) -> dict[str, object]:
    """What the panels show beside a view."""
    return {"panels": panels_of(view, asked_finds()), "new_counts": new_counts(view, found.flags)}


def _kind_title(kind: str) -> str:
    attribute = declared().get(kind)
    return attribute.title if attribute else _("region") if kind == "region" else _("item")


def _around(view: View, found: Counts, part: bool = False, is_start: bool = False) -> dict[str, object]:
    """What every view of the overview has around it; ``part`` leaves out what it does not need."""
    return {"counts": found, "statuses": STATUSES, "flags": FLAGS, "all_columns": offered_columns(),
            "orders": offered_orders(),
            "kept_attributes": arguments_of(view.attributes),
            "attribute_words": words_of(view.attributes), "totals_query": _totals_query(view),
            "sizes": PAGE_SIZES, "since_words": SINCE_WORDS,
            "changes": None if part else changes_since(view),
            "is_bare": request.endpoint == "overview.show" and (
                not set(request.args) - {"since", "tour", "view"} or is_start)}


def _totals_query(view: View) -> dict[str, Any]:
    """The URL's arguments for the totals of what the view filters: by item where that is all that it filters by."""
    axes = {filterable()[name][0] for name, _value in view.attributes}
    return GroupView("item" if axes == {"item"} else "region", of=view).query()


def _with_address(text: str, address: str) -> Response:
    """The page; htmx is told the address that leads here, without what is as usual."""
    response = make_response(text)
    if request.headers.get("HX-Request") and request.headers.get("HX-Trigger") != "table":
        response.headers["HX-Push-Url"] = address
    return response


def _newest_period() -> str | None:
    return db.session.scalar(select(func.max(RegionItemRow.last_date)).where(RegionItemRow.in_catalogue))


def add_to(app: Flask) -> None:
    """Serve the pages of the overview."""
    app.register_blueprint(bp)
