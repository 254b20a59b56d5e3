"""The pages of saved views: listed, saved, opened, renamed, shared, removed; stars of favourites."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from werkzeug.datastructures import MultiDict

from webapp.access import actor, may, needs
from webapp.db.database import db
from webapp.http.choices import one_of
from webapp.language.translations import gettext as _
from webapp.pages.listing import Kind, find_page, in_order, parse_view
from webapp.personal.favourites import TooManyFavouritesError, favourites_among, set_favourite
from webapp.personal.visible_views import is_visible, visible_view
from webapp.region_items.attributes import ARGUMENT
from webapp.region_items.overview_table.query import conditions, matching_keys
from webapp.region_items.overview_table.query import parse_view as parse_overview
from webapp.region_items.rows import rows_of
from webapp.region_items.selection import link_arguments, parse_selection, ticked_keys
from webapp.saved_views.changes import (
    FAVOURITES,
    LONGEST_NAME,
    ChangedMeanwhileError,
    SavedViewError,
    change,
    remove,
    save,
    set_start,
)
from webapp.saved_views.menu import menu
from webapp.saved_views.opening import (
    KEPT,
    Opened,
    gone_sizes,
    kept_arguments,
    keys_in,
    lost_words,
    opened,
    picked_sizes,
    start_of,
)
from webapp.tables import RegionItemRow, SavedView

bp = Blueprint("saved_views", __name__, url_prefix="/views")
stars = Blueprint("favourites", __name__, url_prefix="/favourites")

LIST = Kind(columns={"name": func.lower(SavedView.name), "changed": SavedView.changed_at.expression}, sort="name",
            filters={"whose": ("mine", "shared")})


@bp.get("")
@needs("viewer")
def show() -> ResponseReturnValue:
    """All saved views of whoever asks, and those that others share."""
    view = parse_view(LIST, request.args)
    query = select(SavedView).where(is_visible())
    for word in view.search.lower().split():
        query = query.where(func.lower(SavedView.name).contains(word, autoescape=True))
    if whose := view.filters["whose"]:
        query = query.where((SavedView.person == actor().email) if whose == "mine" else SavedView.is_shared)
    page = find_page(in_order(query, view, SavedView.id.expression), view)
    start = start_of()
    return render_template(
        "saved_views/show.html", page=page, view=page.view, sizes=picked_sizes(page.rows),
        gone=gone_sizes(page.rows), longest=LONGEST_NAME,
        opened={one.id: opened(one) for one in page.rows},
        starts_with="" if start is None else str(start.view_id or FAVOURITES))


@bp.get("/new")
@needs("viewer")
def new() -> ResponseReturnValue:
    """A name for what the overview shows, or for region-items that were picked."""
    return _asked(request.args)


@bp.post("/picked")
@needs("viewer")
def pick() -> ResponseReturnValue:
    """From what is ticked in the overview to the page that asks for its name; all that match are a view of filters."""
    if request.form.get("everything"):
        view = parse_overview(request.form)
        if not view.picked:
            return redirect(url_for("saved_views.new", **kept_arguments(view)), 303)
    keys = ticked_keys(request.form)
    if not keys:
        abort(422, _("Nothing is selected. Tick region-items in the overview first."))
    return redirect(_address("saved_views.new", {"of": "picked", **link_arguments(keys)}), 303)


@bp.post("")
@needs("viewer")
def make() -> ResponseReturnValue:
    """Keep a view under the name that was typed."""
    keys, arguments = _meant(request.form)
    try:
        view_id = save(request.form.get("name", ""), bool(request.form.get("shared")), arguments, keys)
    except SavedViewError as error:
        return _asked(request.form, str(error)), 422
    flash(_("Saved."), "success")
    return redirect(url_for("saved_views.open_view", view_id=view_id), 303)


@bp.get("/<int:view_id>")
@needs("viewer")
def open_view(view_id: int) -> ResponseReturnValue:
    """The overview as the view has it; what the dataset no longer has is told."""
    found = opened(_view(view_id))
    if found.lost:
        flash(lost_words(found), "warning")
    return redirect(found.overview, 303)


@bp.get("/<int:view_id>/forecasts")
@needs("viewer")
def forecasts(view_id: int) -> ResponseReturnValue:
    """The forecast of all that the view holds now."""
    found = opened(_view(view_id))
    _refuse_lost(found)
    arguments = {name: value for name, value in found.arguments.items()
                 if name in (ARGUMENT, "q", "status", "flag")}
    if not found.view.is_picked and set(arguments) <= {ARGUMENT}:
        return redirect(url_for("forecasts.show", **arguments or {"all": "1"}), 303)
    keys = keys_in(found)
    if not keys:
        abort(404, _("Nothing is in the view “%(name)s” now.", name=found.view.name))
    return redirect(_address("forecasts.show", link_arguments(keys)), 303)


@bp.post("/<int:view_id>")
@needs("viewer")
def edit(view_id: int) -> ResponseReturnValue:
    """Rename a view, share it or make it private."""
    shared = bool(request.form.get("shared")) if request.form.get("sharing") else None
    return _changed(view_id, name=request.form.get("name", ""), is_shared=shared)


@bp.post("/<int:view_id>/filters")
@needs("viewer")
def replace_filters(view_id: int) -> ResponseReturnValue:
    """Let a view hold what the overview shows now."""
    if _view(view_id).is_picked:
        abort(422, _("This view has its picked region-items. Save what is shown as a new view."))
    return _changed(view_id, arguments=_meant(request.form)[1])


@bp.post("/<int:view_id>/remove")
@needs("viewer")
def delete(view_id: int) -> ResponseReturnValue:
    """Remove a view."""
    _view(view_id)
    try:
        name = remove(view_id)
    except SavedViewError as error:
        abort(403, str(error))
    flash(_("Removed: %(name)s.", name=name), "success")
    return redirect(url_for("saved_views.show"), 303)


@bp.post("/start")
@needs("viewer")
def start_with() -> ResponseReturnValue:
    """Let the overview open with a view, with favourites or with everything."""
    what = request.form.get("start", "")
    if what not in ("", FAVOURITES) and visible_view(what) is None:
        abort(404, _("There is no such saved view, or it is not shared with you."))
    try:
        set_start(what)
    except SavedViewError as error:
        abort(404, str(error))
    flash(_("Saved."), "success")
    return redirect(url_for("saved_views.show"), 303)


@stars.post("")
@needs("viewer")
def mark() -> ResponseReturnValue:
    """Give a region-item a star, or take it away: the star alone for htmx, the page it was on without JavaScript."""
    key = rows_of([request.form.get("star", "")])[0].key
    wanted = one_of("on", request.values.get("on", "1"), ("0", "1")) == "1"
    try:
        set_favourite(key, wanted)
    except TooManyFavouritesError as error:
        abort(422, str(error))
    if request.headers.get("HX-Request"):
        return render_template("saved_views/star.html", key=key, is_on=wanted)
    return redirect(_page_before(), 303)


@stars.get("/forecasts")
@needs("viewer")
def favourite_forecasts() -> ResponseReturnValue:
    """The forecast of one's favourites."""
    keys = matching_keys(parse_overview(MultiDict({"flag": "favourite"})))
    if not keys:
        abort(404, _("You have no favourites yet. Give a region-item a star in the overview."))
    return redirect(_address("forecasts.show", link_arguments(keys)), 303)


