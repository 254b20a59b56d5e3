"""The forecast page: a selection, its horizon, a scenario; the URL says it all."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from flask import Blueprint, Flask, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from demand_assets.forecasting.whatif.scenario import ScenarioError
from webapp.access import may, needs
from webapp.accuracy.lead_chart import MOST_SEEN, lead_accuracy, miss_of
from webapp.adjustments.adjustments import told_among, told_count
from webapp.adjustments.predecessor_views import predecessors_of
from webapp.adjustments.views import Outliers, outliers_of
from webapp.forecasts import period_table
from webapp.forecasts.chart_data import chart_of
from webapp.forecasts.grid import grid_of
from webapp.forecasts.in_money import in_money_of
from webapp.forecasts.in_words import in_words
from webapp.forecasts.period_table import table_of
from webapp.forecasts.query import PAGE_SIZE, TABS, ForecastQuery, parse_forecast_query
from webapp.forecasts.recent_changes import changes_of
from webapp.language.translations import gettext as _
from webapp.language.translations import ngettext as _n
from webapp.overrides.applied import overridden, overridden_group, override_words
from webapp.overrides.form import OverrideForm
from webapp.pages.reader_locale import number
from webapp.region_items.attributes import attributes_of, declared
from webapp.region_items.groups import find_groups
from webapp.region_items.overview_table.query import View, first_keys, parse_view
from webapp.region_items.own_pooled_or_naive import table_of as evidence_of
from webapp.region_items.rows import open_retrains
from webapp.region_items.selection import link_arguments, ticked_keys
from webapp.scenarios.editor.driver_changes import ScenarioForm, new_row, parse_scenario
from webapp.scenarios.request import ScopedDriverChange
from webapp.services import services
from webapp.serving.explaining_sentences import of_miss
from webapp.serving.explanation import MOST_EXACT, Explanation, explain_lines
from webapp.serving.forecast_of_selection import Answer, plan_of, under, words_of
from webapp.serving.history import backtest_of
from webapp.serving.line_item import analogues_of, served_by_words
from webapp.serving.selection_sizes import MOST_REGION_ITEMS
from webapp.stored_forecasts.group_answer import group_of
from webapp.stored_forecasts.group_page import last_year_of
from webapp.tables import PooledRow, RegionItemRow

bp = Blueprint("forecasts", __name__, url_prefix="/forecasts")

CHOICES = 20
EDITED_BY = "forecast_overrides.make_cells"
"""Who may send what was typed into the grid may type into it."""


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
        return _grouped(forecast_query, find=find, choices=choices, groups=groups)
    return _answered(forecast_query, request.args, find=find, choices=choices, groups=groups)


@bp.post("")
@needs("planner")
def ask() -> ResponseReturnValue:
    """Answer a scenario: the result alone for htmx, the whole page without JavaScript."""
    forecast_query = parse_forecast_query(request.form)
    _refuse_large(forecast_query)
    return _answered(forecast_query, request.form)


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
    return render_template("forecasts/_change.html", change=row, known_values=_known_values(plan, name),
                           dates=plan.dates)


@bp.get("/news")
@needs("viewer")
def news() -> ResponseReturnValue:
    """The result again when a version in production is another than the page knows; else nothing."""
    forecast_query = parse_forecast_query(request.args)
    known, told = request.args.get("known", ""), request.args.get("told", "")
    if not forecast_query.rows:
        return "", 204
    if forecast_query.versions_mark == known:
        return ("", 204) if told == str(told_count(forecast_query.keys)) else _answered(forecast_query, request.args)
    after = forecast_query.versions.split(",")
    before = known.split(",")
    if len(before) != len(forecast_query.rows):
        before = after
    changed = [{"region_item": row.region_item, "before": old, "after": new, "at": _since(row, forecast_query.pooled)}
               for row, old, new in zip(forecast_query.rows, before, after, strict=True) if old != new]
    return _answered(forecast_query, request.args, changed=changed)


@bp.get("/why")
@needs("viewer")
def why() -> ResponseReturnValue:
    """Contributions to the forecast, and under a scenario to its difference from the plan."""
    forecast_query = parse_forecast_query(request.args)
    _refuse_large(forecast_query)
    _plan, answer, form, _status = answer_to(forecast_query, request.args)
    explanation = explain_lines(services(), answer.lines)
    is_told = len(answer.lines) <= MOST_EXACT  # by the sentences at the top of the page
    return render_template("forecasts/_why.html", forecast_query=forecast_query, answer=answer, form=form,
                           explanation=explanation,
                           why_sentences=[] if is_told else _sentences(forecast_query, answer, explanation,
                                                                      below_total=False))


@bp.get("/in-words")
@needs("viewer")
def told_in_words() -> ResponseReturnValue:
    """The sentences on a forecast with its largest parts, which take longer than all else of its page."""
    forecast_query = parse_forecast_query(request.args)
    _refuse_large(forecast_query)
    _plan, answer, _form, _status = answer_to(forecast_query, request.args)
    return render_template("forecasts/_in_words.html", explained_by="", sentences=_sentences(
        forecast_query, answer, explain_lines(services(), answer.lines), below_total=True))


def shown_again(forecast_query: ForecastQuery, form: OverrideForm) -> tuple[str, int]:
    """The page of a selection with an override as it was typed and what is wrong with it."""
    if forecast_query.is_large:
        return _grouped(forecast_query, override_form=form), 422
    return _answered(forecast_query, MultiDict(), override_form=form)[0], 422


def answer_to(forecast_query: ForecastQuery, fields: MultiDict[str, str]) -> tuple[Answer, Answer, ScenarioForm, int]:
    """The plan, the answer under the scenario of the fields, the form as it was typed, and the status of the page."""
    plan = plan_of(services(), forecast_query.rows, forecast_query.horizon).within(forecast_query.coverage / 100)
    form = ScenarioForm([], [], ())
    status, result = 200, plan
    if plan.dates:
        form = parse_scenario(fields, services().dataset, plan.dates)
        if form.is_valid and form.rows:
            try:
                result = under(services(), plan, form.scenario).within(forecast_query.coverage / 100)
            except ScenarioError as error:
                form.errors.append(_("This scenario cannot be computed: %(error)s.", error=error))
        if fields.get("add") in services().dataset.driver_names:
            form.rows.append(new_row(form.next_number, services().dataset.driver(fields["add"]), plan.dates))
        elif not form.is_valid:
            status = 422
    return plan, result, form, status


def _answered(forecast_query: ForecastQuery, fields: MultiDict[str, str],
              **more: Any) -> tuple[str, int, dict[str, str]]:
    """The page, its status, and for a what-if the address that holds it."""
    plan, result, form, status = answer_to(forecast_query, fields)
    dataset, lines = services().dataset, result.lines
    found = overridden({line.row.key: line.plan.part for line in lines}, result.periods, result.coverage)
    included = found if found.count and forecast_query.overrides and not result.has_scenario else None
    periods = included.periods if included else result.periods
    only = lines[0] if len(forecast_query.rows) == len(lines) == 1 else None
    outliers = outliers_of(only.row, result.past.each[only.row.key], dataset,
                           forecast_query.adjust) if only else Outliers([], [])
    seen = lead_accuracy(lines, result.past.each) if 0 < len(lines) <= MOST_SEEN else None
    alone = bool(request.headers.get("HX-Request")) and not request.headers.get("HX-Boosted")
    backtest = backtest_of(lines, result.past, dataset)
    query: dict[str, Any] = {**forecast_query.query(), **(form.query() if form.is_valid else {})}
    in_money = in_money_of(result, included)
    is_editable = forecast_query.overrides and not result.has_scenario and may(EDITED_BY)
    table = table_of(periods, result.past, dataset, result.coverage,
                     forecast_query.horizon if forecast_query.past else 0, seen.stood if seen else None,
                     partial(override_words, of_sum=len(lines) > 1),
                     without_overrides=bool(found.count and not included), in_money=in_money) if lines else None
    has_what_if = bool(dataset.drivers and lines and (may("forecasts.ask") or form.changes))
    explanation = explain_lines(services(), result.lines) if forecast_query.why else None
    outside = result.past.out_of_stock
    miss = miss_of(seen.archived, result.past.of_all, outside, dataset.horizon) if seen else None
    predecessors = predecessors_of(only.row, result.past.each[only.row.key]) if only else None
    can_explain = any(line.model.pooled is not None for line in lines) and len(lines) <= MOST_EXACT
    text = render_template(
        "forecasts/_result.html" if alone else "forecasts/show.html", forecast_query=forecast_query, answer=result,
        form=form, in_money=in_money,
        retraining=open_retrains(forecast_query.keys), evidence=evidence_of([line.row for line in lines]), seen=seen,
        outliers=outliers, predecessors=predecessors,
        **_tabs(forecast_query, more, [
            *(["what-if"] if has_what_if else []), "why", "overrides", "accuracy", "model",
            *(["unusual", "history"] if only else ["region-items"]), "table"]), has_what_if=has_what_if,
        sentences=in_words(result, included, explanation, is_explained=forecast_query.why, below_total=True),
        why_sentences=[],
        explained_by=url_for("forecasts.told_in_words", **query) if can_explain and not explanation else "",
        miss=of_miss(miss, dataset.unit, table.decimals) if seen and table else [],
        changes=changes_of(only.row, outliers, found, predecessors) if only and predecessors else [],
        told=told_among([*outliers.adjustments, *predecessors.counting, *predecessors.overruled, *predecessors.removed])
        if predecessors else told_count(forecast_query.keys), found=found, included=included,
        chart=chart_of(periods, result.past, dataset, result.coverage, backtest,
                       [row.date for row in outliers.rows], size=len(lines)) if lines else {}, backtest=backtest,
        table=table, grid=grid_of(
            found.periods if is_editable else periods, result.past, dataset, result.coverage, table, in_money, seen,
            lines[0].plan.part if len(lines) == 1 else None, is_editable,
            without_overrides=bool(found.count and not included),
            unusual={row.date: row.usual for row in outliers.rows}) if table else None,
        explanation=explanation,
        analogues=analogues_of(services(), only) if only and result.has_scenario else [],
        known_values={name: _known_values(plan, name) for name in _categories()}, most_seen=MOST_SEEN,
        asked=[ScopedDriverChange(one.driver, one.action, one.value, one.first, one.last) for one in form.changes],
        query=query, attributes=attributes_of([only.row.region_item])[only.row.region_item] if only else {},
        declared=declared(), with_messages=alone and request.method == "POST",
        **{"changed": [], "find": "", "choices": [], "groups": [], "override_form": OverrideForm(), **more})
    is_kept = request.method == "POST" and alone and status == 200
    return text, status, {"HX-Push-Url": url_for("forecasts.show", **query)} if is_kept else {}


def _grouped(forecast_query: ForecastQuery, **more: Any) -> str:
    """The page of a group that is read from the stored forecasts."""
    dataset = services().dataset
    answer = group_of(forecast_query.keys, dataset, forecast_query.horizon, forecast_query.coverage / 100)
    is_whole = forecast_query.horizon == dataset.horizon  # what is kept of last year is of the whole horizon
    found = overridden_group(answer)
    included = found if found.count and forecast_query.overrides else None
    is_model = bool(found.count and not included)
    last_year = last_year_of(forecast_query.fields) if is_whole else None
    if last_year and is_model:
        last_year = replace(last_year, change=None)  # what is kept of the change is of the forecast with overrides
    periods = included.periods if included else answer.periods if answer.summed else []
    in_money = in_money_of(answer, included)
    is_editable = forecast_query.overrides and may(EDITED_BY)
    table = table_of(periods, answer.past, dataset, answer.coverage,
                     forecast_query.horizon if forecast_query.past else 0,
                     override_words=partial(override_words, of_sum=True),
                     without_overrides=is_model, in_money=in_money) if answer.summed else None
    return render_template(
        "forecasts/group.html", forecast_query=forecast_query, answer=answer, is_whole=is_whole,
        last_year=last_year, is_model=is_model, in_money=in_money, query=forecast_query.query(),
        page_size=PAGE_SIZE, found=found, included=included, most=MOST_REGION_ITEMS,
        **_tabs(forecast_query, more, ["region-items", "overrides", "table"]),
        lines=answer.lines(forecast_query.page, PAGE_SIZE, included.parts if included else None),
        chart=chart_of(periods, answer.past, dataset, answer.coverage, answer.backtest,
                       size=answer.summed) if answer.summed else {},
        table=table, grid=grid_of(
            found.periods if is_editable else periods, answer.past, dataset, answer.coverage, table, in_money,
            is_editable=is_editable, without_overrides=is_model) if table else None,
        **{"find": "", "choices": [], "groups": [], "override_form": OverrideForm(), **more})


def _tabs(forecast_query: ForecastQuery, more: dict[str, Any], has: list[str]) -> dict[str, Any]:
    """The tabs of a page by name, and the one that is seen first: what was asked for, or what is to be put right."""
    form: OverrideForm | None = more.get("override_form")
    wanted = "overrides" if form and form.is_open else "unusual" if forecast_query.adjust else forecast_query.tab
    return {"tabs": {name: TABS[name] for name in has}, "current": wanted if wanted in has else has[0]}


def _sentences(forecast_query: ForecastQuery, answer: Answer, explanation: Explanation | None,
               below_total: bool) -> list[str]:
    found = overridden({line.row.key: line.plan.part for line in answer.lines}, answer.periods, answer.coverage)
    included = found if found.count and forecast_query.overrides else None
    return in_words(answer, included, explanation, is_explained=True, below_total=below_total)


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


def _categories() -> list[str]:
    return [driver.name for driver in services().dataset.drivers if driver.kind == "category"]


def _known_values(plan: Answer, driver: str) -> list[str]:
    """Values of a category driver that the selection's models have seen."""
    values: set[str] = set()
    for line in plan.lines:
        values.update(line.categories.get(driver, ()))
        if driver in line.plan.table:
            values.update(str(value) for value in line.plan.table[driver].dropna().unique())
    return sorted(values)


def _choices(find: str) -> Sequence[str]:
    """Keys of region-items that match."""
    return first_keys(View(search=find, size=CHOICES))


def add_to(app: Flask) -> None:
    """Serve the forecast page; templates may say what a forecast is by."""
    app.register_blueprint(bp)
    app.jinja_env.globals.update(served_by_words=served_by_words, names_of=words_of)
    period_table.add_to(app)
