"""Models: what was decided lately, a region-item's versions, two of them compared; rolled back, pinned, unpinned."""

from datetime import timedelta
from typing import NoReturn

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.access import actor, needs
from webapp.db.database import now
from webapp.http.choices import one_of
from webapp.http.form_tokens import sent_form_token
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext
from webapp.models.actions import (
    KINDS,
    Kind,
    NoSuchVersionError,
    NotPossibleError,
    acts_of,
    store_act,
    version_for,
    waiting_fetches,
)
from webapp.models.version_accuracy import accuracy_of, compare
from webapp.models.versions import all_versions, find_decisions, version_of, versions_of
from webapp.pages.listing import parse_page
from webapp.region_items.overview_table.query import View, find_page
from webapp.region_items.production import by_hand_words
from webapp.region_items.rows import rows_of
from webapp.services import services
from webapp.tables import ModelVersion, RegionItemRow

bp = Blueprint("models", __name__, url_prefix="/models")

ONLY_ADMINS = lazy_gettext("Only administrators can roll back, pin and unpin models, as it changes everyone's "
                           "forecasts. Ask one of them, and say which version and why.")

DECISIONS = {"": lazy_gettext("all decisions"), "promote": lazy_gettext("promoted"), "keep": lazy_gettext("kept"),
             "pinned": lazy_gettext("pinned now")}
LONGEST_REASON = 300
FOUND_AT_ONCE = 25
ANNOUNCED_AFTER = timedelta(seconds=10)
"""For so long a page follows an act that is done: the version that it put in production is announced a moment later."""


@bp.get("")
@needs("viewer")
def show() -> str:
    """The newest decisions, and the region-items that a search finds."""
    search = request.args.get("q", "").strip()[:200]
    decision = one_of("decision", request.args.get("decision", ""), DECISIONS)
    page = find_decisions(search, decision, parse_page(request.args))
    template = "models/_decisions.html" if request.headers.get("HX-Target") == "decisions" else "models/show.html"
    found = find_page(View(search=search, size=FOUND_AT_ONCE)) if search else None
    return render_template(template, page=page, search=search, decision=decision, DECISIONS=DECISIONS, found=found)


@bp.get("/region-item")
@needs("viewer")
def detail() -> str:
    """The versions of one region-item's model, newest first; a page that waits for an act asks for changes only."""
    row = _row()
    page = versions_of(row, parse_page(request.args))
    accuracy = accuracy_of(services(), row.region_item, [each.version.version for each in page.found])
    acts, fetches = acts_of(row.key), waiting_fetches(row.key)
    back = row.wanted.get("rolled_back")
    waits = any(each.state == "stored" or (each.done_at and abs(now() - each.done_at) < ANNOUNCED_AFTER)
                for each in (*acts, *fetches.values()))
    template = "models/_versions.html" if request.headers.get("HX-Target") == "versions" else "models/detail.html"
    return render_template(template, row=row, page=page, accuracy=accuracy, acts=acts, fetches=fetches,
                           by_hand=by_hand_words(row.production_version, back) if back else "",
                           is_live=waits or row.fetch_after is not None, versions=all_versions(row.key))


@bp.get("/compare")
@needs("viewer")
def compared() -> str:
    """Two versions on the same periods."""
    row = _row()
    first, second = _version(row, request.args.get("a", "")), _version(row, request.args.get("b", ""))
    if first.version == second.version:
        abort(422, _("Choose two different versions to compare."))
    return render_template("models/compare.html", row=row, first=first, second=second,
                           fetches=waiting_fetches(row.key), versions=all_versions(row.key),
                           found=compare(services(), row.region_item, first.version, second.version))


@bp.get("/act")
@needs("admin", ONLY_ADMINS)
def confirm() -> str:
    """What would happen, and the form that asks for it."""
    row, kind = _row(), one_of("kind", request.args.get("kind", ""), KINDS)
    version = _version_for(row, kind, request.args.get("version", ""))
    return render_template("models/act.html", row=row, kind=kind, version=version, longest=LONGEST_REASON,
                           production=version_of(row.key, row.production_version or 0))


@bp.post("/act")
@needs("admin", ONLY_ADMINS)
def act() -> ResponseReturnValue:
    """Store what an administrator asks for; the background process carries it out."""
    row, kind = _row(), one_of("kind", request.form.get("kind", ""), KINDS)
    version = _version_for(row, kind, request.form.get("version", ""))
    reason = " ".join(request.form.get("reason", "").split())
    if not 3 <= len(reason) <= LONGEST_REASON:
        abort(422, _("Give a reason of 3 to %(most)s characters, for others who wonder why. Go back and add "
                     "one.", most=LONGEST_REASON))
    stored = store_act(sent_form_token(), row.key, kind, version.version if version else None, reason, actor().email,
                       also_pin=kind == "roll_back" and bool(request.form.get("also_pin")))
    if stored.waits:
        flash(_("Not stored: the earlier request, shown below, has to be carried out first."), "warning")
    elif not stored.is_new:
        flash(_("Already requested; see below."), "info")
    return redirect(url_for("models.detail", ri=row.key), 303)


@bp.post("/fetch")
@needs("planner")
def fetch() -> ResponseReturnValue:
    """Have the files of a version fetched from the registry, so that it can be compared."""
    row = _row()
    version = _version(row, request.form.get("version", ""))
    stored = store_act(sent_form_token(), row.key, "fetch", version.version, "to compare", actor().email)
    if stored.waits:
        flash(_("Not stored: something else is being done with this model; try again in a moment."), "warning")
    back = request.form.get("back", "")
    return redirect(back if back.startswith("/models/compare?") else url_for("models.detail", ri=row.key), 303)


def _row() -> RegionItemRow:
    key = request.values.get("ri", "")
    if not key:
        abort(404, _("The address does not name a region-item. Search for one on the page Models."))
    return rows_of([key])[0]


def _version(row: RegionItemRow, text: str) -> ModelVersion:
    number = _number(text)
    return (version_of(row.key, number) if number is not None else None) or _no_version(row, text)


def _version_for(row: RegionItemRow, kind: Kind, text: str) -> ModelVersion | None:
    """``version_for``; an error page where it is not possible."""
    try:
        return version_for(row, kind, _number(text))
    except NotPossibleError as error:
        abort(422, str(error))
    except NoSuchVersionError:
        _no_version(row, text)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None


def _no_version(row: RegionItemRow, text: str) -> NoReturn:
    abort(404, _("%(region_item)s has no version %(text)s. Its page lists all of them.",
                 region_item=row.region_item, text=repr(text[:20])))


def add_to(app: Flask) -> None:
    """Serve the pages of models."""
    app.register_blueprint(bp)
