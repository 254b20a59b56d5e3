"""The forecast page: a selection, its horizon, a scenario; the URL says it all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_security.decorators import auth_required
from werkzeug.datastructures import MultiDict

from demand_assets.forecasting.scenario import ScenarioError
from webapp.answers import Answer, plan_of, under
from webapp.evidence import table_of
from webapp.explanations import explain
from webapp.lines import analogues_of
from webapp.overview import selected_keys
from webapp.region_item_pages import find_page
from webapp.region_item_view import View
from webapp.region_items import open_retrains, pooled_row, rows_of
from webapp.scenario_form import ScenarioForm, new_row, parse_scenario
from webapp.services import services
from webapp.tables import PooledRow, RegionItemRow

bp = Blueprint("forecasts", __name__, url_prefix="/forecasts")

MOST_REGION_ITEMS = 100
"""On one page: a longer answer is neither quick nor read, and a longer URL is cut off on its way."""
CHOICES = 20


@dataclass(frozen=True)
class Question:
    """What is asked: which region-items, how far ahead, and whether to tell why."""

    rows: list[RegionItemRow]
    horizon: int
    why: bool
    pooled: PooledRow | None

    @property
    def keys(self) -> list[str]:
        """The region-items' keys."""
        return [row.key for row in self.rows]

    @property
    def versions(self) -> str:
        """What is in production for each region-item, to notice when it changes: a version, or the pooled model's."""
        alone = self.pooled.production_version if self.pooled else None
        return ",".join(str(row.production_version or (f"p{alone}" if alone else "")) for row in self.rows)


def parse_question(fields: MultiDict[str, str]) -> Question:
    """Region-items and horizon from a URL or a form; an error page when one of them cannot be."""
    keys = list(dict.fromkeys(key for key in fields.getlist("ri") if key))
    if len(keys) > MOST_REGION_ITEMS:
        abort(422, f"{len(keys)} region-items are too many for one page; at most {MOST_REGION_ITEMS} can be shown "
                   "together. Choose fewer in the overview.")
    longest = services().dataset.horizon
    text = fields.get("horizon", "").strip() or str(longest)
    if not (text.isascii() and text.isdigit() and len(text) < 10) or not 1 <= int(text) <= longest:
        abort(422, f"A horizon of {text[:40]!r} is not possible; it is a whole number from 1 to {longest}.")
    return Question(rows_of(keys), int(text), bool(fields.get("why")), pooled_row())


@bp.get("")
@auth_required("session")
def show() -> ResponseReturnValue:
    """The page of a selection; without one, the choice of region-items."""
    question = parse_question(request.args)
    find = request.args.get("find", "").strip()
    choices = _choices(find) if find or not question.rows else []
    if not question.rows:
        return render_template("forecasts/choose.html", question=question, choices=choices, find=find)
    return _answered(question, request.args, find=find, choices=choices)


@bp.post("")
@auth_required("session")
def ask() -> ResponseReturnValue:
    """Answer a scenario: the result alone for htmx, the whole page without JavaScript."""
    question = parse_question(request.form)
    if not question.rows:
        abort(422, "Choose at least one region-item first.")
    return _answered(question, request.form)


@bp.post("/selection")
@auth_required("session")
def select() -> ResponseReturnValue:
    """From a selection in the overview to the page of its forecasts."""
    keys = selected_keys(request.form)
    if not keys:
        abort(422, "Nothing is selected. Tick region-items in the overview first.")
    question = parse_question(MultiDict([("ri", key) for key in keys]))
    return redirect(url_for("forecasts.show", ri=question.keys), 303)


@bp.get("/choices")
@auth_required("session")
def choices() -> str:
    """Region-items that match a search, to tick."""
    find = request.args.get("find", "").strip()
    return render_template("forecasts/_choices.html", choices=_choices(find), find=find,
                           chosen=set(request.args.getlist("ri")))


@bp.get("/change")
@auth_required("session")
def change_row() -> str:
    """The fields of one more change of a driver."""
    question = parse_question(request.args)
    name = request.args.get("add", "")
    plan = plan_of(services(), question.rows, question.horizon)
    if name not in services().dataset.driver_names or not plan.dates:
        abort(422, f"{name!r} is no driver of this dataset.")
    number = parse_scenario(request.args, services().dataset, plan.dates).next_number
    row = new_row(number, services().dataset.driver(name), plan.dates)
    return render_template("forecasts/_change.html", change=row, known_values=_known_values(plan, name),
                           dates=plan.dates)


@bp.get("/news")
@auth_required("session")
def news() -> ResponseReturnValue:
    """The result again when a version in production is another than the page knows; else nothing."""
    question = parse_question(request.args)
    known = request.args.get("known", "")
    if not question.rows or question.versions == known:
        return "", 204
    after = question.versions.split(",")
    before = known.split(",")
    if len(before) != len(question.rows):
        before = after
    changed = [{"region_item": row.region_item, "before": old, "after": new, "at": _since(row, question.pooled)}
               for row, old, new in zip(question.rows, before, after, strict=True) if old != new]
    return _answered(question, request.args, changed=changed)


@bp.get("/why")
@auth_required("session")
def why() -> ResponseReturnValue:
    """Contributions to the forecast, and under a scenario to its difference from the plan."""
    question = parse_question(request.args)
    if not question.rows:
        abort(422, "Choose at least one region-item first.")
    answer, form, _ = _under(plan_of(services(), question.rows, question.horizon), question, request.args)
    return render_template("forecasts/_why.html", question=question, answer=answer, form=form,
                           explanation=explain(services(), answer))


def _answered(question: Question, fields: MultiDict[str, str], **more: Any) -> tuple[str, int]:
    plan = plan_of(services(), question.rows, question.horizon)
    result, form, status = _under(plan, question, fields)
    only = result.lines[0] if len(question.rows) == len(result.lines) == 1 and result.has_scenario else None
    alone = bool(request.headers.get("HX-Request")) and not request.headers.get("HX-Boosted")
    text = render_template(
        "forecasts/_result.html" if alone else "forecasts/show.html", question=question, answer=result, form=form,
        retraining=open_retrains(question.keys), evidence=table_of([line.row for line in result.lines]),
        explanation=explain(services(), result) if question.why else None,
        analogues=analogues_of(services(), only) if only else [],
        known_values={name: _known_values(plan, name) for name in _categories()},
        with_form_errors=alone and not form.is_valid, **{"changed": [], "find": "", "choices": [], **more})
    return text, status


def _under(plan: Answer, question: Question, fields: MultiDict[str, str]) -> tuple[Answer, ScenarioForm, int]:
    """The answer under the scenario of the fields, the form as it was typed, and the status of the page."""
    form = ScenarioForm([], [], ())
    status, result = 200, plan
    if plan.dates:
        form = parse_scenario(fields, services().dataset, plan.dates)
        if form.is_valid and form.rows:
            try:
                result = under(services(), plan, question.horizon, form.scenario)
            except ScenarioError as error:
                form.errors.append(f"This scenario cannot be answered: {error}.")
        if fields.get("add") in services().dataset.driver_names:
            form.rows.append(new_row(form.next_number, services().dataset.driver(fields["add"]), plan.dates))
        elif not form.is_valid:
            status = 422
    return result, form, status


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


def _choices(find: str) -> Sequence[RegionItemRow]:
    return find_page(View(search=find, size=CHOICES)).rows
