"""Scenarios: changed drivers of many region-items, saved, computed beside the plan, compared, shared by their link."""

import re
from functools import partial
from typing import Any
from uuid import uuid4

from flask import Blueprint, Flask, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from webapp.access import actor, needs
from webapp.http.form_tokens import sent_form_token
from webapp.language.translations import gettext as _
from webapp.language.translations import in_language
from webapp.language.translations import ngettext as _n
from webapp.pages.listing import find_page, parse_view
from webapp.pages.numbers_and_dates import day, period
from webapp.pages.reader_locale import number
from webapp.region_items.selection import ticked_keys
from webapp.scenarios.comparison import MOST_COMPARED, compare
from webapp.scenarios.downloads import csv_of, excel_of
from webapp.scenarios.editor.form import Editor, check_complete, fields_of, name_anew, parse_editor
from webapp.scenarios.editor.selection import offered
from webapp.scenarios.page import known_categories, page_of, scenario_at
from webapp.scenarios.plans.plan_files import MOST_BYTES
from webapp.scenarios.plans.workbook import MOST_ROWS
from webapp.scenarios.queue import compute_or_want
from webapp.scenarios.repository import (
    SCENARIOS,
    SHOWN,
    ChangedMeanwhileError,
    NotYoursError,
    archive,
    by_token,
    by_tokens,
    change,
    count_all,
    count_unseen,
    create,
    duplicate,
    matching,
)
from webapp.scenarios.request import ScenarioRequest, asked_words
from webapp.scenarios.result import Result, Summary
from webapp.scenarios.staleness import states_of
from webapp.scenarios.states import is_waiting, stamp
from webapp.services import services
from webapp.serving.selection_sizes import MOST_OF_A_SCENARIO
from webapp.tables import SavedScenario

bp = Blueprint("scenarios", __name__, url_prefix="/scenarios")

EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_ERRORS = 200
"""Errors of a plan that are shown."""


@bp.get("")
@needs("viewer")
def show() -> str:
    """The saved scenarios, those changed last first."""
    view = parse_view(SCENARIOS, request.args)
    found = find_page(matching(view, actor().email), view)
    return render_template(
        "scenarios/show.html", view=found.view, show=view.filters["show"] or "all", page=found, shown=SHOWN,
        states=states_of(found.rows),
        any=count_all() > 0, unseen=count_unseen(), most_compared=MOST_COMPARED,
        summaries={each.token: Summary.from_json(each.summary) for each in found.rows if each.summary})


@bp.get("/new")
@needs("planner")
def new() -> ResponseReturnValue:
    """The editor, with what the URL says already filled in."""
    if "csrf_token" in request.args:  # sent by the form of the forecast page, by htmx or without it
        fields = request.args.to_dict(flat=False)
        del fields["csrf_token"]
        clean = url_for("scenarios.new", **fields)  # type: ignore[arg-type]  # lists become repeated arguments
        return Response(headers={"HX-Redirect": clean}) if request.headers.get("HX-Request") else redirect(clean, 303)
    return _editor(parse_editor(services(), request.args, is_link=True))


@bp.post("/select")
@needs("planner")
def select() -> ResponseReturnValue:
    """From a selection in the overview to the editor."""
    keys = ticked_keys(request.form)
    if len(keys) > MOST_OF_A_SCENARIO:
        abort(422, _("These are %(num)s region-items; a scenario holds at most %(most)s.", num=number(len(keys)),
                     most=MOST_OF_A_SCENARIO))
    return _editor(parse_editor(services(), MultiDict([("ri", key) for key in keys])))


@bp.post("/new")
@needs("planner")
def save() -> ResponseReturnValue:
    """Store a new scenario and compute it; or show the editor again, with a change more or less or with messages."""
    editor = parse_editor(services(), request.form, request.files.get("file"))
    if _is_look():
        return _editor(editor)
    check_complete(editor, services())
    return _created(editor) if editor.is_valid else _editor(editor, status=422)


@bp.get("/<token>/edit")
@needs("planner")
def edit(token: str) -> ResponseReturnValue:
    """The editor of a saved scenario."""
    scenario = scenario_at(token)
    fields = fields_of(ScenarioRequest.from_json(scenario.asked), scenario.name, scenario.description,
                       scenario.is_private)
    return _editor(parse_editor(services(), fields), scenario)


@bp.post("/<token>/edit")
@needs("planner")
def save_change(token: str) -> ResponseReturnValue:
    """Store what was changed and compute it again, unless somebody else changed it meanwhile."""
    scenario = scenario_at(token)
    editor = parse_editor(services(), request.form, request.files.get("file"))
    if _is_look():
        return _editor(editor, scenario)
    check_complete(editor, services())
    if not editor.is_valid:
        return _editor(editor, scenario, status=422)
    name_anew(editor, ScenarioRequest.from_json(scenario.asked), scenario.name, services())
    if request.form.get("as_new"):
        return _created(editor)
    try:
        must_compute = change(token, request.form.get("seen", ""), editor.name, editor.description, editor.asked,
                              actor().email, editor.is_private)
    except NotYoursError as error:
        editor.errors.append(str(error))
        return _editor(editor, scenario, status=422)
    except ChangedMeanwhileError as error:
        return _editor(editor, scenario, status=409, conflict=str(error))
    if must_compute:
        compute_or_want(services(), token)
    return redirect(url_for("scenarios.detail", token=token), 303)


@bp.get("/<token>")
@needs("viewer")
def detail(token: str) -> str:
    """One scenario: what it asks, what it gives beside the plan, and what happened since."""
    return render_template("scenarios/detail.html", **page_of(services(), scenario_at(token), request.args))


