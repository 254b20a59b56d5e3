"""Overrides: made and taken back on the forecast page, listed here over all region-items, and judged."""

from datetime import date
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from webapp.access import needs
from webapp.db.database import db
from webapp.forecasts.question import Question, parse_question
from webapp.forecasts.views import shown_again
from webapp.http.errors import error_page
from webapp.overrides.applied import parts_ahead
from webapp.overrides.form import parse_override
from webapp.overrides.list import STATES, kind_of, listed, state_of
from webapp.overrides.overrides import OverrideError, place, remove, undo
from webapp.overrides.scores import GROUPS, MOST_JUDGED, Score, judge, score_of
from webapp.page_words import period, plural
from webapp.pages.files import Cell, asked_format, file_of
from webapp.pages.listing import find_page, parse_view
from webapp.services import services
from webapp.systems.state import WORDS
from webapp.tables import Override, RegionItemRow

bp = Blueprint("overrides", __name__, url_prefix="/overrides")

MOST_SEARCHED = 200
"""Characters of a search."""


@bp.errorhandler(OSError)
def _store_down(_error: OSError) -> ResponseReturnValue:
    title, consequence = WORDS["store"]
    return error_page(503, f"{title} does not answer, so this cannot be done. {consequence} Try again in a moment.")


@bp.get("")
@needs("viewer")
def show() -> ResponseReturnValue:
    """Every override ever made, as a page or a file."""
    kind = kind_of()
    view = parse_view(kind, request.args)
    if form := asked_format(request.args):
        return file_of(form, f"{services().dataset.name}-overrides-{date.today()}", (
            "Region", "Item", "Date", "Way", f"Value, {services().dataset.unit}", "Change, %", "Comment", "By",
            "Made at (UTC)", "State", "Removed or replaced by", "Removed at (UTC)"),
            (_cells(*found) for found in db.session.execute(listed(view)).all()))
    return render_template("overrides/show.html", page=find_page(listed(view), view), view=view, states=STATES,
                           state_of=state_of,
                           planners=[("", "all planners"), *((one, one) for one in kind.filters["planner"])])


@bp.get("/helped")
@needs("viewer")
def helped() -> ResponseReturnValue:
    """Model, override and seasonal naive beside each other, on periods that became known."""
    group, lead = request.args.get("by", "") or "planner", request.args.get("lead", "") or "1"
    if group not in GROUPS:
        abort(422, f"Scores by {group[:40]!r} are not made; there are those by {', '.join(GROUPS)}.")
    longest = services().dataset.horizon
    if not (lead.isascii() and lead.isdigit() and len(lead) < 10 and 1 <= int(lead) <= longest):
        abort(422, f"A lead of {lead[:40]!r} is not possible; it is a whole number from 1 to {longest}.")
    people = kind_of().filters["planner"]
    planner, words = request.args.get("planner", ""), request.args.get("q", "").strip()[:MOST_SEARCHED]
    if planner and planner not in people:
        abort(422, f"{planner[:100]!r} made no override; the list of overrides says who did.")
    judged = judge(services(), words, planner, int(lead))
    scores = judged.by(group)
    if form := asked_format(request.args):
        return file_of(form, f"{services().dataset.name}-overrides-by-{group}-{date.today()}", (
            GROUPS[group], "Periods judged", "WAPE, model", "WAPE, with override", "WAPE, seasonal naive",
            "Bias, model", "Bias, with override", "Bias, seasonal naive",
            f"Error saved, {services().dataset.unit}"), (_score_cells(one) for one in scores))
    query: dict[str, Any] = {name: value for name, value, plain in (
        ("by", group, "planner"), ("lead", lead, "1"), ("planner", planner, ""), ("q", words, "")) if value != plain}
    return render_template("overrides/helped.html", judged=judged, scores=scores, groups=GROUPS, group=group,
                           total=score_of("All", judged.rows), lead=int(lead), planner=planner, words=words,
                           people=people, query=query, most_judged=MOST_JUDGED)


@bp.post("")
@needs("planner")
def make() -> ResponseReturnValue:
    """Override the forecasts of a selection."""
    question = parse_question(request.form)
    if not question.keys:
        abort(422, "Choose at least one region-item first.")
    form, wanted = parse_override(request.form)
    if wanted is None:
        return shown_again(question, form)
    try:
        made = place(wanted, parts_ahead(question.keys))
    except OverrideError as error:
        form.errors.append(str(error))
        return shown_again(question, form)
    periods = plural(made.count, "period")
    if made.is_new:
        told = f", in place of {plural(made.replaced, 'earlier override')}" if made.replaced else ""
        flash(f"Recorded: {periods} overridden{told}.", "success")
    else:
        flash(f"This was recorded already: {periods} overridden. Nothing was done twice.", "info")
    return redirect(_back(question), 303)


@bp.post("/<int:override_id>/remove")
@needs("planner")
def take_back(override_id: int) -> ResponseReturnValue:
    """Remove one override; that it was made stays recorded."""
    try:
        found = remove(override_id)
    except OverrideError as error:
        abort(422, str(error))
    if found is None:
        abort(404, "There is no such override.")
    flash(f"Removed: the model's forecast of {period(found.date)} counts again.", "success")
    return redirect(_asked_back() or url_for("forecasts.show", ri=found.key, _anchor="overrides"), 303)


@bp.post("/batches/<batch>/undo")
@needs("planner")
def undo_batch(batch: str) -> ResponseReturnValue:
    """Take back overrides that were made together; what they replaced holds again."""
    known = db.session.scalar(select(Override).where(Override.batch == batch).limit(1))
    if known is None:
        abort(404, "There are no such overrides.")
    key = known.key
    count = undo(batch)
    flash(f"Undone: {plural(count, 'override')}. What was there before holds again." if count else
          "Nothing of it holds any more, or its periods are known by now; nothing was changed.",
          "success" if count else "info")
    return redirect(_asked_back() or url_for("forecasts.show", ri=key, _anchor="overrides"), 303)


def _asked_back() -> str | None:
    """The page that a button stood on: the list, or the forecast of a selection."""
    if request.form.get("on") == "list":
        return url_for("overrides.show")
    question = parse_question(request.form)
    return _back(question) if question.keys else None


def _back(question: Question) -> str:
    query: dict[str, Any] = question.query(overrides=1, why=0)
    return url_for("forecasts.show", _anchor="overrides", **query)


def _cells(one: Override, row: RegionItemRow, is_ahead: bool) -> tuple[Cell, ...]:
    value, percent = (one.amount if one.way == way else None for way in ("value", "percent"))
    return (row.region, row.item, date.fromisoformat(one.date), one.way, value, percent, one.comment, one.made_by,
            one.made_at, state_of(one, is_ahead), one.removed_by or None, one.removed_at)


def _score_cells(one: Score) -> tuple[Cell, ...]:
    return (one.name, one.periods, one.wape_model, one.wape_override, one.wape_naive, one.bias_model,
            one.bias_override, one.bias_naive, one.saved)
