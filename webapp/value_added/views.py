"""The pages of accuracy: value added by segment, planner, lead and period, and what came of scenarios."""

from datetime import date
from typing import Any

from flask import Blueprint, Flask, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from webapp.access import actor, needs
from webapp.accuracy.past_forecasts import KEPT_ORIGINS
from webapp.http.choices import one_of
from webapp.language.translations import ENGLISH, in_language, lazy_gettext
from webapp.language.translations import gettext as _
from webapp.pages.download_files import Cell, exact, file_of, requested_format
from webapp.pages.numbers_and_dates import day, period, period_words
from webapp.pages.rounded_money import in_currency, rounded_money
from webapp.services import services
from webapp.value_added.comparing import (
    AXES,
    METHODS,
    RANGES,
    SORTS,
    ComparedRows,
    Method,
    Question,
    compare,
    is_judged,
    kinds,
    leads,
    planners,
    trend,
    without_account,
    worth_time,
)
from webapp.value_added.targets import Target, Targets, current
from webapp.value_added.verdicts import judged_scenarios, verdict_of

bp = Blueprint("value_added", __name__, url_prefix="/value-added")

PLACES = {"inside": lazy_gettext("within its interval"), "above": lazy_gettext("above its interval"),
          "below": lazy_gettext("below its interval")}
APPLIED = {"all": lazy_gettext("Applied: the plan followed it."), "some": lazy_gettext("Applied in part."),
           "none": lazy_gettext("Not applied: the plan did not follow it.")}
CAME = {"all": lazy_gettext("Its drivers were as assumed."),
        "some": lazy_gettext("Its drivers were partly as assumed."),
        "none": lazy_gettext("Its drivers were not as assumed."),
        "unknown": lazy_gettext("Whether its drivers were as assumed is not known.")}


@bp.get("")
@needs("viewer")
def show() -> ResponseReturnValue:
    """Naive, model and plan on the same rows, as a page or a file."""
    question = parse_question(request.args)
    form = requested_format(request.args)
    comparison = compare(question, None) if form else compare(question)
    wanted = current()
    if form:
        with in_language(ENGLISH):  # a file is the same for every reader
            return file_of(form, f"{services().dataset.name}-value-added-{date.today()}", _columns(question), (
                _cells(question, one, target_of(wanted, question, one)) for one in comparison.rows))
    is_grouped = question.by not in AXES
    rows = comparison.rows
    gained, lost = worth_time(question) if is_grouped else ([], [])
    return render_template(
        "value_added/show.html", question=question, comparison=comparison, gained=gained, lost=lost,
        shown=[(one, target_of(wanted, question, one)) for one in rows],
        total_target=target_of_total(wanted, question),
        methods=METHODS, kinds=kinds(), axes=AXES, leads=leads(),
        ranges=RANGES[services().dataset.frequency], sorts=SORTS, is_grouped=is_grouped, planners=planners(),
        gone=without_account([one.name for one in rows]) if question.by == "planner" else set(),
        trend=_chart(trend(question)), query=_query, name_of=lambda one: name_of(question, one),
        has_money=services().dataset.has_money, kept=KEPT_ORIGINS)


@bp.get("/scenarios")
@needs("viewer")
def scenarios() -> ResponseReturnValue:
    """What came of scenarios whose periods are over, the newest first; as a page or a file."""
    rows = sorted(judged_scenarios(actor().email), key=lambda each: each[1].last, reverse=True)
    if form := requested_format(request.args):
        unit = services().dataset.unit
        return file_of(form, f"{services().dataset.name}-scenarios-judged-{date.today()}", (
            "Scenario", "First", "Last", f"Scenario, {unit}", "Lower (80 %)", "Upper (80 %)", f"Plan, {unit}",
            f"Sold, {unit}", "Region-item periods", "Known", "Sold lies", "Plan followed it", "Drivers came",
            "Judged (UTC)"), ((
                one.name, told.first, told.last, told.scenario.forecast, told.scenario.lower, told.scenario.upper,
                told.plan.forecast, told.sold if told.known == told.rows else None, told.rows, told.known,
                told.place or "not known", told.applied, told.drivers_came, row.judged_at) for one, told, row in rows))
    return render_template("value_added/scenarios.html", rows=rows, PLACES=PLACES, APPLIED=APPLIED, CAME=CAME)


