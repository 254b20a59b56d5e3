"""The forecast page: a selection, its horizon, a scenario; the URL says it all."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask import Blueprint, Flask, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.access import needs
from webapp.adjustments.adjustments import told_count
from webapp.forecasts import period_table
from webapp.forecasts.page import group_page, selection_page, sentences_on
from webapp.forecasts.query import ForecastQuery, parse_forecast_query
from webapp.forecasts.what_if import known_values_of, what_if_of
from webapp.language.translations import gettext as _
from webapp.language.translations import ngettext as _n
from webapp.pages.reader_locale import number
from webapp.region_items.groups import find_groups
from webapp.region_items.overview_table.query import View, first_keys, parse_view
from webapp.region_items.selection import link_arguments, ticked_keys
from webapp.scenarios.editor.driver_changes import new_row, parse_scenario
from webapp.services import services
from webapp.serving.explanation import MOST_EXACT, explain_lines
from webapp.serving.forecast_of_selection import plan_of, words_of
from webapp.serving.line_item import served_by_words
from webapp.serving.selection_sizes import MOST_REGION_ITEMS
from webapp.tables import PooledRow, RegionItemRow

bp = Blueprint("forecasts", __name__, url_prefix="/forecasts")

CHOICES = 20


@bp.get("")
@needs("viewer")
def show() -> ResponseReturnValue:
    """The page of a selection; without one, the choice of region-items."""
    forecast_query = parse_forecast_query(request.args)
    find = request.args.get("find", "").strip()
    choices = _choices(find) if find or not forecast_query.keys else []
    groups = find_groups(find, CHOICES) if find or not forecast_query.keys else []
    if not forecast_query.keys:
        return render_template("forecasts/choose.html", forecast_query=forecast_query, choices=choices, groups=groups,
                               find=find)
    if forecast_query.is_large:
        return group_page(forecast_query, find=find, choices=choices, groups=groups)
    return selection_page(forecast_query, request.args, find=find, choices=choices, groups=groups)


@bp.post("")
@needs("planner")
def ask() -> ResponseReturnValue:
    """Answer a scenario: the result alone for htmx, the whole page without JavaScript."""
    forecast_query = parse_forecast_query(request.form)
    _refuse_large(forecast_query)
    return selection_page(forecast_query, request.form)


@bp.post("/selection")
@needs("viewer")
def select() -> ResponseReturnValue:
    """From a selection in the overview to the page of its forecasts."""
    keys = ticked_keys(request.form)
    if not keys:
        abort(422, _("Nothing is selected. Tick region-items in the overview first."))
    everything = request.form.get("everything") and not parse_view(request.form).is_narrowed
    return redirect(url_for("forecasts.show", **{"all": "1"} if everything else link_arguments(keys)), 303)


@bp.post("/scenario")
@needs("planner")
def to_scenario() -> ResponseReturnValue:
    """From a what-if to the editor of a scenario that will be kept."""
    forecast_query = parse_forecast_query(request.form)
    named_by = set(forecast_query.selection)
    # several names add region-items up here, while a scenario takes the items that are in the regions
    selection = {"everything": "1"} if named_by == {"all"} else (
        forecast_query.selection if len(named_by) == 1 else link_arguments(forecast_query.keys))
    changes = {name: value for name, value in request.form.items() if name.startswith("change-")}
    fields: dict[str, Any] = {"horizon": forecast_query.horizon, **selection, **changes}
    editor = url_for("scenarios.new", **fields)
    return ("", 204, {"HX-Redirect": editor}) if request.headers.get("HX-Request") else redirect(editor, 303)


@bp.get("/choices")
@needs("viewer")
def choices() -> str:
    """Region-items that match a search, to tick."""
    find = request.args.get("find", "").strip()
    return render_template("forecasts/_choices.html", choices=_choices(find), groups=find_groups(find, CHOICES),
                           find=find, chosen=set(request.args.getlist("ri")))


@bp.get("/change")
@needs("planner")
def change_row() -> str:
    """The fields of one more change of a driver."""
    forecast_query = parse_forecast_query(request.args)
    _refuse_large(forecast_query)
    name = request.args.get("add", "")
    plan = plan_of(services(), forecast_query.rows, forecast_query.horizon)
    if name not in services().dataset.driver_names or not plan.dates:
        abort(422, _("%(name)s is not a driver of this dataset.", name=repr(name)))
    number = parse_scenario(request.args, services().dataset, plan.dates).next_number
    row = new_row(number, services().dataset.driver(name), plan.dates)
    return render_template("forecasts/_change.html", change=row, known_values=known_values_of(plan, name),
                           dates=plan.dates)


@bp.get("/news")
@needs("viewer")
def news() -> ResponseReturnValue:
    """The result again when a version in production is another than the page knows; else nothing."""
    forecast_query = parse_forecast_query(request.args)
    known, told = request.args.get("known", ""), request.args.get("told", "")
    if not forecast_query.rows:
        return "", 204
    if forecast_query.versions_mark == known and told == str(told_count(forecast_query.keys)):
        return "", 204
    if forecast_query.versions_mark == known:
        return selection_page(forecast_query, request.args)
    after = forecast_query.versions.split(",")
    before = known.split(",")
    if len(before) != len(forecast_query.rows):
        before = after
    changed = [{"region_item": row.region_item, "before": old, "after": new, "at": _since(row, forecast_query.pooled)}
               for row, old, new in zip(forecast_query.rows, before, after, strict=True) if old != new]
    return selection_page(forecast_query, request.args, changed=changed)


@bp.get("/why")
@needs("viewer")
def why() -> ResponseReturnValue:
    """Contributions to the forecast, and under a scenario to its difference from the plan."""
    forecast_query = parse_forecast_query(request.args)
    _refuse_large(forecast_query)
    what_if = what_if_of(forecast_query, request.args)
    answer = what_if.answer
    explanation = explain_lines(services(), answer.lines)
    is_told = len(answer.lines) <= MOST_EXACT  # by the sentences at the top of the page
    return render_template("forecasts/_why.html", forecast_query=forecast_query, answer=answer, form=what_if.form,
                           explanation=explanation,
                           why_sentences=[] if is_told else sentences_on(
                               forecast_query, answer, explanation, below_total=False))


@bp.get("/in-words")
@needs("viewer")
def told_in_words() -> ResponseReturnValue:
    """The sentences on a forecast with its largest parts, which take longer than all else of its page."""
    forecast_query = parse_forecast_query(request.args)
    _refuse_large(forecast_query)
    answer = what_if_of(forecast_query, request.args).answer
    return render_template("forecasts/_in_words.html", explained_by="", sentences=sentences_on(
        forecast_query, answer, explain_lines(services(), answer.lines), below_total=True))


def _refuse_large(forecast_query: ForecastQuery) -> None:
    if not forecast_query.keys:
        abort(422, _("Choose at least one region-item first."))
    if forecast_query.is_large:
        count = len(forecast_query.keys)
        abort(422, _n("At most %(most)s region-items can be forecast together, not %(num)s. Choose a region or an item "
                      "of them.",
                      "At most %(most)s region-items can be forecast together, not %(num)s. Choose a region or an item "
                      "of them.", count, num=number(count), most=MOST_REGION_ITEMS))


def _since(row: RegionItemRow, pooled: PooledRow | None) -> datetime | None:
    """Since when it is forecast by what is in production now."""
    if row.production_version is not None:
        return row.promoted_at
    return pooled.announced_at if pooled else None


def _choices(find: str) -> Sequence[str]:
    """Keys of region-items that match."""
    return first_keys(View(search=find, size=CHOICES))


def add_to(app: Flask) -> None:
    """Serve the forecast page; templates may say what a forecast is by."""
    app.register_blueprint(bp)
    app.jinja_env.globals.update(served_by_words=served_by_words, names_of=words_of)
    period_table.add_to(app)