@bp.get("/<token>/progress")
@needs("viewer")
def progress(token: str) -> ResponseReturnValue:
    """How far it is; the whole page when it is done."""
    scenario = scenario_at(token)
    if not is_waiting(scenario):
        return Response(headers={"HX-Redirect": url_for("scenarios.detail", token=token)})
    return render_template("scenarios/_progress.html", scenario=scenario, size=scenario.size)


@bp.post("/<token>/compute")
@needs("planner")
def compute_again(token: str) -> ResponseReturnValue:
    """Compute it with the models and the demand of now."""
    scenario_at(token)
    compute_or_want(services(), token)
    return redirect(url_for("scenarios.detail", token=token), 303)


@bp.post("/<token>/duplicate")
@needs("planner")
def copy(token: str) -> ResponseReturnValue:
    """Store a copy and open it in the editor."""
    source, own = scenario_at(token), sent_form_token()
    duplicate(source, own, actor().email)
    return redirect(url_for("scenarios.edit", token=own), 303)


@bp.post("/<token>/archive")
@needs("planner")
def put_away(token: str) -> ResponseReturnValue:
    """Archive it, or bring it back."""
    scenario = scenario_at(token)
    is_archived = not request.form.get("back")
    archive(token, is_archived)
    flash(_("“%(name)s” is archived. It can be brought back here at any time.", name=scenario.name) if is_archived else
          _("“%(name)s” is back in the list.", name=scenario.name), "success")
    return redirect(url_for("scenarios.detail", token=token), 303)


@bp.get("/compare")
@needs("viewer")
def side_by_side() -> str:
    """Up to five scenarios side by side."""
    tokens = list(dict.fromkeys(filter(None, request.args.getlist("s"))))
    if len(tokens) > MOST_COMPARED:
        abort(422, _("%(num)s scenarios are ticked; at most %(most)s can be compared. Untick some.",
                     num=len(tokens), most=MOST_COMPARED))
    if len(tokens) < 2:
        abort(422, _("One scenario is ticked. Go back to the list and tick 2 to %(most)s to compare them.",
                     most=MOST_COMPARED) if tokens else
              _("No scenario is ticked. Go back to the list and tick 2 to %(most)s to compare them.",
                most=MOST_COMPARED))
    found = by_tokens(tokens)
    if len(found) < len(tokens):
        abort(404, _("There is no scenario at one of these links. The list shows all of them."))
    return render_template("scenarios/compare.html", comparison=compare(found), tokens=tokens)


@bp.get("/<token>/result.<any(csv, xlsx):form>")
@needs("viewer")
def download(token: str, form: str) -> Response:
    """The result as a file."""
    scenario = scenario_at(token)
    if scenario.computed_at is None:
        abort(404, _("This scenario is not computed yet, so there is nothing to download."))
    result = Result.from_json(scenario.computed)
    words = re.sub(r"[^A-Za-z0-9]+", "-", scenario.name).strip("-")[:60]
    name = f"scenario-{f'{words}-' if words else ''}{scenario.computed_at:%Y-%m-%d}-{token[:6]}.{form}"
    with in_language(None):  # files are the same for every reader
        content = csv_of(scenario, result, services().dataset).encode("utf-8-sig") if form == "csv" else excel_of(
            scenario, ScenarioRequest.from_json(scenario.asked), result, services().dataset)
    return Response(content, mimetype="text/csv" if form == "csv" else EXCEL,
                    headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _is_look() -> bool:
    """Whether the form only wants to be shown again, with a change more or less."""
    return any(request.form.get(name) for name in ("add", "drop", "look"))


def _created(editor: Editor) -> ResponseReturnValue:
    token = sent_form_token()
    if create(token, editor.name, editor.description, editor.asked, actor().email, is_private=editor.is_private):
        compute_or_want(services(), token)
    elif _is_stored(token, editor):
        flash(_("Already saved; here it is."), "info")
    else:  # somebody went back to the form, changed it and saved again
        token = uuid4().hex
        create(token, editor.name, editor.description, editor.asked, actor().email, is_private=editor.is_private)
        compute_or_want(services(), token)
        flash(_("Your changes are saved as another scenario; the earlier one is unchanged."), "info")
    return redirect(url_for("scenarios.detail", token=token), 303)


def _is_stored(token: str, editor: Editor) -> bool:
    """Whether the scenario of that token is what the form says."""
    scenario = by_token(token)
    return scenario is not None and (scenario.name, scenario.description, scenario.is_private, scenario.asked) == (
        editor.name, editor.description, editor.is_private, editor.asked.to_json())


def _editor(editor: Editor, scenario: SavedScenario | None = None, status: int = 200,
            conflict: str = "") -> tuple[str, int]:
    seen = request.form.get("seen") or (stamp(scenario) if scenario else "")
    known = known_categories(services(), editor.keys)
    return render_template(
        "scenarios/edit.html", editor=editor, scenario=scenario, seen=seen, offered=offered(), conflict=conflict,
        known_values=known, offered_to_changes=_offered_to_changes(editor, known), most_errors=MOST_ERRORS,
        most_rows=MOST_ROWS, most_megabytes=MOST_BYTES // 1_000_000,
        size_words=_n("%(num)s region-item", "%(num)s region-items", len(editor.keys),
                      num=number(len(editor.keys)))), status


def _offered_to_changes(editor: Editor, known: dict[str, list[str]]) -> dict[str, Any]:
    """What the fields of a change offer under the selection: the page fills it in and leaves what is typed."""
    return {"dates": [[at.isoformat(), period(at)] for at in editor.dates], "regions": editor.selected_regions,
            "items": editor.selected_items, "values": known}


def add_to(app: Flask) -> None:
    """Serve the pages of scenarios; templates may say what a change does."""
    app.register_blueprint(bp)
    app.jinja_env.globals.update(asked_words=partial(asked_words, written=day))
