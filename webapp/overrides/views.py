"""Overrides of all region-items: listed, and judged on periods that became known."""

from datetime import date
from typing import Any

from flask import Blueprint, Flask, abort, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from webapp.access import actor, needs
from webapp.db.database import db
from webapp.http.choices import one_of
from webapp.http.errors import error_page
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext
from webapp.overrides.applied import override_amount
from webapp.overrides.blocks import find_blocks
from webapp.overrides.locked_periods import locked_for
from webapp.overrides.override_accuracy import GROUPS, MOST_JUDGED, Score, judge, score_of
from webapp.overrides.overrides import is_ahead, open_in
from webapp.pages.download_files import Cell, file_of, requested_format
from webapp.pages.listing import Kind, Query, View, containing, find_page, in_order, parse_view
from webapp.pages.numbers_and_dates import amount
from webapp.services import services
from webapp.systems.outages import WORDS
from webapp.tables import Override, RegionItemRow

bp = Blueprint("overrides", __name__, url_prefix="/overrides")

STATES = {"open": lazy_gettext("open"), "past": lazy_gettext("past"), "removed": lazy_gettext("undone")}
"""Open: it holds and its period lies ahead. Past: it held when its period became known."""
LONGEST_BATCH = 64
MOST_SEARCHED = 200
"""Characters of a search."""


@bp.errorhandler(OSError)
def store_down(_error: OSError) -> ResponseReturnValue:
    """The page that says that the demand store does not answer, so that nothing was done."""
    title, consequence = WORDS["store"]
    return error_page(503, _("%(system)s does not answer, so this cannot be done. %(consequence)s Try again in a "
                             "moment.", system=title, consequence=consequence))


@bp.get("")
@needs("viewer")
def show() -> ResponseReturnValue:
    """Every override ever made, as a page or a file."""
    kind = _kind()
    view = parse_view(kind, request.args)
    if form := requested_format(request.args):
        return file_of(form, f"{services().dataset.name}-overrides-{date.today()}", (
            "Region", "Item", "Date", "Way", f"Value, {services().dataset.unit}", "Change, %", "Comment", "By",
            "Made at (UTC)", "State", "Removed or replaced by", "Removed at (UTC)"),
            (_cells(*found) for found in db.session.execute(_listed(view, _batch())).all()))
    batch = _batch()
    found = find_page(_listed(view, batch), view) if batch else find_blocks(_listed(view), view)
    is_part = bool(view.search or view.filters["state"] or view.filters["planner"])
    all_open = open_in({one.batch for one in found.rows}) if is_part and not batch else {}
    return render_template("overrides/show.html", page=found, view=view, states=STATES, state_of=state_of, batch=batch,
                           all_open=all_open,
                           planners=[("", _("all planners")), *((one, one) for one in kind.filters["planner"])])


@bp.get("/helped")
@needs("viewer")
def helped() -> ResponseReturnValue:
    """Model, override and seasonal naive beside each other, on periods that became known."""
    group = one_of("by", request.args.get("by", "") or "planner", GROUPS)
    lead = request.args.get("lead", "") or "1"
    longest = services().dataset.horizon
    if not (lead.isascii() and lead.isdigit() and len(lead) < 10 and 1 <= int(lead) <= longest):
        abort(422, _("The lead must be a whole number from 1 to %(longest)s, not %(asked)s.",
                     asked=repr(lead[:40]), longest=longest))
    people = _kind().filters["planner"]
    planner, words = request.args.get("planner", ""), request.args.get("q", "").strip()[:MOST_SEARCHED]
    if planner and planner not in people:
        abort(422, _("%(person)s made no override; the list of overrides says who did.",
                     person=repr(planner[:100])))
    judged = judge(services(), words, planner, int(lead))
    scores = judged.by(group)
    if form := requested_format(request.args):
        return file_of(form, f"{services().dataset.name}-overrides-by-{group}-{date.today()}", (
            group.capitalize(), "Periods judged", "WAPE, model", "WAPE, with override", "WAPE, seasonal naive",
            "Bias, model", "Bias, with override", "Bias, seasonal naive",
            f"Error saved, {services().dataset.unit}"), (_score_cells(one) for one in scores))
    query: dict[str, Any] = {name: value for name, value, plain in (
        ("by", group, "planner"), ("lead", lead, "1"), ("planner", planner, ""), ("q", words, "")) if value != plain}
    return render_template("overrides/helped.html", judged=judged, scores=scores, groups=GROUPS, group=group,
                           total=score_of("All", judged.rows), lead=int(lead), planner=planner, words=words,
                           people=people, query=query, most_judged=MOST_JUDGED)


def _kind() -> Kind:
    """The list, with the people who made overrides to filter by."""
    people = db.session.scalars(select(Override.made_by).distinct().order_by(Override.made_by)).all()
    return Kind(
        columns={"region_item": RegionItemRow.position.expression, "date": Override.date.expression,
                 "made_at": Override.made_at.expression, "planner": Override.made_by.expression},
        sort="made_at", descending=True, filters={"state": tuple(STATES), "planner": tuple(people)})


def _batch() -> str:
    """Of which overrides that were made together each is listed; empty for a line for all of them."""
    batch = request.args.get("batch", "")
    if len(batch) > LONGEST_BATCH:
        abort(404, _("There are no such overrides."))
    return batch


def _listed(view: View, batch: str = "") -> Query:
    """The overrides that a view asks for: each with its region-item's row and whether its period lies ahead.

    Args:
        batch: only those that were made together so; empty for all.
    """
    query: Query = select(Override, RegionItemRow, is_ahead().label("is_ahead")).select_from(RegionItemRow).join(
        Override, RegionItemRow.key == Override.key)
    state: Any = {"open": (Override.removed_at.is_(None), is_ahead()),
                  "past": (Override.removed_at.is_(None), ~is_ahead()),
                  "removed": (Override.removed_at.is_not(None),)}.get(view.filters["state"], ())
    query = query.where(*state)
    if view.filters["planner"]:
        query = query.where(Override.made_by == view.filters["planner"])
    if batch:
        query = query.where(Override.batch == batch)
    return in_order(containing(query, view.search), view, Override.id.expression)


def state_of(one: Override, is_ahead: bool) -> str:
    """One of ``STATES``."""
    return "removed" if one.removed_at is not None else "open" if is_ahead else "past"


def _cells(one: Override, row: RegionItemRow, is_ahead: bool) -> tuple[Cell, ...]:
    value, percent = (one.amount if one.way == way else None for way in ("value", "percent"))
    return (row.region, row.item, date.fromisoformat(one.date), one.way, value, percent, one.comment, one.made_by,
            one.made_at, state_of(one, is_ahead), one.removed_by or None, one.removed_at)


def _score_cells(one: Score) -> tuple[Cell, ...]:
    return (one.name, one.periods, one.wape_model, one.wape_override, one.wape_naive, one.bias_model,
            one.bias_override, one.bias_naive, one.saved)


def add_to(app: Flask) -> None:
    """Serve the pages of overrides; templates may say what one does, and which periods are locked for their reader."""
    app.register_blueprint(bp)
    app.jinja_env.globals.update(override_amount=override_amount, amount_words=amount,
                                 locked_periods=lambda: locked_for(actor()))