def parse_question(fields: MultiDict[str, str]) -> Question:
    """What a URL asks; an error page for what cannot be."""
    by = one_of("by", fields.get("by", "") or "region", [*kinds(), *AXES])
    allowed = leads()
    lead = fields.get("lead", "") or str(allowed[0])
    if lead not in map(str, allowed):
        abort(422, _("Lead %(lead)s is not judged; choose from %(leads)s.", lead=repr(lead[:40]),
                     leads=", ".join(map(str, allowed))))
    back = fields.get("back", "")
    if back not in ("", *map(str, RANGES[services().dataset.frequency])):
        abort(422, _("%(text)s cannot be chosen; choose from %(ranges)s, or nothing for all.", text=repr(back[:40]),
                     ranges=", ".join(map(str, RANGES[services().dataset.frequency]))))
    segment = fields.get("segment", "").strip()
    kind, _colon, name = segment.partition(":")
    if segment:
        one_of("segment", kind, kinds())
        if by not in AXES:
            abort(422, _("Sums are kept by one kind of segment at a time. Choose a row for each period, lead or "
                         "planner."))
        if "\x00" in name or not is_judged(kind, name):
            abort(422, _("Nothing was judged of %(segment)s.", segment=repr(segment[:100])))
    planner = fields.get("planner", "")
    if planner and planner not in planners():
        abort(422, _("No override of %(planner)s was judged.", planner=repr(planner[:100])))
    return Question(by, int(lead), int(back) if back else None, kind if segment else "all", name if segment else "",
                    planner, one_of("sort", fields.get("sort", "") or "worth", SORTS))


def target_of(wanted: Targets, question: Question, one: ComparedRows) -> Target | None:
    """What is wanted of the plan of a row; None of a planner's rows, which are a part of it."""
    if question.planner or question.by == "planner":
        return None
    return wanted.of(question.kind, question.name) if question.by in AXES else wanted.of(question.by, one.name)


def target_of_total(wanted: Targets, question: Question) -> Target | None:
    """What is wanted of the plan of all rows together; None where these are not everything."""
    if question.planner or question.by not in ("region", "item", "period"):
        return None
    return wanted.of(question.kind, question.name)


def name_of(question: Question, one: ComparedRows) -> str:
    """What a row is called on a page."""
    if question.by == "lead":
        return _("%(periods)s ahead", periods=period_words(int(one.name)))
    if question.by != "period":
        return one.name
    return _("Week of %(day)s", day=day(one.name)) if services().dataset.frequency == "D" else period(one.name)


def _query(question: Question, **changes: Any) -> dict[str, str]:
    """A question as arguments of a URL, with changes; defaults are left out."""
    segment = "" if question.kind == "all" else f"{question.kind}:{question.name}"
    values = {"by": question.by, "lead": question.lead, "back": question.back or "", "segment": segment,
              "planner": question.planner, "sort": question.sort, **changes}
    plain = {"by": "region", "lead": str(leads()[0]), "sort": "worth"}
    return {name: str(value) for name, value in values.items() if str(value) and str(value) != plain.get(name)}


def _chart(rows: list[ComparedRows]) -> dict[str, Any] | None:
    """WAPE by period, in percent; None where there is less than two periods to see a trend in."""
    if len(rows) < 2:
        return None

    def percent(method: Method) -> list[float | None]:
        return [None if (wape := one.wape(method)) is None else round(100 * wape, 1) for one in rows]

    return {"dates": [one.name for one in rows],
            "series": [{"name": str(words), "values": percent(method)} for method, words in METHODS.items()]}


def _columns(question: Question) -> list[str]:
    unit = services().dataset.unit
    title = str((kinds() | AXES)[question.by])
    by_method = [f"{words}, {name}" for name in METHODS.values() for words in ("WAPE", "Bias", f"Error in {unit}")]
    money = [in_currency(f"Error, {str(name).lower()}") for name in METHODS.values()] + [
        in_currency("Error saved by overrides"), "Rows with a price"] if services().dataset.has_money else []
    return [title, "Rows compared", "Rows in all", "Without forecast", "Without demand", "Without naive",
            f"Sold, {unit}", *by_method, "Rows overridden", f"Error saved by overrides, {unit}", *money,
            "Target WAPE", "Accuracy", "Bias band", "Bias is"]


def _cells(question: Question, one: ComparedRows, target: Target | None) -> list[Cell]:
    name: Cell = int(one.name) if question.by == "lead" else (
        date.fromisoformat(one.name) if question.by == "period" else one.name)
    by_method = [cell for method in METHODS for cell in (one.wape(method), one.bias(method), one.error(method))]
    money: list[Cell] = []
    if services().dataset.has_money:
        money = [*(exact(rounded_money(one.error_money(method))) for method in METHODS),
                 exact(rounded_money(one.gained_money)), one.priced]
    return [name, one.rows, one.periods, *(int(one.sums[field]) for field in ("no_forecast", "no_demand", "no_naive")),
            one.sums["sold"], *by_method, one.overridden, one.gained, *money,
            target.wape if target else None, target.accuracy_of(one) if target else None,
            target.bias if target else None, target.bias_of(one) if target else None]


@needs("viewer")
def _by_name() -> ResponseReturnValue:
    return redirect(url_for("value_added.show"))


def add_to(app: Flask) -> None:
    """Serve the pages; the address that people type, as the menu names them, leads there. A scenario's page may tell
    what came of it."""
    app.register_blueprint(bp)
    app.add_url_rule("/accuracy", "accuracy", _by_name)
    app.jinja_env.globals.update(verdict_of=verdict_of, verdict_words=(PLACES, APPLIED, CAME))