def _asked(fields: MultiDict[str, str], error: str = "") -> str:
    """The page that asks for a name."""
    keys, arguments = _meant(fields)
    named_by: dict[str, Any] = {"of": "picked", **link_arguments(keys)} if keys else arguments
    matching = len(keys) if keys else db.session.scalar(select(func.count()).select_from(RegionItemRow).where(
        *conditions(parse_overview(MultiDict(arguments))))) or 0
    return render_template(
        "saved_views/new.html", matching=matching, is_picked=bool(keys), error=error,
        name=fields.get("name", "")[:LONGEST_NAME], shared=bool(fields.get("shared")), longest=LONGEST_NAME,
        may_share=may("planner"), fields=[(name, value) for name, given in named_by.items()
                                      for value in (given if isinstance(given, list) else [given])])


def _meant(fields: MultiDict[str, str]) -> tuple[list[str], dict[str, Any]]:
    """The keys that were picked, and the arguments of the overview, of which one has the view.

    A selection of whole regions, whole items or attributes is one of filters: what comes to match is in it.
    """
    if fields.get("of", "") != "picked":
        return [], kept_arguments(parse_overview(MultiDict(
            [(name, value) for name in fields if name in KEPT for value in fields.getlist(name)])))
    keys, args, _words = parse_selection(fields)
    if not keys:
        abort(422, _("Nothing is selected. Tick region-items in the overview first."))
    if set(args) <= {"all"} or set(args) in ({ARGUMENT}, {"region"}, {"item"}):
        [axis] = set(args)
        given = args[axis]
        filters = [] if axis == "all" else given if axis == ARGUMENT else [f"{axis}:{name}" for name in given]
        return [], {ARGUMENT: filters} if filters else {}
    return keys, {}


def _view(view_id: int) -> SavedView:
    found = visible_view(str(view_id))
    if found is None:
        abort(404, _("There is no such saved view, or it is not shared with you."))
    return found


def _refuse_lost(found: Opened) -> None:
    if found.lost:
        abort(422, _("“%(name)s” also filters by %(lost)s, which this dataset no longer has. Open it, and save it "
                     "again as it is meant.", name=found.view.name, lost=", ".join(found.lost)))


def _changed(view_id: int, **wanted: Any) -> ResponseReturnValue:
    _view(view_id)
    seen = request.form.get("seen", "")
    if not (seen.isascii() and seen.isdigit() and len(seen) < 10):
        abort(422, _("There is no revision “%(seen)s”. Open the page again.", seen=seen[:40]))
    try:
        change(view_id, int(seen), **wanted)
    except ChangedMeanwhileError as error:
        abort(409, str(error))
    except SavedViewError as error:
        abort(422, str(error))
    flash(_("Saved."), "success")
    if "arguments" in wanted:
        return redirect(url_for("saved_views.open_view", view_id=view_id), 303)
    return redirect(url_for("saved_views.show"), 303)


def _address(endpoint: str, arguments: Mapping[str, Any]) -> str:
    return url_for(endpoint, **arguments)


def _page_before() -> str:
    """The address of the page that sent this, without its host; the overview where that is not told."""
    split = urlsplit(request.referrer or "")
    if split.netloc != request.host or not split.path.startswith("/") or split.path.startswith("//"):
        return url_for("overview.show", view="all")
    return f"{split.path}?{split.query}" if split.query else split.path


def add_to(app: Flask) -> None:
    """Serve the pages; templates may show stars and the menu."""
    app.register_blueprint(bp)
    app.register_blueprint(stars)
    app.jinja_env.globals.update(favourites_among=favourites_among, saved_view_menu=menu)
