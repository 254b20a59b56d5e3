"""Pages of published plans: listed, published, looked at, compared, downloaded."""

import re
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, Flask, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select

from webapp.access import needs
from webapp.administration.app_settings import app_settings
from webapp.db.database import LARGEST_ID, db, snapshot
from webapp.http.form_tokens import sent_form_token
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext
from webapp.pages.download_files import Cell, Format, file_of, requested_format, spooled_file_of
from webapp.pages.listing import Kind, find_page, parse_view
from webapp.personal.seen_region_items import refuse_restricted, sees_everything
from webapp.published_plans.comparison import MOST_SHOWN, Difference, compare
from webapp.published_plans.files import columns_of, file_name, rows_of
from webapp.published_plans.hand_over import hand_overs_of, try_again
from webapp.published_plans.plan_totals import figures_of
from webapp.published_plans.publishing import (
    LONGEST_COMMENT,
    LONGEST_NAME,
    NotReadyError,
    PublishError,
    WantedPlan,
    newest,
    publish,
)
from webapp.published_plans.readiness import Readiness, readiness
from webapp.region_items.labels import region_item_words
from webapp.services import services
from webapp.tables import PublishedPlan, RegionItemRow

bp = Blueprint("published_plans", __name__, url_prefix="/published-plans")

TODAY = "today"
"""In an address, the plan as it is now."""
PUBLISHED_WHOLE = lazy_gettext("A plan is published and handed over as a whole, with all region-items.")


@bp.get("")
@needs("viewer")
def show() -> ResponseReturnValue:
    """All versions, the newest first."""
    kind = Kind(columns={"id": PublishedPlan.id.expression}, sort="id", descending=True)
    view = parse_view(kind, request.args)
    query: Any = select(PublishedPlan).order_by(PublishedPlan.id.desc())
    page = find_page(query, view)
    return render_template("published_plans/show.html", page=page, view=view,
                           figures={plan.id: figures_of(plan) for plan in page.rows} if sees_everything() else {})


@bp.get("/new")
@needs("planner")
def new() -> ResponseReturnValue:
    """The form that publishes, with all that is wrong with today's plan."""
    refuse_restricted(PUBLISHED_WHOLE)
    return _form(_suggested_name(), "", readiness())


@bp.post("/new")
@needs("planner")
def make() -> ResponseReturnValue:
    """Publish today's plan."""
    refuse_restricted(PUBLISHED_WHOLE)
    name, comment = (" ".join(request.form.get(field, "").split()) for field in ("name", "comment"))
    token = sent_form_token()
    accepted = request.form.get("seen", "")[:500] if request.form.get("accept") else None
    try:
        plan_id, is_new = publish(WantedPlan(name, comment, token, accepted))
    except NotReadyError as error:
        return _form(name, comment, error.found, _("Something is wrong with the plan. Look at it, then decide."), 409)
    except PublishError as error:
        return _form(name, comment, readiness(), str(error), 422)
    flash(_("Published: version %(number)s.", number=plan_id) if is_new else
          _("Already published."),
          "success" if is_new else "info")
    return redirect(url_for("published_plans.detail", plan_id=plan_id), 303)


@bp.get("/<int:plan_id>")
@needs("viewer")
def detail(plan_id: int) -> ResponseReturnValue:
    """One version."""
    plan = _plan(plan_id)
    others = db.session.execute(select(PublishedPlan.id, PublishedPlan.name).where(
        PublishedPlan.id != plan.id).order_by(PublishedPlan.id.desc()).limit(MOST_SHOWN)).all()
    last = newest()
    figures = figures_of(plan)
    return render_template("published_plans/detail.html", plan=plan, others=others, figures=figures, told=figures.told,
                           is_newest=last is not None and last.id == plan.id,
                           hand_overs=hand_overs_of([plan.id])[plan.id], locked=app_settings().locked_periods)


@bp.post("/<int:plan_id>/hand-over")
@needs("planner")
def hand_over(plan_id: int) -> ResponseReturnValue:
    """Have a version handed over now, or try again what failed."""
    refuse_restricted(PUBLISHED_WHOLE)
    plan = _plan(plan_id)
    if not services().settings.web_hand_over_folder:
        abort(422, _("Published plans are not handed over here: the setting WEB_HAND_OVER_FOLDER names no folder."))
    is_new = try_again(plan.id)
    flash(_("It is handed over within seconds; this page says when it was.") if is_new else
          _("Already handed over."), "info")
    return redirect(url_for("published_plans.detail", plan_id=plan_id), 303)


@bp.get("/<int:plan_id>/plan.<any(csv, xlsx):form>")
@needs("viewer")
def download(plan_id: int, form: Format) -> Response:
    """A version as a file."""
    plan = _plan(plan_id)
    return spooled_file_of(form, file_name(plan), columns_of(plan), rows_of(plan))


@bp.get("/compare")
@needs("viewer")
def side_by_side() -> ResponseReturnValue:
    """A version beside another, or beside today's plan, as a page or a file."""
    before = _plan(_id(request.args.get("before", "")))
    given = request.args.get("after", "") or TODAY
    after = None if given == TODAY else _plan(_id(given))
    with snapshot():
        found = compare(before, after)
    if found and (form := requested_format(request.args)):
        name = f"plan_{services().dataset.name}_v{before.id}_beside_{'today' if after is None else f'v{after.id}'}"
        return file_of(form, name, ("Region · item", *_headings(before)), (
            _cells(each, region_item_words(each.name)) for each in found.by_region_item))
    return render_template("published_plans/compare.html", before=before, after=after, found=found, most=MOST_SHOWN)


def _headings(plan: PublishedPlan) -> tuple[str, ...]:
    return f"Before, {plan.unit}", f"After, {plan.unit}", f"Difference, {plan.unit}", "Only in"


def _cells(each: Difference, name: str) -> tuple[Cell, ...]:
    return name, each.before, each.after, each.difference, each.only_in or None


def _id(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,10}", text) or int(text) > LARGEST_ID:
        abort(404, _("There is no such version of the plan. The list shows all of them."))
    return int(text)


def _plan(plan_id: int) -> PublishedPlan:
    found = db.session.get(PublishedPlan, plan_id) if 0 < plan_id <= LARGEST_ID else None
    if found is None:
        abort(404, _("There is no such version of the plan. The list shows all of them."))
    return found


def _suggested_name() -> str:
    """The week in which a plan that is published today begins, where a week is what people plan by; may be empty."""
    known = db.session.scalar(select(func.max(RegionItemRow.last_date)).where(RegionItemRow.in_catalogue))
    if known is None or services().dataset.frequency not in ("D", "W"):
        return ""
    days = 1 if services().dataset.frequency == "D" else 7
    return _("Week %(number)s", number=(date.fromisoformat(str(known)) + timedelta(days)).isocalendar().week)


def _form(name: str, comment: str, found: Readiness, error: str = "", status: int = 200) -> ResponseReturnValue:
    return render_template("published_plans/new.html", name=name, comment=comment, found=found, error=error,
                           last=newest(), locked=app_settings().locked_periods, longest_name=LONGEST_NAME,
                           longest_comment=LONGEST_COMMENT), status


@needs("viewer")
def _by_name() -> ResponseReturnValue:
    return redirect(url_for("published_plans.show"))


def add_to(app: Flask) -> None:
    """Serve the pages of published plans; the address that people type, as the menu names them, leads there."""
    app.register_blueprint(bp)
    app.add_url_rule("/plans", "plans", _by_name)
